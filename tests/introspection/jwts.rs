//! JWTs that are asked about too, after their signature.

use std::time::Duration;

use serde_json::json;
use tower_bearer::testing::{Behaviour, Endpoint, TestIssuer};
use tower_bearer::{NumericDate, TrustedIssuer, VerifyErrorKind};

use crate::support::{AUDIENCE, ISSUER, NOW, Stage};
use crate::{CLIENT, SECRET, answer, settings, stage};

const JSON: &str = "application/json";

#[tokio::test(start_paused = true)]
async fn a_jwt_must_verify_and_be_active() {
    let stage = stage(settings().every_token()).await;
    let token = stage.token().sign();
    let verified = stage.accept("both", &token).await;
    assert!(verified.algorithm().is_some(), "its own claims, signed");
    assert_eq!(stage.asked(), 1);
    for _ in 0..10 {
        stage.accept("remembered", &token).await;
    }
    assert_eq!(stage.asked(), 1);
    stage.issuer.revoke(&token);
    tokio::time::advance(Duration::from_secs(30)).await;
    stage
        .send(&token)
        .await
        .refused_token("revoked", VerifyErrorKind::Inactive);
    stage.accept("another", &stage.token().sign()).await;
    stage.accept("opaque ones too", &stage.opaque()).await;
}

#[tokio::test(start_paused = true)]
async fn a_jwt_that_does_not_verify_costs_the_issuer_nothing() {
    let stage = stage(settings().every_token()).await;
    let token = stage.token();
    for (row, bad, kind) in [
        (
            "a bad signature",
            token.clone().signed_by_stranger().sign(),
            VerifyErrorKind::Signature,
        ),
        (
            "an answer of the issuer",
            token.clone().typ("token-introspection+jwt").sign(),
            VerifyErrorKind::Type,
        ),
        (
            "over",
            token.clone().expired().sign(),
            VerifyErrorKind::Expired {
                at: NumericDate::from_seconds(NOW - 60),
                now: NumericDate::from_seconds(NOW),
            },
        ),
    ] {
        stage.send(&bad).await.refused_token(row, kind);
    }
    assert_eq!(stage.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_a_jwt_may_be_brief_and_must_not_contradict() {
    let malformed = |name| VerifyErrorKind::ClaimMalformed { name };
    let value = |name| VerifyErrorKind::ClaimValue { name };
    for (said, want) in [
        (json!({"active": true}), None),
        (json!({"active": true, "exp": NOW + 9, "iss": ISSUER}), None),
        (json!({"active": false}), Some(VerifyErrorKind::Inactive)),
        (
            json!({"active": true, "iss": "https://evil.test"}),
            Some(VerifyErrorKind::Issuer),
        ),
        (json!({"active": true, "exp": "9"}), Some(malformed("exp"))),
        (
            json!({"active": true, "exp": NOW}),
            Some(VerifyErrorKind::Expired {
                at: NumericDate::from_seconds(NOW),
                now: NumericDate::from_seconds(NOW),
            }),
        ),
        (
            json!({"active": true, "token_type": "refresh_token"}),
            Some(value("token_type")),
        ),
        // The same token, named again.
        (
            json!({
                "active": true, "jti": "one", "sub": "alice", "client_id": "shop", "aud": ["x", AUDIENCE], "nbf": NOW,
            }),
            None,
        ),
        // An answer about another one.
        (json!({"active": true, "jti": "two"}), Some(value("jti"))),
        (json!({"active": true, "jti": 1}), Some(malformed("jti"))),
        (json!({"active": true, "sub": "bob"}), Some(value("sub"))),
        (json!({"active": true, "sub": null}), Some(malformed("sub"))),
        (
            json!({"active": true, "client_id": "evil"}),
            Some(value("client_id")),
        ),
        (
            json!({"active": true, "aud": "https://other.test"}),
            Some(VerifyErrorKind::Audience),
        ),
        (json!({"active": true, "aud": 7}), Some(malformed("aud"))),
        (
            json!({"active": true, "nbf": NOW + 60}),
            Some(VerifyErrorKind::NotYetValid {
                at: NumericDate::from_seconds(NOW + 60),
                now: NumericDate::from_seconds(NOW),
            }),
        ),
        (json!({"active": true, "nbf": "x"}), Some(malformed("nbf"))),
    ] {
        let stage = stage(settings().every_token()).await;
        stage.say(answer(JSON, said.to_string()));
        let token = stage.token().subject("alice").client_id("shop");
        let token = token.claim("jti", "one").sign();
        // And the same when it is remembered.
        stage.send(&token).await;
        let answered = stage.send(&token).await;
        assert_eq!(stage.asked(), 1);
        match want {
            None => drop(answered.accepted(&said.to_string())),
            Some(kind) => answered.refused_token(&said.to_string(), kind),
        }
    }
    for bad in [r#"{"active":"true"}"#, "[]", "{}"] {
        let stage = stage(settings().every_token()).await;
        stage.say(answer(JSON, bad));
        stage.send(&stage.token().sign()).await.unavailable(bad);
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_cannot_be_asked_about_a_jwt_is_an_outage() {
    let stage = stage(settings().every_token()).await;
    let token = stage.token().sign();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Down);
    stage.send(&token).await.unavailable("down");
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Normal);
    stage.accept("up", &token).await;
}

#[tokio::test(start_paused = true)]
async fn a_jwt_that_expires_while_its_issuer_thinks_is_refused() {
    let stage = stage(settings().every_token()).await;
    let token = stage.token().expires_in(Duration::from_secs(2)).sign();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Held);
    let waiting = {
        let (auth, token) = (stage.auth.clone(), token.clone());
        tokio::spawn(async move { auth.verify(&token).await })
    };
    stage
        .issuer
        .until_requests(Endpoint::Introspection, 1)
        .await;
    stage.say(answer(JSON, r#"{"active":true}"#));
    stage.clock.advance(Duration::from_secs(2));
    let refused = waiting.await.expect("no panic").expect_err("it is over");
    assert_eq!(refused.code(), "expired");
}

#[tokio::test(start_paused = true)]
async fn a_jwt_of_which_less_is_said_than_it_says_is_good_until_then_by_either_clock() {
    for (by_date, by_instant) in [(9, 0), (0, 9)] {
        let stage = stage(settings().every_token()).await;
        let token = stage.token().sign();
        let said = json!({"active": true, "exp": NOW + 9});
        stage.say(answer(JSON, said.to_string()));
        stage.accept("said to be good", &token).await;
        stage.clock.advance(Duration::from_secs(by_date));
        tokio::time::advance(Duration::from_secs(by_instant)).await;
        stage.send(&token).await;
        assert_eq!(stage.asked(), 2, "{by_date} {by_instant}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_issuers_can_be_asked_each_about_its_own_jwts() {
    let other = TestIssuer::new("https://other.test");
    other.publish(&[tower_bearer::Algorithm::EdDSA]);
    other.allow_client(CLIENT, SECRET);
    let stage = Stage::beside(
        &other,
        |issuer| issuer.allow_client(CLIENT, SECRET),
        |builder| {
            let second = TrustedIssuer::new(other.url(), AUDIENCE);
            builder
                .introspection(settings().jwts_only())
                .trust(second.introspection(settings().jwts_only()))
        },
    );
    other.clock(stage.clock.clone());
    stage.accept("of the first", &stage.token().sign()).await;
    let asked = |issuer: &TestIssuer| issuer.requests(Endpoint::Introspection);
    assert_eq!((stage.asked(), asked(&other)), (1, 0));
    let of_the_other = other.token().audience(AUDIENCE).sign();
    stage.accept("of the other", &of_the_other).await;
    assert_eq!((stage.asked(), asked(&other)), (1, 1));
    stage
        .send(&stage.opaque())
        .await
        .refused_token("opaque", VerifyErrorKind::NotCompact);
}
