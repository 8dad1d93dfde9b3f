//! The query parameter `access_token` (RFC 6750 §2.3), for those who must.

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use url::form_urlencoded;

use super::source::{TokenSource, TokenSourceError};

const NAME: &str = "access_token";

/// Reads tokens from the query.
pub(super) struct QueryToken;

impl TokenSource for QueryToken {
    fn token<'r>(
        &self,
        _: &'r HeaderMap,
        uri: &'r Uri,
    ) -> Result<Option<Cow<'r, str>>, TokenSourceError> {
        let parameters = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let mut tokens = parameters.filter(|(name, _)| name == NAME);
        let token = tokens.next().map(|(_, token)| token);
        if tokens.next().is_some() {
            return Err(TokenSourceError::Repeated);
        }
        Ok(token)
    }

    fn remove(&self, _: &mut HeaderMap, uri: &mut Uri) {
        let Some(query) = uri.query().filter(|query| holds_token(query)) else {
            return;
        };
        // The other parameters stay as they are written.
        let kept: Vec<&str> = query
            .split('&')
            .filter(|parameter| !holds_token(parameter))
            .collect();
        *uri = with_query(uri, &kept.join("&"));
    }
}

/// Whether a query holds the parameter.
pub(super) fn holds_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == NAME)
}

/// Every value of the parameter, as it is written and as it is read.
pub(super) fn access_tokens(uri: &Uri) -> impl Iterator<Item = String> {
    let query = uri.query().unwrap_or_default();
    let written = query.split('&').filter(|parameter| holds_token(parameter));
    let written = written.filter_map(|parameter| Some(parameter.split_once('=')?.1.to_owned()));
    let read = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == NAME);
    written.chain(read.map(|(_, token)| token.into_owned()))
}

/// The same URI, without its query.
pub(super) fn without_query(uri: &Uri) -> Uri {
    with_query(uri, "")
}

fn with_query(uri: &Uri, query: &str) -> Uri {
    let mut rest = uri.path().to_owned();
    if !query.is_empty() {
        rest.push('?');
        rest.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    // A part of a URI that was one stays one; if it did not, all of it would go.
    let rest = PathAndQuery::try_from(rest).ok();
    parts.path_and_query = rest.or(Some(PathAndQuery::from_static("/")));
    Uri::from_parts(parts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_taken_out_of_the_query_and_the_rest_stays_as_it_was() {
        for (before, after) in [
            ("/a?access_token=x", "/a"),
            ("/a?b=%20c&access_token=x&d", "/a?b=%20c&d"),
            ("/a?access%5Ftoken=x&b=1", "/a?b=1"),
            ("/a?my_access_token=x", "/a?my_access_token=x"),
            ("https://h.example/a?access_token", "https://h.example/a"),
            ("/a", "/a"),
        ] {
            let mut uri: Uri = before.parse().expect("a URI");
            QueryToken.remove(&mut HeaderMap::new(), &mut uri);
            assert_eq!(uri.to_string(), after, "{before}");
        }
    }
}
