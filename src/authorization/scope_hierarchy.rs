//! Which scopes are worth others.

/// Which scopes imply others: whoever was granted `admin` may read.
///
/// Applied by [`Requirement::with_hierarchy`](super::Requirement::with_hierarchy). Implications chain, and a circle of them
/// makes its scopes worth the same. The default implies nothing.
///
/// ```
/// use tower_bearer::authorization::{Requirement, ScopeHierarchy};
///
/// let hierarchy = ScopeHierarchy::new().implies("admin", "write").implies("write", "read");
/// // Passes with `read`, `write` or `admin`. A challenge asks for no more than `read`.
/// let may_read: Requirement = Requirement::scopes("read").with_hierarchy(&hierarchy);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ScopeHierarchy {
    implications: Vec<Implication>,
}

#[derive(Clone, Debug)]
struct Implication {
    scope: Box<str>,
    implied: Box<str>,
}

impl ScopeHierarchy {
    /// A hierarchy that implies nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Has `scope` imply all of `implied`, a list separated by spaces.
    #[must_use]
    pub fn implies(mut self, scope: &str, implied: &str) -> Self {
        let implied = implied.split(' ').filter(|scope| !scope.is_empty());
        self.implications.extend(implied.map(|implied| Implication {
            scope: scope.into(),
            implied: implied.into(),
        }));
        self
    }

    /// Adds to `scopes` every scope that implies one of them.
    pub(super) fn widen(&self, scopes: &mut Vec<Box<str>>) {
        let mut at = 0;
        while let Some(implied) = scopes.get(at).cloned() {
            for implication in &self.implications {
                if implication.implied == implied && !scopes.contains(&implication.scope) {
                    scopes.push(implication.scope.clone());
                }
            }
            at += 1;
        }
    }
}
