//! What a service publishes of itself as a protected resource (RFC 9728), so that a client that knows nothing but its
//! URL finds out where to get a token.
//!
//! It protects clients from asking the wrong issuer, and for the wrong resource. A refused one is told
//! `resource_metadata="…"` in the challenge, and reads the document there. That is derived, when the authenticator is built,
//! from the policy that is enforced, so that the two cannot disagree:
//!
//! 1. `resource` is an audience in the policy of every issuer given in code: a token asked for under this name passes.
//! 2. `authorization_servers` are these issuers, in the order in which they were given. Those that a resolver finds at run
//!    time are not listed; RFC 9728 §2 leaves that open.
//! 3. `bearer_methods_supported` is where tokens are read from.
//! 4. Scopes, a name and addresses for people are as given to [`ProtectedResource`]; what was not given is left out (§3.2).
//!
//! A setting that would make the document wrong fails when building. The document is for everyone: no token is looked at, and
//! nothing of a request appears in an answer. `GET` and `HEAD` are answered 200, a browser's preflight 204, other methods
//! 405, other paths 404.
//!
//! A deployment must see to it that requests for [`path`](ResourceMetadata::path) reach the service on the host of the
//! resource identifier, and without a token: so the route stands outside the layer.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::body::{Body, to_bytes};
//! use axum::http::{Request, StatusCode};
//! use axum::{Router, routing::get};
//! use tower::ServiceExt;
//! use tower_bearer::metadata::ProtectedResource;
//! use tower_bearer::testing::TestIssuer;
//! use tower_bearer::{AuthenticateLayer, Authenticator};
//!
//! const RESOURCE: &str = "https://api.example.com/orders";
//! let issuer = TestIssuer::new("https://id.example.com");
//! let auth = Authenticator::builder(issuer.url(), RESOURCE)
//!     .fetch(issuer.fetch())
//!     .protected_resource(ProtectedResource::new(RESOURCE).scopes_supported(["read"]))
//!     .build()?;
//! let metadata = auth.resource_metadata().ok_or("nothing was said of the resource")?.clone();
//! let app = Router::new()
//!     .route("/orders", get(|| async { "two" }))
//!     .layer(AuthenticateLayer::new(auth))
//!     .route_service(metadata.path(), metadata.service());
//!
//! let token = issuer.token().audience(RESOURCE).sign();
//! let request = Request::get("/orders").header("authorization", format!("Bearer {token}"));
//! let accepted = app.clone().oneshot(request.body(Body::empty())?).await?;
//! assert_eq!(accepted.status(), StatusCode::OK);
//!
//! let request = Request::get("/orders").body(Body::empty())?;
//! let refused = app.clone().oneshot(request).await?;
//! assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
//! let url = "https://api.example.com/.well-known/oauth-protected-resource/orders";
//! let challenge = refused.headers()["www-authenticate"].to_str()?;
//! assert!(challenge.contains(&format!("resource_metadata=\"{url}\"")));
//!
//! let document = app.oneshot(Request::get(url).body(Body::empty())?).await?;
//! assert_eq!(
//!     to_bytes(document.into_body(), 4096).await?,
//!     concat!(
//!         r#"{"resource":"https://api.example.com/orders","authorization_servers":["https://id.example.com"],"#,
//!         r#""scopes_supported":["read"],"bearer_methods_supported":["header"]}"#,
//!     ),
//! );
//! # Ok(())
//! # }
//! ```
//!
//! RFC 9728 §2, §3, §5.1.

mod location;
mod protected_resource;
mod resource_metadata;
mod service;

pub use protected_resource::ProtectedResource;
pub(crate) use resource_metadata::Enforced;
pub use resource_metadata::ResourceMetadata;
pub use service::MetadataService;
