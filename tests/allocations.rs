//! How often an accepted token allocates: a budget, counted.
//!
//! The portable backend allocates within each signature check, which is not ours to count.
#![cfg(feature = "aws-lc-rs")]

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{HeaderValue, Request, Response};
use serde_json::json;
use tower::{Layer, Service, service_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Algorithm, AuthenticateLayer, Authenticator};

const AUDIENCE: &str = "https://api.example.com";

#[tokio::test]
async fn an_accepted_token_with_fourteen_claims_allocates_at_most_twelve_times() {
    let issuer = TestIssuer::new("https://id.example.com");
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .fetch(issuer.fetch())
        .build()
        .expect("sound");
    auth.warm().await.expect("the issuer is up");
    let mut service = AuthenticateLayer::new(auth).layer(service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(())))
    }));

    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let token = issuer
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
            .sign();
        let value = HeaderValue::try_from(format!("Bearer {token}")).expect("a header value");
        let accept = || {
            let mut request = Request::new(());
            request.headers_mut().insert("authorization", value.clone());
            request
        };
        let mut call = |request| {
            let mut future = pin!(service.call(request));
            match future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(Ok(response)) => assert_eq!(response.status(), 200),
                _ => panic!("keys are at hand, so the answer is too"),
            }
        };
        // The first use of a key may prepare it.
        call(accept());
        let request = accept();
        let counted = allocation_counter::measure(|| call(request));
        println!(
            "{algorithm}: {} allocations, {} bytes",
            counted.count_total, counted.bytes_total
        );
        assert!(
            counted.count_total <= 12,
            "{algorithm}: {} allocations",
            counted.count_total
        );
    }
}
