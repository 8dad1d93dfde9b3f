//! The `WWW-Authenticate` challenge (RFC 6750 §3, RFC 9449 §7.1): a value first, then a header.
//!
//! A challenge is made of the service's own words, or of a requirement in its code. Nothing that a client sent appears in
//! it, and no character that could end a quoted string.

use std::fmt::Write as _;

use http::HeaderValue;

use crate::claims::is_scope;
use crate::error::{ConfigError, ConfigErrorKind};

/// A challenge of the schemes `Bearer` and `DPoP`, with the attributes that every one of a service carries.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    realm: String,
    scope: Option<String>,
    resource_metadata: Option<String>,
}

impl Default for Challenge {
    /// RFC 6750 §3 wants an attribute in every challenge.
    fn default() -> Self {
        Self {
            realm: "protected".to_owned(),
            scope: None,
            resource_metadata: None,
        }
    }
}

/// What a client is told beside that (RFC 6750 §3.1, RFC 9470 §3, RFC 9449 §7.1).
#[derive(Clone, Copy, Default)]
pub(crate) struct Attributes<'a> {
    pub(crate) error: &'a str,
    pub(crate) description: &'a str,
    /// The scopes that are needed, instead of those that every challenge names.
    pub(crate) needed: &'a str,
    pub(crate) acr_values: &'a str,
    pub(crate) max_age: Option<u64>,
    /// The algorithms by which proofs may be signed.
    pub(crate) algs: &'a str,
}

impl Challenge {
    /// A challenge for the protection space `realm` (RFC 9110 §11.5).
    pub(crate) fn new(realm: &str) -> Result<Self, ConfigError> {
        if !is_quotable(realm) {
            return Err(ConfigError::new(
                ConfigErrorKind::Challenge,
                format!("the realm {realm:?} is empty or holds what a challenge cannot carry"),
            ));
        }
        Ok(Self {
            realm: realm.to_owned(),
            ..Self::default()
        })
    }

    /// Adds the scopes that a client should ask for (RFC 6750 §3).
    pub(crate) fn with_scope(mut self, scope: &str) -> Result<Self, ConfigError> {
        // It is asked of the issuer, and no resource needs it (OpenID Connect Core §11).
        let offline = scope.split(' ').any(|scope| scope == "offline_access");
        if offline || !is_scope_list(scope) {
            return Err(ConfigError::new(
                ConfigErrorKind::Challenge,
                format!(
                    "the scope {scope:?} is empty, or holds what a scope cannot or \"offline_access\""
                ),
            ));
        }
        self.scope = Some(scope.to_owned());
        Ok(self)
    }

    /// Adds the URL where the service tells of itself (RFC 9728 §5.1).
    pub(crate) fn with_resource_metadata(mut self, url: &str) -> Result<Self, ConfigError> {
        if !is_quotable(url) {
            return Err(ConfigError::new(
                ConfigErrorKind::Resource,
                format!("a challenge cannot carry the URL {url:?}"),
            ));
        }
        self.resource_metadata = Some(url.to_owned());
        Ok(self)
    }

    /// The challenge of another scheme in the same protection space.
    pub(crate) fn of_scheme(&self, scheme: &str) -> HeaderValue {
        let mut text = format!("{scheme} realm=\"{}\"", self.realm);
        if let Some(url) = &self.resource_metadata {
            // Writing to a string cannot fail.
            let _ = write!(text, ", resource_metadata=\"{url}\"");
        }
        header(text)
    }

    /// The header of a request that showed nothing to judge: without an error code.
    pub(crate) fn to_header(&self) -> HeaderValue {
        self.to_header_with(Attributes::default())
    }

    /// The header that tells a client what was wrong. What it cannot carry is left out.
    pub(crate) fn to_header_with(&self, attributes: Attributes<'_>) -> HeaderValue {
        self.of_token_scheme("Bearer", attributes)
    }

    /// The same in `scheme`, by which a token can be sent.
    pub(crate) fn of_token_scheme(&self, scheme: &str, attributes: Attributes<'_>) -> HeaderValue {
        let mut text = format!("{scheme} realm=\"{}\"", self.realm);
        let mut attribute = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = write!(text, ", {name}=\"{value}\"");
        };
        // One that names needed scopes names no others: the client would ask for what does not help.
        let scope = if attributes.error.starts_with("insufficient") {
            attributes.needed
        } else {
            self.scope.as_deref().unwrap_or_default()
        };
        if is_scope_list(scope) {
            attribute("scope", scope);
        }
        if !attributes.error.is_empty() {
            attribute("error", attributes.error);
            attribute("error_description", attributes.description);
        }
        if is_quotable(attributes.acr_values) {
            attribute("acr_values", attributes.acr_values);
        }
        if let Some(seconds) = attributes.max_age {
            attribute("max_age", &seconds.to_string());
        }
        if !attributes.algs.is_empty() {
            attribute("algs", attributes.algs);
        }
        if let Some(url) = &self.resource_metadata {
            attribute("resource_metadata", url);
        }
        header(text)
    }
}

/// A challenge is checked as it is made, so that this cannot fail.
fn header(challenge: String) -> HeaderValue {
    HeaderValue::try_from(challenge).unwrap_or(HeaderValue::from_static("Bearer realm=\"\""))
}

/// RFC 6749 §3.3: scopes with single spaces between.
fn is_scope_list(list: &str) -> bool {
    list.split(' ').all(is_scope)
}

/// RFC 6750 §3: the characters of error_description, which are those of a quoted string that need no escape.
fn is_quotable(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.bytes().all(plain)
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
        let attributes = Attributes {
            error: "invalid_token",
            description: "no",
            ..Attributes::default()
        };
        assert_eq!(
            challenge.to_header_with(attributes),
            "Bearer realm=\"orders\", scope=\"read write\", error=\"invalid_token\", error_description=\"no\"",
        );
    }

    #[test]
    fn scopes_that_are_needed_stand_in_the_place_of_those_that_every_challenge_names() {
        let challenge = Challenge::new("orders").and_then(|challenge| challenge.with_scope("read"));
        let challenge = challenge.expect("plain words");
        for (needed, scope) in [("read admin", "scope=\"read admin\", "), ("", "")] {
            let attributes = Attributes {
                error: "insufficient_scope",
                description: "no",
                needed,
                ..Attributes::default()
            };
            let whole = format!(
                "Bearer realm=\"orders\", {scope}error=\"insufficient_scope\", error_description=\"no\""
            );
            assert_eq!(challenge.to_header_with(attributes), whole);
        }
    }

    #[test]
    fn what_could_end_a_quoted_string_never_gets_into_a_challenge() {
        for bad in ["", "a\"b", "a\\b", "a\nb", "ä", "a\u{7f}"] {
            assert!(Challenge::new(bad).is_err(), "{bad:?}");
            let challenge = Challenge::new("r").expect("a plain word");
            assert!(challenge.clone().with_scope(bad).is_err(), "{bad:?}");
            assert!(
                challenge.clone().with_resource_metadata(bad).is_err(),
                "{bad:?}"
            );
            let attributes = Attributes {
                error: "insufficient_scope",
                description: "no",
                needed: bad,
                acr_values: bad,
                ..Attributes::default()
            };
            assert_eq!(
                challenge.to_header_with(attributes),
                "Bearer realm=\"r\", error=\"insufficient_scope\", error_description=\"no\"",
                "{bad:?}"
            );
        }
    }
}
