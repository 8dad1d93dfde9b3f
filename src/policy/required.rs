//! A claim that must be there, and what it must say.

use crate::claims::Claims;
use crate::error::VerifyErrorKind;

/// One claim that a token must have.
#[derive(Clone, Debug)]
pub(super) struct RequiredClaim {
    name: &'static str,
    wanted: Wanted,
}

#[derive(Clone, Debug)]
enum Wanted {
    /// Any value, of whatever type.
    Anything,
    /// A string that is one of these.
    OneOf(Box<[String]>),
}

impl RequiredClaim {
    pub(super) fn anything(name: &'static str) -> Self {
        Self {
            name,
            wanted: Wanted::Anything,
        }
    }

    pub(super) fn one_of(name: &'static str, values: Vec<String>) -> Self {
        Self {
            name,
            wanted: Wanted::OneOf(values.into_boxed_slice()),
        }
    }

    pub(super) fn check(&self, claims: &Claims) -> Result<(), VerifyErrorKind> {
        let name = self.name;
        let claim = claims
            .member(name)
            .ok_or(VerifyErrorKind::ClaimMissing { name })?;
        match &self.wanted {
            Wanted::Anything => Ok(()),
            Wanted::OneOf(values) => {
                let found = claim
                    .as_str()
                    .ok_or(VerifyErrorKind::ClaimMalformed { name })?;
                if values.iter().any(|value| **value == *found) {
                    Ok(())
                } else {
                    Err(VerifyErrorKind::ClaimValue { name })
                }
            }
        }
    }
}
