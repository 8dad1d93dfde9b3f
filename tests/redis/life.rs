//! Beginning and ending: no runtime, another runtime, the last handle.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tower_bearer::redis::Redis;
use tower_bearer::revocation::{RedisRevocations, Revocation, RevocationCheck, RevocationStore};

use crate::server::Server;
use crate::stage::{ISSUER, Outcome, Stage};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn with_the_last_handle_end_its_tasks_and_connections() {
    let server = Server::start();
    let stage = Stage::new();
    let clients = || server.cli(&["client", "list"]).lines().count();
    let tasks = || Handle::current().metrics().num_alive_tasks();
    // The issuer's keys are looked after by a task, too.
    let issuer_only = stage
        .service(Redis::single("redis://127.0.0.1:1").unwrap())
        .await;
    drop(issuer_only);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = (tasks(), clients());
    for keeps_copy in [true, false] {
        let store = RedisRevocations::new(Redis::single(&server.url()).unwrap());
        let store = if keeps_copy {
            store
        } else {
            store.without_local_copy()
        };
        let service = stage.service_with(store).await;
        service.warm().await;
        service.revoke("one").await;
        let clone = service.clone();
        drop(service);
        assert_eq!(clone.send(&stage.token("one")).await, Outcome::Revoked);
        assert_eq!(clients(), before.1 + 1);
        drop(clone);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!((tasks(), clients()), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn tasks_end_while_they_try_in_vain_too() {
    let stage = Stage::new();
    let before = Handle::current().metrics().num_alive_tasks();
    for redis in [
        Redis::single("redis://127.0.0.1:1").unwrap(),
        Redis::cluster(["redis://127.0.0.1:1"]).unwrap(),
        Redis::sentinel(["redis://127.0.0.1:1", "redis://127.0.0.1:2"], "m").unwrap(),
    ] {
        let service = stage.service(redis).await;
        assert_eq!(service.send(&stage.token("good")).await, Outcome::Unknown);
        assert_eq!(service.store.state().connected, Some(false));
        drop(service);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
    }
}

#[test]
#[ignore = "needs redis-server"]
fn without_a_runtime_nothing_is_known_and_nothing_panics() {
    let server = Server::start();
    let stage = Stage::new();
    let runtime = || {
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    for keeps_copy in [true, false] {
        let store = RedisRevocations::new(Redis::single(&server.url()).unwrap());
        let store = if keeps_copy {
            store
        } else {
            store.without_local_copy()
        };
        let first = runtime();
        let service = first.block_on(stage.service_with(store));
        let (good, token) = (stage.token("good"), stage.token("one"));
        {
            // Polled by hand.
            let sent = pin!(service.send(&good));
            let polled = sent.poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled, Poll::Ready(Outcome::Unknown));
        }
        let revocation = Revocation::subject(ISSUER, "nobody");
        let revoked = pin!(service.store.revoke(revocation));
        let polled = revoked.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Err(_))), "{polled:?}");

        first.block_on(async {
            service.warm().await;
            service.revoke("one").await;
        });
        drop(first);
        // The task went with its runtime; another runtime makes another.
        std::thread::sleep(Duration::from_millis(1200));
        let second = runtime();
        second.block_on(async {
            service
                .until(&good, Outcome::Accepted, Duration::from_secs(2))
                .await;
            assert_eq!(service.send(&token).await, Outcome::Revoked);
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn the_first_request_waits_for_the_first_comparison() {
    let server = Server::start();
    let stage = Stage::new();
    let redis = Redis::single(&server.url()).unwrap();
    stage.warm(redis.clone()).await.revoke("one").await;
    let mut waited = 0;
    for _ in 0..5 {
        let service = stage.service(redis.clone()).await;
        assert_eq!(service.store.state().last_synced_age, None);
        // A machine that does much else may need longer than a request waits.
        waited += u32::from(service.send(&stage.token("good")).await == Outcome::Accepted);
        let service = stage.service(redis.clone()).await;
        let first = service.send(&stage.token("one")).await;
        assert_ne!(first, Outcome::Accepted);
        service.warm().await;
        let state = service.store.state();
        assert_eq!((state.entries, state.connected), (Some(1), Some(true)));
        assert!(state.last_synced_age.unwrap() < Duration::from_secs(1));
    }
    assert!(waited > 0);
}
