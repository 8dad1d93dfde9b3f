//! For tonic: the verified token in a handler, and every refusal as a [`Status`].
//!
//! The layer itself needs none of this: [`AuthenticateLayer`](crate::AuthenticateLayer) answers any request whose
//! `content-type` is `application/grpc…` the way gRPC clients read it. Here is what handlers need beside it.
//!
//! 1. [`verified`] yields the token that the layer has verified, or else the [`Status`] to answer with.
//! 2. A token that lacks a scope, or does not meet a [`Requirement`](crate::Requirement), becomes a [`Status`] by `?`.
//! 3. One service behind the layer has a place in a server beside services that are open.
//!
//! ```
//! use tonic::{Request, Response, Status};
//! use tower_bearer::{Verified, grpc::verified};
//!
//! async fn greet(request: Request<()>) -> Result<Response<String>, Status> {
//!     let token: &Verified = verified(&request)?;
//!     token.scopes().require("greet")?;
//!     Ok(Response::new(format!("hello {}", token.subject().unwrap_or("nobody"))))
//! }
//! ```
//!
//! The layer goes around a whole server (`Server::builder().layer(…)`) or around one service, which then stands beside
//! open ones:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tonic::{Code, Request};
//! use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
//! use tower::Layer;
//! use tower_bearer::testing::TestIssuer;
//! use tower_bearer::{AuthenticateLayer, Authenticator};
//!
//! let issuer = TestIssuer::new("https://id.example.com");
//! let auth = Authenticator::builder(issuer.url(), "greeter").fetch(issuer.fetch()).build()?;
//! let (_, health) = tonic_health::server::health_reporter();
//! let health = AuthenticateLayer::new(auth).layer(health);
//! let server = tonic::transport::Server::builder().add_service(health.clone());
//! # drop(server);
//!
//! // A client needs no network to reach a service in the same process.
//! let mut client = HealthClient::new(health);
//! let mut request = Request::new(HealthCheckRequest::default());
//! let token = issuer.token().audience("greeter").sign();
//! request.metadata_mut().insert("authorization", format!("Bearer {token}").parse()?);
//! assert!(client.check(request).await.is_ok());
//!
//! let refused = client.check(HealthCheckRequest::default()).await.map_err(|status| status.code());
//! assert_eq!(refused.err(), Some(Code::Unauthenticated));
//! # Ok(())
//! # }
//! ```
//!
//! # What a refusal looks like
//!
//! | what happened | status |
//! |---|---|
//! | no credential, a malformed request, a token not acceptable | 16 `UNAUTHENTICATED` |
//! | a stronger or more recent login is needed (RFC 9470) | 16 `UNAUTHENTICATED` |
//! | scope or role missing | 7 `PERMISSION_DENIED` |
//! | keys cannot be reached, and so we cannot tell | 14 `UNAVAILABLE` |
//! | no layer stands outside: a mistake in the service | 13 `INTERNAL` |
//!
//! The message is one of a few fixed texts. The reason is not for strangers: it is the [`source`](std::error::Error::source)
//! of the status, a [`Rejection`], and tonic leaves the status of a handler in the extensions of its response, where
//! layers outside find it.
//!
//! A stream is decided on once, when it begins. A token that expires while it lasts does not end it: let a handler that
//! streams for long look at [`Verified::expires_at`].
//!
//! An interceptor of tonic's sees the token too, if it stands inside the layer: it is given the request's extensions.

use std::error::Error;
use std::sync::Arc;

use tonic::server::NamedService;
use tonic::{Code, Request, Status};

use crate::error::{AuthorizationError, Denied, LayerMissing, Rejection};
use crate::let_through;
use crate::middleware::response::Words;
use crate::middleware::{Authenticate, Authorize};
use crate::verified::Verified;

/// The verified token of a request.
///
/// The claims type `C` is that of the layer. It need not be named where the result is given a type:
/// `let token: &Verified = verified(&request)?;`
///
/// # Errors
///
/// 13 `INTERNAL` if no layer has decided on this request, or one with another claims type has. 16 `UNAUTHENTICATED` if a
/// layer has let the request through without a token, being optional for example; if it only observes, the status of what it
/// would have refused the request with.
pub fn verified<C, T>(request: &Request<T>) -> Result<&Verified<C>, Status>
where
    C: Send + Sync + 'static,
{
    Ok(let_through::verified(request.extensions())?)
}

/// The verified token of a request, or `None` if a layer has let it through without one.
///
/// For handlers that also serve who has no token; [`LetThrough`](crate::LetThrough), in the request's extensions, says why
/// there is none.
///
/// # Errors
///
/// 13 `INTERNAL` if no layer has decided on this request, or one with another claims type has.
pub fn verified_if_any<C, T>(request: &Request<T>) -> Result<Option<&Verified<C>>, Status>
where
    C: Send + Sync + 'static,
{
    Ok(let_through::verified_if_any(request.extensions())?)
}

impl From<Denied> for Status {
    fn from(error: Denied) -> Self {
        match error {
            Denied::LayerMissing(error) => error.into(),
            Denied::Rejected(rejection) => rejection.into(),
        }
    }
}

/// The status that the layer would answer with.
impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        because(Words::of(&rejection), rejection)
    }
}

/// So that in a handler `?` refuses what a token does not permit.
impl From<AuthorizationError> for Status {
    fn from(error: AuthorizationError) -> Self {
        Rejection::from(error).into()
    }
}

impl From<LayerMissing> for Status {
    fn from(error: LayerMissing) -> Self {
        because(Words::LAYER_MISSING, error)
    }
}

fn because(words: Words, source: impl Error + Send + Sync + 'static) -> Status {
    let code = Code::from(i32::from(words.grpc.number()));
    let mut status = Status::new(code, words.description);
    status.set_source(Arc::new(source));
    status
}

/// One service behind the layer keeps its name, and so its place in a server.
impl<S: NamedService, C, R> NamedService for Authenticate<S, C, R> {
    const NAME: &'static str = S::NAME;
}

/// One service behind the layer keeps its name, and so its place in a server.
impl<S: NamedService, C> NamedService for Authorize<S, C> {
    const NAME: &'static str = S::NAME;
}
