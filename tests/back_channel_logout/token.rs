//! Every rule for logout tokens, negated once.

use std::time::Duration;

use serde_json::json;
use tower_bearer::testing::TokenBuilder;
use tower_bearer::{Algorithm, NumericDate};

use crate::stage::{AUDIENCE, CLIENT, EVENT, ISSUER, NOW, Stage};

/// What is wrong, the token, and why it is refused.
type Row = (&'static str, TokenBuilder, &'static str);

fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(NOW + seconds)
}

fn other_kinds(stage: &Stage) -> Vec<Row> {
    let good = || stage.logout_token();
    let access = || stage.token().claim("sid", "s-1");
    vec![
        ("an access token", access().access_token(), "type"),
        ("one that does not say so", access(), "claim_missing"),
        (
            "an access token for our client",
            access().audience(CLIENT),
            "claim_missing",
        ),
        (
            "an ID token",
            stage
                .issuer
                .token()
                .audience(CLIENT)
                .claim("nonce", "n")
                .claim("sid", "s-1"),
            "claim_missing",
        ),
        (
            "an ID token with events",
            good().typ("JWT").claim("nonce", "n"),
            "foreign_claim",
        ),
        (
            "a nonce, even an empty one",
            good().claim("nonce", json!(null)),
            "foreign_claim",
        ),
        ("no events", good().without("events"), "claim_missing"),
        (
            "events in an array",
            good().claim("events", json!([EVENT])),
            "claim_malformed",
        ),
        (
            "events in a string",
            good().claim("events", EVENT),
            "claim_malformed",
        ),
        ("no event", good().claim("events", json!({})), "claim_value"),
        (
            "another security event",
            good().claim(
                "events",
                json!({"https://schemas.openid.net/secevent/risc/event-type/account-disabled": {}}),
            ),
            "claim_value",
        ),
        (
            "the event in another event",
            good().claim("events", json!({"e": {EVENT: {}}})),
            "claim_value",
        ),
        (
            "an event that is no object",
            good().claim("events", json!({EVENT: true})),
            "claim_malformed",
        ),
        (
            "another security event by its type",
            good().typ("secevent+jwt"),
            "type",
        ),
        ("an access token by its type", good().typ("at+jwt"), "type"),
        ("a DPoP proof by its type", good().typ("dpop+jwt"), "type"),
        (
            "a type that begins like ours",
            good().typ("logout+jwt+x"),
            "type",
        ),
        (
            "a type that is no string",
            good().header("typ", json!(["logout+jwt"])),
            "header_parameter",
        ),
    ]
}

fn other_addressees(stage: &Stage) -> Vec<Row> {
    let good = || stage.logout_token();
    vec![
        (
            "another client's",
            good().audience("another-shop"),
            "audience",
        ),
        ("our API's", good().audience(AUDIENCE), "audience"),
        (
            "ours in another case",
            good().audience("Web-Shop"),
            "audience",
        ),
        (
            "ours and a stranger's",
            good().audiences(&[CLIENT, "stranger"]),
            "audience",
        ),
        ("nobody's", good().audiences(&[]), "audience"),
        ("an empty name", good().audience(""), "audience"),
        ("no audience", good().without("aud"), "claim_missing"),
        (
            "a number for an audience",
            good().claim("aud", 1),
            "claim_malformed",
        ),
        (
            "a number among audiences",
            good().claim("aud", json!([CLIENT, 1])),
            "claim_malformed",
        ),
        (
            "another issuer's",
            good().issuer("https://evil.test"),
            "issuer",
        ),
        (
            "nearly our issuer's",
            good().issuer(format!("{ISSUER}/")),
            "issuer",
        ),
        ("no issuer", good().without("iss"), "claim_missing"),
        (
            "another issuer in the header",
            good().header("iss", "https://evil.test"),
            "header_parameter",
        ),
    ]
}

fn other_times(stage: &Stage) -> Vec<Row> {
    let good = || stage.logout_token();
    vec![
        (
            "no exp, as in old drafts",
            good().without("exp"),
            "claim_missing",
        ),
        ("over", good().expires_at(at(0)), "expired"),
        (
            "exp in a string",
            good().claim("exp", "1900000000"),
            "claim_malformed",
        ),
        ("no iat", good().without("iat"), "claim_missing"),
        (
            "iat in a string",
            good().claim("iat", NOW.to_string()),
            "claim_malformed",
        ),
        (
            "issued in the future",
            good().issued_at(at(11)),
            "issued_in_future",
        ),
        ("issued long ago", good().issued_at(at(-301)), "too_old"),
        (
            "issued before all time",
            good().claim("iat", -1e300),
            "too_old",
        ),
        ("not yet", good().not_before(at(60)), "not_yet_valid"),
    ]
}

fn other_names(stage: &Stage) -> Vec<Row> {
    let good = || stage.logout_token();
    vec![
        (
            "neither session nor subject",
            good().without("sid").without("sub"),
            "claim_missing",
        ),
        (
            "an empty session",
            good().claim("sid", ""),
            "claim_malformed",
        ),
        (
            "a number for a session",
            good().claim("sid", 1),
            "claim_malformed",
        ),
        (
            "null for a session",
            good().claim("sid", json!(null)),
            "claim_malformed",
        ),
        (
            "an empty subject",
            good().without("sid").subject(""),
            "claim_malformed",
        ),
        (
            "a number for a subject",
            good().claim("sub", 1),
            "claim_malformed",
        ),
        ("no jti", good().without("jti"), "claim_missing"),
        ("an empty jti", good().token_id(""), "claim_malformed"),
        (
            "a number for a jti",
            good().claim("jti", 1),
            "claim_malformed",
        ),
    ]
}

fn other_signers(stage: &Stage) -> Vec<Row> {
    let good = || stage.logout_token();
    let key = stage.issuer.key(Algorithm::EdDSA);
    vec![
        (
            "a stranger's signature",
            good().signed_by_stranger(),
            "signature",
        ),
        ("no signature", good().raw_signature([]), "not_compact"),
        (
            "alg none",
            good().header("alg", "none"),
            "algorithm_unknown",
        ),
        (
            "a public key as a secret",
            good().signed_with_secret(Algorithm::HS256, key.public_key_pem().as_bytes()),
            "algorithm_not_allowed",
        ),
        (
            "an algorithm that is not allowed",
            good().algorithm(Algorithm::ES384),
            "algorithm_not_allowed",
        ),
        (
            "an extension",
            good().header("crit", json!(["exp"])),
            "header_extension",
        ),
        (
            "another token inside",
            good().header("cty", "JWT"),
            "header_parameter",
        ),
        (
            "a key that it brings along",
            good().signed_by_stranger().header("jwk", key.public_jwk()),
            "signature",
        ),
        (
            "a claim twice",
            good().raw_payload(r#"{"sid":"s-1","sid":"s-2"}"#),
            "json",
        ),
    ]
}

fn all(stage: &Stage) -> Vec<Row> {
    let tables = [
        other_kinds(stage),
        other_addressees(stage),
        other_times(stage),
        other_names(stage),
        other_signers(stage),
    ];
    tables.into_iter().flatten().collect()
}

fn stage() -> Stage {
    // Not ES384, so that there is an algorithm to be refused.
    Stage::with(
        |auth| auth.algorithms([Algorithm::EdDSA, Algorithm::ES256]),
        |logout| logout,
    )
}

#[tokio::test]
async fn a_token_that_breaks_one_rule_logs_nobody_out_and_writes_nothing() {
    let stage = stage();
    let session = stage.token().claim("sid", "s-1").issued_at(at(-60));
    for (row, token, code) in all(&stage) {
        let token = token.sign();
        stage.send(&token).await.refused(row, code);
        assert_eq!(stage.revocations().await, 0, "{row}");
        let told = stage.told();
        assert!(
            told.len() == 1 && told[0].starts_with(code),
            "{row}: {told:?}"
        );
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!told[0].contains(part), "{row}: {told:?}");
        }
        assert!(stage.is_accepted(&session).await, "{row}");
    }
    // None of them was refused for another reason.
    stage.send(&stage.logout_token().sign()).await.logged_out();
    assert!(!stage.is_accepted(&session).await);
}

#[tokio::test]
async fn what_is_no_signed_token_logs_nobody_out() {
    let stage = stage();
    let good = stage.logout_token().sign();
    let (header, rest) = good.split_once('.').unwrap();
    for (row, token, code) in [
        ("nothing", String::new(), "not_compact"),
        ("garbage", "not-a-token".into(), "not_compact"),
        (
            "an encrypted token",
            format!("{header}..{rest}.AA"),
            "encrypted",
        ),
        ("too long a token", "e".repeat(16 * 1024 + 1), "too_long"),
        ("white space around it", format!("+{good}"), "base64"),
        (
            "a line break in it",
            format!("{header}.%0A{rest}"),
            "base64",
        ),
        (
            "JSON serialisation",
            "%7B%22payload%22%3A%22e30%22%7D".into(),
            "not_compact",
        ),
    ] {
        stage.send(&token).await.refused(row, code);
    }
    assert_eq!(stage.revocations().await, 0);
}

#[tokio::test]
async fn each_optional_thing_may_be_there_or_not() {
    let stage = stage();
    let good = || stage.logout_token();
    for (row, token) in [
        ("no type", good().without_header("typ")),
        ("JWT", good().typ("JWT")),
        (
            "the whole media type, in another case",
            good().typ("Application/Logout+JWT"),
        ),
        (
            "an event with content",
            good().claim("events", json!({EVENT: {"reason": 1}})),
        ),
        (
            "other events beside it",
            good().claim(
                "events",
                json!({"a": true, EVENT: {}, "revoke_offline_access": true}),
            ),
        ),
        ("an audience in an array", good().audiences(&[CLIENT])),
        (
            "claims that nobody knows",
            good().claim("x", json!({"y": [1, 2]})),
        ),
        (
            "another allowed algorithm",
            good().algorithm(Algorithm::ES256),
        ),
        ("a clock a little ahead", good().issued_at(at(10))),
        ("nearly too old", good().issued_at(at(-300))),
    ] {
        let answer = stage.send(&token.sign()).await;
        assert_eq!(answer.0.status(), 200, "{row}: {:?}", answer.0);
        answer.logged_out();
    }
}

#[tokio::test]
async fn how_old_a_logout_token_may_be_can_be_said() {
    let stage = Stage::with(
        |auth| auth,
        |logout| logout.longest_age(Duration::from_secs(30)),
    );
    let issued = |seconds| stage.logout_token().issued_at(at(seconds)).sign();
    stage.send(&issued(-30)).await.logged_out();
    stage
        .send(&issued(-31))
        .await
        .refused("a second older", "too_old");
}

/// Row 36: not even one whose audience happens to be ours, and which names no type.
#[tokio::test]
async fn a_logout_token_is_no_access_token() {
    let stage = Stage::new();
    let token = stage.logout_token().audience(AUDIENCE);
    for (token, code) in [
        (token.clone(), "type"),
        (token.clone().typ("JWT"), "foreign_claim"),
        (token.clone().without_header("typ"), "foreign_claim"),
        (token.access_token(), "foreign_claim"),
    ] {
        let refused = stage.auth.verify(&token.sign()).await.unwrap_err();
        assert_eq!(refused.code(), code);
    }
}
