//! The rules for logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6), and their verification.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::authenticator::Trust;
use crate::claims::{Audience, Claims};
use crate::clock::NumericDate;
use crate::error::{Rejection, VerifyErrorKind};
use crate::issuers::{Found, Trusted};
use crate::jose::{Compact, Header, KeySet};
use crate::jwks::{LookUp, Waiting};
use crate::policy::{Policy, check_replicated};
use crate::verifier::MAX_TOKEN_LENGTH;

/// The member of `events` that tells a logout token from every other security event (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// What a logout token must satisfy, whoever issued it.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) client_ids: Box<[Box<str>]>,
    pub(super) longest_age: Duration,
}

/// What an issuer has said: this session, or this subject, is logged out.
#[derive(Debug)]
pub(super) struct Logout {
    pub(super) issuer: String,
    pub(super) session: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) issued_at: NumericDate,
}

impl Rules {
    /// Verifies `token` with the keys of the issuer that it names, if that one is trusted.
    pub(super) async fn verify(&self, token: &str, trust: &dyn Trust) -> Result<Logout, Rejection> {
        let mut compact = Compact::decode(token, MAX_TOKEN_LENGTH)?;
        let claims = Claims::parse(mem::take(&mut compact.payload))?;
        let header = Header::parse(&compact.header)?;
        check_type(&header)?;
        check_replicated(&header, &claims)?;
        let logout = self.read(&claims)?;
        self.check_age(&logout, trust.now())?;
        let trusted = issuer_of(&claims, trust).await?;
        let check = || check_by(&trusted.policy, &header, &claims, trust.now());
        check()?;
        let keys = keys_for(&header, &trusted).await?;
        // Time has passed if the keys had to be waited for.
        check()?;
        if !is_signed(&compact, &header, &keys, trust)? {
            let keys = suspect(&header, &trusted).ok_or(VerifyErrorKind::Signature)?;
            let keys = keys.await?;
            check()?;
            if !is_signed(&compact, &header, &keys, trust)? {
                return Err(VerifyErrorKind::Signature.into());
            }
        }
        trust.issuers().prove(&trusted);
        Ok(logout)
    }

    /// All that needs neither the issuer's policy nor a key.
    fn read(&self, claims: &Claims) -> Result<Logout, VerifyErrorKind> {
        check_event(claims)?;
        // §2.4: so that it can never serve as an ID token.
        if claims.has_nonce() {
            return Err(VerifyErrorKind::ForeignClaim { name: "nonce" });
        }
        self.check_audience(claims)?;
        name("jti", claims)?.ok_or(VerifyErrorKind::ClaimMissing { name: "jti" })?;
        let (session, subject) = (name("sid", claims)?, name("sub", claims)?);
        if session.is_none() && subject.is_none() {
            return Err(VerifyErrorKind::ClaimMissing { name: "sub" });
        }
        let issued_at = claims.issued_at();
        Ok(Logout {
            issuer: claims.issuer().to_owned(),
            session,
            subject,
            issued_at: issued_at.ok_or(VerifyErrorKind::ClaimMissing { name: "iat" })?,
        })
    }

    /// OpenID Connect Core §3.1.3.7: we are an audience, and there is none that we do not know.
    fn check_audience(&self, claims: &Claims) -> Result<(), VerifyErrorKind> {
        let audience = claims.member("aud");
        let audience = audience.ok_or(VerifyErrorKind::ClaimMissing { name: "aud" })?;
        let audience = Audience::read(audience)?;
        let is_ours = |name: &str| self.client_ids.iter().any(|ours| **ours == *name);
        let mut names = audience.iter().peekable();
        if names.peek().is_some() && names.all(|name| is_ours(&name)) {
            Ok(())
        } else {
            Err(VerifyErrorKind::Audience)
        }
    }

    /// The issuer's `exp` may be far away; that a captured token is still good then is not for it to say.
    fn check_age(&self, logout: &Logout, now: NumericDate) -> Result<(), VerifyErrorKind> {
        let at = logout.issued_at;
        if now.saturating_since(at) > self.longest_age {
            return Err(VerifyErrorKind::TooOld { at, now });
        }
        Ok(())
    }
}

/// §2.4: `logout+jwt`, or nothing that says it is another kind of token.
fn check_type(header: &Header<'_>) -> Result<(), VerifyErrorKind> {
    let accepted = header.media_type().is_none_or(|name| {
        name.eq_ignore_ascii_case("logout+jwt") || name.eq_ignore_ascii_case("jwt")
    });
    accepted.then_some(()).ok_or(VerifyErrorKind::Type)
}

/// §2.4: `events` is an object, and the member for logouts is one too; what else stands there is ignored.
fn check_event(claims: &Claims) -> Result<(), VerifyErrorKind> {
    const NAME: &str = "events";
    let events = claims.member(NAME);
    let events = events.ok_or(VerifyErrorKind::ClaimMissing { name: NAME })?;
    let mut entries = events
        .entries()
        .ok_or(VerifyErrorKind::ClaimMalformed { name: NAME })?;
    let logout = entries.find(|(name, _)| name == EVENT);
    let (_, logout) = logout.ok_or(VerifyErrorKind::ClaimValue { name: NAME })?;
    match logout.entries() {
        Some(_) => Ok(()),
        None => Err(VerifyErrorKind::ClaimMalformed { name: NAME }),
    }
}

/// A claim that names something: a string that is not empty.
fn name(name: &'static str, claims: &Claims) -> Result<Option<String>, VerifyErrorKind> {
    let Some(claim) = claims.member(name) else {
        return Ok(None);
    };
    match claim.as_str() {
        Some(text) if !text.is_empty() => Ok(Some(text.into_owned())),
        _ => Err(VerifyErrorKind::ClaimMalformed { name }),
    }
}

async fn issuer_of(claims: &Claims, trust: &dyn Trust) -> Result<Arc<Trusted>, Rejection> {
    match trust.issuers().find(claims.issuer()) {
        Found::Trusted(trusted) => Ok(trusted),
        Found::Ask(asking) => asking.answer().await,
        Found::Unknown => Err(VerifyErrorKind::Issuer.into()),
    }
}

/// What the issuer's policy says of any token of it: the algorithms, and the time.
fn check_by(
    policy: &Policy,
    header: &Header<'_>,
    claims: &Claims,
    now: NumericDate,
) -> Result<(), VerifyErrorKind> {
    if !policy.algorithms().any(|each| each == header.algorithm) {
        return Err(VerifyErrorKind::AlgorithmNotAllowed);
    }
    policy.check_time(claims, now)
}

/// Keys that can judge the token, at once or after the one download that all who need it share.
async fn keys_for(header: &Header<'_>, trusted: &Trusted) -> Result<Arc<KeySet>, Rejection> {
    let key_id = header.key_id.as_deref();
    match trusted.keys.look_up(key_id, header.algorithm) {
        LookUp::Ready(keys) => Ok(keys),
        LookUp::Wait(waiting) => waiting.await,
        LookUp::Refused => Err(VerifyErrorKind::KeyUnknown.into()),
        LookUp::Unavailable(unavailable) => Err(unavailable.into()),
    }
}

fn is_signed(
    compact: &Compact<'_>,
    header: &Header<'_>,
    keys: &KeySet,
    trust: &dyn Trust,
) -> Result<bool, Rejection> {
    let _leave = trust.verification()?;
    let (algorithm, signature) = (header.algorithm, &compact.signature);
    let mut candidates = keys.select(header.key_id.as_deref(), algorithm, trust.now())?;
    Ok(candidates.any(|key| key.verify(algorithm, compact.signing_input, signature)))
}

/// Keys that may have come under the same `kid` since, where the policy has them asked for.
fn suspect(header: &Header<'_>, trusted: &Trusted) -> Option<Waiting> {
    let remote = trusted.keys.remote()?;
    remote.suspect(header.key_id.as_deref()?)
}
