//! From an issuer to the place of its keys (OpenID Connect Discovery 1.0 §4, RFC 8414 §3).
//!
//! A discovery document is believed only if it comes from a well-known path of the issuer, is one strict JSON object,
//! and its `issuer` equals ours byte for byte. Its `jwks_uri` must be `https` when the issuer is.

use std::error::Error;
use std::fmt;

use http::StatusCode;
use url::{Host, Url};

use crate::fetch::{FetchError, FetchErrorKind};
use crate::jose::{JsonError, Members, Value};

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
    /// The document names no `introspection_endpoint` that is a URL.
    NoIntrospectionUrl,
    /// The document's `introspection_endpoint` is not as safe as the issuer itself.
    IntrospectionTransport,
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
            Self::NoIntrospectionUrl => {
                f.write_str("discovery document names no \"introspection_endpoint\"")
            }
            Self::IntrospectionTransport => {
                f.write_str("\"introspection_endpoint\" is not https as the issuer is")
            }
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
    fn leaves_hope(&self) -> bool {
        match self {
            Self::Fetch(error) => matches!(error.kind(), FetchErrorKind::Status(_)),
            _ => true,
        }
    }

    /// Whether a document of the issuer's own place speaks against what an earlier one said; any other failure says nothing.
    pub(crate) fn contradicts(&self) -> bool {
        matches!(
            self,
            Self::Issuer { found: Some(_) } | Self::KeySetTransport | Self::IntrospectionTransport
        )
    }

    /// Whether there simply is no document; any other failure explains more.
    fn is_absence(&self) -> bool {
        matches!(self, Self::Fetch(error) if error.kind() == FetchErrorKind::Status(StatusCode::NOT_FOUND))
    }
}

/// Why the documents that were looked at so far led nowhere.
#[derive(Default)]
pub(crate) struct Failures(Option<DiscoveryError>);

impl Failures {
    /// Keeps the failure that explains most; whether it is worth while to look at the other place.
    pub(crate) fn note(&mut self, error: DiscoveryError) -> bool {
        let hope = error.leaves_hope();
        if error.contradicts() || self.0.as_ref().is_none_or(DiscoveryError::is_absence) {
            self.0 = Some(error);
        }
        hope
    }

    pub(crate) fn explained(self) -> DiscoveryError {
        self.0.unwrap_or(DiscoveryError::NoUrl)
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
    let document = Document::read(document, issuer)?;
    let url = document
        .url("jwks_uri")
        .ok_or(DiscoveryError::NoKeySetUrl)?;
    if is_safe(&url, issuer, plain_http) {
        Ok(url)
    } else {
        Err(DiscoveryError::KeySetTransport)
    }
}

/// Reads a discovery document of `issuer` and returns its `introspection_endpoint`; with `mutual_tls` the one that is for clients
/// with a certificate, if there is one (RFC 8705 §5).
pub(crate) fn introspection_url(
    document: &[u8],
    issuer: &str,
    plain_http: bool,
    mutual_tls: bool,
) -> Result<Url, DiscoveryError> {
    const NAME: &str = "introspection_endpoint";
    let document = Document::read(document, issuer)?;
    let alias = document.alias(NAME).filter(|_| mutual_tls);
    let url = alias
        .or_else(|| document.url(NAME))
        .ok_or(DiscoveryError::NoIntrospectionUrl)?;
    if is_safe(&url, issuer, plain_http) {
        Ok(url)
    } else {
        Err(DiscoveryError::IntrospectionTransport)
    }
}

/// A discovery document that is the issuer's own.
struct Document<'d> {
    text: &'d str,
    members: Members,
}

impl<'d> Document<'d> {
    fn read(document: &'d [u8], issuer: &str) -> Result<Self, DiscoveryError> {
        let text = std::str::from_utf8(document).map_err(|_| DiscoveryError::NotText)?;
        let members = Members::scan(text).map_err(DiscoveryError::Json)?;
        let named = members.get(text, "issuer");
        let found = named.and_then(|value| value.as_str());
        // RFC 8414 §3.3: identical, code point by code point; else one issuer could name another's keys as its own.
        if found.as_deref() != Some(issuer) {
            let found = found.map(|found| found.chars().take(256).collect());
            return Err(DiscoveryError::Issuer { found });
        }
        Ok(Self { text, members })
    }

    fn url(&self, name: &str) -> Option<Url> {
        url(self.members.get(self.text, name)?)
    }

    /// The same endpoint for clients with a certificate (RFC 8705 §5).
    fn alias(&self, name: &str) -> Option<Url> {
        let aliases = self.members.get(self.text, "mtls_endpoint_aliases")?;
        url(aliases.members()?.get(aliases.raw(), name)?)
    }
}

fn url(value: Value<'_>) -> Option<Url> {
    // A password in it would stand in errors and logs.
    let open = |url: &Url| url.username().is_empty() && url.password().is_none();
    let url = Url::parse(&value.as_str()?).ok();
    url.filter(Url::has_host).filter(open)
}

/// Whether `url` is as safe as the issuer that names it.
fn is_safe(url: &Url, issuer: &str, plain_http: bool) -> bool {
    match url.scheme() {
        "https" => true,
        "http" => plain_http || (!issuer.starts_with("https:") && is_loopback(url)),
        _ => false,
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
    fn the_introspection_endpoint_is_as_safe_as_the_issuer_that_names_it() {
        let found = |members: &str, mutual_tls| {
            let document = format!(r#"{{"issuer":"https://id.example",{members}}}"#);
            introspection_url(document.as_bytes(), "https://id.example", false, mutual_tls)
                .map(String::from)
                .map_err(|error| format!("{error:?}"))
        };
        let one = r#""introspection_endpoint":"https://id.example/introspect""#;
        let both = format!(
            r#"{one},"mtls_endpoint_aliases":{{"introspection_endpoint":"https://mtls.id.example/introspect"}}"#
        );
        let unsafe_alias = format!(
            r#"{one},"mtls_endpoint_aliases":{{"introspection_endpoint":"http://mtls.id.example/"}}"#
        );
        let plain = "https://id.example/introspect";
        for (members, mutual_tls, want) in [
            (one, false, Ok(plain)),
            (one, true, Ok(plain)),
            (&both, false, Ok(plain)),
            (&both, true, Ok("https://mtls.id.example/introspect")),
            (&unsafe_alias, true, Err("IntrospectionTransport")),
            (
                r#""introspection_endpoint":"https://a:hush@id.example/""#,
                false,
                Err("NoIntrospectionUrl"),
            ),
            (
                r#""introspection_endpoint":7"#,
                false,
                Err("NoIntrospectionUrl"),
            ),
            (
                r#""jwks_uri":"https://id.example/jwks""#,
                false,
                Err("NoIntrospectionUrl"),
            ),
            (
                r#""introspection_endpoint":"http://127.0.0.1/""#,
                false,
                Err("IntrospectionTransport"),
            ),
        ] {
            let want = want.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(found(members, mutual_tls), want, "{members}");
        }
        let other = introspection_url(
            br#"{"issuer":"https://evil.example","introspection_endpoint":"https://id.example/"}"#,
            "https://id.example",
            false,
            false,
        );
        assert!(matches!(other, Err(DiscoveryError::Issuer { .. })));
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
