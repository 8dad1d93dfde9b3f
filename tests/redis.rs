//! Revocations shared through real servers: one alone, a Cluster, and a master that Sentinels watch.
//!
//! Each test starts its own on free ports of loopback, and ends them by their own handles. They need the programs `redis-server`,
//! `redis-cli` and `openssl`, and so run only when asked for: `cargo test --all-features --test redis -- --ignored`.

#![cfg(feature = "redis")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "redis/access.rs"]
mod access;
#[path = "redis/cluster.rs"]
mod cluster;
#[path = "redis/hostile.rs"]
mod hostile;
#[path = "redis/life.rs"]
mod life;
#[path = "redis/outage.rs"]
mod outage;
#[path = "redis/proofs.rs"]
mod proofs;
#[path = "redis/sentinel.rs"]
mod sentinel;
#[path = "redis/server.rs"]
mod server;
#[path = "redis/several.rs"]
mod several;
#[path = "redis/stage.rs"]
mod stage;
