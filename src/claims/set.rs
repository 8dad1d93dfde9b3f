//! A token's whole claims set, every member readable by name.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeOwned, Error as _};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::registered::{RegisteredClaims, Text};
use super::{Audience, Scopes};
use crate::clock::NumericDate;
use crate::error::{TokenPart, VerifyErrorKind};
use crate::jose::{Members, Value};

/// A token's claims set as its issuer wrote it; cheap to clone.
///
/// The registered claims have accessors of their own; any other is read by name with [`get`](Self::get), and the whole
/// set as a type of yours with [`read`](Self::read). `Debug` shows the names of the claims, never their values.
///
/// ```
/// # fn show(claims: &tower_bearer::Claims) -> Result<(), tower_bearer::ClaimError> {
/// let tenant: Option<String> = claims.get("tenant")?;
/// let roles: Vec<String> = claims.get("roles")?.unwrap_or_default();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Claims(Arc<ClaimsSet>);

struct ClaimsSet {
    text: String,
    members: Members,
    registered: RegisteredClaims,
}

impl Claims {
    /// Reads a payload: one strict JSON object whose registered claims have their types.
    pub(crate) fn parse(text: String) -> Result<Self, VerifyErrorKind> {
        let members = Members::scan(&text).map_err(|_| VerifyErrorKind::Json {
            part: TokenPart::Payload,
        })?;
        let registered = RegisteredClaims::read(&text, &members)?;
        Ok(Self(Arc::new(ClaimsSet {
            text,
            members,
            registered,
        })))
    }

    /// How many bytes the set takes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<ClaimsSet>() + self.0.text.capacity() + self.0.members.weight()
    }

    /// The claim `name` as a `T`, or `None` if the token has no such claim.
    ///
    /// # Errors
    ///
    /// [`ClaimError`] if the claim is there but cannot be read as a `T`.
    pub fn get<'a, T: Deserialize<'a>>(&'a self, name: &str) -> Result<Option<T>, ClaimError> {
        let read = |value: Value<'a>| serde_json::from_str(value.raw());
        let failed = |error| ClaimError::new(Some(name), &error);
        self.member(name).map(read).transpose().map_err(failed)
    }

    /// The whole set as a `T`.
    ///
    /// # Errors
    ///
    /// [`ClaimError`] if the set cannot be read as a `T`.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ClaimError> {
        serde_json::from_str(&self.0.text).map_err(|error| ClaimError::new(None, &error))
    }

    pub(crate) fn read_owned<T: DeserializeOwned>(&self) -> Result<T, ClaimError> {
        self.read()
    }

    /// Whether there is a claim `name`, of whatever value.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// The names of all claims, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.members.names(&self.0.text)
    }

    /// The whole set as the JSON text that was signed, or that the issuer of an opaque token [answered](crate::introspection).
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.0.text
    }

    /// `iss`: who issued the token (RFC 7519 §4.1.1).
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.resolve(&self.0.registered.issuer)
    }

    /// `sub`: whom the token is about (RFC 7519 §4.1.2).
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0
            .registered
            .subject
            .as_ref()
            .map(|text| self.resolve(text))
    }

    /// `aud`: whom the token is meant for (RFC 7519 §4.1.3).
    #[must_use]
    pub fn audience(&self) -> Option<Audience<'_>> {
        Audience::read(self.member("aud")?).ok()
    }

    /// `exp`: from when on the token must not be accepted (RFC 7519 §4.1.4).
    #[must_use]
    pub fn expires_at(&self) -> NumericDate {
        self.0.registered.expires_at
    }

    /// `nbf`: before when the token must not be accepted (RFC 7519 §4.1.5).
    #[must_use]
    pub fn not_before(&self) -> Option<NumericDate> {
        self.0.registered.not_before
    }

    /// `iat`: when the token was issued (RFC 7519 §4.1.6).
    #[must_use]
    pub fn issued_at(&self) -> Option<NumericDate> {
        self.0.registered.issued_at
    }

    /// `jti`: the token's identifier (RFC 7519 §4.1.7).
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.0
            .registered
            .token_id
            .as_ref()
            .map(|text| self.resolve(text))
    }

    /// `client_id`: the client that asked for the token (RFC 8693 §4.3, RFC 9068 §2.2).
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.0
            .registered
            .client_id
            .as_ref()
            .map(|text| self.resolve(text))
    }

    /// `scope`: what the token grants (RFC 8693 §4.2); empty where there is none, and where it is no string.
    ///
    /// Where the policy names another claim for scopes, [`Verified::scopes`](crate::Verified::scopes) reads that one.
    #[must_use]
    pub fn scopes(&self) -> Scopes<'_> {
        let list = self.0.registered.scope.as_ref();
        Scopes::new(list.map_or("", |text| self.resolve(text)))
    }

    /// Whether there is a `scope` that is no string.
    pub(crate) fn has_malformed_scope(&self) -> bool {
        self.0.registered.scope_malformed
    }

    /// A claim that only other kinds of token carry, if there is one.
    pub(crate) fn foreign(&self) -> Option<&'static str> {
        self.0.registered.foreign
    }

    pub(crate) fn has_nonce(&self) -> bool {
        self.0.registered.nonce
    }

    /// The claim `name` as it stands in the text.
    pub(crate) fn member(&self, name: &str) -> Option<Value<'_>> {
        self.0.members.get(&self.0.text, name)
    }

    fn resolve<'a>(&'a self, text: &'a Text) -> &'a str {
        text.resolve(&self.0.text)
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims ")?;
        f.debug_set().entries(self.names()).finish()
    }
}

impl Serialize for Claims {
    /// Writes the set as JSON, each value as it was signed, the members in no particular order.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.members.iter(&self.0.text) {
            // As it was written: a number may have more digits than any type of ours.
            let raw: &RawValue =
                serde_json::from_str(value.raw()).map_err(serde::ser::Error::custom)?;
            map.serialize_entry(&name, raw)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Claims {
    /// Reads a claims set from JSON with the same strictness as from a token.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get().to_owned()).map_err(D::Error::custom)
    }
}

/// A claim that cannot be read as the type asked for.
///
/// Tells the claim and the place, and never what stands there: whoever logs it would log claims.
#[derive(Clone, Debug)]
pub struct ClaimError {
    name: Option<Box<str>>,
    column: usize,
}

impl ClaimError {
    fn new(name: Option<&str>, error: &serde_json::Error) -> Self {
        Self {
            name: name.map(Box::from),
            column: error.column(),
        }
    }
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = self.column;
        match &self.name {
            Some(name) => write!(
                f,
                "claim {name:?} does not have the type asked for, at column {column}"
            ),
            None => write!(
                f,
                "claims do not fit the type asked for, at column {column}"
            ),
        }
    }
}

impl Error for ClaimError {}
