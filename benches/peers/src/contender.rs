//! Who is measured.

use serde::{Deserialize, Serialize};

use crate::tokens::Case;

/// One row of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contender {
    Bare,
    NoAuthentication,
    TowerBearer,
    TowerBearerCached,
    Jsonwebtoken,
    JwtAuthorizer,
    ResourceServerAwsLc,
    ResourceServerRustCrypto,
    AxumJwtAuthAwsLc,
    AxumJwtAuthRustCrypto,
    Huskarl,
}

/// What the reader should know of one.
pub struct About {
    pub name: &'static str,
    /// As Cargo.lock has it.
    pub package: &'static str,
    pub cryptography: &'static str,
    pub configuration: &'static str,
    /// From its source, not from its documents; what can be tried is tried by the probes.
    pub unchecked: &'static str,
}

const OURS: &str = "issuer and audience, all else at its default; keys found by discovery";
const OURS_UNCHECKED: &str = "revocation, introspection and sender binding, unless configured: a bound token is refused. `SECURITY.md` lists what is left to others";
const RESOURCE_SERVER: &str = "`TenantConfiguration::builder(issuer).audiences(…)`, all else at its default; keys found by discovery";
const RESOURCE_SERVER_UNCHECKED: &str = "`nbf`, unless the issuer's discovery document names it among `claims_supported`; `iat`, `typ`, `crit`, `cnf`; `iss` an array; a repeated member that the claims type does not name; \
    more than one `Authorization` header (the first one counts). 60 s of leeway. Takes the scheme in one spelling only. One key of the set that cannot be read \
    discards the set; a new key is found at the next refresh, up to 60 s later";
const AXUM_JWT_AUTH: &str = "`RemoteJwksDecoder` with the key set's URL, a `Validation` with audience and issuer, as its example has it; its `Claims` extractor wrapped as a layer. One decoder takes one family of algorithms";
const AXUM_JWT_AUTH_UNCHECKED: &str = "an absent `iss` or `aud` (compared only where present); `iss` an array; `nbf`, `iat`, `typ`, `crit`, `cnf`; a repeated member that the claims type does not name; more than one `Authorization` header. 60 s of \
    leeway. Answers 500 where a token cannot be parsed or names an unknown key, and never a challenge; one odd key fails the whole set; a new key is found at the next refresh, up to an hour later";

impl Contender {
    pub const ALL: &[Self] = &[
        Self::Bare,
        Self::NoAuthentication,
        Self::TowerBearerCached,
        Self::TowerBearer,
        Self::Jsonwebtoken,
        Self::JwtAuthorizer,
        Self::ResourceServerAwsLc,
        Self::ResourceServerRustCrypto,
        Self::AxumJwtAuthAwsLc,
        Self::AxumJwtAuthRustCrypto,
        Self::Huskarl,
    ];

    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied()
    }

    /// Whether it is one that takes requests and refuses some.
    pub fn authenticates(self) -> bool {
        !matches!(self, Self::Bare | Self::NoAuthentication)
    }

    pub fn is_ours(self) -> bool {
        matches!(self, Self::TowerBearer | Self::TowerBearerCached)
    }

    pub fn answers(self, case: Case) -> bool {
        match self {
            Self::Bare => matches!(
                case,
                Case::New | Case::Repeated | Case::Distinct | Case::BadSignature
            ),
            _ => true,
        }
    }

    pub fn about(self) -> About {
        match self {
            Self::Bare => About {
                name: "bare aws-lc-rs",
                package: "aws-lc-rs",
                cryptography: "aws-lc-rs",
                configuration: "`ParsedPublicKey::verify_sig`, key and signature at hand: no request, no parsing, no claims",
                unchecked: "everything but the signature",
            },
            Self::NoAuthentication => About {
                name: "no authentication",
                package: "",
                cryptography: "none",
                configuration: "the handler alone",
                unchecked: "everything",
            },
            Self::TowerBearerCached => About {
                name: "tower-bearer, cached",
                package: "tower-bearer",
                cryptography: "aws-lc-rs",
                configuration: OURS,
                unchecked: OURS_UNCHECKED,
            },
            Self::TowerBearer => About {
                name: "tower-bearer, no cache",
                package: "tower-bearer",
                cryptography: "aws-lc-rs",
                configuration: "the same issuer and audience, the verified-token cache turned off",
                unchecked: OURS_UNCHECKED,
            },
            Self::Jsonwebtoken => About {
                name: "jsonwebtoken, by hand",
                package: "jsonwebtoken",
                cryptography: "aws-lc-rs",
                configuration: "`decode_header` for the `kid`, `decode` with a `Validation` with audience and issuer; keys parsed at start, no boxed future: the layer that one writes in an afternoon",
                unchecked: "an absent `iss` or `aud` (compared only where present); `iss` an array; `nbf`, `iat`, `typ`, `crit`, `cnf`; a repeated member that the claims type does not name; more than one \
                    `Authorization` header. 60 s of leeway. This layer never fetches keys again",
            },
            Self::JwtAuthorizer => About {
                name: "jwt-authorizer",
                package: "jwt-authorizer",
                cryptography: "ring (jsonwebtoken 9)",
                configuration: "`from_oidc(issuer)` with issuer, audience, `nbf(true)` and `leeway(20)`, as its README has it",
                unchecked: "an absent `iss` or `aud` (compared only where present); `iss` an array; `iat`, `typ`, `crit`, `cnf`; a repeated member that the claims type does not name; more than one `Authorization` header. Looks keys up \
                    under one mutex, held while keys are downloaded; a new key is found only 10 minutes after the last download",
            },
            Self::ResourceServerAwsLc => About {
                name: "tower-oauth2-resource-server, aws-lc-rs",
                package: "tower-oauth2-resource-server",
                cryptography: "aws-lc-rs (jsonwebtoken 11)",
                configuration: RESOURCE_SERVER,
                unchecked: RESOURCE_SERVER_UNCHECKED,
            },
            Self::ResourceServerRustCrypto => About {
                name: "tower-oauth2-resource-server (its default)",
                package: "tower-oauth2-resource-server",
                cryptography: "RustCrypto (jsonwebtoken 11)",
                configuration: RESOURCE_SERVER,
                unchecked: "the same",
            },
            Self::AxumJwtAuthAwsLc => About {
                name: "axum-jwt-auth, aws-lc-rs",
                package: "axum-jwt-auth",
                cryptography: "aws-lc-rs (jsonwebtoken 10), which the application must install",
                configuration: AXUM_JWT_AUTH,
                unchecked: AXUM_JWT_AUTH_UNCHECKED,
            },
            Self::AxumJwtAuthRustCrypto => About {
                name: "axum-jwt-auth (its default)",
                package: "axum-jwt-auth",
                cryptography: "RustCrypto (jsonwebtoken 10)",
                configuration: AXUM_JWT_AUTH,
                unchecked: "the same",
            },
            Self::Huskarl => About {
                name: "huskarl-resource-server",
                package: "huskarl-resource-server",
                cryptography: "RustCrypto (`rsa` 0.10 release candidate), its only one on native platforms",
                configuration: "`Rfc9068Validator` from the issuer's metadata, all else at its default; `validate_request` and `rejection` wrapped as a layer",
                unchecked: "a repeated member other than the registered ones. 10 s of leeway. The only peer here that demands the RFC 9068 profile and checks sender binding; it verifies the signature before any claim",
            },
        }
    }
}
