//! An issuer to trust, as it is configured.

use std::sync::Arc;

use super::{Keys, Trusted};
use crate::clock::Clock;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::fetch::Fetch;
use crate::introspection::{Introspection, Means};
use crate::jose::KeySet;
use crate::jwks::{Lifetimes, RemoteConfig, RemoteKeys, Source};
use crate::observe::Observers;
use crate::policy::{Policy, PolicyBuilder, Weaken, check_transport, policy_setters};

/// One issuer to trust: what its tokens must satisfy, and where its keys come from.
#[derive(Debug)]
#[must_use]
pub struct TrustedIssuer {
    policy: PolicyBuilder,
    /// Where to fetch keys; by discovery if there are none.
    urls: Vec<String>,
    /// Keys that are used instead of fetched ones.
    keys: Option<KeySet>,
    /// Keys to begin with.
    seed: Option<KeySet>,
    refresh_on_bad_signature: bool,
    /// How to ask it about its tokens.
    introspection: Option<Introspection>,
}

/// The setters of an issuer's keys, for every builder that holds a [`TrustedIssuer`].
macro_rules! key_setters {
    () => {
        /// Fetches the keys from `url` instead of the one that the issuer's discovery document names.
        ///
        /// Given again, a further URL is asked when those before it fail. Tokens must still name the issuer in `iss`.
        pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
            self.trusted_mut().add_jwks_url(url.into());
            self
        }

        /// Uses these keys and fetches none.
        pub fn key_set(mut self, keys: $crate::jose::KeySet) -> Self {
            self.trusted_mut().set_keys(keys);
            self
        }

        /// Starts with these keys, until the issuer's own come: for a service that must verify tokens although the issuer
        /// is down when it starts.
        ///
        /// Nobody knows their age, so they count as stale: fresh ones are fetched at once, and without any they are used for
        /// 24 h at most.
        pub fn seed(mut self, keys: $crate::jose::KeySet) -> Self {
            self.trusted_mut().set_seed(keys);
            self
        }

        /// Fetches the keys anew when a signature is bad although its `kid` is known, within the same budget as for
        /// an unknown `kid`; default off.
        ///
        /// For issuers that replace a key without changing its `kid`. Anyone can send bad signatures, so this lets
        /// strangers spend the budget.
        pub fn refresh_on_bad_signature(mut self) -> Self {
            self.trusted_mut().set_refresh_on_bad_signature();
            self
        }

        /// Asks the issuer about its opaque tokens, as [`introspection`](crate::introspection) says; default none are accepted.
        ///
        /// An opaque token does not say whose it is: only one issuer can have them.
        pub fn introspection(
            mut self,
            introspection: $crate::introspection::Introspection,
        ) -> Self {
            self.trusted_mut().set_introspection(introspection);
            self
        }
    };
}
pub(crate) use key_setters;

impl TrustedIssuer {
    /// Trusts tokens of `issuer` that are meant for `audience`.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            policy: Policy::builder(issuer, audience),
            urls: Vec::new(),
            keys: None,
            seed: None,
            refresh_on_bad_signature: false,
            introspection: None,
        }
    }

    policy_setters!();
    key_setters!();

    /// Lets building fail with this, if there is something.
    pub(crate) fn mistaken(mut self, mistake: Option<ConfigError>) -> Self {
        if let Some(mistake) = mistake {
            self.policy.set_mistake(mistake);
        }
        self
    }

    fn trusted_mut(&mut self) -> &mut Self {
        self
    }

    pub(crate) fn set_keys(&mut self, keys: KeySet) {
        self.keys = Some(keys);
    }

    pub(crate) fn set_seed(&mut self, keys: KeySet) {
        self.seed = Some(keys);
    }

    pub(crate) fn set_refresh_on_bad_signature(&mut self) {
        self.refresh_on_bad_signature = true;
    }

    pub(crate) fn set_introspection(&mut self, introspection: Introspection) {
        self.introspection = Some(introspection);
    }

    pub(crate) fn add_jwks_url(&mut self, url: String) {
        self.urls.push(url);
    }

    /// What is needed to verify this issuer's tokens, if every input is sound; `own_fetch` is a client that was given, and
    /// `fetch` the one to use.
    pub(crate) fn build(
        mut self,
        own_fetch: Option<&Arc<dyn Fetch>>,
        fetch: Option<&Arc<dyn Fetch>>,
        clock: &Arc<dyn Clock>,
        observers: &Observers,
    ) -> Result<Trusted, ConfigError> {
        let introspection = self.introspection.take();
        let allow_plain_http = self.policy.plain_http_allowed();
        let needs_keys = introspection.as_ref().is_none_or(Introspection::needs_keys);
        let mut trusted = match self.keys.take() {
            Some(_) if !needs_keys => Err(contradiction(
                "all tokens are opaque, but there are also keys for them",
            )),
            Some(keys) => self.with_fixed_keys(keys),
            None if needs_keys => self.with_published_keys(fetch, clock, observers),
            None => self.without_keys(),
        }?;
        if let Some(introspection) = introspection {
            trusted.introspector = Some(introspection.build(&Means {
                policy: &trusted.policy,
                keys: &trusted.keys,
                allow_plain_http,
                fetch: own_fetch,
                clock,
                observers,
            })?);
        }
        Ok(trusted)
    }

    fn without_keys(self) -> Result<Trusted, ConfigError> {
        if !self.urls.is_empty() || self.seed.is_some() || self.refresh_on_bad_signature {
            return Err(contradiction(
                "all tokens are opaque, but there is also a place or a way to fetch keys",
            ));
        }
        Ok(Trusted::new(self.policy.build()?, Keys::Absent))
    }

    fn with_fixed_keys(mut self, keys: KeySet) -> Result<Trusted, ConfigError> {
        if !self.urls.is_empty() || self.seed.is_some() || self.refresh_on_bad_signature {
            return Err(contradiction(
                "keys are given with `key_set`, but also a place or a way to fetch them",
            ));
        }
        if keys.is_hmac() && self.policy.chosen_algorithms().is_none() {
            let own = keys.keys().iter().flat_map(|key| key.algorithms().iter());
            self.policy.set_algorithms(own.collect());
        }
        let policy = self.policy.build()?;
        policy.check_keys(&keys)?;
        Ok(Trusted::new(policy, Keys::Fixed(Arc::new(keys))))
    }

    fn with_published_keys(
        self,
        fetch: Option<&Arc<dyn Fetch>>,
        clock: &Arc<dyn Clock>,
        observers: &Observers,
    ) -> Result<Trusted, ConfigError> {
        let allow_plain_http = self.policy.plain_http_allowed();
        let policy = self.policy.build()?;
        if policy.algorithms().any(|algorithm| algorithm.is_hmac()) {
            return Err(contradiction(
                "HMAC algorithms need a key given in code; published keys are never secrets",
            ));
        }
        if let Some(seed) = &self.seed {
            policy.check_keys(seed)?;
        }
        let check = |url: &String| check_transport(url, allow_plain_http);
        let urls: Vec<_> = self.urls.iter().map(check).collect::<Result<_, _>>()?;
        let fetch = fetch.cloned().ok_or_else(|| {
            ConfigError::new(
                ConfigErrorKind::Fetch,
                "keys are to be fetched, but there is no client: enable \"reqwest\" or give one with `fetch`",
            )
        })?;
        let keys = RemoteKeys::new(RemoteConfig {
            issuer: policy.shared_issuer(),
            source: if urls.is_empty() {
                Source::Discovery
            } else {
                Source::Urls(urls)
            },
            seed: self.seed,
            allow_plain_http,
            lifetimes: Lifetimes::default(),
            refresh_on_bad_signature: self.refresh_on_bad_signature,
            fetch,
            clock: Arc::clone(clock),
            observers: observers.clone(),
        });
        Ok(Trusted::new(policy, Keys::Remote(keys)))
    }
}

fn contradiction(problem: &'static str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Contradiction, problem)
}

impl Weaken for TrustedIssuer {
    fn policy(&mut self) -> &mut PolicyBuilder {
        &mut self.policy
    }
}
