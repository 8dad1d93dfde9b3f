//! Keys come and go, and no request fails for it.

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_thousand_first_requests_share_one_discovery_and_one_download() {
    let provider = Provider::new(&["a"]);
    provider.conduct().delay = Duration::from_millis(100);
    let remote = provider.remote();
    let mut requests = JoinSet::new();
    for _ in 0..1000 {
        let remote = remote.clone();
        requests.spawn(async move { told(&remote, "a").await });
    }
    assert!(
        requests
            .join_all()
            .await
            .iter()
            .all(|told| *told == Told::Known)
    );
    assert_eq!((provider.discoveries(), provider.downloads()), (1, 1));
    assert_eq!(remote.health().budget(), 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_began_a_download_may_hang_up_and_the_others_are_served() {
    let provider = Provider::new(&["a"]);
    provider.conduct().delay = Duration::from_secs(1);
    let remote = provider.remote();
    let first = remote.look_up(Some("a"), Algorithm::EdDSA);
    let second = remote.look_up(Some("a"), Algorithm::EdDSA);
    drop(first);
    assert_eq!(settle(second).await, Told::Known);
    assert_eq!(provider.downloads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_download_that_everybody_hung_up_on_is_kept() {
    let provider = Provider::new(&["a"]);
    let remote = provider.remote();
    drop(remote.look_up(Some("a"), Algorithm::EdDSA));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(at_once(&remote, "a"), Some(Told::Known));
    assert_eq!((provider.downloads(), remote.health().budget()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn hanging_up_five_times_a_second_all_through_a_rotation_fails_nobody() {
    let provider = Provider::new(&["a"]);
    provider.conduct().delay = Duration::from_secs(1);
    let remote = provider.warmed().await;
    for round in 0..300 {
        drop(remote.look_up(Some("made up"), Algorithm::EdDSA));
        if round == 150 {
            provider.publish(&["a", "b"]);
            assert_eq!(told(&remote, "b").await, Told::Known);
        }
        assert_eq!(at_once(&remote, "a"), Some(Told::Known));
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_published_a_moment_ago_is_found_and_costs_no_budget() {
    let provider = Provider::new(&["0"]);
    let remote = provider.warmed().await;
    for round in 1..=20 {
        let key_id = round.to_string();
        provider.publish(&[&key_id]);
        assert_eq!(told(&remote, &key_id).await, Told::Known);
        assert_eq!(remote.health().budget(), 2);
    }
    assert_eq!((provider.discoveries(), provider.downloads()), (1, 21));
    assert_eq!(
        told(&remote, "19").await,
        Told::Unknown,
        "a withdrawn key is gone"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_published_while_a_set_was_on_its_way_is_found_in_the_next() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    provider.conduct().delay = Duration::from_secs(2);
    let stranger = remote.look_up(Some("made up"), Algorithm::EdDSA);
    sleep(Duration::from_secs(1)).await;
    provider.publish(&["a", "b"]);
    let (stranger, honest) = tokio::join!(settle(stranger), told(&remote, "b"));
    assert_eq!((stranger, honest), (Told::Unknown, Told::Known));
    assert_eq!(provider.downloads(), 3);
}

#[tokio::test(start_paused = true)]
async fn many_who_come_while_a_set_is_on_its_way_share_the_next() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    provider.conduct().delay = Duration::from_secs(2);
    drop(remote.look_up(Some("made up"), Algorithm::EdDSA));
    sleep(Duration::from_secs(1)).await;
    let mut requests = JoinSet::new();
    for number in 0..1000 {
        let remote = remote.clone();
        requests.spawn(async move { told(&remote, &number.to_string()).await });
    }
    assert!(
        requests
            .join_all()
            .await
            .iter()
            .all(|told| *told == Told::Unknown)
    );
    assert_eq!(provider.downloads(), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_ahead_of_time_without_any_request() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    let begun = Instant::now();
    provider.publish(&["b"]);
    while provider.downloads() == 1 {
        sleep(Duration::from_secs(1)).await;
    }
    let refreshed = begun.elapsed().as_secs();
    assert!((432..=529).contains(&refreshed), "{refreshed}");
    assert_eq!(at_once(&remote, "b"), Some(Told::Known));
    sleep(HOUR).await;
    assert!(
        (7..=11).contains(&provider.downloads()),
        "{}",
        provider.downloads()
    );
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_set_is_confirmed_without_being_sent_again() {
    let provider = Provider::new(&["a"]);
    provider.conduct().etag = Some("\"1\"".into());
    provider.conduct().cache_control = Some("max-age=1000".into());
    let remote = provider.warmed().await;
    // What a 304 does not say stays as it was said.
    provider.conduct().cache_control = None;
    sleep(Duration::from_secs(999)).await;
    let sent: Vec<_> = provider
        .conduct()
        .log
        .iter()
        .map(|(_, etag)| etag.clone())
        .collect();
    assert_eq!(sent, [None, None, Some("\"1\"".into())]);
    let health = remote.health();
    assert!(health.stale_left() > HOUR * 24 + Duration::from_secs(700));
    assert_eq!((health.usable(), health.failures()), (1, 0));

    provider.conduct().etag = Some("\"2\"".into());
    provider.publish(&["b"]);
    assert_eq!(told(&remote, "b").await, Told::Known);
}

#[tokio::test(start_paused = true)]
async fn unchanged_as_an_answer_to_a_question_not_asked_is_a_failure() {
    let provider = Provider::new(&["a"]);
    provider.conduct().statuses.push(("/jwks", 304));
    let remote = provider.remote();
    assert_eq!(told(&remote, "a").await, Told::CannotTell);
}

#[tokio::test(start_paused = true)]
async fn another_key_under_the_same_name_is_looked_for_only_where_asked_for() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    assert!(remote.suspect("a").is_none());

    let mut config = provider.config();
    config.refresh_on_bad_signature = true;
    let remote = RemoteKeys::new(config);
    remote.warm(HOUR).await.unwrap();
    let before = match remote.look_up(Some("a"), Algorithm::EdDSA) {
        LookUp::Ready(keys) => keys,
        other => panic!("{other:?}"),
    };

    provider.conduct().keys = vec![("a".into(), SECOND)];
    let after = remote.suspect("a").unwrap().await.unwrap();
    assert!(!before.same_keys(&after));
    assert_eq!(
        remote.health().budget(),
        2,
        "given back: a stranger cannot change keys"
    );

    let downloads = provider.downloads();
    let same = remote.suspect("a").unwrap().await.unwrap();
    assert!(same.same_keys(&after));
    assert_eq!(remote.health().budget(), 1);
    for _ in 0..100 {
        assert!(remote.suspect("a").is_none(), "looked into a moment ago");
    }
    assert_eq!(provider.downloads(), downloads + 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_without_kid_waits_for_keys_and_then_for_one_that_fits() {
    let provider = Provider::new(&["a"]);
    let remote = provider.remote();
    assert_eq!(
        settle(remote.look_up(None, Algorithm::EdDSA)).await,
        Told::Known
    );
    assert_eq!(remote.health().budget(), 2);
    for _ in 0..100 {
        assert_eq!(
            settle(remote.look_up(None, Algorithm::ES256)).await,
            Told::Unknown
        );
    }
    assert_eq!(provider.downloads(), 2);
}
