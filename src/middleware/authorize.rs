//! The layer that lets only tokens through that may do what is asked.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::response::refuse;
use super::wire::Wire;
use crate::authorization::Requirement;
use crate::claims::Claims;
use crate::error::Denied;
use crate::let_through::verified;

/// Lets only requests through whose verified token satisfies a [`Requirement`].
///
/// Stands inside an [`AuthenticateLayer`](super::AuthenticateLayer), around a whole service or one route. Where none
/// stands outside, every request is answered 500: a check without an identity must never pass. A layer outside with another
/// claims type is the same mistake. A request that was let through without a token is refused as if it had shown none (401), or with
/// what it would have been refused with.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_bearer::{AuthenticateLayer, Authenticator, Requirement, require};
///
/// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com").build()?;
/// let app: Router = Router::new()
///     .route("/orders", get(async || "orders"))
///     .route("/admin", get(async || "admin").layer(require(Requirement::scopes("admin"))))
///     .layer(AuthenticateLayer::new(auth));
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
pub struct AuthorizeLayer<C = Claims> {
    requirement: Requirement<C>,
}

/// Lets only requests through whose token satisfies `requirement`: [`AuthorizeLayer::new`] in one word, for routes.
///
/// For claims of a type of your own: `AuthorizeLayer::from(requirement)`.
#[must_use]
pub fn require(requirement: Requirement) -> AuthorizeLayer {
    AuthorizeLayer::new(requirement)
}

impl AuthorizeLayer {
    /// Wraps services so that every token has to satisfy `requirement`.
    ///
    /// Takes a requirement on [`Claims`], so that `Requirement::scopes("admin")` needs no type named; for another claims type
    /// there is [`From`].
    #[must_use]
    pub fn new(requirement: Requirement) -> Self {
        Self { requirement }
    }
}

impl<C> From<Requirement<C>> for AuthorizeLayer<C> {
    /// For claims of a type of your own: that of the [`AuthenticateLayer`](super::AuthenticateLayer) outside.
    fn from(requirement: Requirement<C>) -> Self {
        Self { requirement }
    }
}

impl<S, C> Layer<S> for AuthorizeLayer<C> {
    type Service = Authorize<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Authorize {
            inner,
            requirement: self.requirement.clone(),
        }
    }
}

impl<C> Clone for AuthorizeLayer<C> {
    fn clone(&self) -> Self {
        Self {
            requirement: self.requirement.clone(),
        }
    }
}

impl<C> fmt::Debug for AuthorizeLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeLayer")
            .field("requirement", &self.requirement)
            .finish()
    }
}

/// The service that [`AuthorizeLayer`] makes.
pub struct Authorize<S, C = Claims> {
    inner: S,
    requirement: Requirement<C>,
}

impl<S, C> Authorize<S, C> {
    fn check<B>(&self, request: &Request<B>) -> Result<(), Denied>
    where
        C: Send + Sync + 'static,
    {
        let verified = verified(request.extensions())?;
        Ok(self.requirement.check(verified)?)
    }
}

impl<S, C, RequestBody, ResponseBody> Service<Request<RequestBody>> for Authorize<S, C>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone,
    C: Send + Sync + 'static,
    ResponseBody: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = AuthorizeFuture<S::Future, S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let state = match self.check(&request) {
            Ok(()) => State::Passed {
                response: self.inner.call(request),
            },
            Err(refused) => {
                // What the inner service reserved when it was polled ready is given back: this request will not use it.
                let clone = self.inner.clone();
                self.inner = clone;
                State::Refused {
                    response: Some(refuse(
                        refused,
                        Wire::of(request.method(), request.headers()),
                    )),
                }
            }
        };
        AuthorizeFuture { state }
    }
}

impl<S: Clone, C> Clone for Authorize<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            requirement: self.requirement.clone(),
        }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Authorize<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize")
            .field("inner", &self.inner)
            .field("requirement", &self.requirement)
            .finish()
    }
}

pin_project! {
    /// The response of an [`Authorize`] service.
    pub struct AuthorizeFuture<F, R> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, R> {
        Passed {
            #[pin]
            response: F,
        },
        Refused {
            response: Option<R>,
        },
    }
}

impl<F, R, E> Future for AuthorizeFuture<F, R>
where
    F: Future<Output = Result<R, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passed { response } => response.poll(cx),
            StateProjection::Refused { response } => {
                let response = response
                    .take()
                    .expect("not polled again after it was ready");
                Poll::Ready(Ok(response))
            }
        }
    }
}

impl<F, R> fmt::Debug for AuthorizeFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeFuture").finish_non_exhaustive()
    }
}
