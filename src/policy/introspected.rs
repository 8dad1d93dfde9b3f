//! What a token must satisfy that its issuer was asked about (RFC 7662 §2.2, §4).

use super::{Grant, Policy};
use crate::claims::{Audience, Claims};
use crate::clock::NumericDate;
use crate::error::VerifyErrorKind;
use crate::jose::Value;
use crate::sender::Binding;

/// Whom an issuer says that a JWT is bound to. It need not say it: the JWT does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ToldBinding {
    binding: Option<Binding>,
    to_a_key: bool,
}

impl ToldBinding {
    /// Whether the JWT names as much. If it does not, nobody has checked what the issuer says.
    pub(crate) fn is_in(&self, binding: Option<&Binding>) -> bool {
        let key = !self.to_a_key || binding.is_some_and(|named| named.key.is_some());
        let told = self.binding.as_ref();
        key && told.is_none_or(|told| binding.is_some_and(|named| named.includes(told)))
    }
}

impl Policy {
    /// Checks the members of an answer as the claims of a token that has no header.
    pub(crate) fn check_introspected(
        &self,
        claims: &Claims,
        now: NumericDate,
    ) -> Result<Grant, VerifyErrorKind> {
        if claims.issuer() != &*self.issuer {
            return Err(VerifyErrorKind::Issuer);
        }
        self.audience.check(claims)?;
        self.check_time(claims, now)?;
        self.check_required(claims)?;
        if let Some(name) = claims.foreign() {
            return Err(VerifyErrorKind::ForeignClaim { name });
        }
        // Nothing says that this is no ID token.
        if !self.nonce_accepted && claims.has_nonce() {
            return Err(VerifyErrorKind::ForeignClaim { name: "nonce" });
        }
        let grant = self.grant(claims)?;
        // RFC 9449 §6.2: bound to a key, even if the answer does not say to which.
        let names_key = grant.binding.is_some_and(|named| named.key.is_some());
        if is_dpop(claims.member("token_type")) && !names_key && !self.binding_ignored {
            return Err(VerifyErrorKind::SenderBound);
        }
        Ok(grant)
    }

    /// Checks what an answer about a JWT says again of its audience and its beginning, where it does.
    pub(crate) fn check_told(
        &self,
        audience: Option<Value<'_>>,
        not_before: Option<Value<'_>>,
        now: NumericDate,
    ) -> Result<(), VerifyErrorKind> {
        if let Some(audience) = audience.map(Audience::read).transpose()?
            && !self.audience.admits(audience)
        {
            return Err(VerifyErrorKind::Audience);
        }
        let Some(not_before) = not_before else {
            return Ok(());
        };
        let at = not_before
            .as_number()
            .and_then(NumericDate::from_json_number)
            .ok_or(VerifyErrorKind::ClaimMalformed { name: "nbf" })?;
        if at > now.saturating_add(self.leeway.max(self.not_before_leeway)) {
            return Err(VerifyErrorKind::NotYetValid { at, now });
        }
        Ok(())
    }

    /// Reads what an answer about a JWT says of the JWT's sender, in `cnf` and `token_type`.
    pub(crate) fn told_binding(
        &self,
        confirmation: Option<Value<'_>>,
        token_type: Option<Value<'_>>,
    ) -> Result<ToldBinding, VerifyErrorKind> {
        if self.binding_ignored {
            return Ok(ToldBinding::default());
        }
        let read = |confirmation| self.binding_rule.read_confirmation(confirmation);
        Ok(ToldBinding {
            binding: confirmation.map(read).transpose()?,
            to_a_key: is_dpop(token_type),
        })
    }
}

fn is_dpop(token_type: Option<Value<'_>>) -> bool {
    let token_type = token_type.and_then(Value::as_str);
    token_type.is_some_and(|name| name.eq_ignore_ascii_case("DPoP"))
}
