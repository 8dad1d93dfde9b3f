//! What is to be revoked.

use std::fmt;
use std::time::Duration;

use super::error::{RevocationError, RevocationErrorKind};
use super::fingerprint::Fingerprint;
use super::local_copy::Entry;
use crate::clock::NumericDate;
use crate::policy::MAX_LEEWAY;
use crate::verified::Verified;

/// What is to be revoked: one token, or all that a session, a subject or an issuer was given up to an instant.
///
/// `Debug` shows neither `jti` nor `sid` nor `sub`.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "nothing is revoked until a store takes it in"]
pub struct Revocation {
    fingerprint: Fingerprint,
    reach: Reach,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// One token, which lives until then, unless its issuer says otherwise of it later.
    Token {
        expires_at: NumericDate,
        may_be_drawn_out: bool,
    },
    /// All tokens that were issued up to then; up to the time at which it is revoked, if nothing is said.
    IssuedUpTo(Option<NumericDate>),
}

impl Revocation {
    /// This token.
    ///
    /// By its `jti`; one without is known by a digest of what its issuer signed, which is there if it was verified where revocations are
    /// [configured](crate::AuthenticatorBuilder::revocations).
    ///
    /// It is remembered until its `exp`. An opaque token is remembered for the [longest life](super::InMemoryRevocations::longest_token_life)
    /// of a token at least, since its issuer may tell a later `exp` of it at any time.
    ///
    /// # Errors
    ///
    /// [`RevocationErrorKind::Unnamed`] if neither is there.
    pub fn token<C>(token: &Verified<C>) -> Result<Self, RevocationError> {
        let (marks, token_id) = (token.marks(), token.token_id());
        let fingerprint = match (marks, token_id) {
            (Some(marks), _) => marks.token,
            (None, Some(token_id)) => Fingerprint::token_id(token.issuer(), token_id),
            (None, None) => return Err(RevocationErrorKind::Unnamed.into()),
        };
        Ok(Self {
            fingerprint,
            reach: Reach::Token {
                expires_at: token.expires_at(),
                // Nobody has signed its `exp`.
                may_be_drawn_out: token.key().is_none(),
            },
        })
    }

    /// The token of this `jti`. It is remembered until `expires_at`, the token's `exp`: an earlier instant lets it pass again. Of an opaque
    /// token, whose issuer may prolong it, that is the latest `exp` that it can have.
    pub fn token_id(issuer: &str, token_id: &str, expires_at: NumericDate) -> Self {
        Self {
            fingerprint: Fingerprint::token_id(issuer, token_id),
            reach: Reach::Token {
                expires_at,
                may_be_drawn_out: false,
            },
        }
    }

    /// All tokens of a session, by their `sid`, that were issued up to [then](Self::issued_before).
    pub fn session(issuer: &str, session: &str) -> Self {
        Self::cut_off(Fingerprint::session(issuer, session))
    }

    /// All tokens of a subject, by their `sub`, that were issued up to [then](Self::issued_before).
    pub fn subject(issuer: &str, subject: &str) -> Self {
        Self::cut_off(Fingerprint::subject(issuer, subject))
    }

    /// All tokens of an issuer that were issued up to [then](Self::issued_before).
    pub fn issuer(issuer: &str) -> Self {
        Self::cut_off(Fingerprint::issuer(issuer))
    }

    fn cut_off(fingerprint: Fingerprint) -> Self {
        Self {
            fingerprint,
            reach: Reach::IssuedUpTo(None),
        }
    }

    /// Revokes what was issued before `instant`, or in the same second; default now, by the store's clock.
    ///
    /// A token is held against it by its `iat`, which has whole seconds and its issuer's clock: tokens of that very second are refused,
    /// rather than one of the old let through. Where the issuer's clock may be ahead of the store's, an instant that much later is right.
    /// One that is still to come refuses new tokens too, until then. For one token this changes nothing.
    pub fn issued_before(mut self, instant: NumericDate) -> Self {
        if let Reach::IssuedUpTo(up_to) = &mut self.reach {
            *up_to = Some(instant);
        }
        self
    }

    /// What a store keeps under this.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What a store keeps of this if it is taken in at `now`.
    pub(crate) fn entry(&self, now: NumericDate, longest_token_life: Duration) -> Entry {
        match self.reach {
            Reach::Token {
                expires_at,
                may_be_drawn_out,
            } => {
                let drawn_out = now.saturating_add(longest_token_life);
                Entry::token(if may_be_drawn_out {
                    expires_at.max(drawn_out)
                } else {
                    expires_at
                })
            }
            Reach::IssuedUpTo(up_to) => Entry::cut_off(up_to.unwrap_or(now), longest_token_life),
        }
    }
}

impl Entry {
    /// Refuses whatever it is kept under, whenever that was issued, for as long as it can be good: some policies go on accepting it for a
    /// while after its `exp`.
    pub(crate) fn token(expires_at: NumericDate) -> Self {
        Self {
            up_to: i64::MAX,
            until: whole_seconds_until(expires_at.saturating_add(MAX_LEEWAY)),
        }
    }

    /// Refuses what was issued up to `up_to`, for as long as that can be good.
    pub(crate) fn cut_off(up_to: NumericDate, longest_token_life: Duration) -> Self {
        let until = up_to.saturating_add(longest_token_life);
        Self {
            up_to: up_to.as_seconds(),
            until: whole_seconds_until(until.saturating_add(MAX_LEEWAY)),
        }
    }
}

/// The first whole second that is not before `instant`: a fraction of one is time in which a token can be good.
fn whole_seconds_until(instant: NumericDate) -> i64 {
    let seconds = instant.as_seconds();
    let has_fraction = NumericDate::from_seconds(seconds) < instant;
    seconds.saturating_add(i64::from(has_fraction))
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation")
            .field("kind", &self.fingerprint.kind())
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}
