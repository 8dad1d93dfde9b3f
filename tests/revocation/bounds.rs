//! How much a store holds, and what it takes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tower_bearer::VerifyErrorKind::Revoked;
use tower_bearer::revocation::{
    InMemoryRevocations, Revocation, RevocationErrorKind, RevocationStore,
};
use tower_bearer::{AuthenticatorBuilder, ConfigErrorKind};

use crate::support::{ISSUER, NOW};
use crate::{at, revoke, stage, stage_with};

#[tokio::test]
async fn a_full_store_refuses_to_take_more_and_keeps_all_that_it_has() {
    const MOST: i64 = 500;
    let (stage, store) = stage_with(|store| store.max_entries(MOST as u64), |b| b).await;
    let token = |number: i64| stage.token().token_id(format!("{number}"));
    let revocation =
        |number: i64| Revocation::token_id(ISSUER, &format!("{number}"), at(NOW + 1000 + number));
    for number in 0..MOST {
        revoke(&store, revocation(number)).await;
    }
    for more in [
        revocation(MOST),
        Revocation::session(ISSUER, "1"),
        Revocation::subject(ISSUER, "alice"),
        Revocation::issuer(ISSUER),
    ] {
        let refused = store.revoke(more).await.map_err(|error| error.kind());
        assert_eq!(refused, Err(RevocationErrorKind::Full));
    }
    let refused = store.log_out_everywhere(ISSUER, "alice").await;
    assert!(refused.is_err());
    // What is there already needs no room.
    revoke(&store, revocation(7)).await;
    assert_eq!(store.size().await.ok(), Some(MOST as u64));
    for number in 0..MOST {
        let answer = stage.send(&token(number).sign()).await;
        answer.refused_token("all are kept", Revoked);
    }
    stage
        .accept("what was not taken in", &token(MOST).sign())
        .await;
    // One whose time is over makes room for one.
    stage.clock.set(at(NOW + 1000 + 600));
    revoke(&store, Revocation::subject(ISSUER, "alice")).await;
    let refused = store.revoke(Revocation::issuer(ISSUER)).await;
    assert!(refused.is_err());
    assert_eq!(store.size().await.ok(), Some(MOST as u64));
}

#[tokio::test]
async fn what_is_over_is_dropped_by_those_who_write() {
    let (stage, store) = stage().await;
    let entries = || {
        let health = stage.auth.health().revocations().expect("a store");
        health.entries.expect("it is in memory")
    };
    for round in 0..20 {
        for number in 0..10_000 {
            let name = format!("{round}-{number}");
            let exp = stage_now(round) + 60;
            revoke(&store, Revocation::token_id(ISSUER, &name, at(exp))).await;
        }
        // No more than twice those that count, and a few for each part of the store.
        assert!(entries() <= 25_000, "{} after round {round}", entries());
        stage.clock.set(at(stage_now(round + 1)));
    }
    assert_eq!(store.size().await.ok(), Some(0));
    assert_eq!(entries(), 0);
}

fn stage_now(round: i64) -> i64 {
    NOW + round * 3600
}

#[tokio::test]
async fn a_token_that_is_over_already_takes_no_room() {
    let (_, store) = stage().await;
    revoke(&store, Revocation::token_id(ISSUER, "one", at(NOW - 600))).await;
    assert_eq!(store.size().await.ok(), Some(0));
    revoke(&store, Revocation::token_id(ISSUER, "one", at(i64::MAX))).await;
    revoke(
        &store,
        Revocation::subject(ISSUER, "a").issued_before(at(i64::MAX)),
    )
    .await;
    revoke(
        &store,
        Revocation::subject(ISSUER, "b").issued_before(at(i64::MIN)),
    )
    .await;
    assert_eq!(store.size().await.ok(), Some(2));
}

/// Once a revocation has been taken in, no thread finds the token good any more, whatever else is written.
#[test]
fn what_has_been_taken_in_is_seen_by_every_thread_from_then_on() {
    let runtime = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.expect("a runtime")
    };
    let (stage, store) = runtime().block_on(stage());
    let tokens: Vec<_> = (0..64)
        .map(|number| stage.token().token_id(format!("{number}")).sign())
        .collect();
    let taken_in: Vec<_> = tokens.iter().map(|_| AtomicBool::new(false)).collect();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let runtime = runtime();
                while !ended.load(Ordering::Acquire) {
                    for (token, taken_in) in tokens.iter().zip(&taken_in) {
                        let before = taken_in.load(Ordering::Acquire);
                        let good = runtime.block_on(stage.auth.verify(token)).is_ok();
                        assert!(!(before && good), "revoked, and accepted");
                    }
                }
            });
        }
        let runtime = runtime();
        for (number, taken_in) in taken_in.iter().enumerate() {
            let name = number.to_string();
            let exp = at(NOW + 3600);
            runtime.block_on(revoke(&store, Revocation::token_id(ISSUER, &name, exp)));
            taken_in.store(true, Ordering::Release);
            // Many others, over at once or a second later, so that the store grows and is swept meanwhile.
            let now = NOW + number as i64;
            for other in 0..200 {
                let name = format!("other-{number}-{other}");
                let exp = at(now - 600 + other % 2);
                runtime.block_on(revoke(&store, Revocation::token_id(ISSUER, &name, exp)));
            }
            stage.clock.set(at(now + 1));
            let left = runtime.block_on(store.size()).ok();
            assert_eq!(left, Some(number as u64 + 1), "the others are dropped");
        }
        ended.store(true, Ordering::Release);
    });
}

#[tokio::test]
async fn a_store_is_set_up_before_it_is_used() {
    let panics = |store: InMemoryRevocations| {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.max_entries(1))).is_err()
    };
    let store = InMemoryRevocations::new();
    let clone = store.clone();
    assert!(panics(store), "shared");
    let sole = clone.longest_token_life(Duration::from_secs(60));
    revoke(&sole, Revocation::issuer(ISSUER)).await;
    assert!(panics(sole), "written to");
}

#[test]
fn there_is_one_store() {
    let refused = |builder: AuthenticatorBuilder| builder.build().err().map(|error| error.kind());
    let builder = || tower_bearer::Authenticator::builder(ISSUER, "https://api.test");
    let contradiction = Some(ConfigErrorKind::Contradiction);
    let two = builder().revocations(InMemoryRevocations::new());
    assert_eq!(
        refused(two.revocations(InMemoryRevocations::new())),
        contradiction
    );
    let none = builder().on_unknown_revocation(tower_bearer::revocation::OnUnknown::Refuse);
    assert_eq!(refused(none), contradiction);
}

#[test]
fn whatever_is_shown_of_it_names_nobody() {
    let store = InMemoryRevocations::new();
    for revocation in [
        Revocation::token_id("https://tenant.test", "secret-jti", at(NOW)),
        Revocation::session("https://tenant.test", "secret-sid"),
        Revocation::subject("https://tenant.test", "secret-sub"),
    ] {
        let shown = format!("{revocation:?} {store:?}");
        assert!(
            !shown.contains("secret") && !shown.contains("tenant"),
            "{shown}"
        );
    }
}

fn is_shared<T: Send + Sync + 'static>() {}

#[test]
fn every_type_can_be_shared_by_threads() {
    use tower_bearer::revocation::{OnUnknown, RevocationError, TokenFacts};
    is_shared::<InMemoryRevocations>();
    is_shared::<Revocation>();
    is_shared::<RevocationError>();
    is_shared::<OnUnknown>();
    is_shared::<TokenFacts<'static>>();
}

/// Resident memory of a process of its own; see `memory.rs`.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_million_revocations_take_less_than_128_mib() {
    const TEST: &str = "bounds::a_million_revocations_take_less_than_128_mib";
    const ALONE: &str = "TOWER_BEARER_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let this = std::env::current_exe().expect("the path of the tests");
        let output = std::process::Command::new(this)
            .args(["--exact", TEST, "--nocapture"])
            .env(ALONE, "1")
            .output()
            .expect("a process");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}");
        println!("{told}");
        return;
    }
    let figure = |name: &str| -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("this process");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
        number
            .and_then(|number| number.trim().parse().ok())
            .expect("a number of kB")
    };
    let store = InMemoryRevocations::new();
    revoke(&store, Revocation::session(ISSUER, "first")).await;
    let before = figure("VmRSS:");
    for number in 1..1_000_000 {
        let name = number.to_string();
        revoke(
            &store,
            match number % 3 {
                0 => Revocation::subject(ISSUER, &name),
                1 => Revocation::session(ISSUER, &name),
                _ => Revocation::token_id(ISSUER, &name, at(4_000_000_000)),
            },
        )
        .await;
    }
    assert_eq!(store.size().await.ok(), Some(1_000_000));
    let (now, most) = (figure("VmRSS:") - before, figure("VmHWM:") - before);
    println!("1 000 000 revocations: {now} KiB, at most {most} KiB while they came");
    assert!(most <= 128 << 10, "{most} KiB");
    let full = store.revoke(Revocation::subject(ISSUER, "one more")).await;
    assert!(full.is_err());
}
