//! Keys that the newest set was found not to hold.

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::snapshot::Wanted;

/// A bounded memory of absent keys. Made at the first of them: most issuers never need one.
pub(super) struct Absent {
    until: OnceLock<Cache<Wanted, Instant>>,
    lasting: Duration,
    most: u32,
}

impl Absent {
    pub(super) fn new(lasting: Duration, most: u32) -> Self {
        Self {
            until: OnceLock::new(),
            lasting,
            most,
        }
    }

    pub(super) fn holds(&self, wanted: &Wanted, now: Instant) -> bool {
        let until = self.until.get().and_then(|memory| memory.get(wanted));
        until.is_some_and(|until| now < until)
    }

    pub(super) fn remember(&self, wanted: Wanted, now: Instant) {
        let Some(until) = now.checked_add(self.lasting) else {
            return;
        };
        self.until
            .get_or_init(|| self.memory())
            .insert(wanted, until);
    }

    /// Forgets all: a changed set may hold what the one before did not.
    pub(super) fn clear(&self) {
        if let Some(memory) = self.until.get() {
            memory.invalidate_all();
        }
    }

    fn memory(&self) -> Cache<Wanted, Instant> {
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
    fn an_absence_lasts_its_time_and_ends_with_the_set() {
        let now = Instant::now();
        let absent = Absent::new(Duration::from_secs(30), 1024);
        assert!(!absent.holds(&wanted("a"), now));
        absent.remember(wanted("a"), now);
        for (second, held) in [(0, true), (29, true), (30, false)] {
            let now = now + Duration::from_secs(second);
            assert_eq!(absent.holds(&wanted("a"), now), held, "{second}");
            assert!(!absent.holds(&wanted("b"), now));
        }
        absent.clear();
        assert!(!absent.holds(&wanted("a"), now));
        absent.remember(wanted("a"), now);
        assert!(absent.holds(&wanted("a"), now));
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_the_newest() {
        let now = Instant::now();
        let absent = Absent::new(Duration::from_secs(30), 1024);
        for number in 0..20_000 {
            absent.remember(wanted(&number.to_string()), now);
        }
        assert!(absent.holds(&wanted("19999"), now));
        let memory = absent.until.get();
        memory.inspect(|memory| memory.run_pending_tasks());
        assert!(memory.is_some_and(|memory| memory.entry_count() <= 1024));
    }
}
