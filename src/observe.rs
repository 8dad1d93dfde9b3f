//! What happened, told to whoever watches: one [`Event`] for every decision and every download.
//!
//! Events carry codes and counts, never a token. An [`Observer`] is called on the request's own path and must return
//! at once.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::error::Rejection;

#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "tracing")]
pub use self::tracing::TracingObserver;

/// Something an operator may want to count or log.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A token was accepted.
    #[non_exhaustive]
    Accepted {
        /// The issuer whose key verified it.
        issuer: &'a str,
    },
    /// A request was not let through.
    #[non_exhaustive]
    Rejected {
        /// Why.
        rejection: &'a Rejection,
    },
    /// A download of a key set succeeded.
    #[non_exhaustive]
    KeysRefreshed {
        /// The issuer whose keys these are.
        issuer: &'a str,
        /// How many keys can be used.
        usable: usize,
        /// How many keys were left out, and are not trusted.
        skipped: usize,
        /// Whether the set differs from the one before.
        changed: bool,
    },
    /// A key of a downloaded set was left out; told once a changed set.
    #[non_exhaustive]
    KeySkipped {
        /// The issuer whose key it is.
        issuer: &'a str,
        /// A stable name for the reason.
        reason: &'a str,
    },
    /// A download failed; keys known before go on being used until they are too old.
    #[non_exhaustive]
    RefreshFailed {
        /// The issuer whose keys were asked for.
        issuer: &'a str,
        /// Why.
        error: &'a (dyn Error + 'static),
        /// Whether keys are left to verify known tokens with.
        serving: bool,
    },
}

impl Event<'_> {
    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Rejected { rejection } => rejection.code(),
            Self::KeysRefreshed { .. } => "keys_refreshed",
            Self::KeySkipped { .. } => "key_skipped",
            Self::RefreshFailed { .. } => "refresh_failed",
        }
    }
}

/// Sees every [`Event`]. Closures implement it: `|event: &Event<'_>| counter(event.code())`.
pub trait Observer: Send + Sync + 'static {
    /// Called once an event, on the path of the request or download; must not block.
    fn observe(&self, event: &Event<'_>);
}

impl<F> Observer for F
where
    F: Fn(&Event<'_>) + Send + Sync + 'static,
{
    fn observe(&self, event: &Event<'_>) {
        self(event);
    }
}

/// All who watch one authenticator; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Observers(Option<Arc<[Arc<dyn Observer>]>>);

impl Observers {
    pub(crate) fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self((!observers.is_empty()).then(|| observers.into()))
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        for observer in self.0.iter().flat_map(|observers| observers.iter()) {
            observer.observe(event);
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.as_ref().map_or(0, |observers| observers.len());
        write!(f, "Observers({count})")
    }
}
