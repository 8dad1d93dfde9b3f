//! From a token to [`Verified`], step by step; each step demands the proof of the one before. No I/O, no clock of its
//! own.

use std::fmt;
use std::marker::PhantomData;
use std::mem;

use serde::de::DeserializeOwned;

use crate::claims::Claims;
use crate::clock::NumericDate;
use crate::error::{ConfigError, VerifyError, VerifyErrorKind};
use crate::jose::{Algorithm, Compact, Header, KeySet};
use crate::policy::{Grant, Policy};
use crate::verified::Verified;

/// The longest token that is read, in bytes. Servers bound a request's headers at 8 to 64 KiB.
pub(crate) const MAX_TOKEN_LENGTH: usize = 16 * 1024;

/// A token's header and claims, read but not believed.
pub(crate) struct Unverified<'c> {
    compact: &'c Compact<'c>,
    header: Header<'c>,
    claims: Claims,
}

impl<'c> Unverified<'c> {
    /// Reads what `compact` holds; its payload goes into the claims.
    pub(crate) fn read(compact: &'c mut Compact<'c>) -> Result<Self, VerifyErrorKind> {
        let payload = mem::take(&mut compact.payload);
        let compact: &'c Compact<'c> = compact;
        Ok(Self {
            compact,
            header: Header::parse(&compact.header)?,
            claims: Claims::parse(payload)?,
        })
    }

    /// The issuer that the token claims to be from: good for finding a policy, and nothing else.
    pub(crate) fn issuer(&self) -> &str {
        self.claims.issuer()
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Holds the token against `policy`: everything that can be refused without a key.
    pub(crate) fn check(
        self,
        policy: &Policy,
        now: NumericDate,
    ) -> Result<Checked<'c>, VerifyErrorKind> {
        let grant = policy.check(&self.header, &self.claims, now)?;
        Ok(Checked {
            unverified: self,
            grant,
            now,
        })
    }
}

/// A token that satisfies its issuer's policy, if only its signature holds.
pub(crate) struct Checked<'c> {
    unverified: Unverified<'c>,
    grant: Grant,
    now: NumericDate,
}

impl Checked<'_> {
    /// The key that the token says it was signed with.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.unverified.header.key_id.as_deref()
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.unverified.header.algorithm
    }

    /// What the signature is of. It tells tokens apart: of one there may be more than one good signature.
    pub(crate) fn signed_part(&self) -> &[u8] {
        self.unverified.compact.signing_input
    }

    /// Checks the signature with the keys of `policy`'s issuer, then reads the service's own claims type.
    pub(crate) fn verify<C: DeserializeOwned + 'static>(
        &self,
        policy: &Policy,
        keys: &KeySet,
    ) -> Result<Verified<C>, VerifyError> {
        let Unverified {
            compact,
            header,
            claims,
        } = &self.unverified;
        let algorithm = header.algorithm;
        let key = keys
            .select(self.key_id(), algorithm, self.now)?
            .find(|key| key.verify(algorithm, compact.signing_input, &compact.signature))
            .ok_or(VerifyErrorKind::Signature)?;
        Verified::new(
            policy,
            key,
            header,
            claims.clone(),
            self.grant.clone(),
            self.now,
        )
        .map_err(|error| VerifyError::because(VerifyErrorKind::ClaimsType, error))
    }
}

/// Verifies tokens of one issuer with keys that are at hand; synchronous, with the time as an argument.
///
/// For tokens that do not come with a request, or in tests. Services use
/// [`Authenticator`](crate::Authenticator), which finds the keys by itself.
///
/// ```
/// use tower_bearer::{KeySet, NumericDate, Policy, Verifier, VerifyErrorKind};
/// use tower_bearer::jose::Algorithm;
///
/// let keys = KeySet::hmac(Algorithm::HS256, b"only an example, only an example")?;
/// let policy = Policy::builder("https://id.example.com", "https://api.example.com")
///     .algorithms([Algorithm::HS256])
///     .build()?;
/// let verifier = Verifier::new(policy, keys)?;
///
/// let refused = verifier.verify("no token", NumericDate::from_seconds(1_800_000_000)).unwrap_err();
/// assert_eq!(refused.kind(), VerifyErrorKind::NotCompact);
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
pub struct Verifier<C = Claims> {
    policy: Policy,
    keys: KeySet,
    claims: PhantomData<fn() -> C>,
}

impl Verifier<Claims> {
    /// Verifies with `keys` what satisfies `policy`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if no key fits an algorithm that the policy allows, or secrets would stand beside public keys.
    pub fn new(policy: Policy, keys: KeySet) -> Result<Self, ConfigError> {
        policy.check_keys(&keys)?;
        Ok(Self {
            policy,
            keys,
            claims: PhantomData,
        })
    }
}

impl<C> Verifier<C> {
    /// Reads the claims of every token as a `D`; a token that does not fit is refused.
    #[must_use]
    pub fn claims<D: DeserializeOwned + 'static>(self) -> Verifier<D> {
        Verifier {
            policy: self.policy,
            keys: self.keys,
            claims: PhantomData,
        }
    }
}

impl<C: DeserializeOwned + 'static> Verifier<C> {
    /// Verifies `token` as of `now`.
    ///
    /// # Errors
    ///
    /// [`VerifyError`], whose kind tells what is wrong.
    pub fn verify(&self, token: &str, now: NumericDate) -> Result<Verified<C>, VerifyError> {
        let mut compact = Compact::decode(token, MAX_TOKEN_LENGTH)?;
        Unverified::read(&mut compact)?
            .check(&self.policy, now)?
            .verify(&self.policy, &self.keys)
    }
}

impl<C> fmt::Debug for Verifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("policy", &self.policy)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
