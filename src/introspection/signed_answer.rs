//! A signed answer (RFC 9701 §5), from its text to the answer inside.
//!
//! It is believed only if
//!
//! 1. it is a compact JWS whose `typ` is `token-introspection+jwt`, with an algorithm that the issuer's policy allows;
//! 2. a key that the issuer publishes verifies it;
//! 3. its own `iss` is the issuer, its own `aud` holds this service, and its own `iat` is neither ahead nor older than a minute;
//! 4. its `token_introspection` is an object. What stands beside that says nothing about the token.

use std::time::Duration;

use crate::claims::Audience;
use crate::clock::NumericDate;
use crate::error::{TokenPart, VerifyErrorKind};
use crate::jose::{Compact, Header, KeySet, Members, Value};
use crate::policy::Policy;

/// How long ago an answer may have been signed, and how far ahead its time may be: it was made while we waited.
const OLDEST: Duration = Duration::from_secs(60);
const AHEAD: Duration = Duration::from_secs(10);

/// An answer that could be believed if its signature holds.
pub(super) struct SignedAnswer<'t> {
    compact: &'t Compact<'t>,
    header: Header<'t>,
}

impl<'t> SignedAnswer<'t> {
    /// Checks everything that can be checked without a key.
    pub(super) fn read(
        compact: &'t Compact<'t>,
        policy: &Policy,
        audience: &str,
        now: NumericDate,
    ) -> Result<Self, VerifyErrorKind> {
        let header = Header::parse(&compact.header)?;
        let is_answer = header
            .media_type()
            .is_some_and(|typ| typ.eq_ignore_ascii_case("token-introspection+jwt"));
        if !is_answer {
            return Err(VerifyErrorKind::Type);
        }
        if !policy.algorithms().any(|each| each == header.algorithm) {
            return Err(VerifyErrorKind::AlgorithmNotAllowed);
        }
        let text = &compact.payload;
        let members = Members::scan(text).map_err(|_| VerifyErrorKind::Json {
            part: TokenPart::Payload,
        })?;
        let member = |name| {
            let value = members.get(text, name);
            value.ok_or(VerifyErrorKind::ClaimMissing { name })
        };
        let instant = |name: &'static str| {
            let value = member(name)?.as_number();
            let instant = value.and_then(NumericDate::from_json_number);
            instant.ok_or(VerifyErrorKind::ClaimMalformed { name })
        };

        let issuer = member("iss")?.as_str();
        if issuer.ok_or(VerifyErrorKind::ClaimMalformed { name: "iss" })? != policy.issuer() {
            return Err(VerifyErrorKind::Issuer);
        }
        if !Audience::read(member("aud")?)?.contains(audience) {
            return Err(VerifyErrorKind::Audience);
        }
        let at = instant("iat")?;
        let leeway = policy.leeway();
        if at > now.saturating_add(leeway.max(AHEAD)) {
            return Err(VerifyErrorKind::IssuedInFuture { at, now });
        }
        if now > at.saturating_add(OLDEST.saturating_add(leeway)) {
            return Err(VerifyErrorKind::TooOld { at, now });
        }
        // RFC 9701 §5 has none of these in it; one that is there means what it always means.
        if members.get(text, "exp").is_some() {
            let at = instant("exp")?;
            if now >= at.saturating_add(leeway) {
                return Err(VerifyErrorKind::Expired { at, now });
            }
        }
        if members.get(text, "nbf").is_some() {
            let at = instant("nbf")?;
            if at > now.saturating_add(leeway.max(AHEAD)) {
                return Err(VerifyErrorKind::NotYetValid { at, now });
            }
        }
        Ok(Self { compact, header })
    }

    pub(super) fn header(&self) -> &Header<'t> {
        &self.header
    }

    /// The answer inside, as JSON, if one of `keys` has signed it.
    pub(super) fn open(&self, keys: &KeySet, now: NumericDate) -> Result<&'t str, VerifyErrorKind> {
        let algorithm = self.header.algorithm;
        let Compact {
            signing_input,
            signature,
            payload,
            ..
        } = self.compact;
        keys.select(self.header.key_id.as_deref(), algorithm, now)?
            .find(|key| key.verify(algorithm, signing_input, signature))
            .ok_or(VerifyErrorKind::Signature)?;
        let name = "token_introspection";
        let inside = Members::scan(payload)
            .ok()
            .and_then(|members| members.get(payload, name))
            .ok_or(VerifyErrorKind::ClaimMissing { name })?;
        match inside.members() {
            Some(_) => Ok(Value::raw(inside)),
            None => Err(VerifyErrorKind::ClaimMalformed { name }),
        }
    }
}
