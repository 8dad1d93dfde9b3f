//! From a resource identifier to the address of its metadata (RFC 9728 §3.1).

use crate::error::{ConfigError, ConfigErrorKind};
use crate::policy::check_url;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Where the document of a resource is.
#[derive(Debug)]
pub(super) struct Location {
    pub(super) url: Box<str>,
    pub(super) path: Box<str>,
    pub(super) query: Option<Box<str>>,
}

impl Location {
    /// The well-known path goes between the host and the rest of the identifier.
    pub(super) fn of(resource: &str) -> Result<Self, ConfigError> {
        let url = check_url(ConfigErrorKind::Resource, "resource", resource, false)?;
        let wrong = |problem| {
            let detail = format!("the resource {resource:?} {problem}");
            Err(ConfigError::new(ConfigErrorKind::Resource, detail))
        };
        // It goes into a quoted string of the challenge as it is.
        if !resource
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"')
        {
            return wrong("holds a character that a URL does not");
        }
        let (scheme, rest) = resource.split_once("://").unwrap_or(("https", resource));
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = rest.split('?').next().unwrap_or_default();
        // What the client's parser would write differently, it would ask us for differently (RFC 9728 §3.3).
        if url.path() != if path.is_empty() { "/" } else { path }
            || url.query() != rest.split_once('?').map(|(_, query)| query)
        {
            return wrong("is not written as a URL parser would write it");
        }
        // RFC 9728 §3.1: a slash that ends the identifier after its host is left out.
        let path = if path == "/" { "" } else { path };
        let query = url
            .query()
            .map_or_else(String::new, |query| format!("?{query}"));
        Ok(Self {
            url: format!("{scheme}://{authority}{WELL_KNOWN}{path}{query}").into(),
            path: format!("{WELL_KNOWN}{path}").into(),
            query: url.query().map(Into::into),
        })
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn the_well_known_path_goes_between_host_and_path() {
        for (resource, url, path) in [
            (
                "https://h",
                "https://h/.well-known/oauth-protected-resource",
                "",
            ),
            (
                "https://h/",
                "https://h/.well-known/oauth-protected-resource",
                "",
            ),
            (
                "https://h:8443/a/b",
                "https://h:8443/.well-known/oauth-protected-resource/a/b",
                "/a/b",
            ),
            (
                "https://h/a/",
                "https://h/.well-known/oauth-protected-resource/a/",
                "/a/",
            ),
            (
                "https://h/a?t=1&u=/x",
                "https://h/.well-known/oauth-protected-resource/a?t=1&u=/x",
                "/a",
            ),
            (
                "https://h?t=1",
                "https://h/.well-known/oauth-protected-resource?t=1",
                "",
            ),
            (
                "https://h/?t=1",
                "https://h/.well-known/oauth-protected-resource?t=1",
                "",
            ),
            (
                "https://H.example/A",
                "https://H.example/.well-known/oauth-protected-resource/A",
                "/A",
            ),
            (
                "http://127.0.0.1:3000/mcp",
                "http://127.0.0.1:3000/.well-known/oauth-protected-resource/mcp",
                "/mcp",
            ),
            (
                "http://[::1]:3000/mcp",
                "http://[::1]:3000/.well-known/oauth-protected-resource/mcp",
                "/mcp",
            ),
        ] {
            let location = Location::of(resource).expect(resource);
            assert_eq!(&*location.url, url, "{resource}");
            assert_eq!(&*location.path, format!("{WELL_KNOWN}{path}"), "{resource}");
            // What a client asks for, once its parser has read the address.
            let asked = Url::parse(url).expect(url);
            assert_eq!(asked.path(), &*location.path, "{resource}");
            assert_eq!(asked.query(), location.query.as_deref(), "{resource}");
        }
    }

    #[test]
    fn an_identifier_that_no_client_could_match_fails() {
        for resource in [
            "",
            "orders",
            "/orders",
            "urn:example:orders",
            "ftp://h/orders",
            "https:///orders",
            "https:h/orders",
            "HTTPS://h/orders",
            "http://api.example.com/orders",
            "https://h/orders#part",
            "https://user:secret@h/orders",
            "https://h/a b",
            " https://h/a",
            "https://h/a\r\nb",
            "https://h/a\"b",
            "https://h/a?q=\"b",
            "https://a\"b/",
            "https://h/a\\b",
            "https://h/../a",
            "https://h/%2e%2e/a",
            "https://h/ä",
            "https://h/?q=ä",
            "https://ä.example/",
            "https://h/{id}",
        ] {
            let error = Location::of(resource).expect_err(resource);
            assert_eq!(error.kind(), ConfigErrorKind::Resource, "{resource}");
            assert!(!error.to_string().contains("secret"), "{resource}");
        }
    }
}
