//! A token among the sub-protocols of a WebSocket handshake (RFC 6455 §11.3.4).

use std::borrow::Cow;

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue, Uri};

use super::grammar::is_token;
use super::source::{TokenSource, TokenSourceError};
use crate::error::{ConfigError, ConfigErrorKind};

/// Reads tokens from `Sec-WebSocket-Protocol`, the only header of a handshake that a script in a browser can set.
///
/// The server has to choose one of the sub-protocols that the client offers: let it be the marker or another one, never the
/// one that holds the token, since the answer repeats it. [`strip_credential`](crate::AuthenticateLayer::strip_credential)
/// takes the token out before the inner service sees it.
///
/// ```
/// use tower_bearer::Authenticator;
/// use tower_bearer::credential::WebSocketToken;
///
/// // In the browser: new WebSocket(url, ["bearer", token])
/// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com")
///     .token_source(WebSocketToken::following("bearer")?)
///     .build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct WebSocketToken {
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Following(String),
    Prefixed(String),
}

impl WebSocketToken {
    /// The token is the sub-protocol that follows the one named `marker`.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Credential`] if a sub-protocol cannot have that name.
    pub fn following(marker: impl Into<String>) -> Result<Self, ConfigError> {
        checked(marker.into()).map(|marker| Self {
            place: Place::Following(marker),
        })
    }

    /// The token is the rest of the sub-protocol that begins with `prefix`.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Credential`] if a sub-protocol cannot begin so.
    pub fn prefixed(prefix: impl Into<String>) -> Result<Self, ConfigError> {
        checked(prefix.into()).map(|prefix| Self {
            place: Place::Prefixed(prefix),
        })
    }

    /// The tokens of a list of sub-protocols, and where in it they stand.
    fn tokens<'p>(&self, protocols: &[&'p str]) -> Vec<(usize, &'p str)> {
        let mut tokens = Vec::new();
        for (index, protocol) in protocols.iter().enumerate() {
            match &self.place {
                Place::Following(marker) if protocol == marker => {
                    // A marker with nothing behind it announces a token that is not there.
                    let next = index + 1;
                    tokens.push((next, protocols.get(next).copied().unwrap_or_default()));
                }
                Place::Prefixed(prefix) => {
                    if let Some(token) = protocol.strip_prefix(prefix.as_str()) {
                        tokens.push((index, token));
                    }
                }
                Place::Following(_) => {}
            }
        }
        tokens
    }
}

fn checked(name: String) -> Result<String, ConfigError> {
    if is_token(&name) {
        Ok(name)
    } else {
        Err(ConfigError::new(
            ConfigErrorKind::Credential,
            format!("{name:?} cannot be a WebSocket sub-protocol"),
        ))
    }
}

/// The sub-protocols of all headers, in their order.
fn protocols(headers: &HeaderMap) -> Result<Vec<&str>, TokenSourceError> {
    let mut protocols = Vec::new();
    for value in headers.get_all(SEC_WEBSOCKET_PROTOCOL) {
        let value = value.to_str().map_err(|_| TokenSourceError::Malformed)?;
        protocols.extend(value.split(',').map(str::trim));
    }
    Ok(protocols)
}

impl TokenSource for WebSocketToken {
    fn token<'r>(
        &self,
        headers: &'r HeaderMap,
        _: &'r Uri,
    ) -> Result<Option<Cow<'r, str>>, TokenSourceError> {
        match self.tokens(&protocols(headers)?).as_slice() {
            [] => Ok(None),
            [(_, token)] => Ok(Some(Cow::Borrowed(token))),
            _ => Err(TokenSourceError::Repeated),
        }
    }

    fn remove(&self, headers: &mut HeaderMap, _: &mut Uri) {
        let rest = protocols(headers).ok().map(|protocols| {
            // Both in ascending order.
            let mut tokens = self.tokens(&protocols).into_iter().peekable();
            let mut is_token = |index| tokens.next_if(|(at, _)| *at == index).is_some();
            let rest: Vec<&str> = protocols
                .iter()
                .enumerate()
                .filter(|(index, _)| !is_token(*index))
                .map(|(_, protocol)| *protocol)
                .collect();
            rest.join(", ")
        });
        headers.remove(SEC_WEBSOCKET_PROTOCOL);
        if let Some(rest) = rest.filter(|rest| !rest.is_empty())
            && let Ok(rest) = HeaderValue::from_str(&rest)
        {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, rest);
        }
    }
}
