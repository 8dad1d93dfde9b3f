use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use serde_json::Value;

use super::behaviour::Behaviour;
use super::memory::MemoryFetch;
use super::mint::TokenBuilder;
use super::provider::Provider;
use super::server::Server;
use super::signing_key::SigningKey;
use super::traffic::{Downloads, Endpoint, Ledger, Traffic};
use crate::clock::{Clock, NumericDate};
use crate::jose::Algorithm;

/// An issuer that mints any token, rotates its keys, and lies when told to.
///
/// A handle; clones are handles to the same issuer. On a socket, the server and every connection to it end with the
/// last handle, and with the last [`TokenBuilder`] made from one. All methods take effect before they return.
#[derive(Clone)]
pub struct TestIssuer {
    provider: Arc<Provider>,
    #[expect(dead_code, reason = "serves as long as it is held")]
    server: Option<Arc<Server>>,
}

/// Making one.
impl TestIssuer {
    /// An issuer that exists in memory only: documents come through [`fetch`](Self::fetch).
    ///
    /// # Panics
    ///
    /// If `url` is no absolute URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self::without_server(Arc::new(Provider::new(url)))
    }

    /// An issuer on a free loopback port, with the URL `http://127.0.0.1:PORT`.
    ///
    /// # Panics
    ///
    /// If no loopback port can be opened, or outside of a tokio runtime.
    pub async fn serve() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::serve_at(address)
            .await
            .expect("a loopback port can be opened")
    }

    /// An issuer at a given address; with port 0 the system chooses a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[expect(
        clippy::unused_async,
        reason = "demands the runtime that the server will live in"
    )]
    pub async fn serve_at(address: SocketAddr) -> io::Result<Self> {
        let (provider, server) = Server::start(address, Provider::new)?;
        Ok(Self {
            provider,
            server: Some(Arc::new(server)),
        })
    }

    pub(super) fn without_server(provider: Arc<Provider>) -> Self {
        Self {
            provider,
            server: None,
        }
    }

    /// Tells the time by this clock; the system's by default.
    pub fn clock(&self, clock: impl Clock) {
        self.provider.state().clock = Arc::new(clock);
    }

    /// The issuer identifier, as it stands in `iss`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.provider.url
    }

    /// Where the key set is.
    #[must_use]
    pub fn key_set_url(&self) -> String {
        format!("{}/jwks", self.url().trim_end_matches('/'))
    }

    /// Where `POST` with `grant_type=client_credentials` brings a token.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/token", self.url().trim_end_matches('/'))
    }

    /// Where `POST` with a `token` tells whether it is active (RFC 7662); discovery names it too.
    ///
    /// It vouches for opaque tokens that were minted with [`TokenBuilder::opaque`], and for JWTs that a published key has signed,
    /// until they expire or are [revoked](Self::revoke). A client that asks for `application/token-introspection+jwt` gets its answer
    /// signed (RFC 9701).
    #[must_use]
    pub fn introspection_url(&self) -> String {
        format!("{}/introspect", self.url().trim_end_matches('/'))
    }

    /// Fetches from this issuer without a socket.
    #[must_use]
    pub fn fetch(&self) -> MemoryFetch {
        MemoryFetch::new(self.provider())
    }

    pub(super) fn provider(&self) -> Arc<Provider> {
        Arc::clone(&self.provider)
    }

    pub(super) fn now(&self) -> NumericDate {
        let clock = Arc::clone(&self.provider.state().clock);
        clock.now()
    }
}

/// Minting.
impl TestIssuer {
    /// A good token, to be finished or spoiled.
    pub fn token(&self) -> TokenBuilder {
        TokenBuilder::new(self.clone())
    }

    /// The current key for an algorithm, published from now on; made if there is none.
    ///
    /// # Panics
    ///
    /// If `algorithm` is an HMAC, whose secret nobody publishes.
    #[must_use]
    pub fn key(&self, algorithm: Algorithm) -> SigningKey {
        self.provider.state().keys.key(algorithm)
    }

    pub(super) fn default_key(&self) -> SigningKey {
        self.provider.state().keys.default_key()
    }

    pub(super) fn stranger(&self, algorithm: Algorithm) -> SigningKey {
        self.provider.state().keys.stranger(algorithm)
    }

    /// From now on the introspection endpoint says of this token, opaque or not, that it is not active.
    pub fn revoke(&self, token: &str) {
        let revoked = &mut self.provider.state().register.revoked;
        revoked.insert(token.to_owned());
    }

    pub(super) fn register(&self, token: &str, said: String) {
        let opaque = &mut self.provider.state().register.opaque;
        opaque.insert(token.to_owned(), said);
    }

    /// From now on the token and the introspection endpoint serve only clients allowed by this call.
    pub fn allow_client(&self, client_id: &str, secret: &str) {
        let client = (client_id.to_owned(), secret.to_owned());
        self.provider.state().grants.clients.push(client);
    }

    /// What the token endpoint puts into `aud` where a request names no `audience` and no `resource`; else the issuer's URL.
    pub fn default_audience(&self, audience: &str) {
        self.provider.state().grants.audience = Some(audience.to_owned());
    }

    /// How long tokens of the token endpoint live; five minutes by default.
    pub fn token_lifetime(&self, lifetime: Duration) {
        self.provider.state().grants.lifetime = Some(lifetime);
    }
}

/// Keys and documents.
impl TestIssuer {
    /// Publishes one key for each of these algorithms, and no others; RS256, ES256 and EdDSA by default.
    ///
    /// Tokens are signed with the first, if nothing else is asked for. Keys there already are kept.
    pub fn publish(&self, algorithms: &[Algorithm]) {
        self.provider.state().keys.publish(algorithms);
    }

    /// New keys under new key ids; the old ones stay published until the next rotation.
    pub fn rotate(&self) {
        self.provider.state().keys.rotate();
    }

    /// New keys under new key ids; the old ones are published no more.
    pub fn rotate_dropping(&self) {
        self.provider.state().keys.rotate_dropping();
    }

    /// New keys under the same key ids, as no provider should.
    pub fn rotate_in_place(&self) {
        self.provider.state().keys.rotate_in_place();
    }

    /// Publishes what has this key id no more. If it was a current key, a new one takes its place.
    pub fn withdraw(&self, key_id: &str) {
        self.provider.state().keys.withdraw(key_id);
    }

    /// Publishes the current key for an algorithm under this key id from now on.
    pub fn set_key_id(&self, algorithm: Algorithm, key_id: &str) {
        self.provider.state().keys.set_key_id(algorithm, key_id);
    }

    /// Publishes this key too, until it is withdrawn.
    pub fn add_key(&self, key: &SigningKey) {
        self.provider.state().keys.add_key(key.clone());
    }

    /// Publishes this JWK too, whatever it is.
    pub fn add_jwk(&self, jwk: Value) {
        self.provider.state().keys.add_jwk(jwk);
    }

    /// Publishes no own key with this member any more: `alg`, `use`, `kid` or another.
    pub fn without_jwk_member(&self, name: &str) {
        self.provider.state().keys.hide(name);
    }

    /// The true key set.
    #[must_use]
    pub fn key_set(&self) -> Value {
        self.provider.state().keys.document()
    }

    /// Publishes these bytes as the key set.
    pub fn replace_key_set(&self, document: impl Into<Vec<u8>>) {
        self.replace(Endpoint::KeySet, Some(document.into()));
    }

    /// Publishes the true key set again.
    pub fn restore_key_set(&self) {
        self.replace(Endpoint::KeySet, None);
    }

    /// The discovery document, as far as it is JSON of ours.
    #[must_use]
    pub fn discovery(&self) -> Value {
        Value::Object(self.provider.state().discovery.clone())
    }

    /// Sets a member of the discovery document; `null` removes it.
    pub fn discovery_member(&self, name: &str, value: impl Into<Value>) {
        let discovery = &mut self.provider.state().discovery;
        match value.into() {
            Value::Null => discovery.remove(name),
            value => discovery.insert(name.to_owned(), value),
        };
    }

    /// Publishes these bytes as the discovery document, at both paths.
    pub fn replace_discovery(&self, document: impl Into<Vec<u8>>) {
        self.replace(Endpoint::Discovery, Some(document.into()));
    }

    /// Publishes the true discovery document again.
    pub fn restore_discovery(&self) {
        self.replace(Endpoint::Discovery, None);
    }

    fn replace(&self, endpoint: Endpoint, document: Option<Vec<u8>>) {
        self.provider
            .change(endpoint, |desk| desk.replaced.clone_from(&document));
    }
}

/// Behaviour.
impl TestIssuer {
    /// Answers for discovery and key set like this from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.behave_at(Endpoint::Discovery, behaviour.clone());
        self.behave_at(Endpoint::KeySet, behaviour);
    }

    /// Answers at this endpoint like this from now on; what [`behave_next`](Self::behave_next) planned is forgotten.
    pub fn behave_at(&self, endpoint: Endpoint, behaviour: Behaviour) {
        self.provider.behave_at(endpoint, &behaviour);
    }

    /// Answers the next `count` requests at this endpoint like this, after those planned before.
    ///
    /// [`Endpoint::Discovery`] has two paths: at each of them the next `count`.
    pub fn behave_next(&self, endpoint: Endpoint, count: usize, behaviour: Behaviour) {
        self.provider.behave_next(endpoint, count, &behaviour);
    }

    /// Sends this header with the endpoint's document, such as `cache-control`, `age` or an `etag`.
    ///
    /// # Panics
    ///
    /// If name or value cannot stand in a header.
    pub fn header_at(&self, endpoint: Endpoint, name: &str, value: &str) {
        let name: HeaderName = name.parse().expect("a name of a header");
        let value: HeaderValue = value.parse().expect("a value of a header");
        self.provider.change(endpoint, |desk| {
            desk.headers.insert(name.clone(), value.clone());
        });
    }

    /// Sends this header no more.
    pub fn without_header_at(&self, endpoint: Endpoint, name: &str) {
        self.provider.change(endpoint, |desk| {
            desk.headers.remove(name);
        });
    }

    /// Sends an `ETag` with the endpoint's document that changes when the document does.
    ///
    /// With an entity tag, this or one set by hand, `If-None-Match` is answered with 304.
    pub fn etags(&self, endpoint: Endpoint) {
        self.provider.change(endpoint, |desk| desk.etags = true);
    }
}

/// What was seen.
impl TestIssuer {
    /// How many requests for documents arrived, answered or not.
    ///
    /// In memory, that includes attempts while the issuer is down; refused connections are not seen.
    #[must_use]
    pub fn downloads(&self) -> Downloads {
        Downloads {
            discovery: self.requests(Endpoint::Discovery),
            key_set: self.requests(Endpoint::KeySet),
        }
    }

    /// How many requests arrived at an endpoint, answered or not.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> usize {
        self.provider.requests(endpoint)
    }

    /// What went over a path, such as `/jwks`.
    #[must_use]
    pub fn traffic(&self, path: &str) -> Traffic {
        self.provider.state().ledger.of(path)
    }

    /// How many requests arrived, at whatever path.
    #[must_use]
    pub fn total_requests(&self) -> usize {
        self.provider.state().ledger.requests
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.provider.state().ledger.connections
    }

    /// Returns when `count` requests have arrived at an endpoint, answered or not; instead of sleeping.
    pub async fn until_requests(&self, endpoint: Endpoint, count: usize) {
        let mut arrived = self.provider.arrived.subscribe();
        while self.requests(endpoint) < count {
            // The sender lives in the issuer.
            let _ = arrived.changed().await;
        }
    }

    /// Starts all counts anew.
    pub fn forget_requests(&self) {
        self.provider.state().ledger = Ledger::default();
    }
}

impl fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestIssuer").field(&self.url()).finish()
    }
}
