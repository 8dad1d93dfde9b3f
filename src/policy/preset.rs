//! What a standard demands of the service that verifies tokens, as one setting.

use std::time::Duration;

use super::audience::Compared;
use super::{ConfigError, ConfigErrorKind, PolicyBuilder, Profile, check_resource};
use crate::jose::Algorithm;

/// A standard, with all that it demands of a policy.
///
/// Given with [`PolicyBuilder::preset`]; several may be combined. A setting that contradicts it fails in `build()`, in
/// whatever order they are given.
///
/// A preset makes a policy stricter, but for two things: [`Fapi2`](Self::Fapi2) gives `nbf` ten seconds, and
/// [`Mcp`](Self::Mcp) compares scheme and host of an audience without regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preset {
    /// JWT access tokens (RFC 9068 §4): [`Profile::AccessToken`], and an audience in every token.
    Rfc9068,
    /// A resource server by the FAPI 2.0 Security Profile (§5.3.4, §5.4).
    ///
    /// 1. Algorithms: PS256, ES256 and EdDSA on Ed25519, and no other.
    /// 2. The token stands in the `Authorization` header and nowhere else.
    /// 3. An `nbf` or `iat` up to ten seconds ahead is accepted; none is that is more than sixty seconds ahead, so that
    ///    the leeway is at most sixty seconds.
    /// 4. Keys come by `https`, plain `http` on loopback aside; the audience and the sender's binding cannot be left unchecked.
    /// 5. Where the authenticator checks [proofs](crate::dpop) or [client certificates](crate::mtls), a token that is bound to
    ///    neither is refused. Where it checks none, a bound token is refused, and whether any is bound is for the authorization server
    ///    to see to.
    Fapi2,
    /// A server of the Model Context Protocol, as its authorization specification wants it.
    ///
    /// 1. The token stands in the `Authorization` header and nowhere else.
    /// 2. Every audience of the policy is a URL of the server: `https`, without a fragment (plain `http` on loopback).
    /// 3. A token must name one of them in `aud`. Scheme and host are compared without regard to case, all the rest
    ///    exactly: write the URL without a trailing slash, as the specification recommends, and add the other form with
    ///    [`audience`](PolicyBuilder::audience) if the authorization server uses that.
    Mcp,
}

impl Preset {
    /// What FAPI 2.0 §5.4 allows; Ed25519 is EdDSA by its name in RFC 9864.
    const FAPI_ALGORITHMS: [Algorithm; 4] = [
        Algorithm::PS256,
        Algorithm::ES256,
        Algorithm::EdDSA,
        Algorithm::Ed25519,
    ];
    /// How far ahead a token may begin by FAPI 2.0, and how far it must not.
    const FAPI_GRACE: Duration = Duration::from_secs(10);
    const FAPI_MOST_AHEAD: Duration = Duration::from_secs(60);

    /// Makes `policy` demand what the standard does.
    pub(super) fn apply(self, policy: &mut PolicyBuilder) -> Result<(), ConfigError> {
        match self {
            Self::Rfc9068 => Self::rfc9068(policy),
            Self::Fapi2 => Self::fapi2(policy),
            Self::Mcp => Self::mcp(policy),
        }
    }

    fn rfc9068(policy: &mut PolicyBuilder) -> Result<(), ConfigError> {
        policy.profile = Profile::AccessToken;
        forbid(policy.any_audience, "RFC 9068 has every audience checked")
    }

    fn fapi2(policy: &mut PolicyBuilder) -> Result<(), ConfigError> {
        forbid(policy.any_audience, "FAPI 2.0 has every audience checked")?;
        forbid(
            policy.binding_ignored,
            "FAPI 2.0 has the binding of a token to its sender checked",
        )?;
        forbid(policy.plain_http, "FAPI 2.0 has keys come by https")?;
        forbid(
            policy.leeway > Self::FAPI_MOST_AHEAD,
            "FAPI 2.0 allows a leeway of at most 60 s",
        )?;
        let algorithms = policy
            .algorithms
            .get_or_insert_with(|| Self::FAPI_ALGORITHMS.to_vec());
        forbid(
            algorithms
                .iter()
                .any(|each| !Self::FAPI_ALGORITHMS.contains(each)),
            "FAPI 2.0 allows PS256, ES256 and EdDSA only",
        )?;
        policy.not_before_leeway = policy.not_before_leeway.max(Self::FAPI_GRACE);
        policy.header_only = true;
        policy.binding_demanded = true;
        Ok(())
    }

    fn mcp(policy: &mut PolicyBuilder) -> Result<(), ConfigError> {
        forbid(
            policy.any_audience || !policy.clients_without_audience.is_empty(),
            "MCP has a token accepted only if its audience is the server",
        )?;
        for audience in &policy.audiences {
            check_resource(audience)?;
        }
        policy.audience_compared = Compared::AsUrl;
        policy.header_only = true;
        Ok(())
    }
}

fn forbid(contradicted: bool, rule: &'static str) -> Result<(), ConfigError> {
    if contradicted {
        Err(ConfigError::new(ConfigErrorKind::Contradiction, rule))
    } else {
        Ok(())
    }
}
