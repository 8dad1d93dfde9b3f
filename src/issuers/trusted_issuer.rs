//! An issuer to trust, as it is configured.

use std::sync::Arc;

use super::{Keys, Trusted};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::fetch::Fetch;
use crate::jose::KeySet;
use crate::jwks::{Lifetimes, RemoteConfig, RemoteKeys, Source};
use crate::observe::Observers;
use crate::policy::{Policy, PolicyBuilder, Weaken, check_transport, policy_setters};
use crate::verifier::check_keys_fit;

/// One issuer to trust: what its tokens must satisfy, and where its keys come from.
#[derive(Debug)]
#[must_use]
pub struct TrustedIssuer {
    policy: PolicyBuilder,
    source: KeySource,
    seed: Option<KeySet>,
    refresh_on_bad_signature: bool,
}

/// Where keys come from, as it was configured.
#[derive(Debug)]
enum KeySource {
    Discovery,
    Urls(Vec<String>),
    Fixed(KeySet),
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

        /// Starts with these keys, as if they had been fetched when the service started; fresh ones replace them.
        ///
        /// For a service that must verify tokens although the issuer is down when it starts.
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
    };
}
pub(crate) use key_setters;

impl TrustedIssuer {
    /// Trusts tokens of `issuer` that are meant for `audience`.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            policy: Policy::builder(issuer, audience),
            source: KeySource::Discovery,
            seed: None,
            refresh_on_bad_signature: false,
        }
    }

    policy_setters!();
    key_setters!();

    fn trusted_mut(&mut self) -> &mut Self {
        self
    }

    pub(crate) fn set_keys(&mut self, keys: KeySet) {
        self.source = KeySource::Fixed(keys);
    }

    pub(crate) fn set_seed(&mut self, keys: KeySet) {
        self.seed = Some(keys);
    }

    pub(crate) fn set_refresh_on_bad_signature(&mut self) {
        self.refresh_on_bad_signature = true;
    }

    pub(crate) fn add_jwks_url(&mut self, url: String) {
        match &mut self.source {
            KeySource::Urls(urls) => urls.push(url),
            source => *source = KeySource::Urls(vec![url]),
        }
    }

    pub(crate) fn build(
        mut self,
        fetch: Option<&Arc<dyn Fetch>>,
        observers: &Observers,
    ) -> Result<Trusted, ConfigError> {
        let allow_plain_http = self.policy.plain_http_allowed();
        let source = match self.source {
            KeySource::Fixed(keys) => {
                if keys.is_hmac() && self.policy.chosen_algorithms().is_none() {
                    let own = keys.keys().iter().flat_map(|key| key.algorithms().iter());
                    self.policy.set_algorithms(own.collect());
                }
                let policy = self.policy.build()?;
                check_keys_fit(&policy, &keys)?;
                let keys = Keys::Fixed(Arc::new(keys));
                return Ok(Trusted { policy, keys });
            }
            KeySource::Discovery => Source::Discovery,
            KeySource::Urls(urls) => {
                let check = |url: &String| check_transport(url, allow_plain_http);
                Source::Urls(urls.iter().map(check).collect::<Result<_, _>>()?)
            }
        };
        let policy = self.policy.build()?;
        if policy.algorithms().any(|algorithm| algorithm.is_hmac()) {
            return Err(ConfigError::new(
                ConfigErrorKind::Contradiction,
                "HMAC algorithms need a key given in code; published keys are never secrets",
            ));
        }
        if let Some(seed) = &self.seed {
            check_keys_fit(&policy, seed)?;
        }
        let fetch = fetch.cloned().ok_or_else(|| {
            ConfigError::new(
                ConfigErrorKind::Fetch,
                "keys are to be fetched, but there is no client: enable the feature \"reqwest\" or give one with `fetch`",
            )
        })?;
        let keys = Keys::Remote(RemoteKeys::new(RemoteConfig {
            issuer: policy.shared_issuer(),
            source,
            seed: self.seed,
            allow_plain_http,
            lifetimes: Lifetimes::default(),
            refresh_on_bad_signature: self.refresh_on_bad_signature,
            fetch,
            observers: observers.clone(),
        }));
        Ok(Trusted { policy, keys })
    }
}

impl Weaken for TrustedIssuer {
    fn policy(&mut self) -> &mut PolicyBuilder {
        &mut self.policy
    }
}
