//! Keys that the newest set was found not to hold.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::snapshot::Wanted;

/// A bounded memory of absent keys. Made at the first of them: most issuers never need one.
///
/// It is consulted only about a key that the present set lacks, so that a changed set need not clear it: were it cleared,
/// one made-up key would cost the issuer a download at each rotation.
pub(super) struct Absent {
    /// By a hash of what was wanted, since strangers choose how long that is; keyed at random, so that they cannot choose
    /// whose absence they share.
    until: OnceLock<Cache<u64, Instant>>,
    hasher: RandomState,
    lasting: Duration,
    most: u32,
}

impl Absent {
    pub(super) fn new(lasting: Duration, most: u32) -> Self {
        Self {
            until: OnceLock::new(),
            hasher: RandomState::new(),
            lasting,
            most,
        }
    }

    pub(super) fn holds(&self, wanted: &Wanted, now: Instant) -> bool {
        let memory = self.until.get();
        let until = memory.and_then(|memory| memory.get(&self.hasher.hash_one(wanted)));
        until.is_some_and(|until| now < until)
    }

    pub(super) fn remember(&self, wanted: &Wanted, now: Instant) {
        let Some(until) = now.checked_add(self.lasting) else {
            return;
        };
        self.until
            .get_or_init(|| self.memory())
            .insert(self.hasher.hash_one(wanted), until);
    }

    /// Frees what has run out.
    pub(super) fn tidy(&self) {
        if let Some(memory) = self.until.get() {
            memory.run_pending_tasks();
        }
    }

    fn memory(&self) -> Cache<u64, Instant> {
        Cache::builder()
            .max_capacity(self.most.into())
            // The instant kept in an entry decides; this only frees what nobody asks for again.
            .time_to_live(self.lasting)
            // The usual policy may refuse a newcomer, and the newest is the one that is asked for again.
            .eviction_policy(EvictionPolicy::lru())
            .build()
    }
}

impl fmt::Debug for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.until.get().map_or(0, Cache::entry_count);
        write!(f, "Absent({count})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(key_id: &str) -> Wanted {
        Wanted::Key(key_id.into())
    }

    #[test]
    fn an_absence_lasts_its_time() {
        let now = Instant::now();
        let absent = Absent::new(Duration::from_secs(30), 1024);
        assert!(!absent.holds(&wanted("a"), now));
        absent.remember(&wanted("a"), now);
        for (second, held) in [(0, true), (29, true), (30, false)] {
            let now = now + Duration::from_secs(second);
            assert_eq!(absent.holds(&wanted("a"), now), held, "{second}");
            assert!(!absent.holds(&wanted("b"), now));
        }
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_the_newest() {
        let now = Instant::now();
        let absent = Absent::new(Duration::from_secs(30), 1024);
        for number in 0..20_000 {
            absent.remember(&wanted(&number.to_string()), now);
        }
        assert!(absent.holds(&wanted("19999"), now));
        absent.tidy();
        let memory = absent.until.get();
        assert!(memory.is_some_and(|memory| memory.entry_count() <= 1024));
    }
}
