//! What becomes of a good proof, by the word of the store.

use std::future::pending;

use super::*;
use crate::dpop::{ReplayError, ReplayErrorKind};

/// A store of one answer.
struct Says<F>(F);

impl<F: Fn(&ProofUse) -> Replay + Send + Sync + 'static> ReplayStore for Says<F> {
    fn record(&self, used: &ProofUse) -> Replay {
        (self.0)(used)
    }
}

async fn judge(answer: impl Fn() -> Replay + Send + Sync + 'static) -> Result<Proven, Unproven> {
    let store = Says(move |_: &ProofUse| answer());
    let stage = Stage::with(Algorithm::EdDSA, |dpop| dpop.replays(store));
    let request = get(&stage.proof().sign());
    let request = Presented::of(&request);
    match stage
        .checks
        .check(&request, TOKEN, &stage.binding(), at(NOW))
    {
        ProofOutcome::Now(outcome) => outcome,
        ProofOutcome::Later(outcome) => outcome.await,
    }
}

fn unknown(outcome: Result<Proven, Unproven>) -> ReplayErrorKind {
    match outcome {
        Err(Unproven::Unknown(error)) => error.kind(),
        other => panic!("{other:?}"),
    }
}

fn refused(outcome: Result<Proven, Unproven>) -> ProofErrorKind {
    match outcome {
        Err(Unproven::Refused(kind)) => kind,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_decides_at_once_or_later() {
    let gone = || Replay::Unknown(ReplayError::new("gone"));
    assert!(judge(|| Replay::Fresh).await.is_ok());
    assert_eq!(
        refused(judge(|| Replay::Replayed).await),
        ProofErrorKind::Replayed
    );
    assert_eq!(
        refused(judge(|| Replay::TooMany).await),
        ProofErrorKind::TooMany
    );
    assert_eq!(unknown(judge(gone).await), ReplayErrorKind::Unreachable);

    assert!(
        judge(|| Replay::asks(async { Replay::Fresh }))
            .await
            .is_ok()
    );
    let replayed = judge(|| Replay::asks(async { Replay::Replayed })).await;
    assert_eq!(refused(replayed), ProofErrorKind::Replayed);
    let many = judge(|| Replay::asks(async { Replay::TooMany })).await;
    assert_eq!(refused(many), ProofErrorKind::TooMany);
    let later = judge(move || Replay::asks(async move { gone() })).await;
    assert_eq!(unknown(later), ReplayErrorKind::Unreachable);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_lets_nothing_pass() {
    let silent = judge(|| Replay::asks(pending())).await;
    assert_eq!(unknown(silent), ReplayErrorKind::TimedOut);
    let asks_again = judge(|| Replay::asks(async { Replay::asks(async { Replay::Fresh }) })).await;
    assert_eq!(unknown(asks_again), ReplayErrorKind::Unreachable);
}

#[test]
fn a_store_is_told_key_and_times_and_only_of_good_proofs() {
    let told = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&told);
    let store = Says(move |used: &ProofUse| {
        count.fetch_add(1, Ordering::Relaxed);
        assert_eq!(used.at(), at(NOW));
        assert_eq!(used.ends_at(), at(NOW + 50));
        Replay::Fresh
    });
    let stage = Stage::with(Algorithm::EdDSA, |dpop| dpop.replays(store));
    let made = stage.proof().issued_at(at(NOW - 10));
    for bad in [
        made.clone().without("jti"),
        made.clone().claim("htm", "PUT"),
        made.clone().access_token("another"),
        made.clone()
            .signed_by(&SigningKey::generate(Algorithm::EdDSA)),
    ] {
        assert!(stage.judge(&bad.sign()).is_some());
    }
    assert_eq!(told.load(Ordering::Relaxed), 0);
    assert_eq!(stage.judge(&made.sign()), None);
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

#[test]
fn several_services_can_share_one_store() {
    let store = Arc::new(InMemoryReplays::new());
    let one = Stage::with(Algorithm::EdDSA, |dpop| dpop.replays(Arc::clone(&store)));
    let other = Stage::with(Algorithm::EdDSA, |dpop| dpop.replays(Arc::clone(&store)));
    let proof = one.proof().sign();
    let request = get(&proof);
    assert_eq!(one.judge(&proof), None);
    let outcome = other
        .checks
        .check(&Presented::of(&request), TOKEN, &one.binding(), at(NOW));
    let ProofOutcome::Now(outcome) = outcome else {
        panic!("nobody has to be asked")
    };
    assert_eq!(refused(outcome), ProofErrorKind::Replayed);
    assert_eq!(store.size(), 1);
}

#[test]
fn of_a_thousand_requests_with_one_proof_exactly_one_passes() {
    let stage = Stage::with(Algorithm::EdDSA, |dpop| dpop);
    let request = get(&stage.proof().sign());
    let passed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..50 {
                    match stage.refused(&request, NOW) {
                        None => _ = passed.fetch_add(1, Ordering::Relaxed),
                        Some(kind) => assert_eq!(kind, ProofErrorKind::Replayed),
                    }
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 1);
}
