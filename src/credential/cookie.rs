//! A token in a cookie (RFC 6265 §5.4).

use std::borrow::Cow;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue, Uri};

use super::grammar::is_token;
use super::source::{TokenSource, TokenSourceError};
use crate::error::{ConfigError, ConfigErrorKind};

/// Reads tokens from the cookie of one name.
///
/// For services that browsers call without a script that could set a header. Keeping out forged cross-site requests is then
/// the service's duty: see [this module](super#what-a-deployment-must-ensure).
///
/// A cookie of that name twice is two credentials (400): another host of the same domain can set one beside ours.
///
/// ```
/// use tower_bearer::Authenticator;
/// use tower_bearer::credential::CookieToken;
///
/// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com")
///     .token_source(CookieToken::named("__Host-token")?)
///     .build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CookieToken {
    name: String,
}

impl CookieToken {
    /// Reads the cookie `name`, compared byte for byte.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Credential`] if a cookie cannot have that name (RFC 6265 §4.1.1).
    pub fn named(name: impl Into<String>) -> Result<Self, ConfigError> {
        let name = name.into();
        if !is_token(&name) {
            return Err(ConfigError::new(
                ConfigErrorKind::Credential,
                format!("a cookie cannot be named {name:?}"),
            ));
        }
        Ok(Self { name })
    }

    /// What a pair of the header says, if it is ours.
    fn value<'p>(&self, pair: &'p [u8]) -> Option<&'p [u8]> {
        let pair = pair.trim_ascii();
        let value = pair
            .strip_prefix(self.name.as_bytes())?
            .strip_prefix(b"=")?;
        let unquoted = value
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""));
        Some(unquoted.unwrap_or(value))
    }
}

/// The pairs of all `Cookie` headers: HTTP/2 may split one into many (RFC 9113 §8.2.3).
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(COOKIE).iter();
    values.flat_map(|value| value.as_bytes().split(|&byte| byte == b';'))
}

impl TokenSource for CookieToken {
    fn token<'r>(
        &self,
        headers: &'r HeaderMap,
        _: &'r Uri,
    ) -> Result<Option<Cow<'r, str>>, TokenSourceError> {
        let mut values = pairs(headers).filter_map(|pair| self.value(pair));
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(TokenSourceError::Repeated);
        }
        let token = std::str::from_utf8(value).map_err(|_| TokenSourceError::Malformed)?;
        Ok(Some(Cow::Borrowed(token)))
    }

    fn remove(&self, headers: &mut HeaderMap, _: &mut Uri) {
        let others: Vec<&[u8]> = pairs(headers)
            .filter(|pair| self.value(pair).is_none())
            .map(<[u8]>::trim_ascii)
            .collect();
        let rest = HeaderValue::from_bytes(&others.join(&b"; "[..]));
        headers.remove(COOKIE);
        if let Ok(rest) = rest
            && !rest.is_empty()
        {
            headers.insert(COOKIE, rest);
        }
    }
}
