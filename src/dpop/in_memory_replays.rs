//! Used proofs in the memory of one process.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::replay::{ProofUse, Replay, ReplayErrorKind, ReplayStore};

/// As many locks, so that requests of different keys seldom wait for each other.
const SHARDS: usize = 16;

/// For how many seconds a proof that is over is remembered still, for requests that were told the time and then held up.
const GRACE: i64 = 2;

/// Below this, what a shard has allocated is not given back.
const SMALL: usize = 1024;

/// Remembers used proofs in the memory of this process; the default.
///
/// A proof is remembered until it is too old to be accepted, and **never forgotten before**, however many come. It is bounded by
/// the number of proofs, in all and of each key, and refuses where it has no room:
///
/// - A key with [`max_proofs_per_key`](Self::max_proofs_per_key) proofs remembered gets no further in until one of them is over (401).
/// - A key may hold no more than there is room left in all. So as the store fills, the busiest keys are cut off first (503): `n`
///   keys that send as fast as they can leave `1 / (n + 1)` of the store free, which all others go on in. Only when it is filled to
///   the last place, for which it takes about as many keys as places, everybody is refused (503).
///
/// Only who shows a good token bound to a key, and a good proof by that key, takes a place at all. Several servers that have a store
/// each do not see each other's proofs: one can be used once at each of them. Where that matters, let them share one, or demand
/// nonces of [servers that do not share them](super::DpopNonces::random).
///
/// A place takes about 100 bytes, and memory is taken as it is needed. When the clock is turned back, requests whose proofs may have
/// been forgotten are refused (503) until they are surely new: at most for as long as a proof is accepted.
pub struct InMemoryReplays {
    most: u64,
    most_per_key: u32,
    /// How many are remembered in all.
    held: AtomicU64,
    /// In which second all shards were last cleared of what is over.
    cleared_at: AtomicI64,
    shards: [Mutex<Shard>; SHARDS],
}

/// The octets of a key's thumbprint that tell it from others. Who finds two keys that have them in common shares one key's places.
type Holder = [u8; 16];

#[derive(Default)]
struct Shard {
    used: HashSet<[u8; 16]>,
    held: HashMap<Holder, u32>,
    /// What is over when a second is.
    ends: BTreeMap<i64, Vec<([u8; 16], Holder)>>,
    /// Of what ended up to this second, some may be forgotten.
    forgotten: Option<i64>,
}

/// Why there is no place for a proof.
enum NoRoom {
    OfKey,
    InAll,
}

impl InMemoryReplays {
    /// A store of at most 1 000 000 proofs, 100 000 of each key: with the default [`proof_age`](super::Dpop::proof_age) that is room for
    /// 14 000 requests a second in all, and 1 400 of each key.
    #[must_use]
    pub fn new() -> Self {
        Self {
            most: 1_000_000,
            most_per_key: 100_000,
            held: AtomicU64::new(0),
            cleared_at: AtomicI64::new(i64::MIN),
            shards: Default::default(),
        }
    }

    /// How many proofs are remembered in all; default 1 000 000, which is about 100 MB when all places are taken.
    #[must_use]
    pub fn max_proofs(mut self, most: u64) -> Self {
        self.most = most;
        self
    }

    /// How many proofs of one key are remembered; default 100 000, so that no key ever takes more than a tenth of the store.
    ///
    /// Raise it for clients that send more than 1 400 requests a second with one key.
    #[must_use]
    pub fn max_proofs_per_key(mut self, most: u32) -> Self {
        self.most_per_key = most;
        self
    }

    /// How many proofs are remembered.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// All proofs of a key are in one shard.
    fn shard(&self, used: &ProofUse) -> Option<MutexGuard<'_, Shard>> {
        let first = used.key().as_octets().first()?;
        self.shards.get(usize::from(*first) % SHARDS).map(lock)
    }

    fn try_record(&self, used: &ProofUse) -> Result<Replay, NoRoom> {
        let Some(mut shard) = self.shard(used) else {
            return Err(NoRoom::InAll);
        };
        let (now, end) = (used.at().as_seconds(), used.ends_at().as_seconds());
        self.free(shard.clear(now));
        if shard.used.contains(used.id()) {
            return Ok(Replay::Replayed);
        }
        if shard.forgotten.is_some_and(|second| end <= second) {
            return Ok(Replay::Unknown(ReplayErrorKind::ClockTurnedBack.into()));
        }
        let holder = holder(used);
        let held = shard.held.get(&holder).copied().unwrap_or(0);
        if held >= self.most_per_key {
            return Err(NoRoom::OfKey);
        }
        // In one step, so that the shards together never hold more than they may.
        let take = |all| (u64::from(held) < self.most.saturating_sub(all)).then_some(all + 1);
        let taken = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if taken.is_err() {
            return Err(NoRoom::InAll);
        }
        shard.used.insert(*used.id());
        shard.held.insert(holder, held + 1);
        shard
            .ends
            .entry(end)
            .or_default()
            .push((*used.id(), holder));
        Ok(Replay::Fresh)
    }

    /// Forgets what is over in all shards, at most once a second; whether it did.
    fn clear(&self, now: i64) -> bool {
        if self.cleared_at.swap(now, Ordering::Relaxed) == now {
            return false;
        }
        for shard in &self.shards {
            self.free(lock(shard).clear(now));
        }
        true
    }

    fn free(&self, places: u64) {
        if places > 0 {
            self.held.fetch_sub(places, Ordering::Relaxed);
        }
    }
}

impl ReplayStore for InMemoryReplays {
    fn record(&self, used: &ProofUse) -> Replay {
        let outcome = match self.try_record(used) {
            // The places of other shards may be free by now.
            Err(NoRoom::InAll) if self.clear(used.at().as_seconds()) => self.try_record(used),
            outcome => outcome,
        };
        match outcome {
            Ok(replay) => replay,
            Err(NoRoom::OfKey) => Replay::TooMany,
            Err(NoRoom::InAll) => Replay::Unknown(ReplayErrorKind::Full.into()),
        }
    }

    fn remembered(&self) -> Option<u64> {
        Some(self.size())
    }
}

impl Shard {
    /// Forgets what is over; how many that was.
    fn clear(&mut self, now: i64) -> u64 {
        let mut places = 0;
        while let Some(first) = self.ends.first_entry() {
            let second = *first.key();
            if second.saturating_add(GRACE) >= now {
                break;
            }
            for (id, holder) in first.remove() {
                self.used.remove(&id);
                self.release(holder);
                places += 1;
            }
            self.forgotten = self.forgotten.max(Some(second));
        }
        if places > 0 {
            self.give_back();
        }
        places
    }

    fn release(&mut self, holder: Holder) {
        if let Some(held) = self.held.get_mut(&holder) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                self.held.remove(&holder);
            }
        }
    }

    /// Keeps no more memory than what it holds can need again soon.
    fn give_back(&mut self) {
        let wanted = self.used.len().max(SMALL);
        if self.used.capacity() / 8 > wanted {
            self.used.shrink_to(wanted * 2);
            self.held.shrink_to(self.held.len() * 2);
        }
    }
}

fn holder(used: &ProofUse) -> Holder {
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *used.key().as_octets();
    first
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for InMemoryReplays {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for InMemoryReplays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryReplays")
            .field("size", &self.size())
            .field("max_proofs", &self.most)
            .field("max_proofs_per_key", &self.most_per_key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
