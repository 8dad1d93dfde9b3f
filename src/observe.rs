//! What happened, told to whoever watches: one [`Event`] for every decision and every download.
//!
//! A request that is let through as a public route or a preflight is none: nothing is decided of it.
//!
//! Events carry codes and counts, never a token. An [`Observer`] is called on the request's own path and must return
//! at once. One that panics hurts nobody: the panic goes no further, and the others are told all the same.
//!
//! `TracingObserver` (feature `tracing`) writes them to logs and traces; `MetricsObserver` (feature `metrics`) counts them, and
//! its documentation lists the names.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::error::Rejection;
use crate::revocation::RevocationError;

#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "metrics")]
pub use self::metrics::MetricsObserver;
#[cfg(feature = "tracing")]
pub use self::tracing::TracingObserver;

/// Something an operator may want to count or log.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A token was accepted.
    #[non_exhaustive]
    Accepted {
        /// The issuer whose key verified it, or who vouches for it.
        issuer: &'a str,
    },
    /// A credential that is no token was accepted by the service's own check.
    OtherAccepted,
    /// A request without any credential was let through, since authentication is optional there.
    Anonymous,
    /// A request was let through that would have been refused, had the layer not been told to observe only.
    #[non_exhaustive]
    NotRefused {
        /// Why it would have been refused.
        rejection: &'a Rejection,
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
    /// An issuer was asked about a token, and answered as it should.
    #[non_exhaustive]
    Introspected {
        /// The issuer.
        issuer: &'a str,
        /// Whether the token is active, and satisfies the policy.
        active: bool,
    },
    /// An issuer was asked about a token, and did not answer as it should.
    #[non_exhaustive]
    IntrospectionFailed {
        /// The issuer.
        issuer: &'a str,
        /// Why.
        error: &'a (dyn Error + 'static),
        /// Whether it will not be asked for a while.
        paused: bool,
    },
    /// It could not be told whether a good token has been revoked.
    #[non_exhaustive]
    RevocationUnknown {
        /// Why.
        error: &'a RevocationError,
        /// Whether the token was accepted nevertheless, since the service [says so](crate::revocation::OnUnknown).
        allowed: bool,
    },
    /// An issuer has logged a session or a subject out, and it has been revoked (feature `logout`).
    #[non_exhaustive]
    LogoutReceived {
        /// The issuer whose logout token it was.
        issuer: &'a str,
    },
    /// A request to log somebody out was not carried out (feature `logout`).
    #[non_exhaustive]
    LogoutRefused {
        /// A stable name for the reason.
        reason: &'static str,
        /// Why.
        error: &'a (dyn Error + 'static),
    },
}

impl Event<'_> {
    /// A stable name for logs, metrics and traces.
    ///
    /// `Rejected` and `NotRefused` both give the code of their rejection: match the event to tell them apart.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::OtherAccepted => "other_accepted",
            Self::Anonymous => "anonymous",
            Self::Rejected { rejection } | Self::NotRefused { rejection } => rejection.code(),
            Self::KeysRefreshed { .. } => "keys_refreshed",
            Self::KeySkipped { .. } => "key_skipped",
            Self::RefreshFailed { .. } => "refresh_failed",
            Self::Introspected { .. } => "introspected",
            Self::IntrospectionFailed { .. } => "introspection_failed",
            Self::RevocationUnknown { .. } => "revocation_unknown",
            Self::LogoutReceived { .. } => "logout_received",
            Self::LogoutRefused { .. } => "logout_refused",
        }
    }
}

/// Sees every [`Event`]. Closures implement it: `|event: &Event<'_>| counter(event.code())`.
pub trait Observer: Send + Sync + 'static {
    /// Called once an event, on the path of the request or download; must not block. A panic is swallowed.
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
            // Whoever watches must not decide: a request is answered, and keys are refreshed, although it panics. What it
            // leaves behind is its own.
            let _ = catch_unwind(AssertUnwindSafe(|| observer.observe(event)));
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.as_ref().map_or(0, |observers| observers.len());
        write!(f, "Observers({count})")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// An observer that panicked while a panic of somebody else's unwound ended the process.
    #[test]
    fn an_observer_that_panics_hurts_nobody_even_amid_another_panic() {
        struct Teller(Observers);
        impl Drop for Teller {
            fn drop(&mut self) {
                self.0.tell(&Event::Accepted { issuer: "i" });
            }
        }
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        let panics = |_: &Event<'_>| -> () { panic!("on purpose") };
        let counts = move |_: &Event<'_>| {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        let teller = Teller(Observers::new(vec![Arc::new(panics), Arc::new(counts)]));
        teller.0.tell(&Event::Accepted { issuer: "i" });
        let unwound = catch_unwind(AssertUnwindSafe(move || {
            let _teller = teller;
            panic!("on purpose");
        }));
        assert!(unwound.is_err());
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
