//! What to tell of a token that a requirement has not let through.

use std::sync::Arc;
use std::time::Duration;

use super::decision::Quantifier;
use super::needed_scope::NeededScope;
use super::rule::{Login, Rule};
use super::step_up::StepUp;
use crate::error::{AuthorizationError, AuthorizationErrorKind};
use crate::verified::Verified;

impl<C> Rule<C> {
    /// Why `token`, which does not pass, is refused.
    pub(super) fn refusal(&self, token: &Verified<C>) -> AuthorizationError {
        let mut needs = Needs::default();
        needs.gather(self, token);
        let needed = needs.scopes.join(" ").into();
        let kind = if self.passes(token, Login::Renewed) && !needs.contradictory() {
            AuthorizationErrorKind::InsufficientUserAuthentication {
                acr_values: needs.acr_values.unwrap_or_default().join(" ").into(),
                max_age: needs.max_age,
                needed,
            }
        } else if self.lacks_scope(token) {
            AuthorizationErrorKind::InsufficientScope { needed }
        } else {
            AuthorizationErrorKind::Forbidden { needed }
        };
        kind.into()
    }

    /// Whether it is for a scope, among other things, that no login makes the token pass.
    fn lacks_scope(&self, token: &Verified<C>) -> bool {
        let asks_for_one = match self {
            Self::Scopes(_, scopes) => !scopes.is_empty(),
            Self::Several(_, rules) => rules.iter().any(|rule| rule.lacks_scope(token)),
            Self::Values(..) | Self::Predicate(_) | Self::StepUp(_) | Self::Not(_) => false,
        };
        asks_for_one && !self.passes(token, Login::Renewed)
    }

    /// The alternative to tell the client of: the one that passes, or else the one that can soonest be made to.
    fn alternative<'r>(rules: &'r [Arc<Self>], token: &Verified<C>) -> Option<&'r Self> {
        let first = |is: &dyn Fn(&Self) -> bool| rules.iter().find(|rule| is(rule));
        let found = first(&|rule| rule.passes(token, Login::Present))
            .or_else(|| first(&|rule| rule.passes(token, Login::Renewed)))
            .or_else(|| first(&|rule| rule.lacks_scope(token)))
            .or(rules.first());
        found.map(AsRef::as_ref)
    }
}

/// All that an operation needs and a client can ask its authorization server for.
#[derive(Default)]
struct Needs<'r> {
    scopes: Vec<&'r str>,
    /// Those that satisfy every demand; `None` if there is no demand.
    acr_values: Option<Vec<&'r str>>,
    max_age: Option<Duration>,
}

impl<'r> Needs<'r> {
    fn gather<C>(&mut self, rule: &'r Rule<C>, token: &Verified<C>) {
        match rule {
            Rule::Scopes(Quantifier::All, scopes) => {
                scopes.iter().for_each(|scope| self.need_scope(scope));
            }
            Rule::Scopes(Quantifier::Any, scopes) => {
                let granted = token.scopes();
                let granted = scopes.iter().find(|scope| scope.is_granted(granted));
                granted
                    .or(scopes.first())
                    .into_iter()
                    .for_each(|scope| self.need_scope(scope));
            }
            Rule::StepUp(step_up) => self.need_login(step_up),
            Rule::Several(Quantifier::All, rules) => {
                rules.iter().for_each(|rule| self.gather(rule, token));
            }
            Rule::Several(Quantifier::Any, rules) => {
                if let Some(rule) = Rule::alternative(rules, token) {
                    self.gather(rule, token);
                }
            }
            Rule::Values(..) | Rule::Predicate(_) | Rule::Not(_) => {}
        }
    }

    fn need_scope(&mut self, scope: &'r NeededScope) {
        if !self.scopes.contains(&scope.name()) {
            self.scopes.push(scope.name());
        }
    }

    fn need_login(&mut self, step_up: &'r StepUp) {
        match step_up {
            StepUp::AcrValues(values) => {
                let values = values.iter().map(AsRef::as_ref);
                self.acr_values = Some(match self.acr_values.take() {
                    None => values.collect(),
                    Some(mut common) => {
                        common.retain(|value| values.clone().any(|other| other == *value));
                        common
                    }
                });
            }
            StepUp::MaxAge(max_age) => {
                let smallest = self.max_age.map_or(*max_age, |other| other.min(*max_age));
                self.max_age = Some(smallest);
            }
        }
    }

    /// Whether no login can satisfy every demand.
    fn contradictory(&self) -> bool {
        self.acr_values.as_ref().is_some_and(Vec::is_empty)
    }
}
