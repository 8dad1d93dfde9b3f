//! For how long an answer is believed, by which clock, and what is kept of it.

use std::time::Duration;

use tower_bearer::revocation::{InMemoryRevocations, Revocation, RevocationStore};
use tower_bearer::testing::{Behaviour, Endpoint, TestClock};
use tower_bearer::{NumericDate, VerifyErrorKind};

use crate::support::{NOW, Stage};
use crate::{settings, stage};

const SECOND: Duration = Duration::from_secs(1);

/// Time passes by both clocks.
async fn pass(stage: &Stage, span: Duration) {
    stage.clock.advance(span);
    tokio::time::advance(span).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_believed_for_thirty_seconds_and_then_asked_for_again() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    for (after, asked) in [(0, 1), (29, 1), (1, 2), (29, 2), (1, 3)] {
        pass(&stage, SECOND * after).await;
        stage.accept("good", &token).await;
        assert_eq!(stage.asked(), asked, "{after}");
    }
    stage.issuer.revoke(&token);
    pass(&stage, SECOND * 29).await;
    stage.accept("not yet noticed", &token).await;
    pass(&stage, SECOND).await;
    let refused = stage.send(&token).await;
    refused.refused_token("noticed", VerifyErrorKind::Inactive);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_never_believed_beyond_the_tokens_expiry() {
    let stage = stage(settings().cache_for(SECOND * 600)).await;
    let token = stage.token().expires_in(SECOND * 10).opaque();
    stage.accept("good", &token).await;
    pass(&stage, SECOND * 9).await;
    stage.accept("still good", &token).await;
    assert_eq!(stage.asked(), 1);
    pass(&stage, SECOND).await;
    let refused = stage.send(&token).await;
    refused.refused_token("over", VerifyErrorKind::Inactive);
    assert_eq!(stage.asked(), 2, "its issuer may have prolonged it");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_vouches_for_what_is_over_is_not_believed() {
    let stage = stage(settings()).await;
    let mut said = crate::good_answer();
    stage.say(crate::answer("application/json", said.to_string()));
    stage.accept("good", "opaque").await;
    stage.clock.advance(SECOND * 300);
    let (at, now) = (
        NumericDate::from_seconds(NOW + 300),
        NumericDate::from_seconds(NOW + 300),
    );
    for _ in 0..3 {
        let refused = stage.send("opaque").await;
        refused.refused_token("over", VerifyErrorKind::Expired { at, now });
    }
    assert_eq!(stage.asked(), 2, "a refusal is remembered briefly");
    // One that prolongs its tokens while they are used has to say so.
    let members = said.as_object_mut().expect("an object");
    members.insert("exp".into(), (NOW + 900).into());
    stage.say(crate::answer("application/json", said.to_string()));
    tokio::time::advance(SECOND * 5).await;
    stage.accept("prolonged", "opaque").await;
}

/// What is kept until the `exp` that was told first would be forgotten, and the token be good again.
#[tokio::test(start_paused = true)]
async fn a_revoked_token_stays_revoked_though_its_issuer_prolongs_it() {
    const DAY: i64 = 24 * 3600;
    let clock = TestClock::new(NumericDate::from_seconds(NOW));
    let store = InMemoryRevocations::new().clock(clock.clone());
    let stage = Stage::with(
        |_| (),
        |builder| {
            let builder = builder.clock(clock.clone()).introspection(settings());
            builder.revocations(store.clone())
        },
    )
    .await;
    let say = |expires_at: i64| {
        let mut said = crate::good_answer();
        said.as_object_mut()
            .expect("an object")
            .insert("exp".into(), expires_at.into());
        stage.say(crate::answer("application/json", said.to_string()));
    };
    say(NOW + 300);
    let verified = stage.accept("good", "one").await;
    let revocation = Revocation::token(&verified).expect("it is known by its text");
    store.revoke(revocation).await.expect("there is room");
    // In the end it is older than tokens are to live, and so refused without being known.
    for passed in [900, 3600, DAY, 7 * DAY - 1, 7 * DAY + 600, 30 * DAY] {
        say(NOW + passed + 300);
        clock.set(NumericDate::from_seconds(NOW + passed));
        tokio::time::advance(SECOND * 60).await;
        assert!(store.size().await.is_ok(), "what is over is dropped");
        let refused = stage.send("one").await;
        refused.refused_token("revoked", VerifyErrorKind::Revoked);
        if passed < 7 * DAY {
            stage.accept("prolonged too", "two").await;
        }
    }
    assert_eq!(store.size().await.ok(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_turned_back_prolongs_nothing() {
    let stage = stage(settings()).await;
    let token = stage.token().expires_in(SECOND * 20).opaque();
    stage.accept("good", &token).await;
    // Ten seconds go by, while the clock is set back by an hour again and again.
    tokio::time::advance(SECOND * 10).await;
    stage.clock.turn_back(SECOND * 8);
    stage.accept("still good", &token).await;
    assert_eq!(stage.asked(), 1);
    // The token's twenty seconds are over by the clock that is never turned back: it is asked about.
    tokio::time::advance(SECOND * 10).await;
    stage.accept("by this clock it is good", &token).await;
    assert_eq!(stage.asked(), 2);
    // Before it was issued, it is not good whatever is remembered.
    stage.clock.turn_back(SECOND * 3600);
    let refused = stage.send(&token).await;
    let at = NumericDate::from_seconds(NOW);
    let now = NumericDate::from_seconds(NOW - 3608);
    refused.refused_token("issued ahead", VerifyErrorKind::IssuedInFuture { at, now });
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_ends_what_is_remembered_at_once() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    stage.accept("good", &token).await;
    stage.clock.advance(SECOND * 301);
    let refused = stage.send(&token).await;
    refused.refused_token("over", VerifyErrorKind::Inactive);
    assert_eq!(stage.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_age_of_an_answer_counts_from_when_it_was_asked_for() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    let slow = Behaviour::delay(SECOND * 4);
    stage.issuer.behave_next(Endpoint::Introspection, 1, slow);
    stage.accept("slow", &token).await;
    tokio::time::advance(SECOND * 25).await;
    stage.accept("remembered", &token).await;
    assert_eq!(stage.asked(), 1);
    tokio::time::advance(SECOND).await;
    stage.accept("asked again", &token).await;
    assert_eq!(stage.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_not_active_is_refused_for_five_seconds_without_asking() {
    let stage = stage(settings()).await;
    for (after, asked) in [(0, 1), (4, 1), (1, 2), (4, 2), (1, 3)] {
        tokio::time::advance(SECOND * after).await;
        for _ in 0..10 {
            let refused = stage.send("made-up").await;
            refused.refused_token("made up", VerifyErrorKind::Inactive);
        }
        assert_eq!(stage.asked(), asked, "{after}");
    }
    // What is good afterwards is good afterwards.
    let said = crate::good_answer().to_string();
    stage.say(crate::answer("application/json", said));
    let refused = stage.send("made-up").await;
    refused.refused_token("remembered", VerifyErrorKind::Inactive);
    tokio::time::advance(SECOND * 5).await;
    stage.accept("no longer made up", "made-up").await;
}

#[tokio::test(start_paused = true)]
async fn with_no_time_to_be_believed_each_request_asks_and_those_at_once_share() {
    let nothing = Duration::ZERO;
    let stage = stage(settings().cache_for(nothing).refusals_for(nothing)).await;
    let token = stage.opaque();
    for asked in 1..=3 {
        stage.accept("good", &token).await;
        assert_eq!(stage.asked(), asked);
    }
    stage.issuer.revoke(&token);
    for asked in 4..=6 {
        let refused = stage.send(&token).await;
        refused.refused_token("revoked", VerifyErrorKind::Inactive);
        assert_eq!(stage.asked(), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_stays_within_its_bytes_and_what_falls_out_is_asked_about_again() {
    let stage = stage(settings().cache_bytes(64 * 1024)).await;
    let tokens: Vec<String> = (0..1000).map(|_| stage.opaque()).collect();
    for token in &tokens {
        stage.accept("good", token).await;
    }
    for number in 0..20_000 {
        let made_up = format!("made-up-{number}");
        stage.auth.verify(&made_up).await.expect_err("made up");
    }
    let health = stage.auth.health();
    let [health] = health.introspection() else {
        panic!("one issuer is asked");
    };
    assert!(health.bytes() <= 64 * 1024, "{health:?}");
    assert!(health.answers() > 10, "{health:?}");
    assert!(health.refusals() <= 8192, "{health:?}");
    let asked = stage.asked();
    let last = tokens.last().expect("there are tokens");
    stage.accept("the newest", last).await;
    assert_eq!(stage.asked(), asked, "strangers do not push it out");
    let first = tokens.first().expect("there are tokens");
    stage.accept("the oldest", first).await;
    assert_eq!(stage.asked(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn answers_of_one_service_are_not_those_of_another() {
    let stage = stage(settings()).await;
    let other = tower_bearer::Authenticator::builder(stage.issuer.url(), "https://other.test")
        .introspection(settings())
        .clock(stage.clock.clone())
        .fetch(stage.issuer.fetch())
        .build()
        .expect("a sound configuration");
    let token = stage.opaque();
    stage.accept("meant for it", &token).await;
    let refused = other.verify(&token).await.expect_err("not meant for it");
    assert_eq!(refused.code(), "audience");
}

/// The clock that is never turned back stands still while a machine sleeps, or is moved to another.
#[tokio::test(start_paused = true)]
async fn what_was_said_before_a_machine_slept_is_asked_for_again() {
    let stage = stage(settings().every_token()).await;
    let token = stage.token().expires_in(SECOND * 36_000);
    for token in [token.clone().opaque(), token.sign()] {
        stage.accept("good", &token).await;
        stage.issuer.revoke(&token);
        stage.clock.advance(SECOND * 29);
        stage.accept("remembered", &token).await;
        stage.clock.advance(SECOND);
        let refused = stage.send(&token).await;
        refused.refused_token("revoked in its sleep", VerifyErrorKind::Inactive);
    }
}

/// Its runtime stood still for so long that the token was asked about again.
#[test]
fn a_call_that_was_given_up_does_not_undo_what_a_later_one_learnt() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    let (first, second) = (runtime(), runtime());
    let stage = first.block_on(stage(settings()));
    let endpoint = Endpoint::Introspection;
    stage.issuer.behave_at(endpoint, Behaviour::Held);
    let auth = stage.auth.clone();
    let waiting = first.spawn(async move { auth.verify("opaque").await });
    first.block_on(stage.issuer.until_requests(endpoint, 1));
    let say = |active: bool| {
        let mut said = crate::good_answer();
        let members = said.as_object_mut().expect("an object");
        members.insert("active".into(), active.into());
        stage.say(crate::answer("application/json", said.to_string()));
    };
    second.block_on(async {
        tokio::time::advance(SECOND * 12).await;
        say(false);
        let refused = stage.send("opaque").await;
        refused.refused_token("asked again", VerifyErrorKind::Inactive);
    });
    say(true);
    let late = first.block_on(waiting).expect("no panic");
    assert!(late.is_ok(), "{late:?}");
    let asked = stage.asked();
    second.block_on(async {
        let refused = stage.send("opaque").await;
        refused.refused_token("what was learnt last", VerifyErrorKind::Inactive);
    });
    assert_eq!(stage.asked(), asked);
}
