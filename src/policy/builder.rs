//! Building a [`Policy`]: two facts, and whatever is to differ from the safe defaults.

use std::fmt;
use std::time::Duration;

use super::{ConfigError, ConfigErrorKind, MAX_LEEWAY, Policy, Profile, check_issuer};
use crate::jose::{Algorithm, Algorithms};

/// Collects what a [`Policy`] is to demand; mistakes are reported by [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use]
pub struct PolicyBuilder {
    issuer: String,
    audiences: Vec<String>,
    algorithms: Option<Vec<Algorithm>>,
    profile: Profile,
    leeway: Duration,
    required_claims: Vec<&'static str>,
    any_audience: bool,
    nonce_accepted: bool,
    binding_ignored: bool,
    plain_http: bool,
}

/// The setters of a policy, for every builder that holds one.
macro_rules! policy_setters {
    () => {
        /// Accepts tokens for `audience` too.
        ///
        /// For a service that goes by several identifiers; each token must name one of them.
        pub fn audience(mut self, audience: impl Into<String>) -> Self {
            $crate::policy::Weaken::policy(&mut self).add_audience(audience.into());
            self
        }

        /// Accepts only these algorithms, instead of every asymmetric one that we know (RFC 8725 §3.1).
        ///
        /// HMAC algorithms go with keys given in code, and then only beside no other (see
        /// [`KeySet::hmac`](crate::jose::KeySet::hmac)). An empty list fails when building.
        pub fn algorithms(
            mut self,
            algorithms: impl IntoIterator<Item = $crate::jose::Algorithm>,
        ) -> Self {
            $crate::policy::Weaken::policy(&mut self)
                .set_algorithms(algorithms.into_iter().collect());
            self
        }

        /// Demands that tokens follow `profile`; default [`Profile::Jwt`](crate::Profile::Jwt).
        pub fn profile(mut self, profile: $crate::policy::Profile) -> Self {
            $crate::policy::Weaken::policy(&mut self).set_profile(profile);
            self
        }

        /// Accepts an `exp` up to `leeway` in the past and an `nbf` up to `leeway` ahead (RFC 7519 §4.1.4, §4.1.5).
        ///
        /// At most ten minutes; default zero. Raise it only as far as the clocks of issuer and server disagree. An
        /// `iat` may be ahead by `leeway` or ten seconds, whichever is more: it bounds no lifetime, and a token must
        /// not be refused because its issuer's clock is a second fast.
        pub fn leeway(mut self, leeway: std::time::Duration) -> Self {
            $crate::policy::Weaken::policy(&mut self).set_leeway(leeway);
            self
        }

        /// Refuses tokens without the claim `name`, whatever its value.
        pub fn require_claim(mut self, name: &'static str) -> Self {
            $crate::policy::Weaken::policy(&mut self).add_required_claim(name);
            self
        }

        /// Opens the settings that weaken a check.
        pub fn dangerous(self) -> $crate::policy::Dangerous<Self> {
            $crate::policy::Dangerous::new(self)
        }
    };
}
pub(crate) use policy_setters;

impl PolicyBuilder {
    pub(super) fn new(issuer: String, audience: String) -> Self {
        Self {
            issuer,
            audiences: vec![audience],
            algorithms: None,
            profile: Profile::default(),
            leeway: Duration::ZERO,
            required_claims: Vec::new(),
            any_audience: false,
            nonce_accepted: false,
            binding_ignored: false,
            plain_http: false,
        }
    }

    policy_setters!();

    pub(crate) fn add_audience(&mut self, audience: String) {
        self.audiences.push(audience);
    }

    pub(crate) fn set_algorithms(&mut self, algorithms: Vec<Algorithm>) {
        self.algorithms = Some(algorithms);
    }

    /// The audience that the policy was begun with.
    pub(crate) fn first_audience(&self) -> &str {
        self.audiences.first().map_or("", String::as_str)
    }

    /// The algorithms asked for, unless the default was left in place.
    pub(crate) fn chosen_algorithms(&self) -> Option<&[Algorithm]> {
        self.algorithms.as_deref()
    }

    pub(crate) fn set_profile(&mut self, profile: Profile) {
        self.profile = profile;
    }

    pub(crate) fn set_leeway(&mut self, leeway: Duration) {
        self.leeway = leeway;
    }

    pub(crate) fn add_required_claim(&mut self, name: &'static str) {
        self.required_claims.push(name);
    }

    pub(crate) fn plain_http_allowed(&self) -> bool {
        self.plain_http
    }

    /// The policy, if every input is sound.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] that names the input: an issuer that is not an `https` URL (plain `http` is for loopback
    /// hosts), or has a query or fragment (RFC 8414 §2); an empty audience; an empty list of algorithms, or one that
    /// mixes HMAC with public keys; too large a leeway.
    pub fn build(self) -> Result<Policy, ConfigError> {
        check_issuer(&self.issuer, self.plain_http)?;
        if self
            .audiences
            .iter()
            .any(|audience| audience.trim().is_empty())
        {
            return Err(ConfigError::new(
                ConfigErrorKind::Audience,
                "the audience is empty",
            ));
        }
        let algorithms = self.algorithms.as_deref().unwrap_or(Algorithm::ASYMMETRIC);
        let symmetric = algorithms.iter().filter(|each| each.is_hmac()).count();
        if algorithms.is_empty() {
            return Err(ConfigError::new(
                ConfigErrorKind::Algorithms,
                "the list of algorithms is empty",
            ));
        }
        if symmetric != 0 && symmetric != algorithms.len() {
            return Err(ConfigError::new(
                ConfigErrorKind::Algorithms,
                "the list of algorithms mixes HMAC with public keys",
            ));
        }
        if self.leeway > MAX_LEEWAY {
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                format!(
                    "a leeway of {} s where at most {} s are allowed",
                    self.leeway.as_secs(),
                    MAX_LEEWAY.as_secs()
                ),
            ));
        }
        Ok(Policy {
            issuer: self.issuer.into(),
            audiences: self
                .audiences
                .into_iter()
                .map(String::into_boxed_str)
                .collect(),
            algorithms: algorithms.iter().copied().collect::<Algorithms>(),
            profile: self.profile,
            leeway: self.leeway,
            required_claims: self.required_claims.into_boxed_slice(),
            any_audience: self.any_audience,
            nonce_accepted: self.nonce_accepted,
            binding_ignored: self.binding_ignored,
        })
    }
}

/// A builder that holds a policy, whose checks can be weakened.
pub trait Weaken {
    /// The policy it holds.
    #[doc(hidden)]
    fn policy(&mut self) -> &mut PolicyBuilder;
}

impl Weaken for PolicyBuilder {
    fn policy(&mut self) -> &mut PolicyBuilder {
        self
    }
}

/// Settings that weaken a check, each of which returns to the builder it came from.
///
/// ```
/// use tower_bearer::Policy;
///
/// let policy = Policy::builder("https://id.example.com", "https://api.example.com")
///     .dangerous()
///     .ignore_sender_binding()
///     .build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[must_use]
pub struct Dangerous<B>(B);

impl<B: Weaken> Dangerous<B> {
    pub(crate) fn new(builder: B) -> Self {
        Self(builder)
    }

    /// Accepts tokens meant for anyone, whatever their `aud`.
    ///
    /// Any service that receives such a token can then use it here (RFC 9700 §2.3).
    pub fn accept_any_audience(mut self) -> B {
        self.0.policy().any_audience = true;
        self.0
    }

    /// Accepts tokens that carry `nonce` although their `typ` does not say that they are access tokens.
    ///
    /// Keycloak before version 24 puts `nonce` into access tokens. With this, an ID token whose audience is ours
    /// passes (RFC 8725 §2.8).
    pub fn accept_nonce(mut self) -> B {
        self.0.policy().nonce_accepted = true;
        self.0
    }

    /// Accepts tokens that are bound to their sender by `cnf`, without checking that the sender is the right one.
    ///
    /// Such a token then works for whoever stole it (RFC 9449 §7.2).
    pub fn ignore_sender_binding(mut self) -> B {
        self.0.policy().binding_ignored = true;
        self.0
    }

    /// Lets the issuer and its keys be reached by plain `http` on hosts other than loopback.
    ///
    /// Whoever stands on the way can then hand us keys of his own (RFC 8414 §6.1).
    pub fn allow_plain_http(mut self) -> B {
        self.0.policy().plain_http = true;
        self.0
    }
}

impl<B> fmt::Debug for Dangerous<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dangerous")
    }
}
