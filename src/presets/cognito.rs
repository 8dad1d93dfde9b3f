//! Amazon Cognito: access tokens of one user pool.
//!
//! Such a token has no `aud`, unless its client asked for a resource; it names the client in `client_id` and says
//! `token_use: access`. ID tokens have the client in `aud` and say `token_use: id`.

use super::input::wrong;
use crate::authorization::ClaimPath;
use crate::error::ConfigError;
use crate::issuers::TrustedIssuer;

/// The user's groups in the pool: `cognito:groups`.
pub const GROUPS: ClaimPath = ClaimPath::of(&["cognito:groups"]);

/// Trusts the access tokens of the pool `pool_id` that are meant for `audience`, or, without an audience, were issued to one of
/// the `clients`.
///
/// `pool_id` is such as `eu-west-1_Ab129faBb`, with the region before the underscore. `audience` is this service's own URL,
/// which clients that bind their tokens to a resource name. `clients` are the identifiers of the app clients whose tokens
/// without `aud` are accepted, as [`client_without_audience`](TrustedIssuer::client_without_audience) has it: each accepted
/// token works at every service that accepts its client. With no client, every token must have `aud`.
///
/// A token must have `token_use` with the value `access`.
pub fn user_pool(
    pool_id: &str,
    audience: impl Into<String>,
    clients: impl IntoIterator<Item = impl Into<String>>,
) -> TrustedIssuer {
    let region = pool_id.split('_').next().unwrap_or_default();
    let issuer = format!("https://cognito-idp.{region}.amazonaws.com/{pool_id}");
    let pool = TrustedIssuer::new(issuer, audience)
        .require_claim_value("token_use", "access")
        .mistaken(check_pool(pool_id));
    clients
        .into_iter()
        .fold(pool, TrustedIssuer::client_without_audience)
}

/// A region, an underscore, letters and digits.
fn check_pool(pool_id: &str) -> Option<ConfigError> {
    let region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound = pool_id.split_once('_').is_some_and(|(before, after)| {
        before.contains('-')
            && before.bytes().all(region)
            && !after.is_empty()
            && after.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    (!sound).then(|| wrong("user pool", pool_id, "is not a region, \"_\" and a name"))
}
