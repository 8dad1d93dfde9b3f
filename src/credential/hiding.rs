//! Requests without their credentials, for those who are shown them.

use std::collections::HashSet;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::credentials::Credentials;
use super::query::{QueryToken, access_tokens, without_query};
use super::source::TokenSource;

/// Headers that carry credentials, whether they are read here or not.
pub(crate) const CARRIERS: [HeaderName; 5] = [
    AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("dpop"),
    PROXY_AUTHORIZATION,
    SEC_WEBSOCKET_PROTOCOL,
];

/// What is shorter is no secret, and a stranger could choose by it what is hidden.
const SHORTEST_SECRET: usize = 16;

impl Credentials {
    /// Takes every trace of a credential out of a request that is shown to others.
    pub(crate) fn hide(&self, headers: &mut HeaderMap, uri: &mut Uri) {
        let found = self.found_elsewhere(headers, uri);
        let mut secrets = HashSet::new();
        for token in access_tokens(uri).chain(found.iter().cloned()) {
            secrets.extend(words(&token).map(str::to_owned));
        }
        for name in CARRIERS {
            for value in headers.get_all(name) {
                let text = String::from_utf8_lossy(value.as_bytes());
                secrets.extend(words(&text).map(str::to_owned));
            }
        }
        self.remove(headers, uri);
        QueryToken.remove(headers, uri);
        for name in CARRIERS {
            headers.remove(name);
        }
        // Proxies write copies, in headers of their own.
        let holds_copy = |text: &str| words(text).any(|word| secrets.contains(word));
        let holds = |value: &HeaderValue| {
            let text = String::from_utf8_lossy(value.as_bytes());
            holds_copy(&text) || found.iter().any(|token| *token == text)
        };
        let names: Vec<_> = headers
            .iter()
            .filter(|(_, value)| holds(value))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            headers.remove(name);
        }
        if uri.query().is_some_and(holds_copy) {
            *uri = without_query(uri);
        }
        // A place that does not know how to take its token out, which stands there in another form or is none.
        let mut sources = self.sources.iter();
        if sources.any(|source| source.token(headers, uri) != Ok(None)) {
            headers.clear();
            *uri = Uri::from_static("/");
        }
    }

    /// Every token that stands beside the `Authorization` header, good or bad.
    fn found_elsewhere(&self, headers: &HeaderMap, uri: &Uri) -> Vec<String> {
        let found = self.sources.iter().filter_map(|source| {
            let token = source.token(headers, uri).ok().flatten()?;
            Some(token.into_owned())
        });
        found.collect()
    }
}

/// What may be a secret in a text: runs of the characters of a b64token, padding aside.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let apart = |c: char| !c.is_ascii_alphanumeric() && !"-._~+/".contains(c);
    text.split(apart)
        .filter(|word| word.len() >= SHORTEST_SECRET)
}
