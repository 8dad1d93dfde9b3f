//! A Tower layer for services that verify tokens instead of issuing them.

pub mod claims;
pub mod clock;
mod discovery;
pub mod error;
pub mod fetch;
pub mod jose;
pub mod jwks;
pub mod observe;
pub mod policy;
mod verified;
mod verifier;

pub use claims::{ClaimError, Claims, Scopes};
pub use clock::{Clock, NumericDate, SystemClock};
pub use error::{
    AuthorizationError, AuthorizationErrorKind, ConfigError, ConfigErrorKind, Rejection,
    Unavailable, UnavailableKind, VerifyError, VerifyErrorKind,
};
pub use jose::{Algorithm, KeySet};
pub use policy::{Policy, Profile};
pub use verified::Verified;
pub use verifier::Verifier;
