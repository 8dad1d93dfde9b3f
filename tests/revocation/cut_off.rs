//! Everything that a session, a subject or an issuer was given up to an instant.

use std::time::Duration;

use serde_json::json;
use tower_bearer::VerifyErrorKind::{ClaimMalformed, Revoked};
use tower_bearer::revocation::{Revocation, RevocationStore};

use crate::support::{AUDIENCE, ISSUER, NOW, Stage};
use crate::{at, revoke, stage, stage_with};

const DAY: i64 = 24 * 60 * 60;
const SLACK: i64 = 600;

/// All that can be cut off, for tokens of [`token`].
fn kinds(stage: &Stage) -> [(&'static str, Revocation); 3] {
    let issuer = stage.issuer.url();
    [
        ("session", Revocation::session(issuer, "session-1")),
        ("subject", Revocation::subject(issuer, "alice")),
        ("issuer", Revocation::issuer(issuer)),
    ]
}

fn token(stage: &Stage) -> tower_bearer::testing::TokenBuilder {
    let token = stage.token().subject("alice").claim("sid", "session-1");
    token.expires_at(at(NOW + 30 * DAY))
}

#[tokio::test]
async fn what_was_issued_up_to_that_second_is_revoked_and_what_comes_later_is_not() {
    for kind in 0..3 {
        let (stage, store) = stage().await;
        let Some((row, revocation)) = kinds(&stage).into_iter().nth(kind) else {
            continue;
        };
        let issued = |instant: serde_json::Value| token(&stage).claim("iat", instant).sign();
        let before = [json!(NOW - 1), json!(NOW), json!(NOW as f64 + 0.999)];
        let after = [json!(NOW + 1), json!(NOW as f64 + 1.5)];
        for iat in before.iter().chain(&after) {
            stage.accept(row, &issued(iat.clone())).await;
        }
        // Up to now, by the store's clock.
        revoke(&store, revocation).await;
        for iat in before {
            let row = format!("{row}: {iat}");
            let answer = stage.send(&issued(iat)).await;
            answer.refused_token(&row, Revoked);
        }
        for iat in after {
            stage.accept(&format!("{row}: {iat}"), &issued(iat)).await;
        }
    }
}

#[tokio::test]
async fn who_was_logged_out_everywhere_can_log_in_again_a_second_later() {
    let (stage, store) = stage().await;
    let (alice, bob) = (token(&stage).sign(), token(&stage).subject("bob").sign());
    stage.accept("before", &alice).await;
    store
        .log_out_everywhere(stage.issuer.url(), "alice")
        .await
        .expect("there is room");
    stage.send(&alice).await.refused_token("after", Revoked);
    stage.accept("somebody else", &bob).await;
    stage.clock.advance(Duration::from_secs(1));
    let anew = token(&stage).issued_at(at(NOW + 1)).sign();
    stage.accept("logged in again", &anew).await;
    stage.send(&alice).await.refused_token("the old", Revoked);
}

#[tokio::test]
async fn only_tokens_of_the_session_the_subject_or_the_issuer_are_concerned() {
    let (stage, store) = stage().await;
    let issuer = stage.issuer.url().to_owned();
    for revocation in [
        Revocation::session(&issuer, "session-2"),
        Revocation::session(&issuer, "alice"),
        Revocation::subject(&issuer, "session-1"),
        Revocation::subject(&issuer, "alic"),
        Revocation::subject(&issuer, ""),
        Revocation::issuer("https://issuer.test/"),
    ] {
        revoke(&store, revocation).await;
    }
    stage.accept("none of these", &token(&stage).sign()).await;
    let neither = stage.token().without("sub").sign();
    stage.accept("neither sub nor sid", &neither).await;
    revoke(&store, Revocation::issuer(&issuer)).await;
    let answer = stage.send(&neither).await;
    answer.refused_token("of the issuer", Revoked);
}

#[tokio::test]
async fn a_token_that_does_not_say_when_it_was_issued_is_revoked_by_each() {
    for kind in 0..3 {
        let (stage, store) = stage().await;
        let Some((row, revocation)) = kinds(&stage).into_iter().nth(kind) else {
            continue;
        };
        let token = token(&stage).expires_at(at(NOW + 3600));
        let token = token.without("iat").sign();
        stage.accept(row, &token).await;
        revoke(&store, revocation.issued_before(at(NOW - DAY))).await;
        stage.send(&token).await.refused_token(row, Revoked);
    }
}

#[tokio::test]
async fn a_cut_off_never_becomes_an_earlier_one() {
    for kind in 0..3 {
        let (stage, store) = stage().await;
        let Some((row, revocation)) = kinds(&stage).into_iter().nth(kind) else {
            continue;
        };
        let issued = |iat: i64| token(&stage).issued_at(at(iat)).sign();
        for up_to in [NOW - 50, NOW - 10, NOW - 50, NOW - DAY, 0, i64::MIN] {
            revoke(&store, revocation.clone().issued_before(at(up_to))).await;
        }
        assert_eq!(store.size().await.ok(), Some(1), "{row}: there is but one");
        let answer = stage.send(&issued(NOW - 10)).await;
        answer.refused_token(row, Revoked);
        stage.accept(row, &issued(NOW - 9)).await;
    }
}

#[tokio::test]
async fn one_that_is_still_to_come_refuses_new_tokens_until_then() {
    let (stage, store) = stage().await;
    let locked = Revocation::subject(stage.issuer.url(), "alice").issued_before(at(NOW + 3600));
    revoke(&store, locked).await;
    for now in [NOW, NOW + 3600] {
        stage.clock.set(at(now));
        let token = token(&stage).issued_at(at(now)).sign();
        stage.send(&token).await.refused_token("locked", Revoked);
    }
    stage.clock.set(at(NOW + 3601));
    let token = token(&stage).issued_at(at(NOW + 3601)).sign();
    stage.accept("open again", &token).await;
}

/// By then each token that it refuses is refused for its age, so that what is forgotten lets nothing pass.
#[tokio::test]
async fn a_cut_off_is_remembered_for_as_long_as_tokens_live_and_forgotten_without_harm() {
    let life = Duration::from_secs(3 * DAY as u64);
    let set_up =
        |store: tower_bearer::revocation::InMemoryRevocations| store.longest_token_life(life);
    let (stage, store) = stage_with(set_up, |builder| builder).await;
    revoke(&store, Revocation::subject(stage.issuer.url(), "alice")).await;
    let old = token(&stage).issued_at(at(NOW)).sign();
    let next = token(&stage).issued_at(at(NOW + 1)).sign();
    for (now, size) in [
        (NOW + 1, 1),
        (NOW + 3 * DAY - 1, 1),
        (NOW + 3 * DAY, 1),
        (NOW + 3 * DAY + SLACK - 1, 1),
        (NOW + 3 * DAY + SLACK, 0),
        (NOW + 10 * DAY, 0),
    ] {
        stage.clock.set(at(now));
        assert_eq!(store.size().await.ok(), Some(size), "at {now}");
        stage.send(&old).await.refused_token("revoked", Revoked);
        if now <= NOW + 3 * DAY {
            stage.accept("a second younger", &next).await;
        } else {
            stage.send(&next).await.refused_token("too old", Revoked);
        }
    }
}

#[tokio::test]
async fn a_token_that_is_older_than_tokens_live_is_refused_though_nothing_is_revoked() {
    let (stage, _) = stage().await;
    let issued = |iat: i64| token(&stage).issued_at(at(iat)).sign();
    let week = 7 * DAY;
    stage
        .accept("a second is left", &issued(NOW - week + 1))
        .await;
    for iat in [NOW - week, NOW - week - 1, 0, -1] {
        let answer = stage.send(&issued(iat)).await;
        answer.refused_token("too old", Revoked);
    }
    // Whoever does not say how old it is must not outlive what is remembered.
    let until = |exp: i64| token(&stage).without("iat").expires_at(at(exp)).sign();
    stage.accept("as long as any", &until(NOW + week)).await;
    let answer = stage.send(&until(NOW + week + 1)).await;
    answer.refused_token("longer", Revoked);
}

/// Taken for absent, it could not be logged out. Where nothing is revoked, nobody looks at it.
#[tokio::test]
async fn a_sid_that_is_no_string_is_refused_and_not_taken_for_absent() {
    let (stage, _) = stage().await;
    let elsewhere = Stage::new().await;
    for sid in [json!(1), json!(null), json!(["session-1"]), json!({})] {
        let row = format!("sid {sid}");
        let token = token(&stage).claim("sid", sid.clone()).sign();
        let answer = stage.send(&token).await;
        answer.refused_token(&row, ClaimMalformed { name: "sid" });
        let token = elsewhere.token().claim("sid", sid).sign();
        elsewhere.accept(&row, &token).await;
    }
}

/// JSON has many ways to write one string.
#[tokio::test]
async fn a_name_that_is_written_with_escapes_is_the_same_name() {
    for revocation in [
        Revocation::token_id(ISSUER, "one", at(NOW + 60)),
        Revocation::session(ISSUER, "session-1"),
        Revocation::subject(ISSUER, "alice"),
    ] {
        let (stage, store) = stage().await;
        let payload = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","iat":{NOW},"exp":{},"jti":"\u006fne","sid":"session\u002d1","sub":"\u0061lice"}}"#,
            NOW + 60
        );
        let escaped = token(&stage).raw_payload(payload).sign();
        stage.accept("written so", &escaped).await;
        revoke(&store, revocation).await;
        stage.send(&escaped).await.refused_token("so too", Revoked);
    }
}
