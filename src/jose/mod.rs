//! Tokens and keys as data (JOSE: RFC 7515, 7517, 7518, 7638, 8037, 9864). No I/O, no async, no HTTP.
//!
//! What this module guards: bytes that anyone can send, and key sets that a provider got wrong. It refuses what it
//! does not understand in full, and never guesses.
//!
//! A compact token is decoded only if
//!
//! 1. it is no longer than the limit, and is three non-empty parts between exactly two dots;
//! 2. each part is canonical unpadded base64url;
//! 3. header and payload are UTF-8, and the header is one strict JSON object: no name twice, nothing after it, at most
//!    32 levels deep;
//! 4. `alg` is one of the names in [`Algorithm`], compared byte for byte, and no `crit`, `b64` or `zip` is present.
//!
//! A key of a JWKS is used only if it is public, strong enough, on its curve, meant for signatures, and able to do the
//! algorithm it names; any other key is left out and reported in [`KeySet::skipped`], and the rest of the set lives.
//! HMAC secrets never come from a JWKS, and never stand beside public keys.
//!
//! Every decision about a signature is made with one algorithm, on which the header, the key and the policy agree.
//!
//! ```
//! use tower_bearer::jose::{KeySet, KeySetErrorKind, SkipReason};
//!
//! let keys = KeySet::from_json(br#"{"keys": [
//!     {"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
//!     {"kty": "oct", "kid": "two", "k": "c2VjcmV0"}
//! ]}"#)?;
//! assert_eq!(keys.len(), 1);
//! assert_eq!(keys.skipped()[0].reason(), SkipReason::Symmetric);
//!
//! let refused = KeySet::from_json(br#"{"keys": []}"#).unwrap_err();
//! assert_eq!(refused.kind(), KeySetErrorKind::NoUsableKey { skipped: 0 });
//! # Ok::<(), tower_bearer::jose::KeySetError>(())
//! ```

mod algorithm;
mod backend;
pub(crate) mod base64url;
mod compact;
pub(crate) mod der;
mod edwards25519;
mod header;
mod hmac;
mod jwk;
mod key;
mod key_set;
mod key_set_error;
mod octets;
mod private_key;
mod skipped;
mod strict_json;
mod thumbprint;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod wycheproof_tests;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use key_set::KeySet;
pub use key_set_error::{KeySetError, KeySetErrorKind};
pub use skipped::{SkipReason, Skipped};

pub(crate) use algorithm::Algorithms;
pub(crate) use backend::random_secret;
pub(crate) use backend::{TokenDigest, TokenHasher, sha256};
pub(crate) use compact::Compact;
pub(crate) use header::Header;
pub(crate) use hmac::hmac_sha256;
pub(crate) use jwk::PublicJwk;
pub(crate) use key::{KeySerial, VerificationKey};
pub(crate) use private_key::{FromJwk, PrivateKey};
pub(crate) use strict_json::{Entries, JsonError, Members, Value};
