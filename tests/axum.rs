//! The extractors of the feature `axum`.
#![expect(
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use axum::routing::{any, get};
use axum::{Extension, Router};
use tower::ServiceExt;
use tower_bearer::axum::{Authorized, Requires};
use tower_bearer::metadata::ProtectedResource;
use tower_bearer::middleware::RefusedRequest;
use tower_bearer::observe::Event;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{
    AuthenticateLayer, Authenticator, AuthorizationError, AuthorizeLayer, Claims, LayerMissing,
    LetThrough, Rejection, Requirement, Verified, require,
};

const AUDIENCE: &str = "https://api.example.com";

#[derive(serde::Deserialize)]
struct Tenant {
    tenant: String,
}

struct Admin;

impl Requires for Admin {
    type Claims = Claims;

    fn requirement() -> &'static Requirement {
        static ADMIN: LazyLock<Requirement> = LazyLock::new(admin);
        &ADMIN
    }
}

fn admin() -> Requirement {
    Requirement::scopes("read admin").and(Requirement::max_age(Duration::from_secs(300)))
}

/// Claims of a type of the service's own, with a requirement on them.
struct OfAcme;

impl Requires for OfAcme {
    type Claims = Tenant;

    fn requirement() -> &'static Requirement<Tenant> {
        static ACME: LazyLock<Requirement<Tenant>> = LazyLock::new(|| {
            Requirement::predicate(|token: &Verified<Tenant>| token.claims().tenant == "acme")
        });
        &ACME
    }
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
async fn a_handler_without_the_layer_answers_500_and_tells_layers_outside_why() {
    let apps = [
        Router::new().route("/", get(async |_: Verified| "open door")),
        Router::new().route("/", get(async |_: Option<Verified>| "open door")),
        Router::new().route("/", get(async |_: Authorized<Admin>| "open door")),
    ];
    for app in apps {
        let request = Request::builder().header(header::AUTHORIZATION, "Bearer any.token.atall");
        let request = request.body(Body::empty()).expect("a request");
        let response = app.oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.extensions().get::<LayerMissing>().is_some());
        let body = to_bytes(response.into_body(), 4096).await;
        assert!(body.expect("a small body").is_empty());
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
    let challenge = format!(
        "Bearer realm=\"{AUDIENCE}\", scope=\"read admin\", error=\"insufficient_scope\", \
         error_description=\"the token does not permit this\""
    );
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

#[tokio::test]
async fn an_extractor_demands_what_its_requirement_says() {
    let issuer = TestIssuer::new("https://id.example.com");
    let layer = AuthenticateLayer::new(builder(&issuer).build().expect("sound"));
    let handler =
        async |Authorized(token): Authorized<Admin>| token.subject().unwrap_or("nobody").to_owned();
    let app = Router::new().route("/", get(handler)).layer(layer);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let token = |scope: &str| {
        issuer
            .token()
            .audience(AUDIENCE)
            .subject("bob")
            .scope(scope)
    };
    let good = token("admin read").claim("auth_time", now).sign();
    assert_eq!(
        answer(app.clone(), Some(&good)).await,
        (StatusCode::OK, None, "bob".to_owned())
    );
    let needed = format!("Bearer realm=\"{AUDIENCE}\", scope=\"read admin\", error=");
    let forbidden = format!(
        "{needed}\"insufficient_scope\", error_description=\"the token does not permit this\""
    );
    let too_old = format!(
        "{needed}\"insufficient_user_authentication\", error_description=\"a stronger or more recent login is needed\", \
         max_age=\"300\""
    );
    for (row, token, status, challenge) in [
        (
            "no scope",
            token("read").claim("auth_time", now),
            StatusCode::FORBIDDEN,
            &forbidden,
        ),
        (
            "no scope and no login",
            token("read"),
            StatusCode::FORBIDDEN,
            &forbidden,
        ),
        (
            "no login",
            token("read admin"),
            StatusCode::UNAUTHORIZED,
            &too_old,
        ),
        (
            "an old login",
            token("read admin").claim("auth_time", now - 400),
            StatusCode::UNAUTHORIZED,
            &too_old,
        ),
    ] {
        let refused = (status, Some(challenge.clone()), String::new());
        assert_eq!(
            answer(app.clone(), Some(&token.sign())).await,
            refused,
            "{row}"
        );
    }
    let absent = format!("Bearer realm=\"{AUDIENCE}\"");
    assert_eq!(
        answer(app, None).await,
        (StatusCode::UNAUTHORIZED, Some(absent), String::new())
    );
}

#[tokio::test]
async fn an_extractor_demands_something_of_claims_of_its_own_type() {
    let issuer = TestIssuer::new("https://id.example.com");
    let layer = AuthenticateLayer::new(builder(&issuer).claims::<Tenant>().build().expect("sound"));
    let handler = async |Authorized(token): Authorized<OfAcme>| token.claims().tenant.clone();
    let by_layer = AuthorizeLayer::from(OfAcme::requirement().clone());
    let app = Router::new()
        .route("/", get(handler).layer(by_layer))
        .layer(layer);
    for (tenant, status) in [("acme", StatusCode::OK), ("other", StatusCode::FORBIDDEN)] {
        let token = issuer
            .token()
            .audience(AUDIENCE)
            .claim("tenant", tenant)
            .sign();
        assert_eq!(
            answer(app.clone(), Some(&token)).await.0,
            status,
            "{tenant}"
        );
    }
}

/// The same refusal from wherever one can stand.
fn refusing() -> Router {
    async fn by_hand(token: Verified) -> Result<&'static str, AuthorizationError> {
        admin().check(&token)?;
        Ok("welcome")
    }
    Router::new()
        .route("/handler", any(by_hand))
        .route("/extractor", any(async |_: Authorized<Admin>| "welcome"))
        .route("/layer", any(async || "welcome").layer(require(admin())))
        .nest(
            "/nested",
            Router::new()
                .route("/layer", any(async || "welcome"))
                .layer(require(admin())),
        )
}

const PLACES: [&str; 4] = ["/handler", "/extractor", "/layer", "/nested/layer"];

#[tokio::test]
async fn every_refusal_from_inside_is_finished_in_the_same_words_and_told_once() {
    let issuer = TestIssuer::new("https://id.example.com");
    let codes = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&codes);
    let auth = builder(&issuer)
        .realm("orders")
        .protected_resource(ProtectedResource::new(AUDIENCE))
        .observer(move |event: &Event<'_>| {
            written
                .lock()
                .expect("no panic")
                .push(event.code().to_owned())
        })
        .build()
        .expect("sound");
    let hook = |mut response: Response<Body>, rejection: &Rejection, request: &RefusedRequest| {
        assert!(!request.headers().contains_key(header::AUTHORIZATION));
        let seen = format!("{} {}", rejection.code(), request.uri());
        response
            .headers_mut()
            .insert("x-seen", HeaderValue::try_from(seen).expect("ASCII"));
        response
    };
    let layer = AuthenticateLayer::new(auth)
        .problem_details()
        .on_refusal(hook);
    let app = refusing().layer(layer);
    let token = issuer.token().audience(AUDIENCE).scope("read").sign();
    for place in PLACES {
        let send = |content_type: &'static str| {
            let request =
                Request::post(place).header(header::AUTHORIZATION, format!("Bearer {token}"));
            app.clone().oneshot(
                request
                    .header(header::CONTENT_TYPE, content_type)
                    .body(Body::empty())
                    .expect("a request"),
            )
        };
        let (head, body) = send("text/plain").await.expect("infallible").into_parts();
        let body = to_bytes(body, 4096).await.expect("a small body");
        assert_eq!(head.status, StatusCode::FORBIDDEN, "{place}");
        let challenges: Vec<_> = head
            .headers
            .get_all(header::WWW_AUTHENTICATE)
            .iter()
            .collect();
        let challenge = "Bearer realm=\"orders\", scope=\"read admin\", error=\"insufficient_scope\", \
                         error_description=\"the token does not permit this\", \
                         resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource\"";
        assert_eq!(challenges, [challenge], "{place}");
        assert_eq!(
            head.headers["content-type"], "application/problem+json",
            "{place}"
        );
        assert_eq!(
            head.headers["x-seen"],
            format!("insufficient_scope {place}"),
            "{place}"
        );
        let length = head.headers.get(header::CONTENT_LENGTH);
        assert!(
            length.is_none_or(|length| *length == body.len().to_string()),
            "{place}: {length:?}"
        );
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let expected = serde_json::json!({
            "type": "about:blank", "title": "Forbidden", "status": 403,
            "detail": "the token does not permit this", "error": "insufficient_scope",
        });
        assert_eq!(problem, expected, "{place}");
        assert_eq!(
            head.extensions.get::<Rejection>().map(Rejection::code),
            Some("insufficient_scope"),
            "{place}"
        );
        let told = || {
            let mut told = std::mem::take(&mut *codes.lock().expect("no panic"));
            told.retain(|code| code != "keys_refreshed");
            told
        };
        assert_eq!(told(), ["accepted", "insufficient_scope"], "{place}");

        let (head, body) = send("application/grpc")
            .await
            .expect("infallible")
            .into_parts();
        assert_eq!(head.status, StatusCode::OK, "{place}");
        assert_eq!(head.headers["content-type"], "application/grpc", "{place}");
        assert_eq!(head.headers["grpc-status"], "7", "{place}");
        assert_eq!(
            head.headers["grpc-message"], "the token does not permit this",
            "{place}"
        );
        assert_eq!(head.headers.get(header::WWW_AUTHENTICATE), None, "{place}");
        assert!(
            to_bytes(body, 4096).await.expect("a small body").is_empty(),
            "{place}"
        );
        assert_eq!(told(), ["accepted", "insufficient_scope"], "{place}");
    }
}

#[tokio::test]
async fn without_the_layer_every_check_is_500_and_lets_nothing_pass() {
    for place in PLACES {
        let request = Request::builder()
            .uri(place)
            .header(header::AUTHORIZATION, "Bearer a.b.c");
        let response = refusing()
            .oneshot(request.body(Body::empty()).expect("a request"))
            .await;
        let response = response.expect("infallible");
        assert_eq!(
            response.status(),
            StatusCode::INTERNAL_SERVER_ERROR,
            "{place}"
        );
        assert_eq!(
            response.headers().get(header::WWW_AUTHENTICATE),
            None,
            "{place}"
        );
    }
}

#[tokio::test]
async fn a_handler_learns_why_there_is_no_token() {
    async fn why(token: Option<Verified>, why: Option<Extension<LetThrough>>) -> String {
        format!("{} {:?}", token.is_some(), why.map(|Extension(why)| why))
    }
    let issuer = TestIssuer::new("https://id.example.com");
    let base = || AuthenticateLayer::new(builder(&issuer).build().expect("sound"));
    let app = |layer: AuthenticateLayer| Router::new().route("/", get(why)).layer(layer);
    let token = issuer.token().audience(AUDIENCE).sign();
    let open = || base().public(Method::GET, "/").expect("a route");
    assert_eq!(
        answer(app(base().optional()), None).await.2,
        "false Some(Anonymous)"
    );
    assert_eq!(
        answer(app(base().optional()), Some(&token)).await.2,
        "true None"
    );
    assert_eq!(
        answer(app(open()), Some(&token)).await.2,
        "false Some(PublicRoute)"
    );
    let observed = answer(app(base().observe_only()), Some("x")).await.2;
    assert!(observed.starts_with("false Some(NotRefused("), "{observed}");
}

#[tokio::test]
async fn a_handler_that_demands_a_token_is_answered_for_where_a_layer_let_the_request_through() {
    let issuer = TestIssuer::new("https://id.example.com");
    let base = || AuthenticateLayer::new(builder(&issuer).build().expect("sound"));
    let realm = format!("Bearer realm=\"{AUDIENCE}\"");
    let invalid = format!(
        "{realm}, error=\"invalid_token\", error_description=\"the token is not acceptable\""
    );
    for (row, layer, token, challenge) in [
        ("anonymous", base().optional(), None, &realm),
        (
            "public",
            base().public(Method::GET, "/").expect("a route"),
            Some("x"),
            &realm,
        ),
        ("observed, none", base().observe_only(), None, &realm),
        ("observed, bad", base().observe_only(), Some("x"), &invalid),
    ] {
        let demanding = [
            Router::new().route("/", get(async |_: Verified| "open door")),
            Router::new().route("/", get(async |_: Authorized<Admin>| "open door")),
        ];
        for app in demanding {
            let refused = (
                StatusCode::UNAUTHORIZED,
                Some(challenge.clone()),
                String::new(),
            );
            assert_eq!(
                answer(app.layer(layer.clone()), token).await,
                refused,
                "{row}"
            );
        }
    }
}

/// A router that is nested is handed the path without its prefix; so is a layer on it.
#[tokio::test]
async fn a_public_route_is_named_by_the_path_that_the_layer_sees() {
    let issuer = TestIssuer::new("https://id.example.com");
    let layer = |path: &str| {
        let layer = AuthenticateLayer::new(builder(&issuer).build().expect("sound"));
        layer.public(Method::GET, path).expect("a route")
    };
    let routes = || Router::new().route("/open", get(async || "open"));
    for (row, app, status) in [
        (
            "inside, as nested",
            Router::new().nest("/api", routes().layer(layer("/open"))),
            StatusCode::OK,
        ),
        (
            "inside, in full",
            Router::new().nest("/api", routes().layer(layer("/api/open"))),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "outside, in full",
            Router::new()
                .nest("/api", routes())
                .layer(layer("/api/open")),
            StatusCode::OK,
        ),
        (
            "outside, as nested",
            Router::new().nest("/api", routes()).layer(layer("/open")),
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let send = |method: &str, uri: &str| {
            let request = Request::builder()
                .method(method)
                .uri(uri)
                .body(Body::empty());
            app.clone().oneshot(request.expect("a request"))
        };
        assert_eq!(
            send("GET", "/api/open").await.expect("infallible").status(),
            status,
            "{row}"
        );
        // axum would have served it by the handler of GET.
        let head = send("HEAD", "/api/open").await.expect("infallible");
        assert_eq!(head.status(), StatusCode::UNAUTHORIZED, "{row}");
    }
}
