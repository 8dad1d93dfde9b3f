//! An issuer that is down, slow, lying or silent.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use super::*;
use crate::observe::{Event, Observer};

#[tokio::test(start_paused = true)]
async fn an_issuer_that_takes_three_seconds_for_every_answer_fails_nobody() {
    let provider = Provider::new(&["a"]);
    provider.conduct().delay = Duration::from_secs(3);
    let remote = provider.remote();
    let begun = Instant::now();
    assert_eq!(told(&remote, "a").await, Told::Known);
    assert_eq!(begun.elapsed(), Duration::from_secs(6));

    // Even when the first path of discovery holds nothing, which takes three steps.
    let provider = Provider::new(&["a"]);
    provider.conduct().delay = Duration::from_secs(3);
    provider
        .conduct()
        .statuses
        .push(("/.well-known/openid-configuration", 404));
    assert_eq!(told(&provider.remote(), "a").await, Told::Known);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_never_answers_is_waited_for_five_seconds() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    provider.conduct().hangs = true;
    for round in 0..10 {
        let begun = Instant::now();
        assert_eq!(
            told(&remote, &format!("made up {round}")).await,
            Told::CannotTell
        );
        assert!(
            begun.elapsed() <= Duration::from_millis(5001),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(at_once(&remote, "a"), Some(Told::Known));
    }
    let cold = provider.remote();
    let begun = Instant::now();
    assert_eq!(told(&cold, "a").await, Told::CannotTell);
    assert!(
        begun.elapsed() <= Duration::from_millis(5001),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_a_hanging_download_late_waits_no_longer_than_its_end() {
    let provider = Provider::new(&["a"]);
    provider.conduct().hangs = true;
    let remote = provider.remote();
    drop(remote.look_up(Some("a"), Algorithm::EdDSA));
    sleep(Duration::from_secs(4)).await;
    let begun = Instant::now();
    assert_eq!(told(&remote, "a").await, Told::CannotTell);
    assert!(
        begun.elapsed() <= Duration::from_millis(1001),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn known_keys_outlive_their_issuer_by_a_day_and_the_rest_is_cannot_tell() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    provider.conduct().down = true;
    sleep(HOUR * 24).await;
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
    assert_eq!(told(&remote, "b").await, Told::CannotTell);
    assert!(remote.is_ready());
    sleep(Duration::from_secs(601)).await;
    assert_eq!(told(&remote, "a").await, Told::CannotTell);
    assert!(!remote.is_ready());
    assert_eq!(remote.health().stale_left(), Duration::ZERO);

    provider.conduct().down = false;
    sleep(Duration::from_secs(300)).await;
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_no_key_set_is_a_failed_refresh_and_the_old_keys_stay() {
    for document in [
        "",
        "<html>sign in</html>",
        "{\"keys\":[{\"kty\":\"OKP\"",
        "{\"keys\":[]}",
        "{\"keys\":{}}",
        "[]",
        "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"c2VjcmV0\"}]}",
    ] {
        let provider = Provider::new(&["a"]);
        let remote = provider.warmed().await;
        provider.conduct().document = Some(document.into());
        assert_eq!(told(&remote, "b").await, Told::CannotTell, "{document}");
        assert_eq!(at_once(&remote, "a"), Some(Told::Known), "{document}");
        let health = remote.health();
        assert!(
            health.last_error().is_some() && health.failures() > 0,
            "{document}"
        );
    }
    for status in [204, 206, 301, 302, 401, 404, 500, 503] {
        let provider = Provider::new(&["a"]);
        let remote = provider.warmed().await;
        provider.conduct().statuses.push(("/jwks", status));
        assert_eq!(told(&remote, "b").await, Told::CannotTell, "{status}");
        assert_eq!(at_once(&remote, "a"), Some(Told::Known), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_beyond_the_limit_is_not_even_looked_at() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    let document = key_set(&[("b".into(), FIRST)]);
    provider.conduct().document = Some(document + &" ".repeat(512 * 1024));
    assert_eq!(told(&remote, "b").await, Told::CannotTell);
}

#[tokio::test(start_paused = true)]
async fn attempts_thin_out_during_an_outage_and_it_ends_by_itself() {
    let provider = Provider::new(&["a"]);
    provider.conduct().down = true;
    let remote = provider.remote();
    remote.start();
    sleep(HOUR).await;
    let attempts = provider.conduct().log.len();
    // Full jitter: half of each pause on average; nine pauses up to five minutes, then some two dozen of those.
    assert!((15..=80).contains(&attempts), "{attempts}");
    assert!(!remote.is_ready());

    provider.conduct().down = false;
    sleep(Duration::from_secs(300)).await;
    assert!(remote.is_ready());
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
    assert_eq!(remote.health().failures(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_may_find_out_that_the_outage_is_over_before_the_schedule_does() {
    let provider = Provider::new(&["a"]);
    provider.conduct().down = true;
    let mut config = provider.config();
    config.lifetimes.backoff_first = HOUR;
    config.lifetimes.backoff_most = HOUR;
    let remote = RemoteKeys::new(config);
    assert_eq!(told(&remote, "a").await, Told::CannotTell);
    provider.conduct().down = false;
    assert_eq!(told(&remote, "a").await, Told::Known);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_is_an_outage_and_not_the_end() {
    let calls = Arc::new(AtomicUsize::new(0));
    let provider = Provider::new(&["a"]);
    let mut config = provider.config();
    let sane = Arc::clone(&config.fetch);
    let counted = Arc::clone(&calls);
    config.fetch = Arc::new(move |request: Request<Vec<u8>>, limits: FetchLimits| {
        assert_ne!(
            counted.fetch_add(1, Ordering::Relaxed),
            0,
            "panics once, on purpose"
        );
        sane.fetch(request, limits)
    });
    let remote = RemoteKeys::new(config);
    assert_eq!(told(&remote, "a").await, Told::CannotTell);
    assert_eq!(told(&remote, "a").await, Told::Known);
}

#[tokio::test(start_paused = true)]
async fn every_download_is_told_to_those_who_watch() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    let observer = move |event: &Event<'_>| {
        let line = match event {
            Event::KeysRefreshed {
                usable,
                skipped,
                changed,
                ..
            } => {
                format!("refreshed {usable} {skipped} {changed}")
            }
            Event::RefreshFailed { serving, .. } => format!("failed {serving}"),
            Event::KeySkipped { reason, .. } => format!("skipped {reason}"),
            other => other.code().into(),
        };
        log.lock().unwrap().push(line);
    };
    let provider = Provider::new(&["a"]);
    let odd = r#","use":"enc"},"#;
    let document = key_set(&[("b".into(), FIRST), ("a".into(), FIRST)]).replacen("},", odd, 1);
    provider.conduct().document = Some(document);
    provider.conduct().down = true;
    let mut config = provider.config();
    config.observers = Observers::new(vec![Arc::new(observer) as Arc<dyn Observer>]);
    let remote = RemoteKeys::new(config);

    told(&remote, "a").await;
    provider.conduct().down = false;
    told(&remote, "a").await;
    told(&remote, "made up").await;
    sleep(Duration::from_secs(30)).await;
    provider.conduct().down = true;
    told(&remote, "made up as well").await;
    assert_eq!(
        *seen.lock().unwrap(),
        [
            "failed false",
            "refreshed 1 1 true",
            "skipped not_for_signatures",
            "refreshed 1 1 false",
            "failed true"
        ]
    );
}

/// One panic ended all refreshing until a request came.
#[tokio::test(start_paused = true)]
async fn a_panic_of_a_fetch_or_an_observer_does_not_stop_the_refreshing() {
    let provider = Provider::new(&["a"]);
    let mut config = provider.config();
    let sane = Arc::clone(&config.fetch);
    let calls = AtomicUsize::new(0);
    config.fetch = Arc::new(move |request: Request<Vec<u8>>, limits: FetchLimits| {
        let panics = calls.fetch_add(1, Ordering::Relaxed) < 3;
        let answer = sane.fetch(request, limits);
        async move {
            assert!(!panics, "panics on purpose");
            answer.await
        }
    });
    let observer = |_: &Event<'_>| -> () { panic!("panics on purpose") };
    config.observers = Observers::new(vec![Arc::new(observer) as Arc<dyn Observer>]);
    let remote = RemoteKeys::new(config);
    remote.start();
    sleep(HOUR).await;
    assert_eq!(remote.shared().driver.load(Ordering::Relaxed), 1);
    assert_eq!(remote.health().failures(), 0);
    assert!(provider.downloads() > 4);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_ten_seconds_however_slow_the_issuer() {
    let provider = Provider::new(&["a"]);
    let path = "/.well-known/openid-configuration";
    provider.conduct().statuses.push((path, 404));
    provider.conduct().delay = Duration::from_millis(4900);
    let remote = provider.remote();
    let begun = Instant::now();
    assert_eq!(told(&remote, "a").await, Told::CannotTell);
    assert!(
        begun.elapsed() <= Duration::from_millis(10_001),
        "{:?}",
        begun.elapsed()
    );
    sleep(Duration::from_secs(5)).await;
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
}
