//! Attacks on the way around the layer: rows 51 and 52.
//!
//! Those on how a token is carried (44 to 46) are in `tests/credential.rs`, those on what is answered (47, 48) in
//! `tests/challenge.rs`, those on what is handed on (49) in `tests/forwarding.rs`.

use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use tower_bearer::VerifyErrorKind::CredentialMissing;

use crate::support::Stage;

/// The whole challenge where there was nothing to judge: without an error code (RFC 6750 §3.1).
const ABSENT: &str = "Bearer realm=\"https://api.test\"";
/// The whole challenge of a request that is malformed.
pub(crate) const INVALID_REQUEST: &str = "Bearer realm=\"https://api.test\", error=\"invalid_request\", \
    error_description=\"the request must carry exactly one well-formed bearer token\"";

/// 51: the layer stands before every request that reaches it.
#[tokio::test]
async fn no_method_path_or_header_leads_around_the_layer() {
    let stage = Stage::new().await;
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
        Method::POST,
        Method::from_bytes(b"GETX").expect("a method"),
    ];
    for method in methods {
        for uri in [
            "/",
            "/%2e%2e/public",
            "//public",
            "/public;/../admin",
            "/.well-known/openid-configuration",
        ] {
            for header in [
                "x-original-url",
                "x-envoy-original-path",
                "x-forwarded-user",
                "x-http-method-override",
            ] {
                let request = Request::builder()
                    .method(&method)
                    .uri(uri)
                    .header(header, "/public");
                let answer = stage
                    .call(request.body(String::new()).expect("a request"))
                    .await;
                answer.refused(uri, CredentialMissing, StatusCode::UNAUTHORIZED, ABSENT);
            }
        }
    }
}

/// 52: express `authRequired: false`, CVE-2026-53913. A bad token is not the same as none, and neither is let through.
#[tokio::test]
async fn a_handler_that_could_do_without_a_token_is_not_reached_with_a_bad_one() {
    use axum::Router;
    use axum::routing::get;
    use tower::ServiceExt;
    use tower_bearer::{AuthenticateLayer, Verified};

    async fn greet(token: Option<Verified>) -> String {
        token.map_or("anonymous".into(), |token| {
            token.subject().unwrap_or_default().to_owned()
        })
    }

    let stage = Stage::new().await;
    let app = || Router::new().route("/", get(greet));
    let protected = app().layer(AuthenticateLayer::new(stage.auth.clone()));
    let send = |app: Router, authorization: Option<String>| async {
        let mut request = Request::new(axum::body::Body::empty());
        if let Some(value) = authorization {
            request
                .headers_mut()
                .insert(AUTHORIZATION, value.parse().expect("a header"));
        }
        let response = app.oneshot(request).await.expect("a router never fails");
        response.status()
    };
    let forged = stage.token().signed_by_stranger().sign();
    for (row, authorization, want) in [
        (
            "a good token",
            Some(format!("Bearer {}", stage.token().sign())),
            StatusCode::OK,
        ),
        (
            "52 a bad token",
            Some(format!("Bearer {forged}")),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "52 an expired token",
            Some(format!("Bearer {}", stage.token().expired().sign())),
            StatusCode::UNAUTHORIZED,
        ),
        ("52 no token", None, StatusCode::UNAUTHORIZED),
        (
            "52 another scheme",
            Some("Basic YTpi".into()),
            StatusCode::UNAUTHORIZED,
        ),
        (
            "52 a malformed request",
            Some("Bearer".into()),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        assert_eq!(send(protected.clone(), authorization).await, want, "{row}");
    }
    // Without the layer there is no anonymous user either, but a mistake.
    assert_eq!(send(app(), None).await, StatusCode::INTERNAL_SERVER_ERROR);
}
