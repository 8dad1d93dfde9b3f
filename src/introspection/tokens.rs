//! Which tokens of an issuer it is asked about.

/// By the shape of a token: three parts between two dots are a JWT, everything else is opaque.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// Opaque ones; its JWTs are verified with its keys.
    #[default]
    Opaque,
    /// Opaque ones; it has no JWTs.
    OpaqueOnly,
    /// Opaque ones, and JWTs after their signature.
    Every,
    /// JWTs after their signature; it has no opaque ones.
    JwtsOnly,
}

impl Tokens {
    pub(crate) fn include_opaque(self) -> bool {
        self != Self::JwtsOnly
    }

    pub(crate) fn include_jwts(self) -> bool {
        matches!(self, Self::Every | Self::JwtsOnly)
    }
}

/// Whether a token has another shape than a JWT. Nothing but this decides it: not what is inside, nor whether that verifies.
pub(crate) fn is_opaque(token: &str) -> bool {
    // Looks no further than the third dot, however many there are.
    token.bytes().filter(|&byte| byte == b'.').take(3).count() != 2
}
