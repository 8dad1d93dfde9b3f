//! The extractors of the feature `axum`.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::{Router, routing::get};
use tower::ServiceExt;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AuthenticateLayer, Authenticator, AuthorizationError, Rejection, Verified};

const AUDIENCE: &str = "https://api.example.com";

#[derive(serde::Deserialize)]
struct Tenant {
    tenant: String,
}

async fn answer(app: Router, token: Option<&str>) -> (StatusCode, Option<String>, String) {
    let mut request = Request::builder().uri("/");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = app.oneshot(request).await.expect("infallible");
    let challenge = response.headers().get(header::WWW_AUTHENTICATE);
    let challenge = challenge.map(|value| value.to_str().expect("ASCII").to_owned());
    let status = response.status();
    let body = to_bytes(response.into_body(), 4096)
        .await
        .expect("a small body");
    (
        status,
        challenge,
        String::from_utf8(body.to_vec()).expect("UTF-8"),
    )
}

fn builder(issuer: &TestIssuer) -> tower_bearer::AuthenticatorBuilder {
    Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch())
}

#[tokio::test]
async fn a_handler_is_given_the_verified_token() {
    let issuer = TestIssuer::new("https://id.example.com");
    let handler = async |token: Verified| token.subject().unwrap_or("nobody").to_owned();
    let layer = AuthenticateLayer::new(builder(&issuer).build().expect("sound"));
    let app = Router::new().route("/", get(handler)).layer(layer);
    let token = issuer.token().audience(AUDIENCE).subject("bob").sign();
    assert_eq!(
        answer(app.clone(), Some(&token)).await,
        (StatusCode::OK, None, "bob".to_owned())
    );
    let realm = format!("Bearer realm=\"{AUDIENCE}\"");
    assert_eq!(
        answer(app, None).await,
        (StatusCode::UNAUTHORIZED, Some(realm), String::new())
    );
}

#[tokio::test]
async fn a_handler_is_given_claims_of_its_own_type() {
    let issuer = TestIssuer::new("https://id.example.com");
    let handler = async |token: Verified<Tenant>| token.claims().tenant.clone();
    let layer = AuthenticateLayer::new(builder(&issuer).claims::<Tenant>().build().expect("sound"));
    let app = Router::new().route("/", get(handler)).layer(layer);
    let token = issuer
        .token()
        .audience(AUDIENCE)
        .claim("tenant", "acme")
        .sign();
    assert_eq!(
        answer(app.clone(), Some(&token)).await,
        (StatusCode::OK, None, "acme".to_owned())
    );
    let without = issuer.token().audience(AUDIENCE).sign();
    assert_eq!(
        answer(app, Some(&without)).await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn an_optional_token_is_there_behind_the_layer() {
    let issuer = TestIssuer::new("https://id.example.com");
    let handler = async |token: Option<Verified>| format!("{}", token.is_some());
    let layer = AuthenticateLayer::new(builder(&issuer).build().expect("sound"));
    let app = Router::new().route("/", get(handler)).layer(layer);
    let token = issuer.token().audience(AUDIENCE).sign();
    assert_eq!(answer(app, Some(&token)).await.2, "true");
}

#[tokio::test]
async fn a_handler_without_the_layer_answers_500_and_says_so() {
    let apps = [
        Router::new().route("/", get(async |_: Verified| "open door")),
        Router::new().route("/", get(async |_: Option<Verified>| "open door")),
    ];
    for app in apps {
        let (status, _, body) = answer(app, Some("any.token.atall")).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains("AuthenticateLayer"), "{body}");
    }
}

#[tokio::test]
async fn a_handler_with_another_claims_type_than_the_layer_answers_500() {
    let issuer = TestIssuer::new("https://id.example.com");
    let layer = AuthenticateLayer::new(builder(&issuer).build().expect("sound"));
    let app = Router::new()
        .route("/", get(async |_: Verified<Tenant>| "open door"))
        .layer(layer);
    let token = issuer
        .token()
        .audience(AUDIENCE)
        .claim("tenant", "acme")
        .sign();
    assert_eq!(
        answer(app, Some(&token)).await.0,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

#[tokio::test]
async fn a_missing_scope_is_answered_403_with_all_that_is_needed() {
    async fn admin(token: Verified) -> Result<&'static str, AuthorizationError> {
        token.scopes().require("read admin")?;
        Ok("welcome")
    }
    let issuer = TestIssuer::new("https://id.example.com");
    let layer = AuthenticateLayer::new(builder(&issuer).build().expect("sound"));
    let app = Router::new().route("/", get(admin)).layer(layer);
    let token = issuer.token().audience(AUDIENCE).scope("read").sign();
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"read admin\"".to_owned();
    assert_eq!(
        answer(app.clone(), Some(&token)).await,
        (StatusCode::FORBIDDEN, Some(challenge), String::new())
    );
    let token = issuer.token().audience(AUDIENCE).scope("admin read").sign();
    assert_eq!(answer(app, Some(&token)).await.2, "welcome");
}

#[tokio::test]
async fn layers_outside_find_the_rejection_in_the_response() {
    let issuer = TestIssuer::new("https://id.example.com");
    let layer = AuthenticateLayer::new(builder(&issuer).build().expect("sound"));
    let app = Router::new().route("/", get(async || "in")).layer(layer);
    let request = Request::builder().header(header::AUTHORIZATION, "Bearer not-a-token");
    let response = app
        .oneshot(request.body(Body::empty()).expect("a request"))
        .await;
    let response = response.expect("infallible");
    let rejection = response
        .extensions()
        .get::<Rejection>()
        .expect("rides along");
    assert_eq!(rejection.code(), "not_compact");
}
