//! Building a [`Policy`]: two facts, and whatever is to differ from the safe defaults.

use std::fmt;
use std::time::Duration;

use super::audience::{AudienceRule, Compared};
use super::required::RequiredClaim;
use super::{
    ConfigError, ConfigErrorKind, MAX_LEEWAY, MAX_NOT_BEFORE_LEEWAY, Policy, PolicyId, Preset,
    Profile, check_issuer,
};
use crate::jose::{Algorithm, Algorithms};
use crate::sender::BindingRule;

/// Collects what a [`Policy`] is to demand; mistakes are reported by [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use]
pub struct PolicyBuilder {
    issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) clients_without_audience: Vec<String>,
    pub(super) audience_compared: Compared,
    pub(super) algorithms: Option<Vec<Algorithm>>,
    pub(super) profile: Profile,
    pub(super) leeway: Duration,
    pub(super) not_before_leeway: Duration,
    required_claims: Vec<RequiredClaim>,
    scope_claim: Option<&'static str>,
    presets: Vec<Preset>,
    pub(super) header_only: bool,
    pub(super) any_audience: bool,
    nonce_accepted: bool,
    pub(super) binding_ignored: bool,
    /// Whether every token has to be bound to its sender, where that is checked.
    pub(super) binding_demanded: bool,
    binding_rule: BindingRule,
    pub(super) plain_http: bool,
    /// What is wrong with an input of which the policy was made.
    mistake: Option<ConfigError>,
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

        /// Accepts tokens without `aud` that were issued to the client `client_id`; given again, to a further one. Default: to
        /// none, so that every token must have an `aud`.
        ///
        /// For issuers that put no audience into their access tokens, such as Amazon Cognito. Nothing but its client then says
        /// what a token is for: name only clients whose tokens are meant for this service alone, since it accepts whatever
        /// they are given for any other. An `aud` that is there must hold an audience of ours all the same. It contradicts
        /// [`Profile::AccessToken`](crate::Profile::AccessToken), by which every token has an audience (RFC 9068 §2.2).
        pub fn client_without_audience(mut self, client_id: impl Into<String>) -> Self {
            $crate::policy::Weaken::policy(&mut self).add_client_without_audience(client_id.into());
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

        /// Demands all that a standard does of a resource server; may be given several times. Default: no preset.
        ///
        /// A setting that contradicts it fails when building.
        pub fn preset(mut self, preset: $crate::policy::Preset) -> Self {
            $crate::policy::Weaken::policy(&mut self).add_preset(preset);
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

        /// Accepts an `nbf` up to `leeway` ahead, without accepting an `exp` that is past.
        ///
        /// At most sixty seconds; default zero. Where [`leeway`](Self::leeway) is more, that counts. For issuers whose
        /// clock is fast and whose tokens begin when they are issued; FAPI 2.0 has ten seconds accepted.
        pub fn not_before_leeway(mut self, leeway: std::time::Duration) -> Self {
            $crate::policy::Weaken::policy(&mut self).set_not_before_leeway(leeway);
            self
        }

        /// Refuses tokens without the claim `name`, whatever its value.
        pub fn require_claim(mut self, name: &'static str) -> Self {
            $crate::policy::Weaken::policy(&mut self).add_required_claim(name);
            self
        }

        /// Refuses tokens whose claim `name` is not the string `value`, compared byte for byte. Each call is one demand more.
        ///
        /// A claim that is missing, or is no string, is a refusal too. It tells an issuer's access tokens from its others, as
        /// `token_use` does at Amazon Cognito.
        pub fn require_claim_value(self, name: &'static str, value: impl Into<String>) -> Self {
            self.require_any_claim_value(name, [value])
        }

        /// Refuses tokens whose claim `name` is none of the strings `values`, compared byte for byte. Each call is one demand
        /// more; one without values refuses every token.
        ///
        /// A claim that is missing, or is no string, is a refusal too.
        pub fn require_any_claim_value(
            mut self,
            name: &'static str,
            values: impl IntoIterator<Item = impl Into<String>>,
        ) -> Self {
            let values = values.into_iter().map(Into::into).collect();
            $crate::policy::Weaken::policy(&mut self).add_required_value(name, values);
            self
        }

        /// Reads the scopes from the claim `name`, in which they are a space-separated list or an array of strings; default
        /// `scope`, in which only a list is accepted (RFC 8693 §4.2).
        ///
        /// For issuers with a claim of their own, such as `scp`, or with an array in `scope`: then `name` is `scope`. In an
        /// array every string is one scope and must be one by RFC 6749 §3.3, so that none can be taken for two. A claim of
        /// any other form is a refusal; a token without it grants no scope, even if there is a `scope`.
        pub fn scope_claim(mut self, name: &'static str) -> Self {
            $crate::policy::Weaken::policy(&mut self).set_scope_claim(name);
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
            clients_without_audience: Vec::new(),
            audience_compared: Compared::default(),
            algorithms: None,
            profile: Profile::default(),
            leeway: Duration::ZERO,
            not_before_leeway: Duration::ZERO,
            required_claims: Vec::new(),
            scope_claim: None,
            presets: Vec::new(),
            header_only: false,
            any_audience: false,
            nonce_accepted: false,
            binding_ignored: false,
            binding_demanded: false,
            binding_rule: BindingRule::default(),
            plain_http: false,
            mistake: None,
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

    pub(crate) fn set_not_before_leeway(&mut self, leeway: Duration) {
        self.not_before_leeway = leeway;
    }

    pub(crate) fn add_client_without_audience(&mut self, client_id: String) {
        self.clients_without_audience.push(client_id);
    }

    pub(crate) fn add_preset(&mut self, preset: Preset) {
        self.presets.push(preset);
    }

    pub(crate) fn add_required_claim(&mut self, name: &'static str) {
        self.required_claims.push(RequiredClaim::anything(name));
    }

    pub(crate) fn add_required_value(&mut self, name: &'static str, values: Vec<String>) {
        self.required_claims
            .push(RequiredClaim::one_of(name, values));
    }

    pub(crate) fn set_scope_claim(&mut self, name: &'static str) {
        self.scope_claim = Some(name);
    }

    /// Lets `build` fail with this, for whoever makes a policy of inputs of his own.
    pub(crate) fn set_mistake(&mut self, mistake: ConfigError) {
        self.mistake.get_or_insert(mistake);
    }

    pub(crate) fn plain_http_allowed(&self) -> bool {
        self.plain_http
    }

    /// The policy, if every input is sound.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] that names the input: an issuer that is not an `https` URL (plain `http` is for loopback
    /// hosts), or has a query or fragment (RFC 8414 §2); an empty audience or client; an empty list of algorithms, or one
    /// that mixes HMAC with public keys; too large a leeway; a setting that contradicts a preset; an input that a function of
    /// [`presets`](crate::presets) was given.
    pub fn build(mut self) -> Result<Policy, ConfigError> {
        if let Some(mistake) = self.mistake.take() {
            return Err(mistake);
        }
        for preset in std::mem::take(&mut self.presets) {
            preset.apply(&mut self)?;
        }
        check_issuer(&self.issuer, self.plain_http)?;
        let empty = |names: &[String]| names.iter().any(|name| name.trim().is_empty());
        if empty(&self.audiences) {
            return Err(ConfigError::new(
                ConfigErrorKind::Audience,
                "the audience is empty",
            ));
        }
        if empty(&self.clients_without_audience) {
            return Err(ConfigError::new(
                ConfigErrorKind::Audience,
                "the client that stands in for an audience is empty",
            ));
        }
        if self.profile == Profile::AccessToken && !self.clients_without_audience.is_empty() {
            return Err(ConfigError::new(
                ConfigErrorKind::Contradiction,
                "by RFC 9068 every access token has an audience, but a client's need none",
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
        for (name, leeway, most) in [
            ("leeway", self.leeway, MAX_LEEWAY),
            (
                "leeway for \"nbf\"",
                self.not_before_leeway,
                MAX_NOT_BEFORE_LEEWAY,
            ),
        ] {
            if leeway > most {
                let (seconds, most) = (leeway.as_secs(), most.as_secs());
                return Err(ConfigError::new(
                    ConfigErrorKind::Limit,
                    format!("a {name} of {seconds} s where at most {most} s are allowed"),
                ));
            }
        }
        Ok(Policy {
            id: PolicyId::next(),
            audience: AudienceRule::of(&self),
            algorithms: algorithms.iter().copied().collect::<Algorithms>(),
            issuer: self.issuer.into(),
            profile: self.profile,
            leeway: self.leeway,
            not_before_leeway: self.not_before_leeway,
            required_claims: self.required_claims.into_boxed_slice(),
            scope_claim: self.scope_claim,
            header_only: self.header_only,
            nonce_accepted: self.nonce_accepted,
            binding_ignored: self.binding_ignored,
            binding_rule: BindingRule {
                demanded: self.binding_demanded && self.binding_rule.checks_any(),
                ..self.binding_rule
            },
        })
    }
}

/// A builder that holds a policy, whose checks can be weakened.
pub trait Weaken {
    /// The policy it holds.
    #[doc(hidden)]
    fn policy(&mut self) -> &mut PolicyBuilder;
}

impl PolicyBuilder {
    /// Says what is checked of senders where the policy is used; without it, nothing is.
    pub(crate) fn check_senders(&mut self, rule: BindingRule) {
        self.binding_rule = rule;
    }
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

    pub(crate) fn into_builder(self) -> B {
        self.0
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
