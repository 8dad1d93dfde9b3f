use std::collections::BTreeMap;

use http::HeaderMap;

/// An endpoint of a [`TestIssuer`](super::TestIssuer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// The discovery document, at both of its paths.
    Discovery,
    /// The discovery document at the path of OpenID Connect Discovery §4.
    OpenIdConfiguration,
    /// The discovery document at the path of RFC 8414 §3.
    ServerMetadata,
    /// The key set.
    KeySet,
    /// The token endpoint.
    Token,
    /// The introspection endpoint (RFC 7662).
    Introspection,
}

/// How many requests for documents arrived, answered or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloads {
    /// For the discovery document, at either path.
    pub discovery: usize,
    /// For the key set.
    pub key_set: usize,
}

/// What went over one path.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Traffic {
    /// Requests that arrived, answered or not.
    pub requests: usize,
    /// Answers 304.
    pub not_modified: usize,
    /// Bytes of bodies that were sent.
    pub bytes: u64,
    /// The headers of the last request.
    pub last_headers: HeaderMap,
}

/// The traffic of all paths, as many as there is room for.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    paths: BTreeMap<String, Traffic>,
    pub(super) requests: usize,
    pub(super) connections: usize,
}

impl Ledger {
    /// A stranger who asks for ever new paths must not fill the memory.
    const PATHS: usize = 1_000;

    pub(super) fn request(&mut self, path: &str, headers: &HeaderMap) {
        self.requests += 1;
        self.change(path, |traffic| {
            traffic.requests += 1;
            traffic.last_headers = headers.clone();
        });
    }

    pub(super) fn not_modified(&mut self, path: &str) {
        self.change(path, |traffic| traffic.not_modified += 1);
    }

    pub(super) fn sent(&mut self, path: &str, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.change(path, |traffic| {
            traffic.bytes = traffic.bytes.saturating_add(bytes)
        });
    }

    pub(super) fn of(&self, path: &str) -> Traffic {
        self.paths.get(path).cloned().unwrap_or_default()
    }

    fn change(&mut self, path: &str, change: impl FnOnce(&mut Traffic)) {
        if !self.paths.contains_key(path) {
            if self.paths.len() >= Self::PATHS {
                return;
            }
            self.paths.insert(path.to_owned(), Traffic::default());
        }
        if let Some(traffic) = self.paths.get_mut(path) {
            change(traffic);
        }
    }
}
