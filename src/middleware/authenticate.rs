//! The layer that lets only requests with a good token through.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderName, Method, Request, Response};
use serde::de::DeserializeOwned;
use tower_layer::Layer;
use tower_service::Service;

use super::answering::Answering;
use super::body::{EmptyBody, ProblemDetails, Respond};
use super::future::{Call, ResponseFuture};
use super::on_refusal::OnRefusal;
use super::public_route::PublicRoute;
use super::refused_request::RefusedRequest;
use super::settings::{Mode, Pass, Settings};
use super::wire::Wire;
use crate::authenticator::{Authenticator, Decision};
use crate::authorization::ClaimPath;
use crate::claims::Claims;
use crate::error::{ConfigError, Rejection};
use crate::presented::Presented;

/// Lets only requests with a good token through to the service it wraps.
///
/// An accepted request carries [`Verified<C>`](crate::Verified) in its extensions. A refused one is answered by the
/// table of [this module](super), with an empty body. Works around any `Service<Request<B>>` whose response
/// body has a `Default`: axum routers, tonic servers, rmcp, plain hyper services.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::{Request, Response, StatusCode};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
/// use tower_bearer::testing::TestIssuer;
/// use tower_bearer::{AuthenticateLayer, Authenticator, Verified};
///
/// let issuer = TestIssuer::new("https://id.example.com");
/// let auth = Authenticator::builder(issuer.url(), "orders").fetch(issuer.fetch()).build()?;
/// let service = ServiceBuilder::new().layer(AuthenticateLayer::new(auth)).service(service_fn(
///     |request: Request<String>| async move {
///         let token = request.extensions().get::<Verified>().ok_or("no layer")?;
///         Ok::<_, &str>(Response::new(token.subject().unwrap_or_default().to_owned()))
///     },
/// ));
///
/// let token = issuer.token().subject("alice").audience("orders").sign();
/// let request = Request::builder().header("authorization", format!("Bearer {token}")).body(String::new())?;
/// assert_eq!(service.clone().oneshot(request).await?.body(), "alice");
///
/// let refused = service.oneshot(Request::new(String::new())).await?;
/// assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(refused.headers()["www-authenticate"], "Bearer realm=\"orders\"");
/// # Ok(())
/// # }
/// ```
pub struct AuthenticateLayer<C = Claims, R = EmptyBody> {
    authenticator: Authenticator<C>,
    settings: Settings<R>,
}

impl<C> AuthenticateLayer<C> {
    /// Wraps services so that `authenticator` decides on every request.
    #[must_use]
    pub fn new(authenticator: Authenticator<C>) -> Self {
        Self {
            settings: Settings::of(&authenticator, EmptyBody),
            authenticator,
        }
    }

    /// Answers refused requests with a JSON problem (RFC 9457) instead of an empty body; see [`ProblemDetails`].
    ///
    /// The response body has to be made from a `String`.
    #[must_use]
    pub fn problem_details(self) -> AuthenticateLayer<C, ProblemDetails> {
        AuthenticateLayer {
            authenticator: self.authenticator,
            settings: self.settings.with_respond(|EmptyBody| ProblemDetails),
        }
    }
}

impl<C, R> AuthenticateLayer<C, R> {
    /// Lets requests without any credential through too, with [`LetThrough::Anonymous`](crate::LetThrough) in their extensions.
    ///
    /// A credential that is bad is refused all the same, and so is one that cannot be told: whoever shows a token means to be
    /// known. Handlers ask for `Option<Verified>`.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.settings.mode = Mode::Optional;
        self
    }

    /// Refuses nothing, and puts what would have been the reason into the extensions, as
    /// [`LetThrough::NotRefused`](crate::LetThrough).
    ///
    /// **Everything behind this layer is open.** For a migration: an observer counts what would be refused
    /// ([`Event::NotRefused`](crate::observe::Event)), while another check still guards the service. What stands inside and
    /// demands a verified token ([`AuthorizeLayer`](super::AuthorizeLayer), an extractor) goes on refusing requests without one.
    #[must_use]
    pub fn observe_only(mut self) -> Self {
        self.settings.mode = Mode::Observe;
        self
    }

    /// Lets requests of exactly this method and path through, whatever they carry.
    ///
    /// The path is compared byte for byte with that of the request as it arrives at this layer: `/a/../b`, `/b/` and `/%62` are
    /// none of `/b`, and `HEAD` is not `GET`. So the layer belongs where the inner service routes by the same path, and
    /// outside of nothing that rewrites it. With axum it is simpler to keep public routes outside of the layer, see
    /// [this module](super#order-of-layers).
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Route`](crate::ConfigErrorKind) if `path` cannot be that of a request, or is a pattern.
    pub fn public(mut self, method: Method, path: impl Into<String>) -> Result<Self, ConfigError> {
        self.settings
            .public
            .push(PublicRoute::new(method, path.into())?);
        Ok(self)
    }

    /// Lets CORS preflights through: `OPTIONS` with `Access-Control-Request-Method`. Default off.
    ///
    /// Browsers send them without a credential. A CORS layer outside of this one answers them itself, and this is not needed.
    /// Anyone can send one, so that whatever the inner service does on `OPTIONS` is open.
    #[must_use]
    pub fn let_preflight_through(mut self) -> Self {
        self.settings.preflight = true;
        self
    }

    /// Takes the credential out of a request before the inner service sees it: the `Authorization` header, and the token from
    /// every further [place](crate::credential::TokenSource) that knows how to.
    ///
    /// A place without a [`remove`](crate::credential::TokenSource::remove) of its own keeps its token, which is passed on.
    ///
    /// For proxies: a token must not reach servers that it is not meant for (RFC 9700 §4.9). Default off.
    #[must_use]
    pub fn strip_credential(mut self) -> Self {
        self.settings.strip = true;
        self
    }

    /// Hands the claim at `path` on to the inner service in the request header `header`.
    ///
    /// What the client sent under that name, or one that differs only in what is neither a letter nor a digit (`X_User`), is removed from every request first, whatever
    /// becomes of it. A string is written as it is, a number or boolean as in JSON, an array of strings with commas between. A claim
    /// that is missing, or holds anything but visible ASCII and spaces within, is not written.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Forwarding`](crate::ConfigErrorKind) if the header frames, routes or authenticates a request, or another
    /// claim has it already.
    pub fn forward_claim(
        mut self,
        path: impl Into<ClaimPath>,
        header: HeaderName,
    ) -> Result<Self, ConfigError> {
        self.settings.forwarding.add(path.into(), header)?;
        Ok(self)
    }

    /// Lets `hook` replace every answer to a refused request.
    ///
    /// It sees the response that would be sent, why, and the request without its credentials. For this each request's head is
    /// copied, whether it is refused or not.
    ///
    /// ```
    /// use axum::body::Body;
    /// use http::{HeaderValue, Response};
    /// use tower_bearer::middleware::RefusedRequest;
    /// use tower_bearer::{AuthenticateLayer, Authenticator, Rejection};
    ///
    /// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com").build()?;
    /// let layer = AuthenticateLayer::new(auth).on_refusal(
    ///     |mut response: Response<Body>, _: &Rejection, request: &RefusedRequest| {
    ///         if let Some(id) = request.headers().get("x-request-id") {
    ///             response.headers_mut().insert("x-request-id", id.clone());
    ///         }
    ///         response
    ///     },
    /// );
    /// # Ok::<(), tower_bearer::ConfigError>(())
    /// ```
    #[must_use]
    pub fn on_refusal<B, F>(self, hook: F) -> AuthenticateLayer<C, OnRefusal<R, B, F>>
    where
        F: Fn(Response<B>, &Rejection, &RefusedRequest) -> Response<B> + Clone,
    {
        AuthenticateLayer {
            authenticator: self.authenticator,
            settings: self
                .settings
                .with_respond(|base| OnRefusal::new(base, hook)),
        }
    }
}

impl<S, C, R: Clone> Layer<S> for AuthenticateLayer<C, R> {
    type Service = Authenticate<S, C, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate {
            inner,
            authenticator: self.authenticator.clone(),
            settings: Arc::new(self.settings.clone()),
        }
    }
}

impl<C, R: Clone> Clone for AuthenticateLayer<C, R> {
    fn clone(&self) -> Self {
        Self {
            authenticator: self.authenticator.clone(),
            settings: self.settings.clone(),
        }
    }
}

impl<C, R> fmt::Debug for AuthenticateLayer<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateLayer")
            .field("authenticator", &self.authenticator)
            .field("mode", &self.settings.mode)
            .finish_non_exhaustive()
    }
}

/// The service that [`AuthenticateLayer`] makes.
pub struct Authenticate<S, C = Claims, R = EmptyBody> {
    inner: S,
    authenticator: Authenticator<C>,
    settings: Arc<Settings<R>>,
}

impl<S, C, R> Authenticate<S, C, R> {
    fn answering<RequestBody, ResponseBody>(&self, request: &Request<RequestBody>) -> Answering
    where
        R: Respond<ResponseBody>,
    {
        let credentials = self.authenticator.credentials();
        let kept = || Box::new(RefusedRequest::of(request, credentials));
        Answering {
            wire: Wire::of(request.method(), request.headers()),
            in_query: credentials.in_query(request.uri()),
            scheme: credentials.scheme(request.headers()),
            nonce: None,
            request: self.settings.respond.wants_request().then(kept),
        }
    }
}

impl<S, C, R, RequestBody, ResponseBody> Service<Request<RequestBody>> for Authenticate<S, C, R>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone,
    C: DeserializeOwned + Send + Sync + 'static,
    R: Respond<ResponseBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, C, RequestBody, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let mut answering = self.answering(&request);
        let outcome = match self.settings.waves_through(&request) {
            Some(why) => Ok(Pass::Without(why)),
            None => match self.authenticator.decide(Presented::of(&request)) {
                Decision::Now(outcome) => self.settings.judge(outcome),
                Decision::Later(decision) => {
                    // What the inner service reserved when it was polled ready is given back, lest a stranger hold it while
                    // the decision is waited for. The one that goes with the request becomes ready anew.
                    let service = self.inner.clone();
                    self.inner = service.clone();
                    let call = Call {
                        service,
                        request,
                        answering,
                        settings: Arc::clone(&self.settings),
                    };
                    return ResponseFuture::waiting(self.authenticator.clone(), decision, call);
                }
            },
        };
        match outcome {
            Ok(mut pass) => {
                answering.nonce = pass.take_nonce();
                self.settings
                    .prepare(&self.authenticator, &mut request, pass);
                let settings = Arc::clone(&self.settings);
                ResponseFuture::passed(answering, settings, self.inner.call(request))
            }
            Err(rejection) => {
                // What the inner service reserved when it was polled ready is given back: this request will not use it.
                let clone = self.inner.clone();
                self.inner = clone;
                ResponseFuture::refused(answering.refuse(&self.settings, rejection))
            }
        }
    }
}

impl<S: Clone, C, R> Clone for Authenticate<S, C, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            authenticator: self.authenticator.clone(),
            settings: Arc::clone(&self.settings),
        }
    }
}

impl<S: fmt::Debug, C, R> fmt::Debug for Authenticate<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("inner", &self.inner)
            .field("authenticator", &self.authenticator)
            .finish_non_exhaustive()
    }
}
