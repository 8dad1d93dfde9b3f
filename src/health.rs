//! What an operator may ask: how old the keys are, what went wrong, how long they will last.
//!
//! As JSON a [`Health`] is `{"ready": …, "issuers": […], "token_cache": …, "revocations": …, "introspection": […], "used_proofs": …}`.
//! `token_cache` and `revocations` have the members of [`TokenCacheHealth`] and [`RevocationsHealth`], or are `null` where the cache is
//! off and nothing is asked of revocations. `introspection` has one object for each issuer that is asked about tokens, with the members
//! of [`IntrospectionHealth`]. `used_proofs` is how many used DPoP proofs are remembered here, or `null` where
//! [none are checked](crate::dpop), or their store cannot tell. There are these members for each issuer that publishes keys; all times
//! are whole seconds:
//!
//! | member | what it says |
//! |---|---|
//! | `issuer` | the issuer |
//! | `ready` | whether keys are at hand |
//! | `usable_keys`, `skipped_keys` | how many can be used, and those left out, each with its `kid` and `reason` |
//! | `last_success_age` | how long ago the issuer last confirmed the keys; `null` if never |
//! | `failures` | failed downloads since then |
//! | `last_error`, `last_error_age` | why the last failed download failed, and how long ago; `null` if none has |
//! | `next_refresh` | how long until the next download that no request asks for |
//! | `stale_left` | how long the keys will be used if nothing succeeds any more |
//! | `budget` | how many downloads requests may start now |
//!
//! It names issuers and shows error texts, so it is for operators, and not for strangers.
//!
//! A deployment asks [`Authenticator::is_ready`](crate::Authenticator::is_ready) in its readiness probe, and never in its
//! liveness probe: a restart brings no keys back.

use serde::ser::{SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use crate::error::chain;

pub use crate::introspection::IntrospectionHealth;
pub use crate::jwks::KeySetHealth;
pub use crate::revocation::RevocationsHealth;
pub use crate::token_cache::TokenCacheHealth;

/// The state of an authenticator at the moment it was asked for. Serializes to one JSON object.
#[derive(Clone, Debug, Serialize)]
pub struct Health {
    ready: bool,
    issuers: Vec<KeySetHealth>,
    token_cache: Option<TokenCacheHealth>,
    revocations: Option<RevocationsHealth>,
    introspection: Vec<IntrospectionHealth>,
    used_proofs: Option<u64>,
}

impl Health {
    pub(crate) fn new(
        ready: bool,
        issuers: Vec<KeySetHealth>,
        token_cache: Option<TokenCacheHealth>,
        revocations: Option<RevocationsHealth>,
        introspection: Vec<IntrospectionHealth>,
        used_proofs: Option<u64>,
    ) -> Self {
        Self {
            ready,
            issuers,
            token_cache,
            revocations,
            introspection,
            used_proofs,
        }
    }

    /// Whether tokens can be verified; see [`Authenticator::is_ready`](crate::Authenticator::is_ready).
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// The verified-token cache, unless it is off.
    #[must_use]
    pub fn token_cache(&self) -> Option<TokenCacheHealth> {
        self.token_cache
    }

    /// What is revoked, if anything is [asked](crate::AuthenticatorBuilder::revocations).
    #[must_use]
    pub fn revocations(&self) -> Option<RevocationsHealth> {
        self.revocations
    }

    /// Each issuer that is [asked](crate::introspection) about its tokens, sorted by issuer.
    #[must_use]
    pub fn introspection(&self) -> &[IntrospectionHealth] {
        &self.introspection
    }

    /// How many used DPoP proofs are remembered here; `None` if no proofs are [checked](crate::AuthenticatorBuilder::dpop), or if
    /// what remembers them [cannot tell](crate::dpop::ReplayStore::remembered).
    #[must_use]
    pub fn used_proofs(&self) -> Option<u64> {
        self.used_proofs
    }

    /// The keys of each issuer that publishes them, sorted by issuer. Keys given in code are not among them.
    #[must_use]
    pub fn issuers(&self) -> &[KeySetHealth] {
        &self.issuers
    }
}

impl Serialize for KeySetHealth {
    /// Spans of time as whole seconds, errors as their messages.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = |span: std::time::Duration| span.as_secs();
        let mut fields = serializer.serialize_struct("KeySetHealth", 11)?;
        fields.serialize_field("issuer", self.issuer())?;
        fields.serialize_field("ready", &self.is_ready())?;
        fields.serialize_field("usable_keys", &self.usable())?;
        fields.serialize_field("skipped_keys", &SkippedKeys(self))?;
        fields.serialize_field("last_success_age", &self.last_success().map(seconds))?;
        fields.serialize_field("failures", &self.failures())?;
        fields.serialize_field("last_error", &self.last_error().map(chain))?;
        fields.serialize_field("last_error_age", &self.last_error_age().map(seconds))?;
        fields.serialize_field("next_refresh", &self.next_refresh().map(seconds))?;
        fields.serialize_field("stale_left", &self.stale_left().as_secs())?;
        fields.serialize_field("budget", &self.budget())?;
        fields.end()
    }
}

impl Serialize for IntrospectionHealth {
    /// Spans of time as whole seconds, errors as their messages.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = |span: std::time::Duration| span.as_secs();
        let mut fields = serializer.serialize_struct("IntrospectionHealth", 12)?;
        fields.serialize_field("issuer", self.issuer())?;
        fields.serialize_field("endpoint", &self.endpoint())?;
        fields.serialize_field("calls", &self.calls())?;
        fields.serialize_field("in_flight", &self.in_flight())?;
        fields.serialize_field("failures", &self.failures())?;
        fields.serialize_field("paused_for", &self.paused_for().map(seconds))?;
        fields.serialize_field("last_error", &self.last_error().map(chain))?;
        fields.serialize_field("last_error_age", &self.last_error_age().map(seconds))?;
        fields.serialize_field("answers", &self.answers())?;
        fields.serialize_field("bytes", &self.bytes())?;
        fields.serialize_field("most_bytes", &self.most_bytes())?;
        fields.serialize_field("refusals", &self.refusals())?;
        fields.end()
    }
}

struct SkippedKeys<'a>(&'a KeySetHealth);

impl Serialize for SkippedKeys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Skipped<'a> {
            kid: Option<&'a str>,
            reason: &'a str,
        }
        let mut keys = serializer.serialize_seq(Some(self.0.skipped().len()))?;
        for key in self.0.skipped() {
            keys.serialize_element(&Skipped {
                kid: key.key_id(),
                reason: key.reason().code(),
            })?;
        }
        keys.end()
    }
}
