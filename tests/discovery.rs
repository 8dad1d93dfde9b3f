//! From an issuer to its keys: where the document is looked for, and when it is believed.

#![expect(
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod lying;

use std::error::Error;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use lying::{AUDIENCE, Answer, Service, heal, no_task_is_left};
use serde_json::{Value, json};
use tokio::time::timeout;
use tower_bearer::fetch::{Fetch, FetchLimits};
use tower_bearer::testing::{Behaviour, Endpoint, TestIssuer};
use tower_bearer::{Authenticator, ConfigErrorKind, VerifyErrorKind};

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

fn in_memory(issuer: &TestIssuer) -> Service {
    Service::trusting(issuer, |builder| builder.fetch(issuer.fetch()))
}

/// Why the last download failed, with all causes.
fn last_error(service: &Service) -> String {
    let health = service.health();
    let mut error: Option<&(dyn Error + 'static)> = health.last_error();
    let mut text = String::new();
    while let Some(cause) = error {
        text += &format!("{cause}: ");
        error = cause.source();
    }
    text
}

#[tokio::test]
async fn the_openid_document_is_asked_for_first_and_alone() {
    let service = Service::on_a_socket().await;
    assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
    assert_eq!(service.issuer.traffic(OPENID).requests, 1);
    assert_eq!(service.issuer.traffic(OAUTH).requests, 0);
}

#[tokio::test]
async fn without_a_good_openid_document_the_oauth_one_is_asked_for() {
    let elsewhere = lying::serve().await;
    for first in [
        Behaviour::not_found(),
        Behaviour::status(401),
        Behaviour::status(500),
        Behaviour::html(),
        Behaviour::Truncated,
        Behaviour::redirect(elsewhere.url()),
        Behaviour::bytes(r#"{"issuer":"https://other.test","jwks_uri":"https://other.test/jwks"}"#),
    ] {
        let service = Service::on_a_socket().await;
        let openid = Endpoint::OpenIdConfiguration;
        service.issuer.behave_at(openid, first.clone());
        let answer = service.ask(&service.token()).await;
        assert_eq!(answer, Answer::Accepted, "{first:?}");
        assert_eq!(service.issuer.traffic(OPENID).requests, 1, "{first:?}");
        assert_eq!(service.issuer.traffic(OAUTH).requests, 1, "{first:?}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn what_is_wrong_with_the_openid_document_is_told_rather_than_that_there_is_no_other() {
    let service = Service::on_a_socket().await;
    let openid = Endpoint::OpenIdConfiguration;
    service.issuer.behave_at(openid, Behaviour::html());
    let other = Endpoint::ServerMetadata;
    service.issuer.behave_at(other, Behaviour::not_found());
    assert!(service.ask(&service.token()).await.cannot_tell());
    assert!(
        last_error(&service).contains("strict JSON"),
        "{}",
        last_error(&service)
    );
}

#[tokio::test(start_paused = true)]
async fn the_path_of_an_issuer_stands_before_the_openid_path_and_after_the_oauth_path() {
    for (issuer, openid, oauth) in [
        (
            "https://issuer.test/tenant/v2.0",
            "/tenant/v2.0/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/tenant/v2.0",
        ),
        // OpenID Connect Discovery §4: a trailing slash is removed first; in `iss` it stays.
        (
            "https://issuer.test/tenant/",
            "/tenant/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/tenant",
        ),
        ("https://issuer.test/", OPENID, OAUTH),
        ("https://issuer.test", OPENID, OAUTH),
    ] {
        for (documents, path) in [(true, openid), (false, oauth)] {
            let issuer = TestIssuer::new(issuer);
            if !documents {
                let openid = Endpoint::OpenIdConfiguration;
                issuer.behave_at(openid, Behaviour::not_found());
            }
            let service = in_memory(&issuer);
            assert_eq!(
                service.ask(&service.token()).await,
                Answer::Accepted,
                "{issuer:?}"
            );
            assert_eq!(issuer.traffic(path).requests, 1, "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_differs_by_a_slash_is_another_in_tokens_and_in_documents() {
    for (ours, theirs) in [
        ("https://issuer.test", "https://issuer.test/"),
        ("https://issuer.test/", "https://issuer.test"),
        ("https://issuer.test/a", "https://issuer.test/a/"),
        ("https://issuer.test/a", "https://issuer.test/A"),
        ("https://issuer.test", "https://ISSUER.test"),
        ("https://issuer.test", "https://issuer.test:443"),
    ] {
        let issuer = TestIssuer::new(ours);
        let service = in_memory(&issuer);
        let token = issuer.token().audience(AUDIENCE);
        let refused = Answer::Refused(VerifyErrorKind::Issuer);
        let foreign = token.clone().issuer(theirs).sign();
        assert_eq!(service.at_once(&foreign), Some(refused), "{theirs}");
        assert_eq!(
            issuer.total_requests(),
            0,
            "a foreign token causes no download"
        );

        issuer.discovery_member("issuer", theirs);
        let answer = service.ask(&token.sign()).await;
        assert!(answer.cannot_tell(), "{ours} {theirs}: {answer:?}");
        assert_eq!(service.downloads(), 0, "{theirs}");
        assert!(
            last_error(&service).contains("issuer"),
            "{}",
            last_error(&service)
        );
    }
}

#[tokio::test]
async fn a_document_whose_issuer_differs_by_a_slash_leads_nowhere_on_a_socket() {
    let service = Service::on_a_socket().await;
    let url = service.issuer.url().to_owned();
    service.issuer.discovery_member("issuer", format!("{url}/"));
    let token = service.token();
    assert!(service.ask(&token).await.cannot_tell());
    assert_eq!(service.both_downloads(), (2, 0));

    service.issuer.discovery_member("issuer", url);
    service.recovers(&token).await;
    drop(service);
    no_task_is_left().await;
}

/// From the true document to another.
type Lie = dyn Fn(Value) -> Vec<u8>;

#[tokio::test]
async fn every_lie_of_a_document_leads_nowhere() {
    let evil = lying::serve().await;
    let mut rows: Vec<(&str, Box<Lie>)> = Vec::new();
    let text = |text: &'static str| move |_: Value| text.as_bytes().to_vec();
    rows.push(("nothing", Box::new(text(""))));
    rows.push(("HTML", Box::new(text("<!doctype html>"))));
    rows.push(("null", Box::new(text("null"))));
    rows.push(("an array", Box::new(text("[]"))));
    rows.push(("an empty object", Box::new(text("{}"))));
    rows.push(("not UTF-8", Box::new(|_| b"{\"issuer\":\"\xff\"}".to_vec())));
    let told = |change: fn(String) -> String| move |truth: Value| change(truth.to_string()).into();
    rows.push((
        "a byte order mark",
        Box::new(told(|text| format!("\u{feff}{text}"))),
    ));
    rows.push(("something after it", Box::new(told(|text| text + "{}"))));
    rows.push((
        "the first half",
        Box::new(told(|text| text[..text.len() / 2].into())),
    ));
    rows.push((
        "two issuers",
        Box::new(told(|text| {
            text.replacen('{', r#"{"issuer":"https://evil.test","#, 1)
        })),
    ));
    rows.push((
        "two places of keys",
        Box::new(told(|text| {
            text.replacen('{', r#"{"jwks_uri":"https://evil.test/jwks","#, 1)
        })),
    ));
    rows.push((
        "too deep",
        Box::new(told(|text| {
            let deep = format!("{{\"x\":{}{},", "[".repeat(10_000), "]".repeat(10_000));
            text.replacen('{', &deep, 1)
        })),
    ));
    rows.push((
        "too long",
        Box::new(told(|text| text + &" ".repeat(512 * 1024))),
    ));
    let with = |name: &'static str, value: Value| {
        move |mut truth: Value| {
            match value.clone() {
                Value::Null => drop(truth.as_object_mut().expect("an object").remove(name)),
                value => truth[name] = value,
            }
            truth.to_string().into_bytes()
        }
    };
    for value in [
        json!(null),
        json!(5),
        json!(""),
        json!(["https://evil.test"]),
        json!("https://evil.test"),
        json!(evil.url()),
    ] {
        rows.push(("another issuer", Box::new(with("issuer", value))));
    }
    for value in [
        json!(null),
        json!(5),
        json!(""),
        json!("/jwks"),
        json!("jwks"),
        json!("//127.0.0.1/jwks"),
        json!([evil.key_set_url()]),
        json!({"url": evil.key_set_url()}),
        json!("data:application/json,{}"),
        json!("file:///etc/jwks"),
        json!("ftp://127.0.0.1/jwks"),
        json!("http://"),
        // Plain http that leads off this machine.
        json!("http://keys.invalid/jwks"),
        json!("http://192.0.2.1/jwks"),
    ] {
        rows.push(("no place of keys", Box::new(with("jwks_uri", value))));
    }
    for (lie, document) in rows {
        let service = Service::on_a_socket().await;
        let document = document(service.issuer.discovery());
        service.issuer.replace_discovery(document.clone());
        let document = String::from_utf8_lossy(&document[..document.len().min(300)]).into_owned();
        let token = service.token();
        let answer = service.ask(&token).await;
        assert!(answer.cannot_tell(), "{lie}: {document}: {answer:?}");
        assert_eq!(service.downloads(), 0, "{lie}: {document}");
        assert!(!last_error(&service).is_empty(), "{lie}: {document}");

        heal(&service.issuer);
        assert_eq!(
            service.ask(&token).await,
            Answer::Accepted,
            "{lie}: {document}"
        );
    }
    assert_eq!(evil.connections(), 0);
    no_task_is_left().await;
}

#[tokio::test]
async fn a_lie_about_where_keys_are_does_not_touch_those_that_are_known() {
    let service = Service::on_a_socket().await.warmed().await;
    let known = service.token();
    let evil = lying::serve().await;
    service
        .issuer
        .replace_discovery(evil.discovery().to_string());
    service
        .issuer
        .behave_at(Endpoint::KeySet, Behaviour::not_found());
    // Two failures, and then discovery is asked anew.
    for number in 0..2 {
        assert!(service.ask(&service.made_up(number)).await.cannot_tell());
    }
    service
        .issuer
        .until_requests(Endpoint::ServerMetadata, 1)
        .await;
    assert_eq!(service.at_once(&known), Some(Answer::Accepted));
    assert_eq!(evil.connections(), 0);
}

#[tokio::test]
async fn keys_that_have_moved_are_found_again_after_two_failures() {
    let service = Service::on_a_socket().await.warmed().await;
    let elsewhere = lying::serve().await;
    elsewhere.rotate();
    let key = elsewhere.key(tower_bearer::Algorithm::EdDSA);
    service
        .issuer
        .discovery_member("jwks_uri", elsewhere.key_set_url());
    service
        .issuer
        .behave_at(Endpoint::KeySet, Behaviour::status(410));
    let token = service.issuer.token().audience(AUDIENCE);
    service.recovers(&token.signed_by(&key).sign()).await;
    assert!(service.downloads() >= 3);
}

#[tokio::test]
async fn keys_may_be_at_another_origin_if_the_issuer_says_so() {
    let service = Service::on_a_socket().await;
    let keys = lying::serve().await;
    service
        .issuer
        .discovery_member("jwks_uri", keys.key_set_url());
    let key = keys.key(tower_bearer::Algorithm::EdDSA);
    let token = service.issuer.token().audience(AUDIENCE);
    assert_eq!(
        service.ask(&token.signed_by(&key).sign()).await,
        Answer::Accepted
    );
    assert_eq!((service.downloads(), keys.downloads().key_set), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn keys_on_plain_http_are_not_fetched_where_the_issuer_is_https() {
    for place in [
        "http://issuer.test/jwks",
        "http://127.0.0.1/jwks",
        "http://localhost/jwks",
    ] {
        let issuer = TestIssuer::new("https://issuer.test");
        issuer.discovery_member("jwks_uri", place);
        // Would be served, if only it were asked for.
        let plain = TestIssuer::new("http://issuer.test");
        let network = issuer.fetch().and(&plain);
        let service = Service::trusting(&issuer, |builder| builder.fetch(network));
        let answer = service.ask(&service.token()).await;
        assert!(answer.cannot_tell(), "{place}: {answer:?}");
        assert_eq!(plain.total_requests(), 0, "{place}");
        assert!(
            last_error(&service).contains("https"),
            "{}",
            last_error(&service)
        );
    }
}

#[tokio::test]
async fn keys_on_plain_http_off_this_machine_are_not_fetched_for_a_loopback_issuer_either() {
    let service = Service::on_a_socket().await;
    service
        .issuer
        .discovery_member("jwks_uri", "http://keys.test/jwks");
    assert!(service.ask(&service.token()).await.cannot_tell());
    assert!(
        last_error(&service).contains("https"),
        "{}",
        last_error(&service)
    );
}

#[test]
fn an_issuer_or_a_place_of_keys_on_plain_http_is_a_mistake_unless_it_is_on_this_machine() {
    let kind = |issuer: &str, keys: &str| {
        let builder = Authenticator::builder(issuer, AUDIENCE).jwks_url(keys);
        builder.build().map(drop).map_err(|error| error.kind())
    };
    let https = "https://issuer.test";
    let issuer = Err(ConfigErrorKind::Issuer);
    assert_eq!(
        kind("http://issuer.test", "https://issuer.test/jwks"),
        issuer
    );
    let keys = Err(ConfigErrorKind::KeySetUrl);
    assert_eq!(kind(https, "http://issuer.test/jwks"), keys);
    assert_eq!(kind(https, "https://issuer.test/jwks"), Ok(()));
    assert_eq!(
        kind("http://127.0.0.1:8080", "http://[::1]:8080/jwks"),
        Ok(())
    );
}

#[tokio::test]
async fn a_place_of_keys_that_is_configured_needs_no_discovery_but_iss_is_still_checked() {
    let issuer = lying::serve().await;
    issuer.behave_at(Endpoint::Discovery, Behaviour::html());
    let url = issuer.key_set_url();
    let service = Service::trusting(&issuer, |builder| builder.jwks_url(url));
    let foreign = issuer.token().audience(AUDIENCE);
    for iss in ["https://evil.test", "", "http://127.0.0.1"] {
        let refused = Some(Answer::Refused(VerifyErrorKind::Issuer));
        assert_eq!(
            service.at_once(&foreign.clone().issuer(iss).sign()),
            refused
        );
    }
    assert_eq!(service.both_downloads(), (0, 0));
    assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
    assert_eq!(service.both_downloads(), (0, 1));
}

#[tokio::test]
async fn a_second_place_of_keys_is_asked_when_the_first_fails() {
    let first = lying::serve().await;
    let second = lying::serve().await;
    let urls = [first.key_set_url(), second.key_set_url()];
    let service = Service::trusting(&first, |builder| {
        let [one, other] = urls;
        builder.jwks_url(one).jwks_url(other)
    });
    first.behave(Behaviour::Down);
    let key = second.key(tower_bearer::Algorithm::EdDSA);
    let token = first.token().audience(AUDIENCE).signed_by(&key).sign();
    assert_eq!(service.ask(&token).await, Answer::Accepted);

    first.behave(Behaviour::Normal);
    second.behave(Behaviour::Down);
    assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
}

#[tokio::test]
async fn a_host_that_cannot_be_resolved_is_survived() {
    let token = TestIssuer::new("https://issuer.invalid");
    let token = token.token().audience(AUDIENCE).sign();
    let auth = |keys: Option<&str>| {
        let builder = Authenticator::builder("https://issuer.invalid", AUDIENCE);
        let builder = match keys {
            Some(keys) => builder.jwks_url(keys),
            None => builder,
        };
        builder.build().expect("a sound configuration")
    };
    for auth in [auth(None), auth(Some("https://keys.invalid/jwks"))] {
        let issuer = TestIssuer::new("https://issuer.invalid");
        let service = Service { issuer, auth };
        // Two paths, two seconds each to connect at most.
        let answer = timeout(Duration::from_secs(10), service.ask(&token)).await;
        assert!(answer.expect("in time").cannot_tell());
        assert!(
            last_error(&service).contains("no connection"),
            "{}",
            last_error(&service)
        );
    }
    // Nor does it hide the other place where the keys are.
    let issuer = lying::serve().await;
    let urls = [
        "http://keys.localhost.invalid/jwks".to_owned(),
        issuer.key_set_url(),
    ];
    let service = Service::trusting(&issuer, |builder| {
        let [one, other] = urls;
        builder
            .dangerous()
            .allow_plain_http()
            .jwks_url(one)
            .jwks_url(other)
    });
    assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
    drop(service);
    no_task_is_left().await;
}

#[tokio::test]
async fn a_request_for_a_document_carries_nothing_of_the_one_who_asked() {
    let service = Service::on_a_socket().await;
    service.ask(&service.token()).await;
    for path in [OPENID, "/jwks"] {
        let headers = service.issuer.traffic(path).last_headers;
        let mut names: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["accept", "accept-encoding", "host", "user-agent"],
            "{path}"
        );
        assert_eq!(headers["accept-encoding"], "identity", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_of_ones_own_sees_each_request_and_its_limits() {
    let issuer = TestIssuer::new("https://issuer.test");
    let memory = issuer.fetch();
    let fetch = move |request: Request<Vec<u8>>, limits: FetchLimits| {
        assert_eq!(limits, FetchLimits::default());
        assert_eq!(request.method(), http::Method::GET);
        let memory = memory.clone();
        async move {
            if request.uri().path() == OPENID {
                let mut nothing = Response::new(Vec::new());
                *nothing.status_mut() = StatusCode::NO_CONTENT;
                return Ok(nothing);
            }
            memory.fetch(request, limits).await
        }
    };
    let service = Service::trusting(&issuer, |builder| builder.fetch(fetch));
    assert_eq!(service.ask(&service.token()).await, Answer::Accepted);
    assert_eq!(issuer.traffic(OAUTH).requests, 1);
}
