//! From `iss` to the policy and the keys of that issuer.
//!
//! 1. An issuer given in code is found by exact match, byte for byte, before any I/O (RFC 7519 §4.1.1).
//! 2. One that is not is asked of the [`IssuerResolver`], if there is one, and only if it could be an issuer at all. What the
//!    resolver trusts is kept, bounded in number, and asked for anew after ten minutes, so that a tenant who is gone
//!    is no longer trusted.
//! 3. Any other is refused.
//!
//! Each issuer has its own keys, budget, backoff and schedule: a key of one never verifies a token of another
//! (CVE-2026-49998), and a tenant whose provider is down or hostile harms no other.

mod resolved;
mod resolver;
mod template;
mod trusted_issuer;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::NumericDate;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::jose::{Algorithm, KeySerial, KeySet};
use crate::jwks::RemoteKeys;
use crate::policy::Policy;

pub(crate) use resolved::{Asking, Found, Resolved};
pub use resolver::{IssuerResolver, ResolveError, ResolveFuture};
pub use template::IssuerTemplate;
pub use trusted_issuer::TrustedIssuer;
pub(crate) use trusted_issuer::key_setters;

/// One issuer that is trusted: what its tokens must satisfy, and the keys that verify them.
#[derive(Debug)]
pub(crate) struct Trusted {
    pub(crate) policy: Policy,
    pub(crate) keys: Keys,
    /// Whether a token of it has verified.
    proved: AtomicBool,
}

impl Trusted {
    pub(crate) fn new(policy: Policy, keys: Keys) -> Self {
        Self {
            policy,
            keys,
            proved: AtomicBool::new(false),
        }
    }

    fn is_proved(&self) -> bool {
        self.proved.load(Ordering::Relaxed)
    }

    /// Whether this is the first time.
    fn prove(&self) -> bool {
        !self.proved.swap(true, Ordering::Relaxed)
    }
}

/// Where an issuer's keys come from.
#[derive(Debug)]
pub(crate) enum Keys {
    /// Given in code.
    Fixed(Arc<KeySet>),
    /// Published by the issuer.
    Remote(RemoteKeys),
}

impl Keys {
    /// Whether tokens can be verified without waiting.
    pub(crate) fn are_ready(&self) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Remote(remote) => remote.is_ready(),
        }
    }

    /// Whether `key` still is what verifies a token of this `kid` and algorithm.
    pub(crate) fn still_have(
        &self,
        key: KeySerial,
        key_id: Option<&str>,
        algorithm: Algorithm,
        now: NumericDate,
    ) -> bool {
        match self {
            Self::Fixed(keys) => keys.offers(key, key_id, algorithm, now),
            Self::Remote(remote) => remote.still_has(key, key_id, algorithm),
        }
    }

    pub(crate) fn remote(&self) -> Option<&RemoteKeys> {
        match self {
            Self::Remote(remote) => Some(remote),
            Self::Fixed(_) => None,
        }
    }
}

/// All issuers that are trusted.
#[derive(Debug)]
pub(crate) struct Issuers {
    given: HashMap<Arc<str>, Arc<Trusted>>,
    resolved: Option<Resolved>,
}

impl Issuers {
    pub(crate) fn new(
        trusted: impl IntoIterator<Item = Trusted>,
        resolved: Option<Resolved>,
    ) -> Result<Self, ConfigError> {
        let mut given = HashMap::new();
        for each in trusted {
            let name = each.policy.shared_issuer();
            if given.insert(Arc::clone(&name), Arc::new(each)).is_some() {
                return Err(ConfigError::new(
                    ConfigErrorKind::Issuer,
                    format!("the issuer {name:?} is given twice"),
                ));
            }
        }
        Ok(Self { given, resolved })
    }

    /// The issuer that equals `iss`, byte for byte, or what has to be awaited to know.
    pub(crate) fn find(&self, iss: &str) -> Found {
        match (self.given.get(iss), &self.resolved) {
            (Some(trusted), _) => Found::Trusted(Arc::clone(trusted)),
            (None, Some(resolved)) => resolved.find(iss),
            (None, None) => Found::Unknown,
        }
    }

    /// Whether the issuer that equals `iss` is trusted at this moment, and on terms that satisfy `suits`.
    pub(crate) fn trusts(&self, iss: &str, suits: impl FnOnce(&Trusted) -> bool) -> bool {
        match (self.given.get(iss), &self.resolved) {
            (Some(trusted), _) => suits(trusted),
            (None, Some(resolved)) => match resolved.find(iss) {
                Found::Trusted(trusted) => suits(&trusted),
                Found::Unknown | Found::Ask(_) => false,
            },
            (None, None) => false,
        }
    }

    /// A token of `trusted` has verified.
    pub(crate) fn prove(&self, trusted: &Trusted) {
        if !trusted.is_proved()
            && trusted.prove()
            && let Some(resolved) = &self.resolved
        {
            resolved.keep(trusted);
        }
    }

    /// The issuers given in code.
    pub(crate) fn given(&self) -> impl Iterator<Item = &Trusted> {
        self.given.values().map(AsRef::as_ref)
    }

    /// All issuers that are trusted now.
    pub(crate) fn all(&self) -> Vec<Arc<Trusted>> {
        let resolved = self.resolved.iter().flat_map(Resolved::trusted);
        self.given.values().cloned().chain(resolved).collect()
    }
}
