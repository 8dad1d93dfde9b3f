//! What a service publishes of itself (RFC 9728): derived from what it enforces, named in every challenge, open to all.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use axum::{Router, routing::get};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{
    AuthenticateLayer, Authenticator, AuthenticatorBuilder, AuthorizationError, ConfigErrorKind,
    IssuerTemplate, ProtectedResource, ResourceMetadata, TrustedIssuer, Verified,
};

const RESOURCE: &str = "https://api.example.com/orders";
const URL: &str = "https://api.example.com/.well-known/oauth-protected-resource/orders";
const PATH: &str = "/.well-known/oauth-protected-resource/orders";
const DOCUMENT: &str = concat!(
    r#"{"resource":"https://api.example.com/orders","#,
    r#""authorization_servers":["https://id.example.com"],"#,
    r#""scopes_supported":["read","write"],"bearer_methods_supported":["header"]}"#
);

fn issuer() -> TestIssuer {
    TestIssuer::new("https://id.example.com")
}

fn resource() -> ProtectedResource {
    ProtectedResource::new(RESOURCE).scopes_supported(["read", "write"])
}

fn builder(issuer: &TestIssuer) -> AuthenticatorBuilder {
    Authenticator::builder(issuer.url(), RESOURCE)
        .fetch(issuer.fetch())
        .protected_resource(resource())
}

fn metadata<C>(builder: AuthenticatorBuilder<C>) -> ResourceMetadata {
    let auth = builder.build().unwrap();
    auth.resource_metadata().unwrap().clone()
}

fn document(builder: AuthenticatorBuilder) -> Value {
    serde_json::from_str(metadata(builder).document()).unwrap()
}

/// The service as it is deployed: the layer around its own routes, the metadata beside them.
fn app(builder: AuthenticatorBuilder) -> Router {
    let auth = builder.build().unwrap();
    let metadata = auth.resource_metadata().unwrap().clone();
    let write = async |token: Verified| -> Result<&'static str, AuthorizationError> {
        token.scopes().require("read write")?;
        Ok("written")
    };
    Router::new()
        .route("/orders", get(|| async { "orders" }).post(write))
        .layer(AuthenticateLayer::new(auth))
        .route_service(metadata.path(), metadata.service())
}

async fn ask(app: Router, request: http::request::Builder) -> (StatusCode, HeaderMap, String) {
    let request = request.body(Body::empty()).unwrap();
    let (head, body) = app.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 4096).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    (head.status, head.headers, body)
}

/// Asks the metadata service itself, with no framework around it.
async fn ask_service(request: http::request::Builder) -> Response<String> {
    let service = metadata(builder(&issuer())).service();
    service.oneshot(request.body(()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn anyone_may_read_the_document_and_keep_it_for_an_hour() {
    let (status, headers, body) = ask(app(builder(&issuer())), Request::get(URL)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["cache-control"], "public, max-age=3600");
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["content-length"], DOCUMENT.len().to_string());
    assert_eq!(body, DOCUMENT);
}

#[tokio::test]
async fn the_head_of_the_document_is_the_same_without_it() {
    let (status, headers, body) = ask(app(builder(&issuer())), Request::head(URL)).await;
    let (_, whole, _) = ask(app(builder(&issuer())), Request::get(URL)).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
    assert_eq!(headers, whole);
}

#[tokio::test]
async fn a_page_of_another_origin_may_send_headers_of_its_own() {
    let preflight = Request::options(URL)
        .header("origin", "https://inspector.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "mcp-protocol-version");
    let (status, headers, body) = ask(app(builder(&issuer())), preflight).await;
    assert_eq!((status, body.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-allow-methods"], "GET, HEAD");
    assert_eq!(headers["access-control-allow-headers"], "*");
    assert_eq!(headers["access-control-max-age"], "3600");
}

#[tokio::test]
async fn only_reading_is_allowed() {
    for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"] {
        let request = Request::builder().method(method).uri(PATH);
        let response = ask_service(request).await;
        assert_eq!(
            response.status(),
            StatusCode::METHOD_NOT_ALLOWED,
            "{method}"
        );
        assert_eq!(
            response.headers()["allow"],
            "GET, HEAD, OPTIONS",
            "{method}"
        );
        assert_eq!(response.body(), "", "{method}");
    }
}

#[tokio::test]
async fn every_other_path_is_not_found() {
    for uri in [
        "/",
        "/orders",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource/orders/",
        "/.well-known/oauth-protected-resource/orders/1",
        "/.well-known/oauth-protected-resource/Orders",
        "/.well-known/oauth-protected-resource/%6Frders",
        "/.well-known/oauth-protected-resource//orders",
        "/orders/.well-known/oauth-protected-resource",
        "/.well-known/oauth-authorization-server/orders",
    ] {
        for method in [Method::GET, Method::OPTIONS, Method::POST] {
            let response = ask_service(Request::builder().method(method).uri(uri)).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{uri}");
            assert_eq!(response.body(), "", "{uri}");
        }
    }
}

#[tokio::test]
async fn a_resource_with_a_query_has_a_document_for_that_query_only() {
    let tenant = "https://api.example.com/orders?tenant=1";
    let issuer = issuer();
    let builder = Authenticator::builder(issuer.url(), tenant).fetch(issuer.fetch());
    let metadata = metadata(builder.protected_resource(ProtectedResource::new(tenant)));
    assert_eq!(metadata.url(), format!("{URL}?tenant=1"));
    assert_eq!(metadata.path(), PATH);
    for (uri, status) in [
        ("?tenant=1", StatusCode::OK),
        ("?tenant=2", StatusCode::NOT_FOUND),
        ("?tenant=1&x", StatusCode::NOT_FOUND),
        ("", StatusCode::NOT_FOUND),
    ] {
        let request = Request::get(format!("{PATH}{uri}")).body(()).unwrap();
        let response = metadata.service().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{uri}");
    }
}

#[tokio::test]
async fn a_query_that_does_not_name_the_resource_changes_nothing() {
    let response = ask_service(Request::get(format!("{PATH}?fresh=1"))).await;
    assert_eq!(response.body(), DOCUMENT);
}

#[tokio::test]
async fn nothing_that_a_client_sent_appears_in_an_answer() {
    let token = issuer().token().audience(RESOURCE).sign();
    for (method, uri) in [
        ("GET", format!("{PATH}?access_token={token}")),
        ("HEAD", PATH.to_owned()),
        ("OPTIONS", PATH.to_owned()),
        ("POST", PATH.to_owned()),
        ("GET", format!("/{token}")),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(&uri)
            .header("authorization", format!("Bearer {token}"))
            .header("host", "evil.example")
            .header("origin", "https://evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("access-control-request-headers", "x-evil.example");
        let answer = format!("{:?}", ask_service(request).await);
        assert!(!answer.contains(&token), "{method} {uri}");
        assert!(!answer.contains("evil"), "{method} {uri}");
    }
}

#[tokio::test]
async fn every_challenge_names_the_address_of_the_document() {
    let issuer = issuer();
    let app = app(builder(&issuer).challenge_scope("read"));
    let good = format!("Bearer {}", issuer.token().audience(RESOURCE).sign());
    for (what, request, status) in [
        (
            "no token",
            Request::get("/orders"),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "bad token",
            Request::get("/orders").header("authorization", "Bearer a.b.c"),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "malformed request",
            Request::get("/orders").header("authorization", "Bearer"),
            StatusCode::BAD_REQUEST,
        ),
        (
            "scope missing",
            Request::post("/orders").header("authorization", good),
            StatusCode::FORBIDDEN,
        ),
    ] {
        let (answered, headers, _) = ask(app.clone(), request).await;
        assert_eq!(answered, status, "{what}");
        let challenge = headers["www-authenticate"].to_str().unwrap();
        let named = format!("resource_metadata=\"{URL}\"");
        assert_eq!(challenge.matches(&named).count(), 1, "{what}: {challenge}");
    }
}

#[tokio::test]
async fn a_challenge_of_a_service_that_says_nothing_of_itself_names_no_address() {
    let issuer = issuer();
    let builder = Authenticator::builder(issuer.url(), RESOURCE).fetch(issuer.fetch());
    let auth = builder.build().unwrap();
    assert!(auth.resource_metadata().is_none());
    let app = Router::new()
        .route("/orders", get(|| async { "orders" }))
        .layer(AuthenticateLayer::new(auth));
    let (_, headers, _) = ask(app, Request::get("/orders")).await;
    assert_eq!(
        headers["www-authenticate"],
        format!("Bearer realm=\"{RESOURCE}\"")
    );
}

#[tokio::test]
async fn a_token_for_what_the_document_names_is_accepted_and_one_for_another_is_not() {
    let issuer = issuer();
    let app = app(builder(&issuer));
    let (_, _, body) = ask(app.clone(), Request::get(URL)).await;
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["authorization_servers"], json!([issuer.url()]));
    for (audience, status) in [
        (document["resource"].as_str().unwrap(), StatusCode::OK),
        ("https://api.example.com/other", StatusCode::UNAUTHORIZED),
        ("https://api.example.com", StatusCode::UNAUTHORIZED),
    ] {
        let token = issuer.token().audience(audience).sign();
        let request = Request::get("/orders").header("authorization", format!("Bearer {token}"));
        let (answered, _, _) = ask(app.clone(), request).await;
        assert_eq!(answered, status, "{audience}");
    }
}

#[test]
fn issuers_given_in_code_are_listed_in_their_order_and_those_of_a_resolver_are_not() {
    let tenants = IssuerTemplate::new("https://{tenant}.example.com", |issuer, _| {
        TrustedIssuer::new(issuer, RESOURCE)
    });
    let trusting = builder(&issuer())
        .trust(TrustedIssuer::new("https://b.example.com", RESOURCE))
        .trust(TrustedIssuer::new("https://a.example.com/", RESOURCE))
        .resolver(tenants.unwrap());
    assert_eq!(
        document(trusting)["authorization_servers"],
        json!([
            "https://id.example.com",
            "https://b.example.com",
            "https://a.example.com/"
        ])
    );
}

#[test]
fn a_token_in_the_query_is_listed_where_it_is_read() {
    let reading = builder(&issuer()).dangerous().accept_token_in_query();
    assert_eq!(
        document(reading)["bearer_methods_supported"],
        json!(["header", "query"])
    );
}

#[test]
fn nothing_is_said_of_the_algorithms_of_tokens() {
    // RFC 9728 §2: `resource_signing_alg_values_supported` is about answers that the resource signs.
    let document = document(builder(&issuer()));
    let members: Vec<_> = document.as_object().unwrap().keys().collect();
    assert!(
        members.iter().all(|name| !name.contains("alg")),
        "{members:?}"
    );
}

#[test]
fn what_is_said_of_the_resource_outlives_a_change_of_the_claims_type() {
    let metadata = metadata(builder(&issuer()).claims::<Value>());
    assert_eq!(metadata.document(), DOCUMENT);
}

#[test]
fn a_document_that_would_mislead_clients_fails_when_building() {
    let issuer = issuer();
    let with = |resource| {
        let builder = Authenticator::builder(issuer.url(), RESOURCE).fetch(issuer.fetch());
        builder.protected_resource(resource)
    };
    let other = || TrustedIssuer::new("https://b.example.com", "orders-api");
    for (what, builder) in [
        (
            "another resource than the audience",
            with(ProtectedResource::new("https://api.example.com/")),
        ),
        (
            "an issuer whose tokens are for another audience",
            with(resource()).trust(other()),
        ),
        (
            "no https",
            with(ProtectedResource::new("http://api.example.com/orders")),
        ),
        (
            "a scope that is not the resource's",
            with(resource().scopes_supported(["read", "offline_access"])),
        ),
        (
            "two scopes in one",
            with(resource().scopes_supported(["read write"])),
        ),
        (
            "a page that is none",
            with(resource().resource_documentation("see the wiki")),
        ),
    ] {
        let error = builder.build().err().map(|error| error.kind());
        assert_eq!(error, Some(ConfigErrorKind::Resource), "{what}");
    }
}

#[test]
fn an_audience_that_the_issuer_maps_has_to_be_said() {
    let issuer = issuer();
    let named = |resource| {
        Authenticator::builder(issuer.url(), "api://orders")
            .fetch(issuer.fetch())
            .protected_resource(resource)
    };
    assert!(named(resource()).build().is_err());
    let mapped = document(named(resource().audience_mapped_by_issuer()));
    assert_eq!(mapped["resource"], RESOURCE);
}

#[test]
fn a_policy_for_any_audience_fits_any_resource() {
    let issuer = issuer();
    let open = Authenticator::builder(issuer.url(), "orders-api")
        .fetch(issuer.fetch())
        .dangerous()
        .accept_any_audience()
        .protected_resource(resource());
    assert_eq!(document(open)["resource"], RESOURCE);
}

#[tokio::test]
async fn the_body_is_one_that_any_http_server_sends() {
    let response = ask_service(Request::get(PATH)).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, DOCUMENT);
}
