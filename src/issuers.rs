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

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::NumericDate;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::introspection::{Introspector, Tokens};
use crate::jose::{Algorithm, KeySerial, KeySet};
use crate::jwks::{LookUp, RemoteKeys};
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
    /// Whom to ask about its tokens, and about which.
    pub(crate) introspector: Option<Introspector>,
    /// Whether a token of it has verified.
    proved: AtomicBool,
}

impl Trusted {
    pub(crate) fn new(policy: Policy, keys: Keys) -> Self {
        Self {
            policy,
            keys,
            introspector: None,
            proved: AtomicBool::new(false),
        }
    }

    /// Whether opaque tokens are taken for its own.
    fn has_opaque_tokens(&self) -> bool {
        let introspector = self.introspector.as_ref();
        introspector.is_some_and(|introspector| introspector.tokens().include_opaque())
    }

    /// Whom to ask about its JWTs, if that is done.
    fn introspector_of_jwts(&self) -> Option<&Introspector> {
        let introspector = self.introspector.as_ref();
        introspector.filter(|introspector| introspector.tokens().include_jwts())
    }

    /// Whether its JWTs are refused, since it is said to have none.
    pub(crate) fn has_no_jwts(&self) -> bool {
        let introspector = self.introspector.as_ref();
        introspector.is_some_and(|introspector| introspector.tokens() == Tokens::OpaqueOnly)
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
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    /// Given in code.
    Fixed(Arc<KeySet>),
    /// Published by the issuer.
    Remote(RemoteKeys),
    /// It has none: all its tokens are opaque.
    Absent,
}

impl Keys {
    /// Whether tokens can be verified without waiting.
    pub(crate) fn are_ready(&self) -> bool {
        match self {
            Self::Fixed(_) | Self::Absent => true,
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
            Self::Absent => false,
        }
    }

    /// Keys that can judge a token of this `kid` and algorithm, at once or after a download.
    pub(crate) fn look_up(&self, key_id: Option<&str>, algorithm: Algorithm) -> LookUp {
        match self {
            Self::Fixed(keys) => LookUp::Ready(Arc::clone(keys)),
            Self::Remote(remote) => remote.look_up(key_id, algorithm),
            Self::Absent => LookUp::Refused,
        }
    }

    pub(crate) fn remote(&self) -> Option<&RemoteKeys> {
        match self {
            Self::Remote(remote) => Some(remote),
            Self::Fixed(_) | Self::Absent => None,
        }
    }
}

/// All issuers that are trusted.
#[derive(Debug)]
pub(crate) struct Issuers {
    /// In a tree: most services trust a few, and to compare a few names costs less than to hash one.
    given: BTreeMap<Arc<str>, Arc<Trusted>>,
    resolved: Option<Resolved>,
    /// The one whose opaque tokens are; they do not say so themselves.
    opaque: Option<Arc<Trusted>>,
    /// Whether any issuer is asked about its JWTs.
    asks_about_jwts: bool,
}

impl Issuers {
    pub(crate) fn new(
        trusted: impl IntoIterator<Item = Trusted>,
        resolved: Option<Resolved>,
    ) -> Result<Self, ConfigError> {
        let mut given = BTreeMap::new();
        let mut opaque = None;
        let mut asks_about_jwts = false;
        for each in trusted {
            let (name, each) = (each.policy.shared_issuer(), Arc::new(each));
            asks_about_jwts |= each.introspector_of_jwts().is_some();
            if each.has_opaque_tokens() && opaque.replace(Arc::clone(&each)).is_some() {
                return Err(ConfigError::new(
                    ConfigErrorKind::Contradiction,
                    "two issuers have opaque tokens, and such a token does not say whose it is: see `Introspection::jwts_only`",
                ));
            }
            if given.insert(Arc::clone(&name), each).is_some() {
                return Err(ConfigError::new(
                    ConfigErrorKind::Issuer,
                    format!("the issuer {name:?} is given twice"),
                ));
            }
        }
        Ok(Self {
            given,
            resolved,
            opaque,
            asks_about_jwts,
        })
    }

    /// The issuer that an opaque token is taken for a token of, if there is one.
    pub(crate) fn of_opaque(&self) -> Option<&Arc<Trusted>> {
        self.opaque.as_ref()
    }

    /// Whom to ask about a JWT of the issuer that equals `iss`, if anyone is asked.
    pub(crate) fn introspector_of_jwts(&self, iss: &str) -> Option<&Introspector> {
        if !self.asks_about_jwts {
            return None;
        }
        self.given.get(iss)?.introspector_of_jwts()
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
