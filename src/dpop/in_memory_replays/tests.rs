#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::*;
use crate::clock::NumericDate;
use crate::dpop::Thumbprint;
use crate::dpop::replay::ReplayError;

const AGE: Duration = Duration::from_secs(60);

/// The `number`th key.
fn key(number: u32) -> Thumbprint {
    let mut octets = [0; 32];
    octets[..4].copy_from_slice(&number.to_le_bytes());
    Thumbprint::from(octets)
}

/// A use at `now` of the `number`th proof of a key, made at `made`.
fn used(by: u32, number: u32, made: i64, now: i64) -> ProofUse {
    let at = NumericDate::from_seconds;
    let end = at(made).saturating_add(AGE);
    ProofUse::of(key(by), "https://h/", &number.to_string(), at(now), end)
}

#[derive(Debug, PartialEq)]
enum Told {
    Fresh,
    Replayed,
    TooMany,
    Unknown(ReplayErrorKind),
}

fn record(store: &InMemoryReplays, used: &ProofUse) -> Told {
    match store.record(used) {
        Replay::Fresh => Told::Fresh,
        Replay::Replayed => Told::Replayed,
        Replay::TooMany => Told::TooMany,
        Replay::Unknown(error) => Told::Unknown(error.kind()),
        Replay::Asks(_) => panic!("memory asks nobody"),
    }
}

#[test]
fn a_proof_is_fresh_once() {
    let store = InMemoryReplays::new();
    assert_eq!(record(&store, &used(1, 1, 0, 0)), Told::Fresh);
    assert_eq!(record(&store, &used(1, 1, 0, 0)), Told::Replayed);
    // With another `iat` it is another proof of one name.
    assert_eq!(record(&store, &used(1, 1, 5, 6)), Told::Replayed);
    assert_eq!(record(&store, &used(1, 2, 0, 0)), Told::Fresh);
    assert_eq!(record(&store, &used(2, 1, 0, 0)), Told::Fresh);
    assert_eq!(store.size(), 3);
}

#[test]
fn a_proof_is_remembered_to_the_last_second_at_which_it_is_accepted_and_then_forgotten() {
    let store = InMemoryReplays::new();
    assert_eq!(record(&store, &used(1, 1, 0, 0)), Told::Fresh);
    for now in [1, 59, 60, 61, 62] {
        assert_eq!(record(&store, &used(1, 1, 0, now)), Told::Replayed, "{now}");
    }
    assert_eq!(record(&store, &used(1, 2, 63, 63)), Told::Fresh);
    assert_eq!(store.size(), 1);
    // The name may be used again, by a proof of now.
    assert_eq!(record(&store, &used(1, 1, 63, 63)), Told::Fresh);
}

#[test]
fn of_a_thousand_replays_at_once_exactly_one_is_fresh() {
    for round in 0..20 {
        let store = InMemoryReplays::new();
        let start = Barrier::new(50);
        let fresh = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..20 {
                        match record(&store, &used(7, round, 0, 0)) {
                            Told::Fresh => _ = fresh.fetch_add(1, Ordering::Relaxed),
                            told => assert_eq!(told, Told::Replayed),
                        }
                    }
                });
            }
        });
        assert_eq!(fresh.into_inner(), 1);
        assert_eq!(store.size(), 1);
    }
}

#[test]
fn a_key_that_floods_is_cut_off_alone_and_forgets_nothing() {
    let store = InMemoryReplays::new().max_proofs_per_key(100);
    for number in 0..100 {
        assert_eq!(record(&store, &used(1, number, 0, 0)), Told::Fresh);
    }
    for number in 100..1000 {
        assert_eq!(record(&store, &used(1, number, 0, 1)), Told::TooMany);
    }
    assert_eq!(record(&store, &used(2, 0, 0, 1)), Told::Fresh);
    for number in 0..100 {
        assert_eq!(record(&store, &used(1, number, 0, 60)), Told::Replayed);
    }
    // When its proofs are over, it has places again.
    assert_eq!(record(&store, &used(1, 1000, 63, 63)), Told::Fresh);
}

#[test]
fn keys_that_flood_leave_room_for_those_that_do_not() {
    let store = InMemoryReplays::new().max_proofs(1000);
    // Nine keys that send until they get no further.
    let mut held = [0; 9];
    for number in 0..1000 {
        for flooding in 0..9 {
            match record(&store, &used(flooding, number, 0, 0)) {
                Told::Fresh => held[flooding as usize] += 1,
                told => assert_eq!(told, Told::Unknown(ReplayErrorKind::Full)),
            }
        }
    }
    assert!(
        held.iter().all(|held| (99..=101).contains(held)),
        "{held:?}"
    );
    // Fifty others, each with a proof.
    for quiet in 100..150 {
        assert_eq!(record(&store, &used(quiet, 0, 0, 1)), Told::Fresh);
    }
    for number in 0..99 {
        for flooding in 0..9 {
            assert_eq!(
                record(&store, &used(flooding, number, 0, 60)),
                Told::Replayed
            );
        }
    }
}

#[test]
fn a_store_that_is_full_to_the_last_place_refuses_everyone_and_forgets_nothing() {
    let store = InMemoryReplays::new().max_proofs(64);
    for by in 0..64 {
        assert_eq!(record(&store, &used(by, 0, 0, 0)), Told::Fresh);
    }
    for by in 64..200 {
        let told = record(&store, &used(by, 0, 0, 30));
        assert_eq!(told, Told::Unknown(ReplayErrorKind::Full));
    }
    assert_eq!(store.size(), 64);
    for by in 0..64 {
        assert_eq!(record(&store, &used(by, 0, 0, 60)), Told::Replayed);
    }
}

#[test]
fn what_is_over_makes_room_wherever_it_is() {
    let store = InMemoryReplays::new().max_proofs(16);
    // All of these share a lock, and the one that comes later has another.
    for by in 0..16 {
        assert_eq!(record(&store, &used(by * 16, 0, 0, 0)), Told::Fresh);
    }
    assert_eq!(
        record(&store, &used(1, 0, 60, 60)),
        Told::Unknown(ReplayErrorKind::Full)
    );
    assert_eq!(record(&store, &used(1, 0, 63, 63)), Told::Fresh);
    assert_eq!(store.size(), 1);
}

#[test]
fn the_bound_holds_while_many_record_at_once() {
    let store = InMemoryReplays::new().max_proofs(500);
    thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for by in 0..500 {
                    let _ = store.record(&used(thread * 1000 + by, 0, 0, 0));
                    assert!(store.size() <= 500);
                }
            });
        }
    });
    assert_eq!(store.size(), 500);
}

#[test]
fn no_places_at_all_let_nothing_pass() {
    let full = Told::Unknown(ReplayErrorKind::Full);
    let none = InMemoryReplays::new().max_proofs(0);
    assert_eq!(record(&none, &used(1, 1, 0, 0)), full);
    let none = InMemoryReplays::new().max_proofs_per_key(0);
    assert_eq!(record(&none, &used(1, 1, 0, 0)), Told::TooMany);
}

#[test]
fn a_clock_that_jumps_forth_and_back_lets_no_proof_pass_twice() {
    let store = InMemoryReplays::new();
    assert_eq!(record(&store, &used(1, 1, 1000, 1000)), Told::Fresh);
    // An hour too early, all is forgotten.
    assert_eq!(record(&store, &used(1, 2, 4600, 4600)), Told::Fresh);
    assert_eq!(store.size(), 1);
    let unknown = Told::Unknown(ReplayErrorKind::ClockTurnedBack);
    assert_eq!(record(&store, &used(1, 1, 1000, 1001)), unknown);
    assert_eq!(record(&store, &used(1, 3, 1000, 1001)), unknown);
    // What is surely made after that passes.
    assert_eq!(record(&store, &used(1, 4, 1001, 1002)), Told::Fresh);
    assert_eq!(record(&store, &used(1, 2, 4600, 4600)), Told::Replayed);
}

#[test]
fn times_at_the_end_of_time_do_no_harm() {
    let store = InMemoryReplays::new();
    for seconds in [i64::MIN, -1, i64::MAX] {
        let (first, second) = (used(1, 1, seconds, seconds), used(1, 1, seconds, seconds));
        let _ = record(&store, &first);
        assert_ne!(record(&store, &second), Told::Fresh);
    }
}

#[test]
fn memory_is_given_back_after_a_flood() {
    let store = InMemoryReplays::new();
    for number in 0..10_000 {
        assert_eq!(record(&store, &used(0, number, 0, 0)), Told::Fresh);
    }
    assert_eq!(record(&store, &used(0, 0, 100, 100)), Told::Fresh);
    let shard = store.shard(&used(0, 0, 0, 0)).unwrap();
    assert!(
        shard.used.capacity() < 4 * SMALL,
        "{}",
        shard.used.capacity()
    );
    assert_eq!(
        (shard.used.len(), shard.held.len(), shard.ends.len()),
        (1, 1, 1)
    );
}

#[test]
fn an_error_keeps_its_cause() {
    let error = ReplayError::new(std::io::Error::other("gone"));
    assert_eq!(error.kind(), ReplayErrorKind::Unreachable);
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "gone");
}
