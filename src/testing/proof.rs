use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::mint::TokenBuilder;
use super::raw::RawToken;
use super::signing_key::SigningKey;
use crate::clock::{Clock, NumericDate, SystemClock};
use crate::jose::Algorithm;

/// A DPoP proof (RFC 9449 §4.2) in the making: a good one, unless told otherwise.
///
/// `jti` is new with each proof, and `iat` is the system's time unless [`issued_at`](Self::issued_at) names another.
///
/// ```
/// use tower_bearer::Algorithm;
/// use tower_bearer::testing::{ProofBuilder, SigningKey, TestIssuer};
///
/// let (issuer, key) = (TestIssuer::new("https://id.example"), SigningKey::generate(Algorithm::ES256));
/// let token = issuer.token().audience("https://api.example").bound_to(&key).sign();
/// let proof = ProofBuilder::new(&key, "GET", "https://api.example/orders").access_token(&token).sign();
/// assert_eq!(proof.matches('.').count(), 2);
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `sign`"]
pub struct ProofBuilder {
    key: SigningKey,
    signer: SigningKey,
    algorithm: Option<Algorithm>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    header_without: BTreeSet<String>,
    claims_without: BTreeSet<String>,
    raw_header: Option<String>,
    raw_payload: Option<String>,
}

impl ProofBuilder {
    /// A proof by `key` for a request of this method to this URI.
    pub fn new(key: &SigningKey, method: impl Into<String>, uri: impl Into<String>) -> Self {
        let builder = Self {
            key: key.clone(),
            signer: key.clone(),
            algorithm: None,
            header: Map::new(),
            claims: Map::new(),
            header_without: BTreeSet::new(),
            claims_without: BTreeSet::new(),
            raw_header: None,
            raw_payload: None,
        };
        builder.claim("htm", method.into()).claim("htu", uri.into())
    }

    /// Sets `ath` to the hash of an access token.
    pub fn access_token(self, token: &str) -> Self {
        self.claim("ath", hash(token))
    }

    /// Sets `nonce`.
    pub fn nonce(self, nonce: impl Into<String>) -> Self {
        self.claim("nonce", nonce.into())
    }

    /// Sets `iat`.
    pub fn issued_at(self, instant: NumericDate) -> Self {
        self.claim("iat", instant.as_seconds())
    }

    /// Sets `jti`.
    pub fn proof_id(self, id: impl Into<String>) -> Self {
        self.claim("jti", id.into())
    }

    /// Sets any claim to any JSON value; stronger than every other setter of that claim before it.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        self.claims_without.remove(&name);
        self.claims.insert(name, value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: impl Into<String>) -> Self {
        self.claims_without.insert(name.into());
        self
    }

    /// Sets any header parameter to any JSON value, `alg` and `jwk` included, whatever it is signed with.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        self.header_without.remove(&name);
        self.header.insert(name, value.into());
        self
    }

    /// Leaves a header parameter out.
    pub fn without_header(mut self, name: impl Into<String>) -> Self {
        self.header_without.insert(name.into());
        self
    }

    /// Sets a member of the header's `jwk`, such as one that only a private key has.
    pub fn jwk_member(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let mut jwk = match self.header.get("jwk") {
            Some(jwk) => jwk.clone(),
            None => self.key.bare_jwk(),
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert(name.into(), value.into());
        }
        self.header("jwk", jwk)
    }

    /// Signs with another algorithm that the key is capable of; the header names it.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Signs with another key than the one in the header.
    pub fn signed_by(mut self, key: &SigningKey) -> Self {
        self.signer = key.clone();
        self
    }

    /// Uses this text as the header's JSON and signs over it.
    pub fn raw_header(mut self, text: impl Into<String>) -> Self {
        self.raw_header = Some(text.into());
        self
    }

    /// Uses this text as the payload's JSON and signs over it.
    pub fn raw_payload(mut self, text: impl Into<String>) -> Self {
        self.raw_payload = Some(text.into());
        self
    }

    /// The proof, as it goes into a `DPoP` header.
    ///
    /// # Panics
    ///
    /// If the key and the algorithm do not go together.
    #[must_use]
    pub fn sign(&self) -> String {
        self.raw().join()
    }

    /// The signed proof in parts, for changes that no setter offers.
    ///
    /// # Panics
    ///
    /// If the key and the algorithm do not go together.
    #[must_use]
    pub fn raw(&self) -> RawToken {
        let algorithm = self.algorithm.unwrap_or(self.signer.algorithm());
        let header = self.raw_header.clone();
        let header = header.unwrap_or_else(|| self.header_json(algorithm));
        let payload = self.raw_payload.clone();
        let payload = payload.unwrap_or_else(|| self.payload_json());
        let proof = RawToken::new().header(header).payload(payload);
        proof.sign_as(&self.signer, algorithm)
    }

    fn header_json(&self, algorithm: Algorithm) -> String {
        let mut header = Map::new();
        header.insert("typ".into(), "dpop+jwt".into());
        header.insert("alg".into(), algorithm.name().into());
        if !self.header.contains_key("jwk") {
            header.insert("jwk".into(), self.key.bare_jwk());
        }
        header.extend(self.header.clone());
        header.retain(|name, _| !self.header_without.contains(name));
        Value::Object(header).to_string()
    }

    fn payload_json(&self) -> String {
        let mut claims = Map::new();
        claims.insert("jti".into(), format!("{:032x}", fastrand::u128(..)).into());
        claims.insert("iat".into(), SystemClock.now().as_seconds().into());
        claims.extend(self.claims.clone());
        claims.retain(|name, _| !self.claims_without.contains(name));
        Value::Object(claims).to_string()
    }
}

impl fmt::Debug for ProofBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofBuilder")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The public half as a JWK of the members alone that make the key: what RFC 7638 §3.2 has in a thumbprint.
    ///
    /// # Panics
    ///
    /// If the key is a shared secret, which has no public half.
    #[must_use]
    pub fn bare_jwk(&self) -> Value {
        let mut jwk = self.public_jwk();
        if let Some(members) = jwk.as_object_mut() {
            members.retain(|name, _| !["alg", "use", "kid"].contains(&name.as_str()));
        }
        jwk
    }

    /// The SHA-256 thumbprint of the public half (RFC 7638), as a token that is bound to the key has it in `cnf.jkt`.
    ///
    /// # Panics
    ///
    /// If the key is a shared secret, which has no public half.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // RFC 7638 §3.3: in the order of the names, without spaces.
        let jwk = self.bare_jwk();
        let members: BTreeMap<_, _> = jwk.as_object().into_iter().flatten().collect();
        hash(&serde_json::to_string(&members).expect("strings are JSON"))
    }
}

impl TokenBuilder {
    /// Binds the token to a key: it is good only with DPoP proofs by that key (RFC 9449 §6.1).
    ///
    /// Beside a certificate that it is [bound to](Self::bound_to_certificate), and then both must be shown.
    pub fn bound_to(self, key: &SigningKey) -> Self {
        self.confirmed_by("jkt", key.thumbprint())
    }
}

/// SHA-256, in base64url.
fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode_to_string(digest(&SHA256, text.as_bytes()))
}
