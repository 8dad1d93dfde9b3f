//! What an exporter shows: every decision, every download, and the state of the verified-token cache.
#![cfg(feature = "metrics")]

#[expect(dead_code, reason = "only a part of it is needed here")]
mod behind;

use std::time::Duration;

use behind::{AUDIENCE, ask, bearer, builder, echo, get, issuer, layer, send, token};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use serde_json::json;
use tower::Layer;
use tower_bearer::credential::Marker;
use tower_bearer::observe::MetricsObserver;
use tower_bearer::testing::{Behaviour, TestIssuer};
use tower_bearer::{
    Algorithm, AuthenticateLayer, Authenticator, AuthenticatorBuilder, KeySet, Requirement, require,
};

/// The text that an exporter would serve.
fn shown(recorder: &PrometheusRecorder) -> Vec<String> {
    let text = recorder.handle().render();
    text.lines().map(str::to_owned).collect()
}

/// What the exporter shows under a name with its labels.
fn value(recorder: &PrometheusRecorder, name: &str) -> Option<f64> {
    shown(recorder).iter().find_map(|line| {
        let (found, value) = line.rsplit_once(' ')?;
        (found == name).then(|| value.parse().expect("a number"))
    })
}

#[track_caller]
fn shows(recorder: &PrometheusRecorder, wanted: &[(&str, f64)]) {
    for (name, wanted) in wanted {
        let found = value(recorder, name);
        assert_eq!(found, Some(*wanted), "{name} in {:#?}", shown(recorder));
    }
}

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new().build_recorder()
}

#[tokio::test]
async fn every_decision_is_counted_by_its_outcome_and_code() {
    let recorder = recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let issuer = issuer();
    let observed = || builder(&issuer).observer(MetricsObserver::new());
    let good = bearer(&token(&issuer));
    let with = |value: &str| get("/", &[("authorization", value)]);

    let strict = layer(observed());
    for request in [with(&good), with(&good), with(&good), get("/", &[])] {
        send(&strict, request).await;
    }
    let expired = issuer.token().audience(AUDIENCE).expired().sign();
    send(&strict, with(&bearer(&expired))).await;
    send(&layer(observed()).optional(), get("/", &[])).await;
    send(&layer(observed()).observe_only(), get("/", &[])).await;
    let key = Marker::prefix("sk_").expect("a marker");
    let other = observed().other_credential(key, |_: String| async { Ok(Some(7_u8)) });
    send(&layer(other), with("Bearer sk_1")).await;
    let admins = require(Requirement::scopes("admin")).layer(echo());
    ask(strict.layer(admins), with(&good)).await;
    issuer.behave(Behaviour::Down);
    send(&layer(observed()), with(&good)).await;

    let row = |outcome: &str, code: &str| {
        format!("tower_bearer_decisions_total{{outcome=\"{outcome}\",code=\"{code}\"}}")
    };
    for (outcome, code, count) in [
        // The fourth was denied afterwards.
        ("accepted", "accepted", 4.0),
        ("accepted", "other_accepted", 1.0),
        ("anonymous", "anonymous", 1.0),
        ("refused", "credential_missing", 1.0),
        ("refused", "expired", 1.0),
        ("not_refused", "credential_missing", 1.0),
        ("denied", "insufficient_scope", 1.0),
        ("undecided", "keys_unavailable", 1.0),
    ] {
        shows(&recorder, &[(&row(outcome, code), count)]);
    }
}

#[tokio::test(start_paused = true)]
async fn every_download_and_every_key_left_out_is_counted() {
    let recorder = recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let issuer = issuer();
    issuer.add_jwk(json!({"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}));
    let auth = builder(&issuer).observer(MetricsObserver::new());
    let auth = auth.build().expect("sound");
    auth.warm().await.expect("the issuer is up");
    let refreshes = "tower_bearer_key_refreshes_total";
    let changed = format!("{refreshes}{{outcome=\"changed\",serving=\"true\"}}");
    let unchanged = format!("{refreshes}{{outcome=\"unchanged\",serving=\"true\"}}");
    let failed = format!("{refreshes}{{outcome=\"failed\",serving=\"true\"}}");
    let hopeless = format!("{refreshes}{{outcome=\"failed\",serving=\"false\"}}");
    let skipped = "tower_bearer_keys_skipped_total{reason=\"symmetric\"}";
    shows(&recorder, &[(&changed, 1.0), (skipped, 1.0)]);

    // Fresh for ten minutes, and refreshed before they are over.
    tokio::time::sleep(Duration::from_secs(600)).await;
    shows(&recorder, &[(&changed, 1.0), (&unchanged, 1.0)]);
    shows(&recorder, &[(skipped, 1.0)]);
    issuer.behave(Behaviour::Down);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(value(&recorder, &failed) >= Some(1.0));
    assert_eq!(value(&recorder, &hopeless), None);
    tokio::time::sleep(Duration::from_secs(26 * 3600)).await;
    assert!(value(&recorder, &hopeless) >= Some(1.0));
}

/// An authenticator with a small cache and a shared secret, which is fast to sign with.
fn small_cache(issuer: &TestIssuer) -> AuthenticatorBuilder {
    let keys = KeySet::hmac(Algorithm::HS256, SECRET).expect("long enough");
    let builder = Authenticator::builder(issuer.url(), AUDIENCE).key_set(keys);
    builder.token_cache(64 * 1024)
}

const SECRET: &[u8] = b"only for this test, only for this test";

/// Sends `count` tokens that no one has seen, and then each again.
async fn use_cache(auth: &Authenticator, issuer: &TestIssuer, count: usize) {
    let tokens = (0..count).map(|_| {
        let token = issuer.token().audience(AUDIENCE);
        token.signed_with_secret(Algorithm::HS256, SECRET).sign()
    });
    let tokens: Vec<String> = tokens.collect();
    for token in tokens.iter().chain(&tokens) {
        auth.verify(token).await.expect("good");
    }
}

#[tokio::test]
async fn hits_misses_evictions_and_size_of_the_cache_are_shown_as_they_are_in_health() {
    let recorder = recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let (issuer, metrics) = (issuer(), MetricsObserver::new());
    let auth = small_cache(&issuer).observer(metrics.clone());
    let auth = auth.build().expect("sound");
    let check = || {
        let health = auth.health();
        metrics.record(&health);
        let cache = health.token_cache().expect("it is on");
        shows(
            &recorder,
            &[
                ("tower_bearer_ready", 1.0),
                ("tower_bearer_token_cache_hits_total", cache.hits as f64),
                ("tower_bearer_token_cache_misses_total", cache.misses as f64),
                (
                    "tower_bearer_token_cache_evictions_total",
                    cache.evictions as f64,
                ),
                ("tower_bearer_token_cache_entries", cache.entries as f64),
                ("tower_bearer_token_cache_bytes", cache.bytes as f64),
                ("tower_bearer_token_cache_max_bytes", 65536.0),
            ],
        );
        cache
    };
    check();
    use_cache(&auth, &issuer, 10).await;
    let cache = check();
    assert_eq!((cache.hits, cache.misses, cache.entries), (10, 10, 10));
    use_cache(&auth, &issuer, 1000).await;
    let cache = check();
    assert!(cache.evictions > 500 && cache.entries < 200, "{cache:?}");
    assert_eq!(check(), cache, "to tell it twice changes nothing");
}

#[tokio::test]
async fn a_cache_that_is_off_may_take_no_bytes() {
    let recorder = recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let auth = builder(&issuer()).token_cache(0).build().expect("sound");
    MetricsObserver::new().record(&auth.health());
    let row = ("tower_bearer_token_cache_max_bytes", 0.0);
    shows(&recorder, &[row, ("tower_bearer_ready", 0.0)]);
    assert_eq!(
        value(&recorder, "tower_bearer_token_cache_hits_total"),
        None
    );
}

/// A handle to a metric that was kept would go on counting for the recorder of its first use, or for none.
#[tokio::test]
async fn a_recorder_that_is_installed_later_sees_what_comes_from_then_on_and_the_totals_of_the_cache()
 {
    let (issuer, metrics) = (issuer(), MetricsObserver::new());
    let auth = small_cache(&issuer).observer(metrics.clone());
    let auth = auth.build().expect("sound");
    let accepted = "tower_bearer_decisions_total{outcome=\"accepted\",code=\"accepted\"}";
    use_cache(&auth, &issuer, 1).await;
    let (first, second) = (recorder(), recorder());
    for (recorder, hits) in [(&first, 2.0), (&second, 3.0)] {
        let _local = metrics::set_default_local_recorder(recorder);
        use_cache(&auth, &issuer, 1).await;
        metrics.record(&auth.health());
        shows(
            recorder,
            &[
                (accepted, 2.0),
                ("tower_bearer_token_cache_hits_total", hits),
            ],
        );
    }
}

#[tokio::test]
async fn several_authenticators_are_told_apart_by_name() {
    let recorder = recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let issuer = issuer();
    for (name, tokens) in [("orders", 1), ("invoices", 2)] {
        let metrics = MetricsObserver::new().named(name);
        let auth = small_cache(&issuer).observer(metrics.clone());
        let auth = auth.build().expect("sound");
        use_cache(&auth, &issuer, tokens).await;
        metrics.record(&auth.health());
    }
    shows(
        &recorder,
        &[
            (
                "tower_bearer_token_cache_hits_total{authenticator=\"orders\"}",
                1.0,
            ),
            (
                "tower_bearer_token_cache_hits_total{authenticator=\"invoices\"}",
                2.0,
            ),
            (
                "tower_bearer_decisions_total{authenticator=\"invoices\",outcome=\"accepted\",code=\"accepted\"}",
                4.0,
            ),
        ],
    );
}

#[tokio::test]
async fn issuers_are_told_apart_only_where_that_was_asked_for() {
    let issuer = issuer();
    issuer.add_jwk(json!({"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}));
    for asked in [false, true] {
        let recorder = recorder();
        let _local = metrics::set_default_local_recorder(&recorder);
        let metrics = MetricsObserver::new();
        let metrics = if asked { metrics.by_issuer() } else { metrics };
        let auth = builder(&issuer).observer(metrics.clone());
        let auth = auth.build().expect("sound");
        auth.warm().await.expect("the issuer is up");
        metrics.record(&auth.health());
        let text = recorder.handle().render();
        assert_eq!(text.contains(issuer.url()), asked, "{text}");
        for (name, wanted) in [
            (
                "key_refreshes_total{outcome=\"changed\",serving=\"true\",issuer=\"https://issuer.test\"}",
                1.0,
            ),
            (
                "keys_skipped_total{reason=\"symmetric\",issuer=\"https://issuer.test\"}",
                1.0,
            ),
            ("keys_usable{issuer=\"https://issuer.test\"}", 1.0),
            (
                "keys_stale_left_seconds{issuer=\"https://issuer.test\"}",
                87_000.0,
            ),
        ] {
            let found = value(&recorder, &format!("tower_bearer_{name}"));
            // Whole seconds have hardly passed since the download.
            let close = found.is_some_and(|found| (wanted - 60.0..=wanted).contains(&found));
            assert_eq!(close, asked, "{name}: {found:?}");
        }
    }
}

/// Whatever a client sends, no series is made for it.
#[tokio::test]
async fn no_metric_shows_a_token_a_subject_or_a_key_id() {
    let recorder = recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let issuer = issuer();
    let layer = layer(builder(&issuer).observer(MetricsObserver::new().by_issuer()));
    let mut series = 0;
    for number in 0..50 {
        let token = issuer.token().audience(AUDIENCE);
        let token = token.subject(format!("subject-{number}"));
        let good = token.sign();
        let unknown = token.clone().key_id(format!("key-{number}")).sign();
        let foreign = token.issuer(format!("https://issuer-{number}.test")).sign();
        for token in [&good, &unknown, &foreign, &format!("garbage-{number}")] {
            send(&layer, get("/", &[("authorization", &bearer(token))])).await;
        }
        let text = recorder.handle().render();
        let parts = good
            .split('.')
            .chain(["subject-", "key-", "issuer-", "garbage-"]);
        for part in parts {
            assert!(!text.contains(part), "{text}");
        }
        if number == 1 {
            series = text.lines().count();
        }
    }
    // One more may come: the budget for downloads ends.
    let lines = shown(&recorder).len();
    assert!(lines <= series + 2, "{:#?}", shown(&recorder));
}

#[tokio::test]
async fn each_metric_says_what_it_means() {
    let recorder = recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let (issuer, metrics) = (issuer(), MetricsObserver::new().by_issuer());
    issuer.add_jwk(json!({"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}));
    let layer = layer(builder(&issuer).observer(metrics.clone()));
    send(
        &layer,
        get("/", &[("authorization", &bearer(&token(&issuer)))]),
    )
    .await;
    let auth = builder(&issuer).build().expect("sound");
    auth.warm().await.expect("the issuer is up");
    metrics.record(&auth.health());
    let shown = shown(&recorder);
    let lines = |start: &str| {
        let lines = shown.iter().filter_map(|line| line.strip_prefix(start));
        let mut names: Vec<_> = lines
            .filter_map(|line| line.split_once(' ').map(|(name, _)| name))
            .collect();
        names.sort_unstable();
        names
    };
    assert_eq!(lines("# HELP "), lines("# TYPE "), "{shown:#?}");
    assert_eq!(lines("# TYPE ").len(), 12, "{shown:#?}");
    // What is documented is what there is.
    let source = include_str!("../src/observe/metrics.rs");
    for name in lines("# TYPE ") {
        assert!(source.contains(&format!("/// | `{name}` |")), "{name}");
    }
}

/// One observer may watch several layers of one authenticator, and is cheap to clone.
#[test]
fn the_observer_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static>(_: T) {}
    shared(MetricsObserver::default());
    let auth = builder(&issuer()).observer(MetricsObserver::default());
    let _layer = AuthenticateLayer::new(auth.build().expect("sound"));
}
