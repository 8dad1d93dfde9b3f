//! What is revoked, in memory.
//!
//! A map that is bounded by number and refuses to take more, and no cache: an entry that made room for another would let a revoked token
//! pass. What is taken in stays until no token that it concerns can be good any more, and only grows meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use std::{array, fmt};

use super::error::{RevocationError, RevocationErrorKind};
use super::facts::TokenFacts;
use super::filter::Filter;
use super::fingerprint::{Fingerprint, Kind};
use crate::clock::NumericDate;
use crate::policy::MAX_LEEWAY;

/// How many revocations a store holds at most unless it is said otherwise.
pub(crate) const MAX_ENTRIES: u64 = 1_000_000;

/// How long tokens live at most unless it is said otherwise.
pub(crate) const LONGEST_TOKEN_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is known of one fingerprint; instants in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Tokens issued up to then, and in this second, are revoked.
    pub(crate) up_to: i64,
    /// From then on no such token can be good.
    pub(crate) until: i64,
}

impl Entry {
    /// Revokes for ever: where it cannot be told what is revoked.
    #[cfg(feature = "redis")]
    pub(crate) const FOR_EVER: Self = Self {
        up_to: i64::MAX,
        until: i64::MAX,
    };

    fn is_over(&self, now: i64) -> bool {
        self.until <= now
    }

    /// What both revoke.
    fn and(self, other: Self) -> Self {
        Self {
            up_to: self.up_to.max(other.up_to),
            until: self.until.max(other.until),
        }
    }
}

/// Everything that is revoked, as far as it is known here.
pub(crate) struct LocalCopy {
    /// One for each [`Kind`].
    tables: [Table; Kind::ALL.len()],
    /// Asked first. What it does not hold is in no table.
    filter: Filter,
    len: AtomicU64,
    most: u64,
    longest_token_life: Duration,
    /// The greatest `until` of all entries that were dropped.
    forgotten: AtomicI64,
    /// One writes at a time. Revocations are few, and requests wait for no more than one of many shards.
    writing: Mutex<Writing>,
}

/// When it is worth while to look for entries whose time is over.
struct Writing {
    /// How many have come since that was done.
    since: u64,
    /// Before then there is none.
    earliest: i64,
}

impl LocalCopy {
    pub(crate) fn new(most: u64, longest_token_life: Duration) -> Self {
        Self {
            tables: array::from_fn(|_| Table::default()),
            filter: Filter::of(most),
            len: AtomicU64::new(0),
            most,
            longest_token_life,
            forgotten: AtomicI64::new(i64::MIN),
            writing: Mutex::new(Writing {
                since: 0,
                earliest: i64::MAX,
            }),
        }
    }

    /// How many entries may be held.
    pub(crate) fn most(&self) -> u64 {
        self.most
    }

    pub(crate) fn longest_token_life(&self) -> Duration {
        self.longest_token_life
    }

    /// How many entries are held; those whose time is over count until they are [swept](Self::sweep).
    pub(crate) fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether the token is revoked, or too old for anyone to tell.
    pub(crate) fn is_revoked(&self, token: &TokenFacts<'_>) -> bool {
        let is_cut_off = |fingerprint: Fingerprint| {
            let up_to = self.table(fingerprint).up_to(fingerprint);
            up_to.is_some_and(|up_to| token.is_issued_up_to(up_to))
        };
        let may_hold = |fingerprint: &Fingerprint| self.filter.may_hold(*fingerprint);
        // In this order: what is dropped meanwhile is found by the last.
        self.len.load(Ordering::Acquire) > 0 && token.marks().all().filter(may_hold).any(is_cut_off)
            || self.is_beyond_memory(token)
    }

    fn is_beyond_memory(&self, token: &TokenFacts<'_>) -> bool {
        // If the clock was ahead for a while, more was forgotten than its present time tells.
        let forgotten = NumericDate::from_seconds(self.forgotten.load(Ordering::Acquire));
        let cut_off = |iat: NumericDate| iat.saturating_add(self.longest_token_life) <= forgotten;
        token.is_beyond_memory(self.longest_token_life)
            || token.expires_at().saturating_add(MAX_LEEWAY) <= forgotten
            || token.issued_at().is_some_and(cut_off)
    }

    /// Takes `entry` in beside what is there: neither instant ever becomes an earlier one. Whether anything has changed.
    ///
    /// # Errors
    ///
    /// [`RevocationErrorKind::Full`], and nothing is taken in, if there is no room even without those whose time is over.
    pub(crate) fn insert(
        &self,
        fingerprint: Fingerprint,
        entry: Entry,
        now: NumericDate,
    ) -> Result<bool, RevocationError> {
        let now = now.as_seconds();
        if entry.is_over(now) {
            self.forget(entry.until);
            return Ok(false);
        }
        let mut writing = self.writing();
        let table = self.table(fingerprint);
        if let Some(known) = write(table.shard(fingerprint))
            .entries
            .get_mut(&key(fingerprint))
        {
            let before = *known;
            *known = before.and(entry);
            return Ok(*known != before);
        }
        // As many have come as were left: so each write pays for looking at two.
        if 2 * writing.since >= self.len().max(2048) || self.len() >= self.most {
            self.sweep_all(&mut writing, now);
        }
        if self.len() >= self.most {
            return Err(RevocationErrorKind::Full.into());
        }
        // All before it can be found: whoever comes after this write then looks for it.
        self.filter.put(fingerprint);
        self.len.fetch_add(1, Ordering::Release);
        table.len.fetch_add(1, Ordering::Release);
        let mut shard = write(table.shard(fingerprint));
        shard.entries.insert(key(fingerprint), entry);
        writing.since += 1;
        writing.earliest = writing.earliest.min(entry.until);
        Ok(true)
    }

    /// Drops all entries whose time is over.
    pub(crate) fn sweep(&self, now: NumericDate) {
        self.sweep_all(&mut self.writing(), now.as_seconds());
    }

    fn sweep_all(&self, writing: &mut Writing, now: i64) {
        writing.since = 0;
        if now < writing.earliest {
            return;
        }
        writing.earliest = i64::MAX;
        let mut kept = self.filter.none_kept();
        for (kind, table) in Kind::ALL.into_iter().zip(&self.tables) {
            for shard in &table.shards {
                let mut shard = write(shard);
                let before = shard.entries.len();
                shard.entries.retain(|key, entry| {
                    if entry.is_over(now) {
                        self.forget(entry.until);
                        return false;
                    }
                    kept.put(Fingerprint::from_octets(kind, key.to_be_bytes()));
                    writing.earliest = writing.earliest.min(entry.until);
                    true
                });
                let dropped = (before - shard.entries.len()) as u64;
                table.len.fetch_sub(dropped, Ordering::Release);
                self.len.fetch_sub(dropped, Ordering::Release);
            }
        }
        self.filter.keep(&kept);
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Before the entry is gone, so that nobody finds it in neither place.
    fn forget(&self, until: i64) {
        self.forgotten.fetch_max(until, Ordering::Release);
    }

    /// Shows all entries, a shard at a time; what is written meanwhile may be among them or not.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(Fingerprint, Entry)) {
        for (kind, table) in Kind::ALL.into_iter().zip(&self.tables) {
            for shard in &table.shards {
                for (key, entry) in &read(shard).entries {
                    let octets = key.to_be_bytes();
                    visit(Fingerprint::from_octets(kind, octets), *entry);
                }
            }
        }
    }

    fn table(&self, fingerprint: Fingerprint) -> &Table {
        let [token, digest, session, subject, issuer] = &self.tables;
        match fingerprint.kind() {
            Kind::Token => token,
            Kind::Digest => digest,
            Kind::Session => session,
            Kind::Subject => subject,
            Kind::Issuer => issuer,
        }
    }
}

impl fmt::Debug for LocalCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCopy")
            .field("len", &self.len())
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

/// The entries of one kind.
struct Table {
    len: AtomicU64,
    /// Each request locks a few, for reading: threads that look for different tokens do not meet.
    shards: [RwLock<Shard>; 64],
}

impl Default for Table {
    fn default() -> Self {
        Self {
            len: AtomicU64::new(0),
            shards: array::from_fn(|_| RwLock::default()),
        }
    }
}

impl Table {
    fn up_to(&self, fingerprint: Fingerprint) -> Option<i64> {
        if self.len.load(Ordering::Acquire) == 0 {
            return None;
        }
        let shard = read(self.shard(fingerprint));
        let entry = shard.entries.get(&key(fingerprint));
        entry.map(|entry| entry.up_to)
    }

    fn shard(&self, fingerprint: Fingerprint) -> &RwLock<Shard> {
        let [first, ..] = &self.shards;
        let [.., last] = fingerprint.octets();
        let at = usize::from(last) % self.shards.len();
        self.shards.get(at).unwrap_or(first)
    }
}

#[derive(Default)]
#[repr(align(64))]
struct Shard {
    /// Under a secret of the process: what others have written is not always as random as a fingerprint is.
    entries: HashMap<u128, Entry>,
}

fn key(fingerprint: Fingerprint) -> u128 {
    u128::from_be_bytes(fingerprint.octets())
}

// Nothing here panics while it holds a lock, and an entry that is half written does not exist.

fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[expect(
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]
mod tests {
    use super::*;
    use crate::claims::Claims;
    use crate::revocation::{Marks, Revocation};

    const ISSUER: &str = "https://id.example.com";
    const LIFE: i64 = 1000;

    struct Token {
        issued_at: i64,
        expires_at: i64,
        claims: Claims,
        marks: Marks,
    }

    impl Token {
        fn random(rng: &mut fastrand::Rng, now: i64) -> Self {
            let issued_at = now - rng.i64(0..=LIFE);
            let expires_at = issued_at + rng.i64(1..=LIFE);
            let mut text = format!(r#"{{"iss":"{ISSUER}","exp":{expires_at}"#);
            for (name, names) in [("jti", 40), ("sid", 20), ("sub", 10)] {
                if rng.u8(..) > 60 {
                    text.push_str(&format!(r#","{name}":"{}""#, rng.u8(..names)));
                }
            }
            if rng.u8(..) > 60 {
                text.push_str(&format!(r#","iat":{issued_at}"#));
            }
            text.push('}');
            let claims = Claims::parse(text.clone()).expect("sound");
            let marks = Marks::of(ISSUER, &claims, text.as_bytes()).expect("sound");
            Self {
                issued_at,
                expires_at,
                claims,
                marks,
            }
        }

        fn is_revoked(&self, copy: &LocalCopy, now: i64) -> bool {
            let now = NumericDate::from_seconds(now);
            let facts = TokenFacts::new(ISSUER, &self.claims, &self.marks, now);
            copy.is_revoked(&facts)
        }
    }

    /// However much comes, is swept and forgotten, and wherever the clock jumps: a token that was revoked once is never good again.
    #[test]
    fn a_token_that_was_revoked_is_never_good_again() {
        let mut rng = fastrand::Rng::with_seed(6);
        let mut good = 0;
        for _ in 0..30 {
            let most = rng.u64(10..5000);
            let life = Duration::from_secs(LIFE as u64);
            let copy = LocalCopy::new(most, life);
            let mut revoked: Vec<Token> = Vec::new();
            let mut now = 1_800_000_000;
            for step in 0..3000 {
                now += rng.i64(0..5);
                let instant = NumericDate::from_seconds(now);
                let token = Token::random(&mut rng, now);
                let fingerprint = {
                    let all: Vec<_> = token.marks.all().collect();
                    all[rng.usize(..all.len())]
                };
                let entry = if fingerprint == token.marks.token {
                    Entry::token(NumericDate::from_seconds(token.expires_at))
                } else {
                    let up_to = now - rng.i64(0..2 * LIFE);
                    Entry::cut_off(NumericDate::from_seconds(up_to), life)
                };
                // A whole issuer now and then: else nothing would be good.
                let whole = fingerprint == token.marks.issuer && step % 500 != 0;
                let taken_in = !whole && copy.insert(fingerprint, entry, instant).is_ok();
                if taken_in && token.issued_at <= entry.up_to {
                    assert!(token.is_revoked(&copy, now));
                    revoked.push(token);
                } else if !token.is_revoked(&copy, now) {
                    good += 1;
                }
                if step % 100 == 0 {
                    copy.sweep(instant);
                }
                if step % 300 == 0 {
                    // A clock that is ahead for a moment.
                    copy.sweep(NumericDate::from_seconds(now + rng.i64(0..2 * LIFE)));
                }
                for _ in 0..3.min(revoked.len()) {
                    let token = &revoked[rng.usize(..revoked.len())];
                    for now in [now, now - rng.i64(0..LIFE)] {
                        // Whoever accepts a token at all does so until then.
                        if now < token.expires_at + 600 {
                            assert!(token.is_revoked(&copy, now), "{now}");
                        }
                    }
                }
            }
            let mut entries = 0;
            copy.for_each(|fingerprint, _| {
                assert!(copy.filter.may_hold(fingerprint));
                entries += 1;
            });
            assert_eq!(entries, copy.len());
            assert!(entries <= most);
        }
        assert!(good > 1000, "{good}");
    }

    #[test]
    fn a_revocation_of_each_kind_is_found_under_its_own_name_only() {
        let copy = LocalCopy::new(10, LONGEST_TOKEN_LIFE);
        let now = NumericDate::from_seconds(1_800_000_000);
        let revocation = Revocation::session(ISSUER, "one");
        let entry = revocation.entry(now, LONGEST_TOKEN_LIFE);
        assert_eq!(
            copy.insert(revocation.fingerprint(), entry, now).ok(),
            Some(true)
        );
        assert_eq!(
            copy.insert(revocation.fingerprint(), entry, now).ok(),
            Some(false)
        );
        let mut seen = Vec::new();
        copy.for_each(|fingerprint, entry| seen.push((fingerprint, entry)));
        assert_eq!(seen, [(revocation.fingerprint(), entry)]);
    }
}
