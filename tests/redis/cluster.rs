//! A Cluster of three nodes.

use std::process::Command;
use std::time::Duration;

use tower_bearer::redis::Redis;
use tower_bearer::revocation::RedisRevocations;

use crate::server::Server;
use crate::stage::{Outcome, Stage};

const SOON: Duration = Duration::from_secs(2);

pub(crate) struct Cluster {
    nodes: [Server; 3],
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let node = || Server::with(&["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]);
        let nodes = [node(), node(), node()];
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(
                nodes
                    .iter()
                    .map(|node| format!("127.0.0.1:{}", node.port())),
            )
            .arg("--cluster-yes")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&created.stdout);
        assert!(created.status.success(), "{said}");
        for node in &nodes {
            node.until(&["cluster", "info"], |info| {
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            });
        }
        Self { nodes }
    }

    pub(crate) fn redis(&self) -> Redis {
        Redis::cluster(self.nodes.iter().map(Server::url)).unwrap()
    }

    fn slot(&self) -> String {
        self.nodes[0].cli(&["cluster", "keyslot", "{tower-bearer}:"])
    }

    /// Which node has our slot.
    fn owner(&self) -> usize {
        let slot = self.slot();
        let has = |node: &Server| node.cli(&["cluster", "countkeysinslot", &slot]) != "0";
        self.nodes.iter().position(has).expect("the mark is there")
    }

    fn id(&self, node: usize) -> String {
        self.nodes[node].cli(&["cluster", "myid"])
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn all_nodes_lead_to_the_one_that_has_our_slot() {
    let cluster = Cluster::start();
    let stage = Stage::new();
    for node in &cluster.nodes {
        let redis = Redis::cluster([node.url()]).unwrap();
        let service = stage.warm(redis.clone()).await;
        let token_id = format!("by-{}", node.port());
        let there = stage.warm(cluster.redis()).await;
        let asking = RedisRevocations::new(redis).without_local_copy();
        let asking = stage.service_with(asking).await;
        let token = stage.token(&token_id);
        asking.until(&token, Outcome::Accepted, SOON).await;
        service.revoke(&token_id).await;
        assert_eq!(asking.send(&token).await, Outcome::Revoked);
        there.until(&token, Outcome::Revoked, SOON).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn while_our_slot_moves_nothing_is_accepted_and_then_it_is_followed() {
    let cluster = Cluster::start();
    let stage = Stage::new();
    let service = stage.warm(cluster.redis()).await;
    let asking = RedisRevocations::new(cluster.redis()).without_local_copy();
    let asking = stage.service_with(asking).await;
    asking.warm().await;
    for number in 0..20 {
        service.revoke(&format!("token-{number}")).await;
    }
    let (good, revoked) = (stage.token("good"), stage.token("token-7"));
    let slot = cluster.slot();
    let from = cluster.owner();
    let to = (from + 1) % 3;
    let (from_id, to_id) = (cluster.id(from), cluster.id(to));
    let (source, target) = (&cluster.nodes[from], &cluster.nodes[to]);
    target.cli(&["cluster", "setslot", &slot, "importing", &from_id]);
    source.cli(&["cluster", "setslot", &slot, "migrating", &to_id]);
    service.until(&good, Outcome::Unknown, SOON).await;
    asking.until(&good, Outcome::Unknown, SOON).await;
    // Half of it is there, half here: one who comes now must not take a half for the whole.
    let keys = source.cli(&["cluster", "getkeysinslot", &slot, "10"]);
    for key in keys.lines() {
        let moved = source.cli(&[
            "migrate",
            "127.0.0.1",
            &target.port().to_string(),
            key,
            "0",
            "1000",
        ]);
        assert_eq!(moved, "OK");
    }
    let late = stage.service(cluster.redis()).await;
    for _ in 0..20 {
        assert_eq!(late.send(&good).await, Outcome::Unknown);
        assert_eq!(asking.send(&good).await, Outcome::Unknown);
        assert_eq!(service.send(&revoked).await, Outcome::Revoked);
        assert_ne!(late.send(&revoked).await, Outcome::Accepted);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(service.try_to_revoke("meanwhile").await.is_err());
    let keys = source.cli(&["cluster", "getkeysinslot", &slot, "100"]);
    for key in keys.lines() {
        source.cli(&[
            "migrate",
            "127.0.0.1",
            &target.port().to_string(),
            key,
            "0",
            "1000",
        ]);
    }
    for node in &cluster.nodes {
        node.cli(&["cluster", "setslot", &slot, "node", &to_id]);
    }
    for service in [&service, &late, &asking] {
        service.until(&good, Outcome::Accepted, 2 * SOON).await;
        assert_eq!(service.send(&revoked).await, Outcome::Revoked);
    }
    assert_eq!(cluster.owner(), to);
    late.until(&stage.token("meanwhile"), Outcome::Revoked, SOON)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn without_the_node_that_has_our_slot_nothing_is_known_until_it_is_back() {
    let mut cluster = Cluster::start();
    let stage = Stage::new();
    let service = stage.warm(cluster.redis()).await;
    service.revoke("one").await;
    let good = stage.token("good");
    let owner = cluster.owner();
    cluster.nodes[owner].freeze();
    service.until(&good, Outcome::Unknown, SOON).await;
    assert_eq!(service.send(&stage.token("one")).await, Outcome::Revoked);
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.nodes[owner].thaw();
    let back = service.until(&good, Outcome::Accepted, SOON).await;
    println!("a Cluster's node that stood still: accepted again {back:?} after its return");
    // With its configuration, and without its keys. A Cluster takes a while to trust it again.
    cluster.nodes[owner].start_again();
    service.until(&good, Outcome::Unknown, SOON).await;
    service.until(&good, Outcome::Accepted, 5 * SOON).await;
    let late = stage.service(cluster.redis()).await;
    late.until(&stage.token("one"), Outcome::Revoked, 5 * SOON)
        .await;
}
