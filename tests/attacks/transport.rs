//! Attacks on how a token is carried, and on what is answered: rows 44 to 48 and 52.

use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderValue, Method, Request, StatusCode};
use tower_bearer::VerifyErrorKind::{
    AlgorithmUnknown, CredentialMalformed, CredentialMissing, CredentialRepeated, Expired, Issuer,
    KeyUnknown, NotCompact, Signature,
};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Authenticator, ConfigErrorKind, NumericDate, VerifyErrorKind};

use crate::support::{AUDIENCE, INVALID_TOKEN, ISSUER, NOW, Stage};

/// The whole challenge where there was nothing to judge: without an error code (RFC 6750 §3.1).
const ABSENT: &str = "Bearer realm=\"https://api.test\"";
/// The whole challenge of a request that is malformed.
pub(crate) const INVALID_REQUEST: &str = "Bearer realm=\"https://api.test\", error=\"invalid_request\", \
    error_description=\"the request must carry exactly one well-formed bearer token\"";

/// What is wrong, the headers of the request, the kind, the status and the whole challenge.
type Row = (
    &'static str,
    Vec<(HeaderName, Vec<u8>)>,
    VerifyErrorKind,
    StatusCode,
    &'static str,
);

fn request(uri: &str, headers: &[(HeaderName, Vec<u8>)], body: &str) -> Request<String> {
    let mut request = Request::builder()
        .uri(uri)
        .body(body.to_owned())
        .expect("a request");
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value).expect("bytes that a header may hold");
        request.headers_mut().append(name, value);
    }
    request
}

#[tokio::test]
async fn a_request_carries_exactly_one_well_formed_credential() {
    let stage = Stage::new().await;
    let good = stage.token().sign();
    let one = |value: String| vec![(AUTHORIZATION, value.into_bytes())];
    let two = |first: String, second: String| {
        vec![
            (AUTHORIZATION, first.into_bytes()),
            (AUTHORIZATION, second.into_bytes()),
        ]
    };
    let bearer = format!("Bearer {good}");
    let basic = || String::from("Basic YWxpY2U6c2VjcmV0");
    let octets =
        |middle: &[u8]| vec![(AUTHORIZATION, [b"Bearer", middle, good.as_bytes()].concat())];
    let repeated = |row, headers| {
        (
            row,
            headers,
            CredentialRepeated,
            StatusCode::BAD_REQUEST,
            INVALID_REQUEST,
        )
    };
    let malformed = |row, headers| {
        (
            row,
            headers,
            CredentialMalformed,
            StatusCode::BAD_REQUEST,
            INVALID_REQUEST,
        )
    };
    let missing = |row, headers| {
        (
            row,
            headers,
            CredentialMissing,
            StatusCode::UNAUTHORIZED,
            ABSENT,
        )
    };
    let other = |name: &'static str, value: &str| {
        vec![(HeaderName::from_static(name), value.as_bytes().to_vec())]
    };
    let rows: Vec<Row> = vec![
        missing("no header", Vec::new()),
        repeated(
            "44 the same header twice",
            two(bearer.clone(), bearer.clone()),
        ),
        repeated(
            "44 a good token, then a bad one",
            two(bearer.clone(), "Bearer x".into()),
        ),
        repeated(
            "44 a bad token, then a good one",
            two("Bearer x".into(), bearer.clone()),
        ),
        repeated("44 Basic, then Bearer", two(basic(), bearer.clone())),
        repeated("44 Bearer, then Basic", two(bearer.clone(), basic())),
        repeated(
            "44 Bearer, then nothing",
            two(bearer.clone(), String::new()),
        ),
        repeated("44 two of other schemes", two(basic(), basic())),
        repeated("44 Bearer, Bearer", one(format!("{bearer}, {bearer}"))),
        repeated("44 Bearer,Bearer", one(format!("{bearer},{bearer}"))),
        repeated("44 Bearer, Basic", one(format!("{bearer}, {}", basic()))),
        repeated("44 Basic, Bearer", one(format!("{}, {bearer}", basic()))),
        repeated("44 Basic,bearer", one(format!("{},bearer {good}", basic()))),
        repeated("44 a comma after", one(format!("{bearer},"))),
        repeated("44 two tokens", one(format!("{bearer},{good}"))),
        malformed("46 nothing", one(String::new())),
        malformed("46 Bearer alone", one("Bearer".into())),
        malformed("46 Bearer and a space", one("Bearer ".into())),
        malformed("46 Bearer and spaces", one("Bearer    ".into())),
        malformed("46 Bearertoken", one(format!("Bearer{good}"))),
        malformed("46 Bearer:token", one(format!("Bearer:{good}"))),
        malformed("46 Bearer=token", one(format!("Bearer={good}"))),
        malformed("46 a tab", octets(b"\t")),
        malformed("46 a space and a tab", octets(b" \t")),
        malformed("46 a tab and a space", octets(b"\t ")),
        malformed("46 a no-break space", octets(b"\xa0")),
        malformed("46 a no-break space in UTF-8", octets(b"\xc2\xa0")),
        malformed("46 a space after", one(format!("{bearer} "))),
        malformed("46 a tab after", one(format!("{bearer}\t"))),
        malformed(
            "46 a space within",
            one(format!("Bearer {}", good.replacen('.', " .", 1))),
        ),
        malformed("46 two tokens and a space", one(format!("{bearer} {good}"))),
        malformed("46 quotes", one(format!("Bearer \"{good}\""))),
        malformed("46 a parameter", one(format!("Bearer token={good}"))),
        malformed("46 a space before", one(format!(" {bearer}"))),
        malformed("46 the scheme twice", one(format!("Bearer {bearer}"))),
        malformed("46 padding alone", one("Bearer ==".into())),
        malformed("46 padding within", one("Bearer a=b".into())),
        malformed("46 not ASCII", one("Bearer \u{e9}".into())),
        missing("46 the token alone", one(good.clone())),
        missing("46 another scheme", one(basic())),
        missing("46 Beare", one(format!("Beare {good}"))),
        missing("46 DPoP", one(format!("DPoP {good}"))),
        missing("45 another header", other("proxy-authorization", &bearer)),
        missing(
            "45 a header of somebody's own",
            other("x-access-token", &good),
        ),
        missing(
            "45 a cookie",
            other("cookie", &format!("access_token={good}")),
        ),
    ];
    for (row, headers, kind, status, challenge) in rows {
        let answer = stage.call(request("/", &headers, "")).await;
        answer.refused(row, kind, status, challenge);
        answer.tells_nothing_of(row, &good);
    }
    for scheme in [
        "Bearer ",
        "bearer ",
        "BEARER ",
        "bEaReR ",
        "Bearer  ",
        "Bearer          ",
    ] {
        let headers = one(format!("{scheme}{good}"));
        stage
            .call(request("/", &headers, ""))
            .await
            .accepted(scheme);
    }
    // Not compact, but a b64token: judged as a token, not as a request.
    stage
        .send("a~+/b==")
        .await
        .refused_token("46 every character of a b64token", NotCompact);
}

/// 45: RFC 6750 §2.2, §2.3. Neither is a way to us.
#[tokio::test]
async fn a_token_in_query_or_body_is_no_credential() {
    let stage = Stage::new().await;
    let good = stage.token().sign();
    let query = format!("/orders?access_token={good}");
    let form = format!("access_token={good}");
    let answer = stage.call(request(&query, &[], "")).await;
    answer.refused(
        "45 the query alone",
        CredentialMissing,
        StatusCode::UNAUTHORIZED,
        ABSENT,
    );
    let answer = stage.call(request("/", &[], &form)).await;
    answer.refused(
        "45 the body alone",
        CredentialMissing,
        StatusCode::UNAUTHORIZED,
        ABSENT,
    );
}

/// 45: RFC 6750 §3.1. A server behind us may look into the query: the two must not see two clients.
#[tokio::test]
async fn a_token_in_header_and_query_is_an_invalid_request() {
    let stage = Stage::new().await;
    let good = stage.token().sign();
    let bearer = [(AUTHORIZATION, format!("Bearer {good}").into_bytes())];
    let query = format!("/orders?access_token={good}");
    for (row, uri) in [
        ("45 header and query", query.as_str()),
        (
            "45 header and query, another token",
            "/orders?access_token=x",
        ),
        ("45 header and query, encoded", "/orders?access%5Ftoken=x"),
        ("45 header and query, empty", "/orders?access_token"),
        (
            "45 header and query, among others",
            "/orders?a=b&access_token=x&c=d",
        ),
    ] {
        let answer = stage.call(request(uri, &bearer, "")).await;
        answer.refused(
            row,
            CredentialRepeated,
            StatusCode::BAD_REQUEST,
            INVALID_REQUEST,
        );
    }
    for uri in [
        "/orders?token=x",
        "/orders?my_access_token=x",
        "/access_token=x",
        "/orders?q=access_token",
    ] {
        stage.call(request(uri, &bearer, "")).await.accepted(uri);
    }
}

/// 47, 48: whatever was sent, and whatever is wrong with it, the client is told the same fixed words.
#[tokio::test]
async fn a_challenge_holds_nothing_that_was_sent_and_nothing_of_ours() {
    let stage = Stage::new().await;
    let poison = "\"\r\nSet-Cookie: a=b\\\",realm=\"evil";
    let now = NumericDate::from_seconds(NOW);
    let at = NumericDate::from_seconds(NOW - 60);
    let token = || stage.token();
    let rows = [
        (
            "47 alg",
            token().header("alg", poison).sign(),
            AlgorithmUnknown,
        ),
        ("47 kid", token().key_id(poison).sign(), KeyUnknown),
        ("47 iss", token().issuer(poison).sign(), Issuer),
        (
            "47 aud",
            token().audience(poison).sign(),
            VerifyErrorKind::Audience,
        ),
        ("47 typ", token().typ(poison).sign(), VerifyErrorKind::Type),
        ("48 expired", token().expired().sign(), Expired { at, now }),
        (
            "48 a stranger's signature",
            token().signed_by_stranger().sign(),
            Signature,
        ),
    ];
    stage.refuse(rows).await;
    let accepted = token()
        .subject(poison)
        .scope(poison)
        .claim(poison, poison)
        .sign();
    stage.accept("47 sub and scope", &accepted).await;
}

/// 47: what a service says of itself in a challenge is checked when the service starts.
#[tokio::test]
async fn a_realm_or_scope_that_could_break_a_challenge_is_a_mistake_of_configuration() {
    let issuer = TestIssuer::new(ISSUER);
    let builder = || Authenticator::builder(ISSUER, AUDIENCE).fetch(issuer.fetch());
    for bad in [
        "a\"b", "a\\b", "a\r\nb", "a\tb", "a\0b", "\u{e9}", "a\u{7f}b", "",
    ] {
        for outcome in [
            builder().realm(bad).build(),
            builder().challenge_scope(bad).build(),
        ] {
            let kind = outcome.map(|_| ()).map_err(|error| error.kind());
            assert_eq!(kind, Err(ConfigErrorKind::Challenge), "47 {bad:?}");
        }
    }
    // An audience need not fit into a challenge; then it is not in one.
    let stage = Stage::with(
        |_| (),
        |_| Authenticator::builder(ISSUER, "a\"b\r\nc").fetch(issuer.fetch()),
    );
    let answer = stage.await.call(request("/", &[], "")).await;
    let challenge = "Bearer realm=\"protected\"";
    answer.refused(
        "47 an odd audience",
        CredentialMissing,
        StatusCode::UNAUTHORIZED,
        challenge,
    );
}

#[tokio::test]
async fn realm_and_scope_stand_in_every_challenge() {
    let demand = |builder: tower_bearer::AuthenticatorBuilder| {
        builder.realm("orders").challenge_scope("read write")
    };
    let stage = Stage::with(|_| (), demand).await;
    let whole = "Bearer realm=\"orders\", scope=\"read write\"";
    let answer = stage.call(request("/", &[], "")).await;
    answer.refused("none", CredentialMissing, StatusCode::UNAUTHORIZED, whole);
    let whole = INVALID_TOKEN.replace(
        "realm=\"https://api.test\"",
        "realm=\"orders\", scope=\"read write\"",
    );
    stage
        .send("x")
        .await
        .refused("bad", NotCompact, StatusCode::UNAUTHORIZED, &whole);
    let whole = INVALID_REQUEST.replace(
        "realm=\"https://api.test\"",
        "realm=\"orders\", scope=\"read write\"",
    );
    let answer = stage
        .call(request("/", &[(AUTHORIZATION, b"Bearer".to_vec())], ""))
        .await;
    answer.refused(
        "malformed",
        CredentialMalformed,
        StatusCode::BAD_REQUEST,
        &whole,
    );
}

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
