//! What goes into a provider's issuer, checked: nothing that could make another host or path of it.

use crate::error::{ConfigError, ConfigErrorKind};

/// A host name of two labels or more, without scheme, port or path.
pub(super) fn check_domain(domain: &str) -> Option<ConfigError> {
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(allowed)
    };
    let sound = domain.split('.').count() >= 2 && domain.split('.').all(label);
    (!sound).then(|| wrong("domain", domain, "is not a host name alone"))
}

/// One segment of a path, of characters that need no escape (RFC 3986 §2.3).
pub(super) fn check_segment(what: &str, text: &str) -> Option<ConfigError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let sound = !text.is_empty() && text != "." && text != ".." && text.bytes().all(allowed);
    (!sound).then(|| {
        wrong(
            what,
            text,
            "is not one path segment of letters, digits, -, _, . or ~",
        )
    })
}

pub(super) fn wrong(what: &str, text: &str, problem: &str) -> ConfigError {
    let detail = format!("the {what} {text:?} {problem}");
    ConfigError::new(ConfigErrorKind::Issuer, detail)
}
