//! Used proofs, where the master is replaced or is one of several. What a single server does is in `tests/dpop.rs`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tower_bearer::NumericDate;
use tower_bearer::dpop::{ProofUse, RedisReplays, Replay, ReplayStore, Thumbprint};
use tower_bearer::redis::Redis;

use crate::cluster::Cluster;
use crate::sentinel::Watched;

/// Until the Sentinels have agreed that the master is down, chosen one of them and promoted the replica.
const FAILOVER: Duration = Duration::from_secs(20);

/// Where ids begin that no test names, and none has used before.
static UNNAMED: AtomicU32 = AtomicU32::new(1_000_000);

fn proof(id: u32) -> ProofUse {
    let mut octets = [0; 16];
    octets[..4].copy_from_slice(&id.to_be_bytes());
    let at = NumericDate::from_seconds;
    ProofUse::new(Thumbprint::from([1; 32]), octets, at(0), at(60))
}

/// What the store says; an answer that is waited for comes within half a second.
async fn record(store: &RedisReplays, id: u32) -> Replay {
    match store.record(&proof(id)) {
        Replay::Asks(answer) => {
            let answer = tokio::time::timeout(Duration::from_millis(500), answer);
            answer.await.unwrap_or(Replay::Unknown(
                tower_bearer::dpop::ReplayErrorKind::TimedOut.into(),
            ))
        }
        known => known,
    }
}

/// One of them is told that it is the first, and whoever comes after that is not.
async fn once_among(stores: &[RedisReplays], id: u32) {
    for (number, store) in stores.iter().enumerate() {
        let replay = record(store, id).await;
        let is_first = matches!(replay, Replay::Fresh);
        let is_known = matches!(replay, Replay::Replayed);
        assert!(
            if number == 0 { is_first } else { is_known },
            "{number}: {replay:?}"
        );
    }
}

/// Stores with connections that stand.
async fn connected<const N: usize>(redis: impl Fn() -> Redis) -> [RedisReplays; N] {
    let stores = [(); N].map(|()| RedisReplays::new(redis()));
    for store in &stores {
        until_fresh(store, UNNAMED.fetch_add(10_000, Ordering::Relaxed)).await;
    }
    stores
}

/// New proofs from `id` on are recorded until one can be: which that was.
async fn until_fresh(store: &RedisReplays, id: u32) -> u32 {
    let begun = Instant::now();
    for id in id.. {
        match record(store, id).await {
            Replay::Fresh => return id,
            Replay::Unknown(_) => assert!(begun.elapsed() < Duration::from_secs(5)),
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    unreachable!("there are more ids than time")
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_proof_is_used_once_in_a_cluster() {
    let cluster = Cluster::start();
    let stores = connected::<4>(|| cluster.redis()).await;
    for id in 0..20 {
        once_among(&stores, id).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_master_that_was_replaced_is_not_asked_any_more() {
    let watched = Watched::start();
    let stores = connected::<2>(|| watched.redis()).await;
    once_among(&stores, 1).await;
    // Redis copies to the replica when it gets to it.
    tokio::time::sleep(Duration::from_millis(500)).await;

    watched.master.freeze();
    let begun = Instant::now();
    while !watched.is_replaced() {
        assert!(begun.elapsed() < FAILOVER);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The Sentinels agree, and their word is asked for four times a second. The old one is alive again, and takes whatever it is given.
    tokio::time::sleep(Duration::from_secs(1)).await;
    watched.master.thaw();
    let mut used = vec![1];
    for (number, store) in (1..).zip(&stores) {
        used.push(until_fresh(store, number * 100_000).await);
    }
    for id in 10..20 {
        once_among(&stores, id).await;
    }
    // All of that was told the new one, and what the old one was told before it was copied.
    let [new] = connected(|| watched.redis()).await;
    for id in used {
        let replay = record(&new, id).await;
        assert!(matches!(replay, Replay::Replayed), "{id}: {replay:?}");
    }
}
