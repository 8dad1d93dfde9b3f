//! The kit as its users see it: in memory, and on a socket.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use http::{Request, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::clock::NumericDate;
use crate::fetch::{Fetch, FetchErrorKind, FetchLimits};
use crate::jose::Algorithm;

const NOW: NumericDate = NumericDate::from_seconds(1_800_000_000);

fn issuer() -> TestIssuer {
    let issuer = TestIssuer::new("https://issuer.test/tenant");
    issuer.publish(&[Algorithm::EdDSA]);
    issuer.clock(TestClock::new(NOW));
    issuer
}

async fn fetch(issuer: &TestIssuer, url: &str) -> Result<Response<Vec<u8>>, FetchErrorKind> {
    let request = Request::get(url).body(Vec::new()).unwrap();
    let answer = issuer.fetch().fetch(request, FetchLimits::default()).await;
    answer.map_err(|error| error.kind())
}

async fn key_set(issuer: &TestIssuer) -> Result<Response<Vec<u8>>, FetchErrorKind> {
    fetch(issuer, &issuer.key_set_url()).await
}

fn json_of(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode_to_vec(part).unwrap()).unwrap()
}

fn header_and_claims(token: &str) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{parts:?}");
    (json_of(parts[0]), json_of(parts[1]))
}

#[test]
fn all_that_is_public_crosses_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<(TestIssuer, TokenBuilder, RawToken, SigningKey, MemoryFetch)>();
    crosses::<(TestClock, Behaviour, Endpoint, Downloads, Traffic)>();
}

#[test]
fn a_token_without_any_setter_is_a_good_one() {
    let issuer = issuer();
    let token = issuer.token().audience("https://api.test").token_id("one");
    let (header, claims) = header_and_claims(&token.sign());
    let kid = issuer.key(Algorithm::EdDSA).key_id().unwrap().to_owned();
    assert_eq!(header, json!({"alg": "EdDSA", "typ": "JWT", "kid": kid}));
    assert_eq!(
        claims,
        json!({
            "iss": "https://issuer.test/tenant", "sub": "alice", "aud": "https://api.test", "scope": "read",
            "iat": NOW.as_seconds(), "exp": NOW.as_seconds() + 300, "jti": "one",
        })
    );
    // Ed25519 signs the same input the same way each time.
    let signature = issuer
        .key(Algorithm::EdDSA)
        .sign(token.raw().signing_input().as_bytes());
    assert_eq!(token.raw().signature_bytes(), signature);
}

#[test]
fn every_claim_and_header_parameter_can_be_spoiled() {
    let issuer = issuer();
    let token = issuer
        .token()
        .access_token()
        .claim("exp", "soon")
        .claim("deep", json!({"a": [1]}))
        .without("sub")
        .header("crit", json!(["b64"]))
        .header("alg", "none")
        .without_header("kid")
        .audiences(&["a", "b"]);
    let (header, claims) = header_and_claims(&token.sign());
    assert_eq!(
        header,
        json!({"alg": "none", "typ": "at+jwt", "crit": ["b64"]})
    );
    assert_eq!(claims["exp"], "soon");
    assert_eq!(claims["aud"], json!(["a", "b"]));
    assert_eq!(claims["client_id"], "test-client");
    assert_eq!(claims.get("sub"), None);

    let (_, claims) = header_and_claims(&issuer.token().expired().sign());
    assert_eq!(claims["exp"], NOW.as_seconds() - 60);
    let raw = issuer
        .token()
        .raw_header("{")
        .raw_payload("[]")
        .raw_signature([0; 64])
        .sign();
    assert_eq!(raw, format!("ew.W10.{}", "A".repeat(86)));
}

#[test]
fn others_sign_in_the_name_of_the_issuer() {
    let issuer = issuer();
    let own = issuer.key(Algorithm::EdDSA);
    let stranger = issuer.token().at(NOW).token_id("x").signed_by_stranger();
    let (header, _) = header_and_claims(&stranger.sign());
    assert_eq!(header["kid"], own.key_id().unwrap());
    let own_signature = own.sign(stranger.raw().signing_input().as_bytes());
    assert_ne!(stranger.raw().signature_bytes(), own_signature);

    // The public key as an HMAC secret, the oldest confusion there is.
    let pem = own.public_key_pem();
    let confused = issuer
        .token()
        .signed_with_secret(Algorithm::HS256, pem.as_bytes());
    let (header, _) = header_and_claims(&confused.sign());
    assert_eq!((&header["alg"], header.get("kid")), (&json!("HS256"), None));
    assert_eq!(confused.raw().signature_bytes().len(), 32);
}

#[tokio::test]
async fn documents_are_where_the_standards_put_them() {
    let issuer = issuer();
    for url in [
        "https://issuer.test/tenant/.well-known/openid-configuration",
        "https://issuer.test/.well-known/oauth-authorization-server/tenant",
    ] {
        let answer = fetch(&issuer, url).await.unwrap();
        let document: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(document["issuer"], issuer.url(), "{url}");
        assert_eq!(document["jwks_uri"], issuer.key_set_url(), "{url}");
    }
    let answer = key_set(&issuer).await.unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(answer.body()).unwrap(),
        issuer.key_set()
    );
    for url in ["https://issuer.test/jwks", "https://other.test/tenant/jwks"] {
        assert_eq!(fetch(&issuer, url).await.unwrap().status(), 404, "{url}");
    }
    let downloads = issuer.downloads();
    assert_eq!((downloads.discovery, downloads.key_set), (2, 1));
    assert_eq!(issuer.total_requests(), 4);
    let bytes = issuer.traffic("/tenant/jwks").bytes;
    assert_eq!(usize::try_from(bytes).unwrap(), answer.body().len());
}

#[tokio::test]
async fn one_fetch_serves_several_issuers() {
    let (one, other) = (issuer(), TestIssuer::new("https://other.test"));
    let fetch = one.fetch().and(&other);
    for issuer in [&one, &other] {
        let request = Request::get(issuer.key_set_url()).body(Vec::new()).unwrap();
        let answer = fetch.fetch(request, FetchLimits::default()).await.unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(answer.body()).unwrap(),
            issuer.key_set()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn each_behaviour_ends_as_its_name_says_within_the_limits() {
    let limit = FetchLimits::default().bytes();
    let too_large = Err(FetchErrorKind::TooLarge { limit });
    let issuer = issuer();
    for (behaviour, want) in [
        (Behaviour::Normal, Ok(200)),
        (Behaviour::Down, Err(FetchErrorKind::Connect)),
        (Behaviour::Hang, Err(FetchErrorKind::Timeout)),
        (Behaviour::Held, Err(FetchErrorKind::Timeout)),
        (Behaviour::delay(Duration::from_secs(3)), Ok(200)),
        (
            Behaviour::delay(Duration::from_secs(6)),
            Err(FetchErrorKind::Timeout),
        ),
        (
            Behaviour::status(500).after(Duration::from_secs(3)),
            Ok(500),
        ),
        (Behaviour::OneByteASecond, Err(FetchErrorKind::Timeout)),
        (Behaviour::status(500), Ok(500)),
        (Behaviour::not_found(), Ok(404)),
        (Behaviour::html(), Ok(200)),
        (Behaviour::redirect("https://other.test/jwks"), Ok(302)),
        (Behaviour::padded(500_000), Ok(200)),
        (Behaviour::fifty_megabytes(), too_large),
        (Behaviour::Endless, too_large),
        (Behaviour::GzipBomb, Ok(200)),
        (Behaviour::Truncated, Ok(200)),
        (Behaviour::BrokenOff, Err(FetchErrorKind::Transport)),
        (Behaviour::EmptyKeys, Ok(200)),
        (Behaviour::ManyKeys(100), Ok(200)),
        (Behaviour::ten_thousand_keys(), too_large),
    ] {
        let name = format!("{behaviour:?}");
        issuer.behave_at(Endpoint::KeySet, behaviour);
        let answer = key_set(&issuer).await;
        assert_eq!(
            answer.map(|answer| answer.status().as_u16()),
            want,
            "{name}"
        );
    }
    assert_eq!(issuer.requests(Endpoint::KeySet), 21);
}

#[tokio::test]
async fn bodies_are_as_good_or_bad_as_told() {
    let issuer = issuer();
    let truth = issuer.key_set();
    for (behaviour, keys) in [
        (Behaviour::Normal, Some(1)),
        (Behaviour::padded(100_000), Some(1)),
        (Behaviour::ManyKeys(99), Some(100)),
        (Behaviour::EmptyKeys, Some(0)),
        (Behaviour::Truncated, None),
        (Behaviour::html(), None),
        (Behaviour::bytes("{}"), None),
        (Behaviour::GzipBomb, None),
    ] {
        let name = format!("{behaviour:?}");
        issuer.behave_at(Endpoint::KeySet, behaviour);
        let answer = key_set(&issuer).await.unwrap();
        let document = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        let found = document["keys"].as_array().map(Vec::len);
        assert_eq!(found, keys, "{name}");
    }
    issuer.behave(Behaviour::Normal);
    issuer.replace_key_set(*b"not json");
    assert_eq!(key_set(&issuer).await.unwrap().body(), b"not json");
    issuer.restore_key_set();
    assert_eq!(issuer.key_set(), truth);
    issuer.discovery_member("issuer", "https://issuer.test/tenant/");
    issuer.discovery_member("jwks_uri", Value::Null);
    assert_eq!(issuer.discovery()["issuer"], "https://issuer.test/tenant/");
    assert_eq!(issuer.discovery().get("jwks_uri"), None);
}

#[tokio::test]
async fn planned_behaviours_come_first_and_in_order() {
    let issuer = issuer();
    issuer.behave_next(Endpoint::KeySet, 2, Behaviour::status(500));
    issuer.behave_next(Endpoint::KeySet, 1, Behaviour::status(503));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(key_set(&issuer).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [500, 500, 503, 200]);
}

#[tokio::test]
async fn held_requests_are_answered_when_the_behaviour_changes() {
    let issuer = issuer();
    issuer.behave_at(Endpoint::KeySet, Behaviour::Held);
    let waiting = tokio::spawn({
        let issuer = issuer.clone();
        async move { key_set(&issuer).await.unwrap().status().as_u16() }
    });
    issuer.until_requests(Endpoint::KeySet, 1).await;
    issuer.behave_at(Endpoint::Discovery, Behaviour::Down);
    assert!(!waiting.is_finished());
    issuer.behave_at(Endpoint::KeySet, Behaviour::status(500));
    assert_eq!(waiting.await.unwrap(), 500);
}

#[tokio::test]
async fn an_entity_tag_brings_304_until_the_document_changes() {
    let issuer = issuer();
    issuer.etags(Endpoint::KeySet);
    issuer.header_at(Endpoint::KeySet, "cache-control", "max-age=60");
    let first = key_set(&issuer).await.unwrap();
    let tag = first.headers()["etag"].clone();
    let again = |tag: http::HeaderValue| {
        let request = Request::get(issuer.key_set_url()).header("if-none-match", tag);
        let request = request.body(Vec::new()).unwrap();
        issuer.fetch().fetch(request, FetchLimits::default())
    };
    let second = again(tag.clone()).await.unwrap();
    assert_eq!((second.status().as_u16(), second.body().len()), (304, 0));
    assert_eq!(second.headers()["cache-control"], "max-age=60");
    let traffic = issuer.traffic("/tenant/jwks");
    assert_eq!((traffic.requests, traffic.not_modified), (2, 1));
    assert_eq!(traffic.last_headers["if-none-match"], tag);
    issuer.rotate();
    assert_eq!(again(tag).await.unwrap().status(), 200);
}

/// Sends a request on a connection of its own and reads until the end.
async fn exchange(issuer: &TestIssuer, request: &str) -> std::io::Result<String> {
    let address = issuer.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

async fn get(issuer: &TestIssuer, path: &str) -> std::io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: issuer\r\nconnection: close\r\n\r\n");
    exchange(issuer, &request).await
}

#[tokio::test]
async fn a_served_issuer_gives_out_documents_and_tokens() {
    let issuer = TestIssuer::serve().await;
    issuer.publish(&[Algorithm::ES256]);
    issuer.default_audience("https://api.test");
    let answer = get(&issuer, "/.well-known/openid-configuration")
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains(&format!("\"{}\"", issuer.key_set_url())),
        "{answer}"
    );
    let answer = get(&issuer, "/jwks").await.unwrap();
    assert!(answer.ends_with(&issuer.key_set().to_string()), "{answer}");
    assert!(
        get(&issuer, "/elsewhere")
            .await
            .unwrap()
            .starts_with("HTTP/1.1 404")
    );

    let form = "grant_type=client_credentials&client_id=shop&scope=read+write";
    let request = format!(
        "POST /token HTTP/1.1\r\nhost: issuer\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    );
    let answer = exchange(&issuer, &request).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let grant: Value = serde_json::from_str(body).unwrap();
    assert_eq!(grant["token_type"], "Bearer");
    let (header, claims) = header_and_claims(grant["access_token"].as_str().unwrap());
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("ES256"), &json!("at+jwt"))
    );
    assert_eq!(claims["aud"], "https://api.test");
    assert_eq!(
        (&claims["sub"], &claims["scope"]),
        (&json!("shop"), &json!("read write"))
    );
    assert_eq!(issuer.connections(), 4);
}

#[tokio::test]
async fn a_served_issuer_that_is_down_refuses_connections_and_comes_back_at_its_port() {
    let issuer = TestIssuer::serve().await;
    issuer.publish(&[Algorithm::EdDSA]);
    for _ in 0..3 {
        issuer.behave(Behaviour::Down);
        let error = get(&issuer, "/jwks").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        issuer.behave(Behaviour::Normal);
        assert!(
            get(&issuer, "/jwks")
                .await
                .unwrap()
                .starts_with("HTTP/1.1 200")
        );
    }
    // Half of it down: the connection ends without an answer.
    issuer.behave_at(Endpoint::KeySet, Behaviour::Down);
    assert!(
        get(&issuer, "/jwks")
            .await
            .is_ok_and(|answer| answer.is_empty())
    );
}

#[tokio::test]
async fn a_connection_kept_open_ends_when_the_issuer_goes_down() {
    let issuer = TestIssuer::serve().await;
    issuer.behave_at(Endpoint::KeySet, Behaviour::Hang);
    let waiting = tokio::spawn({
        let issuer = issuer.clone();
        async move { get(&issuer, "/jwks").await }
    });
    issuer.until_requests(Endpoint::KeySet, 1).await;
    issuer.behave(Behaviour::Down);
    let answer = waiting.await.unwrap();
    assert!(answer.is_ok_and(|answer| answer.is_empty()));
}

#[tokio::test]
async fn a_hanging_connection_ends_with_the_last_handle() {
    let issuer = TestIssuer::serve().await;
    issuer.behave(Behaviour::Hang);
    let address = issuer.url().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream
        .write_all(b"GET /jwks HTTP/1.1\r\nhost: issuer\r\n\r\n")
        .await
        .unwrap();
    issuer.until_requests(Endpoint::KeySet, 1).await;
    drop(issuer);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{read:?}");
    let error = TcpStream::connect(&address).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn bad_bodies_go_over_a_socket_as_they_go_over_memory() {
    let issuer = TestIssuer::serve().await;
    issuer.publish(&[Algorithm::EdDSA]);
    let truth = issuer.key_set().to_string();

    issuer.behave(Behaviour::fifty_megabytes());
    let answer = get(&issuer, "/jwks").await.unwrap();
    assert!(answer.contains("content-length: 50000000\r\n") && answer.len() > 50_000_000);
    assert!(issuer.traffic("/jwks").bytes == 50_000_000);

    issuer.behave(Behaviour::BrokenOff);
    let answer = get(&issuer, "/jwks").await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains(&format!("content-length: {}", truth.len())),
        "{head}"
    );
    assert_eq!(body, &truth[..truth.len() / 2]);

    issuer.behave(Behaviour::Endless);
    let address = issuer.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /jwks HTTP/1.1\r\nhost: issuer\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while answer.len() < 1_000_000 {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn one_byte_comes_each_second() {
    let issuer = TestIssuer::serve().await;
    issuer.replace_key_set(*b"{\"keys\":[]}");
    issuer.behave(Behaviour::OneByteASecond);
    let start = tokio::time::Instant::now();
    let answer = get(&issuer, "/jwks").await.unwrap();
    assert!(answer.ends_with("\r\n\r\n{\"keys\":[]}"), "{answer}");
    assert!(
        start.elapsed() >= Duration::from_secs(11),
        "{:?}",
        start.elapsed()
    );
}
