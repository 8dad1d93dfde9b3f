//! The claims set of a token (RFC 7519 §4): what is registered, read once and typed; everything else kept, by name.
//!
//! A claim of the wrong JSON type is an error, never "absent": whoever reads a wrongly typed `nbf` as a missing one
//! lets tokens in before their time (CVE-2026-25537).

mod registered;
mod scope;
mod set;

pub use registered::Audience;
pub use scope::Scopes;
pub(crate) use scope::is_scope;
pub use set::{ClaimError, Claims};

pub use crate::clock::NumericDate;
