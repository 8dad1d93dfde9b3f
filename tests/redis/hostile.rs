//! What others have put where our revocations stand, and what they say where we listen.

use std::time::{Duration, Instant};

use tower_bearer::redis::Redis;
use tower_bearer::revocation::{
    RedisRevocations, RevocationCheck, RevocationErrorKind, RevocationStore,
};

use crate::server::{Server, alone, resident};
use crate::stage::{Outcome, Stage};

const SOON: Duration = Duration::from_secs(1);

/// The key of the only token that `revoke` has been told of.
async fn key_of(server: &Server, stage: &Stage, token_id: &str) -> String {
    server.cli(&["flushall"]);
    let writer = stage.warm(Redis::single(&server.url()).unwrap()).await;
    writer.revoke(token_id).await;
    let key = server.cli(&["--scan", "--pattern", "{tower-bearer}:t*"]);
    assert_eq!(key.lines().count(), 1, "{key}");
    drop(writer);
    server.cli(&["flushall"]);
    key
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn what_stands_under_our_key_and_cannot_be_read_revokes() {
    let server = Server::with(&["--enable-debug-command", "yes"]);
    let stage = Stage::new();
    let key = key_of(&server, &stage, "one").await;
    let token = stage.token("one");
    let set = |value: &'static str| vec!["set", &key, value];
    let large = "redis.call('SET', KEYS[1], string.rep('x', 100000000))";
    for command in [
        set("revoked"),
        set(""),
        set("1"),
        set("1 -5 1900000000"),
        set("1 1e9 1900000000"),
        set("2 1900000000 1900000000"),
        set("1 1900000000 1900000000\n"),
        set("1 99999999999999999999 1"),
        vec!["eval", large, "1", &key],
        vec!["rpush", &key, "1 * 1900000000"],
        vec!["hset", &key, "revoked", "yes"],
        vec!["sadd", &key, "1"],
        vec!["zadd", &key, "1", "1"],
        vec!["xadd", &key, "*", "a", "b"],
        vec!["pfadd", &key, "a"],
    ] {
        server.cli(&["flushall"]);
        server.cli(&command);
        let redis = Redis::single(&server.url()).unwrap();
        let what = format!("{:.60}", command.join(" "));
        let copying = stage.warm(redis.clone()).await;
        assert_eq!(copying.send(&token).await, Outcome::Revoked, "{what}");
        let asking = RedisRevocations::new(redis).without_local_copy();
        let asking = stage.service_with(asking).await;
        asking.warm().await;
        assert_eq!(asking.send(&token).await, Outcome::Revoked, "{what}");
        // Nobody else is struck by it.
        assert_eq!(
            copying.send(&stage.token("good")).await,
            Outcome::Accepted,
            "{what}"
        );
        assert_eq!(
            asking.send(&stage.token("good")).await,
            Outcome::Accepted,
            "{what}"
        );
        // It is left as it is, and who revokes is told.
        let held = ["debug", "digest-value", &key];
        let before = server.cli(&held);
        assert!(before.len() == 40, "{before}");
        for service in [&copying, &asking] {
            let error = service.try_to_revoke("one").await.unwrap_err();
            assert_eq!(error.kind(), RevocationErrorKind::Malformed, "{what}");
            assert_eq!(service.send(&token).await, Outcome::Revoked, "{what}");
        }
        assert_eq!(server.cli(&held), before, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn foreign_keys_beside_ours_change_nothing() {
    let server = Server::start();
    let stage = Stage::new();
    for key in [
        "{tower-bearer}:",
        "{tower-bearer}:x",
        "{tower-bearer}:revoked",
        // As long as ours: another letter, no base64url, spare bits.
        "{tower-bearer}:xAAAAAAAAAAAAAAAAAAAAAA",
        "{tower-bearer}:t=====================A",
        "{tower-bearer}:tAAAAAAAAAAAAAAAAAAAAAB",
        "tower-bearer:tAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        server.cli(&["set", key, "1 * 9999999999"]);
        server.cli(&["expire", key, "1000"]);
    }
    let long =
        "redis.call('SET', '{tower-bearer}:' .. string.rep('x', 100000000), '1 * 9999999999')";
    server.cli(&["eval", long, "0"]);
    server.cli(&["rpush", "{tower-bearer}:mark", "no text"]);
    let service = stage.warm(Redis::single(&server.url()).unwrap()).await;
    assert_eq!(service.store.size().await.unwrap(), 0);
    assert_eq!(service.send(&stage.token("good")).await, Outcome::Accepted);
    service.revoke("one").await;
    assert_eq!(service.send(&stage.token("one")).await, Outcome::Revoked);
    tokio::time::sleep(SOON).await;
    assert_eq!(service.send(&stage.token("good")).await, Outcome::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn whatever_is_said_on_our_channel_ends_nothing_for_long() {
    if !alone("hostile::whatever_is_said_on_our_channel_ends_nothing_for_long") {
        return;
    }
    // By default Redis itself ends connections to which 32 MB could not be sent yet.
    let server = Server::with(&["--client-output-buffer-limit", "pubsub 0 0 0"]);
    let stage = Stage::new();
    let service = stage.warm(Redis::single(&server.url()).unwrap()).await;
    service.revoke("one").await;
    let (good, revoked) = (stage.token("good"), stage.token("one"));
    let long = "x".repeat(10_000);
    for said in [
        "",
        "x",
        "tAAAAAAAAAAAAAAAAAAAAAA",
        "tAAAAAAAAAAAAAAAAAAAAAA 1 * x",
        &long,
    ] {
        for _ in 0..50 {
            server.cli(&["publish", "{tower-bearer}:revoked", said]);
        }
        assert_eq!(service.send(&good).await, Outcome::Accepted, "{said:.30}");
        assert_eq!(service.send(&revoked).await, Outcome::Revoked, "{said:.30}");
    }
    // What would fill memory ends the connection unread.
    for megabytes in [20, 400] {
        let filling = "redis.call('PUBLISH', '{tower-bearer}:revoked', string.rep('x', ARGV[1]))";
        let before = resident();
        server.cli(&["eval", filling, "0", &format!("{megabytes}000000")]);
        let begun = Instant::now();
        let mut most = 0;
        while begun.elapsed() < Duration::from_secs(1) {
            assert_eq!(service.send(&revoked).await, Outcome::Revoked);
            most = most.max(resident().saturating_sub(before));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        println!("{megabytes} MB published: {} KiB more at most", most >> 10);
        assert!(most < 16 << 20);
        service
            .until(&good, Outcome::Accepted, Duration::from_secs(2))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn what_appears_in_redis_untold_is_found_when_something_is_not_understood() {
    let server = Server::start();
    let stage = Stage::new();
    let key = key_of(&server, &stage, "one").await;
    let service = stage.warm(Redis::single(&server.url()).unwrap()).await;
    let token = stage.token("one");
    server.cli(&["set", &key, "1 * 1900000000"]);
    assert_eq!(service.send(&token).await, Outcome::Accepted);
    server.cli(&["publish", "{tower-bearer}:revoked", "of a version to come"]);
    service.until(&token, Outcome::Revoked, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn more_than_there_is_room_for_makes_all_unknown_and_nothing_is_left_out() {
    let server = Server::start();
    let stage = Stage::new();
    let redis = || Redis::single(&server.url()).unwrap();
    let small = RedisRevocations::new(redis()).max_entries(2);
    let small = stage.service_with(small).await;
    small.warm().await;
    let large = stage.warm(redis()).await;
    let good = stage.token("good");
    large.revoke("one").await;
    large.revoke("two").await;
    small
        .until(&stage.token("two"), Outcome::Revoked, SOON)
        .await;
    assert_eq!(small.send(&good).await, Outcome::Accepted);
    let error = small.try_to_revoke("three").await.unwrap_err();
    assert_eq!(error.kind(), RevocationErrorKind::Full);
    large.revoke("three").await;
    small.until(&good, Outcome::Unknown, SOON).await;
    assert_eq!(small.send(&stage.token("three")).await, Outcome::Unknown);
    assert_eq!(small.send(&stage.token("one")).await, Outcome::Revoked);
    assert_eq!(large.send(&good).await, Outcome::Accepted);
    // And so for one that comes later.
    let late = stage
        .service_with(RedisRevocations::new(redis()).max_entries(2))
        .await;
    assert_eq!(late.send(&good).await, Outcome::Unknown);
    assert_eq!(late.store.state().connected, Some(false));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_redis_without_memory_is_still_read() {
    let server = Server::start();
    let stage = Stage::new();
    let service = stage.warm(Redis::single(&server.url()).unwrap()).await;
    service.revoke("one").await;
    server.cli(&["flushall"]);
    server.cli(&["config", "set", "maxmemory", "1"]);
    let error = service.try_to_revoke("two").await.unwrap_err();
    assert_eq!(error.kind(), RevocationErrorKind::Unreachable);
    tokio::time::sleep(2 * SOON).await;
    assert_eq!(service.send(&stage.token("good")).await, Outcome::Accepted);
    assert_eq!(service.send(&stage.token("two")).await, Outcome::Revoked);
    server.cli(&["config", "set", "maxmemory", "0"]);
    // Both, and perhaps the mark.
    server.until(
        &[
            "eval",
            "return #redis.call('KEYS', '{tower-bearer}:t*')",
            "0",
        ],
        |keys| keys == "2",
    );
}
