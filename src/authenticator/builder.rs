//! Building an [`Authenticator`]: whom to trust, where keys come from, what to tell clients and observers.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{Authenticator, Shared};
use crate::challenge::Challenge;
use crate::claims::Claims;
use crate::clock::{Clock, SystemClock};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::fetch::Fetch;
use crate::issuers::{IssuerResolver, Issuers, Resolved, TrustedIssuer, key_setters};
use crate::observe::{Observer, Observers};
use crate::policy::{PolicyBuilder, Weaken, policy_setters};
use crate::response::Answers;

/// How many issuers of a resolver are kept unless it is said otherwise.
const MOST_RESOLVED: u64 = 1024;

/// Collects what an [`Authenticator`] is to demand; mistakes are reported by [`build`](Self::build).
///
/// The settings of policy and keys concern the issuer that the builder was made for; each further one brings its own.
#[must_use]
pub struct AuthenticatorBuilder<C = Claims> {
    first: TrustedIssuer,
    others: Vec<TrustedIssuer>,
    resolver: Option<Box<dyn IssuerResolver>>,
    most_resolved: u64,
    realm: Option<String>,
    scope: Option<String>,
    clock: Arc<dyn Clock>,
    fetch: Option<Arc<dyn Fetch>>,
    observers: Vec<Arc<dyn Observer>>,
    claims: PhantomData<fn() -> C>,
}

impl AuthenticatorBuilder<Claims> {
    pub(super) fn new(first: TrustedIssuer) -> Self {
        Self {
            first,
            others: Vec::new(),
            resolver: None,
            most_resolved: MOST_RESOLVED,
            realm: None,
            scope: None,
            clock: Arc::new(SystemClock),
            fetch: None,
            observers: Vec::new(),
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

    /// Reads the claims of every token as a `D`; a token that does not fit is refused.
    ///
    /// `D` is read once, when the token is verified. Without this, claims are read by name from [`Claims`].
    pub fn claims<D: DeserializeOwned>(self) -> AuthenticatorBuilder<D> {
        AuthenticatorBuilder {
            first: self.first,
            others: self.others,
            resolver: self.resolver,
            most_resolved: self.most_resolved,
            realm: self.realm,
            scope: self.scope,
            clock: self.clock,
            fetch: self.fetch,
            observers: self.observers,
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

    /// Tells `observer` of every decision and every download. May be given several times.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// The authenticator, if every input is sound. Does no I/O.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] that names the input: see [`PolicyBuilder::build`]; a JWKS URL that is not `https`; HMAC beside
    /// public keys; the same issuer twice; a realm or scope that a challenge cannot carry.
    pub fn build(mut self) -> Result<Authenticator<C>, ConfigError> {
        if self.most_resolved == 0 {
            let problem = "no issuer of the resolver may be kept, so that none could be trusted";
            return Err(ConfigError::new(ConfigErrorKind::Limit, problem));
        }
        let observers = Observers::new(self.observers);
        let fetch = self.fetch.or_else(default_fetch);
        let clock = self.clock;
        let audience = self.first.policy().first_audience().to_owned();
        let trusted = std::iter::once(self.first)
            .chain(self.others)
            .map(|issuer| issuer.build(fetch.as_ref(), &clock, &observers))
            .collect::<Result<Vec<_>, _>>()?;
        let mut challenge = match &self.realm {
            Some(realm) => Challenge::new(realm)?,
            // RFC 6750 §3 wants an attribute in every challenge; an audience may hold what a challenge cannot carry.
            None => Challenge::new(&audience).or_else(|_| Challenge::new("protected"))?,
        };
        if let Some(scope) = &self.scope {
            challenge = challenge.with_scope(scope)?;
        }
        let resolved = self.resolver.map(|resolver| {
            let (clock, observers) = (Arc::clone(&clock), observers.clone());
            let build =
                move |issuer: TrustedIssuer| issuer.build(fetch.as_ref(), &clock, &observers);
            Resolved::new(resolver, self.most_resolved, Box::new(build))
        });
        Ok(Authenticator {
            shared: Arc::new(Shared {
                issuers: Issuers::new(trusted, resolved)?,
                clock,
                observers,
                answers: Answers::new(&challenge),
            }),
            claims: PhantomData,
        })
    }
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

impl<C> fmt::Debug for AuthenticatorBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorBuilder")
            .field("first", &self.first)
            .field("others", &self.others)
            .finish_non_exhaustive()
    }
}
