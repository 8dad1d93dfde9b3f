//! What does a token cost that was seen before, and a request that is refused at once?
//!
//!     cargo bench --bench repeated
//!
//! Beside the bare signature check of RS256 with a prepared key, which is 1.00: medians of interleaved rounds in one run. The
//! tokens are of about 1 KiB with 14 claims. With two threads each has its own requests, and both start at once.
//!
//! A request is taken apart and its memory given back by whoever has it last, with a layer or without. So the same requests are
//! sent to the inner service alone too: what the layer adds is the difference.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark stops at what it did not expect"
)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use http::{HeaderValue, Request, Response};
use tower::{Layer, Service, service_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Algorithm, Authenticate, AuthenticateLayer, Authenticator};

mod at_once;
mod token;

use at_once::at_once;
use token::{AUDIENCE, shop_token};

const ROUNDS: usize = 101;
const BARE: u32 = 20;
const CALLS: u32 = 400;
const DISTINCT: usize = 10_000;

type Inner = tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>>;

#[derive(Clone)]
struct Bench<S = Authenticate<Inner>> {
    service: S,
}

impl<S> Bench<S>
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible> + Clone + Send + Sync,
{
    fn request(header: Option<&HeaderValue>) -> Request<()> {
        let mut request = Request::new(());
        if let Some(header) = header {
            request
                .headers_mut()
                .insert("authorization", header.clone());
        }
        request
    }

    fn call(&mut self, request: Request<()>) -> u16 {
        let Ok(response) = at_once(self.service.call(black_box(request)));
        response.status().as_u16()
    }

    /// Sends the same requests again; making them is not the layer's work.
    fn time(&mut self, headers: &[Option<HeaderValue>], from: usize, status: u16) -> Duration {
        let some = (0..CALLS as usize).map(|index| &headers[(from + index) % headers.len()]);
        let requests: Vec<_> = some.map(|header| Self::request(header.as_ref())).collect();
        let begun = Instant::now();
        for request in requests {
            assert_eq!(self.call(request), status);
        }
        begun.elapsed()
    }

    /// How much more two threads get done than one, in the same time.
    fn two_threads(&self, headers: &[Option<HeaderValue>]) -> f64 {
        let run = |threads: usize| {
            let barrier = Barrier::new(threads);
            let spans = thread::scope(|scope| {
                let workers: Vec<_> = (0..threads)
                    .map(|number| {
                        let (mut own, barrier) = (self.clone(), &barrier);
                        let from = number * headers.len() / 2;
                        scope.spawn(move || {
                            barrier.wait();
                            (0..40)
                                .map(|round| own.time(headers, from + round * CALLS as usize, 200))
                                .sum::<Duration>()
                        })
                    })
                    .collect();
                let joined = workers.into_iter().map(|worker| worker.join());
                joined
                    .map(|span| span.expect("no panic"))
                    .collect::<Vec<_>>()
            });
            let slowest = spans.into_iter().max().unwrap_or_default();
            threads as f64 / slowest.as_secs_f64()
        };
        let mut ratios: Vec<f64> = (0..15).map(|_| run(2) / run(1)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let issuer = TestIssuer::new("https://id.example.com");
    issuer.publish(&[Algorithm::RS256]);
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .fetch(issuer.fetch())
        .build()
        .expect("a sound configuration");
    runtime.block_on(auth.warm()).expect("the issuer is up");
    let inner: Inner = service_fn(|_| ready(Ok(Response::new(()))));
    let mut bench = Bench {
        service: AuthenticateLayer::new(auth.clone()).layer(inner),
    };

    let bearer =
        |token: &str| Some(HeaderValue::try_from(format!("Bearer {token}")).expect("ASCII"));
    let token = shop_token(&issuer, Algorithm::RS256).sign();
    let key = issuer.key(Algorithm::RS256);
    let bare = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key_der());
    let bare = bare.expect("a sound key");
    let (input, _) = token.rsplit_once('.').expect("two dots");
    let signature = tower_bearer::testing::RawToken::parse(&token).signature_bytes();

    let same = [bearer(&token)];
    let distinct: Vec<_> = (0..DISTINCT)
        .map(|number| {
            let token = shop_token(&issuer, Algorithm::RS256).token_id(format!("{number:032}"));
            bearer(&token.sign())
        })
        .collect();
    let garbage = [bearer(&"x".repeat(token.len()))];
    let none = [None];
    for from in (0..DISTINCT).step_by(CALLS as usize) {
        bench.time(&distinct, from, 200);
    }

    let cases: [(&str, &[Option<HeaderValue>], u16); 4] = [
        ("repeated token", &same, 200),
        ("10 000 distinct tokens, repeated", &distinct, 200),
        ("garbage of the same length", &garbage, 401),
        ("no token", &none, 401),
    ];
    let mut alone = Bench { service: inner };
    let mut bare_times = Vec::new();
    let mut times = vec![(Vec::new(), Vec::new()); cases.len()];
    for round in 0..ROUNDS {
        let begun = Instant::now();
        for _ in 0..BARE {
            bare.verify_sig(black_box(input.as_bytes()), &signature)
                .expect("a good signature");
        }
        bare_times.push(begun.elapsed() / BARE);
        for ((_, headers, status), (with, without)) in cases.iter().zip(&mut times) {
            let from = round * CALLS as usize;
            with.push(bench.time(headers, from, *status) / CALLS);
            without.push(alone.time(headers, from, 200) / CALLS);
        }
    }
    let bare = median(bare_times);
    println!(
        "| path | ns | over bare RS256 ({bare:.0} ns) | without the layer, ns | added, over bare |"
    );
    println!("|---|---|---|---|---|");
    for ((name, _, _), (with, without)) in cases.iter().zip(times) {
        let (with, without) = (median(with), median(without));
        let (whole, added) = (with / bare, (with - without) / bare);
        println!("| {name} | {with:.0} | {whole:.4} | {without:.0} | {added:.4} |");
    }
    println!("\n| two threads over one | |\n|---|---|");
    println!("| one single token | {:.2} |", bench.two_threads(&same));
    println!("| 10 000 tokens | {:.2} |", bench.two_threads(&distinct));
    println!("\n{:?}", auth.health().token_cache());
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64
}
