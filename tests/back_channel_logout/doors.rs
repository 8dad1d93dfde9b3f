//! Where the service may stand, and what cannot be built.

use axum::body::Body;
use axum::{Router, routing::get};
use http::{Request, StatusCode};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;
use tower_bearer::logout::BackChannelLogout;
use tower_bearer::revocation::InMemoryRevocations;
use tower_bearer::{AuthenticateLayer, Authenticator, ConfigErrorKind};

use crate::stage::{AUDIENCE, CLIENT, EVENT, ISSUER, Stage, post};

#[tokio::test]
async fn it_is_a_route_of_axum_beside_the_layer() {
    let stage = Stage::new();
    let app = Router::new()
        .route("/me", get(|| async { "me" }))
        .layer(AuthenticateLayer::new(stage.auth.clone()))
        .route_service("/logout", stage.logout.clone());
    let token = stage.token().claim("sid", "s-1").sign();
    let ask = async || {
        let request = Request::get("/me").header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(ask().await, StatusCode::OK);
    let mut request = post(format!("logout_token={}", stage.logout_token().sign())).map(Body::from);
    *request.uri_mut() = "/logout".parse().unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    // Not 204, although there is no body (§2.8).
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(ask().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn it_is_a_service_of_plain_hyper() {
    let stage = Stage::new();
    let (mut client, server) = tokio::io::duplex(64 * 1024);
    let service = TowerToHyperService::new(stage.logout.clone());
    let served =
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(server), service));

    let body = format!("logout_token={}", stage.logout_token().sign());
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{body}"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
    served.await.unwrap().unwrap();
    assert_eq!(stage.revocations().await, 1);
}

#[derive(serde::Deserialize)]
struct Tenant {
    #[expect(dead_code, reason = "it only has to be there")]
    tenant: String,
}

/// Logout tokens are not read as the service's own claims.
#[tokio::test]
async fn an_authenticator_with_claims_of_its_own_serves_as_well() {
    let stage = Stage::new();
    let auth = Authenticator::builder(ISSUER, AUDIENCE)
        .fetch(stage.issuer.fetch())
        .clock(stage.clock.clone())
        .revocations(stage.store.clone())
        .claims::<Tenant>()
        .build()
        .unwrap();
    let logout = BackChannelLogout::builder(&auth, CLIENT, stage.store.clone()).build();
    let request = post(format!("logout_token={}", stage.logout_token().sign()));
    let response = logout.unwrap().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn what_cannot_work_cannot_be_built() {
    use std::time::Duration;
    let store = InMemoryRevocations::new();
    let auth = Authenticator::builder(ISSUER, AUDIENCE);
    let auth = auth.revocations(store.clone()).build().unwrap();
    let builder = || BackChannelLogout::builder(&auth, CLIENT, store.clone());
    let unasked = Authenticator::builder(ISSUER, AUDIENCE).build().unwrap();
    for (built, kind) in [
        (
            BackChannelLogout::builder(&auth, "", store.clone()).build(),
            ConfigErrorKind::Audience,
        ),
        (builder().client_id("").build(), ConfigErrorKind::Audience),
        (
            builder().longest_age(Duration::ZERO).build(),
            ConfigErrorKind::Limit,
        ),
        (
            builder().longest_age(Duration::from_secs(3601)).build(),
            ConfigErrorKind::Limit,
        ),
        (
            BackChannelLogout::builder(&unasked, CLIENT, store.clone()).build(),
            ConfigErrorKind::Contradiction,
        ),
    ] {
        assert_eq!(built.unwrap_err().kind(), kind);
    }
    builder()
        .longest_age(Duration::from_secs(3600))
        .build()
        .unwrap();
}

/// A logout token of a tenant who is known only at run time.
#[tokio::test]
async fn an_issuer_that_a_resolver_knows_may_log_out() {
    use tower_bearer::testing::TestIssuer;
    use tower_bearer::{IssuerTemplate, NumericDate, TrustedIssuer};

    let tenant = TestIssuer::new("https://acme.id.test");
    let network = tenant.fetch();
    let stage = Stage::with(
        |auth| {
            let terms = |issuer: &str, _: &str| TrustedIssuer::new(issuer, AUDIENCE);
            let template = IssuerTemplate::new("https://{tenant}.id.test", terms).unwrap();
            auth.fetch(network).resolver(template.allow(["acme"]))
        },
        |logout| logout,
    );
    tenant.clock(stage.clock.clone());
    let token = tenant
        .token()
        .typ("logout+jwt")
        .audience(CLIENT)
        .claim("events", json!({EVENT: {}}));
    stage.send(&token.sign()).await.logged_out();
    let asked = tenant.total_requests();

    // What can be told without is not asked for.
    let old = token
        .clone()
        .issued_at(NumericDate::from_seconds(crate::stage::NOW - 301));
    let unknown = old.issuer("https://evil.test");
    stage
        .send(&unknown.sign())
        .await
        .refused("too old", "too_old");
    let unknown = token.issuer("https://evil.test");
    stage
        .send(&unknown.sign())
        .await
        .refused("no tenant", "issuer");
    assert_eq!(tenant.total_requests(), asked);
}
