//! Opaque tokens: their issuer is asked whether they are good (RFC 7662), and may be made to sign what it says (RFC 9701).
//!
//! It protects a service from tokens that say nothing by themselves: made-up ones, expired ones, ones that were revoked at the issuer. And
//! it protects the issuer from the service: anyone can make up such tokens, and every one of them is worth a call.
//!
//! # What decides how a token is judged
//!
//! Its shape and the configuration, and nothing else. Three parts between exactly two dots are a JWT, whose `iss` names its issuer, and which is
//! verified with that issuer's keys. Everything else is opaque, and is a token of the one issuer that was given an [`Introspection`]. A
//! JWT that does not verify is never asked about instead, nor is an opaque token read as a JWT. Without an [`Introspection`] an opaque token
//! is refused, as it always was.
//!
//! # An opaque token is accepted if
//!
//! 1. it is a b64token (RFC 6750 §2.1) of at most 4 096 bytes;
//! 2. its issuer answered the question about it with 200 and one strict JSON object of at most 64 KiB, no member twice, said to be
//!    `application/json`; no redirect is followed, and it took no longer than five seconds, or ten with all that had to be fetched before;
//! 3. `active` is `true`: not `"true"`, and not 1 (RFC 7662 §2.2);
//! 4. `iss`, where it is there, is the issuer whose endpoint said so, byte for byte. Where it is not, the issuer's stands in its place;
//! 5. `token_type`, where it is there, is `Bearer` or `DPoP`; `token_use`, `access_token` or `access`; and `typ`, `Bearer`, `DPoP`, `JWT` or
//!    `at+jwt`. An authorization server vouches for its refresh tokens too: where it says of them nothing of the
//!    kind, demand what it says of access tokens, as with `.require_claim("token_type")`;
//! 6. the answer's members satisfy the issuer's [`Policy`](crate::Policy) as the claims of a JWT would: `aud`, `exp`, `nbf`, `iat`, `cnf`, required
//!    claims, scopes. `exp` and `aud` must be there, optional though RFC 7662 makes them;
//! 7. the claims can be read as the service's own claims type, and the token has not been [revoked](crate::revocation) here.
//!
//! With [`signed_answers`](Introspection::signed_answers) the answer is a JWT of the type `token-introspection+jwt`, and in place of the second
//! condition: the issuer's published keys verify it, with an algorithm that the policy allows; its own `iss` is the issuer, its own `aud`
//! this service, its own `iat` within the last minute. The rest is demanded of the object `token_introspection` inside, and nothing
//! beside that is taken for it (RFC 9701 §5). Such an answer is never accepted as an access token.
//!
//! # What a refusal looks like
//!
//! A token that is not active, or whose answer does not satisfy the policy, is answered 401 `invalid_token`. Whatever else happens is the
//! issuer's fault or ours, and answered 503 with `Retry-After`: no answer, one that is not as above, or one that refuses *us*, since our
//! credentials are wrong; [`Event::IntrospectionFailed`](crate::observe::Event) and [`health`](crate::health) say which.
//!
//! # What is remembered, and what bounds it
//!
//! | what | default | why |
//! |---|---|---|
//! | an answer is believed for | 30 s, never beyond `exp` | how late a revocation at the issuer is noticed ([`cache_for`](Introspection::cache_for)) |
//! | a refusal is believed for | 5 s | a client that repeats a dead token costs one call in that time ([`refusals_for`](Introspection::refusals_for)) |
//! | answers in memory | 16 MiB | some 10 000 tokens ([`cache_bytes`](Introspection::cache_bytes)); refusals beside them, at most 8 192 |
//! | calls at once | 64, then 503 | what strangers can keep the issuer busy with ([`max_calls`](Introspection::max_calls)) |
//! | a token | 4 096 bytes | longer ones are refused unasked ([`max_token_length`](Introspection::max_token_length)) |
//! | failures in a row | 5, then a pause of 1 s, doubling to 30 s with jitter, then one call that probes | an issuer that is down is not asked with every request |
//! | `Retry-After`, and any 429 | granted, from 1 s to 30 s | the issuer's own wish, but not for ever |
//!
//! All requests that carry one token share one call, which goes on when they hang up. The age of an answer is counted from when it was asked for, by a
//! clock that is never turned back and by the authenticator's, which goes on while a machine sleeps; `exp`, `nbf` and `iat` are held against the authenticator's clock at every request. Memory holds
//! digests under a secret of the process, and never a token. A failed call is not remembered. A status of 400 to 499 is not
//! counted among the failures in a row where a stranger's token may be its cause, as where a firewall takes it for an attack: 401, 404, 405, 408
//! and 410 are counted.
//!
//! A discovered endpoint is looked up once a day, and within a minute after it seems to have moved: 404, 405, 410, a redirect, or no connection.
//!
//! # What a deployment must ensure
//!
//! - The issuer lets this service ask, by a client of its own, and answers with `aud` and `exp`.
//! - `aud` is this service's: an answer that is good for any service lets each of them use what it was sent at the others.
//! - Strangers are slowed down in front of the service where the issuer is easily overwhelmed: as long as 64 made-up tokens are being asked
//!   about, good ones that are not remembered are answered 503.
//!
//! ```
//! use tower_bearer::Authenticator;
//! use tower_bearer::introspection::Introspection;
//! use tower_bearer::testing::TestIssuer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = TestIssuer::new("https://id.example");
//! issuer.allow_client("orders", "secret");
//! let auth = Authenticator::builder(issuer.url(), "https://api.example")
//!     .introspection(Introspection::discovered().client_secret_basic("orders", "secret"))
//!     .fetch(issuer.fetch())
//!     .build()?;
//!
//! let token = issuer.token().audience("https://api.example").subject("bob").opaque();
//! let verified = auth.verify(&token).await?;
//! assert_eq!(verified.subject(), Some("bob"));
//! assert_eq!(verified.algorithm(), None, "the issuer vouches for it");
//!
//! let made_up = auth.verify("made-up").await;
//! assert_eq!(made_up.unwrap_err().code(), "inactive");
//! # Ok(())
//! # }
//! ```
//!
//! RFC 7662 §2, §4; RFC 9701 §4, §5; RFC 6749 §2.3.1; RFC 7523 §2.2, §3; RFC 8705 §2, §5.

mod answer;
mod answered;
mod breaker;
mod call;
mod client;
mod client_key;
mod endpoint;
mod error;
mod flight;
mod health;
mod introspector;
mod memory;
mod settings;
mod signed_answer;
mod tokens;

pub use client_key::ClientKey;
pub use health::IntrospectionHealth;
pub use settings::Introspection;

pub(crate) use answered::Answered;
pub(crate) use introspector::{Asked, Introspector};
pub(crate) use settings::Means;
pub(crate) use tokens::{Tokens, is_opaque};
