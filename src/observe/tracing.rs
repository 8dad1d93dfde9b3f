//! Events as `tracing` events: refusals at debug, outages at warn. Never a token.

use super::{Event, Observer};
use crate::error::{Rejection, chain};

/// Writes every [`Event`] to `tracing`, under the target `tower_bearer`; there from the start with this feature.
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
            Event::Rejected { rejection } => match rejection {
                Rejection::Unavailable(error) => {
                    tracing::warn!(target: TARGET, code, error = chain(error), "request not decided");
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
        }
    }
}
