//! Credentials that are no tokens: API keys, or another scheme.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::str;
use std::sync::Arc;

use http::Extensions;

use super::bearer::strip_scheme;
use super::credentials::Credential;
use super::grammar::{is_b64token, is_token};
use crate::error::{ConfigError, ConfigErrorKind, VerifyErrorKind};

/// What [`OtherCredential::decide`] returns.
pub type DecideFuture<I> = Pin<Box<dyn Future<Output = Result<Option<I>, DecideError>> + Send>>;

/// Decides on credentials that are no tokens, such as API keys.
///
/// Closures implement it. The identity that it yields is put into the request's extensions, as itself, where handlers find it.
/// There is then no [`Verified`](crate::Verified), but [`LetThrough::OtherCredential`](crate::LetThrough).
///
/// ```
/// use tower_bearer::Authenticator;
/// use tower_bearer::credential::Marker;
///
/// #[derive(Clone)]
/// struct Machine(String);
///
/// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com")
///     .other_credential(Marker::prefix("sk_")?, |key: String| async move {
///         // Usually a look-up of the key's digest.
///         Ok((key == "sk_test_1").then(|| Machine("billing".to_owned())))
///     })
///     .build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
pub trait OtherCredential: Send + Sync + 'static {
    /// Who the credential stands for.
    type Identity: Clone + Send + Sync + 'static;

    /// Looks `credential` up, a stranger's words of at most 16 KiB; `None` refuses it (401).
    ///
    /// An `Err` says that it cannot be told: the request is answered 503. Compare secrets in constant time, or by their digests.
    fn decide(&self, credential: &str) -> DecideFuture<Self::Identity>;
}

impl<F, A, I> OtherCredential for F
where
    F: Fn(String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<I>, DecideError>> + Send + 'static,
    I: Clone + Send + Sync + 'static,
{
    type Identity = I;

    fn decide(&self, credential: &str) -> DecideFuture<I> {
        Box::pin(self(credential.to_owned()))
    }
}

/// It cannot be told whether a credential is good.
#[derive(Clone, Debug)]
pub struct DecideError(Arc<dyn Error + Send + Sync>);

impl DecideError {
    /// For this reason.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(source.into()))
    }
}

impl fmt::Display for DecideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot tell whether the credential is good")
    }
}

impl Error for DecideError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// What tells a credential that is no token from a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker(Mark);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Mark {
    Prefix(String),
    Scheme(String),
}

impl Marker {
    /// Credentials that begin so, wherever tokens are read: `sk_`, for `Authorization: Bearer sk_…`.
    ///
    /// Compared byte for byte, with the beginning of the credential.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Credential`] if it is empty or no credential can begin so (RFC 6750 §2.1: b64token), or if tokens begin
    /// so: with `ey` or `ew`.
    pub fn prefix(prefix: impl Into<String>) -> Result<Self, ConfigError> {
        let prefix = prefix.into();
        // A compact token begins with the encoding of `{` and whatever may follow that.
        if ["ey", "ew"].iter().any(|token| overlap(&prefix, token)) {
            return Err(wrong(format!(
                "tokens too begin with the prefix {prefix:?}"
            )));
        }
        if !is_b64token(prefix.as_bytes()) {
            return Err(wrong(format!("a credential cannot begin with {prefix:?}")));
        }
        Ok(Self(Mark::Prefix(prefix)))
    }

    /// What follows another scheme than `Bearer` in the `Authorization` header, in any case: `ApiKey`, for
    /// `Authorization: ApiKey …`. The scheme stands in challenges beside `Bearer`.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Credential`] if it is no scheme (RFC 9110 §11.1), or that of tokens: `Bearer` or `DPoP`.
    pub fn scheme(scheme: impl Into<String>) -> Result<Self, ConfigError> {
        let scheme = scheme.into();
        if !is_token(&scheme) {
            return Err(wrong(format!("{scheme:?} is no scheme")));
        }
        // What begins with `Bearer` would be taken for a malformed one of it.
        let lower = scheme.to_ascii_lowercase();
        if lower.starts_with("bearer") || lower == "dpop" {
            return Err(wrong(format!("the scheme {scheme:?} is that of tokens")));
        }
        Ok(Self(Mark::Scheme(scheme)))
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Mark::Prefix(one), Mark::Prefix(other)) => overlap(one, other),
            (Mark::Scheme(one), Mark::Scheme(other)) => one.eq_ignore_ascii_case(other),
            _ => false,
        }
    }
}

fn overlap(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn wrong(problem: String) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Credential, problem)
}

/// Who a credential stands for, whatever its type, on the way into a request.
pub(crate) struct Identity(Box<dyn FnOnce(&mut Extensions) + Send>);

impl Identity {
    pub(crate) fn insert_into(self, extensions: &mut Extensions) {
        (self.0)(extensions);
    }
}

type Decide = dyn Fn(&str) -> DecideFuture<Identity> + Send + Sync;

/// A marker, and who decides on what it marks.
pub(crate) struct AddOther {
    marker: Marker,
    decide: Box<Decide>,
}

impl AddOther {
    pub(crate) fn new(marker: Marker, decider: impl OtherCredential) -> Self {
        let decide = move |credential: &str| -> DecideFuture<Identity> {
            let decision = decider.decide(credential);
            Box::pin(async move {
                let identity = decision.await?;
                Ok(identity.map(|identity| {
                    Identity(Box::new(move |extensions| {
                        extensions.insert(identity);
                    }))
                }))
            })
        };
        Self {
            marker,
            decide: Box::new(decide),
        }
    }
}

/// All who decide on credentials that are no tokens.
#[derive(Default)]
pub(crate) struct Others(Vec<AddOther>);

impl Others {
    pub(super) fn add(&mut self, other: AddOther) {
        self.0.push(other);
    }

    /// Whether no credential could have the markers of two.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (index, other) in self.0.iter().enumerate() {
            let marker = &other.marker;
            let mut before = self.0.iter().take(index);
            if let Some(clash) = before.find(|before| before.marker.overlaps(marker)) {
                let clash = &clash.marker;
                return Err(wrong(format!(
                    "one credential could have both {clash:?} and {marker:?}"
                )));
            }
        }
        Ok(())
    }

    /// The schemes, for challenges.
    pub(crate) fn schemes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|other| match &other.marker.0 {
            Mark::Scheme(scheme) => Some(scheme.as_str()),
            Mark::Prefix(_) => None,
        })
    }

    pub(super) fn of_prefix(&self, credential: &str) -> Option<usize> {
        self.0.iter().position(|other| match &other.marker.0 {
            Mark::Prefix(prefix) => credential.starts_with(prefix.as_str()),
            Mark::Scheme(_) => false,
        })
    }

    /// The credential of a whole header value, if it has a scheme of ours.
    pub(super) fn of_scheme<'r>(
        &self,
        value: &'r [u8],
    ) -> Result<Option<Credential<'r>>, VerifyErrorKind> {
        let mut parts = value.split(|&byte| byte == b',');
        let first = parts.next().unwrap_or_default();
        if parts.any(|part| self.marked(part.trim_ascii_start()).is_some()) {
            return Err(VerifyErrorKind::CredentialRepeated);
        }
        let Some((index, _)) = self.marked(first) else {
            return Ok(None);
        };
        // The whole value, so that a comma is not cut off but refused.
        let (_, rest) = self.marked(value).unwrap_or_default();
        let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
        let credential = rest.get(spaces..).unwrap_or_default();
        let visible = |byte: &u8| byte.is_ascii_graphic() && *byte != b',';
        match str::from_utf8(credential) {
            Ok(text) if !text.is_empty() && credential.iter().all(visible) => {
                Ok(Some(Credential::Other(index, Cow::Borrowed(text))))
            }
            _ => Err(VerifyErrorKind::CredentialMalformed),
        }
    }

    /// Which scheme of ours a value begins with, and what follows.
    fn marked<'v>(&self, value: &'v [u8]) -> Option<(usize, &'v [u8])> {
        self.0.iter().enumerate().find_map(|(index, other)| {
            let Mark::Scheme(scheme) = &other.marker.0 else {
                return None;
            };
            let rest = strip_scheme(value, scheme.as_bytes())?;
            // Else it is another scheme, that begins with this one.
            matches!(rest.first(), None | Some(b' ' | b'\t')).then_some((index, rest))
        })
    }

    pub(crate) fn decide(&self, index: usize, credential: &str) -> DecideFuture<Identity> {
        match self.0.get(index) {
            Some(other) => (other.decide)(credential),
            // An index comes from here; if it did not, nobody would be let in.
            None => Box::pin(std::future::ready(Ok(None))),
        }
    }
}
