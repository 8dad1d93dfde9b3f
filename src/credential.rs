//! Where credentials are read from, and what tells one kind from another.
//!
//! It protects a service from requests that show one identity to us and another to the next server: nobody picks one of several
//! credentials.
//!
//! # A request carries a credential if
//!
//! 1. it has exactly one `Authorization` header, of the scheme `Bearer` in any case, one or more spaces and one b64token
//!    (RFC 6750 §2.1);
//! 2. or a [`TokenSource`] that was added finds one: a cookie, a WebSocket sub-protocol, the query (by `dangerous()` only), or
//!    whatever a service reads;
//! 3. and it is the only one. Two `Authorization` headers, two credentials joined by a comma, or two places are an invalid
//!    request (400); so is an `access_token` in the query beside another credential, even where the query is not read.
//!
//! No such header, or one of another scheme, is no credential (401 without an error code). A malformed one is an invalid
//! request (400).
//!
//! A credential that bears the [`Marker`] of an [`OtherCredential`] is decided by that; every other is a token.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use http::{HeaderMap, Uri};
//! use tower_bearer::Authenticator;
//! use tower_bearer::credential::CookieToken;
//! use tower_bearer::testing::TestIssuer;
//!
//! let issuer = TestIssuer::new("https://id.example.com");
//! let auth = Authenticator::builder(issuer.url(), "orders")
//!     .token_source(CookieToken::named("__Host-token")?)
//!     .fetch(issuer.fetch())
//!     .build()?;
//! let (token, uri) = (issuer.token().audience("orders").sign(), Uri::from_static("/"));
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("cookie", format!("__Host-token={token}").parse()?);
//! assert!(auth.authenticate(&headers, &uri).await.is_ok());
//!
//! // A second one: the layer answers 400.
//! headers.insert("authorization", format!("Bearer {token}").parse()?);
//! let refused = auth.authenticate(&headers, &uri).await;
//! assert_eq!(refused.map_err(|rejection| rejection.code()).err(), Some("credential_repeated"));
//! # Ok(())
//! # }
//! ```
//!
//! # What a deployment must ensure
//!
//! A browser sends a cookie with every request to its site, whoever caused it. A service that reads tokens from a
//! [`CookieToken`] has to keep out forged cross-site requests by itself: cookies with `SameSite=Lax` or `Strict`, and a check
//! of `Origin` or `Sec-Fetch-Site` on whatever changes something. A token in `Authorization` needs none of this.
//!
//! RFC 6750 §2; RFC 9110 §11; RFC 9700 §4.3.2.

mod bearer;
mod cookie;
mod credentials;
mod grammar;
mod hiding;
mod other;
mod query;
mod source;
mod web_socket;

pub use cookie::CookieToken;
pub(crate) use credentials::{Credential, Credentials};
pub(crate) use grammar::is_b64token;
pub(crate) use hiding::CARRIERS;
pub(crate) use other::{AddOther, Identity};
pub use other::{DecideError, DecideFuture, Marker, OtherCredential};
pub use source::{TokenSource, TokenSourceError};
pub use web_socket::WebSocketToken;
