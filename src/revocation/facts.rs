//! What a store is told of the token that it is asked about.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::marks::{self, Marks};
use crate::claims::Claims;
use crate::clock::NumericDate;

/// A verified token, as far as it matters to whoever knows what is revoked. `Debug` shows issuer and times only.
#[derive(Clone, Copy)]
pub struct TokenFacts<'t> {
    issuer: &'t str,
    claims: &'t Claims,
    marks: &'t Marks,
    checked_at: NumericDate,
}

impl<'t> TokenFacts<'t> {
    pub(crate) fn new(
        issuer: &'t str,
        claims: &'t Claims,
        marks: &'t Marks,
        checked_at: NumericDate,
    ) -> Self {
        Self {
            issuer,
            claims,
            marks,
            checked_at,
        }
    }

    /// `iss`: the configured issuer whose key verified the token. All other names are unique only together with it.
    #[must_use]
    pub fn issuer(&self) -> &'t str {
        self.issuer
    }

    /// `jti`: the token's identifier.
    #[must_use]
    pub fn token_id(&self) -> Option<&'t str> {
        self.claims.token_id()
    }

    /// `sid`: the session that the token belongs to (OpenID Connect Front-Channel and Back-Channel Logout 1.0).
    #[must_use]
    pub fn session(&self) -> Option<Cow<'t, str>> {
        // One that is no string was refused when the token was verified.
        marks::session(self.claims).ok().flatten()
    }

    /// `sub`: whom the token is about.
    #[must_use]
    pub fn subject(&self) -> Option<&'t str> {
        self.claims.subject()
    }

    /// `iat`: when the token was issued, by its issuer's clock.
    #[must_use]
    pub fn issued_at(&self) -> Option<NumericDate> {
        self.claims.issued_at()
    }

    /// `exp`: from when on the token is no longer accepted, a leeway aside.
    #[must_use]
    pub fn expires_at(&self) -> NumericDate {
        self.claims.expires_at()
    }

    /// All other claims.
    #[must_use]
    pub fn claims_set(&self) -> &'t Claims {
        self.claims
    }

    /// Now, by the authenticator's clock.
    #[must_use]
    pub fn checked_at(&self) -> NumericDate {
        self.checked_at
    }

    pub(crate) fn marks(&self) -> &'t Marks {
        self.marks
    }

    /// Whether a cut-off at `up_to`, in seconds, refuses it. That very second counts, and so does not to tell.
    pub(crate) fn is_issued_up_to(&self, up_to: i64) -> bool {
        self.issued_at()
            .is_none_or(|issued_at| issued_at.as_seconds() <= up_to)
    }

    /// Whether what might revoke it may have been forgotten by a store that remembers cut-offs for `longest_token_life`.
    pub(crate) fn is_beyond_memory(&self, longest_token_life: Duration) -> bool {
        let now = self.checked_at;
        match self.issued_at() {
            Some(issued_at) => issued_at.saturating_add(longest_token_life) <= now,
            // Its age is not known, but this one will outlive the memory of a cut-off.
            None => self.expires_at() > now.saturating_add(longest_token_life),
        }
    }
}

impl fmt::Debug for TokenFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFacts")
            .field("issuer", &self.issuer())
            .field("issued_at", &self.issued_at())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
