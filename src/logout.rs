//! OpenID Connect Back-Channel Logout: a provider says that a session is over, and its tokens are refused from then on.
//!
//! An access token outlives the session that it was issued in, by minutes or hours. A provider that knows where its users are logged in
//! sends each of these places a *logout token*: a statement, signed as ID tokens are, that a session or a whole subject is logged out.
//! [`BackChannelLogout`] is a service that takes these, at a path of your choice, and revokes what they name in the
//! [store](crate::revocation) that the authenticator asks.
//!
//! # Somebody is logged out if
//!
//! 1. the request is a `POST` of one form, of at most 64 KiB and within five seconds, with exactly one `logout_token` (§2.5);
//! 2. the token is read as strictly as every other: see [`jose`](crate::jose);
//! 3. its `typ` is `logout+jwt`, `JWT`, or absent; `events` is an object with the member for back-channel logouts; there is no `nonce`:
//!    an access token, an ID token, or another security event is none of these (§2.4);
//! 4. `aud` names our client id and nobody whom we do not know; another application's logout token is not for us (OpenID Connect Core
//!    §3.1.3.7);
//! 5. `jti`, `iat` and `exp` are there, `exp` is ahead, `iat` is not, and at most five minutes ago;
//! 6. `sid` or `sub` is there, and each that is there is a string that is not empty;
//! 7. `iss` is an issuer that the authenticator trusts, `alg` is one that its policy allows, and the signature verifies with a key that it
//!    publishes. An unknown `kid` spends the same budget as one of an access token.
//!
//! Then the session of `sid` is revoked; where none is named, everything that `sub` was issued up to the logout token's `iat`, so
//! that a login after it goes on. Both are this issuer's: a name that another issuer gives too means somebody else. Only a token
//! that has passed all of this writes to the store. The same token once more changes nothing.
//!
//! # Answers
//!
//! | what happened | status | body |
//! |---|---|---|
//! | logged out, or had been before | 200 | none |
//! | a bad request, or a bad token | 400 | `{"error":"invalid_request",…}`, in fixed words |
//! | keys or store cannot be reached, the store is full | 503, `Retry-After` | `{"error":"temporarily_unavailable",…}` |
//! | not a `POST` | 405 | none |
//!
//! None of them may be cached. The whole [`LogoutError`] rides in the response's extensions, and observers are told. §2.8 knows 200 and 400
//! only; with 503 a provider learns that the same token may be sent again, which §2.5 has it do after a passing fault of either side.
//!
//! # What a deployment must ensure
//!
//! - The route stands outside the layer: the logout token is the request's only credential.
//! - The issuer's access tokens carry `sid` where its logout tokens do; else
//!   [`revoke_whole_subject`](BackChannelLogoutBuilder::revoke_whole_subject). A session in a logout token that no access token names
//!   revokes nothing.
//! - On many machines the store is one that all of them ask: the provider sends its token to one of them.
//! - Issuers are trusted to say who is logged out, and each logout takes room in the store. Where strangers can become tenants, bound
//!   how fast requests may come.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::body::Body;
//! use axum::http::{Request, StatusCode};
//! use axum::{Router, routing::get};
//! use serde_json::json;
//! use tower::ServiceExt;
//! use tower_bearer::logout::BackChannelLogout;
//! use tower_bearer::revocation::InMemoryRevocations;
//! use tower_bearer::testing::TestIssuer;
//! use tower_bearer::{AuthenticateLayer, Authenticator};
//!
//! let issuer = TestIssuer::new("https://id.example.com");
//! let store = InMemoryRevocations::new();
//! let auth = Authenticator::builder(issuer.url(), "https://api.example.com")
//!     .fetch(issuer.fetch())
//!     .revocations(store.clone())
//!     .build()?;
//! let logout = BackChannelLogout::builder(&auth, "our-web-shop", store).build()?;
//! let app = Router::new()
//!     .route("/orders", get(|| async { "two" }))
//!     .layer(AuthenticateLayer::new(auth))
//!     .route_service("/backchannel-logout", logout);
//!
//! let token = issuer.token().audience("https://api.example.com").claim("sid", "s-1").sign();
//! let ask = || {
//!     let request = Request::get("/orders").header("authorization", format!("Bearer {token}"));
//!     app.clone().oneshot(request.body(Body::empty()).unwrap())
//! };
//! assert_eq!(ask().await?.status(), StatusCode::OK);
//!
//! // What the provider sends when the user logs out.
//! let logout_token = issuer
//!     .token()
//!     .typ("logout+jwt")
//!     .audience("our-web-shop")
//!     .claim("sid", "s-1")
//!     .claim("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
//! let send = |token: String| {
//!     let request = Request::post("/backchannel-logout")
//!         .header("content-type", "application/x-www-form-urlencoded");
//!     app.clone().oneshot(request.body(Body::from(format!("logout_token={token}"))).unwrap())
//! };
//! let refused = send(logout_token.clone().audience("another-shop").sign()).await?;
//! assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
//! assert_eq!(ask().await?.status(), StatusCode::OK);
//!
//! assert_eq!(send(logout_token.sign()).await?.status(), StatusCode::OK);
//! assert_eq!(ask().await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! OpenID Connect Back-Channel Logout 1.0 §2.4 to §2.8.

mod answer;
mod builder;
mod error;
mod form;
mod service;
mod token;

pub use builder::BackChannelLogoutBuilder;
pub use error::LogoutError;
pub use form::FormError;
pub use service::BackChannelLogout;
