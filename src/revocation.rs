//! Tokens that are refused although their signature is good: their user has logged out, the account is locked, they were stolen.
//!
//! # A token is revoked if
//!
//! 1. it was revoked itself: by its `jti`, or by a digest of what its issuer signed where there is none;
//! 2. its session (`sid`), its subject (`sub`) or its issuer was revoked up to an instant, and its `iat` is not after that, to the second;
//!    a token without `iat` is revoked by each of these, whatever the instant, for as long as it is remembered;
//! 3. it was issued so long ago that what revoked it might have been forgotten, or is to live so long: see
//!    [`longest_token_life`](InMemoryRevocations::longest_token_life).
//!
//! It is asked on every request, after the signature and before the service, of tokens that were verified before as of new ones. A revoked
//! token is answered 401 `invalid_token`, as any that is no longer good (RFC 6750 §3.1). Where it cannot be told, because the store
//! cannot be reached, the answer is 503 with `Retry-After`, unless [`OnUnknown`] says otherwise. What a store forgets, it forgets because
//! no such token can be good any more, and never to make room.
//!
//! With revocations configured, a token whose `sid` is no string is refused: it could not be logged out.
//!
//! # What a deployment must ensure
//!
//! - Whoever revokes waits until the store has taken it in, and tries again if it has not.
//! - All machines ask one store, or are told of every revocation.
//! - No token lives longer than the store is told, or it has an `iat`. An issuer that gives neither `iat` nor `jti` is better changed: see
//!   [`require_claim`](crate::AuthenticatorBuilder::require_claim).
//! - Clocks agree to within seconds. A token bears the time of its issuer's clock: if that is ahead of the one who revokes, a token issued
//!   just before can seem to be issued after. [`Revocation::issued_before`] takes a later instant.
//! - A session can be revoked only where access tokens name it by `sid`.
//! - An issuer that takes an opaque token in several forms, such as with and without padding, names it by `jti`: a digest knows one form.
//!
//! ```
//! use tower_bearer::Authenticator;
//! use tower_bearer::revocation::{InMemoryRevocations, Revocation, RevocationStore};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let revocations = InMemoryRevocations::new();
//! let auth = Authenticator::builder("https://id.example.com", "https://api.example.com")
//!     .revocations(revocations.clone())
//!     .build()?;
//!
//! let token = auth.verify("eyJhbGciOi…").await;
//! if let Ok(token) = token {
//!     revocations.revoke(Revocation::token(&token)?).await?;
//!     assert!(auth.verify("eyJhbGciOi…").await.is_err());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! RFC 7009 (revocation at the issuer), RFC 6750 §3.1, OpenID Connect Back-Channel Logout 1.0.

mod check;
mod error;
mod facts;
mod filter;
mod fingerprint;
mod health;
mod in_memory;
mod last_told;
mod local_copy;
mod marks;
mod on_unknown;
#[cfg(feature = "redis")]
mod redis;
#[expect(clippy::module_inception, reason = "it is what the module is about")]
mod revocation;
mod revocations;
mod store;

pub use check::{AskFuture, RevocationCheck, Standing, StoreState};
pub use error::{RevocationError, RevocationErrorKind};
pub use facts::TokenFacts;
pub use health::RevocationsHealth;
pub use in_memory::InMemoryRevocations;
pub use on_unknown::OnUnknown;
#[cfg(feature = "redis")]
pub use redis::RedisRevocations;
pub use revocation::Revocation;
pub use store::{RevocationStore, StoreFuture};

#[cfg(feature = "redis")]
pub(crate) use fingerprint::Fingerprint;
#[cfg(feature = "redis")]
pub(crate) use local_copy::{Entry, LONGEST_TOKEN_LIFE, LocalCopy, MAX_ENTRIES};
pub(crate) use marks::Marks;
pub(crate) use revocations::{Revocations, Ruling};
