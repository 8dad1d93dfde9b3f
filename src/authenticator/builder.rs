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
use crate::error::{ConfigError, ConfigErrorKind};
use crate::fetch::Fetch;
use crate::issuers::{IssuerResolver, Issuers, Resolved, TrustedIssuer, key_setters};
use crate::metadata::{Enforced, ProtectedResource, ResourceMetadata};
use crate::observe::{Observer, Observers};
use crate::policy::{Dangerous, Policy, PolicyBuilder, Weaken, policy_setters};
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
    realm: Option<String>,
    scope: Option<String>,
    clock: Arc<dyn Clock>,
    fetch: Option<Arc<dyn Fetch>>,
    observers: Vec<Arc<dyn Observer>>,
    credentials: Credentials,
    resource: Option<ProtectedResource>,
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
            realm: None,
            scope: None,
            clock: Arc::new(SystemClock),
            fetch: None,
            observers: Vec::new(),
            credentials: Credentials::default(),
            resource: None,
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
    /// A signature is checked on the thread of its request, in 20 to 400 µs, so that there are never more at once than threads.
    /// A bound of one less than the threads of the runtime keeps one free for all other work while strangers send tokens under
    /// genuine headers with bad signatures. Tokens that are [remembered](Self::token_cache) do not count.
    pub fn max_verifications(mut self, most: usize) -> Self {
        self.verifications = Some(most);
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
            realm: self.realm,
            scope: self.scope,
            clock: self.clock,
            fetch: self.fetch,
            observers: self.observers,
            credentials: self.credentials,
            resource: self.resource,
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

    /// Fetches keys with `fetch` instead of the default client.
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
    /// - [`Algorithms`](ConfigErrorKind::Algorithms): none is left, or HMAC is mixed with others;
    /// - [`KeySetUrl`](ConfigErrorKind::KeySetUrl): a JWKS URL is not `https`;
    /// - [`Challenge`](ConfigErrorKind::Challenge): a challenge cannot carry the realm or scope;
    /// - [`Credential`](ConfigErrorKind::Credential): one credential could have two of the markers;
    /// - [`Resource`](ConfigErrorKind::Resource): no token is meant for it, or what is said of it cannot be published;
    /// - [`Limit`](ConfigErrorKind::Limit): a leeway is too long, or no issuer of the resolver may be kept;
    /// - [`Contradiction`](ConfigErrorKind::Contradiction): two settings, such as keys that fit none of the algorithms, or a preset
    ///   for tokens in the header beside another place for them;
    /// - [`Fetch`](ConfigErrorKind::Fetch): keys are to be fetched, and there is no client.
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
        let observers = Observers::new(self.observers);
        let fetch = self.fetch.or_else(default_fetch);
        let clock = self.clock;
        let audience = self.first.policy().first_audience().to_owned();
        let terms = {
            let (clock, observers) = (Arc::clone(&clock), observers.clone());
            let header_only = self.credentials.is_header_only();
            move |issuer: TrustedIssuer| {
                let trusted = issuer.build(fetch.as_ref(), &clock, &observers)?;
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
            bearer_methods: self.credentials.bearer_methods(),
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
        let resolved = self
            .resolver
            .map(|resolver| Resolved::new(resolver, self.most_resolved, Box::new(terms)));
        Ok(Authenticator {
            shared: Arc::new(Shared {
                issuers: Issuers::new(trusted, resolved)?,
                token_cache: TokenCache::new(self.token_cache),
                verifications: self
                    .verifications
                    .map(|most| Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
                clock,
                observers,
                credentials: self.credentials,
                challenge,
                resource_metadata,
            }),
        })
    }
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
