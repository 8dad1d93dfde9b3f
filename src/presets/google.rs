//! Google: ID tokens of service accounts.
//!
//! Google's access tokens are opaque and no service but Google's own can verify them; here they are refused like all that is no
//! JWT. What one service sends to another at Google is an *ID token*, which a service account asks for with the other's URL
//! as its audience. Such tokens carry no scopes: what a caller may do follows from who it is.
//!
//! Anyone with a project at Google can have a service account, and that account can ask for a token with any audience. That a
//! token is meant for this service says nothing about who sent it: the accounts that may call are therefore part of the rule.

use crate::error::{ConfigError, ConfigErrorKind};
use crate::issuers::TrustedIssuer;

const ISSUER: &str = "https://accounts.google.com";

/// Trusts the ID tokens that are meant for `audience` and were issued to one of the service `accounts`.
///
/// `audience` is this service's own URL, exactly as the callers give it. `accounts` are *unique IDs*, decimal numbers such as
/// `108649131563912849201`: Google never gives one out again, as it does with the email address of a deleted account. A token's
/// `sub` must be one of them.
///
/// The ID tokens that Google issues to people are refused, since none of them is named, and their audience is a client.
/// Building fails if no account is named.
pub fn service_accounts(
    audience: impl Into<String>,
    accounts: impl IntoIterator<Item = impl Into<String>>,
) -> TrustedIssuer {
    let accounts: Vec<String> = accounts.into_iter().map(Into::into).collect();
    let mistake = check_accounts(&accounts);
    TrustedIssuer::new(ISSUER, audience)
        .require_any_claim_value("sub", accounts)
        .mistaken(mistake)
}

fn check_accounts(accounts: &[String]) -> Option<ConfigError> {
    let wrong = |detail: String| ConfigError::new(ConfigErrorKind::Issuer, detail);
    if accounts.is_empty() {
        return Some(wrong("no service account is named".to_owned()));
    }
    let number =
        |account: &String| !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    accounts
        .iter()
        .find(|account| !number(account))
        .map(|account| {
            wrong(format!(
                "the service account {account:?} is not named by its unique ID, a decimal number"
            ))
        })
}
