//! The document, and how it is derived.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::location::Location;
use super::protected_resource::ProtectedResource;
use super::service::MetadataService;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::policy::Policy;
use crate::sender::SenderChecks;

/// The metadata of this service as a protected resource: the document, and where it belongs (RFC 9728 §3).
///
/// Made when an authenticator is built that was told of a [`ProtectedResource`]. Cheap to clone.
#[derive(Clone)]
pub struct ResourceMetadata {
    published: Arc<Published>,
}

struct Published {
    location: Location,
    document: String,
}

/// What the service enforces, and the document must therefore say.
pub(crate) struct Enforced<'a> {
    /// The policy of each issuer given in code, in their order.
    pub(crate) policies: &'a [&'a Policy],
    /// `header`, `query`: where a bearer token of RFC 6750 §2 is read from.
    pub(crate) bearer_methods: &'a [&'a str],
    /// What is checked of senders.
    pub(crate) senders: &'a SenderChecks,
}

/// RFC 9728 §2. `resource_signing_alg_values_supported` is not here: it is about answers that a resource signs, not tokens.
#[derive(Serialize)]
struct Document<'a> {
    resource: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_servers: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes_supported: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    bearer_methods_supported: &'a [&'a str],
    #[serde(skip_serializing_if = "is_false")]
    tls_client_certificate_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dpop_signing_alg_values_supported: Vec<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    dpop_bound_access_tokens_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_policy_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_tos_uri: Option<&'a str>,
}

impl ResourceMetadata {
    /// Derives the document of `resource` from what is enforced; a `resource` that contradicts it fails.
    pub(crate) fn derive(
        resource: &ProtectedResource,
        enforced: &Enforced<'_>,
    ) -> Result<Self, ConfigError> {
        let location = Location::of(&resource.identifier)?;
        resource.check()?;
        if !resource.audience_mapped {
            check_audience(&resource.identifier, enforced.policies)?;
        }
        let senders = enforced.senders;
        let proof_algorithms = senders.proof_algorithms().iter();
        let document = Document {
            resource: &resource.identifier,
            authorization_servers: enforced.policies.iter().map(|each| each.issuer()).collect(),
            scopes_supported: &resource.scopes,
            bearer_methods_supported: enforced.bearer_methods,
            tls_client_certificate_bound_access_tokens: senders.mutual_tls.is_some(),
            dpop_signing_alg_values_supported: proof_algorithms.map(|each| each.name()).collect(),
            dpop_bound_access_tokens_required: senders.proofs_required(),
            resource_name: resource.name.as_deref(),
            resource_documentation: resource.documentation.as_deref(),
            resource_policy_uri: resource.policy_uri.as_deref(),
            resource_tos_uri: resource.tos_uri.as_deref(),
        };
        let document = serde_json::to_string(&document).expect("text and lists of it are JSON");
        Ok(Self {
            published: Arc::new(Published { location, document }),
        })
    }

    /// Where clients find the document: what challenges name as `resource_metadata`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.published.location.url
    }

    /// The path of [`url`](Self::url), for a router: `/.well-known/oauth-protected-resource`, and the resource's own path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.published.location.path
    }

    /// The document, as JSON.
    #[must_use]
    pub fn document(&self) -> &str {
        &self.published.document
    }

    /// A service that publishes the document.
    #[must_use]
    pub fn service(&self) -> MetadataService {
        MetadataService::new(self.clone())
    }

    /// The query of [`url`](Self::url), for the rare resource that is identified by one.
    pub(super) fn query(&self) -> Option<&str> {
        self.published.location.query.as_deref()
    }
}

impl fmt::Debug for ResourceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceMetadata")
            .field("url", &self.url())
            .field("document", &self.document())
            .finish()
    }
}

/// False is the default of both (RFC 9728 §2).
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A client asks for a token under the resource's name. Were that no audience of ours, we would refuse what it gets.
fn check_audience(resource: &str, policies: &[&Policy]) -> Result<(), ConfigError> {
    let accepts = |policy: &Policy| {
        policy.accepts_any_audience() || policy.audiences().any(|audience| audience == resource)
    };
    match policies.iter().find(|policy| !accepts(policy)) {
        None => Ok(()),
        Some(policy) => Err(ConfigError::new(
            ConfigErrorKind::Resource,
            format!(
                "the resource {resource:?} is not among the audiences of the issuer {:?}",
                policy.issuer()
            ),
        )),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RESOURCE: &str = "https://api.example/orders";

    fn policy(issuer: &str, audience: &str) -> Policy {
        Policy::builder(issuer, audience).build().unwrap()
    }

    fn derive(resource: ProtectedResource, policies: &[&Policy]) -> Result<Value, ConfigErrorKind> {
        let enforced = Enforced {
            policies,
            bearer_methods: &["header"],
            senders: &SenderChecks::default(),
        };
        match ResourceMetadata::derive(&resource, &enforced) {
            Ok(metadata) => Ok(serde_json::from_str(metadata.document()).unwrap()),
            Err(error) => Err(error.kind()),
        }
    }

    #[test]
    fn issuers_stand_in_the_document_as_they_are_trusted() {
        let first = policy("https://b.example/", RESOURCE);
        let second = policy("https://a.example/tenant", RESOURCE);
        assert_eq!(
            derive(ProtectedResource::new(RESOURCE), &[&first, &second]).unwrap(),
            json!({
                "resource": RESOURCE,
                "authorization_servers": ["https://b.example/", "https://a.example/tenant"],
                "bearer_methods_supported": ["header"],
            })
        );
    }

    #[test]
    fn what_the_service_says_of_itself_stands_beside_it() {
        let resource = ProtectedResource::new(RESOURCE)
            .scopes_supported(["read", "write:all"])
            .resource_name("Orders \"R\" us")
            .resource_documentation("https://docs.example/#auth")
            .resource_policy_uri("https://example.com/policy")
            .resource_tos_uri("https://example.com/terms");
        assert_eq!(
            derive(resource, &[&policy("https://id.example", RESOURCE)]).unwrap(),
            json!({
                "resource": RESOURCE,
                "authorization_servers": ["https://id.example"],
                "scopes_supported": ["read", "write:all"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Orders \"R\" us",
                "resource_documentation": "https://docs.example/#auth",
                "resource_policy_uri": "https://example.com/policy",
                "resource_tos_uri": "https://example.com/terms",
            })
        );
    }

    #[test]
    fn lists_without_elements_are_left_out() {
        let policy = policy("https://id.example", RESOURCE);
        let enforced = Enforced {
            policies: &[&policy],
            bearer_methods: &[],
            senders: &SenderChecks::default(),
        };
        let resource = ProtectedResource::new(RESOURCE).scopes_supported([""; 0]);
        let metadata = ResourceMetadata::derive(&resource, &enforced).unwrap();
        assert_eq!(
            metadata.document(),
            format!(
                r#"{{"resource":"{RESOURCE}","authorization_servers":["https://id.example"]}}"#
            )
        );
    }

    #[test]
    fn a_resource_that_is_no_audience_of_every_issuer_fails() {
        let ours = policy("https://a.example", RESOURCE);
        let other = policy("https://b.example", "orders");
        let both = Policy::builder("https://c.example", "orders").audience(RESOURCE);
        let both = both.build().unwrap();
        let open = Policy::builder("https://d.example", "orders").dangerous();
        let open = open.accept_any_audience().build().unwrap();
        let resource = || ProtectedResource::new(RESOURCE);

        for (policies, passes) in [
            (&[&ours, &both, &open][..], true),
            (&[&ours, &other], false),
            (&[&other], false),
        ] {
            assert_eq!(derive(resource(), policies).is_ok(), passes, "{policies:?}");
        }
        for almost in [
            "https://api.example/orders/",
            "https://api.example",
            "https://api.example/Orders",
        ] {
            let refused = derive(ProtectedResource::new(almost), &[&ours]);
            assert_eq!(refused, Err(ConfigErrorKind::Resource), "{almost}");
        }
        let mapped = resource().audience_mapped_by_issuer();
        assert!(derive(mapped, &[&ours, &other]).is_ok());
    }

    #[test]
    fn what_no_client_could_use_fails() {
        let policy = policy("https://id.example", RESOURCE);
        let resource = || ProtectedResource::new(RESOURCE);
        for bad in [
            resource().scopes_supported(["read", "offline_access"]),
            resource().scopes_supported(["read write"]),
            resource().scopes_supported([""]),
            resource().scopes_supported(["a\"b"]),
            resource().scopes_supported(["ä"]),
            resource().resource_name(" "),
            resource().resource_documentation("docs"),
            resource().resource_policy_uri("javascript:alert(1)"),
            resource().resource_tos_uri("mailto:a@example.com"),
            ProtectedResource::new("orders").audience_mapped_by_issuer(),
        ] {
            let refused = derive(bad.clone(), &[&policy]);
            assert_eq!(refused, Err(ConfigErrorKind::Resource), "{bad:?}");
        }
    }
}
