//! One proof, checked from its form to its signature (RFC 9449 §4.2, §4.3). No I/O, no clock of its own.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::error::ProofErrorKind;
use super::known_keys::KnownKeys;
use super::nonces::{Age, DpopNonces};
use super::replay::ProofUse;
use super::target::TargetUri;
use super::thumbprint::Thumbprint;
use crate::clock::NumericDate;
use crate::error::VerifyErrorKind;
use crate::jose::{
    Algorithms, Compact, Header, Members, PublicJwk, SkipReason, Value, base64url, sha256,
};

/// The longest proof that is read, in bytes: the largest RSA key and its signature take half of it.
const LONGEST: usize = 8 * 1024;

/// The longest `jti`, in bytes. A random one takes 16 to 40.
const LONGEST_ID: usize = 256;

/// What a proof is held against.
pub(super) struct Demand<'d> {
    pub(super) algorithms: Algorithms,
    /// As the request has it.
    pub(super) method: &'d str,
    /// The request's URI; `None` if it is not to any of our names.
    pub(super) target: Option<&'d TargetUri>,
    /// How long ago a proof may have been made.
    pub(super) age: Duration,
    /// How far ahead of ours a client's clock may be.
    pub(super) leeway: Duration,
    pub(super) nonces: Option<&'d DpopNonces>,
    /// The access token, as it was sent.
    pub(super) token: &'d str,
    /// The key that it is bound to.
    pub(super) binding: &'d Thumbprint,
    pub(super) now: NumericDate,
}

/// A proof that is good, but may have been used before.
pub(super) struct Checked {
    pub(super) used: ProofUse,
    /// Whether its nonce is that of the span before, and the client should be given another.
    pub(super) nonce_aged: bool,
}

/// What a proof claims.
struct Claims<'p> {
    jti: Cow<'p, str>,
    method: Cow<'p, str>,
    target: Cow<'p, str>,
    issued_at: NumericDate,
    expires_at: Option<NumericDate>,
    not_before: Option<NumericDate>,
    token_hash: Cow<'p, str>,
    nonce: Option<Cow<'p, str>>,
}

/// Holds a proof against what is demanded: what is cheap before what is dear, and the signature last.
pub(super) fn check(
    proof: &str,
    demand: &Demand<'_>,
    known: &KnownKeys,
) -> Result<Checked, ProofErrorKind> {
    let compact = Compact::decode(proof, LONGEST).map_err(|kind| match kind {
        VerifyErrorKind::TooLong { .. } => ProofErrorKind::TooLong,
        _ => ProofErrorKind::Malformed,
    })?;
    let header = Header::parse(&compact.header).map_err(|kind| match kind {
        VerifyErrorKind::AlgorithmUnknown | VerifyErrorKind::HeaderParameter { name: "alg" } => {
            ProofErrorKind::Algorithm
        }
        VerifyErrorKind::HeaderParameter { name: "typ" } => ProofErrorKind::Type,
        _ => ProofErrorKind::Malformed,
    })?;
    // Exactly so, as §4.2 has it: no client was ever told that there is another way to write it.
    if header.typ.as_deref() != Some("dpop+jwt") {
        return Err(ProofErrorKind::Type);
    }
    let algorithm = header.algorithm;
    if !demand.algorithms.contains(algorithm) {
        return Err(ProofErrorKind::Algorithm);
    }
    let claims = Claims::read(&compact.payload)?;
    if claims.method != demand.method {
        return Err(ProofErrorKind::Method);
    }
    let target = demand.target.ok_or(ProofErrorKind::TargetUnknown)?;
    if !target.is_named_by(&claims.target) {
        return Err(ProofErrorKind::TargetUri);
    }
    claims.check_time(demand)?;
    let nonce_aged = claims.check_nonce(demand)?;
    if claims.token_hash != base64url::encode(sha256(demand.token.as_bytes())) {
        return Err(ProofErrorKind::AccessTokenHash);
    }

    let unusable = |reason| ProofErrorKind::Key { reason };
    let jwk = header
        .parameter("jwk")
        .ok_or(unusable(SkipReason::Malformed))?;
    let jwk = PublicJwk::read(jwk).map_err(unusable)?;
    if jwk.thumbprint() != demand.binding.as_octets() {
        return Err(ProofErrorKind::KeyBinding);
    }
    if !jwk.allows(algorithm) {
        return Err(unusable(SkipReason::UnsupportedAlgorithm));
    }
    let (key, new) = match known.find(demand.binding, algorithm) {
        Some(key) => (key, false),
        None => (Arc::new(jwk.to_key_for(algorithm).map_err(unusable)?), true),
    };
    if !key.verify(algorithm, compact.signing_input, &compact.signature) {
        return Err(ProofErrorKind::Signature);
    }
    if new {
        known.keep(*demand.binding, key);
    }
    let ends_at = claims.issued_at.saturating_add(demand.age);
    Ok(Checked {
        used: ProofUse::of(
            *demand.binding,
            target.as_str(),
            &claims.jti,
            demand.now,
            ends_at,
        ),
        nonce_aged,
    })
}

impl<'p> Claims<'p> {
    fn read(text: &'p str) -> Result<Self, ProofErrorKind> {
        let members = Members::scan(text).map_err(|_| ProofErrorKind::Malformed)?;
        let optional = |name| members.get(text, name);
        let required = |name| optional(name).ok_or(ProofErrorKind::ClaimMissing { name });
        let string = |name, value: Value<'p>| {
            let malformed = ProofErrorKind::ClaimMalformed { name };
            value.as_str().ok_or(malformed)
        };
        let instant = |name, value: Value<'p>| {
            let at = value.as_number().and_then(NumericDate::from_json_number);
            at.ok_or(ProofErrorKind::ClaimMalformed { name })
        };
        let jti = string("jti", required("jti")?)?;
        if jti.is_empty() || jti.len() > LONGEST_ID {
            return Err(ProofErrorKind::ClaimMalformed { name: "jti" });
        }
        Ok(Self {
            jti,
            method: string("htm", required("htm")?)?,
            target: string("htu", required("htu")?)?,
            issued_at: instant("iat", required("iat")?)?,
            token_hash: string("ath", required("ath")?)?,
            nonce: optional("nonce")
                .map(|value| string("nonce", value))
                .transpose()?,
            // Not asked for by RFC 9449; a proof that sets itself an end is held to it (RFC 7519 §4.1.4, §4.1.5).
            expires_at: optional("exp")
                .map(|value| instant("exp", value))
                .transpose()?,
            not_before: optional("nbf")
                .map(|value| instant("nbf", value))
                .transpose()?,
        })
    }

    fn check_time(&self, demand: &Demand<'_>) -> Result<(), ProofErrorKind> {
        let now = demand.now;
        let latest = now.saturating_add(demand.leeway);
        for at in [Some(self.issued_at), self.not_before]
            .into_iter()
            .flatten()
        {
            if at > latest {
                return Err(ProofErrorKind::IssuedInFuture { at, now });
            }
        }
        if let Some(at) = self.expires_at.filter(|at| now >= *at) {
            return Err(ProofErrorKind::TooOld { at, now });
        }
        if now > self.issued_at.saturating_add(demand.age) {
            let at = self.issued_at;
            return Err(ProofErrorKind::TooOld { at, now });
        }
        Ok(())
    }

    /// Whether the nonce, if one is demanded, is that of the span before.
    fn check_nonce(&self, demand: &Demand<'_>) -> Result<bool, ProofErrorKind> {
        let Some(nonces) = demand.nonces else {
            return Ok(false);
        };
        let nonce = self.nonce.as_deref().ok_or(ProofErrorKind::NonceMissing)?;
        match nonces.age(nonce, demand.now) {
            Age::Present => Ok(false),
            Age::Previous => Ok(true),
            Age::Unknown => Err(ProofErrorKind::NonceUnknown),
        }
    }
}
