//! For proxies: the credential that is not passed on, and claims that are.
#![expect(
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

#[expect(dead_code, reason = "only a part of it is needed here")]
mod behind;

use std::borrow::Cow;

use behind::{ABSENT, AUDIENCE, bearer, builder, get, issuer, layer, lines, request, send, token};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde_json::{Value, json};
use tower_bearer::credential::{
    CookieToken, Marker, TokenSource, TokenSourceError, WebSocketToken,
};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AuthenticateLayer, AuthenticatorBuilder, ClaimPath, ConfigErrorKind};

fn reading_everywhere(issuer: &TestIssuer) -> AuthenticatorBuilder {
    builder(issuer)
        .token_source(CookieToken::named("t").expect("a name"))
        .token_source(WebSocketToken::following("bearer").expect("a name"))
        .token_source(WebSocketToken::prefixed("bearer.").expect("a prefix"))
        .token_source(OwnHeader)
        .other_credential(
            Marker::scheme("ApiKey").expect("a marker"),
            |_: String| async { Ok(Some(())) },
        )
        .dangerous()
        .accept_token_in_query()
}

/// A place of the service's own that knows how to take its token out.
struct OwnHeader;

impl TokenSource for OwnHeader {
    fn token<'r>(
        &self,
        headers: &'r HeaderMap,
        _: &'r Uri,
    ) -> Result<Option<Cow<'r, str>>, TokenSourceError> {
        let value = headers.get("x-token").map(HeaderValue::to_str).transpose();
        let value = value.map_err(|_| TokenSourceError::Malformed)?;
        Ok(value.map(Cow::Borrowed))
    }

    fn remove(&self, headers: &mut HeaderMap, _: &mut Uri) {
        headers.remove("x-token");
    }
}

#[tokio::test]
async fn the_credential_is_taken_out_of_the_request_wherever_it_stood() {
    let issuer = issuer();
    let layer = layer(reading_everywhere(&issuer)).strip_credential();
    let good = token(&issuer);
    let in_query = |before: &str, after: &str| format!("/a%20b{before}access_token={good}{after}");
    for (uri, name, value, uri_after, after) in [
        (
            "/a?b=c".into(),
            "authorization",
            bearer(&good),
            "/a?b=c",
            vec![],
        ),
        (
            "/".into(),
            "authorization",
            "ApiKey secret".into(),
            "/",
            vec![],
        ),
        ("/".into(), "x-token", good.clone(), "/", vec![]),
        ("/".into(), "cookie", format!("t={good}"), "/", vec![]),
        (
            "/".into(),
            "cookie",
            format!("a=1; t={good}; tt=2;u=\"3 4\""),
            "/",
            vec!["cookie: a=1; tt=2; u=\"3 4\""],
        ),
        (
            "/".into(),
            "cookie",
            format!("t=\"{good}\";a=1"),
            "/",
            vec!["cookie: a=1"],
        ),
        (
            "/".into(),
            "sec-websocket-protocol",
            format!("bearer,{good}"),
            "/",
            vec!["sec-websocket-protocol: bearer"],
        ),
        (
            "/".into(),
            "sec-websocket-protocol",
            format!("chat, bearer, {good}, v2"),
            "/",
            vec!["sec-websocket-protocol: chat, bearer, v2"],
        ),
        (
            "/".into(),
            "sec-websocket-protocol",
            format!("bearer.{good}"),
            "/",
            vec![],
        ),
        (
            "/".into(),
            "sec-websocket-protocol",
            format!("chat,bearer.{good}"),
            "/",
            vec!["sec-websocket-protocol: chat"],
        ),
        (in_query("?", ""), "x", "y".into(), "/a%20b", vec!["x: y"]),
        (
            in_query("?b=%20&", "&c&d=e=f"),
            "x",
            "y".into(),
            "/a%20b?b=%20&c&d=e=f",
            vec!["x: y"],
        ),
    ] {
        let uri: String = uri;
        let answer = send(&layer, get(&uri, &[(name, &value)])).await;
        let seen = answer.seen(&value);
        assert_eq!(seen.uri, uri_after, "{uri}");
        assert_eq!(lines(&seen.headers), after, "{value}");
    }
}

#[tokio::test]
async fn a_split_cookie_header_loses_the_token_and_nothing_else() {
    let issuer = issuer();
    let layer = layer(reading_everywhere(&issuer)).strip_credential();
    let ours = format!("t={}", token(&issuer));
    let cookies = [
        ("cookie", "a=1"),
        ("cookie", ours.as_str()),
        ("cookie", "b=2; t2=3"),
    ];
    let answer = send(&layer, get("/", &cookies)).await;
    assert_eq!(
        lines(&answer.seen("split").headers),
        ["cookie: a=1; b=2; t2=3"]
    );
}

#[tokio::test]
async fn the_credential_stays_where_nothing_else_was_asked_for() {
    let issuer = issuer();
    let layer = layer(reading_everywhere(&issuer));
    let value = bearer(&token(&issuer));
    let answer = send(&layer, get("/", &[("authorization", &value)])).await;
    assert_eq!(answer.accepted("kept").subject(), Some("alice"));
    assert_eq!(answer.seen("kept").headers["authorization"], value);
    let value = format!("t={}", token(&issuer));
    let answer = send(&layer, get("/", &[("cookie", &value)])).await;
    assert_eq!(answer.seen("kept").headers["cookie"], value);
}

#[tokio::test]
async fn a_credential_is_taken_out_of_every_request_that_is_let_through() {
    let issuer = issuer();
    let base = || layer(reading_everywhere(&issuer)).strip_credential();
    let open = base().public(Method::GET, "/open").expect("a route");
    let sent = || {
        let asks = ("access-control-request-method", "PUT");
        let credentials = [
            ("authorization", "Bearer x"),
            ("authorization", "Bearer y"),
            ("cookie", "t=x; a=b"),
            asks,
        ];
        move |method| request(method, "/open?access_token=x&c=d", &credentials)
    };
    for (why, layer, method) in [
        ("public route", open, "GET"),
        ("preflight", base().let_preflight_through(), "OPTIONS"),
        ("refused: credential_repeated", base().observe_only(), "GET"),
    ] {
        let answer = send(&layer, sent()(method)).await;
        let seen = answer.let_through(why, why);
        assert_eq!(seen.uri, "/open?c=d", "{why}");
        assert_eq!(
            lines(&seen.headers),
            ["access-control-request-method: PUT", "cookie: a=b"],
            "{why}"
        );
    }
}

fn forwarding(path: impl Into<ClaimPath>) -> (TestIssuer, AuthenticateLayer) {
    let issuer = issuer();
    let layer = layer(builder(&issuer));
    let header = HeaderName::from_static("x-claim");
    let layer = layer.forward_claim(path, header).expect("a header");
    (issuer, layer)
}

#[tokio::test]
async fn a_claim_is_handed_on_as_one_plain_header_or_not_at_all() {
    let (issuer, layer) = forwarding("c");
    let text = |text: &str| Some(text.to_owned());
    for (claim, header) in [
        (json!("alice"), text("alice")),
        (
            json!("Alice A. Smith; \"a,b\" ~!"),
            text("Alice A. Smith; \"a,b\" ~!"),
        ),
        (json!(42), text("42")),
        (json!(-1.5), text("-1.5")),
        (json!(true), text("true")),
        (json!(["a", "b c"]), text("a,b c")),
        (json!(["a"]), text("a")),
        (json!("x".repeat(4096)), text(&"x".repeat(4096))),
        (json!(""), None),
        (json!(" alice"), None),
        (json!("alice "), None),
        (json!("alice\r\nx-admin: true"), None),
        (json!("alice\nx"), None),
        (json!("alice\tx"), None),
        (json!("alice\0"), None),
        (json!("alice\u{7f}"), None),
        (json!("\u{e9}lo\u{ef}se"), None),
        (json!("\u{ff41}lice"), None),
        (json!("alice\u{85}"), None),
        (json!([]), None),
        (json!([""]), None),
        (json!(["a", "b,c"]), None),
        (json!(["a", "b\nc"]), None),
        (json!(["a", 1]), None),
        (json!(["a", ["b"]]), None),
        (json!({"a": "b"}), None),
        (json!(null), None),
    ] {
        let token = issuer
            .token()
            .audience(AUDIENCE)
            .claim("c", claim.clone())
            .sign();
        let headers = [("x-claim", "root"), ("authorization", &bearer(&token))];
        let answer = send(&layer, get("/", &headers)).await;
        answer.accepted(&claim.to_string());
        let seen: Vec<_> = answer
            .seen("accepted")
            .headers
            .get_all("x-claim")
            .iter()
            .collect();
        let seen: Vec<_> = seen
            .iter()
            .map(|value| value.to_str().expect("ASCII"))
            .collect();
        assert_eq!(seen, header.into_iter().collect::<Vec<_>>(), "{claim}");
    }
}

#[tokio::test]
async fn a_claim_within_a_claim_is_found_by_its_path() {
    let nested: Value = json!({"acme": {"tenant.id": "7"}});
    for (path, header) in [
        (ClaimPath::from(["acme", "tenant.id"]), Some("7")),
        (ClaimPath::from("acme.tenant.id"), None),
        (ClaimPath::from("acme"), None),
        (ClaimPath::from("sub"), Some("alice")),
        (ClaimPath::from(["nobody"]), None),
    ] {
        let (issuer, layer) = forwarding(path.clone());
        let token = issuer
            .token()
            .audience(AUDIENCE)
            .claim("acme", nested["acme"].clone())
            .sign();
        let answer = send(&layer, get("/", &[("authorization", &bearer(&token))])).await;
        let seen = answer.seen("accepted").headers.get("x-claim");
        let seen = seen.map(|value| value.to_str().expect("ASCII"));
        assert_eq!(seen, header, "{path:?}");
    }
}

/// 49: a client's own header must never be taken for ours.
#[tokio::test]
async fn what_the_client_sent_under_our_names_is_gone_whatever_the_token_says() {
    let issuer = issuer();
    let machine = |_: String| async { Ok(Some(())) };
    let builder =
        builder(&issuer).other_credential(Marker::scheme("ApiKey").expect("a marker"), machine);
    let layer = layer(builder);
    let layer = layer
        .forward_claim("nobody", HeaderName::from_static("x-user-id"))
        .expect("a header");
    let layer = layer
        .forward_claim("sub", HeaderName::from_static("remote_user"))
        .expect("a header");
    let good = bearer(&token(&issuer));
    let spoofed = |authorization| {
        get(
            "/",
            &[
                ("x-user-id", "root"),
                ("X-USER-ID", "root"),
                ("X_User_Id", "root"),
                ("x-user_id", "root"),
                ("x_user-id", "root"),
                ("remote-user", "root"),
                ("Remote_User", "root"),
                ("x-user", "kept"),
                ("x-user-id2", "kept"),
                ("xuserid", "kept"),
                ("authorization", authorization),
            ],
        )
    };
    let kept = ["x-user-id2: kept", "x-user: kept", "xuserid: kept"];
    let mut lines_of_token = lines(&send(&layer, spoofed(&good)).await.seen("a token").headers);
    lines_of_token.retain(|line| !line.starts_with("authorization"));
    assert_eq!(
        lines_of_token,
        [&["remote_user: alice"], &kept[..]].concat()
    );
    let mut lines_of_key = lines(
        &send(&layer, spoofed("ApiKey k"))
            .await
            .seen("a key")
            .headers,
    );
    lines_of_key.retain(|line| !line.starts_with("authorization"));
    assert_eq!(lines_of_key, kept);
}

/// RFC 9110 §7.6.1: a proxy behind us drops what `Connection` names, and with it the claim that we wrote.
#[tokio::test]
async fn a_client_cannot_have_a_claim_dropped_on_the_way() {
    let (issuer, layer) = forwarding("sub");
    let good = bearer(&token(&issuer));
    for (sent, after) in [
        ("close, X-Claim", vec!["close"]),
        ("x-claim", vec![]),
        ("x_claim,keep-alive", vec!["keep-alive"]),
        ("keep-alive, x-claims", vec!["keep-alive, x-claims"]),
    ] {
        let headers = [("connection", sent), ("authorization", &good)];
        let answer = send(&layer, get("/", &headers)).await;
        let seen = answer.seen(sent);
        assert_eq!(seen.headers["x-claim"], "alice", "{sent}");
        let connection = seen.headers.get_all("connection").iter();
        let connection: Vec<_> = connection
            .map(|value| value.to_str().expect("ASCII"))
            .collect();
        assert_eq!(connection, after, "{sent}");
    }
}

#[tokio::test]
async fn claims_are_handed_on_although_the_credential_is_not() {
    let (issuer, layer) = forwarding("sub");
    let layer = layer.strip_credential();
    let answer = send(
        &layer,
        get("/", &[("authorization", &bearer(&token(&issuer)))]),
    )
    .await;
    assert_eq!(lines(&answer.seen("stripped").headers), ["x-claim: alice"]);
    send(&layer, get("/", &[("x-claim", "root")]))
        .await
        .refused("none", 401, &[ABSENT]);
}

#[test]
fn a_header_that_frames_routes_or_proves_a_request_carries_no_claim() {
    for name in [
        "authorization",
        "proxy-authorization",
        "dpop",
        "cookie",
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "content-length",
        "content-type",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "sec-websocket-protocol",
        "content_length",
        "content_type",
        "transfer_encoding",
        "proxy_authorization",
    ] {
        let header = HeaderName::from_static(name);
        let outcome = layer(builder(&issuer())).forward_claim("sub", header);
        let kind = outcome.map(|_| ()).map_err(|error| error.kind());
        assert_eq!(kind, Err(ConfigErrorKind::Forwarding), "{name}");
    }
}

#[test]
fn two_claims_cannot_be_handed_on_in_one_header() {
    for (one, other) in [
        ("x-user", "x-user"),
        ("x-user", "x_user"),
        ("x_a-b", "x-a_b"),
    ] {
        let first = layer(builder(&issuer())).forward_claim("sub", HeaderName::from_static(one));
        let outcome = first
            .expect("a header")
            .forward_claim("acr", HeaderName::from_static(other));
        let kind = outcome.map(|_| ()).map_err(|error| error.kind());
        assert_eq!(kind, Err(ConfigErrorKind::Forwarding), "{one} {other}");
    }
}

/// Servers that hand headers on as variables fold all of these into one.
#[tokio::test]
async fn no_spelling_of_a_forwarded_header_comes_from_the_client() {
    let issuer = issuer();
    let header = HeaderName::from_static("x-user-role");
    let layer = layer(builder(&issuer))
        .forward_claim("role", header)
        .expect("sound");
    let bearer = behind::bearer(&token(&issuer));
    for name in [
        "x-user-role",
        "x_user_role",
        "X.User.Role",
        "x~user~role",
        "x+user-role",
    ] {
        let headers = [("authorization", bearer.as_str()), (name, "admin")];
        let answer = send(&layer, behind::get("/", &headers)).await;
        let shown = format!("{:?}", answer.seen(name).headers);
        assert!(!shown.contains("admin"), "{name}: {shown}");
    }
}
