//! Where keys come from: discovery, and URLs that stand in for each other.

use tokio::time::Instant;
use url::Url;

use super::*;

fn asked(provider: &Provider) -> Vec<String> {
    let log = &provider.conduct().log;
    log.iter()
        .map(|(url, _)| url.strip_prefix("https://").unwrap().to_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn discovery_asks_the_openid_path_and_then_the_other() {
    let openid = "id.example/.well-known/openid-configuration";
    let oauth = "id.example/.well-known/oauth-authorization-server";
    let jwks = "id.example/jwks";
    for (status, urls) in [
        (None, &[openid, jwks][..]),
        (Some(404), &[openid, oauth, jwks]),
        (Some(500), &[openid, oauth, jwks]),
        (Some(302), &[openid, oauth, jwks]),
    ] {
        let provider = Provider::new(&["a"]);
        let path = "/.well-known/openid-configuration";
        provider
            .conduct()
            .statuses
            .extend(status.map(|status| (path, status)));
        assert_eq!(told(&provider.remote(), "a").await, Told::Known);
        assert_eq!(asked(&provider), urls, "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_of_another_issuer_or_with_a_lesser_transport_leads_nowhere() {
    for (issuer, url, complaint) in [
        (
            "https://id.example/",
            "https://id.example/jwks",
            "not of ours",
        ),
        ("https://id.example", "http://id.example/jwks", "not https"),
        ("https://id.example", "http://127.0.0.1/jwks", "not https"),
    ] {
        let provider = Provider::new(&["a"]);
        provider.conduct().discovery = format!(r#"{{"issuer":"{issuer}","jwks_uri":"{url}"}}"#);
        let remote = provider.remote();
        assert_eq!(told(&remote, "a").await, Told::CannotTell);
        assert_eq!(provider.downloads(), 0);
        let health = remote.health();
        let error = health.last_error().unwrap().source().unwrap().to_string();
        assert!(error.contains(complaint), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_discovered_url_is_kept_for_a_day_or_until_it_fails_twice() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    sleep(HOUR * 20).await;
    assert_eq!(provider.discoveries(), 1);
    sleep(HOUR * 5).await;
    assert_eq!(provider.discoveries(), 2);

    let moved = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"https://new.example/jwks"}}"#);
    provider.conduct().discovery = moved;
    provider.conduct().statuses.push(("/jwks", 410));
    assert_eq!(told(&remote, "b").await, Told::CannotTell);
    provider.conduct().log.clear();
    sleep(Duration::from_secs(5)).await;
    provider.conduct().statuses.clear();
    provider.publish(&["a", "b"]);
    sleep(Duration::from_secs(300)).await;
    let asked = asked(&provider);
    assert_eq!(asked.first().unwrap(), "id.example/jwks");
    assert_eq!(
        asked.get(1).unwrap(),
        "id.example/.well-known/openid-configuration"
    );
    assert_eq!(asked.get(2).unwrap(), "new.example/jwks");
    assert_eq!(at_once(&remote, "b"), Some(Told::Known));
}

#[tokio::test(start_paused = true)]
async fn a_url_once_discovered_serves_while_there_is_no_discovery() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    provider.conduct().statuses.extend([
        ("/.well-known/openid-configuration", 500),
        ("/.well-known/oauth-authorization-server", 500),
    ]);
    sleep(HOUR * 30).await;
    assert_eq!(remote.health().failures(), 0);
    provider.publish(&["b"]);
    assert_eq!(told(&remote, "b").await, Told::Known);
}

#[tokio::test(start_paused = true)]
async fn a_second_url_stands_in_for_the_first() {
    let provider = Provider::new(&["a"]);
    let mut config = provider.config();
    config.source = Source::Urls(vec![
        Url::parse("https://one.example/jwks").unwrap(),
        Url::parse("https://two.example/jwks").unwrap(),
    ]);
    let (one, two) = ("one.example/jwks", "two.example/jwks");
    provider.conduct().down_hosts = vec!["one.example"];
    let remote = RemoteKeys::new(config);
    assert_eq!(told(&remote, "a").await, Told::Known);
    assert_eq!(asked(&provider), [one, two]);

    provider.conduct().log.clear();
    provider.publish(&["b"]);
    assert_eq!(told(&remote, "b").await, Told::Known);
    assert_eq!(
        asked(&provider),
        [two],
        "a request begins with the one that works"
    );

    provider.conduct().log.clear();
    provider.conduct().down_hosts = vec![];
    sleep(Duration::from_secs(599)).await;
    assert_eq!(
        asked(&provider),
        [one],
        "the schedule begins with the one that is meant"
    );

    provider.conduct().down_hosts = vec!["one.example", "two.example"];
    assert_eq!(told(&remote, "c").await, Told::CannotTell);
}

#[tokio::test(start_paused = true)]
async fn an_etag_goes_only_to_the_url_it_came_from() {
    let provider = Provider::new(&["a"]);
    provider.conduct().etag = Some("\"1\"".into());
    let mut config = provider.config();
    config.source = Source::Urls(vec![
        Url::parse("https://one.example/jwks").unwrap(),
        Url::parse("https://two.example/jwks").unwrap(),
    ]);
    let remote = RemoteKeys::new(config);
    assert_eq!(told(&remote, "a").await, Told::Known);
    provider.conduct().down_hosts = vec!["one.example"];
    provider.conduct().log.clear();
    told(&remote, "b").await;
    let sent = provider.conduct().log.clone();
    assert_eq!(
        sent,
        [
            ("https://one.example/jwks".into(), Some("\"1\"".into())),
            ("https://two.example/jwks".into(), None)
        ]
    );
}

/// A look-up of the place that hung, or showed a page, a day later kept new keys from being found.
#[tokio::test(start_paused = true)]
async fn a_day_later_no_trouble_with_discovery_keeps_a_new_key_from_being_found() {
    for trouble in ["hangs", "page", "no issuer", "500"] {
        let provider = Provider::new(&["0"]);
        let remote = provider.warmed().await;
        sleep(HOUR * 24 - Duration::from_secs(100)).await;
        match trouble {
            "hangs" => {
                provider.conduct().hanging_paths = vec![
                    "/.well-known/openid-configuration",
                    "/.well-known/oauth-authorization-server",
                ]
            }
            "page" => provider.conduct().discovery = "<html>back soon</html>".into(),
            "no issuer" => provider.conduct().discovery = "{}".into(),
            _ => provider.conduct().statuses.extend([
                ("/.well-known/openid-configuration", 500),
                ("/.well-known/oauth-authorization-server", 500),
            ]),
        }
        let before = provider.discoveries();
        for round in 1..=20 {
            sleep(Duration::from_secs(700)).await;
            let key_id = round.to_string();
            provider.publish(&[&key_id]);
            assert_eq!(
                told(&remote, &key_id).await,
                Told::Known,
                "{trouble} {round}"
            );
        }
        assert_eq!(remote.health().failures(), 0, "{trouble}");
        let tried = provider.discoveries() - before;
        assert!(
            (1..=10).contains(&tried),
            "{trouble}: {tried} in four hours"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_that_contradicts_what_was_discovered_is_not_passed_over() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    provider.conduct().discovery =
        r#"{"issuer":"https://other.example","jwks_uri":"https://id.example/jwks"}"#.into();
    sleep(HOUR * 25).await;
    assert!(remote.health().failures() > 0);
    let downloads = provider.downloads();
    assert_eq!(told(&remote, "b").await, Told::CannotTell);
    assert_eq!(provider.downloads(), downloads);
}

/// The first of two places took all the time that a request waits.
#[tokio::test(start_paused = true)]
async fn when_the_first_place_hangs_the_second_still_answers_in_time() {
    let provider = Provider::new(&["a"]);
    provider.conduct().hanging_hosts = vec!["one.example"];
    let mut config = provider.config();
    config.source = Source::Urls(vec![
        Url::parse("https://one.example/jwks").unwrap(),
        Url::parse("https://two.example/jwks").unwrap(),
    ]);
    let remote = RemoteKeys::new(config);
    let begun = Instant::now();
    assert_eq!(told(&remote, "a").await, Told::Known);
    assert_eq!(begun.elapsed(), Duration::from_secs(2));

    // And while the schedule is at it.
    let next = remote.health().next_refresh().unwrap();
    sleep(next + Duration::from_millis(10)).await;
    provider.publish(&["b"]);
    assert_eq!(told(&remote, "b").await, Told::Known);
}

#[tokio::test(start_paused = true)]
async fn a_first_place_that_is_only_slow_has_its_time_when_no_other_helps() {
    let provider = Provider::new(&["a"]);
    provider.conduct().delay = Duration::from_millis(2500);
    provider.conduct().down_hosts = vec!["two.example"];
    let mut config = provider.config();
    config.source = Source::Urls(vec![
        Url::parse("https://one.example/jwks").unwrap(),
        Url::parse("https://two.example/jwks").unwrap(),
    ]);
    assert_eq!(told(&RemoteKeys::new(config), "a").await, Told::Known);
}

#[tokio::test(start_paused = true)]
async fn requests_that_always_come_before_the_schedule_do_not_put_off_discovery_for_good() {
    let provider = Provider::new(&["a"]);
    let remote = provider.warmed().await;
    for _ in 0..(49 * 60 * 2) {
        told(&remote, "made up").await;
        sleep(Duration::from_secs(30)).await;
    }
    assert!((2..=3).contains(&provider.discoveries()));
}
