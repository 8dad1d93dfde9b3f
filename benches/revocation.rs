//! What does it cost to ask of every request whether its token has been revoked?
//!
//!     cargo bench --bench revocation
//!
//! Over the same path without it: medians of interleaved rounds in one run, of tokens that were verified before, of about 1 KiB with
//! 14 claims, `jti`, `sid` and `sub` among them. The goal is 150 ns.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark stops at what it did not expect"
)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::time::Instant;

use http::{HeaderValue, Request, Response};
use tower::{Layer, Service, service_fn};
use tower_bearer::revocation::{InMemoryRevocations, Revocation, RevocationStore};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Algorithm, Authenticate, AuthenticateLayer, Authenticator, NumericDate};

mod at_once;
mod token;

use at_once::at_once;
use token::{AUDIENCE, shop_token};

const ROUNDS: usize = 301;
const CALLS: usize = 400;
const DISTINCT: usize = 10_000;
const REVOKED: u64 = 1_000_000;

type Inner = tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>>;

struct Path {
    name: &'static str,
    service: Authenticate<Inner>,
}

impl Path {
    fn call(&mut self, request: Request<()>) -> u16 {
        let Ok(response) = at_once(self.service.call(black_box(request)));
        response.status().as_u16()
    }

    /// How long a request takes; making it is not the layer's work.
    fn time(&mut self, headers: &[HeaderValue], from: usize) -> f64 {
        let some = (0..CALLS).map(|index| &headers[(from + index) % headers.len()]);
        let requests: Vec<_> = some
            .map(|header| {
                let mut request = Request::new(());
                let headers = request.headers_mut();
                headers.insert("authorization", header.clone());
                request
            })
            .collect();
        let begun = Instant::now();
        for request in requests {
            assert_eq!(self.call(request), 200);
        }
        begun.elapsed().as_nanos() as f64 / CALLS as f64
    }
}

/// Tokens, sessions and subjects, of the same issuer and none of those that are asked about; and an issuer that is none of ours.
fn fill(store: &InMemoryRevocations, issuer: &str, runtime: &tokio::runtime::Runtime) {
    let until = NumericDate::from_seconds(4_000_000_000);
    for number in 1..REVOKED {
        let name = format!("revoked-{number}");
        let revocation = match number % 3 {
            0 => Revocation::subject(issuer, &name),
            1 => Revocation::session(issuer, &name),
            _ => Revocation::token_id(issuer, &name, until),
        };
        let taken_in = runtime.block_on(store.revoke(revocation));
        taken_in.expect("there is room");
    }
    let other = Revocation::issuer("https://other.example.com");
    let taken_in = runtime.block_on(store.revoke(other));
    taken_in.expect("there is room");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let issuer = TestIssuer::new("https://id.example.com");
    issuer.publish(&[Algorithm::RS256]);
    let full = InMemoryRevocations::new();
    fill(&full, issuer.url(), &runtime);
    let stores = [
        ("none is asked", None),
        ("an empty store", Some(InMemoryRevocations::new())),
        ("1 000 000 revocations", Some(full)),
    ];
    let mut paths = stores.map(|(name, store)| {
        let mut builder = Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch());
        if let Some(store) = store {
            builder = builder.revocations(store);
        }
        let auth = builder.build().expect("a sound configuration");
        runtime.block_on(auth.warm()).expect("the issuer is up");
        let inner: Inner = service_fn(|_| ready(Ok(Response::new(()))));
        Path {
            name,
            service: AuthenticateLayer::new(auth).layer(inner),
        }
    });

    let tokens = |count: usize| -> Vec<_> {
        let header = |number: usize| {
            let token = shop_token(&issuer, Algorithm::RS256)
                .token_id(format!("{number:032}"))
                .subject(format!("user-{number}"))
                .claim("sid", format!("session-{number}"));
            HeaderValue::try_from(format!("Bearer {}", token.sign())).expect("ASCII")
        };
        (0..count).map(header).collect()
    };
    for (name, headers) in [
        ("one token, repeated", tokens(1)),
        ("10 000 tokens, repeated", tokens(DISTINCT)),
    ] {
        for path in &mut paths {
            for from in (0..headers.len()).step_by(CALLS) {
                path.time(&headers, from);
            }
        }
        let mut times = [const { Vec::new() }; 3];
        for round in 0..ROUNDS {
            for (path, times) in paths.iter_mut().zip(&mut times) {
                times.push(path.time(&headers, round * CALLS));
            }
        }
        // Round by round: what slows a whole round down slows all paths.
        let over: Vec<f64> = (1..3)
            .map(|path| {
                let rounds = times[path].iter().zip(&times[0]);
                median(rounds.map(|(with, without)| with - without).collect())
            })
            .collect();
        println!("| {name} | ns | over none |\n|---|---|---|");
        for (number, path) in paths.iter().enumerate() {
            let over = number.checked_sub(1).map_or(0.0, |at| over[at]);
            println!(
                "| {} | {:.0} | {over:.0} |",
                path.name,
                median(times[number].clone())
            );
        }
        println!();
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
