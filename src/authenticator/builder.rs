//! Building an [`Authenticator`]: whom to trust, where keys come from, what to tell clients and observers.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::{Authenticator, Shared};
use crate::challenge::Challenge;
use crate::claims::Claims;
use crate::clock::{Clock, SystemClock};
use crate::credential::{AddOther, Credentials, Marker, OtherCredential, TokenSource};
use crate::dpop::Dpop;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::fetch::Fetch;
use crate::issuers::{IssuerResolver, Issuers, Resolved, Trusted, TrustedIssuer, key_setters};
use crate::metadata::{Enforced, ProtectedResource, ResourceMetadata};
use crate::mtls::MutualTls;
use crate::observe::{Observer, Observers};
use crate::policy::{Dangerous, Policy, PolicyBuilder, Weaken, policy_setters};
use crate::revocation::{OnUnknown, RevocationCheck, Revocations};
use crate::sender::SenderChecks;
use crate::token_cache::TokenCache;

/// How many issuers of a resolver are kept unless it is said otherwise.
const MOST_RESOLVED: u64 = 1024;

/// How many bytes verified tokens may take unless it is said otherwise.
const TOKEN_CACHE: u64 = 16 * 1024 * 1024;

/// Collects what an [`Authenticator`] is to demand; mistakes are reported by [`build`](Self::build).
///
/// The settings of policy and keys concern the issuer that the builder was made for; each further one brings its own.
#[must_use]
pub struct AuthenticatorBuilder<C = Claims> {
    first: TrustedIssuer,
    others: Vec<TrustedIssuer>,
    resolver: Option<Box<dyn IssuerResolver>>,
    most_resolved: u64,
    token_cache: u64,
    verifications: Option<usize>,
    revocations: Vec<Arc<dyn RevocationCheck>>,
    on_unknown: Option<OnUnknown>,
    realm: Option<String>,
    scope: Option<String>,
    clock: Arc<dyn Clock>,
    fetch: Option<Arc<dyn Fetch>>,
    observers: Vec<Arc<dyn Observer>>,
    credentials: Credentials,
    resource: Option<ProtectedResource>,
    dpop: Option<Dpop>,
    mutual_tls: Option<MutualTls>,
    claims: PhantomData<fn() -> C>,
}

impl AuthenticatorBuilder<Claims> {
    pub(super) fn new(first: TrustedIssuer) -> Self {
        Self {
            first,
            others: Vec::new(),
            resolver: None,
            most_resolved: MOST_RESOLVED,
            token_cache: TOKEN_CACHE,
            verifications: None,
            revocations: Vec::new(),
            on_unknown: None,
            realm: None,
            scope: None,
            clock: Arc::new(SystemClock),
            fetch: None,
            observers: Vec::new(),
            credentials: Credentials::default(),
            resource: None,
            dpop: None,
            mutual_tls: None,
            claims: PhantomData,
        }
    }
}

impl<C> AuthenticatorBuilder<C> {
    policy_setters!();
    key_setters!();

    fn trusted_mut(&mut self) -> &mut TrustedIssuer {
        &mut self.first
    }

    /// Trusts a further issuer; its tokens are held against its own policy and verified with its own keys only.
    pub fn trust(mut self, issuer: TrustedIssuer) -> Self {
        self.others.push(issuer);
        self
    }

    /// Asks `resolver` for issuers that were not given: tenants who are known only at run time.
    pub fn resolver(mut self, resolver: impl IssuerResolver) -> Self {
        self.resolver = Some(Box::new(resolver));
        self
    }

    /// Keeps the keys of at most `most` issuers that the resolver trusts, those used last; default 1 024.
    ///
    /// An issuer takes about 10 KiB. Beyond the bound the keys of those not used for longest are fetched anew.
    pub fn max_resolved_issuers(mut self, most: u64) -> Self {
        self.most_resolved = most;
        self
    }

    /// Remembers verified tokens in at most `bytes` of memory; default 16 MiB, which hold some 15 000. Zero turns it off.
    ///
    /// A service sees the same token many times before it expires, and checks its signature once. At every request it is
    /// checked that the token's time is now, and that the key which verified it is still published: it lives no longer by being
    /// remembered. Memory is taken as tokens come. Refusals are not remembered, and no token is kept, only a digest of it and
    /// its claims, until the token comes when its time is over or others need the room. What claims of a type of your own
    /// take is an estimate, a quarter of their text: one that keeps everything, such as `serde_json::Value`, takes several times
    /// what is reckoned.
    pub fn token_cache(mut self, bytes: u64) -> Self {
        self.token_cache = bytes;
        self
    }

    /// Checks at most `most` signatures at the same time, and answers 503 beyond that; default no bound.
    ///
    /// A signature is checked on the thread of its request, so that there are never more at once than threads. That takes 20 to
    /// 70 µs with RSA, EdDSA and ES256: a pool would add 35 to 60 µs to each request, and as much processor time again, and
    /// spare other tasks no more than one such wait. With ES384 (230 µs) and ES512 (400 µs) other tasks wait that long now and then, and
    /// up to 6 ms when 16 new tokens come at once; in a pool it would be 0.1 to 0.5 ms. `block_in_place` helps less, and only some
    /// runtimes have it. The figures are of two cores (`cargo bench --bench latency`). Where the issuer does not sign with those two, leave
    /// them out of [`algorithms`](Self::algorithms).
    ///
    /// A bound of one less than the threads of the runtime keeps one free for all other work while strangers send tokens under
    /// genuine headers with bad signatures. Tokens that are [remembered](Self::token_cache) do not count.
    pub fn max_verifications(mut self, most: usize) -> Self {
        self.verifications = Some(most);
        self
    }

    /// Refuses tokens that `store` says are revoked, at every request; default none is asked. See [`revocation`](crate::revocation).
    ///
    /// Most services take [`InMemoryRevocations`](crate::revocation::InMemoryRevocations) or the store of the feature `redis`. There is one:
    /// a second contradicts the first, and [`build`](Self::build) fails.
    pub fn revocations(mut self, store: impl RevocationCheck) -> Self {
        self.revocations.push(Arc::new(store));
        self
    }

    /// What becomes of a request while the [store](Self::revocations) cannot tell; default [`OnUnknown::Refuse`], 503.
    pub fn on_unknown_revocation(mut self, policy: OnUnknown) -> Self {
        self.on_unknown = Some(policy);
        self
    }

    /// Reads the claims of every token as a `D`; a token that does not fit is refused.
    ///
    /// `D` is read once, when the token is verified, and then shared by all requests that carry the same token: it is no place for
    /// a check whose outcome changes, nor for state. Without this, claims are read by name from [`Claims`].
    pub fn claims<D: DeserializeOwned>(self) -> AuthenticatorBuilder<D> {
        AuthenticatorBuilder {
            first: self.first,
            others: self.others,
            resolver: self.resolver,
            most_resolved: self.most_resolved,
            token_cache: self.token_cache,
            verifications: self.verifications,
            revocations: self.revocations,
            on_unknown: self.on_unknown,
            realm: self.realm,
            scope: self.scope,
            clock: self.clock,
            fetch: self.fetch,
            observers: self.observers,
            credentials: self.credentials,
            resource: self.resource,
            dpop: self.dpop,
            mutual_tls: self.mutual_tls,
            claims: PhantomData,
        }
    }

    /// Names the protection space in challenges (RFC 9110 §11.5); default the audience.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Names in challenges the scopes that a client should ask for, separated by spaces (RFC 6750 §3); default none.
    pub fn challenge_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Reads tokens from a further place, beside the `Authorization` header. May be given several times.
    ///
    /// A request that shows tokens at two places is answered 400. See [`CookieToken`](crate::credential::CookieToken),
    /// [`WebSocketToken`](crate::credential::WebSocketToken), or bring a [`TokenSource`] of your own.
    pub fn token_source(mut self, source: impl TokenSource) -> Self {
        self.credentials.add_source(source);
        self
    }

    /// Leaves credentials that are no tokens, told by `marker`, to `decider`: API keys, or another scheme. May be given
    /// several times.
    ///
    /// Two markers that one credential could have contradict each other: [`build`](Self::build) fails.
    pub fn other_credential(mut self, marker: Marker, decider: impl OtherCredential) -> Self {
        self.credentials.add_other(AddOther::new(marker, decider));
        self
    }

    /// Checks proofs of possession (RFC 9449), and takes tokens by the scheme `DPoP`; default off.
    ///
    /// Without this, or [`mutual_tls`](Self::mutual_tls), a token that is bound to its sender is refused. See [`dpop`](crate::dpop).
    pub fn dpop(mut self, dpop: Dpop) -> Self {
        self.dpop = Some(dpop);
        self
    }

    /// Checks client certificates that tokens are bound to (RFC 8705 §3); default off.
    ///
    /// A token that names a key as well needs both this and [`dpop`](Self::dpop). See [`mtls`](crate::mtls).
    pub fn mutual_tls(mut self, mutual_tls: MutualTls) -> Self {
        self.mutual_tls = Some(mutual_tls);
        self
    }

    /// Publishes what clients need to know of this service (RFC 9728), derived from what it enforces.
    ///
    /// Every challenge then names where: `resource_metadata` (RFC 9728 §5.1). What is to be served there is
    /// [`Authenticator::resource_metadata`].
    pub fn protected_resource(mut self, resource: ProtectedResource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Takes the time from `clock` instead of the operating system.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Fetches keys, and asks issuers about tokens, with `fetch` instead of the default client.
    pub fn fetch(mut self, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self
    }

    /// Tells `observer` of every decision and every download. May be given several times. A request that is let through as a
    /// public route or a preflight is no decision.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// The authenticator, if every input is sound. Does no I/O.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], whose [`kind`](ConfigError::kind) names the input:
    ///
    /// - [`Issuer`](ConfigErrorKind::Issuer): it is not an `https` URL, is given twice, or is what a function of
    ///   [`presets`](crate::presets) cannot make one of;
    /// - [`Audience`](ConfigErrorKind::Audience): it, or a client in its place, is empty, or is no URL where a preset wants one;
    /// - [`Algorithms`](ConfigErrorKind::Algorithms): none is left, or HMAC is mixed with others; or none is left for
    ///   [proofs](Self::dpop), one of those is HMAC, or unknown to the cryptographic backend;
    /// - [`KeySetUrl`](ConfigErrorKind::KeySetUrl): a JWKS URL is not `https`;
    /// - [`Challenge`](ConfigErrorKind::Challenge): a challenge cannot carry the realm or scope;
    /// - [`Credential`](ConfigErrorKind::Credential): one credential could have two of the markers;
    /// - [`Resource`](ConfigErrorKind::Resource): no token is meant for it, or what is said of it cannot be published; or a
    ///   [public URL](crate::dpop::PublicUrl) is not `https`, has a query, or shares its host with another;
    /// - [`Limit`](ConfigErrorKind::Limit): a leeway is too long, no issuer of the resolver may be kept, no signature may be checked,
    ///   answers of an issuer are remembered too long, or a proof may be too old or too far ahead;
    /// - [`Contradiction`](ConfigErrorKind::Contradiction): two settings, such as keys that fit none of the algorithms, or a preset
    ///   for tokens in the header beside another place for them;
    /// - [`Introspection`](ConfigErrorKind::Introspection): an issuer is to be asked about tokens at a URL that is not `https`, or as
    ///   nobody;
    /// - [`Fetch`](ConfigErrorKind::Fetch): keys are to be fetched, or an issuer asked, and there is no client.
    pub fn build(mut self) -> Result<Authenticator<C>, ConfigError> {
        if self.most_resolved == 0 {
            let problem = "no issuer of the resolver may be kept, so that none could be trusted";
            return Err(ConfigError::new(ConfigErrorKind::Limit, problem));
        }
        if self.verifications == Some(0) {
            let problem = "no signature may be checked, so that no token could be accepted";
            return Err(ConfigError::new(ConfigErrorKind::Limit, problem));
        }
        self.credentials.check()?;
        let mut credentials = self.credentials;
        if self.dpop.is_some() {
            credentials.add_dpop();
        }
        let senders = Arc::new(SenderChecks {
            proofs: self.dpop.map(Dpop::build).transpose()?,
            mutual_tls: self.mutual_tls,
        });
        if self.revocations.len() > 1 || self.revocations.is_empty() && self.on_unknown.is_some() {
            let problem = "one store of revocations is asked: two are given, or none and what to do when it cannot tell";
            return Err(ConfigError::new(ConfigErrorKind::Contradiction, problem));
        }
        let on_unknown = self.on_unknown.unwrap_or_default();
        let observers = Observers::new(self.observers);
        let own_fetch = self.fetch;
        let fetch = own_fetch.clone().or_else(default_fetch);
        let clock = self.clock;
        let audience = self.first.policy().first_audience().to_owned();
        let terms = {
            let (clock, observers) = (Arc::clone(&clock), observers.clone());
            let header_only = credentials.is_header_only();
            let rule = senders.rule();
            move |mut issuer: TrustedIssuer| {
                issuer.policy().check_senders(rule);
                let trusted =
                    issuer.build(own_fetch.as_ref(), fetch.as_ref(), &clock, &observers)?;
                check_places(&trusted.policy, header_only)?;
                Ok(trusted)
            }
        };
        let trusted = std::iter::once(self.first)
            .chain(self.others)
            .map(&terms)
            .collect::<Result<Vec<_>, ConfigError>>()?;
        let policies: Vec<&Policy> = trusted.iter().map(|each| &each.policy).collect();
        let enforced = Enforced {
            policies: &policies,
            bearer_methods: credentials.bearer_methods(),
            senders: &senders,
        };
        let resource = self.resource.as_ref();
        let resource_metadata = resource
            .map(|resource| ResourceMetadata::derive(resource, &enforced))
            .transpose()?;
        let mut challenge = match &self.realm {
            Some(realm) => Challenge::new(realm)?,
            // An audience may hold what a challenge cannot carry.
            None => Challenge::new(&audience).unwrap_or_default(),
        };
        if let Some(scope) = &self.scope {
            challenge = challenge.with_scope(scope)?;
        }
        if let Some(metadata) = &resource_metadata {
            challenge = challenge.with_resource_metadata(metadata.url())?;
        }
        let resolved = self.resolver.map(|resolver| {
            let terms = move |issuer| unasked(terms(issuer)?);
            Resolved::new(resolver, self.most_resolved, Box::new(terms))
        });
        let revocations = self.revocations.pop().map(|store| {
            let (clock, observers) = (Arc::clone(&clock), observers.clone());
            Arc::new(Revocations::new(store, on_unknown, clock, observers))
        });
        Ok(Authenticator {
            shared: Arc::new(Shared {
                revocations,
                senders: senders.rule().checks_any().then_some(senders),
                issuers: Issuers::new(trusted, resolved)?,
                token_cache: TokenCache::new(self.token_cache),
                verifications: self
                    .verifications
                    .map(|most| Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
                clock,
                observers,
                credentials,
                challenge,
                resource_metadata,
            }),
        })
    }
}

/// An issuer that is found at run time comes and goes; whom to ask about tokens stands in code.
fn unasked(trusted: Trusted) -> Result<Trusted, ConfigError> {
    if trusted.introspector.is_some() {
        return Err(ConfigError::new(
            ConfigErrorKind::Contradiction,
            "an issuer that is found at run time cannot be asked about tokens",
        ));
    }
    Ok(trusted)
}

/// A preset may have tokens in the `Authorization` header only.
fn check_places(policy: &Policy, header_only: bool) -> Result<(), ConfigError> {
    if policy.header_only() && !header_only {
        return Err(ConfigError::new(
            ConfigErrorKind::Contradiction,
            "a preset has tokens in the header only, but they are read from another place too",
        ));
    }
    Ok(())
}

/// The client of the feature `reqwest`, one for all issuers.
fn default_fetch() -> Option<Arc<dyn Fetch>> {
    #[cfg(feature = "reqwest")]
    return Some(Arc::new(crate::fetch::HttpClient::new(
        crate::jwks::Lifetimes::default().limits.connect(),
    )));
    #[cfg(not(feature = "reqwest"))]
    None
}

impl<C> Weaken for AuthenticatorBuilder<C> {
    fn policy(&mut self) -> &mut PolicyBuilder {
        self.first.policy()
    }
}

impl<C> Dangerous<AuthenticatorBuilder<C>> {
    /// Reads tokens from the query parameter `access_token` too (RFC 6750 §2.3).
    ///
    /// A URL stands in logs, histories and `Referer` headers, and the token with it (RFC 9700 §4.3.2). Answers carry
    /// `Cache-Control: private`.
    pub fn accept_token_in_query(self) -> AuthenticatorBuilder<C> {
        let mut builder = self.into_builder();
        builder.credentials.add_query();
        builder
    }
}

impl<C> fmt::Debug for AuthenticatorBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorBuilder")
            .field("first", &self.first)
            .field("others", &self.others)
            .finish_non_exhaustive()
    }
}
