//! Several issuers: each with its own policy, keys and budget; given in code, or found at run time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_bearer::issuers::ResolveError;
use tower_bearer::testing::{Behaviour, TestIssuer};
use tower_bearer::{
    Algorithm, Authenticator, AuthenticatorBuilder, IssuerTemplate, NumericDate, Rejection,
    TrustedIssuer, VerifyErrorKind,
};

const AUDIENCE: &str = "https://api.example.com";
const HOME: &str = "https://id.example.com";

fn home() -> TestIssuer {
    TestIssuer::new(HOME)
}

fn builder(fetch: impl tower_bearer::fetch::Fetch) -> AuthenticatorBuilder {
    Authenticator::builder(HOME, AUDIENCE).fetch(fetch)
}

fn code(outcome: Result<tower_bearer::Verified, Rejection>) -> &'static str {
    match outcome {
        Ok(_) => "accepted",
        Err(rejection) => rejection.code(),
    }
}

#[tokio::test]
async fn each_issuer_is_held_to_its_own_policy_and_keys() {
    let (one, other) = (home(), TestIssuer::new("https://other.example.com"));
    let auth = builder(one.fetch().and(&other))
        .trust(TrustedIssuer::new(other.url(), "other").algorithms([Algorithm::ES256]))
        .build()
        .expect("sound");
    let es256 = other.token().algorithm(Algorithm::ES256);
    for (what, token, outcome) in [
        ("its own", one.token().audience(AUDIENCE).sign(), "accepted"),
        (
            "the other's own",
            es256.clone().audience("other").sign(),
            "accepted",
        ),
        (
            "the first's audience at the other",
            es256.clone().audience(AUDIENCE).sign(),
            "audience",
        ),
        (
            "an algorithm of the first at the other",
            other
                .token()
                .algorithm(Algorithm::RS256)
                .audience("other")
                .sign(),
            "algorithm_not_allowed",
        ),
        (
            "the other's key for the first",
            one.token()
                .audience(AUDIENCE)
                .signed_by(&other.key(Algorithm::RS256))
                .sign(),
            "key_unknown",
        ),
        (
            "nobody's",
            TestIssuer::new("https://nobody.example.com").token().sign(),
            "issuer",
        ),
    ] {
        assert_eq!(code(auth.verify(&token).await), outcome, "{what}");
    }
}

#[tokio::test]
async fn the_same_kid_of_two_issuers_is_two_keys() {
    let (one, other) = (home(), TestIssuer::new("https://other.example.com"));
    one.set_key_id(Algorithm::RS256, "same");
    other.set_key_id(Algorithm::RS256, "same");
    let auth = builder(one.fetch().and(&other))
        .trust(TrustedIssuer::new(other.url(), AUDIENCE))
        .build()
        .expect("sound");
    auth.warm().await.expect("both are up");
    let crossed = one
        .token()
        .audience(AUDIENCE)
        .signed_by(&other.key(Algorithm::RS256))
        .sign();
    assert_eq!(code(auth.verify(&crossed).await), "signature");
    assert_eq!(
        code(auth.verify(&one.token().audience(AUDIENCE).sign()).await),
        "accepted"
    );
    assert_eq!(
        code(auth.verify(&other.token().audience(AUDIENCE).sign()).await),
        "accepted"
    );
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_or_flooded_harms_no_other() {
    let (one, other) = (home(), TestIssuer::new("https://other.example.com"));
    other.behave(Behaviour::Hang);
    let auth = builder(one.fetch().and(&other))
        .trust(TrustedIssuer::new(other.url(), AUDIENCE))
        .build()
        .expect("sound");
    for kid in 0..100 {
        let auth = auth.clone();
        let flood = other
            .token()
            .audience(AUDIENCE)
            .key_id(format!("made-up-{kid}"))
            .sign();
        tokio::spawn(async move { auth.verify(&flood).await });
    }
    tokio::task::yield_now().await;
    let token = one.token().audience(AUDIENCE).sign();
    assert_eq!(code(auth.verify(&token).await), "accepted");
    one.rotate();
    let token = one.token().audience(AUDIENCE).sign();
    assert_eq!(code(auth.verify(&token).await), "accepted");
    assert_eq!(
        code(auth.verify(&other.token().audience(AUDIENCE).sign()).await),
        "keys_unavailable"
    );
    assert!(auth.is_ready(), "one of two has its keys");
}

#[tokio::test]
async fn an_issuer_with_keys_given_in_code_is_always_ready() {
    let (down, other) = (home(), TestIssuer::new("https://other.example.com"));
    down.behave(Behaviour::Down);
    let document = other.key_set().to_string();
    let keys = tower_bearer::KeySet::from_json(document.as_bytes()).expect("a key set");
    let auth = builder(down.fetch())
        .trust(TrustedIssuer::new(other.url(), AUDIENCE).key_set(keys))
        .build()
        .expect("sound");
    assert!(auth.is_ready());
    assert!(auth.warm_within(Duration::ZERO).await.is_err());
    down.behave(Behaviour::Normal);
    auth.warm_within(Duration::MAX).await.expect("up by now");
}

#[tokio::test]
async fn an_unknown_issuer_causes_no_download() {
    let (one, stranger) = (home(), TestIssuer::new("https://stranger.example.com"));
    let auth = builder(one.fetch().and(&stranger)).build().expect("sound");
    for iss in [
        "https://stranger.example.com",
        "https://id.example.com/",
        "https://id.example.com.evil.example",
        "https://ID.example.com",
        "http://id.example.com",
        "https://id.example.co",
        "file:///etc/passwd",
    ] {
        let token = stranger.token().issuer(iss).audience(AUDIENCE).sign();
        assert_eq!(code(auth.verify(&token).await), "issuer", "{iss}");
    }
    assert_eq!(one.total_requests() + stranger.total_requests(), 0);
}

fn tenant(name: &str) -> TestIssuer {
    TestIssuer::new(&format!("https://login.example/{name}/v2.0"))
}

fn tenants() -> IssuerTemplate {
    IssuerTemplate::new("https://login.example/{tenant}/v2.0", |issuer, _| {
        TrustedIssuer::new(issuer, AUDIENCE)
    })
    .expect("a template")
}

#[tokio::test]
async fn a_template_trusts_the_tenants_that_are_allowed() {
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let fetch = acme.fetch().and(&globex);
    let auth = builder(fetch)
        .resolver(tenants().allow(["acme"]))
        .build()
        .expect("sound");
    assert_eq!(
        code(auth.verify(&acme.token().audience(AUDIENCE).sign()).await),
        "accepted"
    );
    assert_eq!(
        code(auth.verify(&globex.token().audience(AUDIENCE).sign()).await),
        "issuer"
    );
    let crossed = acme
        .token()
        .audience(AUDIENCE)
        .signed_by(&globex.key(Algorithm::RS256))
        .sign();
    assert_eq!(code(auth.verify(&crossed).await), "key_unknown");
    assert_eq!(globex.total_requests(), 0);
    assert_eq!(auth.health().issuers().len(), 2);
}

#[tokio::test]
async fn a_template_allows_no_tenant_by_itself() {
    let acme = tenant("acme");
    let auth = builder(acme.fetch())
        .resolver(tenants())
        .build()
        .expect("sound");
    assert_eq!(
        code(auth.verify(&acme.token().audience(AUDIENCE).sign()).await),
        "issuer"
    );
}

#[tokio::test]
async fn a_thousand_first_requests_of_one_tenant_share_one_download() {
    let acme = tenant("acme");
    let auth = builder(acme.fetch())
        .resolver(tenants().allow_if(|_| true))
        .build()
        .expect("sound");
    let token = acme.token().audience(AUDIENCE).sign();
    let requests: Vec<_> = (0..1000)
        .map(|_| {
            let (auth, token) = (auth.clone(), token.clone());
            tokio::spawn(async move { code(auth.verify(&token).await) })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.expect("no panic"), "accepted");
    }
    let downloads = acme.downloads();
    assert_eq!((downloads.discovery, downloads.key_set), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_is_gone_is_no_longer_trusted_after_ten_minutes() {
    let acme = tenant("acme");
    let allowed = Arc::new(AtomicUsize::new(1));
    let seen = Arc::clone(&allowed);
    let resolver = tenants().allow_if(move |_| seen.load(Ordering::Relaxed) == 1);
    let auth = builder(acme.fetch())
        .resolver(resolver)
        .build()
        .expect("sound");
    let token = acme
        .token()
        .audience(AUDIENCE)
        .expires_in(Duration::from_secs(86_400))
        .sign();
    assert_eq!(code(auth.verify(&token).await), "accepted");

    // Asked again and still trusted: the keys at hand are kept, although the provider is down by now.
    acme.behave(Behaviour::Down);
    tokio::time::advance(Duration::from_secs(601)).await;
    assert_eq!(code(auth.verify(&token).await), "accepted");

    allowed.store(0, Ordering::Relaxed);
    assert_eq!(code(auth.verify(&token).await), "accepted");
    tokio::time::advance(Duration::from_secs(601)).await;
    assert_eq!(code(auth.verify(&token).await), "issuer");

    // A refusal is remembered for half a minute.
    allowed.store(1, Ordering::Relaxed);
    assert_eq!(code(auth.verify(&token).await), "issuer");
    tokio::time::advance(Duration::from_secs(31)).await;
    acme.behave(Behaviour::Normal);
    assert_eq!(code(auth.verify(&token).await), "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_cannot_tell_is_no_refusal() {
    let acme = tenant("acme");
    let up = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&up);
    let auth = builder(acme.fetch())
        .resolver(move |issuer: String| {
            let up = seen.load(Ordering::Relaxed) == 1;
            async move {
                if up {
                    Ok(Some(TrustedIssuer::new(issuer, AUDIENCE)))
                } else {
                    Err(ResolveError::new("the table of tenants is locked"))
                }
            }
        })
        .build()
        .expect("sound");
    let token = acme
        .token()
        .audience(AUDIENCE)
        .expires_in(Duration::from_secs(1 << 20))
        .sign();
    assert_eq!(code(auth.verify(&token).await), "issuer_unavailable");
    up.store(1, Ordering::Relaxed);
    assert_eq!(code(auth.verify(&token).await), "accepted");

    // Trusted a moment ago, so trusted for a day more.
    up.store(0, Ordering::Relaxed);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(code(auth.verify(&token).await), "accepted");
    tokio::time::advance(Duration::from_secs(86_400)).await;
    assert_eq!(code(auth.verify(&token).await), "issuer_unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_never_answers_holds_no_request_for_longer_than_five_seconds() {
    let acme = tenant("acme");
    let auth = builder(acme.fetch())
        .resolver(|_: String| std::future::pending())
        .build()
        .expect("sound");
    let token = acme.token().audience(AUDIENCE).sign();
    let requests: Vec<_> = (0..1000)
        .map(|_| {
            let (auth, token) = (auth.clone(), token.clone());
            tokio::spawn(async move { code(auth.verify(&token).await) })
        })
        .collect();
    let begun = tokio::time::Instant::now();
    for request in requests {
        assert_eq!(request.await.expect("no panic"), "issuer_unavailable");
    }
    assert!(begun.elapsed() < Duration::from_millis(5100));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_in_use_never_waits_for_the_resolver() {
    let acme = tenant("acme");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let auth = builder(acme.fetch())
        .resolver(move |issuer: String| {
            let slow = count.fetch_add(1, Ordering::Relaxed) > 0;
            async move {
                if slow {
                    tokio::time::sleep(Duration::from_secs(4)).await;
                }
                Ok(Some(TrustedIssuer::new(issuer, AUDIENCE)))
            }
        })
        .build()
        .expect("sound");
    let token = acme
        .token()
        .audience(AUDIENCE)
        .expires_in(Duration::from_secs(1 << 20))
        .sign();
    for _ in 0..60 {
        let begun = tokio::time::Instant::now();
        assert_eq!(code(auth.verify(&token).await), "accepted");
        assert_eq!(begun.elapsed(), Duration::ZERO);
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert!(
        (6..=8).contains(&asked.load(Ordering::Relaxed)),
        "once in eight minutes or so"
    );
    assert_eq!(acme.downloads().discovery, 1, "the keys at hand are kept");
}

#[tokio::test]
async fn an_answer_for_another_issuer_is_a_refusal() {
    let acme = tenant("acme");
    let auth = builder(acme.fetch())
        .resolver(|issuer: String| async move {
            Ok(Some(TrustedIssuer::new(format!("{issuer}/"), AUDIENCE)))
        })
        .build()
        .expect("sound");
    let refused = auth.verify(&acme.token().audience(AUDIENCE).sign()).await;
    match refused {
        Err(Rejection::Verify(error)) => assert_eq!(error.kind(), VerifyErrorKind::Issuer),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stranger_cannot_make_the_resolver_work_for_the_same_issuer_again_and_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let stranger = tenant("stranger");
    let auth = builder(stranger.fetch())
        .resolver(move |_: String| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok(None) }
        })
        .build()
        .expect("sound");
    let token = stranger.token().audience(AUDIENCE).sign();
    for _ in 0..100 {
        assert_eq!(code(auth.verify(&token).await), "issuer");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    for iss in ["urn:uuid:1", "", &format!("https://{}", "a".repeat(512))] {
        let token = stranger.token().issuer(iss).audience(AUDIENCE).sign();
        assert_eq!(code(auth.verify(&token).await), "issuer");
    }
    assert_eq!(
        asked.load(Ordering::Relaxed),
        1,
        "what cannot be an issuer is not asked for"
    );
}

#[tokio::test]
async fn the_kept_tenants_are_bounded_and_one_that_fell_out_still_works() {
    let tenants: Vec<_> = (0..8).map(|number| tenant(&format!("t{number}"))).collect();
    let fetch = tenants
        .iter()
        .fold(home().fetch(), |fetch, each| fetch.and(each));
    let auth = builder(fetch)
        .resolver(self::tenants().allow_if(|_| true))
        .max_resolved_issuers(2)
        .build()
        .expect("sound");
    for _ in 0..2 {
        for tenant in &tenants {
            let token = tenant.token().audience(AUDIENCE).sign();
            assert_eq!(code(auth.verify(&token).await), "accepted");
        }
    }
    assert_eq!(
        auth.health().issuers().len(),
        1 + 2,
        "the one given in code, and two"
    );
}

#[tokio::test]
async fn a_flood_of_made_up_tenants_pushes_out_no_real_one_and_is_bounded() {
    let acme = tenant("acme");
    let auth = builder(acme.fetch())
        .resolver(tenants().allow_if(|_| true))
        .build()
        .expect("sound");
    let token = acme.token().audience(AUDIENCE).sign();
    assert_eq!(code(auth.verify(&token).await), "accepted");
    let flood: Vec<_> = (0..3000)
        .map(|number| {
            let iss = format!("https://login.example/made-up-{number}/v2.0");
            let (auth, token) = (
                auth.clone(),
                acme.token().issuer(iss).audience(AUDIENCE).sign(),
            );
            tokio::spawn(async move { code(auth.verify(&token).await) })
        })
        .collect();
    for request in flood {
        let code = request.await.expect("no panic");
        assert!(
            ["issuer_unavailable", "keys_unavailable"].contains(&code),
            "{code}"
        );
    }
    assert_eq!(code(auth.verify(&token).await), "accepted");
    assert_eq!(acme.downloads().key_set, 1);
    assert!(
        auth.health().issuers().len() <= 1 + 1 + 256,
        "the unproved are bounded"
    );
}

#[tokio::test]
async fn what_no_policy_could_accept_is_not_asked_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let acme = tenant("acme");
    let auth = builder(acme.fetch())
        .resolver(move |_: String| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok(None) }
        })
        .build()
        .expect("sound");
    let token = acme.token().audience(AUDIENCE);
    for (token, outcome) in [
        (
            token
                .clone()
                .expires_at(NumericDate::from_seconds(1_000_000_000)),
            "expired",
        ),
        (
            token.clone().claim("events", serde_json::json!({})),
            "foreign_claim",
        ),
        (token.clone().issuer("http\u{0}'; DROP TABLE"), "issuer"),
        (token.clone().issuer("https://a.example/?q="), "issuer"),
    ] {
        assert_eq!(code(auth.verify(&token.sign()).await), outcome);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn an_issuer_given_twice_is_a_mistake() {
    let refused = Authenticator::builder(HOME, AUDIENCE)
        .trust(TrustedIssuer::new(HOME, "other"))
        .build();
    let error = refused.expect_err("given twice");
    assert!(error.to_string().contains(HOME), "{error}");
}
