//! The Tower layers: what stands behind them sees only requests that may be there.
//!
//! 1. Behind [`AuthenticateLayer`] the inner service is called if, and only if, the credential of the request is good; see
//!    [`authenticator`](crate::authenticator) for what that takes. What lets other requests through is a setter of the layer:
//!    [`optional`](AuthenticateLayer::optional), [`observe_only`](AuthenticateLayer::observe_only),
//!    [`public`](AuthenticateLayer::public), [`let_preflight_through`](AuthenticateLayer::let_preflight_through).
//! 2. It finds [`Verified<C>`](crate::Verified) in the request's extensions, or [`LetThrough`](crate::LetThrough) where there
//!    is no token.
//! 3. Behind [`AuthorizeLayer`] it is called if the verified token satisfies a [`Requirement`](crate::Requirement).
//! 4. Its readiness, its errors and its responses pass unchanged, and no service is called that was not polled ready.
//! 5. With the keys at hand nothing is awaited, and the service that was polled ready is called; else the one download that
//!    all share is awaited, while nothing that the inner service reserved is held.
//!
//! # What a refusal looks like
//!
//! | what happened | status | header | gRPC |
//! |---|---|---|---|
//! | no credential | 401 | `WWW-Authenticate: Bearer realm="…"`, without an error code | 16 |
//! | malformed request: two credentials, bad syntax | 400 | `error="invalid_request"` | 16 |
//! | token not acceptable, whatever the reason | 401 | `error="invalid_token"` | 16 |
//! | scope, role or whatever else missing | 403 | `error="insufficient_scope"`, with all scopes that are needed | 7 |
//! | a stronger login needed | 401 | `error="insufficient_user_authentication"`, `acr_values`, `max_age` | 16 |
//! | keys cannot be reached, and so we cannot tell | 503 | `Retry-After` | 14 |
//! | `AuthorizeLayer` without `AuthenticateLayer` around it | 500 | | 13 |
//!
//! The body is empty, unless [`problem_details`](AuthenticateLayer::problem_details) or a [hook](AuthenticateLayer::on_refusal)
//! says otherwise. Every challenge names the realm, and `resource_metadata` where the service publishes it. A client of gRPC,
//! told by its `content-type`, is answered with status 200 and `grpc-status` in the headers. The reason is not for strangers: it
//! rides in the response's extensions, as the [`Rejection`](crate::Rejection).
//!
//! # Order of layers
//!
//! Whatever stands inside [`AuthenticateLayer`] sees requests that were let through; whatever stands outside sees every
//! request, and the [`Rejection`](crate::Rejection) of each refused one in its response's extensions. From the outside in:
//!
//! 1. tracing, rate limits, and CORS: a browser's preflight (`OPTIONS`) carries no token, and a CORS layer answers it;
//! 2. whatever rewrites the path, so that public routes are told by the path that is routed by;
//! 3. [`AuthenticateLayer`], around every route that needs a token. With axum, public routes are simply merged outside of it:
//!
//!    ```
//!    # use axum::{Router, routing::get};
//!    # use tower_bearer::{AuthenticateLayer, Authenticator, Requirement, require};
//!    # let auth = Authenticator::builder("https://id.example.com", "https://api.example.com").build()?;
//!    let protected = Router::new()
//!        .route("/orders", get(async || "orders"))
//!        .route("/admin", get(async || "admin").layer(require(Requirement::scopes("admin"))))
//!        .layer(AuthenticateLayer::new(auth));
//!    let app: Router = Router::new().route("/healthz", get(async || "fine")).merge(protected);
//!    # Ok::<(), tower_bearer::ConfigError>(())
//!    ```
//!
//!    Where one service is wrapped as a whole (tonic, hyper), [`public`](AuthenticateLayer::public) lists them instead;
//! 4. [`AuthorizeLayer`], around all of it or a route;
//! 5. handlers.
//!
//! TLS has to end before us: a bearer token is good for whoever reads it (RFC 6750 §5.3).
//!
//! RFC 6750 §2.1, §3; RFC 9110 §11; RFC 9457; RFC 9470; RFC 9728 §5.1.

mod answering;
mod authenticate;
mod authorize;
mod body;
mod forwarding;
mod future;
mod on_refusal;
mod public_route;
mod refused_request;
pub(crate) mod response;
mod settings;
pub(crate) mod wire;

pub use authenticate::{Authenticate, AuthenticateLayer};
pub use authorize::{Authorize, AuthorizeFuture, AuthorizeLayer, require};
pub use body::{EmptyBody, ProblemDetails, Respond};
pub use future::ResponseFuture;
pub use on_refusal::OnRefusal;
pub use refused_request::RefusedRequest;
