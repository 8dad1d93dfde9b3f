//! The issuer is down, slow, silent, flooding or lying: known tokens go on, nobody is told that a good token is bad, no
//! memory of the fault stays behind, and all is well again as soon as the issuer is.

#![expect(
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod lying;

use std::time::Duration;

use lying::{AUDIENCE, Answer, Service, UNKNOWN, WAIT, heal, no_task_is_left};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower_bearer::testing::{Behaviour, Endpoint, SigningKey, TestClock, TestIssuer};
use tower_bearer::{Algorithm, VerifyErrorKind};

/// The longest that is waited in real time for what ought to take a little more than five seconds.
const PATIENCE: Duration = Duration::from_secs(20);

const HOUR: Duration = Duration::from_secs(3600);

/// The issuer begins to misbehave when the service has its keys, and after it has rotated them.
async fn with_known_keys(fault: &Behaviour) {
    let service = Service::on_a_socket().await.warmed().await;
    let known = service.token();
    service.issuer.behave(fault.clone());
    service.issuer.rotate();
    let new = service.token();

    let unknown = tokio::spawn(service.ask(&new));
    assert_eq!(service.at_once(&known), Some(Answer::Accepted), "{fault:?}");
    let answer = timeout(PATIENCE, unknown).await.expect("in time");
    let answer = answer.expect("no panic");
    assert!(answer.cannot_tell(), "{fault:?}: {answer:?}");
    assert_eq!(service.at_once(&known), Some(Answer::Accepted), "{fault:?}");

    // Who waits gives up after as long as the download does, and may be told first.
    let failed = async {
        while service.health().failures() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, failed)
        .await
        .expect("it fails in the end");
    let health = service.health();
    assert!(health.is_ready() && health.usable() == 1, "{fault:?}");
    assert!(health.last_error().is_some(), "{fault:?}");

    heal(&service.issuer);
    service.recovers(&new).await;
}

/// The issuer misbehaves from the beginning; at both endpoints or only with its key set.
async fn at_the_start(fault: &Behaviour, endpoints: &[Endpoint]) {
    let service = Service::on_a_socket().await;
    for endpoint in endpoints {
        service.issuer.behave_at(*endpoint, fault.clone());
    }
    let token = service.token();
    let answer = timeout(PATIENCE, service.ask(&token)).await;
    let answer = answer.expect("in time");
    assert!(answer.cannot_tell(), "{fault:?}: {answer:?}");
    assert!(!service.auth.is_ready(), "{fault:?}");

    heal(&service.issuer);
    service.recovers(&token).await;
    assert!(service.auth.is_ready(), "{fault:?}");
}

/// Whenever the fault begins it is survived.
async fn survive(fault: Behaviour) {
    let both = [Endpoint::Discovery, Endpoint::KeySet];
    tokio::join!(
        with_known_keys(&fault),
        at_the_start(&fault, &both),
        at_the_start(&fault, &[Endpoint::KeySet]),
    );
}

/// The fault is survived, and no task is left of it.
async fn is_survived(fault: Behaviour) {
    survive(fault).await;
    no_task_is_left().await;
}

#[tokio::test]
async fn refused_connections_are_survived() {
    is_survived(Behaviour::Down).await;
}

#[tokio::test]
async fn an_issuer_that_never_answers_or_one_byte_a_second_is_survived() {
    // Both take the whole five seconds, so both at once. What is held is answered when all is well again; until then
    // it is as if it never were.
    tokio::join!(survive(Behaviour::Held), survive(Behaviour::OneByteASecond));
    no_task_is_left().await;
}

#[tokio::test]
async fn errors_500_and_503_are_survived() {
    is_survived(Behaviour::status(500)).await;
    is_survived(Behaviour::status(503)).await;
}

#[tokio::test]
async fn an_answer_404_with_json_is_survived() {
    is_survived(Behaviour::not_found()).await;
}

#[tokio::test]
async fn an_answer_200_with_html_is_survived() {
    is_survived(Behaviour::html()).await;
}

#[tokio::test]
async fn fifty_megabytes_are_survived() {
    is_survived(Behaviour::fifty_megabytes()).await;
}

#[tokio::test]
async fn a_body_without_end_is_survived() {
    is_survived(Behaviour::Endless).await;
}

#[tokio::test]
async fn no_more_is_taken_of_a_body_than_may_be_read() {
    for fault in [Behaviour::fifty_megabytes(), Behaviour::Endless] {
        let service = Service::on_a_socket().await.warmed().await;
        service.issuer.behave(fault.clone());
        let answer = service.ask(&service.made_up(1)).await;
        assert!(answer.cannot_tell(), "{fault:?}: {answer:?}");
        drop(service.auth);
        // What lies in the buffers of a socket was sent but not read.
        let sent = service.issuer.traffic("/jwks").bytes;
        assert!(sent < 16 << 20, "{fault:?}: {sent} bytes");
    }
}

#[tokio::test]
async fn a_redirect_is_survived_and_its_target_sees_nothing() {
    let elsewhere = lying::serve().await;
    is_survived(Behaviour::redirect(&elsewhere.key_set_url())).await;
    assert_eq!(
        (elsewhere.connections(), elsewhere.total_requests()),
        (0, 0)
    );
}

#[tokio::test]
async fn a_gzip_bomb_is_survived() {
    is_survived(Behaviour::GzipBomb).await;
}

#[tokio::test]
async fn truncated_json_is_survived() {
    is_survived(Behaviour::Truncated).await;
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_survived() {
    is_survived(Behaviour::BrokenOff).await;
}

#[tokio::test]
async fn a_set_without_keys_is_survived() {
    let fault = Behaviour::EmptyKeys;
    with_known_keys(&fault).await;
    at_the_start(&fault, &[Endpoint::KeySet]).await;
    no_task_is_left().await;
}

#[tokio::test]
async fn ten_thousand_keys_are_survived() {
    // More bytes than are read; and few enough bytes, but more keys than are used.
    for fault in [Behaviour::ten_thousand_keys(), Behaviour::ManyKeys(200)] {
        with_known_keys(&fault).await;
        at_the_start(&fault, &[Endpoint::KeySet]).await;
    }
    no_task_is_left().await;
}

/// Every kind of bad key, and the reason for which it is left out.
fn bad_keys() -> Vec<(&'static str, Value)> {
    let rsa = SigningKey::generate(Algorithm::RS256).public_jwk();
    let ec = SigningKey::generate(Algorithm::ES256).public_jwk();
    let okp = SigningKey::generate(Algorithm::EdDSA).public_jwk();
    let with = |jwk: &Value, name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk
    };
    let short = |bytes: usize| "_".repeat(bytes * 4 / 3 - 1) + "w";
    vec![
        ("malformed", json!(null)),
        ("malformed", json!("key")),
        ("malformed", json!({})),
        ("malformed", with(&rsa, "kty", json!(5))),
        ("malformed", with(&rsa, "kid", json!(5))),
        ("malformed", with(&rsa, "n", json!("not base64url!"))),
        ("malformed", with(&ec, "x", json!("AQ"))),
        ("unknown_type", with(&rsa, "kty", json!("AKP"))),
        ("unknown_curve", with(&ec, "crv", json!("secp256k1"))),
        ("unknown_curve", with(&okp, "crv", json!("X25519"))),
        ("off_curve", with(&ec, "y", ec["x"].clone())),
        ("weak", with(&rsa, "n", json!(short(129)))),
        ("weak", with(&rsa, "n", json!(short(1200)))),
        ("weak", with(&rsa, "e", json!("AQ"))),
        ("weak", with(&rsa, "e", json!("AQAA"))),
        ("weak", with(&okp, "x", json!("A".repeat(43)))),
        ("private", with(&rsa, "d", json!("AQAB"))),
        ("private", with(&okp, "d", json!("AQAB"))),
        (
            "symmetric",
            json!({"kty": "oct", "k": "c2VjcmV0", "kid": "s"}),
        ),
        ("not_for_signatures", with(&rsa, "use", json!("enc"))),
        ("not_for_signatures", with(&ec, "key_ops", json!(["sign"]))),
        ("unsupported_algorithm", with(&ec, "alg", json!("RS256"))),
        ("unsupported_algorithm", with(&rsa, "alg", json!("HS256"))),
    ]
}

#[tokio::test]
async fn one_bad_key_among_good_ones_is_left_out_and_the_rest_lives() {
    let service = Service::on_a_socket().await.warmed().await;
    for (reason, jwk) in bad_keys() {
        // In front of the good ones, behind them, and both.
        let good = service.issuer.key_set()["keys"].clone();
        let good = good.as_array().expect("keys").clone();
        service.issuer.rotate();
        let mut keys = vec![jwk.clone()];
        keys.extend(good);
        keys.extend(
            service.issuer.key_set()["keys"]
                .as_array()
                .cloned()
                .expect("keys"),
        );
        keys.push(jwk.clone());
        service
            .issuer
            .replace_key_set(json!({ "keys": keys }).to_string());

        let answer = service.ask(&service.token()).await;
        assert_eq!(answer, Answer::Accepted, "{jwk}");
        let health = service.health();
        let reasons: Vec<_> = health
            .skipped()
            .iter()
            .map(|key| key.reason().code())
            .collect();
        assert_eq!(reasons, [reason; 2], "{jwk}");
    }
    // A set of nothing but bad keys is no set.
    let bad: Vec<_> = bad_keys().into_iter().map(|(_, jwk)| jwk).collect();
    let known = service.token();
    service
        .issuer
        .replace_key_set(json!({ "keys": bad }).to_string());
    assert!(service.ask(&service.made_up(1)).await.cannot_tell());
    assert_eq!(service.at_once(&known), Some(Answer::Accepted));
}

#[tokio::test]
async fn two_keys_of_one_kid_both_verify() {
    let issuer = lying::serve().await;
    let twins = [Algorithm::EdDSA, Algorithm::EdDSA, Algorithm::ES256]
        .map(|algorithm| SigningKey::generate(algorithm).with_key_id("twin"));
    twins.iter().for_each(|key| issuer.add_key(key));
    // The very same key twice as well.
    issuer.add_key(&twins[0]);
    let service = Service::trusting(&issuer, |builder| builder);
    for key in &twins {
        let token = issuer.token().audience(AUDIENCE).signed_by(key).sign();
        assert_eq!(service.ask(&token).await, Answer::Accepted);
    }
    let stranger = SigningKey::generate(Algorithm::EdDSA).with_key_id("twin");
    let token = issuer
        .token()
        .audience(AUDIENCE)
        .signed_by(&stranger)
        .sign();
    let bad_signature = Answer::Refused(VerifyErrorKind::Signature);
    assert_eq!(service.ask(&token).await, bad_signature);
    assert_eq!(service.downloads(), 1);
}

#[tokio::test]
async fn a_clock_that_jumps_back_an_hour_changes_nothing_for_keys() {
    let clock = TestClock::default();
    let issuer = lying::serve().await;
    issuer.clock(clock.clone());
    let service = Service::trusting(&issuer, |builder| builder.clock(clock.clone()));
    let service = service.warmed().await;
    let before = service.token();

    clock.turn_back(HOUR);
    assert_eq!(service.at_once(&service.token()), Some(Answer::Accepted));
    issuer.rotate();
    assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
    assert_eq!(service.ask(&service.made_up(1)).await, UNKNOWN);
    let meanwhile = service.token();

    clock.advance(HOUR);
    assert_eq!(service.at_once(&before), Some(Answer::Accepted));
    let now = service.at_once(&meanwhile);
    let expired = matches!(now, Some(Answer::Refused(VerifyErrorKind::Expired { .. })));
    assert!(expired, "its five minutes are over: {now:?}");
    assert_eq!(service.downloads(), 3);
}

#[tokio::test(start_paused = true)]
async fn no_jump_of_the_wall_clock_moves_a_refresh() {
    let clock = TestClock::default();
    let issuer = TestIssuer::new("https://issuer.test");
    issuer.publish(&[Algorithm::EdDSA]);
    issuer.clock(clock.clone());
    let builder = |builder: tower_bearer::AuthenticatorBuilder| {
        builder.clock(clock.clone()).fetch(issuer.fetch())
    };
    let service = Service::trusting(&issuer, builder).warmed().await;
    for turn in 0..10 {
        match turn % 2 {
            0 => clock.turn_back(HOUR),
            _ => clock.advance(HOUR * 2),
        }
        assert_eq!(service.at_once(&service.token()), Some(Answer::Accepted));
        assert!(service.health().stale_left() > HOUR * 24);
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(service.downloads(), 1);
    // Ten minutes of freshness, refreshed at 80 % of it, give or take a tenth.
    sleep(Duration::from_secs(590)).await;
    assert_eq!(service.downloads(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_is_waited_for_no_longer_than_five_seconds_and_a_half() {
    let service = Service::in_memory().warmed().await;
    let known = service.token();
    service.issuer.behave(Behaviour::Hang);
    for number in 0..100 {
        let begun = Instant::now();
        let answer = service.ask(&service.made_up(number)).await;
        assert!(answer.cannot_tell(), "{answer:?}");
        assert!(begun.elapsed() <= WAIT, "{:?}", begun.elapsed());
        assert_eq!(service.at_once(&known), Some(Answer::Accepted));
        sleep(Duration::from_millis(317)).await;
    }
    // And the same where nothing is known yet.
    let cold = Service::trusting(&service.issuer, |builder| {
        builder.fetch(service.issuer.fetch())
    });
    for _ in 0..20 {
        let begun = Instant::now();
        let answer = cold.ask(&known).await;
        assert!(answer.cannot_tell(), "{answer:?}");
        assert!(begun.elapsed() <= WAIT, "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_keep_to_its_limits_is_held_to_them() {
    for fault in [
        Behaviour::Hang,
        Behaviour::OneByteASecond,
        Behaviour::Endless,
    ] {
        let issuer = TestIssuer::new("https://issuer.test");
        let careless = issuer.fetch().ignoring_limits();
        let service = Service::trusting(&issuer, |builder| builder.fetch(careless));
        let service = service.warmed().await;
        issuer.behave(fault.clone());
        let begun = Instant::now();
        let answer = service.ask(&service.made_up(1)).await;
        assert!(answer.cannot_tell(), "{fault:?}: {answer:?}");
        assert!(begun.elapsed() <= WAIT, "{fault:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_takes_three_seconds_for_every_answer_fails_nobody() {
    let service = Service::in_memory();
    let slow = Behaviour::delay(Duration::from_secs(3));
    service.issuer.behave(slow.clone());
    // No OpenID document, so that a first download has three steps.
    let nothing = Behaviour::not_found().after(Duration::from_secs(3));
    service
        .issuer
        .behave_at(Endpoint::OpenIdConfiguration, nothing);
    let mut requests = JoinSet::new();
    for round in 0..120 {
        if round % 30 == 29 {
            service.issuer.rotate();
        }
        requests.spawn(service.ask(&service.token()));
        sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(requests.join_all().await, [Answer::Accepted; 120]);
}

#[tokio::test]
async fn an_issuer_that_takes_three_seconds_on_a_socket_fails_nobody() {
    let service = Service::on_a_socket().await;
    service
        .issuer
        .behave(Behaviour::delay(Duration::from_secs(3)));
    let first = service.token();
    let (first, second) = tokio::join!(service.ask(&first), async {
        service.issuer.until_requests(Endpoint::KeySet, 1).await;
        service.ask(&service.token()).await
    });
    assert_eq!((first, second), (Answer::Accepted, Answer::Accepted));
    assert_eq!(service.both_downloads(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn known_tokens_outlive_their_issuer_by_a_day_and_then_nobody_can_tell() {
    let service = Service::in_memory().warmed().await;
    service.issuer.behave(Behaviour::Down);
    let known = service.token();
    sleep(HOUR * 24).await;
    assert_eq!(service.at_once(&known), Some(Answer::Accepted));
    assert!(service.ask(&service.made_up(1)).await.cannot_tell());
    // Ten minutes of freshness came before that day.
    sleep(Duration::from_secs(601)).await;
    assert!(service.ask(&known).await.cannot_tell());
    assert!(!service.auth.is_ready());

    heal(&service.issuer);
    service.recovers(&known).await;
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_up_only_after_an_hour_is_found_without_any_request() {
    for fault in [Behaviour::Down, Behaviour::Hang, Behaviour::status(500)] {
        // Begun in the background, or by a request that is answered 503, and the last.
        for lazy in [false, true] {
            let service = Service::in_memory();
            service.issuer.behave(fault.clone());
            if lazy {
                let answer = service.ask(&service.token()).await;
                assert!(answer.cannot_tell(), "{fault:?}: {answer:?}");
            } else {
                service.auth.start();
            }
            sleep(HOUR).await;
            assert!(!service.auth.is_ready(), "{fault:?}");
            // Full jitter, up to five minutes at last: no storm, and no despair.
            let attempts = service.issuer.downloads().discovery;
            assert!((12..=120).contains(&attempts), "{fault:?}: {attempts}");

            heal(&service.issuer);
            sleep(Duration::from_secs(310)).await;
            assert_eq!(
                service.at_once(&service.token()),
                Some(Answer::Accepted),
                "{fault:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_issuer_that_is_up_late_is_found_on_a_socket_without_any_request() {
    let service = Service::on_a_socket().await;
    service.issuer.behave(Behaviour::Down);
    service.auth.start();
    while service.health().failures() == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    heal(&service.issuer);
    service.issuer.until_requests(Endpoint::KeySet, 1).await;
    while !service.auth.is_ready() {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(service.at_once(&service.token()), Some(Answer::Accepted));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_nobody_asked_anything_for_an_hour_is_not_slower_for_it() {
    let service = Service::in_memory();
    service.issuer.behave(Behaviour::Down);
    sleep(HOUR).await;
    heal(&service.issuer);
    assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
}

#[tokio::test(start_paused = true)]
async fn during_an_outage_made_up_keys_are_answered_at_once_and_cost_no_downloads() {
    let service = Service::in_memory().warmed().await;
    let known = service.token();
    service.issuer.behave(Behaviour::Down);
    let before = service.downloads();
    let begun = Instant::now();
    for number in 0..10_000 {
        let answer = service.ask(&service.made_up(number)).await;
        match answer {
            Answer::CannotTell { retry_after } => assert!(retry_after <= 30, "{retry_after}"),
            answer => panic!("{answer:?}"),
        }
        if number % 100 == 0 {
            assert_eq!(service.at_once(&known), Some(Answer::Accepted));
        }
        if number % 100 == 99 {
            sleep(Duration::from_millis(300)).await;
        }
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
    // Three out of the budget; the schedule tries after 1, 2, 4, 8 and 16 s at most, and sooner by chance.
    let caused = service.downloads() - before;
    assert!((2..=40).contains(&caused), "{caused}");
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_out_retry_after_is_accepted_when_the_outage_is_over() {
    let service = Service::in_memory().warmed().await;
    service.issuer.behave(Behaviour::Down);
    service.issuer.rotate();
    let token = service.token();
    for _ in 0..10 {
        match service.ask(&token).await {
            Answer::CannotTell { retry_after } => sleep(Duration::from_secs(retry_after)).await,
            answer => panic!("{answer:?}"),
        }
    }
    let Answer::CannotTell { retry_after } = service.ask(&token).await else {
        panic!("the issuer is still down");
    };
    heal(&service.issuer);
    sleep(Duration::from_secs(retry_after)).await;
    assert_eq!(service.ask(&token).await, Answer::Accepted);
}
