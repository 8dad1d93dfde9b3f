//! An issuer that does not answer, or not as it should: 503, never a 401, and a pause before it is asked again.

use std::time::Duration;

use http::StatusCode;
use tower_bearer::testing::{Behaviour, Endpoint};
use tower_bearer::{Rejection, UnavailableKind, VerifyErrorKind};

use crate::support::Stage;
use crate::{answer, settings, stage};

const SECOND: Duration = Duration::from_secs(1);

/// After how long the service says it may be asked again.
async fn retry_after(stage: &Stage, token: &str) -> Duration {
    match stage.auth.verify(token).await {
        Err(Rejection::Unavailable(unavailable)) => {
            assert_eq!(unavailable.kind(), UnavailableKind::Introspection);
            unavailable.retry_after()
        }
        other => panic!("{other:?} where an outage was expected"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_remembered_and_five_in_a_row_are_a_pause() {
    let stage = stage(settings()).await;
    let (known, token) = (stage.opaque(), stage.opaque());
    stage.accept("before", &known).await;
    stage.issuer.forget_requests();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Down);
    for asked in 1..=5 {
        stage.send(&token).await.unavailable("down");
        assert_eq!(stage.asked(), asked);
    }
    for _ in 0..100 {
        stage.send(&token).await.unavailable("paused");
        stage.send("another").await.unavailable("paused");
    }
    assert_eq!(stage.asked(), 5);
    stage.accept("what is remembered goes on", &known).await;
    stage.accept("JWTs go on", &stage.token().sign()).await;

    // It is back, and asked when the pause is over: at first by one call alone.
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Normal);
    stage.send(&token).await.unavailable("still paused");
    tokio::time::advance(SECOND).await;
    stage.accept("it is back", &token).await;
    stage.accept("for all", &stage.opaque()).await;
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_one_call_probes_and_the_pauses_grow_to_thirty_seconds() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::status(500));
    for _ in 0..5 {
        stage.send(&token).await.unavailable("failing");
    }
    for longest in [1, 2, 4, 8, 16, 30, 30] {
        let pause = retry_after(&stage, &token).await;
        let longest = SECOND * longest;
        assert!(pause <= longest && pause * 2 >= longest, "{pause:?}");
        tokio::time::advance(pause).await;
        let asked = stage.asked();
        stage
            .issuer
            .behave_next(Endpoint::Introspection, 1, Behaviour::Held);
        let probe = {
            let (auth, token) = (stage.auth.clone(), token.clone());
            tokio::spawn(async move { auth.verify(&token).await.is_err() })
        };
        stage
            .issuer
            .until_requests(Endpoint::Introspection, asked + 1)
            .await;
        stage.send("another").await.unavailable("one probes");
        assert_eq!(stage.asked(), asked + 1);
        stage
            .issuer
            .behave_at(Endpoint::Introspection, Behaviour::status(500));
        assert!(probe.await.expect("no panic"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_wants_to_be_left_alone_is_for_thirty_seconds_at_most() {
    for (status, wish, wanted) in [
        (429, Some("7"), 7),
        (503, Some("3"), 3),
        (429, Some("0"), 1),
        (429, None, 1),
        (429, Some("86400"), 30),
        (503, Some("Wed, 21 Oct 2026 07:28:00 GMT"), 30),
        (429, Some("-1"), 30),
    ] {
        let stage = stage(settings()).await;
        let token = stage.opaque();
        let mut busy = answer("text/plain", "");
        *busy.status_mut() = StatusCode::from_u16(status).expect("a status");
        if let Some(wish) = wish {
            let wish = wish.parse().expect("a header");
            busy.headers_mut().insert("retry-after", wish);
        }
        stage.say(busy);
        stage.send(&token).await.unavailable("busy");
        stage
            .issuer
            .behave_at(Endpoint::Introspection, Behaviour::Normal);
        let left = retry_after(&stage, &token).await;
        assert_eq!(left, SECOND * wanted, "{status} {wish:?}");
        assert_eq!(stage.asked(), 1);
        tokio::time::advance(left).await;
        stage.accept("left alone long enough", &token).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_503_without_a_wish_is_one_failure_of_five() {
    let stage = stage(settings()).await;
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::status(503));
    for _ in 0..10 {
        stage.send("opaque").await.unavailable("busy");
    }
    assert_eq!(stage.asked(), 5);
}

/// Else whoever finds a token that the issuer chokes on could end the introspection of all others.
#[tokio::test(start_paused = true)]
async fn a_request_that_the_issuer_does_not_take_pauses_nothing() {
    for (status, asked) in [
        (400, 20),
        (413, 20),
        (414, 20),
        (422, 20),
        (431, 20),
        // A guard in front of it takes what is sent for an attack.
        (403, 20),
        // No token can be the cause of these.
        (404, 5),
        (405, 5),
        (410, 5),
    ] {
        let stage = stage(settings()).await;
        let endpoint = Endpoint::Introspection;
        stage.issuer.behave_at(endpoint, Behaviour::status(status));
        for _ in 0..20 {
            stage
                .send("../../etc/passwd")
                .await
                .unavailable("not taken");
        }
        assert_eq!(stage.asked(), asked, "{status}");
        if asked == 20 {
            stage.issuer.behave_at(endpoint, Behaviour::Normal);
            stage.accept("another", &stage.opaque()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_refuses_the_service_refuses_no_client() {
    for status in [401, 403] {
        let stage = stage(settings()).await;
        let token = stage.opaque();
        stage
            .issuer
            .behave_at(Endpoint::Introspection, Behaviour::status(status));
        stage.send(&token).await.unavailable("refuses us");
        let health = stage.auth.health();
        let [health] = health.introspection() else {
            panic!("one issuer is asked");
        };
        let error = health.last_error().expect("an error").to_string();
        assert!(error.contains(&status.to_string()), "{error}");
        assert!(error.contains("the client's credentials"), "{error}");
    }
    // The true endpoint says so too.
    let wrong = tower_bearer::introspection::Introspection::discovered()
        .client_secret_basic(crate::CLIENT, "wrong");
    let stage = stage(wrong).await;
    stage
        .send(&stage.opaque())
        .await
        .unavailable("a wrong secret");
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_is_waited_for_five_seconds() {
    let stage = stage(settings()).await;
    stage
        .accept("the endpoint is known from here on", &stage.opaque())
        .await;
    for behaviour in [Behaviour::Hang, Behaviour::OneByteASecond] {
        stage.issuer.behave_at(Endpoint::Introspection, behaviour);
        let begun = tokio::time::Instant::now();
        stage.send(&stage.opaque()).await.unavailable("hangs");
        assert_eq!(begun.elapsed(), SECOND * 5);
    }
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_is_found_by_discovery_and_a_discovery_that_fails_is_an_outage() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    stage
        .issuer
        .behave_at(Endpoint::Discovery, Behaviour::status(500));
    stage.send(&token).await.unavailable("no discovery");
    stage
        .issuer
        .behave_at(Endpoint::Discovery, Behaviour::Normal);
    for spoiled in ["http://issuer.test/introspect", "/introspect", "file:///x"] {
        stage
            .issuer
            .discovery_member("introspection_endpoint", spoiled);
        stage.send(&token).await.unavailable(spoiled);
    }
    stage
        .issuer
        .discovery_member("introspection_endpoint", serde_json::Value::Null);
    stage.send(&token).await.unavailable("none is named");
    assert_eq!(stage.asked(), 0);
    tokio::time::advance(SECOND * 2).await;
    stage
        .issuer
        .discovery_member("introspection_endpoint", stage.issuer.introspection_url());
    stage.accept("named", &token).await;

    // What is known goes on being used while discovery is down, and is looked up again within a day.
    let before = stage.issuer.downloads().discovery;
    stage
        .issuer
        .behave_at(Endpoint::OpenIdConfiguration, Behaviour::Down);
    stage.accept("known", &stage.opaque()).await;
    assert_eq!(stage.issuer.downloads().discovery, before);
    tokio::time::advance(SECOND * 60 * 60 * 24).await;
    stage.accept("kept", &stage.opaque()).await;
    assert!(stage.issuer.downloads().discovery > before);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_has_moved_is_looked_up_again_and_not_once_a_day() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    stage
        .issuer
        .discovery_member("introspection_endpoint", "https://issuer.test/moved");
    stage.send(&token).await.unavailable("404");
    stage
        .issuer
        .discovery_member("introspection_endpoint", stage.issuer.introspection_url());
    let before = stage.issuer.downloads().discovery;
    for _ in 0..3 {
        stage.send(&token).await.unavailable("404");
    }
    let after = stage.issuer.downloads().discovery;
    assert_eq!(after, before, "not with each request");
    tokio::time::advance(SECOND * 60).await;
    stage.accept("found again", &token).await;
    stage.accept("kept", &stage.opaque()).await;
    assert_eq!(stage.issuer.downloads().discovery, before + 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_endpoint_is_looked_up_again_the_known_one_is_used() {
    let stage = stage(settings()).await;
    stage.accept("found", &stage.opaque()).await;
    tokio::time::advance(SECOND * 60 * 60 * 24).await;
    let discovery = Endpoint::OpenIdConfiguration;
    stage.issuer.behave_at(discovery, Behaviour::Hang);
    let asked = stage.issuer.requests(discovery);
    let first = {
        let (auth, token) = (stage.auth.clone(), stage.opaque());
        tokio::spawn(async move { auth.verify(&token).await.is_ok() })
    };
    stage.issuer.until_requests(discovery, asked + 1).await;
    let begun = tokio::time::Instant::now();
    for _ in 0..3 {
        stage.accept("not held up", &stage.opaque()).await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(first.await.expect("no panic"), "and neither refused");
    assert_eq!(begun.elapsed(), SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn a_discovery_of_another_issuer_is_not_believed() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    stage.issuer.discovery_member("issuer", "https://evil.test");
    stage.send(&token).await.unavailable("another's document");
    assert_eq!(stage.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_outage_is_ever_told_as_a_refusal_nor_the_other_way_round() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Down);
    stage.send(&token).await.unavailable("down");
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Normal);
    let refused = stage.send("made-up").await;
    refused.refused_token("made up", VerifyErrorKind::Inactive);
    stage.accept("and good again at once", &token).await;
}
