//! Keycloak: access tokens of one realm.
//!
//! Keycloak names no API in `aud` unless told to: give the client, or a client scope, an *audience* mapper. Its access tokens
//! carry `typ` as a claim, `Bearer`, where ID tokens have `ID`, and logout tokens `Logout`; the header says `JWT`, or `at+jwt`
//! where the client is set up so. Before version 24 they hold a `nonce` too, and are then refused unless
//! [`accept_nonce`](crate::policy::Dangerous::accept_nonce) allows it.

use super::input::check_segment;
use crate::authorization::ClaimPath;
use crate::issuers::TrustedIssuer;

/// The roles of the realm: `realm_access.roles`.
pub const REALM_ROLES: ClaimPath = ClaimPath::of(&["realm_access", "roles"]);

/// The groups, where a *group membership* mapper puts them under this name: `groups`.
///
/// With the mapper's *full group path* a group is written `/sales/europe`, slash and all.
pub const GROUPS: ClaimPath = ClaimPath::of(&["groups"]);

/// The roles that belong to one client: `resource_access.{client}.roles`.
#[must_use]
pub fn client_roles(client_id: &str) -> ClaimPath {
    ClaimPath::from(["resource_access", client_id, "roles"])
}

/// Trusts the access tokens of `realm` at `server` that are meant for `audience`.
///
/// `server` is a URL with everything before `/realms`: `https://id.example.com`, or `https://id.example.com/auth` where Keycloak
/// still has that path; a slash at its end does not count. `realm` is a name of letters, digits, `-`, `_`, `.` and `~`.
///
/// A token must have the claim `typ` with the value `Bearer`, or `DPoP` where it is bound to a key.
pub fn realm(server: &str, realm: &str, audience: impl Into<String>) -> TrustedIssuer {
    let server = server.strip_suffix('/').unwrap_or(server);
    TrustedIssuer::new(format!("{server}/realms/{realm}"), audience)
        .require_any_claim_value("typ", ["Bearer", "DPoP"])
        .mistaken(check_segment("realm", realm))
}
