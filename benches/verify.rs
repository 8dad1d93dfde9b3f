//! What does the whole layer cost beside the bare signature check, and beside `jsonwebtoken::decode`?
//!
//!     cargo bench --bench verify              # criterion's own statistics, then the table of ratios
//!     cargo bench --bench verify -- --ratios  # the table alone
//!
//! Everything is verified anew, with keys at hand: a token of about 1 KiB with 14 claims, the same for all. The ratios are
//! medians of interleaved rounds, so that a noisy machine is noisy to all alike.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
};
use criterion::{BatchSize, Criterion};
use http::{HeaderValue, Request, Response};
use serde_json::Value;
use tower::{Layer, Service, service_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Algorithm, Authenticate, AuthenticateLayer, Authenticator};

mod at_once;
mod token;

use at_once::at_once;
use token::{AUDIENCE, shop_token};

const ROUNDS: usize = 301;
const CALLS: u32 = 20;

type Inner = tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>>;

/// One algorithm's token, and all that verifies it.
struct Subject {
    algorithm: Algorithm,
    token: String,
    bare: ParsedPublicKey,
    signature: Vec<u8>,
    decoding_key: jsonwebtoken::DecodingKey,
    validation: jsonwebtoken::Validation,
    layer: Authenticate<Inner>,
    header: HeaderValue,
}

impl Subject {
    fn new(issuer: &TestIssuer, auth: &Authenticator, algorithm: Algorithm) -> Self {
        let token = shop_token(issuer, algorithm).sign();
        let key = issuer.key(algorithm);
        let jwk = serde_json::from_value(key.public_jwk()).expect("a public JWK");
        let (params, name): (&'static dyn aws_lc_rs::signature::VerificationAlgorithm, _) =
            match algorithm {
                Algorithm::RS256 => (&RSA_PKCS1_2048_8192_SHA256, jsonwebtoken::Algorithm::RS256),
                Algorithm::ES256 => (&ECDSA_P256_SHA256_FIXED, jsonwebtoken::Algorithm::ES256),
                _ => (&ED25519, jsonwebtoken::Algorithm::EdDSA),
            };
        let mut validation = jsonwebtoken::Validation::new(name);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[issuer.url()]);
        let inner: Inner = service_fn(|_| ready(Ok(Response::new(()))));
        Self {
            algorithm,
            bare: ParsedPublicKey::new(params, key.public_key_der()).expect("a public key"),
            signature: tower_bearer::testing::RawToken::parse(&token).signature_bytes(),
            decoding_key: jsonwebtoken::DecodingKey::from_jwk(&jwk).expect("a JWK"),
            validation,
            layer: AuthenticateLayer::new(auth.clone()).layer(inner),
            header: HeaderValue::try_from(format!("Bearer {token}")).expect("a header value"),
            token,
        }
    }

    fn bare(&self) {
        let (input, _) = self.token.rsplit_once('.').expect("two dots");
        self.bare
            .verify_sig(black_box(input.as_bytes()), &self.signature)
            .expect("a good signature");
    }

    fn jsonwebtoken(&self) {
        let decoded: jsonwebtoken::TokenData<Value> =
            jsonwebtoken::decode(black_box(&self.token), &self.decoding_key, &self.validation)
                .expect("a good token");
        black_box(decoded);
    }

    /// A request as a server hands it over; making it is not the layer's work.
    fn request(&self) -> Request<()> {
        let mut request = Request::new(());
        request
            .headers_mut()
            .insert("authorization", self.header.clone());
        request
    }

    fn layer(&mut self, request: Request<()>) {
        let Ok(response) = at_once(self.layer.call(black_box(request)));
        assert_eq!(response.status(), 200);
    }
}

fn main() {
    // The global provider is jsonwebtoken's own requirement; nothing of ours reads it.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let issuer = TestIssuer::new("https://id.example.com");
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .fetch(issuer.fetch())
        .token_cache(0)
        .build()
        .expect("a sound configuration");
    let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    issuer.publish(&algorithms);
    runtime.block_on(auth.warm()).expect("the issuer is up");
    let mut subjects = algorithms.map(|algorithm| Subject::new(&issuer, &auth, algorithm));

    if !std::env::args().any(|argument| argument == "--ratios") {
        let mut criterion = Criterion::default().configure_from_args();
        for subject in &mut subjects {
            let mut group = criterion.benchmark_group(subject.algorithm.name());
            group.bench_function("bare", |b| b.iter(|| subject.bare()));
            group.bench_function("jsonwebtoken", |b| b.iter(|| subject.jsonwebtoken()));
            let request = subject.request();
            let again = || request.clone();
            group.bench_function("layer", |b| {
                b.iter_batched(
                    again,
                    |request| subject.layer(request),
                    BatchSize::SmallInput,
                );
            });
            group.finish();
        }
        criterion.final_summary();
        if std::env::args().any(|argument| argument == "--test") {
            return;
        }
    }

    println!(
        "\n| algorithm | token | bare | jsonwebtoken::decode | whole layer | decode / bare | layer / bare |"
    );
    println!("|---|---|---|---|---|---|---|");
    for subject in &mut subjects {
        println!("{}", row(subject));
    }
}

/// Medians over interleaved rounds, and their ratios.
fn row(subject: &mut Subject) -> String {
    let [mut bare, mut decode, mut layer] = [const { Vec::<Duration>::new() }; 3];
    for _ in 0..ROUNDS {
        bare.push(time((0..CALLS).map(|_| ()), |()| subject.bare()));
        decode.push(time((0..CALLS).map(|_| ()), |()| subject.jsonwebtoken()));
        let requests: Vec<_> = (0..CALLS).map(|_| subject.request()).collect();
        layer.push(time(requests.into_iter(), |request| subject.layer(request)));
    }
    let [bare, decode, layer] = [bare, decode, layer].map(|mut times| {
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        median.as_secs_f64() * 1e6 / f64::from(CALLS)
    });
    format!(
        "| {} | {} B | {bare:.2} µs | {decode:.2} µs | {layer:.2} µs | {:.2} | {:.2} |",
        subject.algorithm,
        subject.token.len(),
        decode / bare,
        layer / bare
    )
}

fn time<I>(inputs: impl Iterator<Item = I>, mut call: impl FnMut(I)) -> Duration {
    let begin = Instant::now();
    for input in inputs {
        call(input);
    }
    begin.elapsed()
}
