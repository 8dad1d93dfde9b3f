//! The one credential of a request, and all places where it may stand.

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};

use super::bearer::{Authorization, Unread, authorization, scheme};
use super::grammar::is_b64token;
use super::other::{AddOther, Others};
use super::query::{QueryToken, holds_token};
use super::source::TokenSource;
use crate::dpop::Scheme;
use crate::error::{ConfigError, VerifyErrorKind};

/// What a request shows.
pub(crate) enum Credential<'r> {
    Token(Scheme, Cow<'r, str>),
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
    /// Whether tokens are read in the scheme `DPoP` too.
    dpop: bool,
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

    pub(crate) fn add_dpop(&mut self) {
        self.dpop = true;
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

    /// What the `Authorization` header of a request says.
    pub(crate) fn authorization<'r>(
        &self,
        headers: &'r HeaderMap,
    ) -> Result<Authorization<'r>, VerifyErrorKind> {
        authorization(headers, self.dpop)
    }

    /// By which scheme the token of a request was sent, for whoever answers it.
    pub(crate) fn scheme(&self, headers: &HeaderMap) -> Scheme {
        if self.dpop {
            scheme(headers)
        } else {
            Scheme::Bearer
        }
    }

    /// What stands where the one token of a request usually does, if no other place has to be looked at. It is not looked at
    /// itself: good for nothing but to be compared with tokens that were.
    pub(crate) fn sole_token<'r>(
        &self,
        authorization: &Authorization<'r>,
        uri: &Uri,
    ) -> Option<(Scheme, &'r [u8])> {
        let Authorization::Token(token) = authorization else {
            return None;
        };
        let elsewhere = !self.sources.is_empty() || uri.query().is_some_and(holds_token);
        let unread = token.unread().filter(|_| !elsewhere)?;
        Some((token.scheme, unread))
    }

    /// The one credential of a request whose `Authorization` header says so.
    pub(crate) fn find<'r>(
        &self,
        authorization: Authorization<'r>,
        headers: &'r HeaderMap,
        uri: &'r Uri,
    ) -> Result<Credential<'r>, VerifyErrorKind> {
        let found = match authorization {
            // The usual case, in which there is nothing to compare it with.
            Authorization::Token(token) if self.sources.is_empty() => self.read(token)?,
            _ => self.find_anywhere(authorization, headers, uri)?,
        };
        // A server behind us may read the other one. Alone it is none, since it would stand in every log on the way.
        if !self.query && uri.query().is_some_and(holds_token) {
            return Err(VerifyErrorKind::CredentialRepeated);
        }
        Ok(found)
    }

    fn find_anywhere<'r>(
        &self,
        authorization: Authorization<'r>,
        headers: &'r HeaderMap,
        uri: &'r Uri,
    ) -> Result<Credential<'r>, VerifyErrorKind> {
        let (mut found, foreign) = match authorization {
            Authorization::Absent => (None, false),
            Authorization::Token(token) => (Some(self.read(token)?), false),
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
                let credential = self.judge(Scheme::Bearer, token);
                if found.replace(credential).is_some() || foreign {
                    return Err(VerifyErrorKind::CredentialRepeated);
                }
            }
        }
        found.ok_or(VerifyErrorKind::CredentialMissing)
    }

    fn read<'r>(&self, token: Unread<'r>) -> Result<Credential<'r>, VerifyErrorKind> {
        Ok(self.judge(token.scheme, Cow::Borrowed(token.read()?)))
    }

    fn judge<'r>(&self, scheme: Scheme, credential: Cow<'r, str>) -> Credential<'r> {
        // What its owner must prove is a token, whatever it begins with.
        match self.others.of_prefix(&credential) {
            Some(index) if scheme == Scheme::Bearer => Credential::Other(index, credential),
            _ => Credential::Token(scheme, credential),
        }
    }

    /// Takes the credential out of a request, wherever it stands.
    pub(crate) fn remove(&self, headers: &mut HeaderMap, uri: &mut Uri) {
        headers.remove(AUTHORIZATION);
        if self.dpop {
            headers.remove("dpop");
        }
        for source in &self.sources {
            source.remove(headers, uri);
        }
    }
}
