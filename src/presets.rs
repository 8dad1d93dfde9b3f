//! What standards and well-known providers ask for, ready to use.
//!
//! It protects a service from the mistakes that are made when a provider's habits are looked up and typed in by hand: an
//! issuer with one slash too few, a scope claim that is never there, an ID token that passes for an access token.
//!
//! Two kinds of things are here:
//!
//! - [`Preset`](crate::Preset): a standard, added to a policy with [`preset`](crate::policy::PolicyBuilder::preset): RFC 9068, the FAPI
//!   2.0 Security Profile, the Model Context Protocol;
//! - a module for each provider, whose function makes a [`TrustedIssuer`](crate::TrustedIssuer), and whose constants are the
//!   [claim paths](crate::authorization::ClaimPath) where that provider puts roles, groups and permissions.
//!
//! | provider | issuer | scopes | told from an ID token by |
//! |---|---|---|---|
//! | [`keycloak`] | `{server}/realms/{realm}` | `scope` | `typ` is `Bearer` |
//! | [`entra`] v2.0 | `https://login.microsoftonline.com/{tenant}/v2.0` | `scp` | `azpacr` |
//! | [`entra`] v1.0 | `https://sts.windows.net/{tenant}/` | `scp` | `appidacr` |
//! | [`auth0`] | `https://{domain}/` | `scope` | the audience alone |
//! | [`okta`] | `https://{domain}/oauth2/{server}` | `scp`, an array | `cid` |
//! | [`cognito`] | `https://cognito-idp.{region}.amazonaws.com/{pool}` | `scope` | `token_use` is `access` |
//! | [`google`] | `https://accounts.google.com` | none | these *are* ID tokens |
//!
//! # A token passes if
//!
//! 1. it satisfies the policy that the function's [`TrustedIssuer`](crate::TrustedIssuer) begins with, which is never less
//!    than the default one, with one rule more: what tells the provider's access tokens from its other tokens, by the table
//!    above, must be there;
//! 2. and whatever setter is called on it beside.
//!
//! Where a provider issues tokens without `aud` ([`cognito`]), the clients that may stand in for it are named one by one.
//! A refusal is that of every other policy: 401 `invalid_token`.
//!
//! A deployment must see to it that the audience is this service's own: one that is also a client's identifier lets that
//! client's ID tokens come closer than they should.
//!
//! What a function is given is checked when the authenticator is built, as with every other input.
//!
//! ```
//! use tower_bearer::Authenticator;
//! use tower_bearer::presets::okta;
//!
//! let orders = okta::authorization_server("acme.okta.com", "default", "api://orders");
//! let auth = Authenticator::trusting(orders).build()?;
//!
//! // A URL where a domain is wanted.
//! let mistaken = okta::authorization_server("https://acme.okta.com/", "default", "api://orders");
//! assert!(Authenticator::trusting(mistaken).build().is_err());
//! # Ok::<(), tower_bearer::ConfigError>(())
//! ```
//!
//! RFC 9068 §4; RFC 8725 §3.8, §3.12; FAPI 2.0 Security Profile §5.3.4, §5.4; MCP authorization 2026-07-28.

pub mod auth0;
pub mod cognito;
pub mod entra;
pub mod google;
mod input;
pub mod keycloak;
pub mod okta;
