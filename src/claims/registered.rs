//! The registered claims (RFC 7519 §4.1) and those of an access token (RFC 9068 §2.2), typed.

use std::borrow::Cow;
use std::fmt;

use crate::clock::NumericDate;
use crate::error::VerifyErrorKind;
use crate::jose::{Members, Value};

/// A string claim: where it stands in the claims text, or its own copy if it was written with escapes.
pub(crate) enum Text {
    Verbatim { start: u32, end: u32 },
    Unescaped(Box<str>),
}

impl Text {
    fn read<'t>(text: &'t str, value: Value<'t>) -> Option<Self> {
        match value.as_str()? {
            Cow::Owned(string) => Some(Self::Unescaped(string.into())),
            Cow::Borrowed(string) => {
                let start = (string.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
                Some(Self::Verbatim {
                    start: u32::try_from(start).ok()?,
                    end: u32::try_from(start.checked_add(string.len())?).ok()?,
                })
            }
        }
    }

    pub(crate) fn resolve<'t>(&'t self, text: &'t str) -> &'t str {
        match self {
            Self::Unescaped(string) => string,
            // Always inside the text it was read from; if it were not, the claim would be empty, which no check accepts.
            Self::Verbatim { start, end } => text.get(*start as usize..*end as usize).unwrap_or(""),
        }
    }
}

/// Everything that a policy checks, read once from the claims set.
pub(crate) struct RegisteredClaims {
    pub(crate) issuer: Text,
    pub(crate) subject: Option<Text>,
    pub(crate) expires_at: NumericDate,
    pub(crate) not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
    pub(crate) token_id: Option<Text>,
    pub(crate) client_id: Option<Text>,
    pub(crate) scope: Option<Text>,
    /// Whether there is a `scope` that is no string; whether that is a refusal is for the policy to say.
    pub(crate) scope_malformed: bool,
    /// A claim that only other kinds of token carry.
    pub(crate) foreign: Option<&'static str>,
    /// Whether there is a `nonce`, as in ID tokens, and in the access tokens of some providers.
    pub(crate) nonce: bool,
}

impl RegisteredClaims {
    /// Reads and types the claims in one pass; `aud` and `cnf` are left to whoever needs them.
    pub(crate) fn read(text: &str, members: &Members) -> Result<Self, VerifyErrorKind> {
        let string = |name: &'static str, value| {
            let claim = Text::read(text, value).ok_or(VerifyErrorKind::ClaimMalformed { name })?;
            Ok::<_, VerifyErrorKind>(Some(claim))
        };
        let instant = |name: &'static str, value: Value<'_>| {
            let claim = value.as_number().and_then(NumericDate::from_json_number);
            let claim = claim.ok_or(VerifyErrorKind::ClaimMalformed { name })?;
            Ok::<_, VerifyErrorKind>(Some(claim))
        };
        let (mut issuer, mut subject, mut token_id) = (None, None, None);
        let (mut expires_at, mut not_before, mut issued_at) = (None, None, None);
        let (mut client_id, mut scope, mut scope_malformed) = (None, None, false);
        let (mut foreign, mut nonce) = (None, false);
        for (name, value) in members.iter(text) {
            // As octets, which the compiler tells apart by a tree of comparisons rather than one name after the other.
            match name.as_bytes() {
                b"iss" => issuer = string("iss", value)?,
                b"sub" => subject = string("sub", value)?,
                b"exp" => expires_at = instant("exp", value)?,
                b"nbf" => not_before = instant("nbf", value)?,
                b"iat" => issued_at = instant("iat", value)?,
                b"jti" => token_id = string("jti", value)?,
                b"scope" => {
                    scope = Text::read(text, value);
                    scope_malformed = scope.is_none();
                }
                b"client_id" => client_id = string("client_id", value)?,
                b"nonce" => nonce = true,
                // RFC 8725 §3.12: ID tokens (OpenID Connect Core §3.3.2.11, FAPI 1.0), logout tokens and other security
                // events (RFC 8417), signed introspection answers (RFC 9701).
                b"at_hash" => foreign = Some("at_hash"),
                b"c_hash" => foreign = Some("c_hash"),
                b"s_hash" => foreign = Some("s_hash"),
                b"events" => foreign = Some("events"),
                b"token_introspection" => foreign = Some("token_introspection"),
                _ => {}
            }
        }
        Ok(Self {
            issuer: issuer.ok_or(VerifyErrorKind::ClaimMissing { name: "iss" })?,
            subject,
            expires_at: expires_at.ok_or(VerifyErrorKind::ClaimMissing { name: "exp" })?,
            not_before,
            issued_at,
            token_id,
            client_id,
            scope,
            scope_malformed,
            foreign,
            nonce,
        })
    }
}

/// Whom a token is meant for (RFC 7519 §4.1.3): one string or several.
#[derive(Clone, Copy)]
pub struct Audience<'a>(Value<'a>);

impl<'a> Audience<'a> {
    /// Reads `aud`: a string, or an array of nothing but strings.
    pub(crate) fn read(value: Value<'a>) -> Result<Self, VerifyErrorKind> {
        let well_formed = match value.elements() {
            Some(mut elements) => elements.all(|element| element.as_str().is_some()),
            None => value.as_str().is_some(),
        };
        if well_formed {
            Ok(Self(value))
        } else {
            Err(VerifyErrorKind::ClaimMalformed { name: "aud" })
        }
    }

    /// The audiences in the order the token lists them.
    pub fn iter(self) -> impl Iterator<Item = Cow<'a, str>> {
        let one = self.0.as_str();
        let several = self.0.elements().into_iter().flatten();
        one.into_iter()
            .chain(several.filter_map(|element| element.as_str()))
    }

    /// Whether `audience` is one of them; compared byte for byte.
    #[must_use]
    pub fn contains(self, audience: &str) -> bool {
        self.iter().any(|each| each == audience)
    }
}

impl fmt::Debug for Audience<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
