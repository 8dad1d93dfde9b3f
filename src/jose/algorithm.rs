//! The signature algorithms, and what each demands of a key.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// A signature algorithm by its registered name (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2).
///
/// There is no `none`, and so no way to allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// EdDSA; here always on the curve Ed25519. The name is deprecated by RFC 9864 and still the usual one.
    EdDSA,
    /// EdDSA on the curve Ed25519, by its name in RFC 9864.
    Ed25519,
}

/// What kind of key an algorithm works with, curve and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyType {
    /// A shared secret of at least this many octets, the length of the hash (RFC 7518 §3.2).
    Secret(usize),
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
}

impl Algorithm {
    /// The algorithms that work with public keys: all but HMAC, and what is allowed unless configured otherwise.
    pub const ASYMMETRIC: &'static [Self] = &[
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::Ed25519,
    ];

    pub(crate) const ALL: &'static [Self] = &[
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
        Self::Ed25519,
    ];

    /// The registered name, as in a header's `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// Whether the algorithm works with a shared secret rather than a public key.
    #[must_use]
    pub const fn is_hmac(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }

    pub(crate) const fn key_type(self) -> KeyType {
        match self {
            Self::HS256 => KeyType::Secret(32),
            Self::HS384 => KeyType::Secret(48),
            Self::HS512 => KeyType::Secret(64),
            Self::RS256 | Self::RS384 | Self::RS512 | Self::PS256 | Self::PS384 | Self::PS512 => {
                KeyType::Rsa
            }
            Self::ES256 => KeyType::P256,
            Self::ES384 => KeyType::P384,
            Self::ES512 => KeyType::P521,
            Self::EdDSA | Self::Ed25519 => KeyType::Ed25519,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Reads a registered name, byte for byte: RFC 7515 §4.1.1 makes it case-sensitive.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "HS256" => Ok(Self::HS256),
            "HS384" => Ok(Self::HS384),
            "HS512" => Ok(Self::HS512),
            "RS256" => Ok(Self::RS256),
            "RS384" => Ok(Self::RS384),
            "RS512" => Ok(Self::RS512),
            "PS256" => Ok(Self::PS256),
            "PS384" => Ok(Self::PS384),
            "PS512" => Ok(Self::PS512),
            "ES256" => Ok(Self::ES256),
            "ES384" => Ok(Self::ES384),
            "ES512" => Ok(Self::ES512),
            "EdDSA" => Ok(Self::EdDSA),
            "Ed25519" => Ok(Self::Ed25519),
            _ => Err(UnknownAlgorithm(())),
        }
    }
}

/// A name that is no signature algorithm we know; `none` is one of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm(());

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the name of a known signature algorithm")
    }
}

impl Error for UnknownAlgorithm {}

/// A set of algorithms.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Algorithms(u16);

impl Algorithms {
    /// All that a key of this type can do.
    pub(crate) fn of(key_type: KeyType) -> Self {
        Algorithm::ALL
            .iter()
            .copied()
            .filter(|algorithm| algorithm.key_type() == key_type)
            .collect()
    }

    pub(crate) const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & Self::bit(algorithm) != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL
            .iter()
            .copied()
            .filter(move |algorithm| self.contains(*algorithm))
    }

    const fn bit(algorithm: Algorithm) -> u16 {
        1 << algorithm as u16
    }
}

impl FromIterator<Algorithm> for Algorithms {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        let bits = algorithms.into_iter().map(Self::bit);
        Self(bits.fold(0, |all, bit| all | bit))
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_nothing_like_it_is() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(*algorithm));
            assert_eq!(algorithm.to_string(), algorithm.name());
            for near in [
                algorithm.name().to_lowercase(),
                format!(" {algorithm}"),
                format!("{algorithm} "),
                format!("{algorithm}\0"),
            ] {
                assert_eq!(near.parse::<Algorithm>(), Err(UnknownAlgorithm(())));
            }
        }
        for name in [
            "",
            "none",
            "None",
            "nOnE",
            "none ",
            "ES256K",
            "Ed448",
            "ML-DSA-44",
            "HS1",
        ] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm(())));
        }
    }

    #[test]
    fn the_default_list_is_all_but_hmac() {
        let asymmetric: Algorithms = Algorithm::ASYMMETRIC.iter().copied().collect();
        for algorithm in Algorithm::ALL {
            assert_eq!(asymmetric.contains(*algorithm), !algorithm.is_hmac());
            assert_eq!(
                algorithm.is_hmac(),
                matches!(algorithm.key_type(), KeyType::Secret(_))
            );
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        assert_eq!(Algorithms::default().iter().count(), 0);
        for one in Algorithm::ALL {
            let set: Algorithms = [*one].into_iter().collect();
            for other in Algorithm::ALL {
                assert_eq!(set.contains(*other), one == other);
            }
        }
        let rsa: Vec<_> = Algorithms::of(KeyType::Rsa).iter().collect();
        assert_eq!(rsa.len(), 6);
        assert_eq!(Algorithms::of(KeyType::Secret(32)).iter().count(), 1);
        assert_eq!(Algorithms::of(KeyType::Ed25519).iter().count(), 2);
    }
}
