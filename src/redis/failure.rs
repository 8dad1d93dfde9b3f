//! Why Redis could not be asked.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A conversation with Redis that came to nothing.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: FailureKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// No connection came about.
    Connect,
    /// There is a connection, but no answer came in time.
    Timeout,
    /// The connection ended.
    Lost,
    /// The server answered with an error.
    Refused,
    /// The server is a replica, or was demoted to one.
    NotMaster,
    /// The slot of our keys is elsewhere, or on its way there.
    Moved,
    /// Not more than half of the Sentinels agree on a master.
    NoMajority,
    /// The answer is none that the command has.
    Unexpected,
    /// No runtime, so nowhere to connect from.
    NoRuntime,
}

impl Failure {
    pub(crate) fn because(
        kind: FailureKind,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            source: Some(source.into().into()),
        }
    }

    pub(crate) fn kind(&self) -> FailureKind {
        self.kind
    }
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self { kind, source: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FailureKind::Connect => "no connection to Redis",
            FailureKind::Timeout => "no answer from Redis in time",
            FailureKind::Lost => "the connection to Redis ended",
            FailureKind::Refused => "Redis refused",
            FailureKind::NotMaster => "Redis is a replica",
            FailureKind::Moved => "the slot of our keys is moving",
            FailureKind::NoMajority => "the Sentinels do not agree on a master",
            FailureKind::Unexpected => "an answer from Redis that is none",
            FailureKind::NoRuntime => "no tokio runtime to connect from",
        })
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
