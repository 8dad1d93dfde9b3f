//! Why a store cannot tell, or cannot take in.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A store cannot tell whether a token is revoked, or has not taken a revocation in.
#[derive(Clone, Debug)]
pub struct RevocationError {
    kind: RevocationErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationErrorKind {
    /// The store cannot be reached, or has failed.
    Unreachable,
    /// The store has not answered in time.
    TimedOut,
    /// What is known here is not known to be current.
    Stale,
    /// What the store holds, or answers, cannot be understood.
    Malformed,
    /// The store holds as many revocations as it may. None is forgotten to make room.
    Full,
    /// The store panicked.
    Panicked,
    /// The token cannot be told apart from others: it has no `jti`, and was verified where nothing is revoked.
    Unnamed,
}

impl RevocationError {
    /// For a store of your own that cannot be reached or has failed, for this reason.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: RevocationErrorKind::Unreachable,
            source: Some(Arc::from(source.into())),
        }
    }

    #[cfg(feature = "redis")]
    pub(crate) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> RevocationErrorKind {
        self.kind
    }

    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.kind {
            RevocationErrorKind::Unreachable => "unreachable",
            RevocationErrorKind::TimedOut => "timed_out",
            RevocationErrorKind::Stale => "stale",
            RevocationErrorKind::Malformed => "malformed",
            RevocationErrorKind::Full => "full",
            RevocationErrorKind::Panicked => "panicked",
            RevocationErrorKind::Unnamed => "unnamed",
        }
    }
}

impl From<RevocationErrorKind> for RevocationError {
    fn from(kind: RevocationErrorKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RevocationErrorKind::Unreachable => "the store of revocations cannot be reached",
            RevocationErrorKind::TimedOut => "the store of revocations has not answered in time",
            RevocationErrorKind::Stale => "what is known of revocations is not known to be current",
            RevocationErrorKind::Malformed => "the store of revocations cannot be understood",
            RevocationErrorKind::Full => "the store of revocations is full",
            RevocationErrorKind::Panicked => "the store of revocations panicked",
            RevocationErrorKind::Unnamed => {
                "the token has no \"jti\", and was verified where nothing is revoked"
            }
        })
    }
}

impl Error for RevocationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
