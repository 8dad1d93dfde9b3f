//! What an operator is told, and what nobody is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tower_bearer::introspection::{ClientKey, Introspection};
use tower_bearer::observe::Event;
use tower_bearer::testing::{Behaviour, Endpoint};
use tower_bearer::{Authenticator, Rejection};

use crate::support::ISSUER;
use crate::{CLIENT, SECRET, settings, stage, stage_with};

#[tokio::test(start_paused = true)]
async fn every_call_is_told_and_so_is_why_one_failed() {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let teller = Arc::clone(&told);
    let stage = stage_with(settings(), move |builder| {
        builder.observer(move |event: &Event<'_>| {
            let text = match event {
                Event::Introspected { issuer, active, .. } => format!("{issuer} {active}"),
                Event::IntrospectionFailed {
                    issuer,
                    error,
                    paused,
                    ..
                } => format!("{issuer} {error} {paused}"),
                _ => return,
            };
            teller
                .lock()
                .expect("no panic")
                .push(format!("{}: {text}", event.code()));
        })
    })
    .await;
    stage.accept("good", &stage.opaque()).await;
    let _ = stage.send("made-up").await;
    let _ = stage.send("made-up").await;
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::status(401));
    for _ in 0..6 {
        let _ = stage.send("another").await;
    }
    let told = told.lock().expect("no panic").clone();
    let refused = format!(
        "introspection_failed: {ISSUER} the introspection endpoint refuses us with status 401: \
         check the client's credentials and its right to ask"
    );
    let mut wanted = vec![
        format!("introspected: {ISSUER} true"),
        format!("introspected: {ISSUER} false"),
    ];
    wanted.extend((0..4).map(|_| format!("{refused} false")));
    wanted.push(format!("{refused} true"));
    assert_eq!(told, wanted);
}

#[tokio::test(start_paused = true)]
async fn health_tells_of_calls_failures_and_memory() {
    let stage = stage(settings()).await;
    let introspection = |auth: &Authenticator| {
        let health = serde_json::to_value(auth.health()).expect("JSON");
        health.get("introspection").cloned().unwrap_or_default()
    };
    let unused = json!([{
        "issuer": ISSUER, "endpoint": null, "calls": 0, "in_flight": 0, "failures": 0, "paused_for": null,
        "last_error": null, "last_error_age": null, "answers": 0, "bytes": 0, "most_bytes": 16_777_216, "refusals": 0,
    }]);
    assert_eq!(introspection(&stage.auth), unused);

    stage.accept("good", &stage.opaque()).await;
    let _ = stage.send("made-up").await;
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::status(500));
    for _ in 0..5 {
        let _ = stage.send("another").await;
    }
    tokio::time::advance(Duration::from_millis(100)).await;
    let told = introspection(&stage.auth);
    let told = told.get(0).expect("one issuer is asked");
    let is = |name: &str, value: Value| assert_eq!(told.get(name), Some(&value), "{name}");
    is("endpoint", json!("https://issuer.test/introspect"));
    is("calls", json!(7));
    is("failures", json!(5));
    is("paused_for", json!(0));
    is("answers", json!(1));
    is("refusals", json!(1));
    let error = told.get("last_error").and_then(Value::as_str);
    assert!(
        error.is_some_and(|error| error.contains("500")),
        "{error:?}"
    );
}

/// Attack 57 of our list: what is logged must be good for nothing.
#[tokio::test(start_paused = true)]
async fn neither_token_nor_secret_is_ever_shown() {
    let key = include_str!("keys/p256.pem");
    let private = "a-private-value-of-the-answer";
    let told: Arc<Mutex<String>> = Arc::default();
    let teller = Arc::clone(&told);
    let stage = stage_with(settings(), move |builder| {
        builder.observer(move |event: &Event<'_>| {
            let mut told = teller.lock().expect("no panic");
            told.push_str(&format!("{event:?}"));
        })
    })
    .await;
    let mut said = String::new();
    let token = stage.token().claim("private", private).opaque();
    let verified = stage.accept("good", &token).await;
    said.push_str(&format!("{verified:?} {:?}", verified.claims_set()));
    for behaviour in [
        Behaviour::status(500),
        Behaviour::status(401),
        Behaviour::html(),
        Behaviour::bytes(format!(r#"{{"active":"{private}"}}"#)),
        Behaviour::bytes(format!("{private}{token}")),
        Behaviour::Down,
        Behaviour::BrokenOff,
        Behaviour::padded(1 << 20),
    ] {
        stage.issuer.behave_at(Endpoint::Introspection, behaviour);
        tokio::time::advance(Duration::from_secs(60)).await;
        let rejection = stage.auth.verify(&token).await.expect_err("no answer");
        assert!(matches!(rejection, Rejection::Unavailable(_)));
        let mut cause: Option<&dyn std::error::Error> = Some(&rejection);
        while let Some(error) = cause {
            said.push_str(&format!("{error} {error:?}"));
            cause = error.source();
        }
        let refused = stage.send(&token).await;
        refused.tells_nothing_of("no answer", &token);
    }
    let assertion = Introspection::discovered()
        .private_key_jwt(CLIENT, ClientKey::from_pem(key).expect("a key"));
    let post = Introspection::discovered().client_secret_post(CLIENT, SECRET);
    said.push_str(&format!(
        "{:?} {assertion:?} {post:?} {:?}",
        settings(),
        stage.auth
    ));
    said.push_str(&format!("{:?}", stage.auth.health()));
    said.push_str(&serde_json::to_string(&stage.auth.health()).expect("JSON"));
    said.push_str(&told.lock().expect("no panic"));
    let secret = base64_simd::STANDARD.encode_to_string(format!("{CLIENT}:"));
    let inside = key.lines().nth(1).expect("a line");
    for hidden in [
        &token,
        SECRET,
        private,
        inside,
        secret.trim_end_matches('='),
    ] {
        assert!(!said.contains(hidden), "{hidden} is in {said}");
    }
    assert!(said.contains(CLIENT));
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_cannot_be_asked_keeps_the_service_ready() {
    let stage = stage(settings()).await;
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Down);
    for _ in 0..10 {
        stage.send("opaque").await.unavailable("down");
    }
    assert!(stage.auth.is_ready());
}
