//! An issuer for tests: it mints any token, rotates its keys, serves its documents, and lies when told to.
//!
//! It is what we test ourselves with, and made for services that are protected by this crate just as much. It
//! protects nothing, and belongs into dev-dependencies: whoever can reach its token endpoint can have any token.
//!
//! | wanted | at hand |
//! |---|---|
//! | an issuer without any socket | [`TestIssuer::new`], and [`TestIssuer::fetch`] for the authenticator |
//! | one that `curl` and other processes can reach | [`TestIssuer::serve`]: discovery, key set, `POST /token` |
//! | a token, good or bad in one point | [`TestIssuer::token`] |
//! | an opaque token, and an endpoint that vouches for it | [`TokenBuilder::opaque`], [`TestIssuer::revoke`] |
//! | a token bad in any point, down to its bytes | [`TokenBuilder::raw`], [`RawToken`] |
//! | a token bound to a key, and a DPoP proof by it, good or bad | [`TokenBuilder::bound_to`], [`ProofBuilder`] |
//! | a token bound to a client certificate, and the certificate | [`TokenBuilder::bound_to_certificate`], [`client_certificate`] |
//! | keys that come and go | [`TestIssuer::rotate`] and its neighbours, [`SigningKey`] |
//! | an outage, a slow, hanging or flooding provider | [`TestIssuer::behave`] with a [`Behaviour`] |
//! | what was asked for, and how often | [`TestIssuer::downloads`], [`TestIssuer::traffic`] |
//! | time that passes when told to | [`TestClock`], and tokio's paused clock for everything that waits |
//!
//! Keys are made, and tokens signed, by aws-lc-rs alone, whichever backend verifies.
//!
//! ```
//! use tower_bearer::testing::{Behaviour, Endpoint, TestIssuer};
//! use tower_bearer::{Authenticator, Rejection};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = TestIssuer::new("https://id.example");
//! let auth = Authenticator::builder(issuer.url(), "https://api.example")
//!     .fetch(issuer.fetch())
//!     .build()?;
//! let token = issuer.token().audience("https://api.example").subject("bob");
//!
//! let verified = auth.verify(&token.sign()).await?;
//! assert_eq!(verified.subject(), Some("bob"));
//!
//! let refused = auth.verify(&token.clone().expired().sign()).await;
//! assert_eq!(refused.unwrap_err().code(), "expired");
//!
//! // A token signed with a key published a moment ago is accepted at its first request ...
//! issuer.rotate();
//! let of_new_key = token.sign();
//! auth.verify(&of_new_key).await?;
//! assert_eq!(issuer.requests(Endpoint::KeySet), 2);
//!
//! // ... and afterwards needs nobody.
//! issuer.behave(Behaviour::Down);
//! auth.verify(&of_new_key).await?;
//! issuer.rotate();
//! let of_unknown_key = auth.verify(&token.sign()).await;
//! assert!(matches!(of_unknown_key, Err(Rejection::Unavailable(_))));
//! # Ok(())
//! # }
//! ```

mod behaviour;
mod certificate;
mod clock;
mod der;
mod desk;
mod document;
mod flow;
mod gzip;
mod introspection_endpoint;
mod issuer;
mod key_ring;
mod memory;
mod mint;
mod port;
mod proof;
mod provider;
mod raw;
mod rsa_pool;
mod server;
mod signing_key;
mod token_endpoint;
mod traffic;

pub use behaviour::Behaviour;
pub use certificate::client_certificate;
pub use clock::TestClock;
pub use der::ecdsa_der;
pub use issuer::TestIssuer;
pub use memory::MemoryFetch;
pub use mint::TokenBuilder;
pub use proof::ProofBuilder;
pub use raw::RawToken;
pub use signing_key::{SigningKey, key_set_of};
pub use traffic::{Downloads, Endpoint, Traffic};

#[cfg(test)]
mod tests;
