//! What may be wrong with a proof.

use std::fmt;

use crate::clock::NumericDate;
use crate::jose::SkipReason;

/// Why a request with a bound token was refused, by the checks of RFC 9449 §4.3 and §7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProofErrorKind {
    /// A bound token was sent as a plain bearer token (§7.2).
    BoundAsBearer,
    /// A token that is bound to no key was sent under the scheme `DPoP`, or where only bound ones are accepted (§7.1).
    NotBound,
    /// There is no `DPoP` header.
    Missing,
    /// There is more than one `DPoP` header, or more than one proof in it (check 1).
    Repeated,
    /// The proof is longer than we read.
    TooLong,
    /// The proof is not one JWT: three canonical parts, of which two are strict JSON, without extensions (check 2).
    Malformed,
    /// A claim that must be there is not (check 3).
    ClaimMissing {
        /// Its name.
        name: &'static str,
    },
    /// A claim has the wrong JSON type or form (check 3).
    ClaimMalformed {
        /// Its name.
        name: &'static str,
    },
    /// The header's `typ` is not `dpop+jwt` (check 4).
    Type,
    /// The header's `alg` is missing, no signature algorithm with public keys, or not one of those accepted (check 5).
    Algorithm,
    /// The signature does not verify with the key in the header (check 6).
    Signature,
    /// The header's `jwk` is missing, or no public key that can be used (check 7).
    Key {
        /// Why not.
        reason: SkipReason,
    },
    /// `htm` is not the request's method (check 8).
    Method,
    /// `htu` is not the request's URI (check 9).
    TargetUri,
    /// The request was sent to none of our names, or to a path that is none, so that `htu` cannot be compared (check 9).
    TargetUnknown,
    /// There is no `nonce`, and one is demanded (check 10).
    NonceMissing,
    /// `nonce` is none of ours, or too old (check 10).
    NonceUnknown,
    /// The proof was made too long ago (check 11).
    TooOld {
        /// Its `iat`, or the `exp` that it set itself.
        at: NumericDate,
        /// When it was checked.
        now: NumericDate,
    },
    /// The proof claims to have been made in the future (check 11).
    IssuedInFuture {
        /// Its `iat`, or its `nbf`.
        at: NumericDate,
        /// When it was checked.
        now: NumericDate,
    },
    /// `ath` is not the hash of the access token (check 12).
    AccessTokenHash,
    /// The proof's key is not the one that the access token is bound to (check 12).
    KeyBinding,
    /// The proof has been used before (§11.1).
    Replayed,
    /// The proof's key has made more proofs of late than are remembered of one key (§11.1).
    TooMany,
}

impl ProofErrorKind {
    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BoundAsBearer => "dpop_bound_as_bearer",
            Self::NotBound => "dpop_not_bound",
            Self::Missing => "dpop_proof_missing",
            Self::Repeated => "dpop_proof_repeated",
            Self::TooLong => "dpop_proof_too_long",
            Self::Malformed => "dpop_proof_malformed",
            Self::ClaimMissing { .. } => "dpop_claim_missing",
            Self::ClaimMalformed { .. } => "dpop_claim_malformed",
            Self::Type => "dpop_type",
            Self::Algorithm => "dpop_algorithm",
            Self::Signature => "dpop_signature",
            Self::Key { .. } => "dpop_key",
            Self::Method => "dpop_method",
            Self::TargetUri => "dpop_target_uri",
            Self::TargetUnknown => "dpop_target_unknown",
            Self::NonceMissing => "dpop_nonce_missing",
            Self::NonceUnknown => "dpop_nonce_unknown",
            Self::TooOld { .. } => "dpop_too_old",
            Self::IssuedInFuture { .. } => "dpop_issued_in_future",
            Self::AccessTokenHash => "dpop_access_token_hash",
            Self::KeyBinding => "dpop_key_binding",
            Self::Replayed => "dpop_replayed",
            Self::TooMany => "dpop_too_many",
        }
    }

    /// The error code of the challenge (RFC 9449 §7.1, §9): what a client is told.
    #[must_use]
    pub const fn challenge_error(&self) -> &'static str {
        match self {
            // The token, and not the proof, is what does not fit.
            Self::BoundAsBearer | Self::NotBound | Self::KeyBinding => "invalid_token",
            Self::NonceMissing | Self::NonceUnknown => "use_dpop_nonce",
            _ => "invalid_dpop_proof",
        }
    }
}

impl fmt::Display for ProofErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BoundAsBearer => f.write_str("token is bound to a key, and was sent as Bearer"),
            Self::NotBound => f.write_str("token is not bound to a key"),
            Self::Missing => f.write_str("no DPoP proof"),
            Self::Repeated => f.write_str("more than one DPoP proof"),
            Self::TooLong => f.write_str("DPoP proof is longer than is read"),
            Self::Malformed => f.write_str("DPoP proof is not one strict JWT"),
            Self::ClaimMissing { name } => write!(f, "claim \"{name}\" of the proof is missing"),
            Self::ClaimMalformed { name } => {
                write!(
                    f,
                    "claim \"{name}\" of the proof has the wrong type or form"
                )
            }
            Self::Type => f.write_str("\"typ\" of the proof is not \"dpop+jwt\""),
            Self::Algorithm => f.write_str("\"alg\" of the proof is not accepted"),
            Self::Signature => f.write_str("the proof's signature does not verify"),
            Self::Key { reason } => write!(f, "\"jwk\" of the proof cannot be used: {reason}"),
            Self::Method => f.write_str("\"htm\" is not the request's method"),
            Self::TargetUri => f.write_str("\"htu\" is not the request's URI"),
            Self::TargetUnknown => f.write_str("the request's own URI is none of ours"),
            Self::NonceMissing => f.write_str("the proof has no \"nonce\""),
            Self::NonceUnknown => f.write_str("\"nonce\" is none of ours, or too old"),
            Self::TooOld { at, now } => write!(f, "proof of {at}, now is {now}"),
            Self::IssuedInFuture { at, now } => write!(f, "proof of the future {at}, now is {now}"),
            Self::AccessTokenHash => f.write_str("\"ath\" is not the hash of the access token"),
            Self::KeyBinding => f.write_str("the token is bound to another key than the proof's"),
            Self::Replayed => f.write_str("the proof has been used before"),
            Self::TooMany => f.write_str("too many proofs of one key"),
        }
    }
}
