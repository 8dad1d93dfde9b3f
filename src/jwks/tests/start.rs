//! How it begins and how it ends.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use tokio::runtime::Builder;
use tokio::time::Instant;

use super::*;
use crate::observe::{Event, Observer};

fn seed(key_ids: &[&str]) -> Option<KeySet> {
    let keys: Vec<_> = key_ids
        .iter()
        .map(|key_id| ((*key_id).into(), FIRST))
        .collect();
    Some(KeySet::from_json(key_set(&keys).as_bytes()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn nothing_is_downloaded_until_somebody_asks() {
    let provider = Provider::new(&["a"]);
    let remote = provider.remote();
    sleep(HOUR).await;
    assert_eq!(provider.conduct().log.len(), 0);
    let health = remote.health();
    assert!(!health.is_ready() && health.next_refresh().is_none() && health.last_error().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_start_in_the_background_needs_no_request() {
    let provider = Provider::new(&["a"]);
    let remote = provider.remote();
    remote.start();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
    assert_eq!(remote.health().budget(), 2);
}

#[tokio::test(start_paused = true)]
async fn warming_up_waits_for_an_issuer_that_comes_late_but_not_beyond_its_deadline() {
    let provider = Provider::new(&["a"]);
    provider.conduct().down = true;
    let remote = provider.remote();
    let begun = Instant::now();
    let unavailable = remote.warm(Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    assert!(std::error::Error::source(&unavailable).is_some());

    let late = provider.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(60)).await;
        late.conduct().down = false;
    });
    remote.warm(Duration::MAX).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10 + 60 + 300));
    remote.warm(Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_seed_serves_at_once_and_gives_way_to_the_issuer() {
    let provider = Provider::new(&["b"]);
    let mut config = provider.config();
    config.seed = seed(&["a"]);
    let remote = RemoteKeys::new(config);
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(at_once(&remote, "b"), Some(Told::Known));
    assert_eq!(told(&remote, "a").await, Told::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_seed_is_stale_after_a_day_like_any_other_keys() {
    let provider = Provider::new(&["a"]);
    provider.conduct().down = true;
    let mut config = provider.config();
    config.seed = seed(&["a"]);
    let remote = RemoteKeys::new(config);
    sleep(HOUR * 24 - Duration::from_secs(1)).await;
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
    assert_eq!(
        told(&remote, "b").await,
        Told::CannotTell,
        "a seed proves no absence"
    );
    sleep(Duration::from_secs(1)).await;
    assert_eq!(told(&remote, "a").await, Told::CannotTell);
}

#[tokio::test(start_paused = true)]
async fn with_the_last_handle_ends_the_task() {
    for busy in [false, true] {
        let provider = Provider::new(&["a"]);
        let remote = provider.warmed().await;
        provider.conduct().hangs = busy;
        drop(remote.look_up(Some("b"), Algorithm::EdDSA));
        sleep(Duration::from_millis(10)).await;
        let other = remote.clone();
        drop(remote);
        sleep(Duration::from_millis(10)).await;
        assert!(Arc::strong_count(&provider.0) > 1);
        drop(other);
        sleep(Duration::from_millis(10)).await;
        assert_eq!(Arc::strong_count(&provider.0), 1, "busy: {busy}");
        assert_eq!(
            tokio::runtime::Handle::current()
                .metrics()
                .num_alive_tasks(),
            0
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_issuers_do_not_refresh_in_step() {
    let providers: Vec<_> = (0..1000).map(|_| Provider::new(&["a"])).collect();
    let remotes: Vec<_> = providers.iter().map(Provider::remote).collect();
    for remote in &remotes {
        remote.start();
    }
    sleep(Duration::from_secs(1)).await;
    let total = || providers.iter().map(Provider::downloads).sum::<usize>();
    assert_eq!(total(), 1000);
    let mut most = 0;
    for _ in 0..599 {
        let before = total();
        sleep(Duration::from_secs(1)).await;
        most = most.max(total() - before);
    }
    assert!(total() >= 2000);
    assert!(most < 50, "{most} in one second");
}

#[test]
fn outside_a_runtime_known_keys_are_served_and_nothing_else_is_promised() {
    let provider = Provider::new(&["a"]);
    let mut config = provider.config();
    config.seed = seed(&["a"]);
    let remote = RemoteKeys::new(config);
    remote.start();
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
    assert_eq!(at_once(&remote, "b"), Some(Told::CannotTell));
    assert_eq!(remote.health().budget(), 2);
}

#[test]
fn when_its_runtime_is_gone_the_task_moves_to_the_next() {
    let runtime = || {
        Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let provider = Provider::new(&["a"]);
    let remote = provider.remote();
    runtime().block_on(async {
        assert_eq!(told(&remote, "a").await, Told::Known);
        provider.conduct().hangs = true;
        drop(remote.look_up(Some("b"), Algorithm::EdDSA));
        sleep(Duration::from_secs(1)).await;
    });
    provider.conduct().hangs = false;
    provider.publish(&["a", "b"]);
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
    runtime().block_on(async {
        assert_eq!(at_once(&remote, "a"), Some(Told::Known));
        assert_eq!(told(&remote, "b").await, Told::Known);
    });
}

#[test]
fn a_runtime_that_stands_still_is_given_up() {
    let runtime = || {
        Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let provider = Provider::new(&["a"]);
    let remote = provider.remote();
    let still = runtime();
    still.block_on(async { drop(remote.look_up(Some("a"), Algorithm::EdDSA)) });
    runtime().block_on(async {
        // Its own task has not been polled once; the flight is over when its time is.
        assert_eq!(told(&remote, "a").await, Told::CannotTell);
        sleep(Duration::from_secs(20)).await;
        assert_eq!(told(&remote, "a").await, Told::Known);
        still.shutdown_background();
        assert_eq!(
            remote.shared().driver.load(Ordering::Acquire),
            2,
            "the first is nobody's loss"
        );
    });
}

/// A runtime that only warmed up took all refreshing with it.
#[test]
fn a_runtime_that_only_warmed_up_is_not_relied_on() {
    let runtime = || {
        Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let provider = Provider::new(&["a"]);
    let remote = provider.remote();
    let first = runtime();
    first.block_on(async { remote.warm(HOUR).await.unwrap() });
    runtime().block_on(async {
        provider.publish(&["b"]);
        sleep(HOUR).await;
        assert_eq!(
            at_once(&remote, "a"),
            Some(Told::Known),
            "the old keys, once"
        );
        sleep(Duration::from_secs(1)).await;
        assert_eq!(at_once(&remote, "b"), Some(Told::Known));
        assert_eq!(provider.downloads(), 2);
        sleep(HOUR * 20).await;
        assert!(provider.downloads() > 100);
    });
    drop(first);
}

/// Nothing but a request brought a driver back, and an instance that is not ready gets none.
#[tokio::test(start_paused = true)]
async fn to_ask_whether_it_is_ready_begins_what_makes_it_so() {
    let provider = Provider::new(&["a"]);
    let remote = provider.remote();
    assert!(!remote.is_ready());
    sleep(Duration::from_secs(1)).await;
    assert!(remote.is_ready());
    let other = provider.remote();
    assert!(!other.health().is_ready());
    sleep(Duration::from_secs(1)).await;
    assert!(other.health().is_ready());
}

/// A validator outlived the set it was for: a flight that was given up had left it behind.
#[test]
fn a_flight_given_up_leaves_no_validator_of_a_set_that_is_not_served() {
    let runtime = || {
        Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let provider = Provider::new(&["a"]);
    provider.conduct().etag = Some("\"1\"".into());
    let remote = provider.remote();
    let still = runtime();
    still.block_on(async {
        remote.warm(HOUR).await.unwrap();
        provider.conduct().etag = Some("\"2\"".into());
        provider.conduct().delay = Duration::from_secs(1);
        provider.publish(&["b"]);
        drop(remote.look_up(Some("b"), Algorithm::EdDSA));
        sleep(Duration::from_millis(500)).await;
    });
    runtime().block_on(async {
        sleep(Duration::from_secs(20)).await;
        let waiting = remote.look_up(Some("b"), Algorithm::EdDSA);
        let sent = provider.conduct().log.len();
        // The first goes on, too late.
        std::thread::scope(|scope| {
            let still = scope.spawn(|| still.block_on(async { sleep(HOUR).await }));
            still.join().unwrap();
        });
        assert_eq!(settle(waiting).await, Told::Known);
        let log = provider.conduct().log.clone();
        assert_eq!(
            log.get(sent..)
                .unwrap()
                .iter()
                .map(|(_, etag)| etag.as_deref())
                .collect::<Vec<_>>(),
            [None, Some("\"1\"")],
            "discovery, then the set that is served"
        );
    });
}

/// `start` in an observer, on a runtime that is shut down, waited for a lock that its own caller held.
#[test]
fn an_observer_may_start_again_on_a_runtime_that_is_gone() {
    let provider = Provider::new(&["a"]);
    let cell: Arc<OnceLock<RemoteKeys>> = Arc::default();
    let own = Arc::clone(&cell);
    let mut config = provider.config();
    let observer = move |_: &Event<'_>| own.get().unwrap().start();
    config.observers = Observers::new(vec![Arc::new(observer) as Arc<dyn Observer>]);
    let remote = RemoteKeys::new(config);
    cell.set(remote.clone()).unwrap();
    let gone = Builder::new_current_thread().enable_time().build().unwrap();
    let handle = gone.handle().clone();
    drop(gone);
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _entered = handle.enter();
        remote.start();
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(10)).unwrap();
}
