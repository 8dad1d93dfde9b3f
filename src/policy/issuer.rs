//! What an issuer identifier, a URL of keys and a URL of a resource must look like (RFC 8414 §2, OpenID Connect
//! Discovery §3, RFC 8707 §2).

use url::Url;

use super::{ConfigError, ConfigErrorKind};
use crate::discovery::is_loopback;

/// An issuer is an `https` URL without query and fragment. It is compared byte for byte, never in a normalised form.
pub(crate) fn check_issuer(issuer: &str, plain_http: bool) -> Result<(), ConfigError> {
    let kind = ConfigErrorKind::Issuer;
    let url = check_url(kind, "issuer", issuer, plain_http)?;
    if url.query().is_some() {
        return Err(wrong(kind, "issuer", issuer, "has a query"));
    }
    Ok(())
}

/// Keys come by `https`; by plain `http` only from this machine, or where that was asked for.
pub(crate) fn check_transport(url: &str, plain_http: bool) -> Result<Url, ConfigError> {
    check_url(ConfigErrorKind::KeySetUrl, "JWKS URL", url, plain_http)
}

/// An audience that is to be the URL of a resource: absolute, without a fragment.
pub(super) fn check_resource(audience: &str) -> Result<(), ConfigError> {
    check_url(ConfigErrorKind::Audience, "audience", audience, false).map(drop)
}

/// Whether a URL of this kind, called `what` in the message, is `https`, absolute and plain; or `http` where that is allowed.
pub(crate) fn check_url(
    kind: ConfigErrorKind,
    what: &str,
    text: &str,
    plain_http: bool,
) -> Result<Url, ConfigError> {
    // What follows the parser would mend silently, and the issuer's tokens would then never match.
    if text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
    {
        let problem = "holds white space, a control character or a backslash";
        return Err(wrong(kind, what, text, problem));
    }
    if text
        .split(['/', '?', '#'])
        .any(|segment| segment == "." || segment == "..")
    {
        return Err(wrong(kind, what, text, "holds a dot segment"));
    }
    let url =
        Url::parse(text).map_err(|error| wrong(kind, what, text, "is not a URL").because(error))?;
    if !url.username().is_empty() || url.password().is_some() {
        // Not shown: it may hold a password.
        return Err(ConfigError::new(
            kind,
            format!("the {what} holds a user name or password"),
        ));
    }
    if !url.has_host() || !text.starts_with(&format!("{}://", url.scheme())) {
        return Err(wrong(kind, what, text, "has no host after \"https://\""));
    }
    match url.scheme() {
        "https" => {}
        "http" if plain_http || is_loopback(&url) => {}
        "http" => return Err(wrong(kind, what, text, "is not https")),
        _ => return Err(wrong(kind, what, text, "is neither https nor http")),
    }
    if url.fragment().is_some() {
        return Err(wrong(kind, what, text, "has a fragment"));
    }
    Ok(url)
}

fn wrong(kind: ConfigErrorKind, what: &str, text: &str, problem: &str) -> ConfigError {
    ConfigError::new(kind, format!("the {what} {text:?} {problem}"))
}
