//! Strangers who make up keys cost next to nothing.

use tokio::time::Instant;

use super::*;

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
async fn an_absent_key_is_remembered_for_thirty_seconds_or_until_the_set_changes() {
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
