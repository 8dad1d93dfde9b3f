//! Where a credential stands in a request, and that there is exactly one: rows 44 to 46 of the attacks, and every other place.

#[expect(dead_code, reason = "only a part of it is needed here")]
mod behind;

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use behind::{
    ABSENT, AUDIENCE, Answer, Diary, INVALID_REQUEST, INVALID_TOKEN, bearer, builder, get, issuer,
    layer, send, token,
};
use http::{HeaderMap, HeaderValue, Request, Uri};
use tower::util::MapResponseLayer;
use tower::{Layer, ServiceBuilder};
use tower_bearer::credential::{
    CookieToken, DecideError, Marker, TokenSource, TokenSourceError, WebSocketToken,
};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{
    AuthenticateLayer, AuthenticatorBuilder, ConfigError, ConfigErrorKind, Rejection,
    UnavailableKind,
};

/// The status and the whole challenge that a code is answered with.
fn answer_of(code: &str) -> (u16, &'static str) {
    match code {
        "credential_missing" => (401, ABSENT),
        "credential_malformed" | "credential_repeated" => (400, INVALID_REQUEST),
        _ => (401, INVALID_TOKEN),
    }
}

/// The answer is the one that `code` is owed, and nothing that is said of it holds a part of the token.
#[track_caller]
fn refused(row: &str, answer: &Answer, code: &str, token: &str) {
    let (status, challenge) = answer_of(code);
    assert_eq!(answer.code(), Some(code), "{row}");
    answer.refused(row, status, &[challenge]);
    let rejection = answer.head.extensions.get::<Rejection>();
    let said = format!("{rejection:?} {}", rejection.expect("there"));
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!said.contains(part), "{row}: {said}");
    }
}

/// A request whose one header may hold any octets.
fn octets(name: &'static str, value: &[u8]) -> Request<String> {
    let mut request = get("/", &[]);
    let value = HeaderValue::from_bytes(value).expect("octets that a header may hold");
    request.headers_mut().insert(name, value);
    request
}

// --- the header

#[tokio::test]
async fn the_scheme_is_read_in_any_case_and_followed_by_any_number_of_spaces() {
    let issuer = issuer();
    let layer = layer(builder(&issuer));
    for scheme in [
        "Bearer ",
        "bearer ",
        "BEARER ",
        "bEaReR ",
        "Bearer  ",
        "Bearer          ",
    ] {
        let value = format!("{scheme}{}", token(&issuer));
        send(&layer, get("/", &[("authorization", &value)]))
            .await
            .accepted(scheme);
    }
    // Not compact, but a b64token: judged as a token, not as a request.
    let answer = send(&layer, get("/", &[("authorization", "Bearer a~+/b==")])).await;
    refused("every character of a b64token", &answer, "not_compact", "");
}

/// 44: RFC 9110 §5.3; envoy's CVE-2025-64527.
#[tokio::test]
async fn two_credentials_in_the_header_are_an_invalid_request_in_whatever_order() {
    let issuer = issuer();
    let layer = layer(builder(&issuer));
    let good = token(&issuer);
    let bearer = bearer(&good);
    let basic = "Basic YWxpY2U6c2VjcmV0";
    for (row, values) in [
        ("the same twice", vec![bearer.clone(), bearer.clone()]),
        (
            "a good one, a bad one",
            vec![bearer.clone(), "Bearer x".into()],
        ),
        (
            "a bad one, a good one",
            vec!["Bearer x".into(), bearer.clone()],
        ),
        ("Basic, Bearer", vec![basic.into(), bearer.clone()]),
        ("Bearer, Basic", vec![bearer.clone(), basic.into()]),
        ("Bearer, nothing", vec![bearer.clone(), String::new()]),
        ("nothing, Bearer", vec![String::new(), bearer.clone()]),
        ("two of another scheme", vec![basic.into(), basic.into()]),
        (
            "three",
            vec![bearer.clone(), bearer.clone(), bearer.clone()],
        ),
        ("joined", vec![format!("{bearer}, {bearer}")]),
        ("joined without a space", vec![format!("{bearer},{bearer}")]),
        ("joined, Basic behind", vec![format!("{bearer}, {basic}")]),
        ("joined, Basic before", vec![format!("{basic}, {bearer}")]),
        (
            "joined, Basic before, in small letters",
            vec![format!("{basic},bearer {good}")],
        ),
        (
            "joined, Basic before, with a tab",
            vec![format!("{basic},\tBearer\t{good}")],
        ),
        (
            "joined, behind parameters",
            vec![format!("Digest a=\"b\", c=d, {bearer}")],
        ),
        ("a comma behind", vec![format!("{bearer},")]),
        ("two tokens", vec![format!("{bearer},{good}")]),
    ] {
        let headers: Vec<_> = values
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        let answer = send(&layer, get("/", &headers)).await;
        refused(row, &answer, "credential_repeated", &good);
    }
}

/// 46: RFC 9110 §11.4, RFC 6750 §2.1.
#[tokio::test]
async fn a_header_that_is_not_the_scheme_spaces_and_a_token_is_an_invalid_request() {
    let issuer = issuer();
    let layer = layer(builder(&issuer));
    let good = token(&issuer);
    let bearer = bearer(&good);
    for value in [
        "".into(),
        "Bearer".into(),
        "Bearer ".into(),
        "bearer    ".into(),
        format!("Bearer{good}"),
        format!("Bearer:{good}"),
        format!("Bearer={good}"),
        format!("Bearer\t{good}"),
        format!("Bearer \t{good}"),
        format!("Bearer\t {good}"),
        format!("Bearer\u{a0}{good}"),
        format!("Bearer \u{200b}{good}"),
        format!("{bearer} "),
        format!("{bearer}\t"),
        format!("{bearer} {good}"),
        format!("Bearer \"{good}\""),
        format!("Bearer token={good}"),
        format!(" {bearer}"),
        format!("\t{bearer}"),
        format!("Bearer {bearer}"),
        "Bearer ==".into(),
        "Bearer a=b".into(),
        "Bearer \u{e9}".into(),
        format!("{bearer}\u{e9}"),
        format!("{bearer};a=b"),
        format!("{bearer}\\"),
        format!("{bearer}%"),
        bearer.replacen('.', " .", 1),
        bearer.replacen('.', "\u{ff0e}", 1),
    ] {
        let value: String = value;
        let answer = send(&layer, octets("authorization", value.as_bytes())).await;
        refused(&value, &answer, "credential_malformed", &good);
    }
    for middle in [&b"\xa0"[..], b" \xff", b"\x80 "] {
        let value = [b"Bearer", middle, good.as_bytes()].concat();
        let answer = send(&layer, octets("authorization", &value)).await;
        refused(
            "not ASCII, nor UTF-8",
            &answer,
            "credential_malformed",
            &good,
        );
    }
}

/// 45: RFC 6750 §2.2, §2.3. None of these is a way to us.
#[tokio::test]
async fn what_stands_elsewhere_is_no_credential() {
    let issuer = issuer();
    let layer = layer(builder(&issuer));
    let good = token(&issuer);
    let bearer = bearer(&good);
    let cookie = format!("access_token={good}");
    let octet_scheme: &[(&str, &str)] = &[("authorization", "Basic \u{e9}")];
    let rows: [(&str, &[(&str, &str)]); 11] = [
        ("no header", &[]),
        ("another header", &[("proxy-authorization", &bearer)]),
        ("a header of somebody's own", &[("x-access-token", &good)]),
        ("a name with an underscore", &[("authorization_", &bearer)]),
        ("a cookie", &[("cookie", &cookie)]),
        ("a sub-protocol", &[("sec-websocket-protocol", &good)]),
        ("the token alone", &[("authorization", &good)]),
        ("another scheme", &[("authorization", "Basic dTpw")]),
        ("another scheme, not ASCII", octet_scheme),
        ("Beare", &[("authorization", "Beare x")]),
        ("DPoP", &[("authorization", "DPoP x")]),
    ];
    for (row, headers) in rows {
        refused(
            row,
            &send(&layer, get("/", headers)).await,
            "credential_missing",
            &good,
        );
    }
    let answer = send(&layer, get(&format!("/?access_token={good}"), &[])).await;
    refused("the query", &answer, "credential_missing", &good);
    let mut form = get(
        "/",
        &[("content-type", "application/x-www-form-urlencoded")],
    );
    *form.body_mut() = format!("access_token={good}");
    refused(
        "the body",
        &send(&layer, form).await,
        "credential_missing",
        &good,
    );
}

/// 45: RFC 6750 §3.1. A server behind us may look into the query: the two must not see two clients.
#[tokio::test]
async fn a_token_in_header_and_query_is_an_invalid_request_though_the_query_is_not_read() {
    let issuer = issuer();
    let layer = layer(builder(&issuer));
    let good = token(&issuer);
    let headers = [("authorization", bearer(&good))];
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    for uri in [
        format!("/?access_token={good}"),
        "/?access_token=x".into(),
        "/?access%5Ftoken=x".into(),
        "/?%61ccess_token=x".into(),
        "/?access_token".into(),
        "/?access_token=".into(),
        "/?a=b&access_token=x&c=d".into(),
        "/?&&access_token=x".into(),
    ] {
        let answer = send(&layer, get(&uri, &headers)).await;
        refused(&uri, &answer, "credential_repeated", &good);
        assert_eq!(answer.all("cache-control"), [""; 0], "{uri}");
    }
    for uri in [
        "/?token=x",
        "/?my_access_token=x",
        "/access_token=x",
        "/?q=access_token",
        "/?Access_Token=x",
    ] {
        send(&layer, get(uri, &headers)).await.accepted(uri);
    }
}

/// 27: judged by its length alone, wherever it stands.
#[tokio::test]
async fn a_credential_of_17_kib_is_refused_unread_wherever_it_stands() {
    let issuer = issuer();
    let asked = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&asked);
    let decider = move |_: String| {
        *counted.lock().expect("no panic") += 1;
        async { Ok(Some(())) }
    };
    let builder = reading_everywhere(&issuer)
        .other_credential(Marker::prefix("sk_").expect("a marker"), decider);
    let layer = layer(builder);
    let (long, key) = (
        "x".repeat(17 * 1024),
        format!("sk_{}", "x".repeat(17 * 1024)),
    );
    for (row, uri, name, value) in [
        ("header", "/".to_owned(), "authorization", bearer(&long)),
        ("cookie", "/".to_owned(), "cookie", format!("t={long}")),
        (
            "sub-protocol",
            "/".to_owned(),
            "sec-websocket-protocol",
            format!("bearer, {long}"),
        ),
        (
            "query",
            format!("/?access_token={long}"),
            "x",
            String::new(),
        ),
        (
            "a header of our own",
            "/".to_owned(),
            "x-token",
            long.clone(),
        ),
        ("a key", "/".to_owned(), "authorization", bearer(&key)),
    ] {
        let answer = send(&layer, get(&uri, &[(name, &value)])).await;
        refused(row, &answer, "too_long", "");
    }
    assert_eq!(*asked.lock().expect("no panic"), 0);
    assert_eq!(issuer.total_requests(), 0);
    let answer = send(
        &layer,
        get(
            "/",
            &[("x", &long), ("authorization", &bearer(&token(&issuer)))],
        ),
    )
    .await;
    answer.accepted("another header may be long");
}

// --- several places

fn reading_everywhere(issuer: &TestIssuer) -> AuthenticatorBuilder {
    builder(issuer)
        .token_source(CookieToken::named("t").expect("a name"))
        .token_source(WebSocketToken::following("bearer").expect("a name"))
        .token_source(OwnHeader)
        .dangerous()
        .accept_token_in_query()
}

/// One method, as short as it can be.
struct OwnHeader;

impl TokenSource for OwnHeader {
    fn token<'r>(
        &self,
        headers: &'r HeaderMap,
        _: &'r Uri,
    ) -> Result<Option<Cow<'r, str>>, TokenSourceError> {
        let mut values = headers.get_all("x-token").iter();
        let (first, second) = (values.next(), values.next());
        if second.is_some() {
            return Err(TokenSourceError::Repeated);
        }
        let token = first.map(|value| value.to_str().map_err(|_| TokenSourceError::Malformed));
        Ok(token.transpose()?.map(Cow::Borrowed))
    }
}

#[tokio::test]
async fn a_token_is_read_at_each_place_that_was_added() {
    let issuer = issuer();
    let layer = layer(reading_everywhere(&issuer));
    let good = token(&issuer);
    for (row, uri, headers) in places(&good) {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        send(&layer, get(&uri, &headers)).await.accepted(row);
    }
}

type Place = (&'static str, String, Vec<(&'static str, String)>);

/// The same token at one place after the other.
fn places(token: &str) -> Vec<Place> {
    let at = |row, name, value: String| (row, "/".to_owned(), vec![(name, value)]);
    vec![
        at("header", "authorization", bearer(token)),
        at("cookie", "cookie", format!("a=b; t={token}")),
        at(
            "sub-protocol",
            "sec-websocket-protocol",
            format!("chat, bearer, {token}"),
        ),
        at("own header", "x-token", token.to_owned()),
        ("query", format!("/?a=b&access_token={token}"), vec![]),
    ]
}

#[tokio::test]
async fn credentials_at_any_two_places_are_an_invalid_request() {
    let issuer = issuer();
    let layer = layer(reading_everywhere(&issuer));
    let good = token(&issuer);
    for (one, uri, headers) in places(&good) {
        for other in [good.as_str(), "x"] {
            for (another, other_uri, other_headers) in places(other) {
                if one == another {
                    continue;
                }
                let row = format!("{one} and {another}");
                let both: Vec<_> = headers.iter().chain(&other_headers).collect();
                let both: Vec<_> = both
                    .iter()
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect();
                let uri = if uri == "/" { &other_uri } else { &uri };
                let answer = send(&layer, get(uri, &both)).await;
                refused(&row, &answer, "credential_repeated", &good);
            }
        }
    }
}

#[tokio::test]
async fn a_credential_of_another_kind_counts_as_one_beside_a_token() {
    let issuer = issuer();
    let machine = |_: String| async { Ok(Some(())) };
    let builder = reading_everywhere(&issuer)
        .other_credential(Marker::scheme("ApiKey").expect("a marker"), machine)
        .other_credential(Marker::prefix("sk_").expect("a marker"), machine);
    let layer = layer(builder);
    let challenges = |status: u16, answer: &Answer, row: &str| {
        answer.refused(
            row,
            status,
            &[INVALID_REQUEST, "ApiKey realm=\"https://api.test\""],
        );
        assert_eq!(answer.code(), Some("credential_repeated"), "{row}");
    };
    let good = token(&issuer);
    for (place, uri, headers) in places(&good).into_iter().skip(1) {
        for authorization in ["ApiKey k", "Bearer sk_1"] {
            let mut headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            headers.push(("authorization", authorization));
            let answer = send(&layer, get(&uri, &headers)).await;
            challenges(400, &answer, &format!("{authorization} and {place}"));
        }
    }
    let answer = send(
        &layer,
        get("/", &[("x-token", "sk_1"), ("cookie", "t=sk_1")]),
    )
    .await;
    challenges(400, &answer, "two keys");
    for joined in [
        "ApiKey k, Bearer x",
        "Bearer x, ApiKey k",
        "Bearer sk_1, ApiKey k",
        "Basic dTpw, ApiKey k",
        "Basic dTpw,apikey k",
    ] {
        let answer = send(&layer, get("/", &[("authorization", joined)])).await;
        challenges(400, &answer, joined);
    }
}

// --- cookies

fn reading_cookies(issuer: &TestIssuer) -> AuthenticateLayer {
    layer(builder(issuer).token_source(CookieToken::named("t").expect("a name")))
}

#[tokio::test]
async fn the_cookie_of_the_very_name_is_read_wherever_in_the_headers_it_stands() {
    let issuer = issuer();
    let layer = reading_cookies(&issuer);
    let good = token(&issuer);
    for cookies in [
        vec![format!("t={good}")],
        vec![format!("t=\"{good}\"")],
        vec![format!("a=b; t={good}; c=d")],
        vec![format!("a=b;t={good};c=d")],
        vec![format!("tt=x; T=x; t2=x; at=x; t={good}")],
        vec!["a=b".into(), format!("t={good}"), "c=d".into()],
        vec![format!("a=\"\u{e9}\"; t={good}")],
        vec![format!("; ;t={good};")],
        vec![format!("a=t; t; b=t=x; t={good}")],
    ] {
        let headers: Vec<_> = cookies
            .iter()
            .map(|value| ("cookie", value.as_str()))
            .collect();
        send(&layer, get("/", &headers))
            .await
            .accepted(&cookies.join("|"));
    }
}

#[tokio::test]
async fn a_cookie_that_is_not_one_token_is_an_invalid_request() {
    let issuer = issuer();
    let layer = reading_cookies(&issuer);
    let good = token(&issuer);
    for (code, cookies) in [
        ("credential_repeated", vec![format!("t={good}; t={good}")]),
        ("credential_repeated", vec![format!("t={good}; a=b; t=x")]),
        ("credential_repeated", vec![format!("t=; t={good}")]),
        (
            "credential_repeated",
            vec![format!("t={good}"), format!("t={good}")],
        ),
        (
            "credential_repeated",
            vec![format!("t=x"), format!("t={good}")],
        ),
        ("credential_malformed", vec!["t=".into()]),
        ("credential_malformed", vec!["t=\"\"".into()]),
        ("credential_malformed", vec!["t=\"".into()]),
        ("credential_malformed", vec![format!("t=\"{good}")]),
        ("credential_malformed", vec![format!("t={good}\"")]),
        ("credential_malformed", vec![format!("t= {good}")]),
        ("credential_malformed", vec![format!("t=\"\"{good}\"\"")]),
        ("credential_malformed", vec![format!("t=Bearer {good}")]),
        ("credential_malformed", vec![format!("t={good},{good}")]),
        ("credential_malformed", vec![format!("t={good}\u{e9}")]),
        (
            "credential_malformed",
            vec![format!("t={}", good.replacen('.', "%2E", 1))],
        ),
        ("credential_missing", vec![format!("T={good}")]),
        ("credential_missing", vec![format!("tt={good}")]),
        ("credential_missing", vec![format!("a={good}; t")]),
        ("credential_missing", vec![format!("a=t={good}")]),
    ] {
        let headers: Vec<_> = cookies
            .iter()
            .map(|value| ("cookie", value.as_str()))
            .collect();
        let answer = send(&layer, get("/", &headers)).await;
        refused(&cookies.join("|"), &answer, code, &good);
    }
}

#[test]
fn a_name_that_no_cookie_or_sub_protocol_can_have_is_a_mistake_of_configuration() {
    for bad in [
        "", "a b", "a=b", "a;b", "a,b", "a\"b", "\u{e9}", "a\r\nb", "a/b",
    ] {
        for outcome in [
            CookieToken::named(bad).map(|_| ()),
            WebSocketToken::following(bad).map(|_| ()),
            WebSocketToken::prefixed(bad).map(|_| ()),
        ] {
            let kind = outcome.map_err(|error| error.kind());
            assert_eq!(kind, Err(ConfigErrorKind::Credential), "{bad:?}");
        }
    }
}

// --- WebSocket sub-protocols

#[tokio::test]
async fn a_token_follows_its_marker_among_the_sub_protocols() {
    let issuer = issuer();
    let source = WebSocketToken::following("bearer").expect("a name");
    let layer = layer(builder(&issuer).token_source(source));
    let good = token(&issuer);
    for protocols in [
        vec![format!("bearer, {good}")],
        vec![format!("bearer,{good},chat")],
        vec![format!("chat.v2 ,bearer\t,\t{good}")],
        vec!["chat, bearer".into(), format!("{good}, v2")],
    ] {
        let headers: Vec<_> = protocols
            .iter()
            .map(|value| ("sec-websocket-protocol", value.as_str()))
            .collect();
        send(&layer, get("/", &headers))
            .await
            .accepted(&protocols.join("|"));
    }
    for (code, protocols) in [
        ("credential_malformed", "bearer".into()),
        ("credential_malformed", "chat, bearer".into()),
        ("credential_malformed", "bearer, ".into()),
        ("credential_malformed", format!("bearer,, {good}")),
        ("credential_malformed", format!("bearer, a {good}")),
        ("credential_malformed", format!("bearer, {good}, \u{e9}")),
        (
            "credential_repeated",
            format!("bearer, {good}, bearer, {good}"),
        ),
        ("credential_repeated", format!("bearer, bearer, {good}")),
        ("credential_repeated", format!("bearer, {good}, bearer")),
        ("credential_missing", format!("{good}, chat")),
        ("credential_missing", format!("Bearer, {good}")),
        ("credential_missing", format!("bearer.{good}")),
        ("credential_missing", format!("bearer {good}")),
    ] {
        let protocols: String = protocols;
        let request = octets("sec-websocket-protocol", protocols.as_bytes());
        refused(&protocols, &send(&layer, request).await, code, &good);
    }
}

#[tokio::test]
async fn a_token_follows_its_prefix_within_a_sub_protocol() {
    let issuer = issuer();
    let source = WebSocketToken::prefixed("bearer.").expect("a prefix");
    let layer = layer(builder(&issuer).token_source(source));
    let good = token(&issuer);
    for protocols in [format!("bearer.{good}"), format!("chat,bearer.{good} , v2")] {
        send(&layer, get("/", &[("sec-websocket-protocol", &protocols)]))
            .await
            .accepted(&protocols);
    }
    for (code, protocols) in [
        ("credential_malformed", "bearer.".into()),
        ("credential_malformed", "chat, bearer., v2".into()),
        (
            "credential_repeated",
            format!("bearer.{good}, bearer.{good}"),
        ),
        ("credential_repeated", format!("bearer.{good}, bearer.")),
        ("credential_missing", format!("Bearer.{good}")),
        ("credential_missing", format!("chat.bearer.{good}")),
        ("credential_missing", "bearer, chat".into()),
    ] {
        let protocols: String = protocols;
        let answer = send(&layer, get("/", &[("sec-websocket-protocol", &protocols)])).await;
        refused(&protocols, &answer, code, &good);
    }
}

// --- the query

fn reading_query(issuer: &TestIssuer) -> AuthenticateLayer {
    layer(builder(issuer).dangerous().accept_token_in_query())
}

#[tokio::test]
async fn a_token_is_read_from_the_query_only_where_that_danger_was_accepted() {
    let issuer = issuer();
    let good = token(&issuer);
    let uri = format!("/?a=b&access_token={good}");
    let closed = layer(builder(&issuer));
    refused(
        "closed",
        &send(&closed, get(&uri, &[])).await,
        "credential_missing",
        &good,
    );
    let open = reading_query(&issuer);
    for uri in [
        uri.clone(),
        format!("/?access%5ftoken={good}"),
        format!("/?access_token={}", good.replace('.', "%2E")),
    ] {
        send(&open, get(&uri, &[])).await.accepted(&uri);
    }
    for (code, uri) in [
        (
            "credential_repeated",
            format!("/?access_token={good}&access_token={good}"),
        ),
        (
            "credential_repeated",
            format!("/?access_token={good}&access%5Ftoken=x"),
        ),
        (
            "credential_repeated",
            format!("/?access_token&access_token={good}"),
        ),
        ("credential_malformed", "/?access_token".into()),
        ("credential_malformed", "/?access_token=".into()),
        ("credential_malformed", format!("/?access_token={good}%20")),
        ("credential_malformed", format!("/?access_token={good}+")),
        (
            "credential_malformed",
            format!("/?access_token=Bearer%20{good}"),
        ),
        ("credential_malformed", format!("/?access_token={good};a=b")),
        ("credential_malformed", "/?access_token=%ff".into()),
        ("not_compact", "/?access_token=x".into()),
        ("credential_missing", format!("/?Access_Token={good}")),
        ("credential_missing", format!("/{good}")),
    ] {
        let answer = send(&open, get(&uri, &[])).await;
        refused(&uri, &answer, code, &good);
        let private: &[&str] = if code == "credential_missing" {
            &[]
        } else {
            &["private"]
        };
        assert_eq!(answer.all("cache-control"), private, "{uri}");
    }
}

/// RFC 6750 §2.3.
#[tokio::test]
async fn shared_caches_keep_no_answer_to_a_token_in_the_query() {
    let issuer = issuer();
    let good = token(&issuer);
    let uri = format!("/?access_token={good}");
    let says = |directives: &'static [&'static str]| {
        let set = MapResponseLayer::new(move |mut response: http::Response<String>| {
            for directive in directives {
                let value = HeaderValue::from_static(directive);
                response.headers_mut().append("cache-control", value);
            }
            response
        });
        ServiceBuilder::new()
            .layer(reading_query(&issuer))
            .layer(set)
            .into_inner()
    };
    let rows: [(&'static [&'static str], &[&str], &[&str]); 10] = [
        (&[], &["private"], &[]),
        (&["private"], &["private"], &[]),
        (&["Private, max-age=60"], &["private", "max-age=60"], &[]),
        (&["no-store"], &["no-store"], &[]),
        (
            &["max-age=60", "NO-STORE"],
            &["max-age=60", "no-store"],
            &[],
        ),
        (&["public"], &["private"], &["public"]),
        (&["public, max-age=60"], &["private"], &["public"]),
        (&["s-maxage=60"], &["private"], &["s-maxage=60"]),
        (&["no-cache"], &["no-cache", "private"], &[]),
        (&["private=\"x-field\""], &["private"], &[]),
    ];
    for (sent, present, absent) in rows {
        let answer = send(&says(sent), get(&uri, &[])).await;
        answer.accepted("the query");
        let all = answer.all("cache-control").join(",").to_ascii_lowercase();
        let directives: Vec<_> = all.split(',').map(str::trim).collect();
        for directive in present {
            assert!(directives.contains(directive), "{sent:?}: {directives:?}");
        }
        for directive in absent {
            assert!(!directives.contains(directive), "{sent:?}: {directives:?}");
        }
    }
    // Without a token in the query what the service says is its own.
    let headers = [("authorization", bearer(&good))];
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let answer = send(&says(&["public"]), get("/", &headers)).await;
    assert_eq!(answer.all("cache-control"), ["public"]);
    // Neither do they keep what is open, or refused inside.
    let open = reading_query(&issuer)
        .public(http::Method::GET, "/")
        .expect("a route");
    assert_eq!(
        send(&open, get(&uri, &[])).await.all("cache-control"),
        ["private"]
    );
    let inside =
        tower_bearer::require(tower_bearer::Requirement::scopes("admin")).layer(behind::echo());
    let answer = behind::ask(reading_query(&issuer).layer(inside), get(&uri, &[])).await;
    assert_eq!(
        (answer.status(), answer.all("cache-control")),
        (403, vec!["private"])
    );
}

// --- a place of one's own

#[tokio::test]
async fn what_a_place_of_ones_own_yields_is_held_to_the_same_form() {
    let issuer = issuer();
    let layer = layer(builder(&issuer).token_source(OwnHeader));
    let good = token(&issuer);
    send(&layer, get("/", &[("x-token", &good)]))
        .await
        .accepted("own");
    for (code, values) in [
        ("credential_malformed", vec![""]),
        ("credential_malformed", vec!["Bearer x"]),
        ("credential_malformed", vec!["x,y"]),
        ("credential_malformed", vec!["\u{e9}"]),
        ("credential_repeated", vec!["x", "x"]),
        ("not_compact", vec!["x"]),
    ] {
        let headers: Vec<_> = values.iter().map(|value| ("x-token", *value)).collect();
        let answer = send(&layer, get("/", &headers)).await;
        refused(&values.join("|"), &answer, code, &good);
    }
}

// --- credentials that are no tokens

#[derive(Clone, Debug, PartialEq)]
struct Machine(String);

/// Knows the key `…1`; of `…down` it cannot tell.
async fn look_up(key: String) -> Result<Option<Machine>, DecideError> {
    match key.as_str() {
        key if key.ends_with("down") => Err(DecideError::new("the database is asleep")),
        key => Ok(key.ends_with('1').then(|| Machine(key.to_owned()))),
    }
}

const API_KEY: &str = "ApiKey realm=\"https://api.test\"";

fn knowing_keys(builder: AuthenticatorBuilder) -> AuthenticatorBuilder {
    builder
        .other_credential(Marker::prefix("sk_").expect("a marker"), look_up)
        .other_credential(Marker::scheme("ApiKey").expect("a marker"), look_up)
}

#[tokio::test]
async fn a_key_is_decided_by_the_service_and_its_owner_stands_in_the_extensions() {
    let issuer = issuer();
    let (diary, builder) = Diary::of(knowing_keys(builder(&issuer)));
    let layer = layer(builder.token_source(CookieToken::named("t").expect("a name")));
    for (name, value, owner) in [
        ("authorization", "Bearer sk_1", "sk_1"),
        ("authorization", "bearer  sk_a/b+c~.-_1", "sk_a/b+c~.-_1"),
        ("authorization", "ApiKey 1", "1"),
        ("authorization", "APIKEY   a:b@{}\"1", "a:b@{}\"1"),
        ("authorization", "apikey sk_1", "sk_1"),
        ("cookie", "t=sk_1", "sk_1"),
    ] {
        let answer = send(&layer, get("/", &[(name, value)])).await;
        let seen = answer.let_through(value, "other credential");
        assert_eq!(
            seen.extensions.get(),
            Some(&Machine(owner.to_owned())),
            "{value}"
        );
        assert_eq!(diary.read(), ["other_accepted"], "{value}");
    }
    let verified = send(
        &layer,
        get("/", &[("authorization", &bearer(&token(&issuer)))]),
    )
    .await;
    verified.accepted("a token");
    assert!(
        verified
            .seen("a token")
            .extensions
            .get::<Machine>()
            .is_none()
    );
}

#[tokio::test]
async fn a_key_that_nobody_knows_is_refused_as_a_token_is() {
    let issuer = issuer();
    let (diary, builder) = Diary::of(knowing_keys(builder(&issuer)));
    let layer = layer(builder);
    for (authorization, status, challenge, code) in [
        ("Bearer sk_2", 401, INVALID_TOKEN, "credential_refused"),
        ("Bearer sk_", 401, INVALID_TOKEN, "credential_refused"),
        ("ApiKey 2", 401, INVALID_TOKEN, "credential_refused"),
        ("Bearer SK_1", 401, INVALID_TOKEN, "not_compact"),
        ("Bearer xsk_1", 401, INVALID_TOKEN, "not_compact"),
        ("ApiKey", 400, INVALID_REQUEST, "credential_malformed"),
        ("ApiKey ", 400, INVALID_REQUEST, "credential_malformed"),
        ("ApiKey a 1", 400, INVALID_REQUEST, "credential_malformed"),
        ("ApiKey 1 ", 400, INVALID_REQUEST, "credential_malformed"),
        (
            "ApiKey \u{e9}1",
            400,
            INVALID_REQUEST,
            "credential_malformed",
        ),
        ("ApiKey\t1", 400, INVALID_REQUEST, "credential_malformed"),
        ("ApiKey \t1", 400, INVALID_REQUEST, "credential_malformed"),
        ("ApiKeys 1", 401, ABSENT, "credential_missing"),
        ("ApiKey1", 401, ABSENT, "credential_missing"),
        ("Api 1", 401, ABSENT, "credential_missing"),
        ("sk_1", 401, ABSENT, "credential_missing"),
    ] {
        let answer = send(&layer, get("/", &[("authorization", authorization)])).await;
        assert_eq!(answer.code(), Some(code), "{authorization}");
        answer.refused(authorization, status, &[challenge, API_KEY]);
        assert_eq!(diary.read(), [code], "{authorization}");
    }
    for (status, values) in [
        (400, ["ApiKey 1", "ApiKey 1"]),
        (400, ["ApiKey 1", "Bearer sk_1"]),
    ] {
        let headers = values.map(|value| ("authorization", value));
        let answer = send(&layer, get("/", &headers)).await;
        answer.refused("two", status, &[INVALID_REQUEST, API_KEY]);
    }
    let answer = send(&layer, get("/", &[("authorization", "ApiKey 1,ApiKey 1")])).await;
    answer.refused("joined", 400, &[INVALID_REQUEST, API_KEY]);
}

#[tokio::test]
async fn a_key_that_cannot_be_told_is_503_and_in_no_mode_anonymous() {
    let issuer = issuer();
    for layer in [
        layer(knowing_keys(builder(&issuer))),
        layer(knowing_keys(builder(&issuer))).optional(),
    ] {
        let answer = send(&layer, get("/", &[("authorization", "ApiKey down")])).await;
        answer.refused("down", 503, &[]);
        assert_eq!(answer.all("retry-after"), ["1"]);
        let rejection = answer.head.extensions.get::<Rejection>().expect("there");
        let Rejection::Unavailable(error) = rejection else {
            panic!("{rejection:?}");
        };
        assert_eq!(error.kind(), UnavailableKind::Credential);
        let cause = std::error::Error::source(error).and_then(std::error::Error::source);
        assert_eq!(
            cause.map(ToString::to_string).as_deref(),
            Some("the database is asleep")
        );
    }
    let layer = layer(knowing_keys(builder(&issuer))).observe_only();
    let answer = send(&layer, get("/", &[("authorization", "ApiKey down")])).await;
    answer.let_through("observed", "refused: credential_unavailable");
}

#[tokio::test]
async fn to_verify_a_token_oneself_takes_no_key_for_one() {
    let issuer = issuer();
    let auth = knowing_keys(builder(&issuer)).build().expect("sound");
    let headers = HeaderMap::from_iter([(
        http::header::AUTHORIZATION,
        HeaderValue::from_static("ApiKey 1"),
    )]);
    let outcome = auth.authenticate(&headers, &Uri::default()).await;
    assert_eq!(
        outcome.map(|_| ()).map_err(|error| error.code()),
        Err("credential_missing")
    );
}

#[test]
fn what_one_credential_could_be_at_once_is_a_mistake_of_configuration() {
    let build = |markers: &[Marker]| {
        let add = |builder: AuthenticatorBuilder, marker: &Marker| {
            builder.other_credential(marker.clone(), look_up)
        };
        let outcome = markers.iter().fold(builder(&issuer()), add).build();
        outcome.map(|_| ()).map_err(|error| error.kind())
    };
    let prefix = |text: &str| Marker::prefix(text).expect("a marker");
    let scheme = |text: &str| Marker::scheme(text).expect("a marker");
    assert_eq!(
        build(&[
            prefix("sk_"),
            prefix("pk_"),
            scheme("ApiKey"),
            scheme("Basic")
        ]),
        Ok(())
    );
    for markers in [
        vec![prefix("sk_"), prefix("sk_live_")],
        vec![prefix("sk_live_"), prefix("pk_"), prefix("sk_")],
        vec![prefix("sk_"), prefix("sk_")],
        vec![scheme("ApiKey"), scheme("APIKEY")],
    ] {
        assert_eq!(
            build(&markers),
            Err(ConfigErrorKind::Credential),
            "{markers:?}"
        );
    }
}

#[test]
fn a_marker_that_no_credential_or_every_token_has_is_a_mistake_of_configuration() {
    let kind = |marker: Result<Marker, ConfigError>| marker.map_err(|error| error.kind());
    for prefix in [
        "", "e", "ey", "eyJ", "ewo", "sk ", "sk_,", "sk\r\n", "\u{e9}",
    ] {
        let refused = Err(ConfigErrorKind::Credential);
        assert_eq!(kind(Marker::prefix(prefix)), refused, "{prefix:?}");
    }
    for scheme in [
        "",
        "Bearer",
        "bEARER",
        "DPoP",
        "Api Key",
        "Api\"Key",
        "Api\r\nSet-Cookie:",
    ] {
        let refused = Err(ConfigErrorKind::Credential);
        assert_eq!(kind(Marker::scheme(scheme)), refused, "{scheme:?}");
    }
}

/// Both would decide on every request that shows it, and call it two.
#[tokio::test]
async fn a_place_that_was_added_twice_is_read_once() {
    let issuer = issuer();
    let twice = builder(&issuer)
        .dangerous()
        .accept_token_in_query()
        .dangerous()
        .accept_token_in_query();
    let answer = send(
        &layer(twice),
        get(
            &format!(
                "/?access_token={}",
                issuer.token().audience(AUDIENCE).sign()
            ),
            &[],
        ),
    )
    .await;
    answer.accepted("the query");
}

/// Another server might read the one that we do not.
#[tokio::test]
async fn a_header_of_a_scheme_that_is_not_ours_beside_a_token_elsewhere_is_two_credentials() {
    let issuer = issuer();
    let layer = layer(reading_everywhere(&issuer));
    let cookie = format!("t={}", token(&issuer));
    for other in ["Basic eDp5", "DPoP a.b.c", "Negotiate abc"] {
        let headers = [("authorization", other), ("cookie", &cookie)];
        let answer = send(&layer, behind::get("/", &headers)).await;
        assert_eq!(answer.code(), Some("credential_repeated"), "{other}");
        assert_eq!(answer.status(), 400, "{other}");
    }
}
