//! What an operator may ask about revocations.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// What an operator may ask about revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RevocationsHealth {
    /// How many are known here; `None` if the store keeps none here. Those whose time is over may be among them.
    pub entries: Option<u64>,
    /// Whether the store can be reached; `None` if it is here.
    pub connected: Option<bool>,
    /// How long ago what is known here was last known to be current; `None` if it never was, or always is. In JSON whole seconds.
    #[serde(serialize_with = "whole_seconds")]
    pub last_synced_age: Option<Duration>,
    /// Of how many requests it could not be told, since the start.
    pub unknown: u64,
    /// How many of those were let through, since [`OnUnknown::AllowFor`](crate::revocation::OnUnknown) says so.
    pub allowed: u64,
}

fn whole_seconds<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs()).serialize(serializer)
}
