//! A store that cannot tell: nothing is guessed, nothing hangs, nothing falls.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::RETRY_AFTER;
use serde_json::json;
use tower_bearer::VerifyErrorKind::Revoked;
use tower_bearer::observe::Event;
use tower_bearer::revocation::{
    OnUnknown, RevocationCheck, RevocationError, RevocationErrorKind, Standing, StoreState,
    TokenFacts,
};
use tower_bearer::{AuthenticatorBuilder, Rejection, UnavailableKind};

use crate::at;
use crate::support::{Answer, NOW, Stage};

fn down() -> Standing {
    Standing::Unknown(RevocationError::new("connection refused"))
}

async fn asking(store: impl RevocationCheck) -> Stage {
    Stage::with(|_| (), |builder| builder.revocations(store)).await
}

/// What the store of a stage says at the moment.
#[derive(Clone, Default)]
struct Switch(Arc<AtomicUsize>);

impl Switch {
    const GOOD: usize = 0;
    const REVOKED: usize = 1;
    const DOWN: usize = 2;

    fn turn(&self, to: usize) {
        self.0.store(to, Ordering::SeqCst);
    }
}

impl RevocationCheck for Switch {
    fn standing(&self, _: &TokenFacts<'_>) -> Standing {
        match self.0.load(Ordering::SeqCst) {
            Self::GOOD => Standing::Good,
            Self::REVOKED => Standing::Revoked,
            _ => down(),
        }
    }

    fn state(&self) -> StoreState {
        let mut state = StoreState::default();
        state.connected = Some(self.0.load(Ordering::SeqCst) != Self::DOWN);
        state.last_synced_age = Some(Duration::from_millis(1500));
        state
    }
}

/// What was told of requests that could not be decided: whether they were allowed.
fn watched(builder: AuthenticatorBuilder) -> (Arc<Mutex<Vec<bool>>>, AuthenticatorBuilder) {
    let told: Arc<Mutex<Vec<bool>>> = Arc::default();
    let tell = Arc::clone(&told);
    let builder = builder.observer(move |event: &Event<'_>| {
        if let Event::RevocationUnknown { error, allowed, .. } = event {
            assert_eq!(error.kind(), RevocationErrorKind::Unreachable);
            assert_eq!(event.code(), "revocation_unknown");
            tell.lock().expect("no panic").push(*allowed);
        }
    });
    (told, builder)
}

fn unknown_and_allowed(stage: &Stage) -> (u64, u64) {
    let health = stage.auth.health().revocations().expect("a store");
    (health.unknown, health.allowed)
}

#[track_caller]
fn unavailable(row: &str, answer: &Answer, why: RevocationErrorKind) {
    answer.unavailable(row);
    let Answer(response) = answer;
    let retry_after = response.headers().get(RETRY_AFTER);
    assert_eq!(retry_after.map(|value| value.as_bytes()), Some(&b"1"[..]));
    let Some(Rejection::Unavailable(error)) = response.extensions().get() else {
        panic!("{row}");
    };
    assert_eq!(error.kind(), UnavailableKind::Revocations, "{row}");
    assert_eq!(error.code(), "revocations_unavailable", "{row}");
    let cause = std::error::Error::source(error);
    let cause = cause.and_then(|cause| cause.downcast_ref::<RevocationError>());
    assert_eq!(cause.map(RevocationError::kind), Some(why), "{row}");
}

#[tokio::test]
async fn a_store_that_cannot_tell_is_503_with_retry_after_counted_and_told() {
    let switch = Switch::default();
    let mut told = None;
    let stage = Stage::with(
        |_| (),
        |builder| {
            let (seen, builder) = watched(builder.revocations(switch.clone()));
            told = Some(seen);
            builder
        },
    )
    .await;
    let told = told.expect("watched");
    let token = stage.token().sign();
    stage.accept("it can tell", &token).await;
    switch.turn(Switch::DOWN);
    for round in 1..=3 {
        // From the cache, and new.
        for token in [&token, &stage.token().token_id(format!("{round}")).sign()] {
            let answer = stage.send(token).await;
            unavailable("down", &answer, RevocationErrorKind::Unreachable);
        }
    }
    assert_eq!(unknown_and_allowed(&stage), (6, 0));
    assert_eq!(*told.lock().expect("no panic"), [false; 6]);
    // A bad token is bad whether the store can tell or not.
    let expired = stage.token().expired().sign();
    assert_eq!(stage.send(&expired).await.status(), 401);
    switch.turn(Switch::GOOD);
    stage.accept("it can tell again", &token).await;
    switch.turn(Switch::REVOKED);
    stage.send(&token).await.refused_token("revoked", Revoked);
    assert_eq!(unknown_and_allowed(&stage), (6, 0));
}

#[tokio::test]
async fn a_service_may_allow_for_so_long_since_the_store_could_last_tell() {
    let switch = Switch::default();
    let mut told = None;
    let stage = Stage::with(
        |_| (),
        |builder| {
            let minute = OnUnknown::AllowFor(Duration::from_secs(60));
            let builder = builder.revocations(switch.clone());
            let (seen, builder) = watched(builder.on_unknown_revocation(minute));
            told = Some(seen);
            builder
        },
    )
    .await;
    let token = stage.token().sign();
    let down = RevocationErrorKind::Unreachable;
    // It never could: nobody knows what was revoked before.
    switch.turn(Switch::DOWN);
    unavailable("at the start", &stage.send(&token).await, down);
    switch.turn(Switch::GOOD);
    stage.accept("it can tell", &token).await;
    switch.turn(Switch::DOWN);
    for (now, allowed) in [(0, true), (1, true), (60, true), (61, false), (3600, false)] {
        stage.clock.set(at(NOW + now));
        let token = stage.token().sign();
        let answer = stage.send(&token).await;
        if allowed {
            answer.accepted("allowed");
        } else {
            unavailable("no longer", &answer, down);
        }
    }
    // A clock that is turned back does not make the time longer.
    stage.clock.set(at(NOW - 1));
    let early = stage.token().sign();
    unavailable("turned back", &stage.send(&early).await, down);
    stage.clock.set(at(NOW + 3600));
    let token = stage.token().sign();
    // Its no may be one that it remembers: whoever sends a revoked token does not draw the time out.
    switch.turn(Switch::REVOKED);
    stage.send(&token).await.refused_token("revoked", Revoked);
    switch.turn(Switch::DOWN);
    unavailable("still over", &stage.send(&token).await, down);
    switch.turn(Switch::GOOD);
    stage.accept("it can tell again", &token).await;
    switch.turn(Switch::DOWN);
    stage.clock.set(at(NOW + 3660));
    stage.accept("allowed anew", &stage.token().sign()).await;
    stage.clock.set(at(NOW + 3661));
    let token = stage.token().sign();
    unavailable("over", &stage.send(&token).await, down);
    assert_eq!(unknown_and_allowed(&stage), (10, 4));
    let told = told.expect("watched");
    let told = told.lock().expect("no panic");
    let allowed = [
        false, true, true, true, false, false, false, false, true, false,
    ];
    assert_eq!(*told, allowed);
}

#[tokio::test]
async fn a_store_that_has_to_ask_is_awaited_and_believed() {
    let standing = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&standing);
    let store = move |_: &TokenFacts<'_>| {
        let asked = Arc::clone(&asked);
        Standing::asks(async move {
            tokio::task::yield_now().await;
            match asked.load(Ordering::SeqCst) {
                0 => Standing::Good,
                1 => Standing::Revoked,
                2 => down(),
                // Who was asked asks in turn.
                3 => Standing::asks(ready(Standing::Good)),
                _ => Standing::asks(async { Standing::asks(ready(Standing::Revoked)) }),
            }
        })
    };
    let stage = asking(store).await;
    let token = stage.token().sign();
    let turn = |to| standing.store(to, Ordering::SeqCst);
    // New, and from the cache.
    stage.accept("good", &token).await;
    stage.accept("good", &token).await;
    turn(1);
    stage.send(&token).await.refused_token("revoked", Revoked);
    turn(2);
    let kind = RevocationErrorKind::Unreachable;
    unavailable("down", &stage.send(&token).await, kind);
    turn(3);
    stage.accept("good in the end", &token).await;
    turn(4);
    let answer = stage.send(&token).await;
    answer.refused_token("revoked in the end", Revoked);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_waited_for_no_longer_than_450_ms() {
    let endless = |_: &TokenFacts<'_>| Standing::asks(pending());
    let slow = |_: &TokenFacts<'_>| {
        Standing::asks(async {
            tokio::time::sleep(Duration::from_millis(449)).await;
            Standing::Good
        })
    };
    // One that goes on asking is waited for once.
    fn again() -> Standing {
        Standing::asks(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            again()
        })
    }
    let stages = [
        asking(endless).await,
        asking(|_: &TokenFacts<'_>| again()).await,
    ];
    for stage in &stages {
        let begun = tokio::time::Instant::now();
        let answer = stage.send(&stage.token().sign()).await;
        unavailable("hangs", &answer, RevocationErrorKind::TimedOut);
        assert!(begun.elapsed() < Duration::from_millis(460));
        assert_eq!(unknown_and_allowed(stage), (1, 0));
    }
    let stage = asking(slow).await;
    stage.accept("just in time", &stage.token().sign()).await;
}

/// Whoever never waits cannot be interrupted.
#[tokio::test]
async fn a_store_that_asks_and_asks_and_never_waits_holds_no_request_up() {
    fn again() -> Standing {
        Standing::asks(async { again() })
    }
    let stage = asking(|_: &TokenFacts<'_>| again()).await;
    let answer = stage.send(&stage.token().sign()).await;
    unavailable("no answer", &answer, RevocationErrorKind::Malformed);
}

/// A request that hangs up takes its question with it, and nothing else.
#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_no_question_behind() {
    let asked = Arc::new(());
    let held = Arc::clone(&asked);
    let store = move |_: &TokenFacts<'_>| {
        let held = Arc::clone(&held);
        Standing::asks(async move {
            let _held = held;
            pending().await
        })
    };
    let stage = asking(store).await;
    let token = stage.token().sign();
    for _ in 0..100 {
        let short = Duration::from_millis(1);
        assert!(
            tokio::time::timeout(short, stage.send(&token))
                .await
                .is_err()
        );
    }
    assert_eq!(Arc::strong_count(&asked), 2, "the store's own, and this");
    assert_eq!(unknown_and_allowed(&stage), (0, 0));
}

#[tokio::test]
async fn a_store_that_panics_lets_nobody_in_and_takes_nobody_down() {
    let panics = Arc::new(AtomicBool::new(true));
    let at_once = {
        let panics = Arc::clone(&panics);
        move |_: &TokenFacts<'_>| {
            assert!(!panics.load(Ordering::SeqCst), "on purpose");
            Standing::Good
        }
    };
    let later = {
        let panics = Arc::clone(&panics);
        move |_: &TokenFacts<'_>| {
            let panics = Arc::clone(&panics);
            Standing::asks(async move {
                tokio::task::yield_now().await;
                assert!(!panics.load(Ordering::SeqCst), "on purpose");
                Standing::Good
            })
        }
    };
    for stage in [asking(at_once).await, asking(later).await] {
        panics.store(true, Ordering::SeqCst);
        let token = stage.token().sign();
        for _ in 0..3 {
            let answer = stage.send(&token).await;
            unavailable("panics", &answer, RevocationErrorKind::Panicked);
        }
        panics.store(false, Ordering::SeqCst);
        stage.accept("no more", &token).await;
        assert_eq!(unknown_and_allowed(&stage), (3, 0));
    }
}

#[tokio::test]
async fn an_operator_sees_the_store_in_health() {
    let switch = Switch::default();
    let stage = asking(switch.clone()).await;
    let shown = |stage: &Stage| {
        let health = serde_json::to_value(stage.auth.health()).expect("JSON");
        health.get("revocations").expect("a member").clone()
    };
    assert_eq!(
        shown(&stage),
        json!({"entries": null, "connected": true, "last_synced_age": 1, "unknown": 0, "allowed": 0})
    );
    switch.turn(Switch::DOWN);
    stage.send(&stage.token().sign()).await;
    assert_eq!(
        shown(&stage),
        json!({"entries": null, "connected": false, "last_synced_age": 1, "unknown": 1, "allowed": 0})
    );
    let (in_memory, store) = crate::stage().await;
    crate::revoke(&store, tower_bearer::revocation::Revocation::issuer("i")).await;
    assert_eq!(
        shown(&in_memory),
        json!({"entries": 1, "connected": null, "last_synced_age": null, "unknown": 0, "allowed": 0})
    );
    assert_eq!(shown(&Stage::new().await), json!(null));
}
