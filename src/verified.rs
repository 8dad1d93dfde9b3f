//! Proof that a token passed every check.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::claims::{Audience, ClaimError, Claims, Scopes};
use crate::clock::NumericDate;
use crate::jose::{Algorithm, Header, KeySerial, VerificationKey};
use crate::policy::{Grant, Policy, PolicyId};
use crate::revocation::{Marks, TokenFacts};
use crate::sender::Binding;

/// A token that passed every check, with its claims as a `C`; cheap to clone.
///
/// Only this crate can make one, so a handler that holds it needs no check of its own. It is found in the extensions
/// of a request behind [`AuthenticateLayer`](crate::AuthenticateLayer), and with the feature `axum` it is an extractor.
/// `Debug` shows issuer, key and times, but neither the token nor its claims.
///
/// With a type of your own the claims are read once, when the token is verified; a token that does not fit is refused:
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Tenant {
///     tenant: String,
/// }
///
/// fn greet(token: &tower_bearer::Verified<Tenant>) -> String {
///     format!("{} of {}", token.subject().unwrap_or("nobody"), token.claims().tenant)
/// }
/// ```
pub struct Verified<C = Claims> {
    proof: Arc<Proof<C>>,
    checked_at: NumericDate,
}

struct Proof<C> {
    issuer: Arc<str>,
    /// Which policy it was held against.
    policy: PolicyId,
    /// What verified it; nothing where the issuer was asked.
    signed: Option<Signed>,
    claims_set: Claims,
    /// What the token grants, if another claim than `scope` says so.
    scopes: Option<Arc<str>>,
    /// Whom it is bound to, if it is.
    binding: Option<Box<Binding>>,
    /// What it can be revoked by, if anything is revoked where it was verified.
    marks: Option<Marks>,
    /// About how many bytes all of it takes.
    weight: u64,
    claims: C,
}

/// What is known of a token by its signature.
struct Signed {
    by: KeySerial,
    algorithm: Algorithm,
    key_id: Option<Arc<str>>,
    typ: Option<Cow<'static, str>>,
}

impl<C: DeserializeOwned + 'static> Verified<C> {
    /// `key` is the key that verified the token of `header`, and `policy` what it was held against.
    pub(crate) fn new(
        policy: &Policy,
        key: &VerificationKey,
        header: &Header<'_>,
        claims_set: Claims,
        grant: Grant,
        checked_at: NumericDate,
    ) -> Result<Self, ClaimError> {
        let signed = Signed {
            by: key.serial(),
            algorithm: header.algorithm,
            key_id: header
                .key_id
                .as_deref()
                .map(|key_id| shared_key_id(key_id, key)),
            typ: header.typ.as_deref().map(type_name),
        };
        Self::by(Some(signed), policy, claims_set, grant, checked_at)
    }

    /// The issuer of `policy` vouches for the token, and its answer satisfies that.
    pub(crate) fn introspected(
        policy: &Policy,
        claims_set: Claims,
        grant: Grant,
        checked_at: NumericDate,
    ) -> Result<Self, ClaimError> {
        Self::by(None, policy, claims_set, grant, checked_at)
    }

    fn by(
        signed: Option<Signed>,
        policy: &Policy,
        claims_set: Claims,
        grant: Grant,
        checked_at: NumericDate,
    ) -> Result<Self, ClaimError> {
        let claims = read(&claims_set)?;
        let weight = weight::<C>(&claims_set, &grant);
        let proof = Arc::new(Proof {
            issuer: policy.shared_issuer(),
            policy: policy.id(),
            signed,
            claims_set,
            scopes: grant.scopes,
            binding: grant.binding.map(Box::new),
            marks: None,
            weight,
            claims,
        });
        Ok(Self { proof, checked_at })
    }
}

impl<C> Verified<C> {
    /// The same token, checked again at `now`.
    pub(crate) fn checked_again(mut self, now: NumericDate) -> Self {
        self.checked_at = now;
        self
    }

    /// The same token, which can be revoked by `marks` from now on. Before it is shared with anyone.
    pub(crate) fn marked(mut self, marks: Marks) -> Self {
        if let Some(proof) = Arc::get_mut(&mut self.proof) {
            proof.marks = Some(marks);
        }
        self
    }

    /// Whom it is bound to, if it is.
    pub(crate) fn binding(&self) -> Option<&Binding> {
        self.proof.binding.as_deref()
    }

    /// What it can be revoked by, if that was said.
    pub(crate) fn marks(&self) -> Option<&Marks> {
        self.proof.marks.as_ref()
    }

    /// What a store of revocations is told of it, if it can be revoked at all.
    pub(crate) fn facts(&self) -> Option<TokenFacts<'_>> {
        let Proof {
            issuer, claims_set, ..
        } = &*self.proof;
        let marks = self.marks()?;
        Some(TokenFacts::new(issuer, claims_set, marks, self.checked_at))
    }

    /// Whether it was held against exactly this policy.
    pub(crate) fn is_by(&self, policy: &Policy) -> bool {
        self.proof.policy == policy.id()
    }

    /// The key that verified it.
    pub(crate) fn key(&self) -> Option<KeySerial> {
        self.proof.signed.as_ref().map(|signed| signed.by)
    }

    /// About how many bytes it takes.
    pub(crate) fn weight(&self) -> u64 {
        self.proof.weight
    }
}

/// What the claims take is known. What a type of the service's own takes is not: most name a few claims of many, which are a
/// quarter of the text. Whoever sends thousands of values means a type that keeps them all, each in a node of a tree.
fn weight<C: 'static>(claims_set: &Claims, grant: &Grant) -> u64 {
    const USUAL_VALUES: usize = 64;
    const NODE: usize = 72;
    let own = if TypeId::of::<C>() == TypeId::of::<Claims>() {
        0
    } else {
        let text = claims_set.as_json();
        let values = text.bytes().filter(|byte| b",:[{".contains(byte)).count();
        text.len() / 4 + NODE * values.saturating_sub(USUAL_VALUES)
    };
    let scopes = grant.scopes.as_ref().map_or(0, |scopes| scopes.len());
    let binding = grant.binding.as_ref().map_or(0, size_of_val);
    (size_of::<Proof<C>>() + claims_set.weight() + own + scopes + binding) as u64
}

/// The key's own copy of its `kid`, where it has one.
fn shared_key_id(key_id: &str, key: &VerificationKey) -> Arc<str> {
    match key.key_id() {
        Some(shared) if &**shared == key_id => Arc::clone(shared),
        _ => key_id.into(),
    }
}

/// Nearly every token has one of two types, which then need no copy.
fn type_name(typ: &str) -> Cow<'static, str> {
    match typ {
        "JWT" => Cow::Borrowed("JWT"),
        "at+jwt" => Cow::Borrowed("at+jwt"),
        other => Cow::Owned(other.to_owned()),
    }
}

/// Reads a claims set as a `C`.
fn read<C: DeserializeOwned + 'static>(claims_set: &Claims) -> Result<C, ClaimError> {
    // `Claims` themselves are handed over as they are: to read them again would double the cost of a token.
    let mut claims: Option<C> = None;
    if let Some(same) = (&mut claims as &mut dyn Any).downcast_mut::<Option<Claims>>() {
        *same = Some(claims_set.clone());
    }
    claims.map_or_else(|| claims_set.read_owned(), Ok)
}

impl<C> Verified<C> {
    /// The claims as the type of the service's choice.
    #[must_use]
    pub fn claims(&self) -> &C {
        &self.proof.claims
    }

    /// The whole claims set, every member readable by name; of an opaque token what its issuer [answered](crate::introspection).
    #[must_use]
    pub fn claims_set(&self) -> &Claims {
        &self.proof.claims_set
    }

    /// `iss`: the configured issuer whose key verified the token, or who [vouches](crate::introspection) for it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.proof.issuer
    }

    /// `sub`: whom the token is about. Unique only together with the issuer (RFC 7519 §4.1.2).
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.proof.claims_set.subject()
    }

    /// `aud`: whom the token is meant for. `None` only where the policy accepts any audience, or the client without one.
    #[must_use]
    pub fn audience(&self) -> Option<Audience<'_>> {
        self.proof.claims_set.audience()
    }

    /// `exp`: from when on the token is no longer accepted.
    #[must_use]
    pub fn expires_at(&self) -> NumericDate {
        self.proof.claims_set.expires_at()
    }

    /// `nbf`: since when the token is accepted.
    #[must_use]
    pub fn not_before(&self) -> Option<NumericDate> {
        self.proof.claims_set.not_before()
    }

    /// `iat`: when the token was issued.
    #[must_use]
    pub fn issued_at(&self) -> Option<NumericDate> {
        self.proof.claims_set.issued_at()
    }

    /// `jti`: the token's identifier.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.proof.claims_set.token_id()
    }

    /// `client_id`: the client that asked for the token.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.proof.claims_set.client_id()
    }

    /// What the token grants, by the claim that the policy names for it (default `scope`); empty where there is none.
    #[must_use]
    pub fn scopes(&self) -> Scopes<'_> {
        match &self.proof.scopes {
            Some(list) => Scopes::new(list),
            None => self.proof.claims_set.scopes(),
        }
    }

    /// When the token was last checked: on this request, by the authenticator's clock.
    #[must_use]
    pub fn checked_at(&self) -> NumericDate {
        self.checked_at
    }

    /// The header's `kid`: the key that the token says it was signed with.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.proof.signed.as_ref()?.key_id.as_deref()
    }

    /// The header's `alg`: the algorithm that policy, header and key agreed on. `None` if the issuer was
    /// [asked](crate::introspection) about the token, which then has no header.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.proof.signed.as_ref().map(|signed| signed.algorithm)
    }

    /// The header's `typ`, as it was sent.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.proof.signed.as_ref()?.typ.as_deref()
    }
}

impl<C> Clone for Verified<C> {
    fn clone(&self) -> Self {
        Self {
            proof: Arc::clone(&self.proof),
            checked_at: self.checked_at,
        }
    }
}

impl<C> fmt::Debug for Verified<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("issuer", &self.issuer())
            .field("algorithm", &self.algorithm())
            .field("key_id", &self.key_id())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
