//! How this service says who it is, seen on the wire.

use std::collections::{HashMap, HashSet};

use http::Request;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;
use tower_bearer::introspection::{ClientKey, Introspection};
use tower_bearer::testing::{SigningKey, TestClock, TestIssuer, key_set_of};
use tower_bearer::{Algorithm, Authenticator, KeySet, NumericDate, Policy, Verifier};

use crate::support::{AUDIENCE, ISSUER, NOW};
use crate::{CLIENT, Recorded, SECRET};

/// What is sent when a service with these settings asks about `token`, and whether the token was accepted.
async fn sent(settings: Introspection, token: Option<&str>) -> Request<Vec<u8>> {
    sent_as_often(settings, token, 1).await.remove(0)
}

async fn sent_as_often(
    settings: Introspection,
    token: Option<&str>,
    times: usize,
) -> Vec<Request<Vec<u8>>> {
    let clock = TestClock::new(NumericDate::from_seconds(NOW));
    let issuer = TestIssuer::new(ISSUER);
    issuer.clock(clock.clone());
    let recorded = Recorded::of(&issuer);
    let auth = Authenticator::builder(ISSUER, AUDIENCE)
        .introspection(settings)
        .clock(clock)
        .fetch(recorded.fetch())
        .build()
        .expect("a sound configuration");
    for _ in 0..times {
        let opaque = issuer.token().audience(AUDIENCE).opaque();
        let outcome = auth.verify(token.unwrap_or(&opaque)).await;
        assert_eq!(outcome.is_ok(), token.is_none());
    }
    let calls = recorded.calls();
    assert_eq!(calls.len(), times);
    calls
}

fn form(request: &Request<Vec<u8>>) -> HashMap<String, String> {
    let pairs: Vec<_> = url::form_urlencoded::parse(request.body())
        .into_owned()
        .collect();
    let form: HashMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(form.len(), pairs.len(), "no parameter is there twice");
    form
}

fn header<'r>(request: &'r Request<Vec<u8>>, name: &http::HeaderName) -> Option<&'r str> {
    request
        .headers()
        .get(name)
        .map(|value| value.to_str().expect("a text"))
}

#[tokio::test]
async fn the_question_is_a_form_with_the_token_and_a_hint() {
    let odd = "a-._~+/Z09==";
    let request = sent(crate::settings(), Some(odd)).await;
    assert_eq!(request.uri(), "https://issuer.test/introspect");
    let media_type = Some("application/x-www-form-urlencoded");
    assert_eq!(header(&request, &CONTENT_TYPE), media_type);
    assert_eq!(header(&request, &ACCEPT), Some("application/json"));
    let body = std::str::from_utf8(request.body()).expect("a text");
    assert!(
        body.starts_with("token=a-._%7E%2B%2FZ09%3D%3D&token_type_hint="),
        "{body}"
    );
    let form = form(&request);
    assert_eq!(form.get("token").map(String::as_str), Some(odd));
    let hint = form.get("token_type_hint").map(String::as_str);
    assert_eq!(hint, Some("access_token"));
    assert_eq!(form.len(), 2);
}

#[tokio::test]
async fn a_secret_stands_in_the_header_form_encoded_and_nowhere_else() {
    let (id, secret) = ("https://api.test:8443/", "p%+ :/&=ü");
    let request = sent(
        Introspection::discovered().client_secret_basic(id, secret),
        None,
    )
    .await;
    let value = request.headers().get(AUTHORIZATION).expect("a header");
    assert!(value.is_sensitive());
    let encoded = value.to_str().expect("a text").strip_prefix("Basic ");
    let pair = base64_simd::STANDARD
        .decode_to_vec(encoded.expect("the scheme"))
        .expect("base64");
    assert_eq!(
        String::from_utf8(pair).expect("a text"),
        "https%3A%2F%2Fapi.test%3A8443%2F:p%25%2B+%3A%2F%26%3D%C3%BC"
    );
    assert_eq!(form(&request).len(), 2);
}

#[tokio::test]
async fn a_secret_stands_in_the_form_where_that_is_chosen_and_in_no_header() {
    let secret = "a&b=c+d %";
    let request = sent(
        Introspection::discovered().client_secret_post(CLIENT, secret),
        None,
    )
    .await;
    assert_eq!(header(&request, &AUTHORIZATION), None);
    let form = form(&request);
    assert_eq!(form.get("client_id").map(String::as_str), Some(CLIENT));
    assert_eq!(form.get("client_secret").map(String::as_str), Some(secret));
    assert_eq!(form.len(), 4);
}

#[tokio::test]
async fn the_issuer_takes_either_secret_and_no_other() {
    let issuer = TestIssuer::new(ISSUER);
    issuer.allow_client("a:b c", "p%+ :/&=ü");
    let token = issuer.token().audience(AUDIENCE).opaque();
    let basic = |id, secret| Introspection::discovered().client_secret_basic(id, secret);
    let post = |id, secret| Introspection::discovered().client_secret_post(id, secret);
    for (settings, good) in [
        (basic("a:b c", "p%+ :/&=ü"), true),
        (post("a:b c", "p%+ :/&=ü"), true),
        (basic("a:b c", SECRET), false),
        (post("a", "p%+ :/&=ü"), false),
    ] {
        let auth = Authenticator::builder(ISSUER, AUDIENCE)
            .introspection(settings)
            .fetch(issuer.fetch())
            .build()
            .expect("a sound configuration");
        match auth.verify(&token).await {
            Ok(_) => assert!(good),
            Err(error) => assert!(!good && error.code() == "introspection_unavailable"),
        }
    }
}

/// A key pair made by openssl for these tests alone, in every form that it may be given in.
struct KeyPair {
    algorithm: Algorithm,
    key: ClientKey,
    public: KeySet,
}

fn key_pairs() -> Vec<KeyPair> {
    let mut pairs = Vec::new();
    for (kind, jwk, pem, algorithms) in [
        (
            "RSA",
            include_str!("keys/rsa.jwk.json"),
            include_str!("keys/rsa.pem"),
            [Algorithm::RS256, Algorithm::PS256].as_slice(),
        ),
        (
            "EC",
            include_str!("keys/p256.jwk.json"),
            include_str!("keys/p256.pem"),
            &[Algorithm::ES256],
        ),
        (
            "OKP",
            include_str!("keys/ed25519.jwk.json"),
            include_str!("keys/ed25519.pem"),
            &[Algorithm::EdDSA, Algorithm::Ed25519],
        ),
    ] {
        let mut public: Value = serde_json::from_str(jwk).expect("JSON");
        let members = public.as_object_mut().expect("an object");
        members.retain(|name, _| ["kty", "crv", "n", "e", "x", "y"].contains(&name.as_str()));
        assert_eq!(members.get("kty"), Some(&Value::from(kind)));
        let set = serde_json::json!({ "keys": [public] }).to_string();
        let encoded: String = pem.lines().filter(|line| !line.contains('-')).collect();
        let der = base64_simd::STANDARD
            .decode_to_vec(encoded)
            .expect("base64");
        for algorithm in algorithms {
            for key in [
                ClientKey::from_pem(pem).expect("a key"),
                ClientKey::from_der(&der).expect("a key"),
                ClientKey::from_jwk(jwk).expect("a key"),
            ] {
                pairs.push(KeyPair {
                    algorithm: *algorithm,
                    key: key.algorithm(*algorithm).expect("it can do that"),
                    public: KeySet::from_json(set.as_bytes()).expect("a key set"),
                });
            }
        }
    }
    pairs
}

#[tokio::test]
async fn an_assertion_says_who_asks_whom_for_a_minute_and_nothing_else() {
    for pair in key_pairs() {
        let settings = Introspection::discovered().private_key_jwt(CLIENT, pair.key);
        let request = sent(settings, None).await;
        assert_eq!(header(&request, &AUTHORIZATION), None);
        let form = form(&request);
        assert_eq!(form.get("client_id").map(String::as_str), Some(CLIENT));
        assert_eq!(
            form.get("client_assertion_type").map(String::as_str),
            Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        );
        assert_eq!(form.len(), 5);
        let assertion = form.get("client_assertion").expect("an assertion");
        let claims = claims(assertion);
        assert_eq!(claims.get("iss"), Some(&Value::from(CLIENT)));
        assert_eq!(claims.get("sub"), Some(&Value::from(CLIENT)));
        assert_eq!(claims.get("aud"), Some(&Value::from(ISSUER)));
        assert_eq!(claims.get("iat"), Some(&Value::from(NOW)));
        assert_eq!(claims.get("exp"), Some(&Value::from(NOW + 60)));
        assert_eq!(claims.as_object().map(serde_json::Map::len), Some(6));
    }
}

fn claims(assertion: &str) -> Value {
    let payload = assertion.split('.').nth(1).expect("three parts");
    let payload = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload);
    serde_json::from_slice(&payload.expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn each_assertion_verifies_under_the_public_key_and_no_other() {
    // With a client whose identifier is a URL our own verifier judges an assertion as a whole.
    let id = "https://orders-api.test";
    for pair in key_pairs() {
        let algorithm = pair.algorithm;
        let settings = Introspection::discovered().private_key_jwt(id, pair.key);
        let request = sent(settings, None).await;
        let form = form(&request);
        let assertion = form.get("client_assertion").expect("an assertion");
        let policy = || {
            Policy::builder(id, ISSUER)
                .algorithms([algorithm])
                .require_claim("jti")
                .require_claim_value("sub", id)
                .build()
                .expect("a sound policy")
        };
        let now = NumericDate::from_seconds(NOW);
        let verifier = Verifier::new(policy(), pair.public).expect("keys that fit");
        verifier.verify(assertion, now).expect("a good assertion");
        let over = NumericDate::from_seconds(NOW + 60);
        let refused = verifier.verify(assertion, over).expect_err("it is over");
        assert_eq!(refused.code(), "expired");
        let stranger = SigningKey::generate(algorithm).without_key_id();
        let keys = key_set_of(&[&stranger]).to_string();
        let keys = KeySet::from_json(keys.as_bytes()).expect("a key set");
        let verifier = Verifier::new(policy(), keys).expect("keys that fit");
        let refused = verifier.verify(assertion, now).expect_err("another key");
        assert_eq!(refused.code(), "signature");
    }
}

#[tokio::test]
async fn no_two_assertions_are_the_same() {
    let key = ClientKey::from_pem(include_str!("keys/p256.pem")).expect("a key");
    let settings = Introspection::discovered().private_key_jwt(CLIENT, key);
    let calls = sent_as_often(settings, None, 50).await;
    let identifiers: HashSet<String> = calls
        .iter()
        .map(|request| {
            let form = form(request);
            let claims = claims(form.get("client_assertion").expect("an assertion"));
            claims.get("jti").expect("a jti").to_string()
        })
        .collect();
    assert_eq!(identifiers.len(), 50);
}

#[tokio::test]
async fn an_assertion_names_the_audience_and_the_key_it_is_told_to() {
    let key = ClientKey::from_pem(include_str!("keys/ed25519.pem")).expect("a key");
    let settings = Introspection::at("https://issuer.test/introspect")
        .private_key_jwt(CLIENT, key.key_id("one"))
        .assertion_audience("https://issuer.test/token");
    let request = sent(settings, None).await;
    let form = form(&request);
    let assertion = form.get("client_assertion").expect("an assertion");
    let audience = claims(assertion).get("aud").cloned();
    assert_eq!(audience, Some(Value::from("https://issuer.test/token")));
    let header = assertion.split('.').next().expect("three parts");
    let header = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(header);
    let header: Value = serde_json::from_slice(&header.expect("base64url")).expect("JSON");
    let wanted = serde_json::json!({"alg": "EdDSA", "typ": "JWT", "kid": "one"});
    assert_eq!(header, wanted);
}

#[tokio::test]
async fn one_who_is_known_by_the_connection_names_itself_and_shows_nothing() {
    let issuer = TestIssuer::new(ISSUER);
    let (recorded, other) = (Recorded::of(&issuer), Recorded::of(&issuer));
    let auth = Authenticator::builder(ISSUER, AUDIENCE)
        .introspection(Introspection::discovered().authenticated_by(CLIENT, recorded.fetch()))
        .fetch(other.fetch())
        .build()
        .expect("a sound configuration");
    let token = issuer.token().audience(AUDIENCE).opaque();
    auth.verify(&token).await.expect("a good token");
    assert!(other.calls().is_empty(), "the question goes its own way");
    let calls = recorded.calls();
    let request = calls.first().expect("a call");
    assert_eq!(header(request, &AUTHORIZATION), None);
    let form = form(request);
    assert_eq!(form.get("client_id").map(String::as_str), Some(CLIENT));
    assert_eq!(form.len(), 3);
}
