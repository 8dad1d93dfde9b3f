//! What do signature checks do to everything else that runs on the same runtime?
//!
//!     cargo bench --bench latency              # all, five minutes
//!     cargo bench --bench latency -- --quick   # the same, too short to say much
//!
//! New tokens come through the layer, 400 a second, at random or 16 at once; each is checked on the thread of its request, which
//! is what the layer does, within `block_in_place`, or in a pool (`spawn_blocking`, with two threads). Meanwhile a thousand other
//! tasks a second become ready, and do nothing: how long do they wait for a thread? And how long does each request take,
//! and how much processor time beyond that of a service without the checks?

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use http::{HeaderValue, Request, Response};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, service_fn};
use tower_bearer::testing::{RawToken, TestIssuer};
use tower_bearer::{Algorithm, Authenticate, AuthenticateLayer, Authenticator};

mod at_once;
mod token;

use at_once::at_once;
use token::{AUDIENCE, shop_token};

/// Of each figure the median of so many rounds is shown, so that one in which the machine did something else says nothing.
const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(500);
const WORKERS: usize = 2;
/// Requests a second, and how many come at once where they do not come alone.
const REQUESTS: f64 = 400.0;
const BURST: usize = 16;
/// Other tasks a second.
const OTHERS: f64 = 1000.0;

type Inner = tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Threads {
    Two,
    Current,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Arrival {
    Random,
    Together,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// Requests come, and nothing is checked.
    Unchecked,
    Inline,
    BlockInPlace,
    Pool,
}

/// One kind of token, and the layer that it is sent through.
#[derive(Clone)]
struct Subject {
    name: &'static str,
    layer: Authenticate<Inner>,
    header: HeaderValue,
}

impl Subject {
    fn new(name: &'static str, auth: &Authenticator, token: &str) -> Self {
        let inner: Inner = service_fn(|_| ready(Ok(Response::new(()))));
        Self {
            name,
            layer: AuthenticateLayer::new(auth.clone()).layer(inner),
            header: HeaderValue::try_from(format!("Bearer {token}")).expect("ASCII"),
        }
    }

    /// One request, from end to end: keys are at hand, so nothing is waited for.
    fn call(&mut self) {
        let mut request = Request::new(());
        let headers = request.headers_mut();
        headers.insert("authorization", self.header.clone());
        let Ok(response) = at_once(self.layer.call(request));
        assert_eq!(response.status(), 200);
    }

    async fn serve(mut self, way: Way) {
        match way {
            Way::Unchecked => {}
            Way::Inline => self.call(),
            Way::BlockInPlace => tokio::task::block_in_place(|| self.call()),
            Way::Pool => {
                let call = tokio::task::spawn_blocking(move || self.call());
                call.await.expect("no panic");
            }
        }
    }
}

/// What was seen of one case, a figure a round.
#[derive(Default)]
struct Seen([Vec<Duration>; 6]);

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick" || argument == "--test");
    let (rounds, round) = match quick {
        true => (1, ROUND / 10),
        false => (ROUNDS, ROUND),
    };
    let subjects = subjects();
    println!("| signature | one request, alone |\n|---|---|");
    for subject in &subjects {
        println!("| {} | {} |", subject.name, micros(alone(subject.clone())));
    }
    let mut seen: BTreeMap<_, Seen> = BTreeMap::new();
    for _ in 0..rounds {
        for threads in [Threads::Two, Threads::Current] {
            for arrival in [Arrival::Random, Arrival::Together] {
                for (number, subject) in subjects.iter().enumerate() {
                    for way in [Way::Unchecked, Way::Inline, Way::BlockInPlace, Way::Pool] {
                        // What is not checked is the same for all; and the only thread has nobody to hand its work to.
                        let impossible = way == Way::BlockInPlace && threads == Threads::Current;
                        if impossible || (way == Way::Unchecked && number > 0) {
                            continue;
                        }
                        let case = seen.entry((threads, arrival, number, way)).or_default();
                        observe(case, subject, threads, arrival, way, round);
                    }
                }
            }
        }
    }
    for threads in [Threads::Two, Threads::Current] {
        for arrival in [Arrival::Random, Arrival::Together] {
            print_table(&mut seen, &subjects, threads, arrival);
        }
    }
}

fn print_table(
    seen: &mut BTreeMap<(Threads, Arrival, usize, Way), Seen>,
    subjects: &[Subject],
    threads: Threads,
    arrival: Arrival,
) {
    let threads_name = match threads {
        Threads::Two => "two workers",
        Threads::Current => "one thread (current_thread)",
    };
    let arrival_name = match arrival {
        Arrival::Random => "at random",
        Arrival::Together => "16 at once",
    };
    println!("\n{threads_name}, {arrival_name}, µs\n");
    println!(
        "| signature | checked | others wait: p50 | p99 | most | request: p50 | p99 | processor time a request |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut unchecked = Duration::ZERO;
    let cases = seen
        .iter_mut()
        .filter(|(case, _)| (case.0, case.1) == (threads, arrival));
    for ((_, _, number, way), seen) in cases {
        let [other_p50, other_p99, other_most, p50, p99, processor] =
            seen.0.each_mut().map(|rounds| {
                rounds.sort_unstable();
                at(rounds, 0.5)
            });
        if *way == Way::Unchecked {
            unchecked = processor;
        }
        let (name, way) = match way {
            Way::Unchecked => ("any", "not at all"),
            Way::Inline => (name(subjects, *number), "inline"),
            Way::BlockInPlace => (name(subjects, *number), "block_in_place"),
            Way::Pool => (name(subjects, *number), "pool"),
        };
        let processor = processor.saturating_sub(unchecked);
        let figures = [other_p50, other_p99, other_most, p50, p99, processor].map(micros);
        println!("| {name} | {way} | {} |", figures.join(" | "));
    }
}

fn name(subjects: &[Subject], number: usize) -> &'static str {
    subjects.get(number).map_or("", |subject| subject.name)
}

/// Sends requests of one kind for a while, and other tasks beside them.
fn observe(
    seen: &mut Seen,
    subject: &Subject,
    threads: Threads,
    arrival: Arrival,
    way: Way,
    span: Duration,
) {
    let runtime = runtime(threads);
    let others = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let handle = runtime.handle().clone();
    let (subject, told, answered) = (subject.clone(), Arc::clone(&others), Arc::clone(&requests));
    // Whoever sends is a thread of its own, as clients are elsewhere, and sleeps most of the time.
    let sender = thread::spawn(move || {
        let begun = Instant::now();
        let before = processor_time();
        let at_once = match arrival {
            Arrival::Random => 1,
            Arrival::Together => BURST,
        };
        let (mut next_request, mut next_other) = (Duration::ZERO, Duration::ZERO);
        while next_request.min(next_other) < span {
            let next = next_request.min(next_other);
            thread::sleep(next.saturating_sub(begun.elapsed()));
            // Woken late, it sends late: what is measured is how long it takes from then on.
            let sent = Instant::now();
            if next == next_other {
                let told = Arc::clone(&told);
                handle.spawn(async move { push(&told, sent) });
                next_other += pause(OTHERS);
                continue;
            }
            for _ in 0..at_once {
                let (subject, answered) = (subject.clone(), Arc::clone(&answered));
                handle.spawn(async move {
                    subject.serve(way).await;
                    push(&answered, sent);
                });
            }
            next_request += pause(REQUESTS / at_once as f64);
        }
        before
    });
    // Only a runtime that is blocked on runs what is sent to its one thread.
    let before = runtime.block_on(async move {
        while !sender.is_finished() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sender.join().expect("no panic")
    });
    let processor = processor_time().saturating_sub(before);
    runtime.shutdown_timeout(Duration::from_secs(1));
    let [others, requests] = [others, requests].map(|spans| {
        let mut spans = std::mem::take(&mut *spans.lock().expect("no panic"));
        spans.sort_unstable();
        spans
    });
    let count = u32::try_from(requests.len()).unwrap_or(u32::MAX);
    for (rounds, figure) in seen.0.iter_mut().zip([
        at(&others, 0.5),
        at(&others, 0.99),
        at(&others, 1.0),
        at(&requests, 0.5),
        at(&requests, 0.99),
        processor / count.max(1),
    ]) {
        rounds.push(figure);
    }
}

fn runtime(threads: Threads) -> Runtime {
    let mut builder = match threads {
        Threads::Two => Builder::new_multi_thread(),
        Threads::Current => Builder::new_current_thread(),
    };
    let builder = builder.worker_threads(WORKERS).max_blocking_threads(2);
    builder.enable_all().build().expect("a runtime")
}

/// A random pause between things that come so many times a second.
fn pause(a_second: f64) -> Duration {
    Duration::from_secs_f64(-(1.0 - fastrand::f64()).ln() / a_second)
}

fn push(spans: &Mutex<Vec<Duration>>, since: Instant) {
    let span = since.elapsed();
    spans.lock().expect("no panic").push(span);
}

/// What all threads of this process that still live have taken of the processor.
fn processor_time() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
    let spent = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// The median of many requests with nothing beside them.
fn alone(mut subject: Subject) -> Duration {
    let mut spans: Vec<_> = (0..301)
        .map(|_| {
            let begun = Instant::now();
            subject.call();
            begun.elapsed()
        })
        .collect();
    spans.sort_unstable();
    at(&spans, 0.5)
}

/// The span that so large a part of all, which are sorted, does not exceed.
fn at(sorted: &[Duration], part: f64) -> Duration {
    let last = sorted.len().saturating_sub(1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index within the slice"
    )]
    let index = (part * last) as usize;
    sorted.get(index).copied().unwrap_or_default()
}

fn micros(span: Duration) -> String {
    format!("{:.0}", span.as_secs_f64() * 1e6)
}

/// From the cheapest to the dearest.
fn subjects() -> Vec<Subject> {
    let algorithms = [
        ("RS256, 2048 bit", Algorithm::RS256),
        ("EdDSA", Algorithm::EdDSA),
        ("ES256", Algorithm::ES256),
        ("ES384", Algorithm::ES384),
        ("ES512", Algorithm::ES512),
    ];
    let issuer = TestIssuer::new("https://id.example.com");
    issuer.publish(&algorithms.map(|(_, algorithm)| algorithm));
    let large = LargeKey::generate();
    issuer.add_jwk(large.public_jwk());
    let runtime = runtime(Threads::Current);
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .fetch(issuer.fetch())
        .token_cache(0)
        .build()
        .expect("a sound configuration");
    runtime.block_on(auth.warm()).expect("the issuer is up");
    let token = |algorithm| shop_token(&issuer, algorithm).expires_in(Duration::from_secs(7200));
    let mut subjects: Vec<_> = algorithms
        .iter()
        .map(|(name, algorithm)| Subject::new(name, &auth, &token(*algorithm).sign()))
        .collect();
    let token = large.sign(token(Algorithm::RS256).key_id(LargeKey::ID).raw());
    subjects.insert(3, Subject::new("RS256, 4096 bit", &auth, &token));
    subjects
}

/// An RSA key of 4096 bits, which the test kit does not make.
struct LargeKey(KeyPair);

impl LargeKey {
    const ID: &str = "large";

    fn generate() -> Self {
        Self(KeyPair::generate(KeySize::Rsa4096).expect("a key"))
    }

    fn public_jwk(&self) -> serde_json::Value {
        let encoded = |octets: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(octets);
        let key = self.0.public_key();
        json!({
            "kty": "RSA",
            "kid": Self::ID,
            "alg": "RS256",
            "use": "sig",
            "n": encoded(key.modulus().big_endian_without_leading_zero()),
            "e": encoded(key.exponent().big_endian_without_leading_zero()),
        })
    }

    fn sign(&self, token: RawToken) -> String {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let input = token.signing_input();
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                input.as_bytes(),
                &mut signature,
            )
            .expect("a signature");
        token.signature(&signature).join()
    }
}
