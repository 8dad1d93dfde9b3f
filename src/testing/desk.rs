//! The endpoints: where each is, what it answers, and how.

use std::collections::VecDeque;

use http::HeaderMap;

use super::behaviour::Behaviour;
use super::traffic::Endpoint;

/// One path of the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeskAt {
    OpenIdConfiguration,
    ServerMetadata,
    KeySet,
    Token,
    Introspection,
}

impl DeskAt {
    pub(super) const DOCUMENTS: &[Self] = &[
        Self::OpenIdConfiguration,
        Self::ServerMetadata,
        Self::KeySet,
    ];

    pub(super) fn of(endpoint: Endpoint) -> &'static [Self] {
        match endpoint {
            Endpoint::Discovery => &[Self::OpenIdConfiguration, Self::ServerMetadata],
            Endpoint::OpenIdConfiguration => &[Self::OpenIdConfiguration],
            Endpoint::ServerMetadata => &[Self::ServerMetadata],
            Endpoint::KeySet => &[Self::KeySet],
            Endpoint::Token => &[Self::Token],
            Endpoint::Introspection => &[Self::Introspection],
        }
    }
}

/// What is answered at one path, and how.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) behaviour: Behaviour,
    pub(super) next: VecDeque<(usize, Behaviour)>,
    pub(super) headers: HeaderMap,
    pub(super) etags: bool,
    pub(super) replaced: Option<Vec<u8>>,
}

impl Desk {
    /// The behaviour for the next request.
    pub(super) fn take(&mut self) -> Behaviour {
        while let Some((count, behaviour)) = self.next.front_mut() {
            if let Some(left) = count.checked_sub(1) {
                *count = left;
                return behaviour.clone();
            }
            self.next.pop_front();
        }
        self.behaviour.clone()
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Desks {
    openid_configuration: Desk,
    server_metadata: Desk,
    key_set: Desk,
    token: Desk,
    introspection: Desk,
}

impl Desks {
    pub(super) fn at(&self, at: DeskAt) -> &Desk {
        match at {
            DeskAt::OpenIdConfiguration => &self.openid_configuration,
            DeskAt::ServerMetadata => &self.server_metadata,
            DeskAt::KeySet => &self.key_set,
            DeskAt::Token => &self.token,
            DeskAt::Introspection => &self.introspection,
        }
    }

    pub(super) fn at_mut(&mut self, at: DeskAt) -> &mut Desk {
        match at {
            DeskAt::OpenIdConfiguration => &mut self.openid_configuration,
            DeskAt::ServerMetadata => &mut self.server_metadata,
            DeskAt::KeySet => &mut self.key_set,
            DeskAt::Token => &mut self.token,
            DeskAt::Introspection => &mut self.introspection,
        }
    }
}

/// Where the endpoints are.
pub(super) struct Paths {
    openid_configuration: String,
    server_metadata: String,
    key_set: String,
    token: String,
    introspection: String,
}

impl Paths {
    /// `base` is the path of the issuer, without a slash at its end.
    pub(super) fn under(base: &str) -> Self {
        Self {
            openid_configuration: format!("{base}/.well-known/openid-configuration"),
            server_metadata: format!("/.well-known/oauth-authorization-server{base}"),
            key_set: format!("{base}/jwks"),
            token: format!("{base}/token"),
            introspection: format!("{base}/introspect"),
        }
    }

    pub(super) fn at(&self, path: &str) -> Option<DeskAt> {
        let others = [DeskAt::Token, DeskAt::Introspection];
        let mut all = DeskAt::DOCUMENTS.iter().chain(&others).copied();
        all.find(|&at| self.of(at) == path)
    }

    pub(super) fn of(&self, at: DeskAt) -> &str {
        match at {
            DeskAt::OpenIdConfiguration => &self.openid_configuration,
            DeskAt::ServerMetadata => &self.server_metadata,
            DeskAt::KeySet => &self.key_set,
            DeskAt::Token => &self.token,
            DeskAt::Introspection => &self.introspection,
        }
    }
}
