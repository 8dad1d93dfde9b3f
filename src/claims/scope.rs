//! The `scope` claim: a space-separated list (RFC 6749 §3.3, RFC 8693 §4.2).

use std::fmt;
use std::sync::Arc;

use crate::error::AuthorizationError;
use crate::jose::Value;

/// The scopes a token grants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scopes<'a>(&'a str);

impl<'a> Scopes<'a> {
    pub(crate) fn new(list: &'a str) -> Self {
        Self(list)
    }

    /// Makes a space-separated list of a claim that is one already, or an array of scopes; `None` if it is neither.
    pub(crate) fn join(claim: Value<'_>) -> Option<Arc<str>> {
        let Some(elements) = claim.elements() else {
            return claim.as_str().map(|list| (*list).into());
        };
        let mut list = String::new();
        for element in elements {
            let scope = element.as_str()?;
            if !is_scope(&scope) {
                return None;
            }
            if !list.is_empty() {
                list.push(' ');
            }
            list.push_str(&scope);
        }
        Some(list.into())
    }

    /// The scopes in the order the token lists them.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether `scope` is granted; compared byte for byte (RFC 6749 §3.3).
    #[must_use]
    pub fn contains(self, scope: &str) -> bool {
        self.iter().any(|granted| granted == scope)
    }

    /// Whether no scope is granted.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }

    /// Passes if every scope of `needed`, a space-separated list, is granted. A list of none never passes: it is a mistake,
    /// and must not open a door.
    ///
    /// # Errors
    ///
    /// [`InsufficientScope`](crate::error::AuthorizationErrorKind::InsufficientScope), holding all of `needed`, so
    /// that the challenge tells the client everything it has to ask for at once (RFC 6750 §3.1).
    pub fn require(self, needed: &str) -> Result<(), AuthorizationError> {
        let needed = Scopes(needed);
        if !needed.is_empty() && needed.iter().all(|scope| self.contains(scope)) {
            return Ok(());
        }
        Err(AuthorizationError::insufficient_scope(needed.to_string()))
    }
}

/// Whether this is one scope by RFC 6749 §3.3: printable ASCII but space, quotation mark and backslash.
pub(crate) fn is_scope(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(allowed)
}

impl fmt::Display for Scopes<'_> {
    /// The scopes with one space between them, as RFC 6749 §3.3 writes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_granted_only_as_a_whole_word() {
        let scopes = Scopes::new("read  write:all");
        for (scope, granted) in [
            ("read", true),
            ("write:all", true),
            ("write", false),
            ("READ", false),
            ("", false),
            ("read write:all", false),
        ] {
            assert_eq!(scopes.contains(scope), granted, "{scope:?}");
        }
    }

    #[test]
    fn a_refusal_names_every_scope_that_is_needed() {
        let scopes = Scopes::new("read");
        assert_eq!(scopes.require("read"), Ok(()));
        assert!(scopes.require("").is_err() && scopes.require(" ").is_err());
        let refused = AuthorizationError::insufficient_scope("read admin");
        assert_eq!(scopes.require("read admin"), Err(refused));
    }
}
