//! What the resolver has said, kept within bounds.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

use super::resolver::{IssuerResolver, ResolveError};
use super::trusted_issuer::TrustedIssuer;
use super::{Keys, Trusted};
use crate::error::{ConfigError, Rejection, Unavailable, UnavailableKind, VerifyErrorKind};
use crate::policy::check_issuer;

/// How long an answer of the resolver is used before it must be asked again.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// When it is asked again in the background, so that a request of an issuer in use never waits for it.
const ASKED_AHEAD: Duration = Duration::from_secs(8 * 60);
/// How long an issuer goes on being trusted while the resolver cannot tell.
const KEPT_UNTOLD: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a refusal is remembered, and how many are.
const REFUSED: Duration = Duration::from_secs(30);
const MOST_REFUSED: u64 = 1024;
/// How many issuers are kept of which no token has verified yet.
const MOST_UNPROVED: u64 = 256;
/// The longest `iss` that is asked for, in bytes.
const LONGEST_ISSUER: usize = 512;
/// How long an answer may take, and how many are awaited at once: strangers can make up issuers.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
const MOST_ASKED: usize = 64;
/// When to ask again for an issuer that could not be told of.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Outcome = Result<Arc<Trusted>, Rejection>;

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
    /// Those of which a token has verified.
    trusted: Cache<Arc<str>, Entry>,
    /// Those of which none has: strangers can name them, and so they must not push out the others.
    unproved: Cache<Arc<str>, Entry>,
    refused: Cache<Arc<str>, Instant>,
    /// The questions that are being asked.
    questions: Cache<Arc<str>, Arc<OnceCell<Outcome>>>,
    asked: Semaphore,
    newcomers: Mutex<Newcomers>,
}

/// How many issuers that are not known may still be asked for: a burst, and some each second.
struct Newcomers {
    left: f64,
    at: Instant,
}

impl Newcomers {
    const BURST: f64 = 256.0;
    const EACH_SECOND: f64 = 16.0;

    fn new(now: Instant) -> Self {
        Self {
            left: Self::BURST,
            at: now,
        }
    }

    fn admit(&mut self, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * Self::EACH_SECOND;
        self.left = (self.left + gained).min(Self::BURST);
        self.at = now;
        let admitted = self.left >= 1.0;
        if admitted {
            self.left -= 1.0;
        }
        admitted
    }
}

#[derive(Clone)]
struct Entry {
    trusted: Arc<Trusted>,
    told: Instant,
    /// Whether the resolver has been asked again ahead of time.
    asked_again: Arc<AtomicBool>,
}

impl Resolved {
    pub(crate) fn new(resolver: Box<dyn IssuerResolver>, most: u64, build: Box<Build>) -> Self {
        Self(Arc::new(Inner {
            resolver,
            build,
            // The usual policy may refuse a newcomer, whose keys would then be fetched at each of its requests.
            trusted: Cache::builder()
                .max_capacity(most)
                .time_to_idle(KEPT_UNTOLD)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            unproved: Cache::builder()
                .max_capacity(MOST_UNPROVED.min(most))
                .time_to_idle(KEPT)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            refused: Cache::builder()
                .max_capacity(MOST_REFUSED)
                .time_to_live(REFUSED)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            // Those whom nobody waits for any more are forgotten in time; one that falls out is asked twice.
            questions: Cache::builder()
                .max_capacity(MOST_REFUSED)
                .time_to_live(REFUSED)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            asked: Semaphore::new(MOST_ASKED),
            newcomers: Mutex::new(Newcomers::new(Instant::now())),
        }))
    }

    pub(crate) fn find(&self, iss: &str) -> Found {
        let now = Instant::now();
        let known = self.0.trusted.get(iss).or_else(|| self.0.unproved.get(iss));
        if let Some(entry) = known.as_ref().filter(|entry| now < entry.told + KEPT) {
            if now >= entry.told + ASKED_AHEAD {
                self.ask_ahead(iss, entry);
            }
            return Found::Trusted(Arc::clone(&entry.trusted));
        }
        let refused = self.0.refused.get(iss).is_some_and(|at| now < at + REFUSED);
        if refused || iss.len() > LONGEST_ISSUER || check_issuer(iss, true).is_err() {
            return Found::Unknown;
        }
        Found::Ask(Asking {
            resolved: self.clone(),
            issuer: iss.into(),
            known,
            asked: now,
        })
    }

    /// A token of `trusted` has verified: from now on strangers cannot push it out.
    pub(super) fn keep(&self, trusted: &Trusted) {
        if let Some(entry) = self.0.unproved.remove(trusted.policy.issuer()) {
            self.0.trusted.insert(trusted.policy.shared_issuer(), entry);
            self.0.tidy();
        }
    }

    fn ask_ahead(&self, iss: &str, entry: &Entry) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !entry.asked_again.swap(true, Ordering::Relaxed) {
            let asking = Asking {
                resolved: self.clone(),
                issuer: iss.into(),
                known: Some(entry.clone()),
                asked: Instant::now(),
            };
            // Bounded in time; what it finds is in the cache.
            runtime.spawn(async move { asking.answer().await.map(drop) });
        }
    }

    /// The issuers that are trusted now.
    pub(crate) fn trusted(&self) -> Vec<Arc<Trusted>> {
        let all = self.0.trusted.iter().chain(self.0.unproved.iter());
        all.map(|(_, entry)| entry.trusted).collect()
    }
}

/// A question to the resolver.
pub(crate) struct Asking {
    resolved: Resolved,
    issuer: Arc<str>,
    known: Option<Entry>,
    asked: Instant,
}

impl Inner {
    fn admits(&self) -> bool {
        let mut newcomers = self
            .newcomers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        newcomers.admit(Instant::now())
    }

    /// Left to itself moka evicts some time later; what is evicted here ends a task and frees keys.
    fn tidy(&self) {
        self.trusted.run_pending_tasks();
        self.unproved.run_pending_tasks();
    }
}

impl Asking {
    /// Asks, or joins those who ask the same already.
    pub(crate) async fn answer(self) -> Result<Arc<Trusted>, Rejection> {
        let (resolved, issuer) = (self.resolved.clone(), Arc::clone(&self.issuer));
        let question = resolved.0.questions.get_with_by_ref(&issuer, Arc::default);
        let outcome = question.get_or_init(|| self.ask()).await.clone();
        resolved.0.questions.invalidate(&issuer);
        outcome
    }

    async fn ask(self) -> Outcome {
        let inner = &*self.resolved.0;
        let answer = match inner.asked.try_acquire() {
            _ if self.known.is_none() && !inner.admits() => {
                Err(ResolveError::new("too many issuers that are not known"))
            }
            Ok(_asked) => timeout(LONGEST_ANSWER, inner.resolver.resolve(&self.issuer))
                .await
                .unwrap_or_else(|elapsed| Err(ResolveError::new(elapsed))),
            Err(full) => Err(ResolveError::new(full)),
        };
        let now = Instant::now();
        match answer {
            Ok(Some(terms)) => self.trust(terms, now),
            Ok(None) => {
                inner.trusted.invalidate(&self.issuer);
                inner.unproved.invalidate(&self.issuer);
                inner.tidy();
                inner.refused.insert(self.issuer, now);
                Err(VerifyErrorKind::Issuer.into())
            }
            Err(error) => match self.known.filter(|entry| now < entry.told + KEPT_UNTOLD) {
                Some(entry) => Ok(entry.trusted),
                None => Err(unavailable(error)),
            },
        }
    }

    fn trust(self, terms: TrustedIssuer, now: Instant) -> Outcome {
        let inner = &*self.resolved.0;
        let mut trusted =
            (inner.build)(terms).map_err(|error| unavailable(ResolveError::new(error)))?;
        if trusted.policy.issuer() != &*self.issuer {
            inner.refused.insert(self.issuer, now);
            return Err(VerifyErrorKind::Issuer.into());
        }
        // An answer that was asked for later has said no.
        if inner
            .refused
            .get(&self.issuer)
            .is_some_and(|refused| refused > self.asked)
        {
            return Err(VerifyErrorKind::Issuer.into());
        }
        inner.refused.invalidate(&self.issuer);
        let known = self.known;
        let proved = known
            .as_ref()
            .is_some_and(|known| known.trusted.is_proved());
        let kept = if proved {
            trusted.prove();
            &inner.trusted
        } else {
            &inner.unproved
        };
        let entry = kept.entry(self.issuer).and_upsert_with(|other| {
            match other.map(moka::Entry::into_value) {
                // Many may have asked at once; one answer, and one set of keys, serves all.
                Some(other) if now < other.told + ASKED_AHEAD => other,
                other => {
                    if let Some(known) = other.or(known) {
                        trusted.keep_keys_of(&known.trusted);
                    }
                    Entry {
                        trusted: Arc::new(trusted),
                        told: now,
                        asked_again: Arc::default(),
                    }
                }
            }
        });
        inner.tidy();
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
