//! The fingerprints of one token: everything that it can be revoked by.

use std::borrow::Cow;

use super::fingerprint::Fingerprint;
use crate::claims::Claims;
use crate::error::VerifyErrorKind;

/// Computed once, when a token is verified, so that a request costs no hashing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) token: Fingerprint,
    pub(crate) session: Option<Fingerprint>,
    pub(crate) subject: Option<Fingerprint>,
    pub(crate) issuer: Fingerprint,
}

impl Marks {
    /// Of a token of `issuer`; `identity` is what it is told apart by if it has no `jti`: see [`Fingerprint::digest`].
    ///
    /// A `sid` that is no string refuses the token: taken for absent, it could not be logged out.
    pub(crate) fn of(
        issuer: &str,
        claims: &Claims,
        identity: &[u8],
    ) -> Result<Self, VerifyErrorKind> {
        let session = session(claims)?;
        Ok(Self {
            token: match claims.token_id() {
                Some(token_id) => Fingerprint::token_id(issuer, token_id),
                None => Fingerprint::digest(issuer, identity),
            },
            session: session.map(|session| Fingerprint::session(issuer, &session)),
            subject: claims
                .subject()
                .map(|subject| Fingerprint::subject(issuer, subject)),
            issuer: Fingerprint::issuer(issuer),
        })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Fingerprint> {
        let optional = [self.session, self.subject].into_iter().flatten();
        [self.token, self.issuer].into_iter().chain(optional)
    }
}

/// `sid`: the session that a token belongs to.
pub(super) fn session(claims: &Claims) -> Result<Option<Cow<'_, str>>, VerifyErrorKind> {
    let Some(value) = claims.member("sid") else {
        return Ok(None);
    };
    let session = value.as_str();
    session
        .map(Some)
        .ok_or(VerifyErrorKind::ClaimMalformed { name: "sid" })
}
