//! Microsoft Entra ID: access tokens of one tenant, in either of their two forms.
//!
//! Which form an API gets is set at the API's own registration, by `requestedAccessTokenVersion` (`accessTokenAcceptedVersion`
//! in older manifests), whatever the client asks: [`v2`] if it is 2, [`v1`] if it is null or 1.
//!
//! All tenants share their signing keys, so that nothing but `iss` and `tid` tells one's tokens from another's. For several
//! tenants use an [`IssuerTemplate`](crate::IssuerTemplate), whose terms are [`v2`] with the tenant's name:
//!
//! ```
//! use tower_bearer::IssuerTemplate;
//! use tower_bearer::presets::entra;
//!
//! let tenants = IssuerTemplate::new("https://login.microsoftonline.com/{tenant}/v2.0", |_issuer, tenant| {
//!     entra::v2(tenant, "2f0d3c51-7e0b-4d4c-9a5f-0d6a7a1c9e10")
//! })?
//! .allow(["8c1f5b0e-3a52-4c0e-9a57-5d1e0f3b7c21"]);
//! # Ok::<(), tower_bearer::ConfigError>(())
//! ```
//!
//! A token for a user holds scopes in `scp`; one for an application has no `scp`, and holds what it was assigned in
//! [`ROLES`]. Guard a route by one of the two: by itself a token says no more than that its tenant is right.
//!
//! Not covered: national clouds, external tenants (`ciamlogin.com`) and Azure AD B2C, whose issuers differ; use
//! [`TrustedIssuer::new`] with the issuer of their discovery document.

use super::input::wrong;
use crate::authorization::ClaimPath;
use crate::error::ConfigError;
use crate::issuers::TrustedIssuer;

/// The roles of the API's own registration, assigned to users, groups or applications: `roles`.
pub const ROLES: ClaimPath = ClaimPath::of(&["roles"]);

/// The groups, by identifier, where the registration asks for them: `groups`.
///
/// For a user of more than 200 groups Entra leaves the claim out and points to another service, which nobody here asks: such
/// a user has no group. Prefer [`ROLES`].
pub const GROUPS: ClaimPath = ClaimPath::of(&["groups"]);

/// Trusts the v2.0 access tokens of `tenant` that are meant for `audience`.
///
/// `tenant` is the directory's identifier, a GUID; `common`, `organizations` and domain names stand in no token's `iss`.
/// `audience` is the API's application (client) identifier, a GUID too: v2.0 tokens never name its URI.
///
/// A token must have `ver` 2.0, `tid` equal to `tenant`, and `azpacr`, which tells how the client authenticated and stands in
/// access tokens only.
pub fn v2(tenant: &str, audience: impl Into<String>) -> TrustedIssuer {
    let id = tenant.to_ascii_lowercase();
    let issuer = format!("https://login.microsoftonline.com/{id}/v2.0");
    TrustedIssuer::new(issuer, audience)
        .scope_claim("scp")
        .require_claim_value("ver", "2.0")
        .require_claim_value("tid", id)
        .require_claim("azpacr")
        .mistaken(check_tenant(tenant))
}

/// Trusts the v1.0 access tokens of `tenant` that are meant for `audience`.
///
/// `tenant` is the directory's identifier, a GUID. `audience` is what the client asked for: the API's application ID URI
/// (`api://…`), or its identifier.
///
/// The keys are fetched from where v1.0 publishes them, without discovery: the issuer, `sts.windows.net`, is no place to
/// ask. A token must have `ver` 1.0, `tid` equal to `tenant`, and `appidacr`, which stands in access tokens only.
pub fn v1(tenant: &str, audience: impl Into<String>) -> TrustedIssuer {
    let id = tenant.to_ascii_lowercase();
    let issuer = format!("https://sts.windows.net/{id}/");
    TrustedIssuer::new(issuer, audience)
        .jwks_url(format!(
            "https://login.microsoftonline.com/{id}/discovery/keys"
        ))
        .scope_claim("scp")
        .require_claim_value("ver", "1.0")
        .require_claim_value("tid", id)
        .require_claim("appidacr")
        .mistaken(check_tenant(tenant))
}

/// A GUID: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12.
fn check_tenant(tenant: &str) -> Option<ConfigError> {
    let hexadecimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lengths = tenant.split('-').map(str::len);
    let sound = lengths.eq([8, 4, 4, 4, 12]) && tenant.split('-').all(hexadecimal);
    (!sound).then(|| wrong("tenant", tenant, "is not a directory's identifier, a GUID"))
}
