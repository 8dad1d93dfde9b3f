//! What an operator is told of the keys, as values and as JSON.
#![expect(
    clippy::indexing_slicing,
    reason = "a member that is not there is null"
)]

use serde_json::{Value, json};
use tower_bearer::testing::{Behaviour, TestIssuer};
use tower_bearer::{Authenticator, KeySet};

const AUDIENCE: &str = "https://api.example.com";

fn authenticator(issuer: &TestIssuer) -> Authenticator {
    let builder = Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch());
    builder.build().expect("a sound configuration")
}

fn as_json(auth: &Authenticator) -> Value {
    serde_json::to_value(auth.health()).expect("a health is JSON")
}

#[tokio::test(start_paused = true)]
async fn health_is_told_as_one_json_object() {
    let issuer = TestIssuer::new("https://id.example.com");
    issuer.add_jwk(json!({"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}));
    let auth = authenticator(&issuer);
    auth.warm().await.expect("the issuer is up");
    let health = as_json(&auth);
    let next_refresh = health["issuers"][0]["next_refresh"]
        .as_u64()
        .expect("a number");
    // Ten minutes fresh, refreshed at 80 %, give or take a tenth of that.
    assert!((432..=528).contains(&next_refresh), "{next_refresh}");
    let wanted = json!({
        "ready": true,
        "issuers": [{
            "issuer": "https://id.example.com",
            "ready": true,
            "usable_keys": 3,
            "skipped_keys": [{"kid": "shared", "reason": "symmetric"}],
            "last_success_age": 0,
            "failures": 0,
            "last_error": null,
            "last_error_age": null,
            "next_refresh": next_refresh,
            "stale_left": 87_000,
            "budget": 2,
        }],
        "token_cache": UNUSED_CACHE.parse::<serde_json::Value>().expect("JSON"),
        "revocations": null,
        "introspection": [],
        "used_proofs": null,
    });
    assert_eq!(health, wanted);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_seen_and_so_is_its_end() {
    let issuer = TestIssuer::new("https://id.example.com");
    issuer.behave(Behaviour::status(500));
    let auth = authenticator(&issuer);
    assert!(!auth.is_ready());
    auth.warm().await.expect_err("the issuer is down");
    let health = as_json(&auth);
    assert_eq!(health["ready"], json!(false));
    assert_eq!(health["issuers"][0]["usable_keys"], json!(0));
    assert_eq!(health["issuers"][0]["stale_left"], json!(0));
    let error = health["issuers"][0]["last_error"].as_str().expect("a text");
    assert!(error.contains("500"), "{error}");

    issuer.behave(Behaviour::Normal);
    tokio::time::sleep(std::time::Duration::from_secs(301)).await;
    let health = as_json(&auth);
    assert_eq!(health["ready"], json!(true));
    assert_eq!(health["issuers"][0]["failures"], json!(0));
    assert!(
        health["issuers"][0]["last_error_age"].as_u64() > Some(0),
        "{health}"
    );
}

#[test]
fn keys_given_in_code_are_ready_and_not_listed() {
    let issuer = TestIssuer::new("https://id.example.com");
    let keys = KeySet::from_json(issuer.key_set().to_string().as_bytes()).expect("a key set");
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .key_set(keys)
        .build();
    let auth = auth.expect("a sound configuration");
    let mut health = as_json(&auth);
    assert_eq!(
        health["token_cache"].take(),
        UNUSED_CACHE.parse::<serde_json::Value>().expect("JSON")
    );
    assert_eq!(
        health,
        json!({"ready": true, "issuers": [], "token_cache": null, "revocations": null, "introspection": [], "used_proofs": null})
    );
}

#[test]
fn a_cache_that_is_off_is_null() {
    let issuer = TestIssuer::new("https://id.example.com");
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .token_cache(0)
        .build();
    assert_eq!(as_json(&auth.expect("sound"))["token_cache"], json!(null));
}

/// The verified-token cache before any token.
const UNUSED_CACHE: &str =
    r#"{"entries": 0, "bytes": 0, "most_bytes": 16777216, "hits": 0, "misses": 0, "evictions": 0}"#;
