//! The layer keeps Tower's contract: readiness is the inner service's, and the service that was ready is the one called.

use std::convert::Infallible;
use std::future::{Ready, pending, poll_fn, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::testing::{Behaviour, TestIssuer};
use tower_bearer::{AuthenticateLayer, Authenticator, Verified};

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
async fn the_service_that_was_polled_ready_is_the_one_that_is_called() {
    let issuer = TestIssuer::new("https://id.example.com");
    let polled = Arc::new(AtomicUsize::new(0));
    let mut service = layer(&issuer).layer(Reserved {
        ready: false,
        polled: Arc::clone(&polled),
    });
    // The first request waits for the keys, the second finds them at hand.
    for round in 1..=2 {
        poll_fn(|cx| service.poll_ready(cx))
            .await
            .expect("infallible");
        let response = service.call(request(&issuer)).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.body(), "alice");
        assert_eq!(polled.load(Ordering::Relaxed), round);
    }
}

#[tokio::test]
async fn a_refused_request_gives_back_what_the_inner_service_reserved() {
    let issuer = TestIssuer::new("https://id.example.com");
    let inner = ServiceBuilder::new()
        .concurrency_limit(1)
        .service(service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(()))
        }));
    let mut one = layer(&issuer).layer(inner);
    let mut other = one.clone();
    poll_fn(|cx| one.poll_ready(cx)).await.expect("infallible");
    let refused = one.call(Request::new(())).await.expect("infallible");
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
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
