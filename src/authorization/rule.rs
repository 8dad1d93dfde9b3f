//! The tree that a requirement is, and what it decides.

use std::fmt;
use std::sync::Arc;

use super::claim_path::ClaimPath;
use super::decision::{Decision, Quantifier};
use super::needed_scope::NeededScope;
use super::scope_hierarchy::ScopeHierarchy;
use super::step_up::StepUp;
use crate::verified::Verified;

type Predicate<C> = dyn Fn(&Verified<C>) -> bool + Send + Sync;

pub(super) enum Rule<C> {
    Scopes(Quantifier, Box<[NeededScope]>),
    Values(Quantifier, ClaimPath, Box<[Box<str>]>),
    Predicate(Arc<Predicate<C>>),
    StepUp(Arc<StepUp>),
    Several(Quantifier, Box<[Arc<Self>]>),
    Not(Arc<Self>),
}

/// Which login a rule is asked about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Login {
    /// The one that the token tells of.
    Present,
    /// The best there could be.
    Renewed,
}

impl<C> Rule<C> {
    pub(super) fn passes(&self, token: &Verified<C>, login: Login) -> bool {
        self.decide(token, login) == Decision::Passes
    }

    fn decide(&self, token: &Verified<C>, login: Login) -> Decision {
        match self {
            Self::Scopes(quantifier, scopes) => {
                let granted = token.scopes();
                quantifier.over(scopes.iter().map(|scope| scope.is_granted(granted).into()))
            }
            Self::Values(quantifier, path, values) => {
                let held = path.look_up(token.claims_set());
                quantifier.over(values.iter().map(|value| held.holds(value)))
            }
            Self::Predicate(predicate) => predicate(token).into(),
            Self::StepUp(step_up) => match login {
                Login::Present => step_up.check(token.claims_set(), token.checked_at()),
                Login::Renewed => step_up.check_renewed(),
            },
            Self::Several(quantifier, rules) => {
                quantifier.over(rules.iter().map(|rule| rule.decide(token, login)))
            }
            // Nobody is asked to log in for a rule that must not hold.
            Self::Not(rule) => rule.decide(token, Login::Present).opposite(),
        }
    }

    /// The same rule, where scopes are granted by what implies them too.
    pub(super) fn widened(&self, hierarchy: &ScopeHierarchy) -> Self {
        match self {
            Self::Scopes(quantifier, scopes) => {
                let scopes = scopes.iter().map(|scope| scope.widened(hierarchy));
                Self::Scopes(*quantifier, scopes.collect())
            }
            Self::Values(quantifier, path, values) => {
                Self::Values(*quantifier, path.clone(), values.clone())
            }
            Self::Predicate(predicate) => Self::Predicate(Arc::clone(predicate)),
            Self::StepUp(step_up) => Self::StepUp(Arc::clone(step_up)),
            Self::Several(quantifier, rules) => {
                let rules = rules.iter().map(|rule| Arc::new(rule.widened(hierarchy)));
                Self::Several(*quantifier, rules.collect())
            }
            Self::Not(rule) => Self::Not(Arc::new(rule.widened(hierarchy))),
        }
    }
}

impl<C> fmt::Debug for Rule<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Quantifier::{All, Any};
        let (name, parts): (_, &dyn fmt::Debug) = match self {
            Self::Scopes(All, scopes) => ("scopes", scopes),
            Self::Scopes(Any, scopes) => ("any_scope", scopes),
            Self::Values(quantifier, path, values) => {
                let name = match quantifier {
                    All => "all_values",
                    Any => "any_value",
                };
                return f.debug_tuple(name).field(path).field(values).finish();
            }
            Self::Predicate(_) => return f.write_str("predicate"),
            Self::StepUp(step_up) => return step_up.fmt(f),
            Self::Several(All, rules) => ("all", rules),
            Self::Several(Any, rules) => ("any", rules),
            Self::Not(rule) => ("not", rule),
        };
        f.debug_tuple(name).field(parts).finish()
    }
}
