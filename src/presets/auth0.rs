//! Auth0: access tokens for one API.
//!
//! A client must ask for the API by its identifier (`audience`); otherwise its access token is opaque. Scopes stand in
//! `scope`. With *RBAC* and *Add Permissions in the Access Token* switched on at the API, what the user may do stands in
//! [`PERMISSIONS`]: guard routes by that, since `scope` then holds only what the client asked for.
//!
//! Claims of one's own must have a URL as their name: read them with a path whose names are taken as they are.
//!
//! ```
//! use tower_bearer::authorization::{ClaimPath, Requirement};
//! use tower_bearer::presets::auth0;
//!
//! let reads: Requirement = Requirement::value(auth0::PERMISSIONS, "read:orders");
//! let audits: Requirement = Requirement::value(ClaimPath::from(["https://acme.example/roles"]), "auditor");
//! ```

use super::input::check_domain;
use crate::authorization::ClaimPath;
use crate::issuers::TrustedIssuer;

/// What the user may do at the API, where the API has that put into its tokens: `permissions`.
pub const PERMISSIONS: ClaimPath = ClaimPath::of(&["permissions"]);

/// Trusts the access tokens of the tenant at `domain` that are meant for `audience`.
///
/// `domain` is a host name alone, `acme.eu.auth0.com` or a domain of one's own; the issuer is made of it with the slash at its
/// end that Auth0's tokens have. `audience` is the API's identifier, never a client's: Auth0's ID tokens have the client
/// there, and nothing else that is always there tells them apart. Where all clients allow it, choose the RFC 9068 profile at
/// the API and add [`Preset::Rfc9068`](crate::Preset::Rfc9068).
///
/// An organisation's tokens alone are accepted with `.require_claim_value("org_id", "org_…")`.
pub fn tenant(domain: &str, audience: impl Into<String>) -> TrustedIssuer {
    TrustedIssuer::new(format!("https://{domain}/"), audience).mistaken(check_domain(domain))
}
