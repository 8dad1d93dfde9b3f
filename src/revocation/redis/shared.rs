//! What the store and its task share: the copy, and until when it is known to be current.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::wire::{self, Wire};
use crate::clock::{Clock, NumericDate};
use crate::redis::{Failure, FailureKind, Listener, Master, Redis};
use crate::revocation::{
    Entry, Fingerprint, LocalCopy, RevocationError, RevocationErrorKind, TokenFacts,
};

/// For how long what is known counts as current. A revocation that another has written is seen here within this time, or nothing is
/// known.
pub(super) const CURRENT: Duration = Duration::from_secs(1);
/// How long a request, or one who revokes, waits for the first connection.
pub(super) const PATIENCE: Duration = Duration::from_millis(400);

pub(super) struct Shared {
    pub(super) redis: Redis,
    pub(super) wire: Wire,
    pub(super) clock: Arc<dyn Clock>,
    /// What is revoked. Without a local copy it stays empty.
    pub(super) copy: LocalCopy,
    pub(super) keeps_copy: bool,
    begun: Instant,
    /// Milliseconds after `begun` up to which all is known; zero if nothing is.
    current_at: AtomicU64,
    /// Milliseconds after `begun` at which the task was last seen alive.
    alive_at: AtomicU64,
    /// The copy has no room for all that Redis holds.
    overfull: AtomicBool,
    link: watch::Sender<Link>,
    /// Something was said or found that is not understood, or could not be written: all is to be compared.
    pub(super) doubt: Notify,
    /// The connection is to be proven now, or given up.
    pub(super) prove: Notify,
}

/// How it stands with the connection.
#[derive(Clone, Debug, Default)]
pub(super) enum Link {
    /// Nothing has come of the first attempt yet.
    #[default]
    Beginning,
    /// There is none, for this reason.
    Lost(RevocationError),
    /// All that is known is current, and will be told of as it changes.
    Current(Master),
}

impl Shared {
    pub(super) fn new(
        redis: Redis,
        copy: LocalCopy,
        keeps_copy: bool,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            wire: Wire::of(&redis),
            redis,
            clock,
            copy,
            keeps_copy,
            begun: Instant::now(),
            current_at: AtomicU64::new(0),
            alive_at: AtomicU64::new(0),
            overfull: AtomicBool::new(false),
            link: watch::Sender::default(),
            doubt: Notify::new(),
            prove: Notify::new(),
        }
    }

    pub(super) fn now(&self) -> NumericDate {
        self.clock.now()
    }

    /// Whether all that was written more than a second ago is known here.
    pub(super) fn is_current(&self) -> bool {
        let at = self.current_at.load(Ordering::Acquire);
        at != 0 && Duration::from_millis(self.elapsed().saturating_sub(at)) < CURRENT
    }

    /// How long ago all was known; `None` if it never was.
    pub(super) fn age(&self) -> Option<Duration> {
        match self.current_at.load(Ordering::Acquire) {
            0 => None,
            at => Some(Duration::from_millis(self.elapsed().saturating_sub(at))),
        }
    }

    /// All that was written before `at` is known, and `master` can be asked.
    pub(super) fn is_current_since(&self, at: Instant, master: &Master) {
        let at = at.saturating_duration_since(self.begun).as_millis();
        let at = u64::try_from(at).unwrap_or(u64::MAX).max(1);
        self.current_at.fetch_max(at, Ordering::AcqRel);
        if self.is_overfull() {
            // Since a moment ago.
            self.current_at.store(0, Ordering::Release);
            return;
        }
        self.link.send_if_modified(|link| match link {
            Link::Current(known) if known.is(master) => false,
            link => {
                *link = Link::Current(master.clone());
                true
            }
        });
    }

    /// Until the connection is back, nobody is to wait for it.
    pub(super) fn is_lost(&self, error: RevocationError) {
        self.link.send_replace(Link::Lost(error));
    }

    /// Nobody follows any more. Ends the connection.
    pub(super) fn is_left(&self) {
        self.link.send_replace(Link::Beginning);
    }

    pub(super) fn is_alive(&self) {
        self.alive_at
            .store(self.elapsed().max(1), Ordering::Release);
    }

    /// How long ago the task was last seen.
    pub(super) fn silence(&self) -> Duration {
        let at = self.alive_at.load(Ordering::Acquire);
        Duration::from_millis(self.elapsed().saturating_sub(at))
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A connection that is known to be the right one, within our patience; at once an error where it is lost.
    pub(super) async fn link(&self) -> Result<Master, RevocationError> {
        self.link_after(|error| Err(error.clone())).await
    }

    /// The same, for who has time: one that is lost may be back soon.
    pub(super) async fn link_again(&self) -> Result<Master, RevocationError> {
        let found = self.link_after(|_| Ok(())).await;
        found.map_err(|error| self.why_unknown().unwrap_or(error))
    }

    async fn link_after(
        &self,
        lost: impl Fn(&RevocationError) -> Result<(), RevocationError>,
    ) -> Result<Master, RevocationError> {
        let mut links = self.link.subscribe();
        let settled = async {
            loop {
                match &*links.borrow_and_update() {
                    Link::Beginning => {}
                    Link::Lost(error) => lost(error)?,
                    Link::Current(_) if !self.is_current() => return Err(self.stale()),
                    Link::Current(master) => return Ok(master.clone()),
                }
                // The sender lives in `self`.
                if links.changed().await.is_err() {
                    return Err(self.stale());
                }
            }
        };
        timeout(PATIENCE, settled)
            .await
            .unwrap_or_else(|_| Err(RevocationErrorKind::TimedOut.into()))
    }

    /// Waits until all is known, through failures too.
    pub(super) async fn warm(&self, within: Duration) -> Result<(), RevocationError> {
        let mut links = self.link.subscribe();
        let known = async {
            while !self.is_current() {
                // The sender lives in `self`.
                if links.changed().await.is_err() {
                    return;
                }
            }
        };
        match timeout(within, known).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self
                .why_unknown()
                .unwrap_or_else(|| RevocationErrorKind::TimedOut.into())),
        }
    }

    /// Why nothing is known, where nothing is; `None` if the first attempt is still to be waited for.
    pub(super) fn why_unknown(&self) -> Option<RevocationError> {
        if self.is_overfull() {
            return Some(RevocationErrorKind::Full.into());
        }
        match &*self.link.borrow() {
            Link::Beginning => None,
            Link::Lost(error) => Some(error.clone()),
            Link::Current(_) => Some(self.stale()),
        }
    }

    fn stale(&self) -> RevocationError {
        RevocationErrorKind::Stale.into()
    }

    pub(super) fn is_revoked(&self, token: &TokenFacts<'_>) -> bool {
        self.copy.is_revoked(token)
    }

    /// Takes in what Redis holds or tells.
    pub(super) fn learn(
        &self,
        fingerprint: Fingerprint,
        entry: Entry,
    ) -> Result<(), RevocationError> {
        self.copy
            .insert(fingerprint, entry, self.now())
            .map(drop)
            .inspect_err(|_| {
                // From this moment, not from the next round: what has no room must not be let through.
                self.overfull.store(true, Ordering::Release);
                self.current_at.store(0, Ordering::Release);
                self.prove.notify_one();
            })
    }

    pub(super) fn is_overfull(&self) -> bool {
        self.overfull.load(Ordering::Acquire)
    }

    /// All is about to be read anew: perhaps there is room now.
    pub(super) fn begins_anew(&self) {
        self.overfull.store(false, Ordering::Release);
    }

    /// Hears for as long as this lives.
    pub(super) fn listener(shared: &Arc<Self>) -> Listener {
        let shared: Weak<Self> = Arc::downgrade(shared);
        Arc::new(move |said: Option<&[u8]>| {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            match said.and_then(wire::message) {
                // What there is no room for is noted there.
                Some((fingerprint, entry)) => drop(shared.learn(fingerprint, entry)),
                None => shared.doubt.notify_one(),
            }
        })
    }
}

impl From<Failure> for RevocationError {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind() {
            FailureKind::Timeout => RevocationErrorKind::TimedOut,
            FailureKind::Unexpected => RevocationErrorKind::Malformed,
            _ => RevocationErrorKind::Unreachable,
        };
        Self::from(kind).because(failure)
    }
}
