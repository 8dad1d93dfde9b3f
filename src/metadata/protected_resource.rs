//! What a service says of itself.

use url::Url;

use crate::claims::is_scope;
use crate::error::{ConfigError, ConfigErrorKind};

/// What a service says of itself as a protected resource (RFC 9728 §2); everything else is derived from the policy.
///
/// Given to [`AuthenticatorBuilder::protected_resource`](crate::AuthenticatorBuilder::protected_resource), which
/// reports its mistakes when building.
#[derive(Clone, Debug)]
#[must_use]
pub struct ProtectedResource {
    pub(super) identifier: String,
    pub(super) scopes: Vec<String>,
    pub(super) name: Option<String>,
    pub(super) documentation: Option<String>,
    pub(super) policy_uri: Option<String>,
    pub(super) tos_uri: Option<String>,
    pub(super) audience_mapped: bool,
}

impl ProtectedResource {
    /// A resource that clients know as `identifier`: an `https` URL without fragment, such as
    /// `https://api.example.com/orders`. Plain `http` is for loopback hosts.
    ///
    /// Clients compare it with the URL they call, and the issuer puts it into `aud` (RFC 9728 §3.3, RFC 8707 §2): write it
    /// as it stands there, and without a slash at the end that is not in the URL.
    pub fn new(identifier: impl Into<String>) -> Self {
        Self {
            identifier: identifier.into(),
            scopes: Vec::new(),
            name: None,
            documentation: None,
            policy_uri: None,
            tos_uri: None,
            audience_mapped: false,
        }
    }

    /// Names the scopes that clients may ask for to use this resource; default none.
    ///
    /// For a client without other advice it is the list to ask for: keep it to what is commonly needed.
    /// `offline_access` fails when building, since it asks something of the issuer and nothing of the resource.
    pub fn scopes_supported(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Names the resource for people, who may be shown it when they are asked for their consent; default none.
    pub fn resource_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where developers read how to use the resource: an `https` or `http` URL; default none.
    pub fn resource_documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// Where people read what a client may do with the resource's data: an `https` or `http` URL; default none.
    pub fn resource_policy_uri(mut self, url: impl Into<String>) -> Self {
        self.policy_uri = Some(url.into());
        self
    }

    /// Where people read the terms of service: an `https` or `http` URL; default none.
    pub fn resource_tos_uri(mut self, url: impl Into<String>) -> Self {
        self.tos_uri = Some(url.into());
        self
    }

    /// Lets the identifier differ from the audiences of the policy.
    ///
    /// For issuers that answer a request for this resource with a token whose `aud` is a name of their own, such as a client
    /// id. Whether yours do cannot be seen from here; where they do not, clients get tokens that we refuse.
    pub fn audience_mapped_by_issuer(mut self) -> Self {
        self.audience_mapped = true;
        self
    }

    /// Checks all but the identifier and the audience.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for scope in &self.scopes {
            if !is_scope(scope) {
                return wrong(format!("the scope {scope:?} is not one scope of RFC 6749"));
            }
            if scope == "offline_access" {
                return wrong(
                    "the scope \"offline_access\" is between a client and its issuer".into(),
                );
            }
        }
        if self
            .name
            .as_deref()
            .is_some_and(|name| name.trim().is_empty())
        {
            return wrong("the name of the resource is empty".into());
        }
        for (what, url) in [
            ("documentation", &self.documentation),
            ("policy", &self.policy_uri),
            ("terms of service", &self.tos_uri),
        ] {
            if url.as_deref().is_some_and(|url| !is_page(url)) {
                return wrong(format!(
                    "the address of the {what} is not an http URL: {url:?}"
                ));
            }
        }
        Ok(())
    }
}

fn is_page(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.has_host() && matches!(url.scheme(), "https" | "http"))
}

fn wrong(problem: String) -> Result<(), ConfigError> {
    Err(ConfigError::new(ConfigErrorKind::Resource, problem))
}
