//! Keys come and go, many ask at once, strangers make keys up; and no request with a good token fails for it.

mod lying;

use std::time::Duration;

use lying::{Answer, Service, UNKNOWN, no_task_is_left};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower_bearer::VerifyErrorKind;
use tower_bearer::testing::{Behaviour, Endpoint};

/// A thousand requests at once, each with a token of its own.
async fn a_thousand(service: &Service) -> Vec<Answer> {
    let mut requests = JoinSet::new();
    for _ in 0..1000 {
        requests.spawn(service.ask(&service.token()));
    }
    requests.join_all().await
}

#[tokio::test]
async fn a_thousand_first_requests_share_one_discovery_and_one_download() {
    let service = Service::on_a_socket().await;
    // Nothing is answered before all have asked.
    service.issuer.behave(Behaviour::Held);
    let release = async {
        service
            .issuer
            .until_requests(Endpoint::OpenIdConfiguration, 1)
            .await;
        service.issuer.behave(Behaviour::Normal);
    };
    let (answers, ()) = tokio::join!(a_thousand(&service), release);
    assert_eq!(answers, [Answer::Accepted; 1000]);
    assert_eq!(service.both_downloads(), (1, 1));
    assert_eq!(service.issuer.total_requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_first_requests_share_the_download_however_late_they_come() {
    let service = Service::in_memory();
    service
        .issuer
        .behave(Behaviour::delay(Duration::from_secs(2)));
    let mut requests = JoinSet::new();
    for _ in 0..1000 {
        requests.spawn(service.ask(&service.token()));
        sleep(Duration::from_millis(3)).await;
    }
    assert_eq!(requests.join_all().await, [Answer::Accepted; 1000]);
    assert_eq!(service.both_downloads(), (1, 1));
}

#[tokio::test]
async fn a_token_of_a_key_published_a_moment_ago_is_accepted_at_its_first_request() {
    let service = Service::on_a_socket().await.warmed().await;
    for round in 1..=20 {
        let old = service.token();
        service.issuer.rotate();
        assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
        assert_eq!(service.at_once(&old), Some(Answer::Accepted));
        assert_eq!(service.both_downloads(), (1, 1 + round));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_under_load_fails_nobody() {
    let service = Service::on_a_socket().await.warmed().await;
    for _ in 0..10 {
        let mut requests = JoinSet::new();
        for _ in 0..5 {
            requests.spawn(service.ask(&service.token()));
        }
        service.issuer.rotate();
        for _ in 0..5 {
            requests.spawn(service.ask(&service.token()));
        }
        assert_eq!(requests.join_all().await, [Answer::Accepted; 10]);
    }
    // One download for each rotation; one more where a request came while the set was on its way.
    assert!(service.downloads() <= 1 + 2 * 10);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_every_second_for_a_minute_under_load_fails_nobody() {
    let service = Service::in_memory().warmed().await;
    service
        .issuer
        .behave(Behaviour::delay(Duration::from_millis(150)));
    let mut requests = JoinSet::new();
    for _ in 0..60 {
        let old = service.token();
        service.issuer.rotate();
        for _ in 0..10 {
            requests.spawn(service.ask(&old));
            requests.spawn(service.ask(&service.token()));
            sleep(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(requests.join_all().await, [Answer::Accepted; 1200]);
}

#[tokio::test]
async fn known_tokens_wait_for_no_download() {
    let service = Service::on_a_socket().await.warmed().await;
    let known = service.token();
    service.issuer.behave(Behaviour::Held);
    service.issuer.rotate();
    let waiting = tokio::spawn(service.ask(&service.token()));
    service.issuer.until_requests(Endpoint::KeySet, 2).await;
    for _ in 0..5 {
        assert_eq!(service.at_once(&known), Some(Answer::Accepted));
    }
    assert!(!waiting.is_finished());
    service.issuer.behave(Behaviour::Normal);
    assert_eq!(waiting.await.expect("no panic"), Answer::Accepted);
}

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_ahead_of_time_without_any_request() {
    let service = Service::in_memory();
    service
        .issuer
        .header_at(Endpoint::KeySet, "cache-control", "max-age=100");
    service.auth.start();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(service.at_once(&service.token()), Some(Answer::Accepted));

    service.issuer.rotate();
    // 80 % of the freshness, and a tenth of that more at most.
    sleep(Duration::from_secs(88)).await;
    assert_eq!(service.downloads(), 2);
    assert_eq!(service.at_once(&service.token()), Some(Answer::Accepted));
}

#[tokio::test]
async fn an_unchanged_set_is_not_sent_again() {
    let service = Service::on_a_socket().await;
    service.issuer.etags(Endpoint::KeySet);
    let service = service.warmed().await;
    assert_eq!(service.ask(&service.made_up(1)).await, UNKNOWN);
    assert_eq!(service.issuer.traffic("/jwks").not_modified, 1);

    service.issuer.rotate();
    assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
    let traffic = service.issuer.traffic("/jwks");
    assert_eq!((traffic.requests, traffic.not_modified), (3, 1));
}

#[tokio::test]
async fn a_withdrawn_key_is_trusted_no_more() {
    let service = Service::on_a_socket().await.warmed().await;
    let stolen = service.token();
    service.issuer.rotate_dropping();
    assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
    assert_eq!(service.ask(&stolen).await, UNKNOWN);
}

#[tokio::test]
async fn another_key_under_the_same_kid_is_looked_for_only_where_asked_for() {
    let issuer = lying::serve().await;
    let plain = Service::trusting(&issuer, |builder| builder).warmed().await;
    let asking = Service::trusting(&issuer, |builder| builder.refresh_on_bad_signature());
    let asking = asking.warmed().await;
    issuer.rotate_in_place();
    let before = plain.downloads();

    let bad_signature = Answer::Refused(VerifyErrorKind::Signature);
    assert_eq!(plain.at_once(&plain.token()), Some(bad_signature));
    assert_eq!(plain.downloads(), before);
    assert_eq!(asking.ask(&asking.token()).await, Answer::Accepted);
    assert_eq!(plain.downloads(), before + 1);

    // Bad signatures come out of the same budget as made-up keys.
    let forged = issuer.token().audience(lying::AUDIENCE);
    let forged = forged.signed_by_stranger().sign();
    for _ in 0..100 {
        assert_eq!(asking.ask(&forged).await, bad_signature);
    }
    assert!(plain.downloads() <= before + 3);
}

#[tokio::test]
async fn a_request_cancelled_in_the_middle_of_the_first_download_cancels_nothing() {
    let service = Service::on_a_socket().await;
    service.issuer.behave(Behaviour::Held);
    // The download goes on to the key set though nobody waits for it.
    for endpoint in [Endpoint::OpenIdConfiguration, Endpoint::KeySet] {
        let cancelled = tokio::spawn(service.ask(&service.token()));
        service.issuer.until_requests(endpoint, 1).await;
        cancelled.abort();
        let outcome = cancelled.await;
        assert!(outcome.is_err_and(|error| error.is_cancelled()));
        service.issuer.behave_at(endpoint, Behaviour::Normal);
    }
    assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
    assert_eq!(service.both_downloads(), (1, 1));
    let budget = service.health().budget();
    assert_eq!(budget, 2, "what was there to be found costs nothing");
}

#[tokio::test(start_paused = true)]
async fn what_a_cancelled_request_began_is_there_for_the_next() {
    let service = Service::in_memory();
    service
        .issuer
        .behave(Behaviour::delay(Duration::from_secs(1)));
    assert_eq!(service.at_once(&service.token()), None);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(service.at_once(&service.token()), Some(Answer::Accepted));
    assert_eq!(service.both_downloads(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn hanging_up_five_times_a_second_all_through_two_rotations_fails_nobody() {
    let service = Service::in_memory().warmed().await;
    service
        .issuer
        .behave(Behaviour::delay(Duration::from_secs(1)));
    let (known, unknown) = (service.token(), service.made_up(1));
    let mut requests = JoinSet::new();
    // For two minutes. The rotations are at the first, so close that no budget grows between them.
    for round in 0..600 {
        service.hang_up(&unknown);
        if round == 300 || round == 325 {
            service.issuer.rotate();
        }
        let good = if round % 2 == 0 && round < 300 {
            known.clone()
        } else {
            service.token()
        };
        requests.spawn(service.ask(&good));
        sleep(Duration::from_millis(200)).await;
    }
    let answers = requests.join_all().await;
    assert_eq!(answers, [Answer::Accepted; 600]);
}

#[tokio::test]
async fn hanging_up_all_through_a_rotation_on_a_socket_fails_nobody() {
    let service = Service::on_a_socket().await.warmed().await;
    let (known, unknown) = (service.token(), service.made_up(1));
    for round in 0..40 {
        service.hang_up(&unknown);
        if round == 20 {
            service.issuer.rotate();
        }
        assert_eq!(service.at_once(&known), Some(Answer::Accepted));
        let new = service.token();
        assert_eq!(service.ask(&new).await, Answer::Accepted);
    }
    // The first, one for the made-up key, and for the new one at most two.
    assert!(service.downloads() <= 4);
}

#[tokio::test(start_paused = true)]
async fn hanging_up_on_ever_new_keys_hides_a_published_one_for_half_a_minute_at_most() {
    let service = Service::in_memory().warmed().await;
    let known = service.token();
    for number in 0..50 {
        service.hang_up(&service.made_up(number));
        sleep(Duration::from_millis(200)).await;
    }
    service.issuer.rotate();
    let begun = Instant::now();
    let mut number = 50;
    while service.ask(&service.token()).await != Answer::Accepted {
        assert_eq!(service.at_once(&known), Some(Answer::Accepted));
        service.hang_up(&service.made_up(number));
        number += 1;
        sleep(Duration::from_millis(200)).await;
    }
    assert!(begun.elapsed() <= Duration::from_secs(30));
}

#[tokio::test]
async fn ten_thousand_made_up_keys_on_a_socket_cause_three_downloads_at_most() {
    let service = Service::on_a_socket().await.warmed().await;
    let known = service.token();
    let begun = Instant::now();
    for number in 0..10_000 {
        assert_eq!(service.ask(&service.made_up(number)).await, UNKNOWN);
        if number % 100 == 0 {
            assert_eq!(service.at_once(&known), Some(Answer::Accepted));
        }
    }
    let caused = service.downloads() - 1;
    // Two at once, and one more for each half minute, should this machine be that slow.
    let half_minutes = begun.elapsed().as_secs() / 30;
    assert!(caused as u64 <= 2 + half_minutes, "{caused}");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_made_up_keys_in_thirty_seconds_cause_three_downloads_at_most() {
    let service = Service::in_memory().warmed().await;
    let known = service.token();
    let begun = Instant::now();
    for number in 0..10_000 {
        assert_eq!(service.ask(&service.made_up(number)).await, UNKNOWN);
        if number % 100 == 0 {
            assert_eq!(service.at_once(&known), Some(Answer::Accepted));
        }
        if number % 1000 == 999 {
            sleep(Duration::from_secs(3)).await;
        }
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    let caused = service.downloads() - 1;
    assert!((1..=3).contains(&caused), "{caused}");
}

#[tokio::test(start_paused = true)]
async fn with_the_last_handle_end_the_downloads() {
    let service = Service::in_memory().warmed().await;
    let issuer = service.issuer.clone();
    let another = service.auth.clone();
    drop(service);
    sleep(Duration::from_secs(3600)).await;
    let meanwhile = issuer.downloads();
    assert!(
        meanwhile.key_set > 5,
        "refreshed for the handle that is left"
    );
    drop(another);
    no_task_is_left().await;
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(issuer.downloads(), meanwhile);
}

#[tokio::test]
async fn a_download_that_is_under_way_ends_with_the_last_handle() {
    let service = Service::on_a_socket().await;
    service.issuer.behave(Behaviour::Hang);
    let waiting = tokio::spawn(service.ask(&service.token()));
    service
        .issuer
        .until_requests(Endpoint::OpenIdConfiguration, 1)
        .await;
    waiting.abort();
    drop(service);
    no_task_is_left().await;
}
