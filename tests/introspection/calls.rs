//! How often the issuer is asked: once for a token, whoever asks and whoever hangs up, and never more than a bound at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower_bearer::testing::{Behaviour, Endpoint};

use crate::{settings, stage};

#[tokio::test(start_paused = true)]
async fn ten_thousand_requests_with_one_token_are_one_call() {
    let stage = Arc::new(stage(settings()).await);
    let token: Arc<str> = stage.opaque().into();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Held);
    let requests: Vec<_> = (0..10_000)
        .map(|_| {
            let (auth, token) = (stage.auth.clone(), Arc::clone(&token));
            tokio::spawn(async move { auth.verify(&token).await.is_ok() })
        })
        .collect();
    stage
        .issuer
        .until_requests(Endpoint::Introspection, 1)
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Normal);
    for request in requests {
        assert!(request.await.expect("no panic"));
    }
    for _ in 0..1000 {
        stage.auth.verify(&token).await.expect("remembered");
    }
    assert_eq!(stage.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_an_answer_is_over_all_who_come_at_once_ask_once() {
    let stage = stage(settings()).await;
    let token: Arc<str> = stage.opaque().into();
    stage.accept("at first", &token).await;
    for asked in 2..=4 {
        tokio::time::advance(Duration::from_secs(30)).await;
        let requests: Vec<_> = (0..1000)
            .map(|_| {
                let (auth, token) = (stage.auth.clone(), Arc::clone(&token));
                tokio::spawn(async move { auth.verify(&token).await.is_ok() })
            })
            .collect();
        for request in requests {
            assert!(request.await.expect("no panic"));
        }
        assert_eq!(stage.asked(), asked);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn threads_that_meet_at_one_token_make_one_call() {
    let stage = Arc::new(stage(settings()).await);
    let tokens: Vec<Arc<str>> = (0..20).map(|_| stage.opaque().into()).collect();
    let requests: Vec<_> = (0..4000)
        .map(|number: usize| {
            let token = tokens.get(number % tokens.len()).map(Arc::clone);
            let (auth, token) = (stage.auth.clone(), token.expect("within"));
            tokio::spawn(async move {
                auth.verify(&token)
                    .await
                    .map(|token| token.token_id().map(str::to_owned))
            })
        })
        .collect();
    let mut seen = std::collections::HashSet::new();
    for request in requests {
        seen.insert(request.await.expect("no panic").expect("a good token"));
    }
    assert_eq!((stage.asked(), seen.len()), (20, 20));
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_on_when_those_who_wait_for_it_hang_up() {
    let stage = stage(settings()).await;
    let token = stage.opaque();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Held);
    let auth = stage.auth.clone();
    let first = {
        let token = token.clone();
        tokio::spawn(async move { auth.verify(&token).await })
    };
    stage
        .issuer
        .until_requests(Endpoint::Introspection, 1)
        .await;
    let auth = stage.auth.clone();
    let second = {
        let token = token.clone();
        tokio::spawn(async move { auth.verify(&token).await.is_ok() })
    };
    tokio::task::yield_now().await;
    first.abort();
    assert!(first.await.expect_err("it was cancelled").is_cancelled());
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Normal);
    assert!(second.await.expect("no panic"));

    // Nor does it need anyone at all.
    let other = stage.opaque();
    drop(stage.auth.verify(&other));
    let unpolled = stage.asked();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Held);
    let alone = {
        let (auth, other) = (stage.auth.clone(), other.clone());
        tokio::spawn(async move { auth.verify(&other).await })
    };
    stage
        .issuer
        .until_requests(Endpoint::Introspection, unpolled + 1)
        .await;
    alone.abort();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Normal);
    stage.accept("a call that nobody waited for", &other).await;
    assert_eq!(stage.asked(), unpolled + 1);
}

#[tokio::test(start_paused = true)]
async fn good_tokens_that_come_all_at_once_wait_for_their_turn() {
    let stage = stage(settings().max_calls(2)).await;
    let requests: Vec<_> = (0..32)
        .map(|_| {
            let (auth, token) = (stage.auth.clone(), stage.opaque());
            tokio::spawn(async move { auth.verify(&token).await.map(drop) })
        })
        .collect();
    for request in requests {
        request.await.expect("no panic").expect("a good token");
    }
    assert_eq!(stage.asked(), 32);
}

#[tokio::test(start_paused = true)]
async fn made_up_tokens_are_asked_about_a_bounded_number_at_once() {
    let stage = stage(settings().max_calls(3)).await;
    let good = stage.opaque();
    stage.accept("remembered", &good).await;
    stage.issuer.forget_requests();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Held);
    let refused = Arc::new(AtomicUsize::new(0));
    let requests: Vec<_> = (0..1000)
        .map(|number| {
            let (auth, refused) = (stage.auth.clone(), Arc::clone(&refused));
            tokio::spawn(async move {
                let error = auth.verify(&format!("made-up-{number}")).await;
                let code = error.expect_err("made up").code();
                if code == "introspection_unavailable" {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                code
            })
        })
        .collect();
    stage
        .issuer
        .until_requests(Endpoint::Introspection, 3)
        .await;
    // Some wait for their turn, for a second.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stage.asked(), 3);
    assert_eq!(refused.load(Ordering::Relaxed), 997);
    // What is remembered needs no call.
    stage.accept("remembered", &good).await;
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Normal);
    let mut codes = Vec::new();
    for request in requests {
        codes.push(request.await.expect("no panic"));
    }
    assert_eq!(codes.iter().filter(|code| **code == "inactive").count(), 3);
    stage
        .accept("and then there is room", &stage.opaque())
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_panics_harms_nobody_but_those_who_wait() {
    use tower_bearer::fetch::FetchLimits;

    let issuer = tower_bearer::testing::TestIssuer::new(crate::support::ISSUER);
    let fails = Arc::new(AtomicUsize::new(1));
    let (inner, left) = (issuer.fetch(), Arc::clone(&fails));
    let fetch = move |request: http::Request<Vec<u8>>, limits: FetchLimits| {
        use tower_bearer::fetch::Fetch;
        let (inner, left) = (inner.clone(), Arc::clone(&left));
        async move {
            if request.method() == "POST" && left.swap(0, Ordering::Relaxed) > 0 {
                panic!("on purpose");
            }
            inner.fetch(request, limits).await
        }
    };
    let auth = tower_bearer::Authenticator::builder(issuer.url(), crate::support::AUDIENCE)
        .introspection(settings())
        .fetch(fetch)
        .build()
        .expect("a sound configuration");
    let token = issuer.token().audience(crate::support::AUDIENCE).opaque();
    let error = auth.verify(&token).await.expect_err("it panicked");
    assert_eq!(error.code(), "introspection_unavailable");
    auth.verify(&token).await.expect("the next call is another");
}

#[test]
fn a_runtime_that_ends_amid_a_call_leaves_the_next_one_to_ask_anew() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    let first = runtime();
    let stage = first.block_on(stage(settings()));
    let token = stage.opaque();
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Hang);
    first.block_on(async {
        let auth = stage.auth.clone();
        let token = token.clone();
        tokio::spawn(async move { auth.verify(&token).await });
        stage
            .issuer
            .until_requests(Endpoint::Introspection, 1)
            .await;
    });
    drop(first);
    stage
        .issuer
        .behave_at(Endpoint::Introspection, Behaviour::Normal);
    let second = runtime();
    let verified = second.block_on(stage.auth.verify(&token));
    assert!(verified.is_ok(), "{verified:?}");
}
