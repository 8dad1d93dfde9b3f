//! The keys of a set that are not used, and why.

use std::fmt;

use super::backend::KeyRefused;
use super::edwards25519::Unsound;

/// The most characters of a `kid` that are kept.
const LONGEST_KEY_ID: usize = 64;

/// A key that was left out of a set; nothing is verified with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    key_id: Option<Box<str>>,
    reason: SkipReason,
}

impl Skipped {
    pub(super) fn new(key_id: Option<&str>, reason: SkipReason) -> Self {
        let shown = |key_id: &str| {
            let start = key_id.chars().take(LONGEST_KEY_ID);
            start.flat_map(char::escape_debug).collect()
        };
        Self {
            key_id: key_id.map(shown),
            reason,
        }
    }

    /// Its `kid`, fit for a log: at most 64 characters of it, whatever is not printable escaped.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Why it was left out.
    #[must_use]
    pub fn reason(&self) -> SkipReason {
        self.reason
    }
}

/// Why a key of a JWKS is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its `kty` is one that we do not know.
    UnknownType,
    /// Its `crv` is one that we do not know, or that does no signatures.
    UnknownCurve,
    /// A member is missing, has the wrong type or form, or is there twice.
    Malformed,
    /// Too weak, or out of bounds: an RSA modulus below 2048 or above 8192 bits or even, an exponent that is even, below
    /// 3 or above 32 bits, a point of small order.
    Weak,
    /// Its point is not on its curve.
    OffCurve,
    /// It holds private numbers. Whoever reads the key set could sign with it.
    Private,
    /// A shared secret. HMAC keys are taken from the program alone, never from a document.
    Symmetric,
    /// Its `use` or `key_ops` says that it is not for checking signatures.
    NotForSignatures,
    /// Its `alg` is unknown to us, or not possible for its type and curve.
    UnsupportedAlgorithm,
    /// Its issuer has revoked it (OpenID Federation 1.0 §8.7).
    Revoked,
    /// The cryptographic backend cannot do it: `rust-crypto` knows neither P-521 nor RSA above 4096 bits.
    UnsupportedByBackend,
}

impl SkipReason {
    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownType => "unknown_type",
            Self::UnknownCurve => "unknown_curve",
            Self::Malformed => "malformed",
            Self::Weak => "weak",
            Self::OffCurve => "off_curve",
            Self::Private => "private",
            Self::Symmetric => "symmetric",
            Self::NotForSignatures => "not_for_signatures",
            Self::UnsupportedAlgorithm => "unsupported_algorithm",
            Self::Revoked => "revoked",
            Self::UnsupportedByBackend => "unsupported_by_backend",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownType => "unknown \"kty\"",
            Self::UnknownCurve => "unknown \"crv\"",
            Self::Malformed => "a member is missing, repeated or malformed",
            Self::Weak => "too weak, or out of bounds",
            Self::OffCurve => "point is not on the curve",
            Self::Private => "holds private numbers",
            Self::Symmetric => "a shared secret has no place in a key set document",
            Self::NotForSignatures => "\"use\" or \"key_ops\" does not allow checking signatures",
            Self::UnsupportedAlgorithm => "\"alg\" is unknown or does not fit the key",
            Self::Revoked => "its issuer has revoked it",
            Self::UnsupportedByBackend => "the cryptographic backend cannot use it",
        })
    }
}

impl From<KeyRefused> for SkipReason {
    fn from(refused: KeyRefused) -> Self {
        match refused {
            KeyRefused::OffCurve => Self::OffCurve,
            KeyRefused::Unsupported => Self::UnsupportedByBackend,
        }
    }
}

impl From<Unsound> for SkipReason {
    fn from(unsound: Unsound) -> Self {
        match unsound {
            Unsound::OffCurve => Self::OffCurve,
            Unsound::SmallOrder => Self::Weak,
        }
    }
}
