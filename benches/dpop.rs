//! What does a new proof with a known token cost beside the bare check of the proof's signature?
//!
//!     cargo bench --bench dpop
//!
//! Through the whole layer, with nonces demanded and each proof remembered, as a client's requests come: one token of about 1 KiB,
//! verified before, and a proof of its own for each request. Medians of interleaved rounds in one run. The goal is 1.25.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey};
use http::{HeaderValue, Request, Response};
use tower::{Layer, Service, service_fn};
use tower_bearer::dpop::{Dpop, DpopNonces, InMemoryReplays};
use tower_bearer::testing::{ProofBuilder, RawToken, SigningKey, TestIssuer};
use tower_bearer::{
    Algorithm, Authenticate, AuthenticateLayer, Authenticator, Rejection, VerifyErrorKind,
};

mod token;

use token::{AUDIENCE, shop_token};

const ROUNDS: usize = 301;
const CALLS: u32 = 50;
const URL: &str = "https://api.example.com/orders/17";

type Inner = tower::util::ServiceFn<fn(Request<()>) -> Ready<Result<Response<()>, Infallible>>>;

/// A client with a key and a bound token, and the service that it asks.
struct Client {
    algorithm: Algorithm,
    key: SigningKey,
    bare: ParsedPublicKey,
    token: String,
    nonce: String,
    authorization: HeaderValue,
    layer: Authenticate<Inner>,
}

impl Client {
    fn new(issuer: &TestIssuer, layer: Authenticate<Inner>, algorithm: Algorithm) -> Self {
        let key = SigningKey::generate(algorithm);
        let params: &'static dyn aws_lc_rs::signature::VerificationAlgorithm = match algorithm {
            Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
            _ => &ED25519,
        };
        let token = shop_token(issuer, Algorithm::ES256)
            .bound_to(&key)
            .expires_in(Duration::from_secs(3600))
            .sign();
        let mut client = Self {
            algorithm,
            bare: ParsedPublicKey::new(params, key.public_key_der()).expect("a public key"),
            authorization: HeaderValue::try_from(format!("DPoP {token}")).expect("ASCII"),
            nonce: String::new(),
            token,
            key,
            layer,
        };
        // A nonce to begin with, and the token is known from then on.
        let first = client.request(&client.proof());
        client.nonce = client.refused(first);
        client
    }

    fn proof(&self) -> String {
        let proof = ProofBuilder::new(&self.key, "GET", URL).access_token(&self.token);
        proof.nonce(&self.nonce).sign()
    }

    /// A request as a server hands it over; making it is not the layer's work.
    fn request(&self, proof: &str) -> Request<()> {
        let mut request = Request::new(());
        *request.uri_mut() = http::Uri::from_static("/orders/17?lang=en");
        let proof = HeaderValue::try_from(proof).expect("ASCII");
        request
            .headers_mut()
            .insert("authorization", self.authorization.clone());
        request.headers_mut().insert("dpop", proof);
        request
    }

    fn layer(&mut self, request: Request<()>) -> Response<()> {
        let mut response = pin!(self.layer.call(black_box(request)));
        match response
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(Ok(response)) => response,
            Poll::Ready(Err(error)) => match error {},
            Poll::Pending => panic!("all is at hand, so the answer is too"),
        }
    }

    /// The nonce that a request is refused with.
    fn refused(&mut self, request: Request<()>) -> String {
        let response = self.layer(request);
        match response.extensions().get::<Rejection>() {
            Some(Rejection::Verify(error)) if matches!(error.kind(), VerifyErrorKind::Proof(_)) => {
                let nonce = error.dpop_nonce().and_then(|nonce| nonce.to_str().ok());
                nonce.expect("a nonce is demanded").to_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    /// How long one signature's check takes, and one whole request with that proof.
    fn round(&mut self) -> (Duration, Duration) {
        let proofs: Vec<_> = (0..CALLS).map(|_| self.proof()).collect();
        let signatures: Vec<_> = proofs
            .iter()
            .map(|proof| RawToken::parse(proof).signature_bytes())
            .collect();
        let begun = Instant::now();
        for (proof, signature) in proofs.iter().zip(&signatures) {
            let (input, _) = proof.rsplit_once('.').expect("two dots");
            self.bare
                .verify_sig(black_box(input.as_bytes()), signature)
                .expect("a good signature");
        }
        let bare = begun.elapsed();
        let requests: Vec<_> = proofs.iter().map(|proof| self.request(proof)).collect();
        let begun = Instant::now();
        for request in requests {
            let response = self.layer(request);
            assert_eq!(response.status(), 200);
        }
        (bare / CALLS, begun.elapsed() / CALLS)
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let issuer = TestIssuer::new("https://id.example.com");
    issuer.publish(&[Algorithm::ES256]);
    let dpop = Dpop::require("https://api.example.com")
        .nonces(DpopNonces::random())
        .replays(InMemoryReplays::new().max_proofs_per_key(1_000_000));
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .fetch(issuer.fetch())
        .dpop(dpop)
        .build()
        .expect("a sound configuration");
    runtime.block_on(auth.warm()).expect("the issuer is up");
    let inner: Inner = service_fn(|_| ready(Ok(Response::new(()))));
    let layer = AuthenticateLayer::new(auth).layer(inner);
    let algorithms = [Algorithm::ES256, Algorithm::EdDSA];
    let mut clients = algorithms.map(|algorithm| Client::new(&issuer, layer.clone(), algorithm));

    let mut times = algorithms.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (client, times) in clients.iter_mut().zip(&mut times) {
            times.push(client.round());
        }
    }
    println!("| proof | bare | whole request | ratio |\n|---|---|---|---|");
    for (client, times) in clients.iter().zip(times) {
        let bare = median(times.iter().map(|(bare, _)| *bare).collect());
        let whole = median(times.iter().map(|(_, whole)| *whole).collect());
        let ratio = whole.as_secs_f64() / bare.as_secs_f64();
        let (bare, whole) = (bare.as_secs_f64() * 1e6, whole.as_secs_f64() * 1e6);
        let algorithm = client.algorithm;
        println!("| {algorithm} | {bare:.2} µs | {whole:.2} µs | {ratio:.2} |");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    let middle = times.len() / 2;
    *times.select_nth_unstable(middle).1
}
