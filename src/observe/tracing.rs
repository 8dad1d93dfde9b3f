//! Events as `tracing` events: what passes at trace, refusals at debug, outages at warn. Never a token.

use super::{Event, Observer};
use crate::error::{Rejection, chain};

/// Writes every [`Event`] to `tracing`, under the target `tower_bearer`.
///
/// Accepted tokens and other credentials, and anonymous requests that are let through, at trace; refusals, and what would be one if
/// the layer did not observe only, at debug; failed downloads and keys that are left out at warn. A request that could not be
/// decided is at debug too: what kept it from that, the failed download, is told once and not with each request.
///
/// ```
/// use tower_bearer::Authenticator;
/// use tower_bearer::observe::TracingObserver;
///
/// let auth = Authenticator::builder("https://id.example.com", "orders").observer(TracingObserver).build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingObserver;

const TARGET: &str = "tower_bearer";

impl Observer for TracingObserver {
    fn observe(&self, event: &Event<'_>) {
        let code = event.code();
        match event {
            Event::Accepted { issuer } => {
                tracing::trace!(target: TARGET, code, issuer, "token accepted");
            }
            Event::OtherAccepted | Event::Anonymous => {
                tracing::trace!(target: TARGET, code, "request let through without a token");
            }
            Event::NotRefused { rejection } => {
                tracing::debug!(target: TARGET, code, reason = %rejection, "request would be refused");
            }
            Event::Rejected { rejection } => match rejection {
                Rejection::Unavailable(error) => {
                    tracing::debug!(target: TARGET, code, error = chain(error), "request not decided");
                }
                _ => tracing::debug!(target: TARGET, code, reason = %rejection, "request refused"),
            },
            Event::KeysRefreshed {
                issuer,
                usable,
                skipped,
                changed,
            } => {
                tracing::debug!(target: TARGET, code, issuer, usable, skipped, changed, "keys refreshed");
            }
            Event::KeySkipped { issuer, reason } => {
                tracing::warn!(target: TARGET, code, issuer, reason, "key left out");
            }
            Event::RefreshFailed {
                issuer,
                error,
                serving,
            } => {
                tracing::warn!(target: TARGET, code, issuer, error = chain(*error), serving, "keys not refreshed");
            }
            Event::Introspected { issuer, active } => {
                tracing::trace!(target: TARGET, code, issuer, active, "issuer asked about a token");
            }
            Event::IntrospectionFailed {
                issuer,
                error,
                paused,
            } => {
                tracing::warn!(target: TARGET, code, issuer, error = chain(*error), paused, "issuer cannot be asked about tokens");
            }
            // Refused, it is told once more, as any request that is not decided.
            Event::RevocationUnknown {
                error,
                allowed: false,
            } => {
                tracing::debug!(target: TARGET, code, error = chain(*error), "not known whether revoked");
            }
            Event::RevocationUnknown {
                error,
                allowed: true,
            } => {
                tracing::warn!(target: TARGET, code, error = chain(*error), "token accepted, not known whether revoked");
            }
            Event::LogoutReceived { issuer } => {
                tracing::debug!(target: TARGET, code, issuer, "logged out by the issuer");
            }
            // Anyone may ask, as with any request; what cannot be reached is told by whoever could not reach it.
            Event::LogoutRefused { reason, error } => {
                tracing::debug!(target: TARGET, code, reason, error = chain(*error), "nobody logged out");
            }
        }
    }
}
