//! What one instance revokes, and the others see.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tower_bearer::NumericDate;
use tower_bearer::redis::Redis;
use tower_bearer::revocation::{
    RedisRevocations, Revocation, RevocationErrorKind, RevocationStore,
};

use crate::server::{Server, alone, resident};
use crate::stage::{ISSUER, NOW, Outcome, Stage};

const SOON: Duration = Duration::from_secs(1);

/// The environment variable that tells the other process where Redis is.
const OTHER: &str = "TOWER_BEARER_TEST_REDIS";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn what_another_process_revokes_is_refused_here_within_a_second() {
    let server = Server::start();
    let stage = Stage::new();
    let service = stage.warm(Redis::single(&server.url()).unwrap()).await;
    // This program again, with one test only: see below.
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("several::revokes_what_another_process_says")
        .env(OTHER, server.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = other.stdin.take().unwrap();
    let mut heard = BufReader::new(other.stdout.take().unwrap()).lines();

    let mut delays = Vec::new();
    for number in 0..200 {
        let token_id = format!("stolen-{number}");
        let token = stage.token(&token_id);
        assert_eq!(service.send(&token).await, Outcome::Accepted);
        let begun = Instant::now();
        writeln!(said, "{token_id}").unwrap();
        service.until(&token, Outcome::Revoked, SOON).await;
        delays.push(begun.elapsed());
        while heard.next().unwrap().unwrap() != token_id {}
    }
    drop(said);
    assert!(other.wait().unwrap().success());
    delays.sort_unstable();
    let [p50, p99] = [delays[100], delays[198]];
    println!("seen by another process: p50 {p50:?}, p99 {p99:?} of 200");
    assert!(p99 < SOON);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "is the other process of the test above, and nothing by itself"]
async fn revokes_what_another_process_says() {
    let Ok(url) = std::env::var(OTHER) else {
        return;
    };
    let store = RedisRevocations::new(Redis::single(&url).unwrap())
        .clock(|| NumericDate::from_seconds(NOW));
    for line in std::io::stdin().lines() {
        let token_id = line.unwrap();
        let expires_at = NumericDate::from_seconds(NOW + 3600);
        let revocation = Revocation::token_id(ISSUER, &token_id, expires_at);
        store.revoke(revocation).await.unwrap();
        println!("\n{token_id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_log_out_reaches_everyone_and_new_logins_are_let_in() {
    let server = Server::start();
    let redis = Redis::single(&server.url()).unwrap();
    let stage = Stage::new();
    let (here, there) = (
        stage.warm(redis.clone()).await,
        stage.warm(redis.clone()).await,
    );
    let asking = stage
        .service_with(RedisRevocations::new(redis.clone()).without_local_copy())
        .await;
    let old = stage.token("before");
    for service in [&here, &there, &asking] {
        service.until(&old, Outcome::Accepted, SOON).await;
    }
    here.store
        .log_out_everywhere(ISSUER, "alice")
        .await
        .unwrap();
    assert_eq!(here.send(&old).await, Outcome::Revoked);
    assert_eq!(asking.send(&old).await, Outcome::Revoked);
    there.until(&old, Outcome::Revoked, SOON).await;
    // Who starts later learns of it too.
    let late = stage.warm(redis).await;
    assert_eq!(late.send(&old).await, Outcome::Revoked);

    stage.clock.advance(Duration::from_secs(1));
    let new = stage.token("after");
    for service in [&here, &there, &asking, &late] {
        assert_eq!(service.send(&new).await, Outcome::Accepted);
        assert_eq!(service.store.size().await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn cut_offs_only_grow_whoever_writes_them_and_in_whatever_order() {
    let server = Server::start();
    let redis = Redis::single(&server.url()).unwrap();
    let stage = Stage::new();
    let (here, there) = (
        stage.warm(redis.clone()).await,
        stage.warm(redis.clone()).await,
    );
    let up_to = |seconds| {
        let instant = NumericDate::from_seconds(NOW + seconds);
        Revocation::session(ISSUER, "one").issued_before(instant)
    };
    let token = stage.issuer.token().audience(crate::stage::AUDIENCE);
    let token = token.claim("sid", "one").sign();
    here.store.revoke(up_to(0)).await.unwrap();
    there.store.revoke(up_to(-100)).await.unwrap();
    let late = stage.warm(redis).await;
    for service in [&here, &there, &late] {
        service.until(&token, Outcome::Revoked, SOON).await;
    }
    let keys = server.cli(&["--scan", "--pattern", "{tower-bearer}:s*"]);
    assert_eq!(keys.lines().count(), 1);
    let value = format!("1 {NOW} {}", NOW + 7 * 86400 + 600);
    assert_eq!(server.cli(&["get", &keys]), value);
    let left: i64 = server.cli(&["ttl", &keys]).parse().unwrap();
    assert!((0..=5).contains(&(7 * 86400 + 1200 - left)), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn nothing_of_a_token_can_be_read_in_redis() {
    let server = Server::start();
    let stage = Stage::new();
    let service = stage.warm(Redis::single(&server.url()).unwrap()).await;
    service.revoke("very-secret-jti").await;
    service
        .store
        .log_out_everywhere(ISSUER, "alice")
        .await
        .unwrap();
    let keys = server.cli(&["keys", "*"]);
    assert_eq!(keys.lines().count(), 3, "{keys}");
    for key in keys.lines() {
        let all = format!("{key} {}", server.cli(&["get", key]));
        for secret in ["secret", "alice", "issuer.test"] {
            assert!(!all.contains(secret), "{all}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn namespaces_are_apart() {
    let server = Server::start();
    let stage = Stage::new();
    let redis = |namespace| {
        let redis = Redis::single(&server.url()).unwrap();
        redis.namespace(namespace).unwrap()
    };
    let (orders, orders2) = (
        stage.warm(redis("orders")).await,
        stage.warm(redis("orders2")).await,
    );
    let token = stage.token("one");
    orders.revoke("one").await;
    assert_eq!(orders.send(&token).await, Outcome::Revoked);
    let late = stage.warm(redis("orders2")).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(orders2.send(&token).await, Outcome::Accepted);
    assert_eq!(late.send(&token).await, Outcome::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn what_redis_loses_is_written_back_by_those_who_know_it() {
    let server = Server::start();
    let redis = Redis::single(&server.url()).unwrap();
    let stage = Stage::new();
    let service = stage.warm(redis.clone()).await;
    for number in 0..1000 {
        service.revoke(&format!("token-{number}")).await;
    }
    server.cli(&["flushall"]);
    let begun = Instant::now();
    // All of them, and the mark.
    server.until(&["dbsize"], |size| size == "1001");
    println!("1000 written back {:?} after FLUSHALL", begun.elapsed());
    assert_eq!(
        service.send(&stage.token("token-7")).await,
        Outcome::Revoked
    );
    let late = stage.warm(redis).await;
    assert_eq!(late.send(&stage.token("token-999")).await, Outcome::Revoked);
    assert_eq!(late.store.size().await.unwrap(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_million_revocations_are_known_within_seconds() {
    if !alone("several::a_million_revocations_are_known_within_seconds") {
        return;
    }
    let server = Server::start();
    // Names as ours are, the base64url of 16 octets, by chance; values of tokens that live for two hours.
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let until = NOW + 7200;
    for part in 0..10 {
        let fill = format!(
            "math.randomseed({part})
             local letters = '{letters}'
             for i = 1, 100000 do
               local name = {{}}
               for j = 1, 21 do
                 local k = math.random(64)
                 name[j] = string.sub(letters, k, k)
               end
               local key = '{{tower-bearer}}:t' .. table.concat(name) .. 'A'
               redis.call('SET', key, '1 * {until}', 'PX', 7800000)
             end"
        );
        server.cli(&["eval", &fill, "0"]);
    }
    assert_eq!(server.cli(&["dbsize"]), "1000000");
    let redis = Redis::single(&server.url()).unwrap();
    let stage = Stage::new();
    let before = resident();
    let service = stage.service(redis.clone()).await;
    let begun = Instant::now();
    service.store.warm(Duration::from_secs(120)).await.unwrap();
    let took = begun.elapsed();
    let resident = resident().saturating_sub(before);
    println!(
        "1 000 000 known after {took:?}, resident {} MiB more",
        resident >> 20
    );
    assert_eq!(service.store.size().await.unwrap(), 1_000_000);
    assert!(resident < 128 << 20);
    // The default is full now, and says so.
    let error = service.try_to_revoke("one more").await.unwrap_err();
    assert_eq!(error.kind(), RevocationErrorKind::Full);
    assert_eq!(service.send(&stage.token("good")).await, Outcome::Accepted);
    // One more that another has written cannot be known: nothing is accepted.
    let other = RedisRevocations::new(redis).without_local_copy();
    let other = stage.service_with(other).await;
    other.revoke("one more").await;
    service
        .until(&stage.token("good"), Outcome::Unknown, SOON)
        .await;
}
