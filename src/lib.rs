#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]
//!
//! # Map of the modules
//!
//! | module | what is there |
//! |---|---|
//! | [`authenticator`] | the order of the checks; [`Authenticator`] and its builder |
//! | [`middleware`] | [`AuthenticateLayer`] and [`AuthorizeLayer`], the table from a failure to an answer, and why a request was let through |
//! | [`authorization`] | what a good token must grant: scopes, roles, a stronger login |
//! | [`credential`] | where tokens are read from, and credentials that are no tokens |
//! | [`issuers`] | which issuers are trusted, given in code or found at run time |
//! | [`introspection`] | opaque tokens, about which their issuer is asked |
//! | [`dpop`] | tokens that only the owner of a key can use (RFC 9449) |
//! | [`mtls`] | tokens that only the owner of a client certificate can use (RFC 8705) |
//! | [`peer`] | which proxies are ours, and may say what a client showed or asked for |
//! | [`policy`] | what a token must satisfy, and what weakens that |
//! | [`presets`] | well-known providers, ready to trust |
//! | [`metadata`] | what a service publishes of itself (RFC 9728) |
//! | [`revocation`] | tokens that are refused although their signature is good |
//! | [`redis`](mod@crate::redis) | where Redis is, and when it is believed (feature `redis`) |
//! | [`clock`] | time as tokens carry it, and the clock to inject |
//! | [`claims`] | a token's claims: registered, scopes, all others by name |
//! | [`jose`] | algorithms and key sets |
//! | [`jwks`] | the life of a published key set: freshness, rotation, outages |
//! | [`fetch`] | the client that fetches keys, and how to bring another |
//! | [`health`] | what an operator may ask |
//! | [`error`] | every way to fail, by whose fault it is |
//! | [`observe`] | events for logs, metrics and traces (features `tracing`, `metrics`) |
//! | [`logout`](mod@crate::logout) | logouts that a provider tells of (feature `logout`) |
//! | [`axum`](mod@crate::axum) | extractors (feature `axum`) |
//! | [`grpc`] | tokens in tonic's handlers (feature `grpc`) |
//! | [`testing`] | an issuer for tests, that can also lie (feature `testing`) |

pub mod authenticator;
pub mod authorization;
#[cfg(feature = "axum")]
pub mod axum;
mod challenge;
pub mod claims;
pub mod clock;
pub mod credential;
mod discovery;
pub mod dpop;
pub mod error;
pub mod fetch;
#[cfg(feature = "grpc")]
pub mod grpc;
mod header_name;
pub mod health;
pub mod introspection;
pub mod issuers;
pub mod jose;
pub mod jwks;
mod let_through;
#[cfg(feature = "logout")]
pub mod logout;
pub mod metadata;
pub mod middleware;
pub mod mtls;
pub mod observe;
pub mod peer;
pub mod policy;
mod presented;
pub mod presets;
#[cfg(feature = "redis")]
pub mod redis;
pub mod revocation;
mod sender;
#[cfg(feature = "testing")]
pub mod testing;
mod token_cache;
mod verified;
mod verifier;

pub use authenticator::{Authenticator, AuthenticatorBuilder};
pub use authorization::{ClaimPath, Requirement, ScopeHierarchy};
pub use claims::{ClaimError, Claims, Scopes};
pub use clock::{Clock, NumericDate, SystemClock};
pub use error::{
    AuthorizationError, AuthorizationErrorKind, ConfigError, ConfigErrorKind, Denied, LayerMissing,
    Rejection, Unavailable, UnavailableKind, VerifyError, VerifyErrorKind,
};
pub use issuers::{IssuerResolver, IssuerTemplate, TrustedIssuer};
pub use jose::{Algorithm, KeySet};
pub use let_through::LetThrough;
pub use metadata::{ProtectedResource, ResourceMetadata};
pub use middleware::{Authenticate, AuthenticateLayer, Authorize, AuthorizeLayer, require};
pub use policy::{Policy, Preset, Profile};
pub use verified::Verified;
pub use verifier::Verifier;
