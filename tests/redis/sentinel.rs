//! A master, a replica, and three Sentinels.

use std::fs;
use std::time::{Duration, Instant};

use tower_bearer::redis::Redis;
use tower_bearer::revocation::RedisRevocations;

use crate::server::{Folder, Server};
use crate::stage::{Outcome, Service, Stage};

const SOON: Duration = Duration::from_secs(2);
/// Until the Sentinels have agreed that the master is down, chosen one of them and promoted the replica.
const FAILOVER: Duration = Duration::from_secs(20);

pub(crate) struct Watched {
    pub(crate) master: Server,
    replica: Server,
    sentinels: [Server; 3],
}

impl Watched {
    pub(crate) fn start() -> Self {
        let master = Server::start();
        let replica = Server::with(&["--replicaof", "127.0.0.1", &master.port().to_string()]);
        replica.until(&["info", "replication"], |info| {
            info.contains("master_link_status:up")
        });
        let sentinel = || {
            Server::in_folder(Folder::new(), &["--sentinel"], |folder, _| {
                let text = format!(
                    "sentinel monitor ours 127.0.0.1 {} 2\n\
                     sentinel down-after-milliseconds ours 600\n\
                     sentinel failover-timeout ours 3000\n",
                    master.port()
                );
                fs::write(folder.path("configuration"), text).unwrap();
            })
        };
        let sentinels = [sentinel(), sentinel(), sentinel()];
        for sentinel in &sentinels {
            sentinel.until(&["sentinel", "master", "ours"], |told| {
                let mut lines = told.lines();
                let mut has = |name, value| {
                    lines.find(|line| *line == name);
                    lines.next() == Some(value)
                };
                has("num-slaves", "1") && has("num-other-sentinels", "2")
            });
        }
        Self {
            master,
            replica,
            sentinels,
        }
    }

    pub(crate) fn redis(&self) -> Redis {
        Redis::sentinel(self.sentinels.iter().map(Server::url), "ours").unwrap()
    }

    /// Whether all Sentinels name the replica.
    pub(crate) fn is_replaced(&self) -> bool {
        let port = self.replica.port().to_string();
        let names = |sentinel: &Server| {
            let told = sentinel.cli(&["sentinel", "get-master-addr-by-name", "ours"]);
            told.lines().nth(1) == Some(&port)
        };
        self.sentinels.iter().all(names)
    }

    fn replica_is_master(&self) -> bool {
        self.replica.cli(&["role"]).starts_with("master")
    }
}

/// Sends until `wanted`; a revoked token must never be accepted meanwhile.
async fn until(
    service: &Service,
    good: &str,
    revoked: &str,
    wanted: Outcome,
    within: Duration,
) -> Duration {
    let begun = Instant::now();
    loop {
        assert_eq!(service.send(revoked).await, Outcome::Revoked);
        if service.send(good).await == wanted {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < within, "not {wanted:?} within {within:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_master_that_dies_is_replaced_and_followed() {
    let mut watched = Watched::start();
    let stage = Stage::new();
    let (here, there) = (
        stage.warm(watched.redis()).await,
        stage.warm(watched.redis()).await,
    );
    here.revoke("one").await;
    let (good, one) = (stage.token("good"), stage.token("one"));
    there.until(&one, Outcome::Revoked, SOON).await;
    watched.master.kill();
    let killed = Instant::now();
    until(&here, &good, &one, Outcome::Unknown, SOON).await;
    while !watched.replica_is_master() {
        assert!(killed.elapsed() < FAILOVER);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("failover took {:?}", killed.elapsed());
    let back = until(&here, &good, &one, Outcome::Accepted, 2 * SOON).await;
    println!("accepted again {back:?} after the replica had become master");
    there.until(&good, Outcome::Accepted, 2 * SOON).await;
    here.revoke("two").await;
    there
        .until(&stage.token("two"), Outcome::Revoked, SOON)
        .await;
    let late = stage.warm(watched.redis()).await;
    assert_eq!(late.send(&one).await, Outcome::Revoked);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn an_old_master_that_wakes_up_is_not_believed() {
    let watched = Watched::start();
    let stage = Stage::new();
    let here = stage.warm(watched.redis()).await;
    let asking = RedisRevocations::new(watched.redis()).without_local_copy();
    let asking = stage.service_with(asking).await;
    asking.warm().await;
    here.revoke("one").await;
    let (good, one) = (stage.token("good"), stage.token("one"));
    watched.master.freeze();
    until(&here, &good, &one, Outcome::Unknown, SOON).await;
    until(&here, &good, &one, Outcome::Accepted, FAILOVER).await;
    here.revoke("two").await;
    let two = stage.token("two");
    asking.until(&good, Outcome::Accepted, SOON).await;
    // It takes itself for the master, until a Sentinel tells it otherwise.
    watched.master.thaw();
    let begun = Instant::now();
    while begun.elapsed() < 3 * SOON {
        assert_eq!(here.send(&two).await, Outcome::Revoked);
        assert_ne!(asking.send(&two).await, Outcome::Accepted);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn the_word_of_fewer_than_half_of_the_sentinels_is_not_enough() {
    let mut watched = Watched::start();
    let stage = Stage::new();
    let service = stage.warm(watched.redis()).await;
    let good = stage.token("good");
    watched.sentinels[0].kill();
    let begun = Instant::now();
    while begun.elapsed() < SOON {
        assert_eq!(service.send(&good).await, Outcome::Accepted);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    watched.sentinels[1].freeze();
    service.until(&good, Outcome::Unknown, SOON).await;
    watched.sentinels[1].thaw();
    service.until(&good, Outcome::Accepted, SOON).await;
}
