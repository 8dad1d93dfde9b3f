//! What the issuer may say, and what it must not get away with.

use http::{Response, StatusCode};
use serde_json::{Value, json};
use tower_bearer::testing::{Behaviour, Endpoint};
use tower_bearer::{NumericDate, VerifyErrorKind};

use crate::support::{AUDIENCE, ISSUER, NOW};
use crate::{answer, good_answer, settings, stage};

const JSON: &str = "application/json";

#[tokio::test(start_paused = true)]
async fn a_good_answer_is_proof_like_that_of_a_jwt() {
    let stage = stage(settings()).await;
    let said = good_answer();
    stage.say(answer("application/json; charset=utf-8", said.to_string()));
    let verified = stage.accept("a good answer", "opaque").await;
    assert_eq!(verified.issuer(), ISSUER);
    assert_eq!(verified.subject(), Some("alice"));
    assert_eq!(verified.client_id(), Some("shop"));
    assert_eq!(verified.expires_at(), NumericDate::from_seconds(NOW + 300));
    assert_eq!(verified.issued_at(), Some(NumericDate::from_seconds(NOW)));
    assert!(verified.scopes().contains("read"));
    assert!(
        verified
            .audience()
            .is_some_and(|audience| audience.contains(AUDIENCE))
    );
    let named = |name: &str| verified.claims_set().get::<String>(name).expect("a string");
    assert_eq!(named("username").as_deref(), Some("Alice"));
    assert_eq!(named("token_type").as_deref(), Some("Bearer"));
    assert_eq!(
        named("iss").as_deref(),
        Some(ISSUER),
        "the one that was asked"
    );
    // It has no header.
    assert_eq!(
        (verified.key_id(), verified.typ(), verified.algorithm()),
        (None, None, None)
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_one_is_no_answer() {
    let said = good_answer();
    let without = |name: &str| {
        let mut said = said.clone();
        said.as_object_mut().expect("an object").remove(name);
        said
    };
    let with = |name: &str, value: Value| {
        let mut said = said.clone();
        said.as_object_mut()
            .expect("an object")
            .insert(name.into(), value);
        said
    };
    let good = said.to_string();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let status = |status: u16, body: &str| {
        let mut answer = answer(JSON, body);
        *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
        answer
    };
    let untyped = |body: &str| Response::new(body.as_bytes().to_vec());
    let typed_twice = {
        let mut answer = answer(JSON, good.as_str());
        let html = http::HeaderValue::from_static("text/html");
        answer.headers_mut().append("content-type", html);
        answer
    };
    let json = |value: &Value| answer(JSON, value.to_string());
    for (row, answer) in [
        ("active as text", json(&with("active", "true".into()))),
        ("active as a number", json(&with("active", 1.into()))),
        ("active null", json(&with("active", Value::Null))),
        ("active an array", json(&with("active", json!([true])))),
        (
            "active an object",
            json(&with("active", json!({"active": true}))),
        ),
        ("active missing", json(&without("active"))),
        ("an array", answer(JSON, format!("[{good}]"))),
        ("a boolean", answer(JSON, "true")),
        ("a text", answer(JSON, format!("{good:?}"))),
        ("null", answer(JSON, "null")),
        ("nothing", answer(JSON, "")),
        ("not JSON", answer(JSON, "<html>")),
        ("cut off", answer(JSON, good.split_at(30).0)),
        ("something after it", answer(JSON, format!("{good}{{}}"))),
        ("a BOM before it", answer(JSON, format!("\u{feff}{good}"))),
        (
            "active twice",
            answer(JSON, good.replacen('{', r#"{"active":true,"#, 1)),
        ),
        (
            "exp twice",
            answer(JSON, good.replacen('{', r#"{"exp":9999999999,"#, 1)),
        ),
        (
            "a name twice in cnf",
            answer(JSON, good.replacen('{', r#"{"cnf":{"a":1,"a":1},"#, 1)),
        ),
        (
            "nested without end",
            answer(JSON, good.replacen('{', &format!(r#"{{"x":{deep},"#), 1)),
        ),
        ("not UTF-8", answer(JSON, b"{\"active\":\"\xff\"}".to_vec())),
        ("of no type", untyped(&good)),
        ("HTML", answer("text/html", good.as_str())),
        (
            "a key set",
            answer("application/jwk-set+json", good.as_str()),
        ),
        (
            "signed though not asked for",
            answer("application/token-introspection+jwt", good.as_str()),
        ),
        ("of two types", typed_twice),
        ("201", status(201, &good)),
        ("204", status(204, "")),
        ("206", status(206, &good)),
        ("304", status(304, &good)),
        ("400", status(400, &good)),
        ("404", status(404, &good)),
        ("500", status(500, &good)),
    ] {
        // Each for itself, so that what is wrong with one keeps none from being asked.
        let stage = stage(settings()).await;
        stage.say(answer);
        let refused = stage.send("opaque-token-of-theirs").await;
        refused.unavailable(row);
        refused.tells_nothing_of(row, "opaque-token-of-theirs");
        refused.tells_nothing_of(row, "alice.read.shop.username");
    }
}

#[tokio::test(start_paused = true)]
async fn whom_the_answer_is_about_is_held_against_the_policy() {
    let malformed = |name| VerifyErrorKind::ClaimMalformed { name };
    let missing = |name| VerifyErrorKind::ClaimMissing { name };
    let value = |name| VerifyErrorKind::ClaimValue { name };
    let now = NumericDate::from_seconds(NOW);
    let at = |seconds| NumericDate::from_seconds(NOW + seconds);
    let gone = Value::Null;
    for (name, spoiled, kind) in [
        ("active", json!(false), VerifyErrorKind::Inactive),
        ("iss", json!("https://evil.test"), VerifyErrorKind::Issuer),
        (
            "iss",
            json!("https://issuer.test/"),
            VerifyErrorKind::Issuer,
        ),
        ("iss", json!([ISSUER]), malformed("iss")),
        ("iss", json!(7), malformed("iss")),
        (
            "aud",
            json!("https://other.test"),
            VerifyErrorKind::Audience,
        ),
        ("aud", json!([]), VerifyErrorKind::Audience),
        ("aud", json!(7), malformed("aud")),
        ("aud", json!([AUDIENCE, 7]), malformed("aud")),
        ("aud", gone.clone(), missing("aud")),
        ("exp", gone.clone(), missing("exp")),
        ("exp", json!((NOW + 300).to_string()), malformed("exp")),
        ("exp", json!(true), malformed("exp")),
        ("exp", json!(NOW), VerifyErrorKind::Expired { at: now, now }),
        (
            "exp",
            json!(-1),
            VerifyErrorKind::Expired {
                at: NumericDate::from_seconds(-1),
                now,
            },
        ),
        (
            "nbf",
            json!(NOW + 60),
            VerifyErrorKind::NotYetValid { at: at(60), now },
        ),
        ("nbf", json!("now"), malformed("nbf")),
        (
            "iat",
            json!(NOW + 60),
            VerifyErrorKind::IssuedInFuture { at: at(60), now },
        ),
        ("iat", json!({}), malformed("iat")),
        ("sub", json!(7), malformed("sub")),
        ("client_id", json!(["shop"]), malformed("client_id")),
        ("scope", json!(["read"]), malformed("scope")),
        ("cnf", json!({"jkt": "x"}), VerifyErrorKind::SenderBound),
        ("cnf", json!("x"), malformed("cnf")),
        ("token_type", json!("DPoP"), VerifyErrorKind::SenderBound),
        ("token_type", json!("N_A"), value("token_type")),
        ("token_type", json!("refresh_token"), value("token_type")),
        ("token_type", json!(["Bearer"]), malformed("token_type")),
        ("token_use", json!("refresh_token"), value("token_use")),
        ("typ", json!("Refresh"), value("typ")),
        (
            "nonce",
            json!("n"),
            VerifyErrorKind::ForeignClaim { name: "nonce" },
        ),
        (
            "at_hash",
            json!("h"),
            VerifyErrorKind::ForeignClaim { name: "at_hash" },
        ),
        (
            "events",
            json!({}),
            VerifyErrorKind::ForeignClaim { name: "events" },
        ),
        (
            "token_introspection",
            json!({"active": true}),
            VerifyErrorKind::ForeignClaim {
                name: "token_introspection",
            },
        ),
    ] {
        let stage = stage(settings()).await;
        let mut said = good_answer();
        stage.say(answer(JSON, said.to_string()));
        stage.accept("the good answer", "opaque").await;

        let members = said.as_object_mut().expect("an object");
        members.insert(name.into(), spoiled.clone());
        members.retain(|_, value| !value.is_null());
        stage.say(answer(JSON, said.to_string()));
        let row = format!("{name}: {spoiled}");
        stage.send("another").await.refused_token(&row, kind);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_ten_megabytes_and_one_that_never_ends_are_not_read() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    for (row, behaviour) in [
        ("10 MB", Behaviour::padded(10_000_000)),
        ("a byte too many", Behaviour::padded(64 * 1024 + 1)),
        ("endless", Behaviour::Endless),
        ("compressed", Behaviour::GzipBomb),
        ("broken off", Behaviour::BrokenOff),
    ] {
        stage.issuer.behave_at(Endpoint::Introspection, behaviour);
        stage.send(&token).await.unavailable(row);
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
    }
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::padded(64 * 1024));
    stage.accept("as large as it may be", &token).await;
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    let elsewhere = stage.issuer.introspection_url();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::redirect(&elsewhere));
    stage.send(&token).await.unavailable("a redirect");
    assert_eq!(stage.asked(), 1);
}
