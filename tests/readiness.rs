//! The layer keeps Tower's contract: readiness is the inner service's, and the service that was ready is the one called.

use std::convert::Infallible;
use std::future::{Ready, pending, poll_fn, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response, StatusCode};
use tower::limit::ConcurrencyLimit;
use tower::util::ServiceFn;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_bearer::testing::{Behaviour, TestIssuer};
use tower_bearer::{AuthenticateLayer, Authenticator, Requirement, Verified, require};

const AUDIENCE: &str = "https://api.example.com";

fn layer(issuer: &TestIssuer) -> AuthenticateLayer {
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .fetch(issuer.fetch())
        .build()
        .expect("a sound configuration");
    AuthenticateLayer::new(auth)
}

fn request(issuer: &TestIssuer) -> Request<()> {
    let token = issuer.token().audience(AUDIENCE).sign();
    let mut request = Request::new(());
    let value = format!("Bearer {token}").parse().expect("a header value");
    request.headers_mut().insert("authorization", value);
    request
}

/// A service that has room for one request at a time.
fn one_at_a_time() -> ConcurrencyLimit<Open> {
    ConcurrencyLimit::new(service_fn(|_| ready(Ok(Response::new(())))), 1)
}

type Open = ServiceFn<fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>>;

/// A service that must be polled ready before each call, as Tower's contract has it; a clone of it is not ready.
struct Reserved {
    ready: bool,
    polled: Arc<AtomicUsize>,
}

impl Clone for Reserved {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            polled: Arc::clone(&self.polled),
        }
    }
}

impl Service<Request<()>> for Reserved {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.polled.fetch_add(1, Ordering::Relaxed);
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(self.ready, "called without having been polled ready");
        self.ready = false;
        let subject = request
            .extensions()
            .get::<Verified>()
            .and_then(|token| token.subject().map(str::to_owned));
        ready(Ok(Response::new(subject.unwrap_or_default())))
    }
}

#[tokio::test]
async fn no_service_is_called_that_was_not_polled_ready() {
    let issuer = TestIssuer::new("https://id.example.com");
    let polled = Arc::new(AtomicUsize::new(0));
    let mut service = layer(&issuer).layer(Reserved {
        ready: false,
        polled: Arc::clone(&polled),
    });
    // The first request waits for the keys, and its service becomes ready anew; the second finds them at hand.
    for polls in [2, 3] {
        poll_fn(|cx| service.poll_ready(cx))
            .await
            .expect("infallible");
        let response = service.call(request(&issuer)).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.body(), "alice");
        assert_eq!(polled.load(Ordering::Relaxed), polls);
    }
}

#[tokio::test]
async fn a_refused_request_gives_back_what_the_inner_service_reserved() {
    let issuer = TestIssuer::new("https://id.example.com");
    let mut one = layer(&issuer).layer(one_at_a_time());
    let mut other = one.clone();
    poll_fn(|cx| one.poll_ready(cx)).await.expect("infallible");
    let refused = one.call(Request::new(())).await.expect("infallible");
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let ready = poll_fn(|cx| Poll::Ready(other.poll_ready(cx))).await;
    assert!(ready.is_ready(), "the idle service holds no permit");
}

#[tokio::test]
async fn a_request_that_waits_for_a_key_holds_nothing_of_the_inner_service() {
    let issuer = TestIssuer::new("https://id.example.com");
    let mut one = layer(&issuer).layer(one_at_a_time());
    let other = one.clone();
    let known = one.clone().oneshot(request(&issuer)).await;
    assert_eq!(known.expect("infallible").status(), StatusCode::OK);
    issuer.behave(Behaviour::Hang);
    let made_up = issuer.token().audience(AUDIENCE).key_id("made-up").sign();
    let value = HeaderValue::try_from(format!("Bearer {made_up}")).expect("a header value");
    let mut stranger = Request::new(());
    stranger.headers_mut().insert("authorization", value);
    poll_fn(|cx| one.poll_ready(cx)).await.expect("infallible");
    let waiting = one.call(stranger);
    let known = other.oneshot(request(&issuer)).await;
    assert_eq!(known.expect("infallible").status(), StatusCode::OK);
    drop(waiting);
}

#[tokio::test]
async fn a_request_that_may_not_do_this_gives_back_what_the_inner_service_reserved() {
    let issuer = TestIssuer::new("https://id.example.com");
    let inner = require(Requirement::scopes("admin")).layer(one_at_a_time());
    let mut one = layer(&issuer).layer(inner);
    let mut other = one.clone();
    // The keys first, so that the request does not wait for them with a service of its own.
    let refused = one.clone().oneshot(request(&issuer)).await;
    assert_eq!(refused.expect("infallible").status(), StatusCode::FORBIDDEN);
    poll_fn(|cx| one.poll_ready(cx)).await.expect("infallible");
    let refused = one.call(request(&issuer)).await.expect("infallible");
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let ready = poll_fn(|cx| Poll::Ready(other.poll_ready(cx))).await;
    assert!(ready.is_ready(), "the idle service holds no permit");
}

#[tokio::test]
async fn a_service_that_is_not_ready_makes_the_layer_not_ready() {
    #[derive(Clone)]
    struct Busy;
    impl Service<Request<()>> for Busy {
        type Response = Response<()>;
        type Error = Infallible;
        type Future = std::future::Pending<Result<Response<()>, Infallible>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }
        fn call(&mut self, _: Request<()>) -> Self::Future {
            pending()
        }
    }
    let mut service = layer(&TestIssuer::new("https://id.example.com")).layer(Busy);
    let polled = poll_fn(|cx| Poll::Ready(service.poll_ready(cx))).await;
    assert!(polled.is_pending());
}

#[tokio::test]
async fn an_error_of_the_inner_service_passes_unchanged() {
    let issuer = TestIssuer::new("https://id.example.com");
    let service = layer(&issuer).layer(service_fn(|_: Request<()>| async {
        Err::<Response<()>, _>("the disk is full")
    }));
    assert_eq!(
        service.oneshot(request(&issuer)).await.err(),
        Some("the disk is full")
    );
}

#[tokio::test]
async fn the_body_of_a_request_and_of_a_response_may_be_of_any_type() {
    struct Opaque;
    #[derive(Default)]
    struct Empty;
    let issuer = TestIssuer::new("https://id.example.com");
    let service = layer(&issuer).layer(service_fn(|_: Request<Opaque>| async {
        Ok::<_, Infallible>(Response::new(Empty))
    }));
    let accepted = service
        .clone()
        .oneshot(request(&issuer).map(|()| Opaque))
        .await;
    assert_eq!(accepted.expect("infallible").status(), StatusCode::OK);
    let refused = service.oneshot(Request::new(Opaque)).await;
    assert_eq!(
        refused.expect("infallible").status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_while_it_waits_leaves_the_service_usable() {
    let issuer = TestIssuer::new("https://id.example.com");
    issuer.behave(Behaviour::Held);
    let polled = Arc::new(AtomicUsize::new(0));
    let service = layer(&issuer).layer(Reserved {
        ready: false,
        polled,
    });
    let waiting = service.clone().oneshot(request(&issuer));
    let waited = tokio::time::timeout(std::time::Duration::from_secs(1), waiting).await;
    assert!(waited.is_err(), "the keys are held back");

    issuer.behave(Behaviour::Normal);
    let response = service.oneshot(request(&issuer)).await.expect("infallible");
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn public_types_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Authenticator>();
    check::<AuthenticateLayer>();
    check::<tower_bearer::Authenticate<()>>();
    check::<tower_bearer::AuthorizeLayer>();
    check::<tower_bearer::Authorize<()>>();
    check::<Requirement>();
    check::<Requirement<std::cell::Cell<u8>>>();
    check::<tower_bearer::ClaimPath>();
    check::<tower_bearer::LetThrough>();
    check::<tower_bearer::Denied>();
    check::<tower_bearer::ProtectedResource>();
    check::<tower_bearer::ResourceMetadata>();
    check::<Verified>();
    check::<Verified<String>>();
    check::<tower_bearer::Claims>();
    check::<tower_bearer::Policy>();
    check::<tower_bearer::Verifier>();
    check::<tower_bearer::KeySet>();
    check::<tower_bearer::Rejection>();
    check::<tower_bearer::ConfigError>();
    check::<tower_bearer::AuthenticatorBuilder>();
    check::<tower_bearer::TrustedIssuer>();
}
