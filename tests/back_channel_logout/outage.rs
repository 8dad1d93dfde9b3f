//! What happens where nobody can be logged out: keys that cannot be had, a store that fails.

use std::future::pending;
use std::time::Duration;

use tower_bearer::revocation::{
    InMemoryRevocations, Revocation, RevocationCheck, RevocationError, RevocationStore, Standing,
    StoreFuture, TokenFacts,
};
use tower_bearer::testing::{Behaviour, Endpoint, TestClock};
use tower_bearer::{Algorithm, NumericDate};

use crate::stage::{NOW, Stage};

#[tokio::test]
async fn a_key_published_a_moment_ago_is_fetched_once() {
    let stage = Stage::new();
    stage.auth.warm().await.unwrap();
    let before = stage.issuer.downloads().key_set;
    stage.issuer.rotate();
    let token = stage.logout_token().sign();
    stage.send(&token).await.logged_out();
    stage.send(&token).await.logged_out();
    assert_eq!(stage.issuer.downloads().key_set, before + 1);
}

/// In the budget that access tokens have, and not in one beside it.
#[tokio::test]
async fn a_flood_of_unknown_keys_costs_a_fixed_number_of_downloads() {
    let stage = Stage::new();
    stage.auth.warm().await.unwrap();
    let before = stage.issuer.downloads().key_set;
    for number in 0..50 {
        let key_id = format!("made-up-{number}");
        let token = stage.logout_token().key_id(&key_id).sign();
        stage
            .send(&token)
            .await
            .refused("an unknown key", "key_unknown");
        let access = stage.token().key_id(format!("{key_id}-too")).sign();
        assert_eq!(
            stage.auth.verify(&access).await.unwrap_err().code(),
            "key_unknown"
        );
    }
    let downloads = stage.issuer.downloads().key_set - before;
    assert!(downloads <= 2, "{downloads}");
    stage.send(&stage.logout_token().sign()).await.logged_out();
}

#[tokio::test]
async fn what_can_be_refused_without_a_key_starts_no_download() {
    let stage = Stage::new();
    for token in [
        stage.logout_token().audience("another-shop"),
        stage.logout_token().without("events"),
        stage.logout_token().expired(),
        stage.token(),
        stage.logout_token().issuer("https://evil.test"),
    ] {
        let answer = stage.send(&token.sign()).await;
        assert_eq!(answer.0.status(), 400);
    }
    assert_eq!(stage.issuer.total_requests(), 0);
}

#[tokio::test]
async fn while_keys_cannot_be_had_it_is_said_that_nobody_can_tell() {
    let stage = Stage::new();
    stage.issuer.behave(Behaviour::Down);
    stage
        .send(&stage.logout_token().sign())
        .await
        .undecided("keys_unavailable");
    assert_eq!(stage.revocations().await, 0);
    let told = stage.told();
    assert!(
        told.len() == 1 && told[0].starts_with("keys_unavailable"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_token_whose_time_is_over_when_its_key_comes_logs_nobody_out() {
    let stage = Stage::new();
    stage.issuer.behave(Behaviour::Held);
    let token = stage.logout_token().expires_in(Duration::from_secs(3));
    let token = token.sign();
    let (answer, ()) = tokio::join!(stage.send(&token), async {
        stage.issuer.until_requests(Endpoint::Discovery, 1).await;
        stage.clock.advance(Duration::from_secs(4));
        stage.issuer.behave(Behaviour::Normal);
    });
    answer.refused("over by now", "expired");
    assert_eq!(stage.revocations().await, 0);
}

/// A signature under a key that the issuer has taken back.
#[tokio::test]
async fn a_withdrawn_key_logs_nobody_out() {
    let stage = Stage::new();
    let token = stage.logout_token().sign();
    stage.issuer.rotate_dropping();
    stage
        .send(&token)
        .await
        .refused("a withdrawn key", "key_unknown");
}

#[tokio::test]
async fn a_provider_that_changes_a_key_under_its_name_may_log_out_where_that_was_asked_for() {
    let stage = Stage::with(|auth| auth.refresh_on_bad_signature(), |logout| logout);
    stage.send(&stage.logout_token().sign()).await.logged_out();
    stage.issuer.rotate_in_place();
    stage
        .send(&stage.logout_token().claim("sid", "s-2").sign())
        .await
        .logged_out();
    let forged = stage.logout_token().signed_by_stranger();
    stage
        .send(&forged.sign())
        .await
        .refused("a stranger's", "signature");
}

#[tokio::test]
async fn a_full_store_is_no_logout() {
    let clock = TestClock::new(NumericDate::from_seconds(NOW));
    let store = InMemoryRevocations::new()
        .clock(clock.clone())
        .max_entries(1);
    let stage = Stage::writing_to(store.clone(), store, clock, |auth| auth, |logout| logout);
    stage.send(&stage.logout_token().sign()).await.logged_out();
    let second = stage.logout_token().claim("sid", "s-2").sign();
    stage
        .send(&second)
        .await
        .undecided("revocations_unavailable");
    let told = stage.told();
    assert!(told[1].starts_with("revocations_unavailable"), "{told:?}");
    // What is revoked already needs no room.
    stage.send(&stage.logout_token().sign()).await.logged_out();
}

/// A store that reads nothing and takes in nothing, each in its own way.
enum Broken {
    Fails,
    Hangs,
    PanicsAtOnce,
    PanicsLater,
    /// The subject cannot be revoked, its session can.
    Half(std::sync::atomic::AtomicBool),
}

impl RevocationCheck for Broken {
    fn standing(&self, _: &TokenFacts<'_>) -> Standing {
        Standing::Unknown(RevocationError::new("on purpose"))
    }
}

impl RevocationStore for Broken {
    fn revoke(&self, _: Revocation) -> StoreFuture<()> {
        let fails = || Box::pin(async { Err(RevocationError::new("on purpose")) });
        match self {
            Self::Fails => fails(),
            Self::Hangs => Box::pin(pending()),
            Self::PanicsAtOnce => panic!("on purpose"),
            Self::PanicsLater => Box::pin(async { panic!("on purpose") }),
            Self::Half(first) if first.swap(false, std::sync::atomic::Ordering::Relaxed) => {
                Box::pin(async { Ok(()) })
            }
            Self::Half(_) => fails(),
        }
    }

    fn size(&self) -> StoreFuture<u64> {
        Box::pin(async { Ok(0) })
    }
}

fn with(store: Broken) -> Stage {
    let clock = TestClock::new(NumericDate::from_seconds(NOW));
    let asked = InMemoryRevocations::new().clock(clock.clone());
    Stage::writing_to(
        store,
        asked,
        clock,
        |auth| auth,
        |logout| logout.revoke_whole_subject(),
    )
}

#[tokio::test]
async fn a_store_that_fails_is_no_logout() {
    for store in [Broken::Fails, Broken::PanicsAtOnce, Broken::PanicsLater] {
        let stage = with(store);
        stage
            .send(&stage.logout_token().sign())
            .await
            .undecided("revocations_unavailable");
        assert_eq!(stage.told().len(), 1);
    }
}

#[tokio::test]
async fn half_a_logout_is_none() {
    let stage = with(Broken::Half(true.into()));
    stage
        .send(&stage.logout_token().sign())
        .await
        .undecided("revocations_unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_not_waited_for() {
    let stage = with(Broken::Hangs);
    stage.auth.warm().await.unwrap();
    let begun = tokio::time::Instant::now();
    stage
        .send(&stage.logout_token().sign())
        .await
        .undecided("revocations_unavailable");
    assert!(begun.elapsed() <= Duration::from_millis(5100));
}

/// The bound on signatures that are checked at once holds here, too.
#[tokio::test]
async fn a_good_token_passes_where_one_signature_may_be_checked_at_a_time() {
    let stage = Stage::with(
        |auth| auth.max_verifications(1).algorithms([Algorithm::EdDSA]),
        |logout| logout,
    );
    for _ in 0..3 {
        stage.send(&stage.logout_token().sign()).await.logged_out();
    }
}
