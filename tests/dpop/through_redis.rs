//! Used proofs that servers share through a real Redis: `cargo test --all-features --test dpop -- --ignored`.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower_bearer::dpop::{
    Dpop, InMemoryReplays, ProofErrorKind, ProofUse, RedisReplays, Replay, ReplayStore, Thumbprint,
};
use tower_bearer::redis::Redis;

use crate::replays::unknown;
use crate::server::Server;
use crate::support::NOW;
use crate::{INVALID_PROOF, Scene, URL, at};

fn redis(server: &Server) -> Redis {
    Redis::single(&server.url()).expect("a URL")
}

/// A connection of its own.
fn sharing(redis: Redis) -> Dpop {
    Dpop::accept(URL).replays(RedisReplays::new(redis))
}

/// Sends new proofs until one passes, for at most two seconds.
async fn recovers(row: &str, scene: &Scene, token: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let answer = scene.send(token, &scene.proof(token).sign()).await;
        if answer.status() == 200 {
            return begun.elapsed();
        }
        unknown(row, &answer);
        assert!(begun.elapsed() < Duration::from_secs(2), "{row}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A new proof is answered 503, within half a second.
async fn is_unknown(row: &str, scene: &Scene, token: &str) {
    let begun = Instant::now();
    let answer = scene.send(token, &scene.proof(token).sign()).await;
    let took = begun.elapsed();
    unknown(row, &answer);
    assert!(took < Duration::from_millis(500), "{row}: {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis-server"]
async fn of_a_thousand_replays_at_forty_servers_exactly_one_is_the_first() {
    let server = Server::start();
    let stores: Vec<_> = (0..40).map(|_| RedisReplays::new(redis(&server))).collect();
    let used = |id| {
        let (now, end) = (at(NOW), at(NOW + 60));
        ProofUse::new(Thumbprint::from([1; 32]), [id; 16], now, end)
    };
    // All connections stand before it begins.
    for (id, store) in (100..).zip(&stores) {
        let fresh = settled(store.record(&used(id))).await;
        assert!(matches!(fresh, Replay::Fresh), "{fresh:?}");
    }
    for round in 0..20 {
        let tasks: Vec<_> = (0..1_000)
            .map(|number| {
                let (store, used) = (stores[number % 40].clone(), used(round));
                tokio::spawn(async move { settled(store.record(&used)).await })
            })
            .collect();
        let mut first = 0;
        for task in tasks {
            match task.await.expect("no panic") {
                Replay::Fresh => first += 1,
                Replay::Replayed => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(first, 1);
    }
}

async fn settled(replay: Replay) -> Replay {
    match replay {
        Replay::Asks(answer) => answer.await,
        known => known,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs redis-server"]
async fn of_many_requests_at_two_servers_with_one_proof_exactly_one_passes() {
    let server = Server::start();
    let one = Scene::with(sharing(redis(&server))).await;
    let other = one.with_another_server(sharing(redis(&server)));
    let token = one.token();
    one.still_accepts("one", &token).await;
    other.still_accepts("other", &token).await;
    let scenes = [Arc::new(one), Arc::new(other)];
    for _ in 0..10 {
        let proof = scenes[0].proof(&token).sign();
        // So many that this machine gets through all of them before Redis would count as silent.
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let scene = Arc::clone(&scenes[number % 2]);
                let (token, proof) = (token.clone(), proof.clone());
                tokio::spawn(async move {
                    let answer = scene.send(&token, &proof).await;
                    if answer.status() == 200 {
                        return true;
                    }
                    answer.refused_proof("again", ProofErrorKind::Replayed, INVALID_PROOF);
                    false
                })
            })
            .collect();
        let mut passed = 0;
        for task in tasks {
            passed += usize::from(task.await.expect("no panic"));
        }
        assert_eq!(passed, 1);
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_proof_that_one_server_was_sent_is_used_at_the_other() {
    let server = Server::start();
    let one = Scene::with(sharing(redis(&server))).await;
    let other = one.with_another_server(sharing(redis(&server)));
    let apart = redis(&server).namespace("another-service").expect("a name");
    let apart = one.with_another_server(sharing(apart));
    let token = one.token();
    for _ in 0..2 {
        let proof = one.proof(&token).sign();
        one.send(&token, &proof).await.accepted("at one");
        let answer = other.send(&token, &proof).await;
        answer.refused_proof("at the other", ProofErrorKind::Replayed, INVALID_PROOF);
        apart
            .send(&token, &proof)
            .await
            .accepted("in another namespace");
    }
    // Each knows what it was sent; Redis keeps them until no clock that is a minute late accepts them.
    assert_eq!(one.stage.auth.health().used_proofs(), Some(2));
    let keys = server.cli(&["KEYS", "{tower-bearer}:proof:*"]);
    let keys: Vec<_> = keys.lines().collect();
    assert_eq!(keys.len(), 2);
    for key in keys {
        let left: u64 = server.cli(&["PTTL", key]).parse().expect("a number");
        assert!((110_000..=121_000).contains(&left), "{left}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn while_redis_is_gone_or_silent_nothing_passes_and_soon_after_all_is_well() {
    let mut server = Server::start();
    let scene = Scene::with(sharing(redis(&server))).await;
    let token = scene.token();
    let used = scene.proof(&token).sign();
    scene.send(&token, &used).await.accepted("before");

    server.kill();
    for _ in 0..5 {
        is_unknown("gone", &scene, &token).await;
    }
    scene
        .stage
        .accept("what needs no proof", &scene.stage.token().sign())
        .await;
    server.start_again();
    println!("back after {:?}", recovers("back", &scene, &token).await);
    // Redis has forgotten it, and this server has not.
    let answer = scene.send(&token, &used).await;
    answer.refused_proof("used before", ProofErrorKind::Replayed, INVALID_PROOF);

    server.freeze();
    for _ in 0..5 {
        is_unknown("silent", &scene, &token).await;
    }
    server.thaw();
    println!(
        "thawed after {:?}",
        recovers("thawed", &scene, &token).await
    );
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_redis_that_cannot_remember_lets_nothing_pass() {
    let server = Server::start();
    let scene = Scene::with(sharing(redis(&server))).await;
    let token = scene.token();
    scene.still_accepts("before", &token).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    is_unknown("full", &scene, &token).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    scene.still_accepts("room again", &token).await;

    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    is_unknown("a replica", &scene, &token).await;
    // Even one that may be written to.
    server.cli(&["CONFIG", "SET", "replica-read-only", "no"]);
    is_unknown("a replica that takes it", &scene, &token).await;
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    recovers("a master again", &scene, &token).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_connection_that_was_ended_while_nothing_was_asked_costs_no_request() {
    let server = Server::start();
    let scene = Scene::with(sharing(redis(&server))).await;
    let token = scene.token();
    for _ in 0..3 {
        scene.still_accepts("connected", &token).await;
        server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scene.still_accepts("and on", &token).await;
}

/// What a service sees of Redis through a network that can lose a connection without a word.
struct Network {
    port: u16,
    /// The connections up to this one hear and say nothing any more.
    silent: watch::Sender<usize>,
}

impl Network {
    async fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (silent, redis) = (watch::Sender::new(0), server.port());
        let silenced = silent.clone();
        tokio::spawn(async move {
            for number in 1.. {
                let (mut near, _) = listener.accept().await.expect("a connection");
                let mut silenced = silenced.subscribe();
                tokio::spawn(async move {
                    let far = TcpStream::connect(("127.0.0.1", redis)).await;
                    let mut far = far.expect("Redis is up");
                    let lost = tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => false,
                        lost = async { silenced.wait_for(|up_to| *up_to >= number).await.is_ok() } => lost,
                    };
                    if lost {
                        pending::<()>().await;
                    }
                });
            }
        });
        Self { port, silent }
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_connection_that_was_lost_without_a_word_is_given_up() {
    let server = Server::start();
    let network = Network::before(&server).await;
    let url = format!("redis://127.0.0.1:{}", network.port);
    let scene = Scene::with(sharing(Redis::single(&url).expect("a URL"))).await;
    let token = scene.token();
    for lost in 1..4 {
        scene.still_accepts("connected", &token).await;
        network.silent.send_replace(lost);
        is_unknown("lost", &scene, &token).await;
        recovers("through another", &scene, &token).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_flooding_key_is_stopped_before_it_fills_redis() {
    let server = Server::start();
    let here = InMemoryReplays::new().max_proofs_per_key(3);
    let replays = RedisReplays::with(redis(&server), here);
    let scene = Scene::with(Dpop::accept(URL).replays(replays)).await;
    let token = scene.token();
    for _ in 0..3 {
        scene.still_accepts("within its share", &token).await;
    }
    for _ in 0..3 {
        let answer = scene.send(&token, &scene.proof(&token).sign()).await;
        answer.refused_proof("beyond", ProofErrorKind::TooMany, INVALID_PROOF);
    }
    assert_eq!(server.cli(&["DBSIZE"]), "3");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn nothing_stays_behind_when_the_store_is_dropped() {
    let server = Server::start();
    let clients = || server.cli(&["CLIENT", "LIST"]).lines().count();
    let alone = clients();
    let store = RedisReplays::new(redis(&server));
    let scene = Scene::with(Dpop::accept(URL).replays(store.clone())).await;
    let token = scene.token();
    scene.still_accepts("connected", &token).await;
    assert_eq!(clients(), alone + 1);
    drop(scene);
    assert_eq!(clients(), alone + 1, "a clone is left");
    drop(store);
    let begun = Instant::now();
    while clients() != alone {
        assert!(begun.elapsed() < Duration::from_secs(2));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
