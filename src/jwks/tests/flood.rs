//! Strangers who make up keys cost next to nothing.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio::time::Instant;

use super::*;
use crate::clock::NumericDate;

#[tokio::test(start_paused = true)]
async fn ten_thousand_made_up_keys_in_thirty_seconds_cause_at_most_three_downloads() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    let before = provider.downloads();
    for number in 0..10_000 {
        assert_eq!(
            told(&remote, &format!("made up {number}")).await,
            Told::Unknown
        );
        assert_eq!(at_once(&remote, "a"), Some(Told::Known));
        sleep(Duration::from_millis(3)).await;
    }
    let caused = provider.downloads() - before;
    assert!((2..=3).contains(&caused), "{caused}");
}

#[tokio::test(start_paused = true)]
async fn without_budget_nobody_waits() {
    let provider = Provider::new(&["a"]);
    provider.conduct().delay = Duration::from_secs(1);
    let remote = provider.warmed().await;
    assert_eq!(told(&remote, "one").await, Told::Unknown);
    assert_eq!(told(&remote, "two").await, Told::Unknown);
    assert_eq!(at_once(&remote, "three"), Some(Told::Unknown));
    assert_eq!(remote.health().budget(), 0);

    // The same when the last refresh failed is 503, and it says when to come back.
    provider.conduct().down = true;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(told(&remote, "four").await, Told::CannotTell);
    match remote.look_up(Some("five"), Algorithm::EdDSA) {
        LookUp::Unavailable(unavailable) => {
            assert!(unavailable.retry_after() <= Duration::from_secs(30));
            assert!(std::error::Error::source(&unavailable).is_some());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
}

#[tokio::test(start_paused = true)]
async fn an_absent_key_is_remembered_for_thirty_seconds_or_until_a_set_holds_it() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    assert_eq!(told(&remote, "b").await, Told::Unknown);
    let begun = Instant::now();
    for _ in 0..29 {
        assert_eq!(at_once(&remote, "b"), Some(Told::Unknown));
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(provider.downloads(), 2);
    assert_eq!(remote.health().budget(), 1);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    assert_eq!(told(&remote, "b").await, Told::Unknown);
    assert_eq!(provider.downloads(), 3);

    provider.publish(&["a", "b", "c"]);
    assert_eq!(at_once(&remote, "b"), Some(Told::Unknown), "remembered");
    assert_eq!(told(&remote, "c").await, Told::Known);
    assert_eq!(at_once(&remote, "b"), Some(Told::Known));

    provider.publish(&["a"]);
    assert_eq!(told(&remote, "d").await, Told::Unknown);
    assert_eq!(at_once(&remote, "d"), Some(Told::Unknown));
    provider.publish(&["a", "e"]);
    sleep(Duration::from_secs(31)).await;
    assert_eq!(told(&remote, "f").await, Told::Unknown);
    assert_eq!(at_once(&remote, "e"), Some(Told::Known));
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_spends_the_budget_delays_a_new_key_by_half_a_minute_at_most() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    for number in 0..300 {
        told(&remote, &format!("made up {number}")).await;
        if number == 100 {
            provider.publish(&["a", "b"]);
        }
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(at_once(&remote, "b"), Some(Told::Known));
}

/// A changed set cleared the memory, so that one made-up key spent the budget anew at each rotation.
#[tokio::test(start_paused = true)]
async fn one_made_up_key_costs_one_download_however_often_the_keys_change() {
    let provider = Provider::new(&["0"]);
    let remote = provider.warmed().await;
    for round in 1..=20 {
        assert_eq!(told(&remote, "made up").await, Told::Unknown);
        let key_id = round.to_string();
        provider.publish(&[&key_id]);
        assert_eq!(told(&remote, &key_id).await, Told::Known);
        assert_eq!(remote.health().budget(), 1);
    }
    assert_eq!(provider.downloads(), 1 + 1 + 20);
}

/// Beyond the keys that a flight counts, a key found did not give back what was paid for it.
#[tokio::test(start_paused = true)]
async fn a_key_found_among_very_many_made_up_ones_costs_no_budget() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    provider.conduct().delay = Duration::from_secs(1);
    provider.publish(&["b"]);
    for number in 0..1100 {
        drop(remote.look_up(Some(&number.to_string()), Algorithm::EdDSA));
    }
    let twice = tokio::join!(told(&remote, "b"), told(&remote, "b"));
    assert_eq!(twice, (Told::Known, Told::Known));
    assert_eq!(remote.health().budget(), 2);
}

/// A key whose own time was over was refused without a look at the issuer, and stood in the way of others.
#[tokio::test(start_paused = true)]
async fn a_key_whose_time_is_over_is_looked_for_like_any_other_and_within_the_same_budget() {
    let now = Arc::new(AtomicI64::new(1_000));
    let clock = Arc::clone(&now);
    let key = |key_id: &str, x: &str, member: &str| {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{key_id}","x":"{x}"{member}}}"#)
    };
    let provider = Provider::new(&[]);
    let (old, new) = (key("old", FIRST, r#","exp":2000"#), key("new", SECOND, ""));
    provider.conduct().document = Some(format!(r#"{{"keys":[{old},{new}]}}"#));
    let mut config = provider.config();
    config.clock = Arc::new(move || NumericDate::from_seconds(clock.load(Ordering::Relaxed)));
    let remote = RemoteKeys::new(config);
    assert_eq!(told(&remote, "old").await, Told::Known);
    assert_eq!(provider.downloads(), 1);

    now.store(2_000, Ordering::Relaxed);
    for _ in 0..100 {
        assert_eq!(told(&remote, "old").await, Told::Unknown);
    }
    assert_eq!(provider.downloads(), 2);
    assert_eq!(at_once(&remote, "new"), Some(Told::Known));

    let longer = key("old", FIRST, r#","exp":3000"#);
    provider.conduct().document = Some(format!(r#"{{"keys":[{longer},{new}]}}"#));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(told(&remote, "old").await, Told::Known);
}
