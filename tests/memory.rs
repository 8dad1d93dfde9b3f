//! Resident memory: what many issuers take, and what a lying one can make it take. Cryptography allocates outside of
//! Rust, so it is the whole process that is measured; each test therefore runs in a process of its own.

#![cfg(target_os = "linux")]
#![expect(
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod alone;
mod lying;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use alone::alone;
use http::{Request, Response};
use lying::{AUDIENCE, Answer, Service, no_task_is_left};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower_bearer::fetch::{FetchError, FetchLimits};
use tower_bearer::testing::{Behaviour, Endpoint, SigningKey, TestIssuer, key_set_of};
use tower_bearer::{Algorithm, Authenticator, TrustedIssuer};

/// The resident memory of this process in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the state of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number of kB")
}

/// Watches resident memory until it is asked for the most that it saw, in KiB.
struct Watch {
    most: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    fn begin() -> Self {
        let (most, ended) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (seen, end) = (Arc::clone(&most), Arc::clone(&ended));
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                seen.fetch_max(resident(), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self {
            most,
            ended,
            thread,
        }
    }

    fn most(self) -> u64 {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic");
        self.most.load(Ordering::Relaxed).max(resident())
    }
}

const ISSUERS: usize = 1000;

fn name(number: usize) -> String {
    format!("https://id.example.com/tenants/{number:04}")
}

#[tokio::test]
async fn a_thousand_issuers_of_four_rsa_keys_take_less_than_32_mib() {
    if !alone(
        "a_thousand_issuers_of_four_rsa_keys_take_less_than_32_mib",
        &[],
    ) {
        return;
    }
    // Without `alg`, so that each key fits six algorithms. They may be the same for all: nothing is shared by issuers.
    let keys: Vec<_> = (0..4)
        .map(|number| SigningKey::generate(Algorithm::RS256).with_key_id(format!("key-{number}")))
        .collect();
    let mut document = key_set_of(&keys.iter().collect::<Vec<_>>());
    for jwk in document["keys"].as_array_mut().expect("keys") {
        jwk.as_object_mut().expect("a key").remove("alg");
    }
    let document: Arc<[u8]> = document.to_string().into_bytes().into();
    let fetch = move |request: Request<Vec<u8>>, _: FetchLimits| {
        let url = request.uri().to_string();
        let body = match url.strip_suffix("/.well-known/openid-configuration") {
            Some(issuer) => json!({"issuer": issuer, "jwks_uri": format!("{issuer}/jwks")})
                .to_string()
                .into_bytes(),
            None => document.to_vec(),
        };
        async move { Ok::<_, FetchError>(Response::new(body)) }
    };
    let trusting = |names: std::ops::Range<usize>| {
        let mut builder = Authenticator::builder(name(names.start), AUDIENCE).fetch(fetch.clone());
        for number in names.skip(1) {
            builder = builder.trust(TrustedIssuer::new(name(number), AUDIENCE));
        }
        builder.build().expect("a sound configuration")
    };
    let mint = TestIssuer::new("https://mint.test");
    let verify = async |auth: &Authenticator, issuers: std::ops::Range<usize>, algorithm| {
        for number in issuers {
            for key in &keys {
                let token = mint.token().issuer(name(number)).audience(AUDIENCE);
                let token = token.signed_by(key).algorithm(algorithm).sign();
                auth.verify(&token).await.expect("a good token");
            }
        }
    };
    // What one issuer takes is there already, code and all.
    let first = trusting(0..1);
    first.warm().await.expect("the issuer is up");
    verify(&first, 0..1, Algorithm::RS256).await;
    drop(first);

    let before = resident();
    let auth = trusting(0..ISSUERS);
    let configured = resident() - before;
    auth.warm().await.expect("the issuers are up");
    let health = auth.health();
    assert!(health.issuers().iter().all(|issuer| issuer.usable() == 4));
    drop(health);
    let fetched = resident() - before;
    verify(&auth, 0..ISSUERS, Algorithm::RS256).await;
    let used = resident() - before;
    println!("resident memory of {ISSUERS} issuers with 4 RSA keys each, in KiB:");
    println!("configured {configured}, fetched {fetched}, each key used {used}");
    assert!(used < 32 << 10, "{used} KiB");
    drop(auth);
    no_task_is_left().await;
}

/// Reads what the issuer sends, some of it, as the service will; so that what the issuer itself takes is taken already.
async fn read_some(issuer: &TestIssuer, path: &str) {
    let address = issuer
        .url()
        .strip_prefix("http://")
        .expect("a loopback address");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut some = Vec::new();
    let mut start = stream.take(1 << 20);
    // Whatever is sent, even nothing.
    let _ = timeout(Duration::from_millis(500), start.read_to_end(&mut some)).await;
}

#[tokio::test]
async fn no_fault_takes_more_than_16_mib_or_leaves_a_task_behind() {
    if !alone(
        "no_fault_takes_more_than_16_mib_or_leaves_a_task_behind",
        &[],
    ) {
        return;
    }
    let elsewhere = lying::serve().await;
    let faults = [
        ("all is well", Behaviour::Normal),
        ("connection refused", Behaviour::Down),
        ("error 500", Behaviour::status(500)),
        ("404 with JSON", Behaviour::not_found()),
        ("200 with HTML", Behaviour::html()),
        ("50 MB", Behaviour::fifty_megabytes()),
        ("endless body", Behaviour::Endless),
        ("redirect", Behaviour::redirect(elsewhere.url())),
        ("gzip bomb", Behaviour::GzipBomb),
        ("truncated JSON", Behaviour::Truncated),
        ("broken off", Behaviour::BrokenOff),
        ("no keys", Behaviour::EmptyKeys),
        ("10 000 keys", ten_thousand_keys(&elsewhere)),
        ("as many bytes as are read", Behaviour::padded(512 * 1024)),
    ];
    for (_, fault) in &faults {
        let service = Service::on_a_socket().await.warmed().await;
        if !matches!(fault, Behaviour::Down) {
            service.issuer.behave(fault.clone());
            read_some(&service.issuer, "/.well-known/openid-configuration").await;
            read_some(&service.issuer, "/jwks").await;
        }
        drop(service);
        no_task_is_left().await;
    }

    println!("resident memory that a fault adds at its peak, in KiB:");
    for (name, fault) in faults {
        measure(name, meet(fault)).await;
    }
    // Five seconds each, so both at once.
    let silent = async {
        tokio::join!(meet(Behaviour::Hang), meet(Behaviour::OneByteASecond));
    };
    measure("never an answer, and one byte a second", silent).await;
    measure("10 000 made-up keys", async {
        let service = Service::on_a_socket().await.warmed().await;
        for number in 0..10_000 {
            service.ask(&service.made_up(number)).await;
        }
    })
    .await;
    measure("1 000 first requests", async {
        let service = Service::on_a_socket().await;
        service.issuer.behave(Behaviour::Held);
        let mut requests = JoinSet::new();
        for _ in 0..1000 {
            requests.spawn(service.ask(&service.token()));
        }
        let openid = Endpoint::OpenIdConfiguration;
        service.issuer.until_requests(openid, 1).await;
        service.issuer.behave(Behaviour::Normal);
        assert_eq!(requests.join_all().await, [Answer::Accepted; 1000]);
    })
    .await;
    measure("10 000 clients that hang up", async {
        let service = Service::on_a_socket().await.warmed().await;
        service.issuer.behave(Behaviour::Held);
        for number in 0..10_000 {
            service.hang_up(&service.made_up(number));
        }
    })
    .await;
}

/// A service that has keys, and one that has none yet, meet with a fault; and more ask than there is budget for.
async fn meet(fault: Behaviour) {
    let (warm, cold) = (Service::on_a_socket().await, Service::on_a_socket().await);
    let warm = warm.warmed().await;
    for service in [&warm, &cold] {
        service.issuer.behave(fault.clone());
    }
    let mut requests = JoinSet::new();
    for number in 0..4 {
        requests.spawn(warm.ask(&warm.made_up(number)));
    }
    requests.spawn(cold.ask(&cold.token()));
    requests.join_all().await;
}

/// A document made only once: to make it takes more memory than to read it may.
fn ten_thousand_keys(issuer: &TestIssuer) -> Behaviour {
    let mut keys = vec![];
    for number in 0..10_000 {
        let mut jwk = issuer.key(Algorithm::EdDSA).public_jwk();
        jwk["kid"] = format!("{number}").into();
        keys.push(jwk);
    }
    Behaviour::bytes(json!({ "keys": keys }).to_string())
}

/// Prints by how much resident memory grows while this is done, at the most; and no task must be left of it.
async fn measure(name: &str, what: impl Future<Output = ()>) {
    let before = resident();
    let watch = Watch::begin();
    what.await;
    no_task_is_left().await;
    let added = watch.most().saturating_sub(before);
    println!("{name}: {added}");
    assert!(added <= 16 << 10, "{name}: {added} KiB");
}
