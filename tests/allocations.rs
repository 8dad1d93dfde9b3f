//! How often a request allocates, and how much a remembered token takes: budgets, counted.
//!
//! The portable backend allocates within each signature check, which is not ours to count.
#![cfg(feature = "aws-lc-rs")]

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::AllocationInfo;
use http::{HeaderValue, Request, Response};
use serde_json::json;
use tower::util::ServiceFn;
use tower::{Layer, Service, service_fn};
use tower_bearer::testing::{TestIssuer, TokenBuilder};
use tower_bearer::{Algorithm, Authenticate, AuthenticateLayer, Authenticator};

const AUDIENCE: &str = "https://api.example.com";

type Inner = ServiceFn<fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>>;

struct Stage {
    issuer: TestIssuer,
    auth: Authenticator,
    service: Authenticate<Inner>,
}

impl Stage {
    /// The keys are at hand, and verified tokens may take so many bytes.
    async fn with_cache(bytes: u64) -> Self {
        let issuer = TestIssuer::new("https://id.example.com");
        let auth = Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch());
        let auth = auth.token_cache(bytes).build().expect("sound");
        auth.warm().await.expect("the issuer is up");
        let inner: Inner = service_fn(|_| ready(Ok(Response::new(()))));
        let service = AuthenticateLayer::new(auth.clone()).layer(inner);
        Self {
            issuer,
            auth,
            service,
        }
    }

    /// A token of 14 claims.
    fn token(&self, algorithm: Algorithm) -> TokenBuilder {
        self.issuer
            .token()
            .algorithm(algorithm)
            .access_token()
            .audience(AUDIENCE)
            .claim("azp", "web")
            .claim("sid", "0f8fad5b-d9cb-469f-a165-70867728950e")
            .claim("email", "alice@example.com")
            .claim("name", "Alice Example")
            .claim("roles", json!(["reader", "writer", "auditor"]))
            .claim("tenant", json!({"id": 17, "name": "acme"}))
    }

    /// What one request costs; making it is not the layer's work.
    fn measure(&mut self, authorization: Option<&str>, status: u16) -> AllocationInfo {
        let mut request = Request::new(());
        if let Some(value) = authorization {
            let value = HeaderValue::try_from(value).expect("a header value");
            request.headers_mut().insert("authorization", value);
        }
        allocation_counter::measure(|| {
            let mut future = pin!(self.service.call(request));
            match future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(Ok(response)) => assert_eq!(response.status().as_u16(), status),
                _ => panic!("keys are at hand, so the answer is too"),
            }
        })
    }
}

const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

#[tokio::test]
async fn a_new_token_with_fourteen_claims_allocates_at_most_twelve_times() {
    let mut stage = Stage::with_cache(0).await;
    for algorithm in ALGORITHMS {
        let bearer = format!("Bearer {}", stage.token(algorithm).sign());
        // The first use of a key may prepare it.
        stage.measure(Some(&bearer), 200);
        let counted = stage.measure(Some(&bearer), 200).count_total;
        println!("{algorithm}: {counted} allocations");
        assert!(counted <= 12, "{algorithm}: {counted} allocations");
    }
}

/// They are those of `http::Extensions`, which begin empty.
#[tokio::test]
async fn a_repeated_token_allocates_at_most_three_times() {
    let mut stage = Stage::with_cache(1 << 20).await;
    for algorithm in ALGORITHMS {
        let bearer = format!("Bearer {}", stage.token(algorithm).sign());
        stage.measure(Some(&bearer), 200);
        let counted = stage.measure(Some(&bearer), 200).count_total;
        println!("{algorithm}: {counted} allocations");
        assert!(counted <= 3, "{algorithm}: {counted} allocations");
    }
}

/// What is allocated is the answer: its headers, and its extensions with the reason.
#[tokio::test]
async fn garbage_and_no_token_allocate_nothing_but_the_answer() {
    let mut stage = Stage::with_cache(1 << 20).await;
    let none = stage.measure(None, 401).count_total;
    println!("no token: {none} allocations");
    assert!(none <= 5, "{none} allocations");
    let garbage = format!("Bearer {}", "x".repeat(1000));
    for garbage in ["Bearer garbage", "Bearer a.b.c.d", &garbage] {
        let counted = stage.measure(Some(garbage), 401).count_total;
        assert_eq!(counted, none, "{garbage}");
    }
}

#[tokio::test]
async fn a_remembered_token_with_fourteen_claims_takes_at_most_1_2_kib() {
    const TOKENS: usize = 2000;
    let mut stage = Stage::with_cache(64 << 20).await;
    let tokens: Vec<String> = (0..TOKENS)
        .map(|number| {
            let token = stage
                .token(Algorithm::EdDSA)
                .token_id(format!("{number:036}"));
            format!("Bearer {}", token.sign())
        })
        .collect();
    // The requests are made and gone within.
    let kept = allocation_counter::measure(|| {
        for token in &tokens {
            stage.measure(Some(token), 200);
        }
    });
    let each = kept.bytes_current / TOKENS as i64;
    let health = stage.auth.health().token_cache().expect("it is on");
    assert_eq!(health.entries, TOKENS as u64);
    let weighed = health.bytes / health.entries;
    println!("{each} bytes each, weighed as {weighed}");
    assert!(each <= 1229, "{each} bytes");
    // What the bound counts is what is taken, within a tenth or so.
    assert!(
        weighed.abs_diff(each as u64) <= 150,
        "{each}, weighed as {weighed}"
    );
}
