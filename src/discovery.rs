//! From an issuer to the place of its keys (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).
//!
//! A discovery document is believed only if it comes from a well-known path of the issuer, is one strict JSON object,
//! and its `issuer` equals ours byte for byte. Its `jwks_uri` must be `https` when the issuer is.

use std::error::Error;
use std::fmt;

use http::StatusCode;
use url::{Host, Url};

use crate::fetch::{FetchError, FetchErrorKind};
use crate::jose::{JsonError, Members};

/// Why an issuer's discovery led to no keys.
#[derive(Clone, Debug)]
pub(crate) enum DiscoveryError {
    /// The issuer is no URL with a host.
    NoUrl,
    /// The document did not come.
    Fetch(FetchError),
    /// The document is not UTF-8.
    NotText,
    /// The document is not one strict JSON object.
    Json(JsonError),
    /// The document is another issuer's, or names none.
    Issuer { found: Option<String> },
    /// The document names no `jwks_uri` that is a URL.
    NoKeySetUrl,
    /// The document's `jwks_uri` is not as safe as the issuer itself.
    KeySetTransport,
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUrl => f.write_str("issuer is not a URL"),
            Self::Fetch(_) => f.write_str("discovery document cannot be fetched"),
            Self::NotText => f.write_str("discovery document is not UTF-8"),
            Self::Json(_) => f.write_str("discovery document is not one strict JSON object"),
            Self::Issuer { found: Some(found) } => {
                write!(
                    f,
                    "discovery document is of the issuer {found:?}, not of ours"
                )
            }
            Self::Issuer { found: None } => f.write_str("discovery document names no issuer"),
            Self::NoKeySetUrl => f.write_str("discovery document names no \"jwks_uri\""),
            Self::KeySetTransport => f.write_str("\"jwks_uri\" is not https as the issuer is"),
        }
    }
}

impl Error for DiscoveryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Fetch(error) => Some(error),
            Self::Json(error) => Some(error),
            _ => None,
        }
    }
}

impl DiscoveryError {
    /// Whether the issuer may still have its document at the other path: it answered, though not with what we want.
    pub(crate) fn leaves_hope(&self) -> bool {
        match self {
            Self::Fetch(error) => matches!(error.kind(), FetchErrorKind::Status(_)),
            _ => true,
        }
    }

    /// Whether a document of the issuer's own place speaks against what an earlier one said; any other failure says nothing.
    pub(crate) fn contradicts(&self) -> bool {
        matches!(
            self,
            Self::Issuer { found: Some(_) } | Self::KeySetTransport
        )
    }

    /// Whether there simply is no document; any other failure explains more.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Fetch(error) if error.kind() == FetchErrorKind::Status(StatusCode::NOT_FOUND))
    }
}

/// Where the issuer may have its document, in the order in which to ask.
pub(crate) fn locations(issuer: &str) -> Result<[Url; 2], DiscoveryError> {
    let url = Url::parse(issuer).map_err(|_| DiscoveryError::NoUrl)?;
    if !url.has_host() {
        return Err(DiscoveryError::NoUrl);
    }
    let path = url.path().strip_suffix('/').unwrap_or(url.path());
    let at = |path: String| {
        let mut url = url.clone();
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    Ok([
        // OpenID Connect Discovery 1.0 §4: appended, after removing a trailing slash.
        at(format!("{path}/.well-known/openid-configuration")),
        // RFC 8414 §3.1: inserted between host and path.
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ])
}

/// Reads a discovery document of `issuer` and returns its `jwks_uri`.
pub(crate) fn key_set_url(
    document: &[u8],
    issuer: &str,
    plain_http: bool,
) -> Result<Url, DiscoveryError> {
    let text = std::str::from_utf8(document).map_err(|_| DiscoveryError::NotText)?;
    let members = Members::scan(text).map_err(DiscoveryError::Json)?;
    let member = |name| members.get(text, name).and_then(|value| value.as_str());

    // RFC 8414 §3.3: identical, code point by code point; else one issuer could name another's keys as its own.
    let found = member("issuer");
    if found.as_deref() != Some(issuer) {
        let found = found.map(|found| found.chars().take(256).collect());
        return Err(DiscoveryError::Issuer { found });
    }
    let url = member("jwks_uri")
        .and_then(|uri| Url::parse(&uri).ok())
        .filter(Url::has_host)
        .ok_or(DiscoveryError::NoKeySetUrl)?;

    let safe = match url.scheme() {
        "https" => true,
        "http" => plain_http || (!issuer.starts_with("https:") && is_loopback(&url)),
        _ => false,
    };
    if safe {
        Ok(url)
    } else {
        Err(DiscoveryError::KeySetTransport)
    }
}

/// Whether `url` cannot lead off this machine, and so needs no https.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use super::*;

    #[test]
    fn the_openid_path_is_appended_and_the_other_inserted() {
        for (issuer, openid, oauth) in [
            (
                "https://id.example",
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example/",
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://id.example:8443/tenant/v2.0",
                "https://id.example:8443/tenant/v2.0/.well-known/openid-configuration",
                "https://id.example:8443/.well-known/oauth-authorization-server/tenant/v2.0",
            ),
            (
                "https://id.example/tenant/",
                "https://id.example/tenant/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server/tenant",
            ),
        ] {
            let [first, second] = locations(issuer).unwrap();
            assert_eq!(
                (first.as_str(), second.as_str()),
                (openid, oauth),
                "{issuer}"
            );
        }
        assert!(locations("id.example").is_err());
        assert!(locations("urn:issuer").is_err());
    }

    #[test]
    fn a_document_is_believed_only_if_it_is_the_issuers_own() {
        let https = "https://id.example";
        let http = "http://127.0.0.1:9000";
        let table: &[(&str, &str, bool, Result<&str, &str>)] = &[
            (
                https,
                r#"{"issuer":"https://id.example","jwks_uri":"https://id.example/jwks"}"#,
                false,
                Ok("https://id.example/jwks"),
            ),
            (
                https,
                r#"{"jwks_uri":"https://keys.example/jwks","x":{"y":[1]},"issuer":"https://id.example"}"#,
                false,
                Ok("https://keys.example/jwks"),
            ),
            (
                https,
                r#"{"issuer":"https://id.example/","jwks_uri":"https://id.example/jwks"}"#,
                false,
                Err("Issuer"),
            ),
            (
                https,
                r#"{"issuer":"https://ID.example","jwks_uri":"https://id.example/jwks"}"#,
                false,
                Err("Issuer"),
            ),
            (
                https,
                r#"{"issuer":["https://id.example"],"jwks_uri":"https://id.example/jwks"}"#,
                false,
                Err("Issuer"),
            ),
            (
                https,
                r#"{"jwks_uri":"https://id.example/jwks"}"#,
                false,
                Err("Issuer"),
            ),
            (
                https,
                r#"{"issuer":"https://evil.example","issuer":"https://id.example","jwks_uri":"https://id.example/jwks"}"#,
                false,
                Err("Json"),
            ),
            (
                https,
                r#"{"issuer":"https://id.example"}"#,
                false,
                Err("NoKeySetUrl"),
            ),
            (
                https,
                r#"{"issuer":"https://id.example","jwks_uri":"/jwks"}"#,
                false,
                Err("NoKeySetUrl"),
            ),
            (
                https,
                r#"{"issuer":"https://id.example","jwks_uri":"data:,x"}"#,
                false,
                Err("NoKeySetUrl"),
            ),
            (
                https,
                r#"{"issuer":"https://id.example","jwks_uri":"file://host/x"}"#,
                true,
                Err("KeySetTransport"),
            ),
            (
                https,
                r#"{"issuer":"https://id.example","jwks_uri":"http://id.example/jwks"}"#,
                false,
                Err("KeySetTransport"),
            ),
            (
                https,
                r#"{"issuer":"https://id.example","jwks_uri":"http://127.0.0.1/jwks"}"#,
                false,
                Err("KeySetTransport"),
            ),
            (
                https,
                r#"{"issuer":"https://id.example","jwks_uri":"http://id.example/jwks"}"#,
                true,
                Ok("http://id.example/jwks"),
            ),
            (
                http,
                r#"{"issuer":"http://127.0.0.1:9000","jwks_uri":"http://localhost:9000/jwks"}"#,
                false,
                Ok("http://localhost:9000/jwks"),
            ),
            (
                http,
                r#"{"issuer":"http://127.0.0.1:9000","jwks_uri":"http://[::1]:9000/jwks"}"#,
                false,
                Ok("http://[::1]:9000/jwks"),
            ),
            (
                http,
                r#"{"issuer":"http://127.0.0.1:9000","jwks_uri":"http://id.example/jwks"}"#,
                false,
                Err("KeySetTransport"),
            ),
            (https, "<html>", false, Err("Json")),
            (https, "", false, Err("Json")),
        ];
        for (issuer, document, plain_http, want) in table {
            let found = key_set_url(document.as_bytes(), issuer, *plain_http);
            match (found, want) {
                (Ok(url), Ok(want)) => assert_eq!(url.as_str(), *want, "{document}"),
                (Err(error), Err(want)) => assert!(
                    format!("{error:?}").starts_with(want),
                    "{document}: {error:?}"
                ),
                (found, _) => panic!("{document}: {found:?}"),
            }
        }
        assert!(matches!(
            key_set_url(b"{\"issuer\":\"\xff\"}", https, false),
            Err(DiscoveryError::NotText)
        ));
    }
}
