//! Why a document is no key set that could be used.

use std::error::Error;
use std::fmt;

use super::strict_json::JsonError;

/// A document that cannot be used as a key set.
#[derive(Clone, Debug)]
pub struct KeySetError {
    kind: KeySetErrorKind,
    source: Option<JsonError>,
}

/// What exactly is wrong with a key set document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeySetErrorKind {
    /// Longer than we read.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The most that is read.
        limit: usize,
    },
    /// Not one JSON object in UTF-8.
    Json,
    /// Without an array `keys` (RFC 7517 §5).
    NotKeySet,
    /// More keys than are looked at.
    TooManyKeys {
        /// The most that are.
        limit: usize,
    },
    /// No key of the set can be used.
    NoUsableKey {
        /// How many keys there were.
        skipped: usize,
    },
}

impl KeySetErrorKind {
    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too_long",
            Self::Json => "json",
            Self::NotKeySet => "not_key_set",
            Self::TooManyKeys { .. } => "too_many_keys",
            Self::NoUsableKey { .. } => "no_usable_key",
        }
    }
}

impl KeySetError {
    pub(super) fn new(kind: KeySetErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(super) fn json(source: JsonError) -> Self {
        Self {
            kind: KeySetErrorKind::Json,
            source: Some(source),
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> KeySetErrorKind {
        self.kind
    }

    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            KeySetErrorKind::TooLong { length, limit } => {
                write!(
                    f,
                    "key set of {length} bytes where at most {limit} are read"
                )
            }
            KeySetErrorKind::Json => f.write_str("key set is not one JSON object"),
            KeySetErrorKind::NotKeySet => f.write_str("key set has no array \"keys\""),
            KeySetErrorKind::TooManyKeys { limit } => {
                write!(f, "key set has more than {limit} keys")
            }
            KeySetErrorKind::NoUsableKey { skipped } => {
                write!(f, "key set has no usable key among {skipped}")
            }
        }
    }
}

impl Error for KeySetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
