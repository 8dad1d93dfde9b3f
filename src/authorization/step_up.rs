//! How the user has logged in, and when (RFC 9470; OpenID Connect Core §2 for `acr` and `auth_time`).

use std::fmt;
use std::time::Duration;

use super::decision::{Decision, Quantifier};
use crate::claims::Claims;
use crate::clock::NumericDate;

/// How far ahead `auth_time` may be: as far as `iat`, which is written by the same clock, may be without a leeway. The policy's
/// leeway does not reach here.
const AHEAD: Duration = Duration::from_secs(10);

/// What is demanded of the user's login. A new login can satisfy it, where nothing else about the token has to change.
pub(super) enum StepUp {
    /// Authentication contexts of which the login must have had one.
    AcrValues(Box<[Box<str>]>),
    /// How long ago it may have been.
    MaxAge(Duration),
}

impl StepUp {
    /// A challenge lists the values separated by spaces, so that one with a space in it cannot be asked for.
    pub(super) fn acr_values<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        let values = values.into_iter().map(Into::into);
        let values = values.filter(|value| !value.is_empty() && !value.contains(' '));
        Self::AcrValues(values.map(String::into_boxed_str).collect())
    }

    /// What is decided by the login that the token tells of.
    pub(super) fn check(&self, claims: &Claims, now: NumericDate) -> Decision {
        match self {
            Self::AcrValues(wanted) => {
                let acr = match claims.member("acr") {
                    None => None,
                    Some(value) => match value.as_str() {
                        None => return Decision::Undecided,
                        acr => acr,
                    },
                };
                let wanted = wanted.iter();
                Quantifier::Any.over(wanted.map(|wanted| (acr.as_deref() == Some(wanted)).into()))
            }
            Self::MaxAge(max_age) => {
                let auth_time = claims.member("auth_time");
                let auth_time = auth_time.and_then(|value| value.as_number());
                match auth_time.and_then(NumericDate::from_json_number) {
                    Some(at) if at <= now.saturating_add(AHEAD) => {
                        (now.saturating_since(at) <= *max_age).into()
                    }
                    _ => Decision::Undecided,
                }
            }
        }
    }

    /// What another login could achieve.
    pub(super) fn check_renewed(&self) -> Decision {
        match self {
            Self::AcrValues(wanted) if wanted.is_empty() => Decision::Undecided,
            _ => Decision::Passes,
        }
    }
}

impl fmt::Debug for StepUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AcrValues(values) => f.debug_tuple("acr_values").field(values).finish(),
            Self::MaxAge(max_age) => f.debug_tuple("max_age").field(max_age).finish(),
        }
    }
}
