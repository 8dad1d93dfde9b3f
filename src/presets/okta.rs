//! Okta: access tokens of a custom authorization server.
//!
//! The org authorization server, whose issuer is the bare domain, signs access tokens for Okta's own use, which nobody
//! else is meant to verify: a service needs a custom server, of which `default` is one.
//!
//! Scopes stand in `scp`, as an array.

use super::input::{check_domain, check_segment};
use crate::authorization::ClaimPath;
use crate::issuers::TrustedIssuer;

/// The groups, where the server has a claim of this name with a groups filter: `groups`.
pub const GROUPS: ClaimPath = ClaimPath::of(&["groups"]);

/// Trusts the access tokens of the authorization server `server` at `domain` that are meant for `audience`.
///
/// `domain` is a host name alone, `acme.okta.com` or a domain of one's own; `server` is the server's identifier, `default` or
/// such as `aus9o8wzkhckw9TLa0h7`; `audience` is set at the server, `api://default` to begin with.
///
/// A token must have `cid`, the client's identifier, which ID tokens have not.
pub fn authorization_server(
    domain: &str,
    server: &str,
    audience: impl Into<String>,
) -> TrustedIssuer {
    TrustedIssuer::new(format!("https://{domain}/oauth2/{server}"), audience)
        .scope_claim("scp")
        .require_claim("cid")
        .mistaken(check_domain(domain))
        .mistaken(check_segment("authorization server", server))
}
