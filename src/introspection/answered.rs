//! An answer that was accepted, for as long as it is remembered.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;
use std::time::Instant;

use serde::de::DeserializeOwned;

use crate::claims::Claims;
use crate::clock::NumericDate;
use crate::error::{VerifyError, VerifyErrorKind};
use crate::policy::{Grant, Policy, ToldBinding};
use crate::verified::Verified;

use super::answer::Named;

/// When an answer's time is over, by both clocks.
pub(super) type Until = (Instant, NumericDate);

/// About what a type of the service's own takes for these claims. One that keeps them all has a node for each value.
fn own_claims(text: &str) -> usize {
    const USUAL_VALUES: usize = 64;
    const NODE: usize = 72;
    let values = text.bytes().filter(|byte| b",:[{".contains(byte)).count();
    text.len() / 4 + NODE * values.saturating_sub(USUAL_VALUES)
}

/// What is known of a token that is active; without its text.
pub(crate) struct Answered {
    /// Until when it is believed, by a clock that is never turned back.
    pub(super) until: Instant,
    /// And by the authenticator's, which goes on while a machine sleeps.
    pub(super) until_date: NumericDate,
    /// What an opaque token is about; a JWT says so itself.
    pub(super) opaque: Option<Opaque>,
    /// Whom a JWT is bound to, as far as it was said; an opaque token's grant has it.
    binding: ToldBinding,
    /// Which JWT it is, as far as it was said.
    named: Named,
    /// The proof for handlers, made when the first of them asks: only there it is known what type its claims are to have.
    verified: OnceLock<Box<dyn Any + Send + Sync>>,
}

pub(super) struct Opaque {
    pub(super) claims: Claims,
    pub(super) grant: Grant,
}

impl Answered {
    pub(super) fn of_opaque(until: Until, opaque: Opaque) -> Self {
        Self {
            opaque: Some(opaque),
            ..Self::of_jwt(until, ToldBinding::default(), Named::default())
        }
    }

    pub(super) fn of_jwt((until, until_date): Until, binding: ToldBinding, named: Named) -> Self {
        Self {
            until,
            until_date,
            opaque: None,
            binding,
            named,
            verified: OnceLock::new(),
        }
    }

    /// Whether this can be about a JWT that has verified: one with the same names, bound to whomever its issuer says that it is.
    pub(crate) fn check_jwt<C>(&self, verified: &Verified<C>) -> Result<(), VerifyErrorKind> {
        if !self.binding.is_in(verified.binding()) {
            // Nobody would have checked that.
            return Err(VerifyErrorKind::SenderBound);
        }
        let claims = verified.claims_set();
        let own = |name| match name {
            "jti" => claims.token_id(),
            "sub" => claims.subject(),
            "client_id" => claims.client_id(),
            _ => None,
        };
        for (name, said) in &self.named {
            if own(*name).is_some_and(|own| *own != **said) {
                return Err(VerifyErrorKind::ClaimValue { name });
            }
        }
        Ok(())
    }

    /// The token as proof for handlers, checked at `now`; `finish` is done to it once, before it is shared.
    pub(crate) fn verified<C>(
        &self,
        policy: &Policy,
        now: NumericDate,
        finish: impl FnOnce(Verified<C>) -> Result<Verified<C>, VerifyErrorKind>,
    ) -> Result<Verified<C>, VerifyError>
    where
        C: DeserializeOwned + Send + Sync + 'static,
    {
        let opaque = self.opaque.as_ref().ok_or(VerifyErrorKind::NotCompact)?;
        policy.check_time(&opaque.claims, now)?;
        let make = || Box::new(opaque.verified::<C>(policy, now, finish)) as Box<_>;
        let made = self.verified.get_or_init(make);
        // Each authenticator has its own answers, and one type of claims.
        let verified = made.downcast_ref::<Result<Verified<C>, VerifyError>>();
        let verified = verified.ok_or(VerifyErrorKind::ClaimsType)?.clone()?;
        if !verified.is_by(policy) {
            return Err(VerifyErrorKind::Inactive.into());
        }
        Ok(verified.checked_again(now))
    }

    /// About how many bytes it takes, claims of the service's own type included.
    pub(super) fn weight(&self) -> usize {
        let opaque = self.opaque.as_ref().map_or(0, |opaque| {
            let scopes = opaque.grant.scopes.as_ref();
            let scopes = scopes.map_or(0, |scopes| scopes.len());
            scopes + opaque.claims.weight() + own_claims(opaque.claims.as_json()) + 256
        });
        let named = self.named.iter().map(|(_, said)| said.len() + 32);
        size_of::<Self>() + opaque + named.sum::<usize>()
    }
}

impl Opaque {
    fn verified<C: DeserializeOwned + 'static>(
        &self,
        policy: &Policy,
        now: NumericDate,
        finish: impl FnOnce(Verified<C>) -> Result<Verified<C>, VerifyErrorKind>,
    ) -> Result<Verified<C>, VerifyError> {
        let (claims, grant) = (self.claims.clone(), self.grant.clone());
        let verified = Verified::introspected(policy, claims, grant, now)
            .map_err(|error| VerifyError::because(VerifyErrorKind::ClaimsType, error))?;
        Ok(finish(verified)?)
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered")
            .field("claims", &self.opaque.as_ref().map(|opaque| &opaque.claims))
            .finish_non_exhaustive()
    }
}
