//! Tokens that are bound to a key, and the proofs that come with them (RFC 9449), through the layer.
//!
//! What every single proof is held against is tried out inside the crate; here, what a client is answered, and that no way into the
//! service goes past the check.

#![expect(
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

#[path = "dpop/answers.rs"]
mod answers;
#[path = "dpop/checks.rs"]
mod checks;
#[path = "dpop/memory.rs"]
mod memory;
#[path = "dpop/modes.rs"]
mod modes;
#[path = "dpop/nonces.rs"]
mod nonces;
#[path = "dpop/replays.rs"]
mod replays;
#[path = "dpop/schemes.rs"]
mod schemes;
#[cfg(feature = "redis")]
#[path = "redis/server.rs"]
#[expect(dead_code, reason = "only a part of it is needed here")]
mod server;
#[expect(dead_code, reason = "only a part of it is needed here")]
mod support;
#[path = "dpop/targets.rs"]
mod targets;
#[cfg(feature = "redis")]
#[path = "dpop/through_redis.rs"]
mod through_redis;
#[path = "dpop/ways_in.rs"]
mod ways_in;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Request};
use support::{AUDIENCE, Answer, Stage};
use tower_bearer::dpop::{Dpop, ProofErrorKind};
use tower_bearer::testing::{ProofBuilder, SigningKey, TestIssuer};
use tower_bearer::{
    Algorithm, Authenticator, AuthenticatorBuilder, NumericDate, Rejection, VerifyErrorKind,
};

/// Under which URL clients know the service.
const URL: &str = "https://api.test";

/// What stands in a challenge before everything else, and beside the other scheme's.
const BEARER: &str = "Bearer realm=\"https://api.test\"";

const INVALID_TOKEN: &str =
    "error=\"invalid_token\", error_description=\"the token is not acceptable\"";
const INVALID_PROOF: &str = "error=\"invalid_dpop_proof\", error_description=\"the request must carry one good proof for its token\"";
const INVALID_REQUEST: &str = "error=\"invalid_request\", error_description=\"the request must carry exactly one well-formed bearer token\"";
const USE_NONCE: &str = "error=\"use_dpop_nonce\", error_description=\"the proof must have the nonce that is sent along\"";

const fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(seconds)
}

/// The challenge of the scheme `Bearer`, saying this.
fn bearer(said: &str) -> String {
    match said {
        "" => BEARER.to_owned(),
        said => format!("{BEARER}, {said}"),
    }
}

/// The challenge of the scheme `DPoP`, saying this.
fn dpop(said: &str) -> String {
    let separator = if said.is_empty() { "" } else { ", " };
    // The portable backend does not know ES512.
    let es512 = if cfg!(feature = "aws-lc-rs") {
        " ES512"
    } else {
        ""
    };
    let algs = format!("ES256 ES384{es512} EdDSA Ed25519 PS256");
    format!("DPoP realm=\"https://api.test\"{separator}{said}, algs=\"{algs}\"")
}

/// A service that checks proofs, and a client with a key.
struct Scene {
    stage: Stage,
    key: SigningKey,
}

impl Scene {
    /// Bound tokens need a proof, and others pass.
    async fn new() -> Self {
        Self::with(Dpop::accept(URL)).await
    }

    async fn with(dpop: Dpop) -> Self {
        Self::beside(dpop, |_| (), |builder| builder).await
    }

    /// The same, with more that the issuer publishes and the service demands.
    async fn beside(
        dpop: Dpop,
        publish: impl FnOnce(&TestIssuer),
        demand: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder,
    ) -> Self {
        Self {
            stage: Stage::with(publish, |builder| demand(builder.dpop(dpop))).await,
            key: SigningKey::generate(Algorithm::ES256),
        }
    }

    /// The same client and issuer, and another server of the same name.
    fn with_another_server(&self, dpop: Dpop) -> Self {
        let Stage { issuer, clock, .. } = &self.stage;
        let auth = Authenticator::builder(issuer.url(), AUDIENCE)
            .clock(clock.clone())
            .fetch(issuer.fetch())
            .dpop(dpop)
            .build()
            .expect("sound");
        let stage = Stage {
            issuer: issuer.clone(),
            clock: clock.clone(),
            auth,
        };
        Self {
            stage,
            key: self.key.clone(),
        }
    }

    /// A token that is bound to the client's key.
    fn token(&self) -> String {
        self.stage.token().bound_to(&self.key).sign()
    }

    /// A good proof for `GET /orders` with this token, to be spoiled.
    fn proof(&self, token: &str) -> ProofBuilder {
        self.proof_of("GET", "https://api.test/orders", token)
    }

    fn proof_of(&self, method: &str, uri: &str, token: &str) -> ProofBuilder {
        let proof = ProofBuilder::new(&self.key, method, uri).access_token(token);
        proof.issued_at(self.now())
    }

    fn now(&self) -> NumericDate {
        use tower_bearer::Clock as _;
        self.stage.clock.now()
    }

    /// `GET /orders` with this token and proof.
    async fn send(&self, token: &str, proof: &str) -> Answer {
        self.stage.call(get(token, &[proof])).await
    }

    /// The client can come in still: nothing that was tried before has cost it anything.
    async fn still_accepts(&self, row: &str, token: &str) {
        let proof = self.proof(token).sign();
        self.send(token, &proof).await.accepted(row);
    }
}

/// `GET /orders` with these proofs.
fn get(token: &str, proofs: &[&str]) -> Request<String> {
    request("GET", "/orders", &format!("DPoP {token}"), proofs)
}

fn request(method: &str, uri: &str, authorization: &str, proofs: &[&str]) -> Request<String> {
    let mut request = Request::builder().method(method).uri(uri);
    if !authorization.is_empty() {
        request = request.header(AUTHORIZATION, authorization);
    }
    for proof in proofs {
        request = request.header("DPoP", *proof);
    }
    request.body(String::new()).expect("a request")
}

/// All challenges, in their order.
fn challenges(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter();
    values.map(|value| value.to_str().expect("text")).collect()
}

impl Answer {
    /// The service was not reached; the answer has this status and, apart from these challenges, nothing.
    #[track_caller]
    fn refused_with(&self, row: &str, kind: VerifyErrorKind, status: u16, wanted: &[String]) {
        self.refused_because(row, kind);
        assert_eq!(self.status().as_u16(), status, "{row}");
        assert_eq!(challenges(self.0.headers()), wanted, "{row}");
        assert_eq!(self.0.headers().len(), wanted.len(), "{row}");
        assert_eq!(self.0.body(), "", "{row}");
    }

    /// The same with 401, where both schemes are taken and the token was sent by `DPoP`.
    #[track_caller]
    fn refused_proof(&self, row: &str, kind: ProofErrorKind, said: &str) {
        let kind = VerifyErrorKind::Proof(kind);
        self.refused_with(row, kind, 401, &[bearer(""), dpop(said)]);
    }

    #[track_caller]
    fn refused_because(&self, row: &str, kind: VerifyErrorKind) {
        match self.0.extensions().get::<Rejection>() {
            Some(Rejection::Verify(error)) => assert_eq!(error.kind(), kind, "{row}"),
            other => panic!("{row}: {other:?} where {kind:?} was expected"),
        }
    }

    /// The value of a header that is there once.
    #[track_caller]
    fn header(&self, name: &str) -> Option<String> {
        let mut values = self.0.headers().get_all(name).iter();
        let value = values.next()?.to_str().expect("text").to_owned();
        assert_eq!(values.next(), None, "{name} twice");
        Some(value)
    }
}
