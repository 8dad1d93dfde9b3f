use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::introspection_endpoint::said_of;
use super::issuer::TestIssuer;
use super::raw::RawToken;
use super::signing_key::SigningKey;
use crate::clock::NumericDate;
use crate::jose::Algorithm;

/// How long a token lives if nothing else is said.
const LIFETIME: Duration = Duration::from_secs(300);

/// A token in the making: a good one, unless told otherwise.
///
/// Without any setter: `iss` is the issuer, `sub` is `alice`, `iat` is now, `exp` in five minutes, `jti` is new with each
/// token, `scope` is `read`; signed with the first algorithm that the issuer publishes; header with `alg`, `typ` (`JWT`) and
/// `kid`. There is no `aud` until [`audience`](Self::audience) names one.
#[derive(Clone)]
#[must_use = "a builder does nothing until `sign`"]
pub struct TokenBuilder {
    issuer: TestIssuer,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    header_without: BTreeSet<String>,
    claims_without: BTreeSet<String>,
    now: Option<NumericDate>,
    expiry: Expiry,
    signer: Signer,
    algorithm: Option<Algorithm>,
    raw_header: Option<String>,
    raw_payload: Option<String>,
    raw_signature: Option<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum Expiry {
    In(Duration),
    Ago(Duration),
}

#[derive(Clone)]
enum Signer {
    Issuer,
    Stranger,
    Key(SigningKey),
}

impl TokenBuilder {
    pub(super) fn new(issuer: TestIssuer) -> Self {
        Self {
            issuer,
            header: Map::new(),
            claims: Map::new(),
            header_without: BTreeSet::new(),
            claims_without: BTreeSet::new(),
            now: None,
            expiry: Expiry::In(LIFETIME),
            signer: Signer::Issuer,
            algorithm: None,
            raw_header: None,
            raw_payload: None,
            raw_signature: None,
        }
    }

    /// Sets `iss`.
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        self.claim("iss", issuer.into())
    }

    /// Sets `sub`.
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.claim("sub", subject.into())
    }

    /// Sets `aud` to one string.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.claim("aud", audience.into())
    }

    /// Sets `aud` to an array.
    pub fn audiences(self, audiences: &[&str]) -> Self {
        self.claim("aud", audiences)
    }

    /// Sets `scope`: names separated by single spaces (RFC 8693 §4.2).
    pub fn scope(self, scope: impl Into<String>) -> Self {
        self.claim("scope", scope.into())
    }

    /// Sets `client_id` (RFC 8693 §4.3).
    pub fn client_id(self, client_id: impl Into<String>) -> Self {
        self.claim("client_id", client_id.into())
    }

    /// Sets `jti`.
    pub fn token_id(self, token_id: impl Into<String>) -> Self {
        self.claim("jti", token_id.into())
    }

    /// Sets `iat`.
    pub fn issued_at(self, instant: NumericDate) -> Self {
        self.claim("iat", instant.as_seconds())
    }

    /// Sets `nbf`.
    pub fn not_before(self, instant: NumericDate) -> Self {
        self.claim("nbf", instant.as_seconds())
    }

    /// Sets `exp` to an instant.
    pub fn expires_at(self, instant: NumericDate) -> Self {
        self.claim("exp", instant.as_seconds())
    }

    /// Sets `exp` to `lifetime` from now.
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expiry = Expiry::In(lifetime);
        self
    }

    /// Sets `exp` to a minute ago, and `iat` to before that.
    pub fn expired(mut self) -> Self {
        self.expiry = Expiry::Ago(Duration::from_secs(60));
        self
    }

    /// Mints as if it were `now`; without it the issuer's clock tells.
    pub fn at(mut self, now: NumericDate) -> Self {
        self.now = Some(now);
        self
    }

    /// Sets any claim to any JSON value; stronger than every other setter of that claim before it.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        self.claims_without.remove(&name);
        self.claims.insert(name, value.into());
        self
    }

    /// Adds a member to `cnf`, beside those that are there: a token may be bound to a key and to a certificate.
    pub(super) fn confirmed_by(self, name: &str, value: String) -> Self {
        let mut members = match self.claims.get("cnf") {
            Some(Value::Object(members)) => members.clone(),
            _ => Map::new(),
        };
        members.insert(name.to_owned(), value.into());
        self.claim("cnf", members)
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: impl Into<String>) -> Self {
        self.claims_without.insert(name.into());
        self
    }

    /// Sets any header parameter to any JSON value, `alg` included: it then names another algorithm than the one that signs.
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

    /// Sets the header's `typ`.
    pub fn typ(self, typ: impl Into<String>) -> Self {
        self.header("typ", typ.into())
    }

    /// Sets the header's `kid`, without changing the key that signs.
    pub fn key_id(self, key_id: impl Into<String>) -> Self {
        self.header("kid", key_id.into())
    }

    /// Signs with this algorithm, by the issuer's key for it, which is published from then on.
    ///
    /// With [`signed_by`](Self::signed_by): by that key, if it is capable of the algorithm.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.algorithm = Some(algorithm);
        self
    }

    /// Makes it a JWT access token by RFC 9068: `typ` is `at+jwt`, and a `client_id` is there.
    pub fn access_token(mut self) -> Self {
        if !self.claims.contains_key("client_id") {
            self = self.client_id("test-client");
        }
        self.typ("at+jwt")
    }

    /// Signs with this key; the header names its key id.
    pub fn signed_by(mut self, key: &SigningKey) -> Self {
        self.signer = Signer::Key(key.clone());
        self
    }

    /// Signs with a key of the same kind that the issuer never published, under the `kid` of the issuer's own.
    pub fn signed_by_stranger(mut self) -> Self {
        self.signer = Signer::Stranger;
        self
    }

    /// Signs with a shared secret, by HS256, HS384 or HS512; the header names no key id.
    ///
    /// # Panics
    ///
    /// If `algorithm` is no HMAC.
    pub fn signed_with_secret(self, algorithm: Algorithm, secret: &[u8]) -> Self {
        self.algorithm(algorithm)
            .signed_by(&SigningKey::hmac(algorithm, secret))
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

    /// Uses these bytes as the signature.
    pub fn raw_signature(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.raw_signature = Some(bytes.into());
        self
    }

    /// The token.
    ///
    /// # Panics
    ///
    /// If the key and the algorithm do not go together.
    #[must_use]
    pub fn sign(&self) -> String {
        self.raw().join()
    }

    /// An opaque token: some forty letters and digits that say nothing, for which the issuer's introspection endpoint vouches.
    ///
    /// What it says are the claims that a JWT would have, with `active` and `token_type` (`Bearer`) beside them, unless
    /// [`claim`](Self::claim) or [`without`](Self::without) say otherwise; or the text given as [`raw_payload`](Self::raw_payload). Header
    /// and key are of no meaning.
    #[must_use]
    pub fn opaque(&self) -> String {
        let token = format!("{:032x}{:08x}", fastrand::u128(..), fastrand::u32(..));
        let said = self.raw_payload.clone().unwrap_or_else(|| {
            let claims = serde_json::from_str(&self.payload_json());
            let mut said = said_of(claims.expect("built as an object"));
            if let Some(members) = said.as_object_mut() {
                members.retain(|name, _| !self.claims_without.contains(name));
            }
            said.to_string()
        });
        self.issuer.register(&token, said);
        token
    }

    /// The signed token in parts, for changes that no setter offers.
    ///
    /// # Panics
    ///
    /// If the key and the algorithm do not go together.
    #[must_use]
    pub fn raw(&self) -> RawToken {
        let (key, key_id) = self.key();
        let algorithm = self.algorithm.unwrap_or(key.algorithm());
        let header = self.raw_header.clone();
        let header = header.unwrap_or_else(|| self.header_json(algorithm, key_id));
        let payload = self.raw_payload.clone();
        let payload = payload.unwrap_or_else(|| self.payload_json());
        let token = RawToken::new().header(header).payload(payload);
        match &self.raw_signature {
            Some(signature) => token.signature(signature),
            None => token.sign_as(&key, algorithm),
        }
    }

    /// The key that signs, and the key id that the header names.
    fn key(&self) -> (SigningKey, Option<String>) {
        let own = || match self.algorithm {
            Some(algorithm) => self.issuer.key(algorithm),
            None => self.issuer.default_key(),
        };
        let (key, named) = match &self.signer {
            Signer::Issuer => (own(), None),
            Signer::Key(key) => (key.clone(), None),
            Signer::Stranger => {
                let own = own();
                (self.issuer.stranger(own.algorithm()), Some(own))
            }
        };
        let key_id = named.as_ref().unwrap_or(&key).key_id().map(str::to_owned);
        (key, key_id)
    }

    fn header_json(&self, algorithm: Algorithm, key_id: Option<String>) -> String {
        let mut header = Map::new();
        header.insert("alg".into(), algorithm.name().into());
        header.insert("typ".into(), "JWT".into());
        if let Some(key_id) = key_id {
            header.insert("kid".into(), key_id.into());
        }
        header.extend(self.header.clone());
        header.retain(|name, _| !self.header_without.contains(name));
        Value::Object(header).to_string()
    }

    fn payload_json(&self) -> String {
        let now = self.now.unwrap_or_else(|| self.issuer.now()).as_seconds();
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let (issued_at, expires_at) = match self.expiry {
            Expiry::In(lifetime) => (now, now.saturating_add(seconds(lifetime))),
            Expiry::Ago(span) => {
                let expired = now.saturating_sub(seconds(span));
                (expired.saturating_sub(seconds(LIFETIME)), expired)
            }
        };
        let mut claims = Map::new();
        claims.insert("iss".into(), self.issuer.url().into());
        claims.insert("sub".into(), "alice".into());
        claims.insert("scope".into(), "read".into());
        claims.insert("iat".into(), issued_at.into());
        claims.insert("exp".into(), expires_at.into());
        claims.insert("jti".into(), format!("{:016x}", fastrand::u64(..)).into());
        claims.extend(self.claims.clone());
        claims.retain(|name, _| !self.claims_without.contains(name));
        Value::Object(claims).to_string()
    }
}

impl fmt::Debug for TokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder")
            .field("issuer", &self.issuer.url())
            .finish_non_exhaustive()
    }
}
