//! Whom a token is bound to, and whether a request comes from them (RFC 7800).
//!
//! A token names its owner in `cnf`: the key that signs their proofs ([`dpop`](crate::dpop)), their certificate
//! ([`mtls`](crate::mtls)), or both, and then both must be shown. What nobody here checks makes the token one that is refused, and so
//! does a `cnf` that names none of the two. Further members beside one that is checked are ignored.

mod binding;
mod checks;

pub(crate) use binding::{Binding, BindingRule};
pub(crate) use checks::{FreshNonce, KeptSent, SenderChecks, SenderOutcome, Sent, Shown};
