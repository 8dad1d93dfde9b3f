//! What an operation needs of a token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::claim_path::ClaimPath;
use super::decision::Quantifier;
use super::needed_scope::NeededScope;
use super::rule::{Login, Rule};
use super::scope_hierarchy::ScopeHierarchy;
use super::step_up::StepUp;
use crate::claims::Claims;
use crate::error::AuthorizationError;
use crate::verified::Verified;

/// What an operation needs of a token; cheap to clone, and usable for every token with claims of type `C`.
///
/// [The module](super) says when a token is let through and what a refusal looks like. A requirement that many requests share
/// can be a `static`:
///
/// ```
/// use std::sync::LazyLock;
/// use tower_bearer::{AuthorizationError, Verified, authorization::Requirement};
///
/// static MAY_REFUND: LazyLock<Requirement> = LazyLock::new(|| {
///     Requirement::scopes("payments:write").and(Requirement::any_value("groups", ["finance", "support leads"]))
/// });
///
/// fn refund(token: &Verified) -> Result<&'static str, AuthorizationError> {
///     MAY_REFUND.check(token)?;
///     Ok("refunded")
/// }
/// ```
pub struct Requirement<C = Claims> {
    rule: Arc<Rule<C>>,
}

impl<C> Requirement<C> {
    /// All scopes of `list`, which are separated by spaces. An empty list never passes.
    ///
    /// Compared byte for byte (RFC 6749 §3.3) with those of [`Verified::scopes`]. If one holds what a scope cannot, no challenge
    /// names any: the client is refused without being told what to ask for.
    #[must_use]
    pub fn scopes(list: &str) -> Self {
        Self::of(Rule::Scopes(Quantifier::All, NeededScope::list(list)))
    }

    /// One scope of `list`, which are separated by spaces. An empty list never passes.
    ///
    /// A token with none of them is told to ask for the first.
    #[must_use]
    pub fn any_scope(list: &str) -> Self {
        Self::of(Rule::Scopes(Quantifier::Any, NeededScope::list(list)))
    }

    /// The value `value` at the claim `path`: a role, a group, a permission. An empty value never passes.
    #[must_use]
    pub fn value(path: impl Into<ClaimPath>, value: impl Into<String>) -> Self {
        Self::any_value(path, [value])
    }

    /// One of `values` at the claim `path`. An empty list never passes.
    #[must_use]
    pub fn any_value<V: Into<String>>(
        path: impl Into<ClaimPath>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self::of(Rule::Values(Quantifier::Any, path.into(), boxed(values)))
    }

    /// All of `values` at the claim `path`. An empty list never passes.
    #[must_use]
    pub fn all_values<V: Into<String>>(
        path: impl Into<ClaimPath>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self::of(Rule::Values(Quantifier::All, path.into(), boxed(values)))
    }

    /// Whatever `predicate` says of the token.
    ///
    /// It is asked whatever other rules have decided, more than once where the token is refused, and on the path of every
    /// request: it must be quick, and answer the same each time.
    #[must_use]
    pub fn predicate(predicate: impl Fn(&Verified<C>) -> bool + Send + Sync + 'static) -> Self {
        Self::of(Rule::Predicate(Arc::new(predicate)))
    }

    /// All of `requirements`. None at all never pass.
    #[must_use]
    pub fn all(requirements: impl IntoIterator<Item = Self>) -> Self {
        Self::of(Rule::Several(Quantifier::All, rules(requirements)))
    }

    /// One of `requirements`. None at all never pass.
    #[must_use]
    pub fn any(requirements: impl IntoIterator<Item = Self>) -> Self {
        Self::of(Rule::Several(Quantifier::Any, rules(requirements)))
    }

    /// What `requirement` refuses, unless it refuses because nothing can be decided.
    ///
    /// Nothing within it is asked for in a challenge. Weaker than to demand something: it passes where the issuer has
    /// left the claim out.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "stands beside `all` and `any`, and reads as they do"
    )]
    pub fn not(requirement: Self) -> Self {
        Self::of(Rule::Not(requirement.rule))
    }

    /// This requirement and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::all([self, other])
    }

    /// This requirement or `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::any([self, other])
    }

    /// A login with one of these authentication contexts: the token's `acr` (RFC 9470 §3), compared byte for byte.
    ///
    /// A token without `acr` does not pass. Nor does any with an empty list; a value that is empty or has a space in it is
    /// left out, since no challenge can ask for it.
    #[must_use]
    pub fn acr_values<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        Self::of(Rule::StepUp(Arc::new(StepUp::acr_values(values))))
    }

    /// A login at most `max_age` before the request: the token's `auth_time` (RFC 9470 §3).
    ///
    /// A token without `auth_time` does not pass, nor one whose `auth_time` is more than 10 s ahead, whatever the leeway of the
    /// policy. The time is taken from
    /// [`Verified::checked_at`]. Leave room for the way from the login to the request: whoever demands zero refuses nearly
    /// everybody.
    #[must_use]
    pub fn max_age(max_age: Duration) -> Self {
        Self::of(Rule::StepUp(Arc::new(StepUp::MaxAge(max_age))))
    }

    /// Has every scope in this requirement be granted also by those that imply it.
    ///
    /// Within a [`not`](Self::not) too: who may do more is not taken for one who may do less. Challenges ask for the same
    /// scopes as before.
    #[must_use]
    pub fn with_hierarchy(self, hierarchy: &ScopeHierarchy) -> Self {
        Self::of(self.rule.widened(hierarchy))
    }

    /// Passes if `token` satisfies the requirement.
    ///
    /// # Errors
    ///
    /// [`AuthorizationError`], whose kind tells what would help, with all scopes that the operation needs.
    pub fn check(&self, token: &Verified<C>) -> Result<(), AuthorizationError> {
        if self.rule.passes(token, Login::Present) {
            Ok(())
        } else {
            Err(self.rule.refusal(token))
        }
    }

    fn of(rule: Rule<C>) -> Self {
        Self {
            rule: Arc::new(rule),
        }
    }
}

fn boxed<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Box<[Box<str>]> {
    let values = values.into_iter().map(Into::into);
    values.map(String::into_boxed_str).collect()
}

fn rules<C>(requirements: impl IntoIterator<Item = Requirement<C>>) -> Box<[Arc<Rule<C>>]> {
    let requirements = requirements.into_iter();
    requirements.map(|requirement| requirement.rule).collect()
}

impl<C> Clone for Requirement<C> {
    fn clone(&self) -> Self {
        Self {
            rule: Arc::clone(&self.rule),
        }
    }
}

impl<C> fmt::Debug for Requirement<C> {
    /// Shows the rules as they are written in code; of a predicate only that there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Requirement").field(&self.rule).finish()
    }
}
