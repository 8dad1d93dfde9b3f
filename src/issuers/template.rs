//! Tenants whose issuers follow one pattern.

use std::fmt;
use std::future::ready;

use super::resolver::{IssuerResolver, ResolveFuture};
use super::trusted_issuer::TrustedIssuer;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::policy::check_issuer;

const PLACEHOLDER: &str = "{tenant}";
/// The longest name of a tenant, in bytes: longer than any provider's.
const LONGEST_TENANT: usize = 128;

/// Makes the terms on which an issuer, given first, is trusted with its tenant.
type Terms = dyn Fn(&str, &str) -> TrustedIssuer + Send + Sync;

/// Trusts issuers such as `https://login.example/{tenant}/v2.0`, for tenants that are allowed.
///
/// A tenant's name is one path segment of letters, digits, `-`, `_` and `.`, or the first label of a domain, without a dot.
/// Nothing else can stand in its place, so that no name leads to another host or path. There is no way to allow every
/// tenant but to say so in a predicate.
///
/// ```
/// use tower_bearer::{Authenticator, IssuerTemplate, TrustedIssuer};
///
/// let tenants = IssuerTemplate::new("https://login.example/{tenant}/v2.0", |issuer, _tenant| {
///     TrustedIssuer::new(issuer, "api://orders")
/// })?
/// .allow(["acme", "globex"]);
/// let auth = Authenticator::builder("https://id.example.com", "api://orders").resolver(tenants).build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
pub struct IssuerTemplate {
    before: String,
    after: String,
    allowed: Box<dyn Fn(&str) -> bool + Send + Sync>,
    terms: Box<Terms>,
}

impl IssuerTemplate {
    /// Trusts issuers that match `template` on the `terms` that are made of an issuer and the name of its tenant.
    ///
    /// No tenant is allowed until [`allow`](Self::allow) or [`allow_if`](Self::allow_if) says so.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Issuer`] if the template would not be an issuer with a name in the place of `{tenant}`, which must
    /// stand there exactly once: as a whole path segment, or as the first label of a domain of at least two more.
    pub fn new(
        template: &str,
        terms: impl Fn(&str, &str) -> TrustedIssuer + Send + Sync + 'static,
    ) -> Result<Self, ConfigError> {
        let wrong = |problem: &str| {
            let detail = format!("the issuer template {template:?} {problem}");
            ConfigError::new(ConfigErrorKind::Issuer, detail)
        };
        let Some((before, after)) = template.split_once(PLACEHOLDER) else {
            return Err(wrong("does not hold {tenant}"));
        };
        if after.contains(PLACEHOLDER) {
            return Err(wrong("holds {tenant} twice"));
        }
        let whole = if before == "https://" || before == "http://" {
            // Two labels that are no number: without them a name could be any host, or an address.
            let domain = after
                .split('/')
                .next()
                .and_then(|rest| rest.strip_prefix('.'));
            let labels = || domain.unwrap_or_default().split('.');
            let named = |label: &str| label.bytes().any(|byte| byte.is_ascii_alphabetic());
            labels().count() >= 2 && labels().all(named)
        } else {
            before.ends_with('/') && (after.is_empty() || after.starts_with('/'))
        };
        if !whole {
            return Err(wrong(
                "does not have {tenant} as a whole path segment or the first label of a domain",
            ));
        }
        check_issuer(&format!("{before}tenant{after}"), true)?;
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
            allowed: Box::new(|_| false),
            terms: Box::new(terms),
        })
    }

    /// Allows these tenants, compared byte for byte.
    #[must_use]
    pub fn allow(self, tenants: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let tenants: Vec<String> = tenants.into_iter().map(Into::into).collect();
        self.allow_if(move |tenant| tenants.iter().any(|allowed| allowed == tenant))
    }

    /// Allows the tenants that `allowed` says yes to, instead of those before. It sees a name of the form above.
    ///
    /// A predicate that says yes to names that no provider gave out lets strangers make us look for their issuers, at
    /// most 256 at once and 16 a second.
    #[must_use]
    pub fn allow_if(mut self, allowed: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.allowed = Box::new(allowed);
        self
    }

    /// The tenant whose issuer this is, if it is one.
    fn tenant<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        let tenant = issuer
            .strip_prefix(&self.before)?
            .strip_suffix(&self.after)?;
        // In a host name a dot would make another host of it.
        let in_path = !self.before.ends_with("://");
        let plain = |byte: u8| {
            byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || (in_path && byte == b'.')
        };
        let sound = (1..=LONGEST_TENANT).contains(&tenant.len())
            && tenant.bytes().all(plain)
            && tenant != "."
            && tenant != "..";
        sound.then_some(tenant)
    }
}

impl IssuerResolver for IssuerTemplate {
    fn resolve(&self, issuer: &str) -> ResolveFuture {
        let tenant = self.tenant(issuer).filter(|tenant| (self.allowed)(tenant));
        Box::pin(ready(Ok(tenant.map(|tenant| (self.terms)(issuer, tenant)))))
    }
}

impl fmt::Debug for IssuerTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "IssuerTemplate({}{PLACEHOLDER}{})",
            self.before, self.after
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Result<IssuerTemplate, ConfigError> {
        IssuerTemplate::new(text, |issuer, _| TrustedIssuer::new(issuer, "api"))
    }

    #[test]
    fn only_a_plain_name_can_stand_in_the_place_of_the_tenant() {
        let template = template("https://login.example/{tenant}/v2.0").expect("a template");
        for (issuer, tenant) in [
            ("https://login.example/acme/v2.0", Some("acme")),
            (
                "https://login.example/72f9.88bf_86-f1/v2.0",
                Some("72f9.88bf_86-f1"),
            ),
            ("https://login.example//v2.0", None),
            ("https://login.example/v2.0", None),
            ("https://login.example/acme/v2.0/", None),
            ("https://login.example/a/b/v2.0", None),
            ("https://login.example/../v2.0", None),
            ("https://login.example/./v2.0", None),
            ("https://login.example/a%2fb/v2.0", None),
            ("https://login.example/a?b/v2.0", None),
            ("https://login.example/a#b/v2.0", None),
            ("https://login.example/a@evil/v2.0", None),
            ("https://login.example/é/v2.0", None),
            ("https://LOGIN.example/acme/v2.0", None),
            ("https://evil.example/acme/v2.0", None),
        ] {
            assert_eq!(template.tenant(issuer), tenant, "{issuer}");
        }
        let long = format!(
            "https://login.example/{}/v2.0",
            "a".repeat(LONGEST_TENANT + 1)
        );
        assert_eq!(template.tenant(&long), None);
    }

    #[test]
    fn a_tenant_in_the_host_is_one_label() {
        let template = template("https://{tenant}.id.example/").expect("a template");
        for (issuer, tenant) in [
            ("https://acme.id.example/", Some("acme")),
            ("https://evil.example.id.example/", None),
            ("https://evil.example/.id.example/", None),
            ("https://evil.example/?.id.example/", None),
            ("https://user@evil.id.example/", None),
        ] {
            assert_eq!(template.tenant(issuer), tenant, "{issuer}");
        }
    }

    #[test]
    fn a_template_holds_its_placeholder_once_and_as_a_whole() {
        for bad in [
            "https://login.example/v2.0",
            "https://login.example/{tenant}/{tenant}",
            "https://login.example/x{tenant}/v2.0",
            "https://login.example/{tenant}x/v2.0",
            "{tenant}/v2.0",
            "https://{tenant}",
            "https://{tenant}/",
            "https://{tenant}/v2.0",
            "https://{tenant}./",
            "https://{tenant}.0.0.1/",
            "https://{tenant}.example/",
            "https://a.{tenant}.example.com/",
            "https://id.example?x=/{tenant}",
            "https://id.example/#/{tenant}",
            "file:///{tenant}",
        ] {
            assert!(template(bad).is_err(), "{bad}");
        }
    }
}
