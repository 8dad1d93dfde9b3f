//! What a good token must hold besides: scopes, roles at any claim, a rule of the service's own, a strong or recent login.
//!
//! It protects an operation from those whose token is good, but not for this. A [`Requirement`] says what the operation
//! needs. It is the same value as a layer, around a route, in an extractor, in a tonic handler, or by hand through
//! [`Requirement::check`].
//!
//! # A token is let through if
//!
//! 1. it is a [`Verified`](crate::Verified) one, since nothing else can be asked;
//! 2. it has all scopes of [`scopes`](Requirement::scopes), or one of [`any_scope`](Requirement::any_scope), each granted
//!    by name or implied by a granted one in a [`ScopeHierarchy`];
//! 3. the claim at a [`ClaimPath`] holds the value of [`value`](Requirement::value), one of
//!    [`any_value`](Requirement::any_value), or all of [`all_values`](Requirement::all_values), byte for byte;
//! 4. a [`predicate`](Requirement::predicate) says so;
//! 5. `acr` is one of [`acr_values`](Requirement::acr_values), and `auth_time` is no longer ago than
//!    [`max_age`](Requirement::max_age) (RFC 9470);
//! 6. what [`all`](Requirement::all), [`any`](Requirement::any) and [`not`](Requirement::not) make of these passes.
//!
//! A mistake opens no door. An empty list, a claim of the wrong JSON type and an `auth_time` that is missing decide nothing:
//! they do not pass, and neither does a `not` around them. A claim that is not there at all holds nothing, so that a `not`
//! around it does pass.
//!
//! # A refusal
//!
//! is an [`AuthorizationError`](crate::AuthorizationError). Which kind it is tells the client what would help:
//!
//! | what is lacking | kind | answer |
//! |---|---|---|
//! | nothing but a stronger or more recent login | `InsufficientUserAuthentication` | 401 `insufficient_user_authentication` |
//! | a scope, whatever else | `InsufficientScope` | 403 `insufficient_scope` |
//! | a value, a predicate, or what can never be had | `Forbidden` | 403 |
//!
//! Each names *all* scopes that the operation needs, once and in order, so that a client asks for them in one go. Of an
//! `any` these are the scopes of the alternative that the token satisfies; if there is none, of the first in which a scope is
//! lacking. What stands within a `not` is never asked for.
//!
//! # What a deployment must ensure
//!
//! The issuer must put `acr` and `auth_time` into its access tokens (RFC 9068 §2.2.1) where they are demanded. Clocks must agree
//! to within seconds. A role is worth what its issuer is: where several issuers are trusted, a value of one is the same as
//! that of another unless a predicate looks at the issuer.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tower_bearer::authorization::{Requirement, ScopeHierarchy};
//! use tower_bearer::testing::TestIssuer;
//! use tower_bearer::{Authenticator, AuthorizationError};
//!
//! let may_edit = Requirement::all([
//!     Requirement::scopes("orders:read orders:write"),
//!     Requirement::any_value("realm_access.roles", ["editor", "owner"]),
//! ])
//! .with_hierarchy(&ScopeHierarchy::new().implies("admin", "orders:read orders:write"));
//!
//! let issuer = TestIssuer::new("https://id.example.com");
//! let auth = Authenticator::builder(issuer.url(), "orders").fetch(issuer.fetch()).build()?;
//! let editor = issuer.token().audience("orders").claim("realm_access", serde_json::json!({"roles": ["editor"]}));
//!
//! let accepted = auth.verify(&editor.clone().scope("admin").sign()).await?;
//! assert_eq!(may_edit.check(&accepted), Ok(()));
//!
//! let refused = auth.verify(&editor.scope("orders:read").sign()).await?;
//! let all_that_is_needed = AuthorizationError::insufficient_scope("orders:read orders:write");
//! assert_eq!(may_edit.check(&refused), Err(all_that_is_needed));
//! # Ok(())
//! # }
//! ```
//!
//! RFC 6749 §3.3; RFC 6750 §3.1; RFC 9068 §2.2.3.1; RFC 9470 §3, §6.

mod claim_path;
mod decision;
mod held;
mod needed_scope;
mod refusal;
mod requirement;
mod rule;
mod scope_hierarchy;
mod step_up;

pub use claim_path::ClaimPath;
pub use requirement::Requirement;
pub use scope_hierarchy::ScopeHierarchy;
