//! Redis is gone, or says nothing: what is accepted meanwhile, how soon there is an answer, and how soon all is well again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tower_bearer::Authenticator;
use tower_bearer::redis::Redis;
use tower_bearer::revocation::{OnUnknown, RedisRevocations, RevocationErrorKind};

use crate::server::Server;
use crate::stage::{AUDIENCE, ISSUER, Outcome, Service, Stage};

const SOON: Duration = Duration::from_secs(1);

/// For how long Redis is gone: half a minute, or what this environment variable says in seconds.
fn outage() -> Duration {
    let said = std::env::var("TOWER_BEARER_TEST_OUTAGE").ok();
    let seconds = said.and_then(|said| said.parse().ok()).unwrap_or(30);
    Duration::from_secs(seconds)
}

/// A request under load: when it began, whose token it was, what became of it and how long that took.
#[derive(Clone, Copy)]
struct Sent {
    at: Instant,
    revoked: bool,
    outcome: Outcome,
    took: Duration,
}

/// Requests all the time, half of them with a revoked token.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<Mutex<Vec<Sent>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn on(service: &Service, good: &str, revoked: &str) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let tasks = (0..16).map(|number| {
            let (service, stop, sent) = (service.clone(), Arc::clone(&stop), Arc::clone(&sent));
            let is_revoked = number % 2 == 0;
            let token = if is_revoked { revoked } else { good }.to_owned();
            let sent: Arc<Mutex<Vec<Sent>>> = sent;
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let at = Instant::now();
                    let outcome = service.send(&token).await;
                    let revoked = is_revoked;
                    let took = at.elapsed();
                    let one = Sent {
                        at,
                        revoked,
                        outcome,
                        took,
                    };
                    sent.lock().unwrap().push(one);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
        });
        let tasks = tasks.collect();
        Self { stop, sent, tasks }
    }

    async fn end(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await
                .expect("no request took too long, or failed otherwise");
        }
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

/// Takes Redis away under load and brings it back.
async fn survives(
    what: &str,
    store: impl Fn(Redis) -> RedisRevocations,
    away: impl Fn(&mut Server),
    back: impl Fn(&mut Server),
    keeps_copy: bool,
) {
    let mut server = Server::start();
    let redis = Redis::single(&server.url()).unwrap();
    let stage = Stage::new();
    let service = stage.service_with(store(redis.clone())).await;
    let other = stage.service(redis.clone()).await;
    service.warm().await;
    other.warm().await;
    let (good, revoked) = (stage.token("good"), stage.token("revoked"));
    service.revoke("revoked").await;
    let load = Load::on(&service, &good, &revoked);
    tokio::time::sleep(Duration::from_millis(500)).await;

    let gone = Instant::now();
    away(&mut server);
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Not everyone can be told, and who revokes is told so. Here it holds.
    let error = other.try_to_revoke("meanwhile").await.unwrap_err();
    assert_ne!(error.kind(), RevocationErrorKind::Full);
    assert_eq!(
        other.send(&stage.token("meanwhile")).await,
        Outcome::Revoked
    );
    tokio::time::sleep(outage().saturating_sub(gone.elapsed())).await;

    back(&mut server);
    let returned = Instant::now();
    let back_after = service
        .until(&good, Outcome::Accepted, Duration::from_secs(2))
        .await;
    // What could not be written before is now known to all.
    let meanwhile = stage.token("meanwhile");
    service
        .until(&meanwhile, Outcome::Revoked, Duration::from_secs(5))
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let sent = load.end().await;
    let wrong = sent
        .iter()
        .filter(|sent| sent.revoked && sent.outcome == Outcome::Accepted);
    assert_eq!(wrong.count(), 0, "a revoked token was accepted");
    // A copy counts for a second; without one, an answer may be on its way.
    let blind = |sent: &&Sent| {
        sent.at > gone + Duration::from_millis(1100) && sent.at + sent.took < returned
    };
    let guessed = sent
        .iter()
        .filter(blind)
        .filter(|sent| sent.outcome == Outcome::Accepted);
    assert_eq!(guessed.count(), 0, "nobody could tell");
    let told = sent
        .iter()
        .filter(blind)
        .filter(|sent| sent.outcome == Outcome::Revoked);
    assert_eq!(told.count() > 0, keeps_copy, "a copy goes on refusing");
    let slowest = sent.iter().map(|sent| sent.took).max().unwrap();
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    println!(
        "{what} for {:?}: {} requests, slowest {slowest:?}, accepted again {back_after:?} after its return",
        outage(),
        sent.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn redis_is_killed_and_comes_back_empty() {
    survives(
        "killed",
        RedisRevocations::new,
        Server::kill,
        Server::start_again,
        true,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn redis_stands_still_and_goes_on() {
    survives(
        "stopped by SIGSTOP",
        RedisRevocations::new,
        |server| server.freeze(),
        |server| server.thaw(),
        true,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn redis_stands_still_for_those_who_ask_each_time() {
    survives(
        "stopped by SIGSTOP, no copy",
        |redis| RedisRevocations::new(redis).without_local_copy(),
        |server| server.freeze(),
        |server| server.thaw(),
        false,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn what_was_revoked_while_cut_off_is_known_before_anything_is_accepted_again() {
    let server = Server::start();
    let wire = Wire::to(server.port()).await;
    let stage = Stage::new();
    let cut = format!("redis://127.0.0.1:{}", wire.port);
    let service = stage.warm(Redis::single(&cut).unwrap()).await;
    let other = stage.warm(Redis::single(&server.url()).unwrap()).await;
    for round in 0..5 {
        let token_id = format!("round-{round}");
        let token = stage.token(&token_id);
        assert_eq!(service.send(&token).await, Outcome::Accepted);
        wire.passes(false);
        other.revoke(&token_id).await;
        let revoked = Instant::now();
        // Nothing ends the connection, and nothing comes over it.
        while revoked.elapsed() < Duration::from_millis(2500) {
            let sent = Instant::now();
            let outcome = service.send(&token).await;
            let in_time = sent > revoked + Duration::from_secs(1);
            assert!(outcome == Outcome::Unknown || !in_time, "{outcome:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        wire.passes(true);
        let back = Instant::now();
        while service.send(&stage.token("good")).await != Outcome::Accepted {
            assert_ne!(service.send(&token).await, Outcome::Accepted);
            assert!(back.elapsed() < Duration::from_secs(3));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(service.send(&token).await, Outcome::Revoked);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_master_that_was_demoted_is_not_believed() {
    let (server, new) = (Server::start(), Server::start());
    let stage = Stage::new();
    let service = stage.warm(Redis::single(&server.url()).unwrap()).await;
    service.revoke("one").await;
    let good = stage.token("good");
    assert_eq!(service.send(&good).await, Outcome::Accepted);
    server.cli(&["replicaof", "127.0.0.1", &new.port().to_string()]);
    service
        .until(&good, Outcome::Unknown, Duration::from_secs(2))
        .await;
    assert_eq!(service.send(&stage.token("one")).await, Outcome::Revoked);
    assert!(service.try_to_revoke("two").await.is_err());
    server.cli(&["replicaof", "no", "one"]);
    service
        .until(&good, Outcome::Accepted, Duration::from_secs(2))
        .await;
    // What the new master's empty copy has wiped out, and what could not be written, is there again.
    server.until(&["dbsize"], |size| size == "3");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_time_for_which_all_is_allowed_ends_and_nobody_draws_it_out() {
    let mut server = Server::start();
    let stage = Stage::new();
    let store = RedisRevocations::new(Redis::single(&server.url()).unwrap());
    let store = store.clock(stage.clock.clone());
    let auth = Authenticator::builder(ISSUER, AUDIENCE)
        .clock(stage.clock.clone())
        .fetch(stage.issuer.fetch())
        .revocations(store.clone())
        .on_unknown_revocation(OnUnknown::AllowFor(Duration::from_secs(60)))
        .build()
        .unwrap();
    auth.warm().await.unwrap();
    let service = Service { store, auth };
    service.warm().await;
    service.revoke("one").await;
    let (good, one) = (stage.token("good"), stage.token("one"));
    assert_eq!(service.send(&good).await, Outcome::Accepted);
    server.kill();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    stage.clock.advance(Duration::from_secs(50));
    assert_eq!(service.send(&good).await, Outcome::Accepted);
    // Known from before; that does not mean that anything is known of now.
    assert_eq!(service.send(&one).await, Outcome::Revoked);
    stage.clock.advance(Duration::from_secs(50));
    assert_eq!(service.send(&good).await, Outcome::Unknown);
    assert_eq!(service.send(&one).await, Outcome::Revoked);
    server.start_again();
    service.until(&good, Outcome::Accepted, 2 * SOON).await;
}

/// A piece of network that can fall silent in both directions without ending a connection.
struct Wire {
    port: u16,
    passing: tokio::sync::watch::Sender<bool>,
}

impl Wire {
    async fn to(port: u16) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let passing = tokio::sync::watch::Sender::new(true);
        let own = listener.local_addr().unwrap().port();
        let passes = passing.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.unwrap().into_split());
                tokio::spawn(pass(near_in, far_out, passes.clone()));
                tokio::spawn(pass(far_in, near_out, passes.clone()));
            }
        });
        Self { port: own, passing }
    }

    fn passes(&self, passing: bool) {
        self.passing.send_replace(passing);
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut passing: tokio::sync::watch::Receiver<bool>,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if passing.wait_for(|passing| *passing).await.is_err()
            || to.write_all(&buffer[..read]).await.is_err()
        {
            return;
        }
    }
}
