//! A proof is good once: whoever sends it again, as often and as fast as they like, and whatever becomes of the store.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tower_bearer::Algorithm;
use tower_bearer::Rejection;
use tower_bearer::UnavailableKind;
use tower_bearer::dpop::{
    Dpop, InMemoryReplays, ProofErrorKind, ProofUse, Replay, ReplayError, ReplayErrorKind,
    ReplayStore,
};
use tower_bearer::testing::SigningKey;

use crate::support::{Answer, Stage};
use crate::{INVALID_PROOF, Scene, URL, get};

/// A store of one answer.
struct Says<F>(F);

impl<F: Fn() -> Replay + Send + Sync + 'static> ReplayStore for Says<F> {
    fn record(&self, _: &ProofUse) -> Replay {
        (self.0)()
    }
}

async fn saying(answer: impl Fn() -> Replay + Send + Sync + 'static) -> Scene {
    Scene::with(Dpop::accept(URL).replays(Says(answer))).await
}

/// It cannot be told whether the proof is new: 503, to be tried again in a second.
#[track_caller]
pub(crate) fn unknown(row: &str, answer: &Answer) {
    answer.unavailable(row);
    assert_eq!(answer.header("retry-after").as_deref(), Some("1"), "{row}");
    match answer.0.extensions().get::<Rejection>() {
        Some(Rejection::Unavailable(error)) => {
            assert_eq!(error.kind(), UnavailableKind::Replays, "{row}");
            let said = format!(
                "{error} {}",
                std::error::Error::source(error).expect("a cause")
            );
            assert!(!said.is_empty());
        }
        other => panic!("{row}: {other:?}"),
    }
}

/// How many of a thousand requests at once with one proof pass; all others are refused as replays.
async fn passed(scene: Scene, token: String, proof: String) -> usize {
    let scene = Arc::new(scene);
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let (scene, token, proof) = (Arc::clone(&scene), token.clone(), proof.clone());
            tokio::spawn(async move {
                let answer = scene.send(&token, &proof).await;
                if answer.status() == 200 {
                    return true;
                }
                answer.refused_proof("again", ProofErrorKind::Replayed, INVALID_PROOF);
                false
            })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        passed += usize::from(task.await.expect("no panic"));
    }
    passed
}

#[tokio::test]
async fn a_proof_that_was_used_is_refused() {
    let scene = Scene::new().await;
    let token = scene.token();
    let proof = scene.proof(&token).sign();
    scene.send(&token, &proof).await.accepted("once");
    for row in ["twice", "three times"] {
        let answer = scene.send(&token, &proof).await;
        answer.refused_proof(row, ProofErrorKind::Replayed, INVALID_PROOF);
    }
    // The same `jti` in another proof for the same URI is the same proof; for another URI it is another.
    let again = |uri| scene.proof_of("GET", uri, &token).proof_id("one").sign();
    let uri = "https://api.test/orders";
    scene.send(&token, &again(uri)).await.accepted("one");
    let answer = scene.send(&token, &again(uri)).await;
    answer.refused_proof("one again", ProofErrorKind::Replayed, INVALID_PROOF);
    assert_eq!(scene.stage.auth.health().used_proofs(), Some(2));
    scene.stage.clock.advance(Duration::from_secs(61));
    let answer = scene.send(&token, &proof).await;
    assert_eq!(answer.status(), 401, "by then it is too old");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_requests_at_once_with_one_proof_exactly_one_passes() {
    let scene = Scene::new().await;
    let token = scene.token();
    let proof = scene.proof(&token).sign();
    assert_eq!(passed(scene, token, proof).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_that_wait_for_the_same_keys_exactly_one_passes() {
    let stage = Stage::beside(None, |_| (), |builder| builder.dpop(Dpop::accept(URL)));
    let key = SigningKey::generate(Algorithm::EdDSA);
    let scene = Scene { stage, key };
    let token = scene.token();
    let proof = scene.proof(&token).sign();
    assert_eq!(passed(scene, token, proof).await, 1);
}

#[tokio::test]
async fn servers_that_share_a_store_accept_a_proof_once_among_them() {
    let store = Arc::new(InMemoryReplays::new());
    let one = Scene::with(Dpop::accept(URL).replays(Arc::clone(&store))).await;
    let other = one.with_another_server(Dpop::accept(URL).replays(store));
    let token = one.token();
    let proof = one.proof(&token).sign();
    one.send(&token, &proof).await.accepted("at one");
    let answer = other.send(&token, &proof).await;
    answer.refused_proof("at the other", ProofErrorKind::Replayed, INVALID_PROOF);

    let apart = one.with_another_server(Dpop::accept(URL));
    apart
        .send(&token, &proof)
        .await
        .accepted("with a store of its own");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_or_hangs_or_is_full_lets_nothing_pass() {
    let gone = || Replay::Unknown(ReplayError::new("connection refused"));
    let full = || Replay::Unknown(ReplayErrorKind::Full.into());
    for (row, scene) in [
        ("fails at once", saying(gone).await),
        ("is full", saying(full).await),
        (
            "fails later",
            saying(move || Replay::asks(async move { gone() })).await,
        ),
        ("hangs", saying(|| Replay::asks(pending())).await),
    ] {
        let token = scene.token();
        let begun = tokio::time::Instant::now();
        let answer = scene.send(&token, &scene.proof(&token).sign()).await;
        unknown(row, &answer);
        assert!(begun.elapsed() <= Duration::from_millis(500), "{row}");
        // What needs no proof goes on.
        scene.stage.accept(row, &scene.stage.token().sign()).await;
    }
}

#[tokio::test]
async fn a_store_that_is_asked_decides() {
    let fresh = saying(|| Replay::asks(async { Replay::Fresh })).await;
    let token = fresh.token();
    fresh
        .send(&token, &fresh.proof(&token).sign())
        .await
        .accepted("fresh");
    assert_eq!(fresh.stage.auth.health().used_proofs(), None);
    for (row, many) in [("replayed", false), ("too many", true)] {
        let scene = saying(move || {
            Replay::asks(async move {
                if many {
                    Replay::TooMany
                } else {
                    Replay::Replayed
                }
            })
        })
        .await;
        let token = scene.token();
        let kind = if many {
            ProofErrorKind::TooMany
        } else {
            ProofErrorKind::Replayed
        };
        let answer = scene.send(&token, &scene.proof(&token).sign()).await;
        answer.refused_proof(row, kind, INVALID_PROOF);
    }
}

#[tokio::test]
async fn a_key_that_floods_the_store_is_refused_and_others_go_on() {
    let store = InMemoryReplays::new().max_proofs_per_key(3);
    let scene = Scene::with(Dpop::accept(URL).replays(store)).await;
    let token = scene.token();
    for row in ["one", "two", "three"] {
        scene.still_accepts(row, &token).await;
    }
    let answer = scene.send(&token, &scene.proof(&token).sign()).await;
    answer.refused_proof("four", ProofErrorKind::TooMany, INVALID_PROOF);
    let other = Scene {
        key: SigningKey::generate(Algorithm::EdDSA),
        stage: scene.stage,
    };
    other.still_accepts("another key", &other.token()).await;
    // And so does the first, once its proofs are over.
    let scene = Scene {
        key: SigningKey::generate(Algorithm::EdDSA),
        stage: other.stage,
    };
    let token = scene.token();
    for _ in 0..3 {
        scene.still_accepts("new", &token).await;
    }
    scene.stage.clock.advance(Duration::from_secs(63));
    scene.still_accepts("a minute later", &token).await;
}

#[tokio::test]
async fn a_request_that_is_refused_for_its_token_uses_no_proof() {
    let scene = Scene::new().await;
    let token = scene.token();
    let proof = scene.proof(&token).sign();
    for bad in [
        scene
            .stage
            .token()
            .bound_to(&scene.key)
            .audience("https://other.test")
            .sign(),
        scene
            .stage
            .token()
            .bound_to(&scene.key)
            .expires_at(crate::at(1))
            .sign(),
    ] {
        let answer = scene
            .stage
            .call(get(&bad, &[&scene.proof(&bad).sign()]))
            .await;
        assert_eq!(answer.status(), 401);
    }
    assert_eq!(scene.stage.auth.health().used_proofs(), Some(0));
    scene.send(&token, &proof).await.accepted("the good one");
    assert_eq!(scene.stage.auth.health().used_proofs(), Some(1));
}
