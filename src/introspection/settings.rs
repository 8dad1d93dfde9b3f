//! How an issuer is asked about its tokens, as it is configured.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::call::{Caller, Signed};
use super::client::{Authentication, Client};
use super::client_key::ClientKey;
use super::endpoint::{Discovered, Endpoint};
use super::introspector::{Bounds, Introspector};
use super::tokens::Tokens;
use crate::clock::Clock;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::fetch::Fetch;
#[cfg(feature = "reqwest")]
use crate::fetch::{HttpClient, Tls};
use crate::issuers::Keys;
use crate::observe::Observers;
use crate::policy::{Policy, check_url};

/// The longest that answers may be remembered: beyond that a revoked token lives too long to call it revoked.
const LONGEST_CACHE: Duration = Duration::from_secs(10 * 60);

/// How an issuer is asked about its tokens (RFC 7662).
///
/// Given to [`TrustedIssuer::introspection`](crate::TrustedIssuer::introspection) or
/// [`AuthenticatorBuilder::introspection`](crate::AuthenticatorBuilder::introspection). One way for this service to prove who it is has to be
/// chosen: RFC 7662 §2.1 lets nobody ask without. Prefer [`private_key_jwt`](Self::private_key_jwt) or
/// [`mutual_tls`](Self::mutual_tls), by which no secret leaves this service (RFC 9700 §2.5), where the issuer can do it. A mistake is reported
/// when the authenticator is built. `Debug` shows no secret.
///
/// ```
/// use tower_bearer::Authenticator;
/// use tower_bearer::introspection::Introspection;
///
/// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com")
///     .introspection(
///         Introspection::at("https://id.example.com/introspect").client_secret_basic("orders-api", "secret"),
///     )
///     .build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Introspection {
    /// Where; by discovery if there is none.
    url: Option<String>,
    client: Option<Client>,
    assertion_audience: Option<String>,
    tokens: Tokens,
    signed: bool,
    signed_audience: Option<String>,
    bounds: Bounds,
    fetch: Option<Arc<dyn Fetch>>,
    mutual_tls: bool,
    #[cfg(feature = "reqwest")]
    tls: Tls,
    mistake: Option<ConfigError>,
}

/// What is needed beside the settings to ask.
pub(crate) struct Means<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) keys: &'a Keys,
    pub(crate) allow_plain_http: bool,
    /// The authenticator's own client, if it was given one.
    pub(crate) fetch: Option<&'a Arc<dyn Fetch>>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) observers: &'a Observers,
}

impl Introspection {
    /// Asks at `url`, which must be `https`, loopback hosts aside.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: Some(url.into()),
            ..Self::discovered()
        }
    }

    /// Asks at the `introspection_endpoint` of the issuer's discovery document (RFC 8414 §2), which is looked up when the first token
    /// needs it, and once a day.
    ///
    /// With [`mutual_tls`](Self::mutual_tls) the one among `mtls_endpoint_aliases` comes first (RFC 8705 §5).
    pub fn discovered() -> Self {
        Self {
            url: None,
            client: None,
            assertion_audience: None,
            tokens: Tokens::default(),
            signed: false,
            signed_audience: None,
            bounds: Bounds {
                cache_for: Duration::from_secs(30),
                cache_bytes: 16 * 1024 * 1024,
                refusals_for: Duration::from_secs(5),
                most_calls: 64,
                longest_token: 4 * 1024,
            },
            fetch: None,
            mutual_tls: false,
            #[cfg(feature = "reqwest")]
            tls: Tls::default(),
            mistake: None,
        }
    }

    /// Proves who we are by identifier and secret in the `Authorization` header (RFC 6749 §2.3.1).
    pub fn client_secret_basic(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        let secret = secret.into();
        self.client(id, Authentication::Basic { secret })
    }

    /// Proves who we are by identifier and secret in the form: for servers that cannot read them in the header.
    pub fn client_secret_post(self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        let secret = secret.into();
        self.client(id, Authentication::Post { secret })
    }

    /// Proves who we are by a signature (RFC 7523 §2.2, `private_key_jwt`): there is no secret that could be copied on its way.
    ///
    /// Each call has an assertion of its own: `iss` and `sub` are `id`, `jti` is new, `exp` is a minute ahead, and `aud` is the
    /// issuer unless [`assertion_audience`](Self::assertion_audience) says otherwise.
    pub fn private_key_jwt(self, id: impl Into<String>, key: ClientKey) -> Self {
        let audience = None;
        self.client(id, Authentication::Assertion { key, audience })
    }

    /// Names `audience` in the `aud` of assertions; default the issuer, which every server that follows RFC 8414 knows itself by, and
    /// which no other server takes for itself. For servers that insist on the URL of an endpoint, as RFC 7523 §3 lets them.
    pub fn assertion_audience(mut self, audience: impl Into<String>) -> Self {
        self.assertion_audience = Some(audience.into());
        self
    }

    /// Proves who we are by a TLS certificate (RFC 8705 §2): `certificate` and the chain that follows it, and its `key` in PKCS#8,
    /// both in PEM. That the two belong together shows at the first call.
    #[cfg(feature = "reqwest")]
    pub fn mutual_tls(mut self, id: impl Into<String>, certificate: &str, key: &str) -> Self {
        self.mutual_tls = true;
        if let Err(error) = self.tls.set_identity(certificate, key) {
            let problem = "the client's certificate and key are not PEM";
            self.set_mistake(wrong(problem).because(error));
        }
        self.client(id, Authentication::Transport)
    }

    /// Trusts the certificate authorities in `pem` too, beside the system's: for servers with a certificate of one's own.
    #[cfg(feature = "reqwest")]
    pub fn additional_ca_certificate(mut self, pem: &str) -> Self {
        if let Err(error) = self.tls.add_authorities(pem) {
            self.set_mistake(wrong("the certificate authority is not PEM").because(error));
        }
        self
    }

    /// Asks with `fetch`, which proves who we are by itself, such as by a TLS certificate; the form names the client `id`.
    pub fn authenticated_by(mut self, id: impl Into<String>, fetch: impl Fetch) -> Self {
        self.fetch = Some(Arc::new(fetch));
        self.client(id, Authentication::Transport)
    }

    /// Asks about JWTs of this issuer too, after their signature has verified: for JWTs that can be revoked at the issuer.
    ///
    /// A JWT must pass both: what is wrong with it is found here, and never sent. Its claims remain those that were signed; the
    /// answer's say only whether, and how long, it is active; but one that the answer says is bound to a sender is refused unless it
    /// names the same itself. Nor may the answer contradict: its `iss`, `aud` and `nbf` are held against the policy where they are there, and its
    /// `jti`, `sub` and `client_id` against those of the JWT. Default: opaque tokens only.
    pub fn every_token(mut self) -> Self {
        self.tokens = Tokens::Every;
        self
    }

    /// Asks about JWTs of this issuer, after their signature has verified, and takes no opaque token for its own: where several
    /// issuers are asked, since an opaque token does not say whose it is.
    pub fn jwts_only(mut self) -> Self {
        self.tokens = Tokens::JwtsOnly;
        self
    }

    /// Fetches no keys of this issuer and refuses its JWTs: for issuers that have none.
    pub fn opaque_tokens_only(mut self) -> Self {
        self.tokens = Tokens::OpaqueOnly;
        self
    }

    /// Demands signed answers (RFC 9701), verified with the issuer's keys. An answer that is not signed is then none.
    ///
    /// It must be meant for this service, which its `aud` calls by the client's identifier: see
    /// [`signed_answer_audience`](Self::signed_answer_audience).
    pub fn signed_answers(mut self) -> Self {
        self.signed = true;
        self
    }

    /// What the `aud` of signed answers calls this service; default the client's identifier.
    pub fn signed_answer_audience(mut self, audience: impl Into<String>) -> Self {
        self.signed_audience = Some(audience.into());
        self
    }

    /// Believes an answer for `span`, and never beyond the token's `exp`; default 30 s, at most ten minutes. Zero asks with
    /// each request.
    ///
    /// That is how late a revocation at the issuer is noticed (RFC 7662 §4).
    pub fn cache_for(mut self, span: Duration) -> Self {
        self.bounds.cache_for = span;
        self
    }

    /// Refuses a token that is not active for `span` without asking again; default 5 s, at most ten minutes. Zero asks with
    /// each request.
    ///
    /// A client that tries a dead token again and again costs the issuer one call in that time.
    pub fn refusals_for(mut self, span: Duration) -> Self {
        self.bounds.refusals_for = span;
        self
    }

    /// Remembers answers in at most `bytes` of memory; default 16 MiB, which hold some 10 000. Refusals are remembered beside them, at
    /// most 8 192.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.bounds.cache_bytes = bytes;
        self
    }

    /// Makes at most `most` calls at once; default 64. A token that needs another waits a second for its turn, and is answered 503
    /// then, or at once where sixteen times as many are under way or wait.
    ///
    /// Anyone can make up opaque tokens, and only the issuer can tell: this is how many strangers can keep it busy with. Tokens that
    /// are remembered do not count, and all requests with one token are one call.
    pub fn max_calls(mut self, most: usize) -> Self {
        self.bounds.most_calls = most;
        self
    }

    /// Refuses opaque tokens of more than `bytes` without asking; default 4 096, far more than any that is in use. At most 16 384.
    pub fn max_token_length(mut self, bytes: usize) -> Self {
        self.bounds.longest_token = bytes;
        self
    }

    fn client(mut self, id: impl Into<String>, authentication: Authentication) -> Self {
        let id = id.into();
        if self.client.replace(Client { id, authentication }).is_some() {
            let problem = "the client proves who it is in two ways";
            self.set_mistake(ConfigError::new(ConfigErrorKind::Contradiction, problem));
        }
        self
    }

    fn set_mistake(&mut self, mistake: ConfigError) {
        self.mistake.get_or_insert(mistake);
    }

    /// Whether the issuer's keys are needed.
    pub(crate) fn needs_keys(&self) -> bool {
        self.signed || self.tokens != Tokens::OpaqueOnly
    }

    /// The introspector, if every input is sound. Does no I/O.
    pub(crate) fn build(self, means: &Means<'_>) -> Result<Introspector, ConfigError> {
        self.check()?;
        let fetch = self.fetch(means)?;
        let Some(mut client) = self.client else {
            return Err(wrong("the client has no way to prove who it is"));
        };
        match (&mut client.authentication, self.assertion_audience) {
            (Authentication::Assertion { audience, .. }, given) => *audience = given,
            (_, None) => {}
            (_, Some(_)) => {
                let problem = "an audience of assertions is given, but the client makes none";
                return Err(ConfigError::new(ConfigErrorKind::Contradiction, problem));
            }
        }
        let endpoint = match &self.url {
            Some(url) => {
                let url = check_url(
                    ConfigErrorKind::Introspection,
                    "introspection URL",
                    url,
                    means.allow_plain_http,
                )?;
                if url.as_str().parse::<http::Uri>().is_err() {
                    return Err(wrong("the introspection URL cannot stand in a request"));
                }
                Endpoint::Given(url)
            }
            None => Endpoint::Discovered(Discovered::new(means.allow_plain_http, self.mutual_tls)),
        };
        let signed = self.signed.then(|| Signed {
            audience: self.signed_audience.unwrap_or_else(|| client.id.clone()),
            keys: means.keys.clone(),
        });
        let caller = Caller {
            policy: means.policy.clone(),
            endpoint,
            client,
            signed,
            fetch,
            clock: Arc::clone(means.clock),
        };
        let observers = means.observers.clone();
        Ok(Introspector::new(
            caller,
            self.tokens,
            self.bounds,
            observers,
        ))
    }

    fn check(&self) -> Result<(), ConfigError> {
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone());
        }
        let empty = |client: &Client| match &client.authentication {
            Authentication::Basic { secret } | Authentication::Post { secret } => {
                client.id.is_empty() || secret.is_empty()
            }
            Authentication::Assertion { .. } | Authentication::Transport => client.id.is_empty(),
        };
        if self.client.as_ref().is_some_and(empty) {
            return Err(wrong("the client's identifier or secret is empty"));
        }
        if self.signed_audience.is_some() && !self.signed {
            let problem = "an audience of signed answers is given, but none are demanded";
            return Err(ConfigError::new(ConfigErrorKind::Contradiction, problem));
        }
        let Bounds {
            cache_for,
            refusals_for,
            most_calls,
            longest_token,
            ..
        } = self.bounds;
        if cache_for.max(refusals_for) > LONGEST_CACHE {
            let problem = "answers of an introspection are remembered for ten minutes at most";
            return Err(ConfigError::new(ConfigErrorKind::Limit, problem));
        }
        let longest = crate::verifier::MAX_TOKEN_LENGTH;
        if most_calls == 0 || longest_token == 0 || longest_token > longest {
            let problem = "no call is allowed, or no length of a token from 1 to 16384 bytes";
            return Err(ConfigError::new(ConfigErrorKind::Limit, problem));
        }
        Ok(())
    }

    /// One's own client, or the authenticator's, or one that keeps its connections for the next call.
    fn fetch(&self, means: &Means<'_>) -> Result<Arc<dyn Fetch>, ConfigError> {
        if let Some(fetch) = &self.fetch {
            return Ok(Arc::clone(fetch));
        }
        #[cfg(feature = "reqwest")]
        if means.fetch.is_none() || !self.tls.is_default() {
            let connect = crate::jwks::Lifetimes::default().limits.connect();
            return Ok(Arc::new(HttpClient::for_calls(connect, self.tls.clone())));
        }
        means.fetch.cloned().ok_or_else(|| {
            ConfigError::new(
                ConfigErrorKind::Fetch,
                "an issuer is to be asked about tokens, but there is no client: enable \"reqwest\" or give one with `fetch`",
            )
        })
    }
}

fn wrong(problem: &'static str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Introspection, problem)
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("url", &self.url)
            .field("client", &self.client)
            .field("tokens", &self.tokens)
            .field("signed", &self.signed)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
