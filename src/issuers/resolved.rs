//! What the resolver has said, kept within bounds.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;

use super::resolver::{IssuerResolver, ResolveError};
use super::trusted_issuer::TrustedIssuer;
use super::{Keys, Trusted};
use crate::error::{ConfigError, Rejection, Unavailable, UnavailableKind, VerifyErrorKind};

/// How long an answer of the resolver is used before it is asked again.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// How long an issuer goes on being trusted while the resolver cannot tell.
const KEPT_UNTOLD: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a refusal is remembered, and how many are.
const REFUSED: Duration = Duration::from_secs(30);
const MOST_REFUSED: u64 = 1024;
/// The longest `iss` that is asked for, in bytes.
const LONGEST_ISSUER: usize = 512;
/// When to ask again for an issuer that could not be told of.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Makes what is needed to verify an issuer's tokens.
type Build = dyn Fn(TrustedIssuer) -> Result<Trusted, ConfigError> + Send + Sync;

/// What is known of an issuer.
pub(crate) enum Found {
    Trusted(Arc<Trusted>),
    Unknown,
    /// The resolver has to be asked.
    Ask(Asking),
}

/// The resolver, and its answers.
#[derive(Clone)]
pub(crate) struct Resolved(Arc<Inner>);

struct Inner {
    resolver: Box<dyn IssuerResolver>,
    build: Box<Build>,
    trusted: Cache<Arc<str>, Entry>,
    refused: Cache<Arc<str>, Instant>,
}

#[derive(Clone)]
struct Entry {
    trusted: Arc<Trusted>,
    told: Instant,
}

impl Resolved {
    pub(crate) fn new(resolver: Box<dyn IssuerResolver>, most: u64, build: Box<Build>) -> Self {
        Self(Arc::new(Inner {
            resolver,
            build,
            // The usual policy may refuse a newcomer, whose keys would then be fetched at each of its requests.
            trusted: Cache::builder()
                .max_capacity(most)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            refused: Cache::builder()
                .max_capacity(MOST_REFUSED)
                .time_to_live(REFUSED)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
        }))
    }

    pub(crate) fn find(&self, iss: &str) -> Found {
        let now = Instant::now();
        let known = self.0.trusted.get(iss);
        if let Some(entry) = known.as_ref().filter(|entry| now < entry.told + KEPT) {
            return Found::Trusted(Arc::clone(&entry.trusted));
        }
        let refused = self.0.refused.get(iss).is_some_and(|at| now < at + REFUSED);
        if refused || iss.len() > LONGEST_ISSUER || !iss.starts_with("http") {
            return Found::Unknown;
        }
        Found::Ask(Asking {
            resolved: self.clone(),
            issuer: iss.into(),
            known,
        })
    }

    /// The issuers that are trusted now.
    pub(crate) fn trusted(&self) -> Vec<Arc<Trusted>> {
        self.0
            .trusted
            .iter()
            .map(|(_, entry)| entry.trusted)
            .collect()
    }
}

/// A question to the resolver.
pub(crate) struct Asking {
    resolved: Resolved,
    issuer: Arc<str>,
    known: Option<Entry>,
}

impl Asking {
    /// Asks.
    pub(crate) async fn answer(self) -> Result<Arc<Trusted>, Rejection> {
        let inner = &*self.resolved.0;
        let answer = inner.resolver.resolve(&self.issuer).await;
        let now = Instant::now();
        match answer {
            Ok(Some(terms)) => self.trust(terms, now),
            Ok(None) => {
                inner.trusted.invalidate(&self.issuer);
                inner.refused.insert(self.issuer, now);
                Err(VerifyErrorKind::Issuer.into())
            }
            Err(error) => match self.known.filter(|entry| now < entry.told + KEPT_UNTOLD) {
                Some(entry) => Ok(entry.trusted),
                None => Err(unavailable(error)),
            },
        }
    }

    fn trust(self, terms: TrustedIssuer, now: Instant) -> Result<Arc<Trusted>, Rejection> {
        let inner = &*self.resolved.0;
        let mut trusted =
            (inner.build)(terms).map_err(|error| unavailable(ResolveError::new(error)))?;
        if trusted.policy.issuer() != &*self.issuer {
            inner.refused.insert(self.issuer, now);
            return Err(VerifyErrorKind::Issuer.into());
        }
        inner.refused.invalidate(&self.issuer);
        let known = self.known;
        let entry = inner.trusted.entry(self.issuer).and_upsert_with(|other| {
            match other.map(moka::Entry::into_value) {
                // Many may have asked at once; one answer, and one set of keys, serves all.
                Some(other) if now < other.told + KEPT => other,
                other => {
                    if let Some(known) = other.or(known) {
                        trusted.keep_keys_of(&known.trusted);
                    }
                    Entry {
                        trusted: Arc::new(trusted),
                        told: now,
                    }
                }
            }
        });
        // Left to itself moka evicts some time later; what is evicted here ends a task and frees keys.
        inner.trusted.run_pending_tasks();
        Ok(entry.into_value().trusted)
    }
}

impl Trusted {
    /// Takes over the keys of the same issuer if they come from the same place, with all that is known of them.
    fn keep_keys_of(&mut self, known: &Self) {
        if let (Keys::Remote(new), Keys::Remote(old)) = (&self.keys, &known.keys)
            && new.same_source(old)
        {
            self.keys = Keys::Remote(old.clone());
        }
    }
}

fn unavailable(error: ResolveError) -> Rejection {
    let unavailable = Unavailable::new(UnavailableKind::Issuer, RETRY_AFTER);
    unavailable.because(Arc::new(error)).into()
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resolved({})", self.0.trusted.entry_count())
    }
}
