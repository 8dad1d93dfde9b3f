//! What a token of one issuer must satisfy; plain data, checked against a token's header and claims without I/O.
//!
//! It protects a service from tokens that are genuine, but not for it, not now, or not access tokens at all.
//!
//! # A token passes if
//!
//! 1. its `alg` is one of the allowed algorithms, compared exactly (RFC 8725 §3.1);
//! 2. its `typ` is that of an access token, or says no more than `JWT` (RFC 8725 §3.11; see [`Profile`]);
//! 3. `iss` is the issuer, byte for byte, and `aud` holds one of the audiences (RFC 7519 §4.1.1, §4.1.3); a token without
//!    `aud` passes only if it was issued to a client that is [named for that](PolicyBuilder::client_without_audience);
//! 4. `exp` is ahead; `nbf`, if present, is not; nor is `iat` (RFC 7519 §4.1.4 to §4.1.6);
//! 5. every required claim is there, and says what it must; and none is there that marks another kind of token;
//! 6. its scopes have the form that is expected of them (RFC 8693 §4.2);
//! 7. nothing binds it to a sender whom nobody checks.
//!
//! Every claim that is looked at must have the type its standard gives it; one that has not is a refusal, never
//! "absent". What weakens a check is reached through [`PolicyBuilder::dangerous`] only. A token that does not pass is answered
//! 401 `invalid_token`; the [kind](crate::VerifyErrorKind) of the error tells an operator which condition failed.
//!
//! A deployment must see to it that the machine's clock is right to within seconds.
//!
//! RFC 7519 §4.1, §7.2; RFC 8725 §3; RFC 9068 §2.2, §4.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::claims::{Claims, Scopes};
use crate::clock::NumericDate;
use crate::error::{ConfigError, ConfigErrorKind, VerifyErrorKind};
use crate::jose::{Algorithm, Algorithms, Header, KeySet};
use crate::sender::{Binding, BindingRule};

mod audience;
mod builder;
mod introspected;
mod issuer;
mod preset;
mod required;

use audience::AudienceRule;
pub use builder::{Dangerous, PolicyBuilder};
pub(crate) use builder::{Weaken, policy_setters};
pub(crate) use introspected::ToldBinding;
use issuer::check_resource;
pub(crate) use issuer::{check_issuer, check_transport, check_url};
pub use preset::Preset;
use required::RequiredClaim;

/// A leeway above this hides expired tokens rather than clock drift (RFC 7519 §4.1.4: "no more than a few minutes").
pub(crate) const MAX_LEEWAY: Duration = Duration::from_secs(600);

/// What is further ahead is no drift of clocks but a token that is to begin later (FAPI 2.0: "more than 60 seconds").
const MAX_NOT_BEFORE_LEEWAY: Duration = Duration::from_secs(60);

/// How far ahead `iat` may always be, whatever the leeway: clocks differ by seconds, `iat` bounds no lifetime, and
/// FAPI 2.0 §5.3.4 has servers accept ten seconds.
const ISSUED_AT_GRACE: Duration = Duration::from_secs(10);

/// Which standard a token has to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// Any JWT that passes the policy: `typ` absent, `JWT`, or that of RFC 9068. The default, since most providers
    /// do not follow RFC 9068 yet.
    ///
    /// A token whose `typ` does not say that it is an access token is refused if it carries `nonce`, as ID tokens do.
    #[default]
    Jwt,
    /// An access token by RFC 9068: `typ` must be `at+jwt`, and `sub`, `client_id`, `iat` and `jti` must be there.
    /// The better choice wherever the issuer can do it.
    AccessToken,
}

/// What a token of one issuer must satisfy. Built by [`Policy::builder`]; checks issuer, audience, expiry and algorithm,
/// unless [`dangerous`](PolicyBuilder::dangerous) says otherwise.
#[derive(Clone, Debug)]
pub struct Policy {
    id: PolicyId,
    issuer: Arc<str>,
    audience: AudienceRule,
    algorithms: Algorithms,
    profile: Profile,
    leeway: Duration,
    not_before_leeway: Duration,
    required_claims: Box<[RequiredClaim]>,
    /// The claim that holds the scopes, if that was said.
    scope_claim: Option<&'static str>,
    header_only: bool,
    nonce_accepted: bool,
    binding_ignored: bool,
    binding_rule: BindingRule,
}

/// What a token that satisfies a policy is good for, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// What it grants, if another claim than `scope` says so.
    pub(crate) scopes: Option<Arc<str>>,
    /// Whom it is bound to, if it is.
    pub(crate) binding: Option<Binding>,
}

/// Tells one built policy from all others of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PolicyId(u64);

impl PolicyId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Policy {
    /// Begins a policy for tokens of `issuer` that are meant for `audience`.
    pub fn builder(issuer: impl Into<String>, audience: impl Into<String>) -> PolicyBuilder {
        PolicyBuilder::new(issuer.into(), audience.into())
    }

    /// The issuer whose tokens this policy is for.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn id(&self) -> PolicyId {
        self.id
    }

    /// By how much a time may be past.
    pub(crate) fn leeway(&self) -> Duration {
        self.leeway
    }

    pub(crate) fn shared_issuer(&self) -> Arc<str> {
        Arc::clone(&self.issuer)
    }

    /// The audiences of which a token must name one, unless the policy says otherwise.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        self.audience.names.iter().map(AsRef::as_ref)
    }

    /// Whether a token's `aud` may be anything.
    pub(crate) fn accepts_any_audience(&self) -> bool {
        self.audience.any
    }

    /// The algorithms a token may be signed with.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.algorithms.iter()
    }

    /// Whether a token may stand nowhere but in the `Authorization` header, as [`Preset::Fapi2`] and [`Preset::Mcp`] demand.
    ///
    /// It is for whoever reads the request to see to; building an [`Authenticator`](crate::Authenticator) that would read a
    /// token from elsewhere fails.
    #[must_use]
    pub fn header_only(&self) -> bool {
        self.header_only
    }

    /// Whether `keys` can verify what this policy lets through.
    ///
    /// HMAC keys and public keys are never mixed: the text of a public key must not serve as a secret (CVE-2015-9235).
    pub(crate) fn check_keys(&self, keys: &KeySet) -> Result<(), ConfigError> {
        let problem = if self.algorithms().any(Algorithm::is_hmac) != keys.is_hmac() {
            "HMAC algorithms go with an HMAC key, and asymmetric ones with public keys"
        } else if !self.algorithms().any(|each| keys.fits(each)) {
            "none of the keys can be used with an algorithm that is allowed"
        } else {
            return Ok(());
        };
        Err(ConfigError::new(ConfigErrorKind::Contradiction, problem))
    }

    /// Whether a token whose issuer is not known yet can be acceptable at all, whatever the policy.
    pub(crate) fn could_accept(claims: &Claims, now: NumericDate) -> Result<(), VerifyErrorKind> {
        check_time(claims, now, MAX_LEEWAY, MAX_LEEWAY)?;
        match claims.foreign() {
            Some(name) => Err(VerifyErrorKind::ForeignClaim { name }),
            None => Ok(()),
        }
    }

    /// Checks the header: `alg`, `typ`, and that claims repeated there are the same (RFC 7519 §5.3).
    fn check_header(&self, header: &Header<'_>, claims: &Claims) -> Result<(), VerifyErrorKind> {
        if !self.algorithms.contains(header.algorithm) {
            return Err(VerifyErrorKind::AlgorithmNotAllowed);
        }
        let accepted = match TokenType::of(header) {
            TokenType::AccessToken => true,
            TokenType::Unspecific => self.profile == Profile::Jwt,
            TokenType::Other => false,
        };
        if !accepted {
            return Err(VerifyErrorKind::Type);
        }
        check_replicated(header, claims)
    }

    /// Holds a token against this policy: everything that can be refused without a key.
    pub(crate) fn check(
        &self,
        header: &Header<'_>,
        claims: &Claims,
        now: NumericDate,
    ) -> Result<Grant, VerifyErrorKind> {
        self.check_header(header, claims)?;
        self.check_claims(header, claims, now)?;
        self.grant(claims)
    }

    /// What the token is good for, by claims that were checked in all other points.
    fn grant(&self, claims: &Claims) -> Result<Grant, VerifyErrorKind> {
        Ok(Grant {
            binding: self.binding_of(claims)?,
            scopes: self.scopes_of(claims)?,
        })
    }

    /// Checks the claims; `header` tells whether the token calls itself an access token.
    fn check_claims(
        &self,
        header: &Header<'_>,
        claims: &Claims,
        now: NumericDate,
    ) -> Result<(), VerifyErrorKind> {
        if claims.issuer() != &*self.issuer {
            return Err(VerifyErrorKind::Issuer);
        }
        self.audience.check(claims)?;
        self.check_time(claims, now)?;
        self.check_required(claims)?;
        self.check_kind(header, claims)
    }

    /// Whether the token's time is now: the one check whose outcome changes by itself.
    pub(crate) fn check_time(
        &self,
        claims: &Claims,
        now: NumericDate,
    ) -> Result<(), VerifyErrorKind> {
        let not_before_leeway = self.leeway.max(self.not_before_leeway);
        check_time(claims, now, self.leeway, not_before_leeway)
    }

    fn check_required(&self, claims: &Claims) -> Result<(), VerifyErrorKind> {
        let of_profile = match self.profile {
            Profile::Jwt => [].as_slice(),
            // RFC 9068 §2.2
            Profile::AccessToken => &[
                ("sub", claims.subject().is_some()),
                ("client_id", claims.client_id().is_some()),
                ("iat", claims.issued_at().is_some()),
                ("jti", claims.token_id().is_some()),
            ],
        };
        if let Some((name, _)) = of_profile.iter().find(|(_, there)| !there) {
            return Err(VerifyErrorKind::ClaimMissing { name });
        }
        self.required_claims
            .iter()
            .try_for_each(|required| required.check(claims))
    }

    /// The scopes that the token grants, as a space-separated list; `None` if they are those of its registered `scope`.
    fn scopes_of(&self, claims: &Claims) -> Result<Option<Arc<str>>, VerifyErrorKind> {
        let configured = self.scope_claim;
        if configured != Some("scope") && claims.has_malformed_scope() {
            return Err(VerifyErrorKind::ClaimMalformed { name: "scope" });
        }
        let Some(name) = configured else {
            return Ok(None);
        };
        match claims.member(name) {
            Some(claim) => Scopes::join(claim)
                .map(Some)
                .ok_or(VerifyErrorKind::ClaimMalformed { name }),
            // Not what `scope` says: a claim that was not chosen grants nothing.
            None => Ok(Some(Arc::default())),
        }
    }

    /// RFC 8725 §3.12: the rules for kinds of token must exclude each other.
    fn check_kind(&self, header: &Header<'_>, claims: &Claims) -> Result<(), VerifyErrorKind> {
        if let Some(name) = claims.foreign() {
            return Err(VerifyErrorKind::ForeignClaim { name });
        }
        let unspecific = TokenType::of(header) == TokenType::Unspecific;
        if unspecific && !self.nonce_accepted && claims.has_nonce() {
            return Err(VerifyErrorKind::ForeignClaim { name: "nonce" });
        }
        Ok(())
    }

    /// RFC 9449 §7.2: a token bound to its sender must not pass as a plain bearer token.
    fn binding_of(&self, claims: &Claims) -> Result<Option<Binding>, VerifyErrorKind> {
        if !self.binding_ignored {
            return self.binding_rule.read(claims);
        }
        match claims.member("cnf") {
            Some(confirmation) if confirmation.entries().is_none() => {
                Err(VerifyErrorKind::ClaimMalformed { name: "cnf" })
            }
            _ => Ok(None),
        }
    }
}

/// Claims that the header repeats must be the same there (RFC 7519 §5.3).
pub(crate) fn check_replicated(
    header: &Header<'_>,
    claims: &Claims,
) -> Result<(), VerifyErrorKind> {
    for name in ["iss", "sub", "aud"] {
        if let Some(replicated) = header.parameter(name) {
            let same = claims
                .member(name)
                .is_some_and(|claim| claim.raw() == replicated.raw());
            if !same {
                return Err(VerifyErrorKind::HeaderParameter { name });
            }
        }
    }
    Ok(())
}

/// Whether the token's time is now (RFC 7519 §4.1.4 to §4.1.6).
fn check_time(
    claims: &Claims,
    now: NumericDate,
    leeway: Duration,
    not_before_leeway: Duration,
) -> Result<(), VerifyErrorKind> {
    let at = claims.expires_at();
    if now >= at.saturating_add(leeway) {
        return Err(VerifyErrorKind::Expired { at, now });
    }
    if let Some(at) = claims.not_before()
        && at > now.saturating_add(not_before_leeway)
    {
        return Err(VerifyErrorKind::NotYetValid { at, now });
    }
    if let Some(at) = claims.issued_at()
        && at > now.saturating_add(leeway.max(ISSUED_AT_GRACE))
    {
        return Err(VerifyErrorKind::IssuedInFuture { at, now });
    }
    Ok(())
}

/// What the header's `typ` says of the kind of token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TokenType {
    /// Absent, or `JWT`, which RFC 8725 §3.11 does not count as a type.
    Unspecific,
    /// `at+jwt` (RFC 9068 §2.1).
    AccessToken,
    Other,
}

impl TokenType {
    fn of(header: &Header<'_>) -> Self {
        match header.media_type() {
            Some(name) if name.eq_ignore_ascii_case("at+jwt") => Self::AccessToken,
            Some(name) if !name.eq_ignore_ascii_case("jwt") => Self::Other,
            _ => Self::Unspecific,
        }
    }
}
