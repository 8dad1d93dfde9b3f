//! The `WWW-Authenticate` challenge (RFC 6750 §3): a value first, then a header.
//!
//! A challenge is made when a service is built, of the service's own words, or of a requirement in its code. Nothing
//! that a client sent appears in it, and no character that could end a quoted string.

use std::fmt::Write as _;

use http::HeaderValue;

use crate::error::{ConfigError, ConfigErrorKind};

/// The attributes that every challenge of a service carries.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    parameters: String,
}

impl Challenge {
    /// A challenge for the protection space `realm` (RFC 9110 §11.5).
    pub(crate) fn new(realm: &str) -> Result<Self, ConfigError> {
        // RFC 6750 §3: the characters of error_description, which are those of a quoted string that need no escape.
        if realm.is_empty() || !realm.bytes().all(|byte| is_plain(byte) || byte == b' ') {
            return Err(ConfigError::new(
                ConfigErrorKind::Challenge,
                format!("the realm {realm:?} is empty or holds what a challenge cannot carry"),
            ));
        }
        Ok(Self {
            parameters: format!("realm=\"{realm}\""),
        })
    }

    /// Adds the scopes that a client should ask for (RFC 6750 §3).
    pub(crate) fn with_scope(mut self, scope: &str) -> Result<Self, ConfigError> {
        if !is_scope_list(scope) {
            return Err(ConfigError::new(
                ConfigErrorKind::Challenge,
                format!("the scope {scope:?} is empty or holds what a scope cannot"),
            ));
        }
        self.push("scope", scope);
        Ok(self)
    }

    /// Adds an error code and its fixed explanation (RFC 6750 §3.1).
    pub(crate) fn with_error(mut self, error: &'static str, description: &'static str) -> Self {
        self.push("error", error);
        self.push("error_description", description);
        self
    }

    /// The header. A challenge is checked when it is made, so that this cannot fail.
    pub(crate) fn to_header(&self) -> HeaderValue {
        HeaderValue::try_from(format!("Bearer {}", self.parameters))
            .unwrap_or(HeaderValue::from_static("Bearer realm=\"\""))
    }

    fn push(&mut self, name: &'static str, value: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.parameters, ", {name}=\"{value}\"");
    }
}

/// The challenge of a 403 (RFC 6750 §3.1): all the scopes that are needed, or none if they cannot be written.
pub(crate) fn insufficient_scope(needed: &str) -> HeaderValue {
    let scope = if is_scope_list(needed) {
        format!(", scope=\"{needed}\"")
    } else {
        String::new()
    };
    HeaderValue::try_from(format!("Bearer error=\"insufficient_scope\"{scope}")).unwrap_or(
        HeaderValue::from_static("Bearer error=\"insufficient_scope\""),
    )
}

/// RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ), with single spaces between.
fn is_scope_list(list: &str) -> bool {
    list.split(' ')
        .all(|scope| !scope.is_empty() && scope.bytes().all(is_plain))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_written_as_one_header() {
        let challenge = Challenge::new("orders")
            .and_then(|challenge| challenge.with_scope("read write"))
            .expect("plain words");
        assert_eq!(
            challenge.to_header(),
            "Bearer realm=\"orders\", scope=\"read write\""
        );
        assert_eq!(
            challenge.with_error("invalid_token", "no").to_header(),
            "Bearer realm=\"orders\", scope=\"read write\", error=\"invalid_token\", error_description=\"no\"",
        );
    }

    #[test]
    fn what_could_end_a_quoted_string_never_gets_into_a_challenge() {
        for bad in ["", "a\"b", "a\\b", "a\nb", "ä", "a\u{7f}"] {
            assert!(Challenge::new(bad).is_err(), "{bad:?}");
            assert!(
                Challenge::new("r").and_then(|c| c.with_scope(bad)).is_err(),
                "{bad:?}"
            );
            assert_eq!(
                insufficient_scope(bad),
                "Bearer error=\"insufficient_scope\"",
                "{bad:?}"
            );
        }
        assert_eq!(
            insufficient_scope("a b"),
            "Bearer error=\"insufficient_scope\", scope=\"a b\""
        );
    }
}
