//! A scope that an operation needs.

use std::fmt;

use super::scope_hierarchy::ScopeHierarchy;
use crate::claims::Scopes;

/// A scope, and those that are as good.
#[derive(Clone)]
pub(super) struct NeededScope {
    /// The scope itself, then what implies it.
    granted_by: Vec<Box<str>>,
}

impl NeededScope {
    /// Each scope of a list that is separated by spaces.
    pub(super) fn list(scopes: &str) -> Box<[Self]> {
        let scopes = Scopes::new(scopes).iter();
        let needed = scopes.map(|scope| Self {
            granted_by: vec![scope.into()],
        });
        needed.collect()
    }

    pub(super) fn widened(&self, hierarchy: &ScopeHierarchy) -> Self {
        let mut wider = self.clone();
        hierarchy.widen(&mut wider.granted_by);
        wider
    }

    /// The scope to ask for.
    pub(super) fn name(&self) -> &str {
        self.granted_by.first().map_or("", AsRef::as_ref)
    }

    pub(super) fn is_granted(&self, granted: Scopes<'_>) -> bool {
        let mut granted_by = self.granted_by.iter();
        granted_by.any(|scope| granted.contains(scope))
    }
}

impl fmt::Debug for NeededScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.granted_by.join(" or "))
    }
}
