//! How many instructions does a request take? Does one thing a number of times, for `benches/instructions/run` to count.
//!
//!     instructions make FOLDER                # keys and tokens, once
//!     instructions count PATH TIMES FOLDER    # gets ready, and goes that path so many times, within `along`
//!
//! The tokens are of about 1 KiB with 14 claims. The layer is as it is without any setter, so that a new token costs its way
//! into the cache, too.

#![expect(
    clippy::indexing_slicing,
    reason = "a benchmark stops at what it did not expect"
)]

use std::convert::Infallible;
use std::fs;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use http::{HeaderValue, Request, Response};
use tower::{Layer, Service, service_fn};
use tower_bearer::testing::{RawToken, TestIssuer};
use tower_bearer::{Algorithm, Authenticate, AuthenticateLayer, Authenticator};

#[path = "../token/mod.rs"]
mod token;

use token::{AUDIENCE, shop_token};

const ISSUER: &str = "https://id.example.com";

/// More than any path is gone along.
const TOKENS: usize = 600;

const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

type Inner = tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["make", folder] => make(Path::new(folder)),
        ["count", path, times, folder] => {
            let times = times.parse().expect("a number");
            count(path, times, Path::new(folder));
        }
        // Cargo runs it with all benchmarks.
        _ => println!("benches/instructions/run counts instructions"),
    }
}

/// Writes one file for each algorithm: the key set, the public key, and tokens that differ by their `jti`, a line each.
fn make(folder: &Path) {
    let issuer = TestIssuer::new(ISSUER);
    issuer.publish(&ALGORITHMS);
    for algorithm in ALGORITHMS {
        let der = issuer.key(algorithm).public_key_der();
        let der: String = der.iter().map(|octet| format!("{octet:02x}")).collect();
        let tokens = (0..TOKENS).map(|number| {
            let token = shop_token(&issuer, algorithm).token_id(format!("{number:032}"));
            token.expires_in(Duration::from_secs(24 * 3600)).sign()
        });
        let lines: Vec<String> = [issuer.key_set().to_string(), der]
            .into_iter()
            .chain(tokens)
            .collect();
        fs::write(folder.join(algorithm.name()), lines.join("\n")).expect("a file");
    }
}

/// What was made for one algorithm.
struct Made {
    key_set: String,
    key: Vec<u8>,
    tokens: Vec<String>,
}

impl Made {
    fn read(folder: &Path, algorithm: Algorithm) -> Self {
        let text = fs::read_to_string(folder.join(algorithm.name())).expect("what `make` wrote");
        let mut lines = text.lines().map(str::to_owned);
        let key_set = lines.next().expect("a key set");
        let key = lines.next().expect("a key");
        let octet = |pair: &[u8]| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        };
        Self {
            key_set,
            key: key.as_bytes().chunks(2).map(octet).collect(),
            tokens: lines.collect(),
        }
    }

    fn header(&self, number: usize) -> HeaderValue {
        HeaderValue::try_from(format!("Bearer {}", self.tokens[number])).expect("ASCII")
    }
}

fn count(path: &str, times: usize, folder: &Path) {
    let (what, algorithm) = path.split_once('-').unwrap_or((path, "RS256"));
    let mut algorithms = ALGORITHMS.into_iter();
    let algorithm = algorithms.find(|known| known.name() == algorithm);
    let algorithm = algorithm.expect("an algorithm");
    let made = Made::read(folder, algorithm);
    if what == "bare" {
        return bare(&made, algorithm, times);
    }
    let mut service = layer(made.key_set.clone());
    let first = made.header(0);
    // What is done once only is done here.
    assert_eq!(call(&mut service, request(Some(&first))), 200);
    assert_eq!(call(&mut service, request(None)), 401);
    let garbage = format!("Bearer {}", "x".repeat(made.tokens[0].len()));
    let garbage = HeaderValue::try_from(garbage).expect("ASCII");
    let requests = (1..=times).map(|number| match what {
        "hit" => request(Some(&first)),
        "new" => request(Some(&made.header(number))),
        "garbage" => request(Some(&garbage)),
        "none" => request(None),
        other => panic!("no path {other}"),
    });
    let refused = what == "garbage" || what == "none";
    along(
        &mut service,
        requests.collect(),
        if refused { 401 } else { 200 },
    );
}

/// What is counted. Making a request is not the layer's work; what is done with it to its end is.
#[inline(never)]
fn along(service: &mut Authenticate<Inner>, requests: Vec<Request<()>>, status: u16) {
    for request in requests {
        assert_eq!(call(service, request), status);
    }
}

/// What is counted of the signature check alone, with a key that is prepared.
#[inline(never)]
fn along_bare(key: &ParsedPublicKey, checks: &[(&str, Vec<u8>)]) {
    for (input, signature) in checks {
        let outcome = key.verify_sig(black_box(input.as_bytes()), signature);
        outcome.expect("a good signature");
    }
}

fn layer(key_set: String) -> Authenticate<Inner> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let published = move |_: Request<Vec<u8>>, _| {
        let key_set = key_set.clone().into_bytes();
        ready(Ok(Response::new(key_set)))
    };
    let auth = Authenticator::builder(ISSUER, AUDIENCE)
        .jwks_url(format!("{ISSUER}/jwks"))
        .fetch(published)
        .build()
        .expect("a sound configuration");
    runtime.block_on(auth.warm()).expect("keys are at hand");
    // Keys are not refreshed while instructions are counted; and the layer asks for no runtime then.
    std::mem::forget(runtime);
    let inner: Inner = service_fn(|_| ready(Ok(Response::new(()))));
    AuthenticateLayer::new(auth).layer(inner)
}

fn request(header: Option<&HeaderValue>) -> Request<()> {
    let mut request = Request::new(());
    if let Some(header) = header {
        let headers = request.headers_mut();
        headers.insert("authorization", header.clone());
    }
    request
}

fn call(service: &mut Authenticate<Inner>, request: Request<()>) -> u16 {
    let mut response = pin!(service.call(black_box(request)));
    match response
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(Ok(response)) => response.status().as_u16(),
        Poll::Ready(Err(error)) => match error {},
        Poll::Pending => panic!("keys are at hand, so the answer is too"),
    }
}

fn bare(made: &Made, algorithm: Algorithm, times: usize) {
    let parameters: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
        _ => &ED25519,
    };
    let key = ParsedPublicKey::new(parameters, &made.key).expect("a public key");
    let checks: Vec<(&str, Vec<u8>)> = made
        .tokens
        .iter()
        .map(|token| {
            let (input, _) = token.rsplit_once('.').expect("two dots");
            (input, RawToken::parse(token).signature_bytes())
        })
        .collect();
    let (input, signature) = &checks[0];
    key.verify_sig(input.as_bytes(), signature).expect("good");
    along_bare(&key, &checks[1..=times]);
}
