//! The one credential of a request, and all places where it may stand.

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};

use super::bearer::{Authorization, authorization, sole_bearer};
use super::grammar::is_b64token;
use super::other::{AddOther, Others};
use super::query::{QueryToken, holds_token};
use super::source::TokenSource;
use crate::error::{ConfigError, VerifyErrorKind};

/// What a request shows.
pub(crate) enum Credential<'r> {
    Token(Cow<'r, str>),
    /// Something that the service decides on by itself: which of its deciders, and what it is to decide on.
    Other(usize, Cow<'r, str>),
}

/// All places that a service reads credentials from.
#[derive(Default)]
pub(crate) struct Credentials {
    /// Beside the header, which is always read.
    pub(super) sources: Vec<Box<dyn TokenSource>>,
    /// Whether one of them is the query.
    query: bool,
    others: Others,
}

impl Credentials {
    pub(crate) fn add_source(&mut self, source: impl TokenSource) {
        self.sources.push(Box::new(source));
    }

    pub(crate) fn add_query(&mut self) {
        if !self.query {
            self.query = true;
            self.add_source(QueryToken);
        }
    }

    pub(crate) fn add_other(&mut self, other: AddOther) {
        self.others.add(other);
    }

    /// Whether nothing that has been added contradicts itself.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.others.check()
    }

    pub(crate) fn others(&self) -> &Others {
        &self.others
    }

    /// Whether tokens are read from the `Authorization` header alone.
    pub(crate) fn is_header_only(&self) -> bool {
        self.sources.is_empty()
    }

    /// How clients may send tokens, in the words of RFC 9728 §2.
    pub(crate) fn bearer_methods(&self) -> &'static [&'static str] {
        if self.query {
            &["header", "query"]
        } else {
            &["header"]
        }
    }

    /// Whether the answer to this request must not be kept by shared caches (RFC 6750 §2.3).
    pub(crate) fn in_query(&self, uri: &Uri) -> bool {
        self.query && uri.query().is_some_and(holds_token)
    }

    /// What stands where the one token of a request usually does, if no other place has to be looked at. It is not looked at
    /// itself: good for nothing but to be compared with tokens that were.
    pub(crate) fn sole_bearer<'r>(&self, headers: &'r HeaderMap, uri: &Uri) -> Option<&'r [u8]> {
        let elsewhere = !self.sources.is_empty() || uri.query().is_some_and(holds_token);
        sole_bearer(headers).filter(|_| !elsewhere)
    }

    /// The one credential of a request.
    pub(crate) fn find<'r>(
        &self,
        headers: &'r HeaderMap,
        uri: &'r Uri,
    ) -> Result<Credential<'r>, VerifyErrorKind> {
        let (mut found, foreign) = match authorization(headers)? {
            Authorization::Absent => (None, false),
            Authorization::Bearer(token) => (Some(self.judge(Cow::Borrowed(token))), false),
            Authorization::Other(value) => {
                let ours = self.others.of_scheme(value)?;
                let foreign = ours.is_none();
                (ours, foreign)
            }
        };
        for source in &self.sources {
            if let Some(token) = source.token(headers, uri)? {
                if !is_b64token(token.as_bytes()) {
                    return Err(VerifyErrorKind::CredentialMalformed);
                }
                // A scheme that is not for us is no credential, but beside a token it may be one for the next server.
                if found.replace(self.judge(token)).is_some() || foreign {
                    return Err(VerifyErrorKind::CredentialRepeated);
                }
            }
        }
        let found = found.ok_or(VerifyErrorKind::CredentialMissing)?;
        // A server behind us may read the other one. Alone it is none, since it would stand in every log on the way.
        if !self.query && uri.query().is_some_and(holds_token) {
            return Err(VerifyErrorKind::CredentialRepeated);
        }
        Ok(found)
    }

    fn judge<'r>(&self, credential: Cow<'r, str>) -> Credential<'r> {
        match self.others.of_prefix(&credential) {
            Some(index) => Credential::Other(index, credential),
            None => Credential::Token(credential),
        }
    }

    /// Takes the credential out of a request, wherever it stands.
    pub(crate) fn remove(&self, headers: &mut HeaderMap, uri: &mut Uri) {
        headers.remove(AUTHORIZATION);
        for source in &self.sources {
            source.remove(headers, uri);
        }
    }
}
