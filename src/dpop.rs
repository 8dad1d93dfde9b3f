//! Tokens that only the owner of a key can use: proof of possession by DPoP (RFC 9449).
//!
//! A stolen bearer token works for the thief. One that is bound to a key (`cnf.jkt`) works only together with a proof: a small JWT,
//! made for one request, and signed by that key.
//!
//! # A request with a bound token is accepted if
//!
//! 1. the token came under the scheme `DPoP`, and not as `Bearer`;
//! 2. there is one `DPoP` header with one proof in it: three canonical parts, of which two are strict JSON, without extensions;
//! 3. its header has the `typ` `dpop+jwt` and an `alg` that is [accepted](Dpop::algorithms), never one with a shared secret;
//! 4. `jti`, `htm`, `htu`, `iat` and `ath` are there, each of its type;
//! 5. `htm` is the request's method, in the same case;
//! 6. `htu` is the request's URI at one of [our names](PublicUrl), without query and fragment, whatever its spelling (RFC 3986
//!    §6.2.2, §6.2.3);
//! 7. `iat` is [not too long ago](Dpop::proof_age), nor [in the future](Dpop::proof_leeway);
//! 8. `nonce` is one of ours, if [nonces](DpopNonces) are demanded;
//! 9. `ath` is the hash of the access token;
//! 10. `jwk` is a sound public key without any private member, and the one that the token is bound to;
//! 11. the signature verifies with that key;
//! 12. and the proof was [not used before](ReplayStore).
//!
//! A refusal is 401 with a `DPoP` challenge: `invalid_dpop_proof`, `invalid_token` where the token is not bound to that key, or
//! `use_dpop_nonce` together with a nonce. Where it cannot be told whether a proof was used before, the answer is 503.
//!
//! # What a deployment must ensure
//!
//! - The [public URL](PublicUrl) is what clients write into their proofs, and names this service only.
//! - The clocks of clients and servers are right to within seconds; where they are not, nonces do not help: `iat` is checked all
//!   the same.
//! - Several servers behind one name share what remembers used proofs, such as `RedisReplays` of the feature `redis`, or a proof can be
//!   used once at each.
//! - Nothing in front of the service joins or rewrites `DPoP` headers.
//! - For scripts of other origins, CORS lets requests have the header `DPoP`, and exposes `DPoP-Nonce` and `WWW-Authenticate`.
//!
//! RFC 9449; RFC 7638; RFC 9700 §2.2.1.

mod checks;
mod error;
mod forwarded;
mod in_memory_replays;
mod known_keys;
mod nonces;
mod proof;
mod public_url;
#[cfg(feature = "redis")]
mod redis_replays;
mod replay;
mod settings;
mod target;
mod thumbprint;

pub use error::ProofErrorKind;
pub use in_memory_replays::InMemoryReplays;
pub use nonces::DpopNonces;
pub use public_url::PublicUrl;
#[cfg(feature = "redis")]
pub use redis_replays::RedisReplays;
pub use replay::{ProofUse, Replay, ReplayError, ReplayErrorKind, ReplayFuture, ReplayStore};
pub use settings::Dpop;
pub use thumbprint::Thumbprint;

pub(crate) use checks::{Accepted, ProofChecks, ProofOutcome, Proven, Scheme, Unproven};
pub(crate) use settings::Mode;
