//! What a client is told, and in which words: row 47 and 48 of the attacks, every challenge whole, problems, hooks.

#[expect(dead_code, reason = "only a part of it is needed here")]
mod behind;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use behind::{
    ABSENT, AUDIENCE, Answer, Diary, INVALID_REQUEST, INVALID_TOKEN, ask, bearer, builder, echo,
    get, issuer, layer, lines, send, token,
};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use serde_json::{Value, json};
use tower::util::MapResponseLayer;
use tower::{Layer, service_fn};
use tower_bearer::credential::{
    CookieToken, Marker, TokenSource, TokenSourceError, WebSocketToken,
};
use tower_bearer::metadata::ProtectedResource;
use tower_bearer::middleware::RefusedRequest;
use tower_bearer::testing::{Behaviour, TestIssuer};
use tower_bearer::{
    AuthenticateLayer, AuthenticatorBuilder, AuthorizationErrorKind, AuthorizeLayer,
    ConfigErrorKind, LayerMissing, Rejection, Requirement, require,
};

const NOT_PERMITTED: &str =
    "error=\"insufficient_scope\", error_description=\"the token does not permit this\"";

fn with_token(token: &str) -> Request<String> {
    get("/orders?id=7", &[("authorization", &bearer(token))])
}

/// Every refusal that has a challenge: what it is, the request, what has to be granted, the status, and what stands in the
/// challenge between the realm and the address of the metadata, `{}` being the scope that every challenge names.
fn refusals(issuer: &TestIssuer) -> Vec<(&'static str, Request<String>, Requirement, u16, String)> {
    let good = token(issuer);
    let scopes = || Requirement::scopes("write admin");
    let login = || {
        Requirement::acr_values(["gold", "silver"])
            .and(Requirement::max_age(Duration::from_secs(300)))
    };
    let weak = "error=\"insufficient_user_authentication\", error_description=\"a stronger or more recent login is needed\"";
    let malformed = INVALID_REQUEST.replace("Bearer realm=\"https://api.test\"", "{}");
    let bad = INVALID_TOKEN.replace("Bearer realm=\"https://api.test\"", "{}");
    let twice = [("authorization", "Bearer x"), ("authorization", "Bearer y")];
    vec![
        ("none", get("/", &[]), scopes(), 401, "{}".into()),
        (
            "another scheme",
            get("/", &[("authorization", "Basic dTpw")]),
            scopes(),
            401,
            "{}".into(),
        ),
        (
            "malformed",
            get("/", &[("authorization", "Bearer")]),
            scopes(),
            400,
            malformed.clone(),
        ),
        ("two", get("/", &twice), scopes(), 400, malformed),
        ("bad", with_token("x"), scopes(), 401, bad.clone()),
        (
            "expired",
            with_token(&issuer.token().audience(AUDIENCE).expired().sign()),
            scopes(),
            401,
            bad.clone(),
        ),
        (
            "too long",
            with_token(&"x".repeat(17 * 1024)),
            scopes(),
            401,
            bad,
        ),
        (
            "a scope",
            with_token(&good),
            scopes(),
            403,
            format!(", scope=\"write admin\", {NOT_PERMITTED}"),
        ),
        (
            "a role",
            with_token(&good),
            Requirement::value("roles", "admin"),
            403,
            format!(", {NOT_PERMITTED}"),
        ),
        (
            "a role and a scope",
            with_token(&good),
            Requirement::value("roles", "admin").and(Requirement::scopes("read")),
            403,
            format!(", scope=\"read\", {NOT_PERMITTED}"),
        ),
        (
            "a login",
            with_token(&good),
            login(),
            401,
            format!(", {weak}, acr_values=\"gold silver\", max_age=\"300\""),
        ),
        (
            "a login for a scope",
            with_token(&good),
            login().and(Requirement::scopes("read")),
            401,
            format!(", scope=\"read\", {weak}, acr_values=\"gold silver\", max_age=\"300\""),
        ),
    ]
}

#[tokio::test]
async fn realm_scope_and_address_of_the_metadata_stand_in_every_challenge() {
    let issuer = issuer();
    let plain = || builder(&issuer);
    let machine = |_: String| async { Ok(None::<()>) };
    let metadata = "https://api.test/.well-known/oauth-protected-resource";
    for (builder, realm, scope, address, others) in [
        (plain(), AUDIENCE, "", "", vec![]),
        (plain().realm("orders"), "orders", "", "", vec![]),
        (
            plain().challenge_scope("read write"),
            AUDIENCE,
            "read write",
            "",
            vec![],
        ),
        (
            plain().protected_resource(ProtectedResource::new(AUDIENCE)),
            AUDIENCE,
            "",
            metadata,
            vec![],
        ),
        (
            plain()
                .realm("a b, c=d;{}")
                .challenge_scope("read")
                .protected_resource(ProtectedResource::new(AUDIENCE))
                .other_credential(Marker::scheme("ApiKey").expect("a marker"), machine)
                .other_credential(Marker::prefix("sk_").expect("a marker"), machine)
                .other_credential(Marker::scheme("Basic").expect("a marker"), machine),
            "a b, c=d;{}",
            "read",
            metadata,
            vec!["ApiKey", "Basic"],
        ),
    ] {
        let authenticate = layer(builder);
        let scope = if scope.is_empty() {
            String::new()
        } else {
            format!(", scope=\"{scope}\"")
        };
        let address = if address.is_empty() {
            String::new()
        } else {
            format!(", resource_metadata=\"{address}\"")
        };
        for (row, request, requirement, status, told) in refusals(&issuer) {
            let understood = !row.contains("another scheme") || others.is_empty();
            let (status, told) = if understood {
                (status, told)
            } else {
                (
                    401,
                    INVALID_TOKEN.replace("Bearer realm=\"https://api.test\"", "{}"),
                )
            };
            let whole = format!(
                "Bearer realm=\"{realm}\"{}{address}",
                told.replace("{}", &scope)
            );
            let others = others
                .iter()
                .map(|scheme| format!("{scheme} realm=\"{realm}\"{address}"));
            let whole: Vec<String> = std::iter::once(whole).chain(others).collect();
            let whole: Vec<&str> = whole.iter().map(String::as_str).collect();
            let inside = AuthorizeLayer::new(requirement).layer(echo());
            let answer = ask(authenticate.layer(inside), request).await;
            answer.refused(&format!("{realm}: {row}"), status, &whole);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_told_has_no_challenge() {
    let issuer = issuer();
    let good = token(&issuer);
    issuer.behave(Behaviour::Down);
    let answer = send(
        &layer(builder(&issuer).challenge_scope("read")),
        with_token(&good),
    )
    .await;
    answer.refused("keys", 503, &[]);
    let seconds: u64 = answer
        .all("retry-after")
        .concat()
        .parse()
        .expect("a number");
    assert!(seconds >= 1);
}

/// 47, 48: whatever was sent, and whatever is wrong with it, the client is told the same fixed words.
#[tokio::test]
async fn a_challenge_holds_nothing_that_was_sent() {
    let issuer = issuer();
    let poison = "\"\r\nSet-Cookie: a=b\\\", realm=\"evil";
    let base = || issuer.token().audience(AUDIENCE);
    let layer = layer(builder(&issuer));
    for (row, token) in [
        ("alg", base().header("alg", poison).sign()),
        ("kid", base().key_id(poison).sign()),
        ("typ", base().typ(poison).sign()),
        ("crit", base().header("crit", json!([poison])).sign()),
        ("iss", base().issuer(poison).sign()),
        ("aud", issuer.token().audience(poison).sign()),
        ("sub", base().claim("sub", json!([poison])).sign()),
        ("exp", base().claim("exp", poison).sign()),
    ] {
        let answer = send(&layer, with_token(&token)).await;
        answer.refused(row, 401, &[INVALID_TOKEN]);
    }
    let inside = require(Requirement::scopes("admin").and(Requirement::acr_values(["gold"])));
    let token = base()
        .subject(poison)
        .scope(poison)
        .claim("acr", poison)
        .claim(poison, poison)
        .sign();
    let answer = ask(layer.layer(inside.layer(echo())), with_token(&token)).await;
    answer.refused(
        "scope",
        403,
        &[&format!("{ABSENT}, scope=\"admin\", {NOT_PERMITTED}")],
    );
}

/// 47: RFC 6749 §3.3. What a handler says is needed may come from anywhere.
#[tokio::test]
async fn what_a_challenge_cannot_carry_is_left_out_of_it() {
    let issuer = issuer();
    for needed in [
        "a\"b",
        "a\\b",
        "a\r\nSet-Cookie: b=c",
        "a\tb",
        "\u{e9}",
        "a  b",
        " a",
        "a ",
        "",
        "a\u{7f}",
        "a\0",
    ] {
        let kinds = [
            (
                403,
                AuthorizationErrorKind::InsufficientScope {
                    needed: needed.into(),
                },
            ),
            (
                403,
                AuthorizationErrorKind::Forbidden {
                    needed: needed.into(),
                },
            ),
            (
                401,
                AuthorizationErrorKind::InsufficientUserAuthentication {
                    acr_values: needed.replace(' ', "\"").into(),
                    max_age: None,
                    needed: needed.into(),
                },
            ),
        ];
        for (status, kind) in kinds {
            let answer = refused_inside(&issuer, kind).await;
            let words = if status == 403 {
                NOT_PERMITTED
            } else {
                "error=\"insufficient_user_authentication\", error_description=\"a stronger or more recent login is needed\""
            };
            answer.refused(
                &format!("{needed:?}"),
                status,
                &[&format!("{ABSENT}, {words}")],
            );
        }
    }
}

/// What comes back from a handler that refuses for this reason.
async fn refused_inside(issuer: &TestIssuer, kind: AuthorizationErrorKind) -> Answer {
    use axum::response::IntoResponse;
    use tower_bearer::AuthorizationError;
    let handler = service_fn(move |_: Request<String>| {
        let response = AuthorizationError::from(kind.clone()).into_response();
        std::future::ready(Ok(response.map(|_| String::new())))
    });
    ask(
        layer(builder(issuer)).layer(handler),
        with_token(&token(issuer)),
    )
    .await
}

/// 47: what a service says of itself in a challenge is checked when the service starts.
#[tokio::test]
async fn a_realm_or_scope_that_could_break_a_challenge_is_a_mistake_of_configuration() {
    let issuer = issuer();
    for bad in [
        "a\"b", "a\\b", "a\r\nb", "a\tb", "a\0b", "\u{e9}", "a\u{7f}b", "",
    ] {
        for outcome in [
            builder(&issuer).realm(bad).build(),
            builder(&issuer).challenge_scope(bad).build(),
        ] {
            let kind = outcome.map(|_| ()).map_err(|error| error.kind());
            assert_eq!(kind, Err(ConfigErrorKind::Challenge), "{bad:?}");
        }
    }
    for bad in [" a", "a ", "a  b"] {
        let outcome = builder(&issuer).challenge_scope(bad).build();
        let kind = outcome.map(|_| ()).map_err(|error| error.kind());
        assert_eq!(kind, Err(ConfigErrorKind::Challenge), "{bad:?}");
    }
    // An audience need not fit into a challenge; then it is not in one.
    let odd = tower_bearer::Authenticator::builder(issuer.url(), "a\"b\r\nc").fetch(issuer.fetch());
    send(&layer(odd), get("/", &[]))
        .await
        .refused("odd", 401, &["Bearer realm=\"protected\""]);
}

// --- refused inside, finished outside

#[tokio::test]
async fn a_refusal_from_inside_is_told_to_observers_once() {
    let issuer = issuer();
    let (diary, builder) = Diary::of(builder(&issuer));
    let auth = builder.build().expect("sound");
    let inside = require(Requirement::scopes("admin")).layer(echo());
    let outer = AuthenticateLayer::new(auth.clone());
    let service = outer.layer(inside.clone());
    ask(service, with_token(&token(&issuer))).await;
    assert_eq!(diary.read(), ["accepted", "insufficient_scope"]);
    // The layer next to it finishes it; one further out has nothing left to do.
    let service = outer.layer(outer.layer(inside));
    let answer = ask(service, with_token(&token(&issuer))).await;
    answer.refused(
        "two layers",
        403,
        &[&format!("{ABSENT}, scope=\"admin\", {NOT_PERMITTED}")],
    );
    assert_eq!(diary.read(), ["accepted", "accepted", "insufficient_scope"]);
}

/// Adds what sessions, tracing and compression add to every answer.
fn between() -> MapResponseLayer<fn(Response<String>) -> Response<String>> {
    MapResponseLayer::new(|mut response: Response<String>| {
        let headers = response.headers_mut();
        for (name, value) in [
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("x-request-id", "7"),
            ("vary", "origin"),
            ("content-encoding", "gzip"),
            ("content-length", "0"),
            ("cache-control", "no-cache"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        response.extensions_mut().insert("between");
        response
    })
}

#[tokio::test]
async fn what_a_layer_between_adds_stays() {
    let issuer = issuer();
    let inside = || between().layer(require(Requirement::scopes("admin")).layer(echo()));
    let plain = layer(builder(&issuer));
    let answer = ask(plain.layer(inside()), with_token(&token(&issuer))).await;
    let challenge = format!("www-authenticate: {ABSENT}, scope=\"admin\", {NOT_PERMITTED}");
    let kept = [
        "cache-control: no-cache",
        "set-cookie: a=1",
        "set-cookie: b=2",
        "vary: origin",
    ];
    let all = |others: &[&str]| {
        let mut all: Vec<String> = [&kept, others]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect();
        all.extend([challenge.clone(), "x-request-id: 7".to_owned()]);
        all.sort();
        all
    };
    assert_eq!(lines(&answer.head.headers), all(&[]));
    assert_eq!(answer.head.extensions.get(), Some(&"between"));
    assert_eq!(answer.code(), Some("insufficient_scope"));
    let problem = layer(builder(&issuer)).problem_details();
    let answer = ask(problem.layer(inside()), with_token(&token(&issuer))).await;
    assert_eq!(
        lines(&answer.head.headers),
        all(&["content-type: application/problem+json"])
    );
    assert!(
        answer.body.contains("insufficient_scope"),
        "{}",
        answer.body
    );
}

/// So as not to tell what there is.
#[tokio::test]
async fn a_layer_between_may_make_another_answer_of_it() {
    let issuer = issuer();
    let (diary, builder) = Diary::of(builder(&issuer));
    let hide = MapResponseLayer::new(|mut response: Response<String>| {
        if response.status() == StatusCode::FORBIDDEN {
            *response.status_mut() = StatusCode::NOT_FOUND;
            *response.body_mut() = "no such order".into();
            response.headers_mut().remove("www-authenticate");
        }
        response
    });
    let inside = hide.layer(require(Requirement::scopes("admin")).layer(echo()));
    let answer = ask(
        layer(builder).problem_details().layer(inside),
        with_token(&token(&issuer)),
    )
    .await;
    assert_eq!(
        (answer.status(), answer.body.as_str()),
        (404, "no such order")
    );
    assert_eq!(lines(&answer.head.headers), [""; 0]);
    assert_eq!(diary.read(), ["accepted", "insufficient_scope"]);
}

#[tokio::test]
async fn a_check_where_no_layer_authenticates_is_500_and_lets_nothing_pass() {
    let issuer = issuer();
    for requirement in [
        Requirement::scopes("read"),
        Requirement::not(Requirement::scopes("x")),
        Requirement::predicate(|_| true),
    ] {
        for request in [get("/", &[]), with_token(&token(&issuer))] {
            let answer = send(&require(requirement.clone()), request).await;
            answer.refused("no layer", 500, &[]);
            assert!(answer.head.extensions.get::<LayerMissing>().is_some());
        }
    }
    // Nor is one whose claims are of another type.
    let auth = builder(&issuer).claims::<Value>().build().expect("sound");
    let inside = require(Requirement::scopes("read")).layer(echo());
    let answer = ask(
        AuthenticateLayer::new(auth).layer(inside),
        with_token(&token(&issuer)),
    )
    .await;
    answer.refused("another type", 500, &[]);
}

// --- gRPC

#[tokio::test]
async fn a_client_of_grpc_is_answered_in_grpc_whoever_refuses_and_however() {
    let issuer = issuer();
    let grpc = |token: &str| {
        let mut request = with_token(token);
        *request.method_mut() = http::Method::POST;
        request.headers_mut().insert(
            "content-type",
            HeaderValue::from_static("application/grpc+proto"),
        );
        request
    };
    let want = |status: u8, message: &str| {
        [
            "content-type: application/grpc".to_owned(),
            format!("grpc-message: {message}"),
            format!("grpc-status: {status}"),
        ]
    };
    let handler = service_fn(|_: Request<String>| {
        use axum::response::IntoResponse;
        let response =
            tower_bearer::AuthorizationError::insufficient_scope("admin").into_response();
        std::future::ready(Ok(response.map(|_| String::new())))
    });
    let good = token(&issuer);
    let plain = || layer(builder(&issuer));
    let from_layer = || require(Requirement::scopes("admin")).layer(echo());
    for (row, answer, status, message) in [
        (
            "bad",
            ask(plain().layer(from_layer()), grpc("x")).await,
            16,
            "the token is not acceptable",
        ),
        (
            "bad, problems",
            ask(plain().problem_details().layer(from_layer()), grpc("x")).await,
            16,
            "the token is not acceptable",
        ),
        (
            "a layer",
            ask(plain().layer(from_layer()), grpc(&good)).await,
            7,
            "the token does not permit this",
        ),
        (
            "a layer, problems",
            ask(plain().problem_details().layer(from_layer()), grpc(&good)).await,
            7,
            "the token does not permit this",
        ),
        (
            "a handler",
            ask(plain().layer(handler), grpc(&good)).await,
            7,
            "the token does not permit this",
        ),
        (
            "a handler, problems",
            ask(plain().problem_details().layer(handler), grpc(&good)).await,
            7,
            "the token does not permit this",
        ),
        (
            "no layer",
            ask(from_layer(), grpc(&good)).await,
            13,
            "no layer authenticates this call",
        ),
    ] {
        assert_eq!(answer.status(), 200, "{row}");
        assert_eq!(lines(&answer.head.headers), want(status, message), "{row}");
        assert_eq!(answer.body, "", "{row}");
    }
}

// --- problems

#[tokio::test]
async fn a_problem_says_in_json_what_the_challenge_says() {
    let issuer = issuer();
    let authenticate = layer(builder(&issuer).challenge_scope("read")).problem_details();
    for (row, request, requirement, status, told) in refusals(&issuer) {
        let inside = AuthorizeLayer::new(requirement).layer(echo());
        let answer = ask(authenticate.layer(inside), request).await;
        let challenge = format!("{ABSENT}{}", told.replace("{}", ", scope=\"read\""));
        let headers = [
            "content-type: application/problem+json".to_owned(),
            format!("www-authenticate: {challenge}"),
        ];
        assert_eq!(lines(&answer.head.headers), headers, "{row}");
        assert_eq!(answer.status(), status, "{row}");
        let title = match status {
            400 => "Bad Request",
            401 => "Unauthorized",
            _ => "Forbidden",
        };
        let attribute = |name: &str| {
            challenge
                .split(&format!(", {name}=\""))
                .nth(1)
                .and_then(|rest| rest.split('"').next())
        };
        let detail = attribute("error_description").unwrap_or("a bearer token is needed");
        let mut problem = serde_json::Map::from_iter([
            ("type".to_owned(), json!("about:blank")),
            ("title".to_owned(), json!(title)),
            ("status".to_owned(), json!(status)),
            ("detail".to_owned(), json!(detail)),
        ]);
        problem.extend(attribute("error").map(|code| ("error".to_owned(), json!(code))));
        let problem = Value::Object(problem);
        assert_eq!(
            serde_json::from_str::<Value>(&answer.body).ok(),
            Some(problem),
            "{row}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_told_is_a_problem_too() {
    let issuer = issuer();
    let good = token(&issuer);
    issuer.behave(Behaviour::Down);
    let answer = send(
        &layer(builder(&issuer)).problem_details(),
        with_token(&good),
    )
    .await;
    let problem = json!({
        "type": "about:blank", "title": "Service Unavailable", "status": 503,
        "detail": "it cannot be told at the moment whether the token is good",
    });
    assert_eq!(
        (answer.status(), serde_json::from_str(&answer.body).ok()),
        (503, Some(problem))
    );
    assert_eq!(answer.all("content-type"), ["application/problem+json"]);
    assert_eq!(answer.all("retry-after").len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_no_refusal_is_left_as_it_is() {
    let issuer = issuer();
    let own = service_fn(|_: Request<String>| {
        let response = Response::builder()
            .status(403)
            .header("www-authenticate", "Negotiate")
            .body("mine".to_owned());
        std::future::ready(Ok(response.expect("a response")))
    });
    let authenticate = layer(builder(&issuer)).problem_details().on_refusal(
        |_: Response<String>, _: &Rejection, _: &RefusedRequest| panic!("nothing was refused"),
    );
    let answer = ask(authenticate.layer(own), with_token(&token(&issuer))).await;
    assert_eq!(
        (answer.status(), answer.body.as_str(), answer.challenges()),
        (403, "mine", vec!["Negotiate"])
    );
}

// --- hooks

#[tokio::test]
async fn a_hook_sees_every_refusal_with_its_reason_and_its_request() {
    let issuer = issuer();
    let authenticate = layer(builder(&issuer)).problem_details().on_refusal(
        |mut response: Response<String>, rejection: &Rejection, request: &RefusedRequest| {
            let seen = format!(
                "{} {} {}",
                rejection.code(),
                request.method(),
                request.uri()
            );
            response
                .headers_mut()
                .insert("x-seen", HeaderValue::try_from(seen).expect("ASCII"));
            response.body_mut().push('!');
            response
        },
    );
    for (row, request, requirement, status, _) in refusals(&issuer) {
        let uri = request.uri().clone();
        let inside = AuthorizeLayer::new(requirement).layer(echo());
        let answer = ask(authenticate.layer(inside), request).await;
        assert_eq!(answer.status(), status, "{row}");
        let code = answer.code().expect("a rejection");
        assert_eq!(answer.all("x-seen"), [format!("{code} GET {uri}")], "{row}");
        assert!(answer.body.ends_with("}!"), "{row}");
        assert_eq!(answer.challenges().len(), 1, "{row}");
    }
    let reached = send(&authenticate, with_token(&token(&issuer))).await;
    assert_eq!(reached.accepted("good").subject(), Some("alice"));
    assert_eq!(reached.all("x-seen"), [""; 0]);
}

#[tokio::test]
async fn a_hook_has_the_last_word_and_layers_outside_still_learn_the_reason() {
    let issuer = issuer();
    let authenticate = layer(builder(&issuer)).on_refusal(
        |_: Response<String>, _: &Rejection, _: &RefusedRequest| {
            let response = Response::builder().status(302).header("location", "/login");
            response.body("go".to_owned()).expect("a response")
        },
    );
    for (row, request, requirement, ..) in refusals(&issuer) {
        let inside = AuthorizeLayer::new(requirement).layer(echo());
        let answer = ask(authenticate.layer(inside), request).await;
        assert_eq!(
            (answer.status(), answer.body.as_str()),
            (302, "go"),
            "{row}"
        );
        assert_eq!(lines(&answer.head.headers), ["location: /login"], "{row}");
        assert!(answer.code().is_some(), "{row}");
    }
}

/// Read as they are sent, and with no way to take a token out.
struct Own;

impl TokenSource for Own {
    fn token<'r>(
        &self,
        headers: &'r http::HeaderMap,
        uri: &'r Uri,
    ) -> Result<Option<std::borrow::Cow<'r, str>>, TokenSourceError> {
        let mut values = headers.get_all("x-token").iter();
        let (first, second) = (values.next(), values.next());
        if second.is_some() {
            return Err(TokenSourceError::Repeated);
        }
        if let Some(value) = first {
            let value = value.to_str().map_err(|_| TokenSourceError::Malformed)?;
            return Ok(Some(value.into()));
        }
        Ok(uri
            .path()
            .strip_prefix("/as/")
            .map(|token| token.replace("%2E", ".").into()))
    }
}

fn showing_everywhere(issuer: &TestIssuer) -> AuthenticatorBuilder {
    builder(issuer)
        .token_source(CookieToken::named("t").expect("a name"))
        .token_source(WebSocketToken::following("bearer").expect("a name"))
        .token_source(WebSocketToken::prefixed("bearer.").expect("a prefix"))
        .token_source(Own)
        .other_credential(
            Marker::scheme("ApiKey").expect("a marker"),
            |_: String| async { Ok(None::<()>) },
        )
        .other_credential(
            Marker::prefix("sk_").expect("a marker"),
            |_: String| async { Ok(None::<()>) },
        )
        .dangerous()
        .accept_token_in_query()
}

#[tokio::test]
async fn a_hook_never_sees_a_token_wherever_it_stood_and_whatever_was_wrong_with_it() {
    let issuer = issuer();
    let (bad, good) = (
        issuer.token().audience(AUDIENCE).expired().sign(),
        token(&issuer),
    );
    let key = "sk_0123456789abcdef";
    let encoded = bad.replace('.', "%2E");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&seen);
    let hook =
        move |response: Response<String>, rejection: &Rejection, request: &RefusedRequest| {
            let mut seen = written.lock().expect("no panic");
            seen.push(format!("{} {request:?} {rejection:?}", request.uri()));
            response
        };
    let everywhere = layer(showing_everywhere(&issuer)).on_refusal(hook.clone());
    let header_only = layer(builder(&issuer)).on_refusal(hook);
    let long = "x".repeat(17 * 1024);
    type Row = (&'static str, String, Vec<(&'static str, String)>);
    let rows: Vec<Row> = vec![
        ("header", "/".into(), vec![("authorization", bearer(&bad))]),
        (
            "a copy in the query",
            format!("/?jwt={bad}"),
            vec![("authorization", bearer(&bad))],
        ),
        ("a key", "/".into(), vec![("authorization", bearer(key))]),
        (
            "a copy in another header",
            "/".into(),
            vec![
                ("authorization", bearer(&bad)),
                ("x-original-authorization", bearer(&bad)),
            ],
        ),
        (
            "a scheme",
            "/".into(),
            vec![("authorization", format!("ApiKey {key}"))],
        ),
        (
            "too long",
            "/".into(),
            vec![("authorization", bearer(&long))],
        ),
        (
            "malformed",
            "/".into(),
            vec![("authorization", format!("Bearer\t{good}"))],
        ),
        (
            "two headers",
            "/".into(),
            vec![
                ("authorization", bearer(&good)),
                ("authorization", bearer(&bad)),
            ],
        ),
        (
            "cookie",
            "/".into(),
            vec![("cookie", format!("a=b; t={bad}"))],
        ),
        (
            "two cookies",
            "/".into(),
            vec![("cookie", format!("t={good}; t={bad}"))],
        ),
        (
            "another cookie",
            "/".into(),
            vec![("cookie", format!("session={good}"))],
        ),
        (
            "sub-protocol",
            "/".into(),
            vec![("sec-websocket-protocol", format!("bearer, {bad}"))],
        ),
        (
            "prefixed sub-protocol",
            "/".into(),
            vec![("sec-websocket-protocol", format!("bearer.{bad}"))],
        ),
        (
            "sub-protocol, malformed",
            "/".into(),
            vec![("sec-websocket-protocol", format!("bearer, \u{e9}, {good}"))],
        ),
        ("query", format!("/?a=b&access_token={bad}"), vec![]),
        (
            "query, encoded",
            format!("/?a=b&access%5Ftoken={encoded}"),
            vec![],
        ),
        (
            "query, twice",
            format!("/?access_token={good}&access_token={bad}"),
            vec![],
        ),
        (
            "query, malformed",
            format!("/?access_token={good}%20x"),
            vec![],
        ),
        (
            "query and header",
            format!("/?access_token={good}"),
            vec![("authorization", bearer(&good))],
        ),
        (
            "proxy",
            "/".into(),
            vec![("proxy-authorization", bearer(&good))],
        ),
        ("proof", "/".into(), vec![("dpop", good.clone())]),
        ("own header", "/".into(), vec![("x-token", bad.clone())]),
        (
            "own header, twice",
            "/".into(),
            vec![("x-token", good.clone()), ("x-token", bad.clone())],
        ),
        (
            "own header, malformed",
            "/".into(),
            vec![("x-token", format!("Bearer {good}"))],
        ),
        (
            "own header, not ASCII",
            "/".into(),
            vec![("x-token", format!("{good}\u{e9}"))],
        ),
        (
            "own header and header",
            "/".into(),
            vec![("x-token", good.clone()), ("authorization", bearer(&good))],
        ),
        (
            "own header and a bad header",
            "/".into(),
            vec![
                ("x-token", good.clone()),
                ("authorization", "Bearer".into()),
            ],
        ),
        (
            "own header and cookie",
            "/".into(),
            vec![("x-token", good.clone()), ("cookie", format!("t={bad}"))],
        ),
        ("own path", format!("/as/{bad}"), vec![]),
        ("own path, encoded", format!("/as/{encoded}"), vec![]),
        (
            "own path and header",
            format!("/as/{good}"),
            vec![("authorization", bearer(&bad))],
        ),
    ];
    let mut leaks = Vec::new();
    for (row, uri, headers) in rows {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = headers.collect();
        send(&everywhere, get(&uri, &headers)).await;
        if !row.starts_with("own") {
            send(&header_only, get(&uri, &headers)).await;
        }
        let seen = std::mem::take(&mut *seen.lock().expect("no panic"));
        assert!(!seen.is_empty(), "{row}: the hook was not asked");
        let parts = [&good, &bad].into_iter().flat_map(|token| token.split('.'));
        let mut secrets = parts
            .filter(|part| part.len() > 20)
            .chain([key, long.as_str()]);
        if secrets.any(|secret| seen.iter().any(|seen| seen.contains(secret))) {
            leaks.push(row);
        }
    }
    assert_eq!(leaks, [""; 0]);
}

#[tokio::test]
async fn a_hook_sees_the_rest_of_the_request_as_it_was_sent() {
    let issuer = issuer();
    let seen = Arc::new(Mutex::new(None));
    let written = Arc::clone(&seen);
    let hook = move |response: Response<String>, _: &Rejection, request: &RefusedRequest| {
        let (method, uri) = (request.method().to_string(), request.uri().to_string());
        *written.lock().expect("no panic") = Some((method, uri, lines(request.headers())));
        response
    };
    let layer = layer(showing_everywhere(&issuer)).on_refusal(hook);
    let good = token(&issuer);
    for (query, name, value) in [
        ("", "cookie", "a=b".to_owned()),
        ("", "authorization", "Bearer x.y".into()),
        ("", "authorization", "Bearer".into()),
        // Whoever asks must not choose what is hidden.
        ("", "authorization", "Bearer /a".into()),
        ("", "authorization", "Bearer 7".into()),
        ("", "authorization", format!("{}, Bearer x", bearer(&good))),
        ("", "cookie", "t=".into()),
        ("", "cookie", format!("t={good}; t=x")),
        ("", "sec-websocket-protocol", "chat, bearer".into()),
        (
            "",
            "sec-websocket-protocol",
            format!("bearer, {good}, bearer.{good}"),
        ),
        ("", "x-token", "x.y.z".into()),
        ("&access_token", "cookie", "a=b".into()),
        ("&access_token=x&access_token=y", "cookie", "a=b".into()),
        ("&access%5Ftoken=%78", "cookie", "a=b".into()),
    ] {
        let headers = [
            ("x-request-id", "7"),
            ("accept", "a/b"),
            ("accept", "c/d"),
            (name, &value),
        ];
        let request = behind::request("DELETE", &format!("/a%20b?c=%20d{query}"), &headers);
        assert!(send(&layer, request).await.code().is_some(), "{value}");
        let (method, uri, headers) = seen.lock().expect("no panic").take().expect("asked");
        assert_eq!(
            (method.as_str(), uri.as_str()),
            ("DELETE", "/a%20b?c=%20d"),
            "{query} {value}"
        );
        assert_eq!(
            headers,
            ["accept: a/b", "accept: c/d", "x-request-id: 7"],
            "{query} {value}"
        );
    }
}

/// A proxy copies what it saw into headers of its own, and clients write tokens in ways that are none.
#[tokio::test]
async fn a_hook_sees_no_copy_of_what_was_shown_however_it_was_shown() {
    let issuer = issuer();
    let seen = Arc::new(Mutex::new(String::new()));
    let written = Arc::clone(&seen);
    let hook = move |response: Response<String>, _: &Rejection, request: &RefusedRequest| {
        *written.lock().expect("no panic") = format!("{request:?}");
        response
    };
    let secret = "not.a.token.of-29-characters0";
    let copy = format!("/x?access_token={secret}");
    let plain = layer(builder(&issuer)).on_refusal(hook.clone());
    let every = layer(showing_everywhere(&issuer)).on_refusal(hook);
    for (uri, headers) in [
        (copy.as_str(), vec![("x-original-uri", copy.clone())]),
        (&copy, vec![("referer", format!("https://a.example{copy}"))]),
        (
            "/x?access_token=a&access_token=not.a.token.of-29-characters0",
            vec![("x-original-uri", copy.clone())],
        ),
        (
            "/",
            vec![
                ("cookie", format!("t={secret}; t=x")),
                ("x-copy", secret.to_owned()),
            ],
        ),
        (
            "/",
            vec![
                ("authorization", format!("Bearer\t{secret}")),
                ("x-forwarded-access-token", secret.to_owned()),
            ],
        ),
        (
            "/",
            vec![
                ("authorization", secret.to_owned()),
                ("x-copy", secret.to_owned()),
            ],
        ),
        (
            "/",
            vec![
                ("authorization", format!("Bearer {secret}, Basic eA")),
                ("x-copy", format!("Bearer {secret}")),
            ],
        ),
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        for layer in [&plain, &every] {
            let answer = send(layer, behind::get(uri, &headers)).await;
            assert!(answer.code().is_some(), "{uri} {headers:?}");
            let shown = std::mem::take(&mut *seen.lock().expect("no panic"));
            assert!(!shown.is_empty() && !shown.contains(secret), "{shown}");
        }
    }
}

/// One list of 400 KB once took eleven seconds: each of its members was looked up among all tokens.
#[tokio::test]
async fn a_list_of_any_length_is_hidden_from_a_hook_in_one_walk() {
    let issuer = issuer();
    let hook = |response: Response<String>, _: &Rejection, request: &RefusedRequest| {
        assert!(request.headers().is_empty());
        response
    };
    let layer = layer(showing_everywhere(&issuer)).on_refusal(hook);
    for member in ["bearer,", "bearer.b,", "b,"] {
        let list = member.repeat(60_000 / member.len());
        let headers = [("sec-websocket-protocol", list.as_str()); 6];
        let answer = send(&layer, behind::get("/", &headers)).await;
        assert!(answer.code().is_some(), "{member}");
    }
}

/// A refusal of anything that is no call of gRPC must not look like a success, which caches may keep.
#[tokio::test]
async fn only_a_post_is_a_call_of_grpc() {
    let issuer = issuer();
    let layer = layer(builder(&issuer));
    let headers = [("content-type", "application/grpc")];
    for (method, status) in [("POST", 200), ("GET", 401), ("HEAD", 401), ("PUT", 401)] {
        let request = behind::request(method, "/account", &headers);
        assert_eq!(send(&layer, request).await.status(), status, "{method}");
    }
}

#[tokio::test]
async fn the_address_of_the_metadata_stands_in_the_challenge_of_every_scheme() {
    let issuer = issuer();
    let resource = tower_bearer::ProtectedResource::new(AUDIENCE);
    let builder = builder(&issuer).protected_resource(resource);
    let marker = Marker::scheme("ApiKey").expect("a marker");
    let builder = builder.other_credential(marker, |_: String| async { Ok(None::<()>) });
    let answer = send(&layer(builder), behind::get("/", &[])).await;
    let address = "resource_metadata=\"https://api.test/.well-known/oauth-protected-resource\"";
    let challenges = answer.head.headers.get_all("www-authenticate");
    let challenges: Vec<_> = challenges
        .iter()
        .map(|value| value.to_str().expect("ASCII"))
        .collect();
    assert_eq!(
        challenges,
        [
            format!("Bearer realm=\"{AUDIENCE}\", {address}"),
            format!("ApiKey realm=\"{AUDIENCE}\", {address}"),
        ]
    );
}
