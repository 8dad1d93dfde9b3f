//! What was said of tokens a moment ago, within bounds, and without the tokens.

use std::sync::Arc;
use std::time::Instant;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::answered::Answered;
use super::flight::Outcome;
use super::introspector::{Asked, Bounds, now};
use crate::clock::Clock;
use crate::error::VerifyErrorKind;
use crate::jose::TokenDigest;
use crate::policy::Policy;

/// How many tokens that are not active are remembered: made-up ones are among them.
const MOST_REFUSALS: u64 = 8192;

/// What an entry takes beside the answer, measured: its place in the cache's index and queues.
const SLOT: usize = 640;

/// Answers and refusals, found by digests under a secret of the process.
pub(super) struct Memory {
    pub(super) answers: Cache<TokenDigest, Arc<Answered>>,
    pub(super) refusals: Cache<TokenDigest, Refusal>,
}

/// Why a token was refused, and until when it is refused without asking.
#[derive(Clone, Copy)]
pub(super) struct Refusal {
    kind: VerifyErrorKind,
    until: Instant,
}

impl Memory {
    pub(super) fn new(bounds: &Bounds) -> Self {
        let weigh = |_: &TokenDigest, answered: &Arc<Answered>| {
            u32::try_from(answered.weight().saturating_add(SLOT)).unwrap_or(u32::MAX)
        };
        Self {
            answers: Cache::builder()
                .weigher(weigh)
                .max_capacity(bounds.cache_bytes)
                // The instant in an entry decides; this only frees what nobody asks for again.
                .time_to_live(bounds.cache_for)
                // The usual policy may refuse a newcomer, which would then be asked about at each of its requests.
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            refusals: Cache::builder()
                .max_capacity(MOST_REFUSALS)
                .time_to_live(bounds.refusals_for)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
        }
    }

    /// What is known without asking: an answer whose time is not over by either clock, or a refusal.
    pub(super) fn find(
        &self,
        digest: &TokenDigest,
        policy: &Policy,
        clock: &dyn Clock,
        now: Instant,
    ) -> Option<Asked> {
        if let Some(answered) = self.answers.get(digest) {
            let date = clock.now();
            let opaque = answered.opaque.as_ref();
            // A JWT's own time is checked wherever it comes from.
            let in_time =
                opaque.is_none_or(|opaque| policy.check_time(&opaque.claims, date).is_ok());
            // Left where it is otherwise: what takes its place may be there already.
            if now < answered.until && date < answered.until_date && in_time {
                return Some(Asked::Answered(answered));
            }
        }
        let refusal = self.refusals.get(digest)?;
        (now < refusal.until).then_some(Asked::Refused(refusal.kind))
    }

    /// Remembers what a call that began at `begun` has brought, unless it has failed.
    pub(super) fn keep(
        &self,
        digest: TokenDigest,
        outcome: &Outcome,
        bounds: &Bounds,
        begun: Instant,
    ) {
        match outcome {
            Outcome::Answered(answered) => {
                self.refusals.invalidate(&digest);
                if now() < answered.until {
                    self.answers.insert(digest, Arc::clone(answered));
                }
            }
            Outcome::Refused(kind) => {
                self.answers.invalidate(&digest);
                let until = begun.checked_add(bounds.refusals_for);
                if let Some(until) = until.filter(|until| now() < *until) {
                    self.refusals.insert(digest, Refusal { kind: *kind, until });
                }
            }
            Outcome::Unavailable(_) => {}
        }
    }

    /// Frees what has run out, so that what is left can be counted.
    pub(super) fn tidy(&self) {
        self.answers.run_pending_tasks();
        self.refusals.run_pending_tasks();
    }
}
