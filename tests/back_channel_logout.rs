//! OpenID Connect Back-Channel Logout: what logs somebody out, and all that does not.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

#[path = "back_channel_logout/stage.rs"]
mod stage;

#[path = "back_channel_logout/doors.rs"]
mod doors;
#[path = "back_channel_logout/outage.rs"]
mod outage;
#[path = "back_channel_logout/reach.rs"]
mod reach;
#[path = "back_channel_logout/request.rs"]
mod request;
#[path = "back_channel_logout/token.rs"]
mod token;
