//! An issuer's key set through its whole life: fetched, refreshed ahead of time, served stale while the issuer is down,
//! and never fetched more often than a budget allows.
//!
//! What this guards: the issuer, from floods of requests that strangers cause; and ourselves, from an issuer that is
//! down, slow, lying or flooding.
//!
//! 1. One immutable snapshot per issuer is replaced whole, never merged. Known keys are read from it without a lock,
//!    an await or a download.
//! 2. A key that the snapshot lacks is looked for in at most one download at a time, which all who need it share, and
//!    which goes on when they hang up.
//! 3. Downloads that strangers can cause come out of a budget that is spent beforehand, and given back only when the
//!    new set holds the key that was looked for. A key found absent is remembered as absent for a while, whatever else
//!    the set comes to hold meanwhile. A key whose own time is over counts as absent.
//! 4. A failed refresh keeps the old snapshot; known keys are served for a day after their freshness ended. Then, as
//!    when there never were keys, the answer is "we cannot tell".
//! 5. Refreshes happen ahead of time, in the background, by a task that ends with its last handle. A panic of a `Fetch` or
//!    an observer does not end it; if its runtime is gone or stands still, the next request or probe makes another.
//!
//! `state` decides all this without I/O, with the time as an argument. `driver` does what it says; `remote` is what
//! the rest of the crate sees.
//!
//! RFC 9111 (freshness), RFC 7517 (key sets), OpenID Connect Core 1.0 §10.1.1 (rotation).

mod absent;
mod budget;
mod driver;
mod flight;
mod freshness;
mod health;
mod lifetimes;
mod origin;
mod refresh_error;
mod remote;
mod shared;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod waiting;

pub use health::KeySetHealth;

pub(crate) use lifetimes::Lifetimes;
pub(crate) use origin::Source;
pub(crate) use remote::{LookUp, RemoteConfig, RemoteKeys};
pub(crate) use waiting::Waiting;
