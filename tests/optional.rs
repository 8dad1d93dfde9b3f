//! Who is let through without a token: optional authentication, observing, public routes, preflights.

mod behind;

use behind::{
    ABSENT, AUDIENCE, Diary, INVALID_REQUEST, INVALID_TOKEN, ask, bearer, builder, echo, get,
    issuer, layer, request, send, token,
};
use http::{HeaderName, Method, Request};
use tower::Layer;
use tower_bearer::credential::{CookieToken, DecideError, Marker};
use tower_bearer::testing::Behaviour;
use tower_bearer::{
    AuthenticateLayer, Authenticator, ConfigErrorKind, LetThrough, Rejection, Requirement,
    Unavailable, UnavailableKind, require,
};

fn authorized(authorization: &str) -> Request<String> {
    get("/", &[("authorization", authorization)])
}

#[tokio::test]
async fn who_shows_nothing_is_anonymous_where_a_token_is_optional() {
    let issuer = issuer();
    let (diary, builder) = Diary::of(builder(&issuer));
    let layer = layer(builder).optional();
    send(&layer, get("/", &[]))
        .await
        .let_through("none", "anonymous");
    assert_eq!(diary.read(), ["anonymous"]);
    // RFC 7617 and whatever else is not ours: no credential that we understand.
    send(&layer, authorized("Basic dTpw"))
        .await
        .let_through("another scheme", "anonymous");
    assert_eq!(diary.read(), ["anonymous"]);
    let verified = send(&layer, authorized(&bearer(&token(&issuer)))).await;
    assert_eq!(verified.accepted("a token").subject(), Some("alice"));
    assert_eq!(diary.read(), ["accepted"]);
}

/// 52: express `authRequired: false`, CVE-2026-53913.
#[tokio::test]
async fn a_bad_credential_is_never_anonymous() {
    let issuer = issuer();
    let (diary, builder) = Diary::of(builder(&issuer));
    let other = builder
        .token_source(CookieToken::named("t").expect("a name"))
        .other_credential(
            Marker::scheme("ApiKey").expect("a marker"),
            |_: String| async { Ok(None::<()>) },
        );
    let layer = layer(other).optional();
    let good = token(&issuer);
    let one = |value: &str| vec![("authorization", value.to_owned())];
    for (row, headers, status, challenge, code) in [
        (
            "expired",
            one(&bearer(&issuer.token().audience(AUDIENCE).expired().sign())),
            401,
            INVALID_TOKEN,
            "expired",
        ),
        (
            "a stranger's",
            one(&bearer(
                &issuer
                    .token()
                    .audience(AUDIENCE)
                    .signed_by_stranger()
                    .sign(),
            )),
            401,
            INVALID_TOKEN,
            "signature",
        ),
        (
            "meant for others",
            one(&bearer(
                &issuer.token().audience("https://other.test").sign(),
            )),
            401,
            INVALID_TOKEN,
            "audience",
        ),
        (
            "no token at all",
            one("Bearer x"),
            401,
            INVALID_TOKEN,
            "not_compact",
        ),
        (
            "an unknown key",
            one("ApiKey x"),
            401,
            INVALID_TOKEN,
            "credential_refused",
        ),
        (
            "the scheme alone",
            one("Bearer"),
            400,
            INVALID_REQUEST,
            "credential_malformed",
        ),
        (
            "a tab",
            one(&format!("Bearer\t{good}")),
            400,
            INVALID_REQUEST,
            "credential_malformed",
        ),
        (
            "an empty header",
            one(""),
            400,
            INVALID_REQUEST,
            "credential_malformed",
        ),
        (
            "two joined",
            one(&format!("Basic dTpw, Bearer {good}")),
            400,
            INVALID_REQUEST,
            "credential_repeated",
        ),
        (
            "two headers",
            [one("Basic dTpw"), one("Basic dTpw")].concat(),
            400,
            INVALID_REQUEST,
            "credential_repeated",
        ),
        (
            "two places",
            [one(&bearer(&good)), vec![("cookie", format!("t={good}"))]].concat(),
            400,
            INVALID_REQUEST,
            "credential_repeated",
        ),
        (
            "an empty cookie",
            vec![("cookie", "t=".to_owned())],
            400,
            INVALID_REQUEST,
            "credential_malformed",
        ),
        (
            "a bad cookie",
            vec![("cookie", "t=x".to_owned())],
            401,
            INVALID_TOKEN,
            "not_compact",
        ),
    ] {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer = send(&layer, get("/", &headers)).await;
        answer.refused(
            row,
            status,
            &[challenge, "ApiKey realm=\"https://api.test\""],
        );
        assert_eq!(answer.code(), Some(code), "{row}");
        assert_eq!(diary.read(), [code], "{row}");
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_told_is_never_anonymous() {
    let issuer = issuer();
    let good = token(&issuer);
    issuer.behave(Behaviour::Down);
    let (diary, builder) = Diary::of(builder(&issuer));
    let layer = layer(builder).optional();
    let answer = send(&layer, authorized(&bearer(&good))).await;
    answer.refused("keys", 503, &[]);
    assert_eq!(answer.all("retry-after").len(), 1);
    assert_eq!(diary.read(), ["keys_unavailable"]);
    send(&layer, get("/", &[]))
        .await
        .let_through("none", "anonymous");
}

#[tokio::test]
async fn an_anonymous_request_is_refused_where_a_token_is_demanded_inside() {
    let issuer = issuer();
    let (diary, builder) = Diary::of(builder(&issuer));
    let auth = builder.build().expect("sound");
    let inside = require(Requirement::scopes("read")).layer(echo());
    let service = AuthenticateLayer::new(auth).optional().layer(inside);
    let answer = ask(service.clone(), get("/", &[])).await;
    answer.refused("anonymous", 401, &[ABSENT]);
    assert_eq!(diary.read(), ["anonymous", "credential_missing"]);
    let answer = ask(service, authorized(&bearer(&token(&issuer)))).await;
    answer.accepted("a token");
}

#[tokio::test]
async fn an_observing_layer_refuses_nothing_and_says_why_it_would() {
    let issuer = issuer();
    let (diary, builder) = Diary::of(builder(&issuer));
    let layer = layer(builder).observe_only();
    let good = token(&issuer);
    for (row, authorization, code) in [
        (
            "expired",
            bearer(&issuer.token().audience(AUDIENCE).expired().sign()),
            "expired",
        ),
        (
            "a stranger's",
            bearer(
                &issuer
                    .token()
                    .audience(AUDIENCE)
                    .signed_by_stranger()
                    .sign(),
            ),
            "signature",
        ),
        ("no token", "Bearer x".into(), "not_compact"),
        ("malformed", "Bearer".into(), "credential_malformed"),
        (
            "two",
            format!("Bearer {good}, Bearer {good}"),
            "credential_repeated",
        ),
        ("another scheme", "Basic dTpw".into(), "credential_missing"),
    ] {
        let answer = send(&layer, authorized(&authorization)).await;
        answer.let_through(row, &format!("refused: {code}"));
        assert_eq!(diary.read(), [format!("+{code}")], "{row}");
    }
    let answer = send(&layer, get("/", &[])).await;
    answer.let_through("none", "refused: credential_missing");
    diary.read();
    send(&layer, authorized(&bearer(&good)))
        .await
        .accepted("good");
    assert_eq!(diary.read(), ["accepted"]);
}

#[tokio::test]
async fn an_observing_layer_waits_for_keys_but_not_for_good() {
    let issuer = issuer();
    let good = token(&issuer);
    issuer.behave(Behaviour::Down);
    let layer = layer(builder(&issuer)).observe_only();
    let answer = send(&layer, authorized(&bearer(&good))).await;
    let seen = answer.let_through("keys", "refused: keys_unavailable");
    let why = seen.extensions.get::<LetThrough>();
    let unavailable = match why {
        Some(LetThrough::NotRefused(Rejection::Unavailable(error))) => {
            Some(Unavailable::kind(error))
        }
        _ => None,
    };
    assert_eq!(unavailable, Some(UnavailableKind::Keys));
}

/// What a service demands behind an observing layer it goes on demanding, in the words that the layer would have used.
#[tokio::test]
async fn a_requirement_inside_an_observing_layer_still_refuses() {
    let issuer = issuer();
    let auth = builder(&issuer).build().expect("sound");
    let inside = require(Requirement::scopes("read")).layer(echo());
    let service = AuthenticateLayer::new(auth).observe_only().layer(inside);
    for (row, headers, status, challenge) in [
        ("none", vec![], 401, ABSENT),
        (
            "bad",
            vec![("authorization", "Bearer x")],
            401,
            INVALID_TOKEN,
        ),
        (
            "malformed",
            vec![("authorization", "Bearer")],
            400,
            INVALID_REQUEST,
        ),
    ] {
        let answer = ask(service.clone(), get("/", &headers)).await;
        answer.refused(row, status, &[challenge]);
    }
    issuer.behave(Behaviour::Down);
    let auth = builder(&issuer).build().expect("sound");
    let inside = require(Requirement::scopes("read")).layer(echo());
    let service = AuthenticateLayer::new(auth).observe_only().layer(inside);
    let answer = ask(service, authorized(&bearer(&token(&issuer)))).await;
    answer.refused("keys", 503, &[]);
    assert_eq!(answer.all("retry-after").len(), 1);
}

fn public(method: Method, path: &str) -> AuthenticateLayer {
    layer(builder(&issuer()))
        .public(method, path)
        .expect("a route")
}

/// 51: CVE-2023-27487, CVE-2020-8595.
#[tokio::test]
async fn only_the_very_method_and_path_of_a_public_route_is_open() {
    let layer = public(Method::GET, "/healthz")
        .public(Method::POST, "/a/b%20c/")
        .expect("a route");
    for (method, uri) in [
        ("GET", "/healthz"),
        ("GET", "/healthz?"),
        ("GET", "/healthz?verbose=/../admin"),
        ("GET", "https://api.test/healthz"),
        ("GET", "https://api.test:8443/healthz?x"),
        ("POST", "/a/b%20c/"),
    ] {
        send(&layer, request(method, uri, &[]))
            .await
            .let_through(uri, "public route");
    }
    for (method, uri) in [
        ("HEAD", "/healthz"),
        ("OPTIONS", "/healthz"),
        ("POST", "/healthz"),
        ("TRACE", "/healthz"),
        ("get", "/healthz"),
        ("GET", "/"),
        ("GET", "/healthz/"),
        ("GET", "//healthz"),
        ("GET", "/healthz//"),
        ("GET", "/Healthz"),
        ("GET", "/health"),
        ("GET", "/healthzz"),
        ("GET", "/healthz;v=1"),
        ("GET", "/healthz%2f"),
        ("GET", "/healthz/.."),
        ("GET", "/healthz/../admin"),
        ("GET", "/./healthz"),
        ("GET", "/x/../healthz"),
        ("GET", "/x/%2e%2e/healthz"),
        ("GET", "/%68ealthz"),
        ("GET", "/healthz%00"),
        ("GET", "/healthz%3Fx"),
        ("GET", "/admin?/healthz"),
        ("GET", "https://healthz/admin"),
        ("GET", "/a/b%20c/"),
        ("POST", "/a/b c/".replace(' ', "+").leak()),
        ("POST", "/a/b%20c"),
        ("POST", "/a/b%2520c/"),
        ("OPTIONS", "*"),
        ("CONNECT", "healthz:443"),
    ] {
        let answer = send(&layer, request(method, uri, &[])).await;
        answer.refused(&format!("{method} {uri}"), 401, &[ABSENT]);
    }
    // No header says which path was meant.
    for name in [
        "x-original-url",
        "x-rewrite-url",
        "x-envoy-original-path",
        "x-http-method-override",
    ] {
        let answer = send(&layer, get("/admin", &[(name, "/healthz")])).await;
        answer.refused(name, 401, &[ABSENT]);
    }
}

#[tokio::test]
async fn a_public_route_is_open_whatever_a_request_carries() {
    let issuer = issuer();
    issuer.behave(Behaviour::Down);
    let (diary, builder) = Diary::of(builder(&issuer));
    let layer = layer(builder)
        .public(Method::GET, "/healthz")
        .expect("a route");
    let good = bearer(&token(&issuer));
    for authorization in [good.as_str(), "Bearer x", "Bearer", "", "Basic dTpw"] {
        let answer = send(&layer, get("/healthz", &[("authorization", authorization)])).await;
        let seen = answer.let_through(authorization, "public route");
        let sent = seen.headers.get("authorization").expect("still there");
        assert_eq!(sent, authorization);
    }
    assert_eq!(issuer.total_requests(), 0, "no key is asked for");
    assert_eq!(diary.read(), [""; 0]);
}

#[test]
fn what_cannot_be_the_path_of_a_request_cannot_be_public() {
    for path in [
        "",
        "healthz",
        "*",
        "/*",
        "/{id}",
        "/{*rest}",
        "/a?b",
        "/a#b",
        "/a b",
        "/a\tb",
        "/a\0",
        "/a\r\nb",
        "/\u{e9}",
        "/a\\b",
        "/..",
        "/../a",
        "/a/../b",
        "/a/.",
        "/./a",
        "https://api.test/a",
    ] {
        let outcome = layer(builder(&issuer())).public(Method::GET, path);
        let kind = outcome.map(|_| ()).map_err(|error| error.kind());
        assert_eq!(kind, Err(ConfigErrorKind::Route), "{path:?}");
    }
    for path in [
        "/",
        "/a/",
        "//",
        "/...",
        "/.well-known/x",
        "/%7Bid%7D",
        "/a;b=c",
        "/~a",
    ] {
        let outcome = layer(builder(&issuer())).public(Method::GET, path);
        assert!(outcome.is_ok(), "{path:?}");
    }
}

const ASKS: (&str, &str) = ("access-control-request-method", "DELETE");

#[tokio::test]
async fn a_preflight_is_let_through_only_where_that_is_switched_on() {
    let origin = ("origin", "https://app.test");
    let preflight = || request("OPTIONS", "/orders", &[origin, ASKS]);
    let closed = layer(builder(&issuer()));
    send(&closed, preflight())
        .await
        .refused("off", 401, &[ABSENT]);
    let open = closed.let_preflight_through();
    send(&open, preflight())
        .await
        .let_through("on", "preflight");
    let bad = request(
        "OPTIONS",
        "/orders",
        &[origin, ASKS, ("authorization", "Bearer x")],
    );
    send(&open, bad)
        .await
        .let_through("whatever it carries", "preflight");
    for (row, request) in [
        ("OPTIONS alone", request("OPTIONS", "/orders", &[origin])),
        (
            "another header",
            request(
                "OPTIONS",
                "/orders",
                &[("access-control-request-headers", "x")],
            ),
        ),
        (
            "an underscore",
            request(
                "OPTIONS",
                "/orders",
                &[("access_control_request_method", "GET")],
            ),
        ),
        ("GET", request("GET", "/orders", &[origin, ASKS])),
        ("HEAD", request("HEAD", "/orders", &[origin, ASKS])),
        ("options", request("options", "/orders", &[origin, ASKS])),
        (
            "overridden",
            request(
                "POST",
                "/orders",
                &[origin, ASKS, ("x-http-method-override", "OPTIONS")],
            ),
        ),
    ] {
        send(&open, request).await.refused(row, 401, &[ABSENT]);
    }
}

/// A token that another layer has verified on its own terms is none on ours.
#[tokio::test]
async fn what_is_let_through_never_holds_a_token_that_a_layer_outside_has_verified() {
    let issuer = issuer();
    let lenient = || {
        let builder = builder(&issuer).audience("https://other.test");
        layer(builder)
    };
    let strict = || layer(builder(&issuer));
    let foreign = bearer(&issuer.token().audience("https://other.test").sign());
    let sent = |method: &str| request(method, "/open", &[ASKS, ("authorization", &foreign)]);
    let machine = |_: String| async { Ok(Some("machine")) };
    let by_key = layer(
        builder(&issuer).other_credential(Marker::scheme("ApiKey").expect("a marker"), machine),
    );

    let open = strict().public(Method::GET, "/open").expect("a route");
    let answer = ask(lenient().layer(open.layer(echo())), sent("GET")).await;
    answer.let_through("public", "public route");
    let open = strict().let_preflight_through();
    let answer = ask(lenient().layer(open.layer(echo())), sent("OPTIONS")).await;
    answer.let_through("preflight", "preflight");
    let answer = ask(
        lenient().layer(strict().observe_only().layer(echo())),
        sent("GET"),
    )
    .await;
    answer.let_through("observed", "refused: audience");
    // Between the two something has taken the credential away, or put another in its place.
    let without = tower::util::MapRequestLayer::new(|mut request: Request<String>| {
        request.headers_mut().remove("authorization");
        request
    });
    let inner = without.layer(strict().optional().layer(echo()));
    let answer = ask(lenient().layer(inner), sent("GET")).await;
    answer.let_through("anonymous", "anonymous");
    let instead = tower::util::MapRequestLayer::new(|mut request: Request<String>| {
        let key = http::HeaderValue::from_static("ApiKey k");
        request.headers_mut().insert("authorization", key);
        request
    });
    let answer = ask(
        lenient().layer(instead.layer(by_key.layer(echo()))),
        sent("GET"),
    )
    .await;
    let seen = answer.let_through("another credential", "other credential");
    assert_eq!(seen.extensions.get(), Some(&"machine"));
}

#[tokio::test]
async fn a_verified_token_stands_alone_whatever_a_layer_outside_has_said() {
    let issuer = issuer();
    let good = || get("/", &[("authorization", &bearer(&token(&issuer)))]);
    let other = || {
        let builder = Authenticator::builder(issuer.url(), "https://other.test");
        layer(builder.fetch(issuer.fetch()))
    };
    let inner = || layer(builder(&issuer)).layer(echo());
    let observed = other().observe_only().layer(inner());
    ask(observed, good())
        .await
        .accepted("an observing layer outside");
    let open = other().public(Method::GET, "/").expect("a route");
    ask(open.layer(inner()), good())
        .await
        .accepted("a public route outside");
}

#[tokio::test]
async fn an_identity_of_another_kind_is_no_verified_token() {
    let issuer = issuer();
    let builder = builder(&issuer).other_credential(
        Marker::prefix("sk_").expect("a marker"),
        |_: String| async { Ok::<_, DecideError>(Some(7_u8)) },
    );
    let auth: Authenticator = builder.build().expect("sound");
    let inside = require(Requirement::scopes("read")).layer(echo());
    let service = AuthenticateLayer::new(auth).layer(inside);
    let answer = ask(service, authorized("Bearer sk_1")).await;
    answer.refused("no token", 401, &[ABSENT]);
}

#[tokio::test]
async fn whoever_lets_requests_through_takes_claims_from_the_client_nowhere() {
    let claims = |layer: AuthenticateLayer| {
        layer
            .forward_claim("sub", HeaderName::from_static("x-user"))
            .expect("a header")
    };
    let base = || claims(layer(builder(&issuer())));
    let sent = |method: &str| {
        request(
            method,
            "/open",
            &[ASKS, ("x-user", "root"), ("X_User", "root")],
        )
    };
    for (why, layer, method) in [
        ("anonymous", base().optional(), "GET"),
        ("refused: credential_missing", base().observe_only(), "GET"),
        (
            "public route",
            base().public(Method::GET, "/open").expect("a route"),
            "GET",
        ),
        ("preflight", base().let_preflight_through(), "OPTIONS"),
    ] {
        let answer = send(&layer, sent(method)).await;
        let seen = answer.let_through(why, why);
        assert_eq!(
            behind::lines(&seen.headers),
            ["access-control-request-method: DELETE"],
            "{why}"
        );
    }
}
