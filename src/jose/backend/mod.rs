//! The crates that do the arithmetic, and the only place that names them.
//!
//! Each backend offers the same: [`PublicKey`], [`HmacKey`] and [`PrivateKey`], parsed once, [`sha256`], and a [`TokenHasher`]. Both are told the
//! algorithm by the caller, who has already made sure that the key fits it. With both features on, aws-lc-rs is used:
//! it is faster, and does ES512 too.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc_rs;
#[cfg(any(not(feature = "aws-lc-rs"), test))]
#[cfg(feature = "rust-crypto")]
mod rust_crypto;
#[cfg(feature = "aws-lc-rs")]
mod universal_hash;

#[cfg(feature = "aws-lc-rs")]
use self::aws_lc_rs as chosen;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
use self::rust_crypto as chosen;

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
compile_error!(
    "tower-bearer cannot check signatures without a cryptographic backend: \
     enable its feature \"aws-lc-rs\" (the default) or \"rust-crypto\""
);

use super::algorithm::KeyType;

pub(super) use chosen::{HmacKey, PrivateKey, PublicKey};
pub(crate) use chosen::{TokenDigest, TokenHasher, random_secret, sha256};

/// The numbers of a public key, checked as far as that can be done without a backend.
#[derive(Clone, Copy)]
pub(super) enum PublicNumbers<'n> {
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa { n: &'n [u8], e: &'n [u8] },
    /// The curve by its key type, and the point as SEC 1 writes it without compression.
    Ec { curve: KeyType, point: &'n [u8] },
    /// The encoded point.
    Ed25519 { point: &'n [u8; 32] },
}

/// Why a backend does not take a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyRefused {
    /// The point is not on the curve.
    OffCurve,
    /// This backend cannot do it; another could.
    Unsupported,
}

#[cfg(all(test, feature = "aws-lc-rs"))]
mod tests;
