//! Signed answers (RFC 9701): believed only if they are the issuer's, for this service, and of now.

use http::header::ACCEPT;
use serde_json::{Value, json};
use tower_bearer::testing::{Behaviour, Endpoint, TestIssuer, TokenBuilder};
use tower_bearer::{Algorithm, Authenticator, VerifyErrorKind};

use crate::support::{AUDIENCE, ISSUER, NOW, Stage};
use crate::{CLIENT, Recorded, answer, good_answer, settings, stage};

const SIGNED: &str = "application/token-introspection+jwt";

/// What surrounds a good answer.
fn outer() -> Value {
    json!({
        "iss": ISSUER,
        "aud": CLIENT,
        "iat": NOW,
        "token_introspection": good_answer(),
    })
}

/// A signed answer of these claims.
fn signed(stage: &Stage, claims: &Value) -> TokenBuilder {
    let token = stage.issuer.token().typ("token-introspection+jwt");
    token.raw_payload(claims.to_string())
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = outer();
    let members = claims.as_object_mut().expect("an object");
    members.insert(name.to_owned(), value);
    members.retain(|_, value| !value.is_null());
    claims
}

#[tokio::test(start_paused = true)]
async fn a_signed_answer_is_asked_for_verified_and_opened() {
    let issuer = TestIssuer::new(ISSUER);
    let recorded = Recorded::of(&issuer);
    let auth = Authenticator::builder(ISSUER, AUDIENCE)
        .introspection(settings().signed_answers())
        .fetch(recorded.fetch())
        .build()
        .expect("a sound configuration");
    let token = issuer.token().audience(AUDIENCE).subject("bob").opaque();
    let verified = auth.verify(&token).await.expect("a good token");
    assert_eq!(verified.subject(), Some("bob"));
    assert!(!verified.claims_set().contains("token_introspection"));
    // The answer's own signature is not the token's.
    assert_eq!((verified.algorithm(), verified.key_id()), (None, None));
    let calls = recorded.calls();
    let accept = calls
        .first()
        .and_then(|request| request.headers().get(ACCEPT));
    assert_eq!(
        accept.map(http::HeaderValue::as_bytes),
        Some(SIGNED.as_bytes())
    );
    let refused = auth.verify("made-up").await.expect_err("not active");
    assert_eq!(refused.code(), "inactive");
}

#[tokio::test(start_paused = true)]
async fn each_algorithm_that_the_policy_allows_may_sign() {
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let stage = Stage::with(
            |issuer| {
                issuer.allow_client(CLIENT, crate::SECRET);
                issuer.publish(&[algorithm]);
            },
            |builder| {
                let builder = builder.algorithms([algorithm]);
                builder.introspection(settings().signed_answers())
            },
        )
        .await;
        stage.accept(algorithm.name(), &stage.opaque()).await;
        let other = if algorithm == Algorithm::EdDSA {
            Algorithm::ES256
        } else {
            Algorithm::EdDSA
        };
        let answered = signed(&stage, &outer()).algorithm(other).sign();
        stage.say(answer(SIGNED, answered));
        stage.send("another").await.unavailable(other.name());
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_believed_is_no_answer() {
    let good = |stage: &Stage| signed(stage, &outer()).sign();
    let of = |claims: Value| move |stage: &Stage| signed(stage, &claims).sign();
    type Make = Box<dyn Fn(&Stage) -> String>;
    let rows: Vec<(&str, Make)> = vec![
        ("of no issuer", Box::new(of(with("iss", Value::Null)))),
        (
            "of another issuer",
            Box::new(of(with("iss", json!("https://evil.test")))),
        ),
        (
            "of several issuers",
            Box::new(of(with("iss", json!([ISSUER])))),
        ),
        ("for nobody", Box::new(of(with("aud", Value::Null)))),
        (
            "for another service",
            Box::new(of(with("aud", json!("another-api")))),
        ),
        (
            "for the audience of tokens, which is not the client",
            Box::new(of(with("aud", json!(AUDIENCE)))),
        ),
        (
            "for a number",
            Box::new(of(with("aud", json!([CLIENT, 7])))),
        ),
        ("of no time", Box::new(of(with("iat", Value::Null)))),
        (
            "of a time as text",
            Box::new(of(with("iat", json!(NOW.to_string())))),
        ),
        ("old", Box::new(of(with("iat", json!(NOW - 61))))),
        ("of the future", Box::new(of(with("iat", json!(NOW + 11))))),
        ("over", Box::new(of(with("exp", json!(NOW))))),
        ("over at a text", Box::new(of(with("exp", json!("never"))))),
        ("not yet", Box::new(of(with("nbf", json!(NOW + 60))))),
        (
            "about nothing",
            Box::new(of(with("token_introspection", Value::Null))),
        ),
        (
            "about an array",
            Box::new(of(with("token_introspection", json!([good_answer()])))),
        ),
        (
            "about a text",
            Box::new(of(with(
                "token_introspection",
                json!(good_answer().to_string()),
            ))),
        ),
        (
            "active outside alone",
            Box::new(|stage| {
                let mut claims = with("token_introspection", json!({}));
                let members = claims.as_object_mut().expect("an object");
                members.extend(good_answer().as_object().cloned().unwrap_or_default());
                signed(stage, &claims).sign()
            }),
        ),
        (
            "an access token of its own",
            Box::new(|stage| stage.token().sign()),
        ),
        (
            "of another type",
            Box::new(|stage| signed(stage, &outer()).typ("JWT").sign()),
        ),
        (
            "of no type",
            Box::new(|stage| signed(stage, &outer()).without_header("typ").sign()),
        ),
        (
            "of a stranger's key",
            Box::new(|stage| signed(stage, &outer()).signed_by_stranger().sign()),
        ),
        (
            "of an unknown key",
            Box::new(|stage| signed(stage, &outer()).key_id("unknown").sign()),
        ),
        (
            "not signed",
            Box::new(|stage| signed(stage, &outer()).header("alg", "none").sign()),
        ),
        (
            "with an extension",
            Box::new(|stage| signed(stage, &outer()).header("crit", json!(["x"])).sign()),
        ),
        (
            "without its signature",
            Box::new(move |stage| {
                let good = good(stage);
                let (signed, _) = good.rsplit_once('.').expect("three parts");
                format!("{signed}.")
            }),
        ),
        ("in the clear", Box::new(|_| good_answer().to_string())),
        (
            "a name twice",
            Box::new(|stage| {
                let twice = outer().to_string().replacen('{', r#"{"aud":"x","#, 1);
                let token = stage.issuer.token().typ("token-introspection+jwt");
                token.raw_payload(twice).sign()
            }),
        ),
        ("encrypted", Box::new(|_| "e30.e30.e30.e30.e30".to_owned())),
    ];
    for (row, make) in rows {
        let stage = stage(settings().signed_answers()).await;
        stage.say(answer(SIGNED, signed(&stage, &outer()).sign()));
        stage.accept("a good answer", "opaque").await;
        stage.say(answer(SIGNED, make(&stage)));
        stage.send("another").await.unavailable(row);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_signed_is_none_where_signed_ones_are_demanded() {
    let stage = stage(settings().signed_answers()).await;
    for media_type in ["application/json", "application/jwt", "text/plain"] {
        let clear = good_answer().to_string();
        stage.say(answer(media_type, clear));
        stage.send("opaque").await.unavailable(media_type);
        let good = signed(&stage, &outer()).sign();
        stage.say(answer(media_type, good));
        stage.send("opaque").await.unavailable(media_type);
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_stands_outside_says_nothing_of_the_token() {
    let stage = stage(settings().signed_answers()).await;
    let mut claims = outer();
    let members = claims.as_object_mut().expect("an object");
    for (name, value) in [
        ("sub", json!("mallory")),
        ("scope", json!("admin")),
        ("active", json!(false)),
        ("client_id", json!("evil")),
        ("exp", json!(NOW + 9)),
    ] {
        members.insert(name.to_owned(), value);
    }
    stage.say(answer(SIGNED, signed(&stage, &claims).sign()));
    let verified = stage.accept("both", "opaque").await;
    assert_eq!(verified.subject(), Some("alice"));
    assert_eq!(verified.client_id(), Some("shop"));
    assert_eq!(verified.scopes().to_string(), "read");
    assert_eq!(verified.expires_at().as_seconds(), NOW + 300);

    // And what is missing inside is missing, however good it looks outside.
    for name in ["exp", "aud", "active"] {
        let mut inside = good_answer();
        inside.as_object_mut().expect("an object").remove(name);
        let mut claims = with("token_introspection", inside);
        let members = claims.as_object_mut().expect("an object");
        let outside = good_answer().get(name).cloned().unwrap_or_default();
        if name != "aud" {
            members.insert(name.to_owned(), outside);
        } else {
            members.insert("aud".into(), json!([CLIENT, AUDIENCE]));
        }
        stage.say(answer(SIGNED, signed(&stage, &claims).sign()));
        let refused = stage.send(&format!("without-{name}")).await;
        match name {
            "active" => refused.unavailable(name),
            "exp" => refused.refused_token(name, VerifyErrorKind::ClaimMissing { name: "exp" }),
            _ => refused.refused_token(name, VerifyErrorKind::ClaimMissing { name: "aud" }),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_may_go_by_another_name_in_signed_answers() {
    let settings = settings()
        .signed_answers()
        .signed_answer_audience("https://api.test");
    let stage = stage(settings).await;
    let named = with("aud", json!(["x", "https://api.test"]));
    stage.say(answer(SIGNED, signed(&stage, &named).sign()));
    stage.accept("its name", "opaque").await;
    stage.say(answer(SIGNED, signed(&stage, &outer()).sign()));
    stage.send("another").await.unavailable("the client's name");
}

#[tokio::test(start_paused = true)]
async fn a_key_published_a_moment_ago_verifies_an_answer_and_an_outage_of_keys_is_one() {
    let stage = stage(settings().signed_answers()).await;
    stage.issuer.rotate_dropping();
    stage.accept("a new key", &stage.opaque()).await;
    stage.issuer.rotate_dropping();
    stage.issuer.behave_at(Endpoint::KeySet, Behaviour::Down);
    stage.send(&stage.opaque()).await.unavailable("no key");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_of_opaque_tokens_alone_signs_with_keys_that_are_fetched_for_that() {
    let stage = Stage::beside(
        None,
        |issuer| issuer.allow_client(CLIENT, crate::SECRET),
        |builder| builder.introspection(settings().opaque_tokens_only().signed_answers()),
    );
    stage.accept("opaque", &stage.opaque()).await;
    let jwt = stage.send(&stage.token().sign()).await;
    jwt.refused_token("a JWT", VerifyErrorKind::KeyUnknown);
}
