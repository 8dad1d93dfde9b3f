//! The vocabulary of failure. Whose fault it is decides the type.
//!
//! | type | whose fault | answer |
//! |---|---|---|
//! | [`ConfigError`] | the programmer's, at start-up only | none: the service does not start |
//! | [`LayerMissing`] | the programmer's: a check stands where no layer authenticates | 500 |
//! | [`VerifyError`] | the credential's | 400 or 401 |
//! | [`AuthorizationError`] | nobody's: the token is good, but may not do this | 403, or 401 where a stronger login helps |
//! | [`Unavailable`] | ours or the issuer's: we cannot tell | 503, never 401 |
//!
//! The last three meet in [`Rejection`]. They never turn into one another. Whoever stands inside the layer and lets a request no
//! further does so with a [`Denied`]: a [`Rejection`], or a [`LayerMissing`].

use std::any::type_name;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use crate::clock::NumericDate;
use crate::dpop::ProofErrorKind;
use crate::mtls::CertificateRefusal;

type Cause = Arc<dyn Error + Send + Sync>;

/// A mistake in the configuration, found while building.
#[derive(Clone, Debug)]
pub struct ConfigError {
    kind: ConfigErrorKind,
    detail: Cow<'static, str>,
    source: Option<Cause>,
}

/// Which input of the configuration is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// The issuer identifier.
    Issuer,
    /// An audience.
    Audience,
    /// The list of algorithms.
    Algorithms,
    /// A URL from which keys are to be fetched.
    KeySetUrl,
    /// A key or key set given in code.
    Keys,
    /// A value that goes into a `WWW-Authenticate` challenge.
    Challenge,
    /// Where credentials are read from, or how they are told apart.
    Credential,
    /// A method and path that is to be public.
    Route,
    /// A claim that is to be forwarded, or the header it is to be forwarded in.
    Forwarding,
    /// What is published about this service as a protected resource (RFC 9728).
    Resource,
    /// A bound: a size, a number or a time.
    Limit,
    /// The HTTP client that fetches keys and asks about tokens.
    Fetch,
    /// How opaque tokens are asked about: where, as whom, within which bounds.
    Introspection,
    /// Where Redis is, or how it is spoken to.
    Redis,
    /// Two settings that contradict each other.
    Contradiction,
}

impl ConfigError {
    pub(crate) fn new(kind: ConfigErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            source: None,
        }
    }

    pub(crate) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Which input is wrong.
    #[must_use]
    pub fn kind(&self) -> ConfigErrorKind {
        self.kind
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Why a credential was refused.
///
/// Meant for logs and for layers outside ours: the client itself is told no more than RFC 6750 §3.1 lets it.
#[derive(Clone, Debug)]
pub struct VerifyError {
    kind: VerifyErrorKind,
    source: Option<Cause>,
    dpop_nonce: Option<Box<HeaderValue>>,
}

/// The part of a compact token (RFC 7515 §7.1) that a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenPart {
    /// The protected header.
    Header,
    /// The payload, which holds the claims set.
    Payload,
    /// The signature.
    Signature,
}

impl fmt::Display for TokenPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// What exactly is wrong with a credential, with the values that explain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyErrorKind {
    /// The request carries no credential that we understand.
    CredentialMissing,
    /// The request carries more than one credential (RFC 6750 §3.1).
    CredentialRepeated,
    /// What stands where a credential is read is not one b64token, or in the header not a scheme, spaces and one (RFC 6750 §2.1).
    CredentialMalformed,
    /// The service's own check of a credential that is no token has said no.
    CredentialRefused,
    /// The token is longer than we read.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The most that is read.
        limit: usize,
    },
    /// Not three non-empty parts between exactly two dots (RFC 7515 §7.1).
    NotCompact,
    /// An encrypted token (five parts, RFC 7516 §7.1); decryption is not configured.
    Encrypted,
    /// A part is not canonical unpadded base64url (RFC 7515 §2).
    Base64 {
        /// The part that is not.
        part: TokenPart,
    },
    /// A part is not one strict JSON object: UTF-8, no member twice, nothing after it, bounded in depth.
    Json {
        /// The part that is not.
        part: TokenPart,
    },
    /// A header parameter is missing or has the wrong type.
    HeaderParameter {
        /// Its name.
        name: &'static str,
    },
    /// The header's `alg` names no signature algorithm that we know; `none` is one of those.
    AlgorithmUnknown,
    /// The header's `alg` is not allowed for this issuer.
    AlgorithmNotAllowed,
    /// The header uses an extension that we must not skip (RFC 7515 §4.1.11, RFC 7797 §7).
    HeaderExtension {
        /// `crit`, `b64` or `zip`.
        name: &'static str,
    },
    /// The header's `typ` marks another kind of token (RFC 8725 §3.11).
    Type,
    /// A claim that must be there is not.
    ClaimMissing {
        /// Its name.
        name: &'static str,
    },
    /// A claim has the wrong JSON type or form.
    ClaimMalformed {
        /// Its name.
        name: &'static str,
    },
    /// A claim has another value than the one demanded.
    ClaimValue {
        /// Its name.
        name: &'static str,
    },
    /// A claim marks another kind of token: an ID token, a logout token, a security event.
    ForeignClaim {
        /// Its name.
        name: &'static str,
    },
    /// No configured issuer equals `iss`, byte for byte.
    Issuer,
    /// We are not among the audience.
    Audience,
    /// The token's time is over.
    Expired {
        /// Its `exp`.
        at: NumericDate,
        /// When it was checked.
        now: NumericDate,
    },
    /// The token's time has not come.
    NotYetValid {
        /// Its `nbf`.
        at: NumericDate,
        /// When it was checked.
        now: NumericDate,
    },
    /// The token claims to have been issued in the future.
    IssuedInFuture {
        /// Its `iat`.
        at: NumericDate,
        /// When it was checked.
        now: NumericDate,
    },
    /// The token was issued too long ago for what it is to do.
    TooOld {
        /// Its `iat`.
        at: NumericDate,
        /// When it was checked.
        now: NumericDate,
    },
    /// The issuer's key set has no such key.
    KeyUnknown,
    /// The issuer's key of that `kid` cannot be used with the header's `alg`.
    KeyMismatch,
    /// The token names no `kid` and more than one key fits.
    KeyAmbiguous,
    /// The signature does not verify.
    Signature,
    /// The token is bound to its sender by `cnf`, and nothing here checks that (RFC 7800, RFC 9449 §7.2).
    SenderBound,
    /// The token is not bound to its sender, where every token has to be (RFC 8705 §3, FAPI 2.0 §5.3.4).
    SenderNotBound,
    /// The proof of possession is not good, or there is none (RFC 9449 §4.3, §7).
    Proof(ProofErrorKind),
    /// The client has not shown the certificate that the token is bound to (RFC 8705 §3).
    ClientCertificate {
        /// Why not.
        why: CertificateRefusal,
    },
    /// The claims cannot be read as the service's own claims type.
    ClaimsType,
    /// The issuer, asked about the token, says that it is not active (RFC 7662 §2.2).
    Inactive,
    /// The token, its session, its subject or its issuer has been revoked; see [`revocation`](crate::revocation).
    Revoked,
}

impl VerifyErrorKind {
    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CredentialMissing => "credential_missing",
            Self::CredentialRepeated => "credential_repeated",
            Self::CredentialMalformed => "credential_malformed",
            Self::CredentialRefused => "credential_refused",
            Self::TooLong { .. } => "too_long",
            Self::NotCompact => "not_compact",
            Self::Encrypted => "encrypted",
            Self::Base64 { .. } => "base64",
            Self::Json { .. } => "json",
            Self::HeaderParameter { .. } => "header_parameter",
            Self::AlgorithmUnknown => "algorithm_unknown",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::HeaderExtension { .. } => "header_extension",
            Self::Type => "type",
            Self::ClaimMissing { .. } => "claim_missing",
            Self::ClaimMalformed { .. } => "claim_malformed",
            Self::ClaimValue { .. } => "claim_value",
            Self::ForeignClaim { .. } => "foreign_claim",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::IssuedInFuture { .. } => "issued_in_future",
            Self::TooOld { .. } => "too_old",
            Self::KeyUnknown => "key_unknown",
            Self::KeyMismatch => "key_mismatch",
            Self::KeyAmbiguous => "key_ambiguous",
            Self::Signature => "signature",
            Self::SenderBound => "sender_bound",
            Self::SenderNotBound => "sender_not_bound",
            Self::Proof(kind) => kind.code(),
            Self::ClientCertificate { why } => why.code(),
            Self::ClaimsType => "claims_type",
            Self::Inactive => "inactive",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for VerifyErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CredentialMissing => f.write_str("no credential"),
            Self::CredentialRepeated => f.write_str("more than one credential"),
            Self::CredentialMalformed => f.write_str("credential is not one well-formed token"),
            Self::CredentialRefused => f.write_str("credential is not known to the service"),
            Self::TooLong { length, limit } => {
                write!(f, "token of {length} bytes where at most {limit} are read")
            }
            Self::NotCompact => f.write_str("token is not three parts between two dots"),
            Self::Encrypted => f.write_str("token is encrypted and decryption is not configured"),
            Self::Base64 { part } => write!(f, "{part} is not canonical unpadded base64url"),
            Self::Json { part } => write!(f, "{part} is not one strict JSON object"),
            Self::HeaderParameter { name } => {
                write!(
                    f,
                    "header parameter \"{name}\" is missing or has the wrong type"
                )
            }
            Self::AlgorithmUnknown => f.write_str("\"alg\" names no known signature algorithm"),
            Self::AlgorithmNotAllowed => f.write_str("\"alg\" is not allowed for this issuer"),
            Self::HeaderExtension { name } => {
                write!(
                    f,
                    "header uses the extension \"{name}\", which is not understood"
                )
            }
            Self::Type => f.write_str("\"typ\" marks another kind of token"),
            Self::ClaimMissing { name } => write!(f, "claim \"{name}\" is missing"),
            Self::ClaimMalformed { name } => {
                write!(f, "claim \"{name}\" has the wrong type or form")
            }
            Self::ClaimValue { name } => {
                write!(f, "claim \"{name}\" does not have the value demanded")
            }
            Self::ForeignClaim { name } => {
                write!(f, "claim \"{name}\" marks another kind of token")
            }
            Self::Issuer => f.write_str("\"iss\" is no configured issuer"),
            Self::Audience => f.write_str("\"aud\" does not hold our audience"),
            Self::Expired { at, now } => write!(f, "expired at {at}, now is {now}"),
            Self::NotYetValid { at, now } => write!(f, "not valid before {at}, now is {now}"),
            Self::IssuedInFuture { at, now } => write!(f, "issued at {at}, now is {now}"),
            Self::TooOld { at, now } => write!(f, "issued long ago, at {at}, now is {now}"),
            Self::KeyUnknown => f.write_str("the issuer has no such key"),
            Self::KeyMismatch => f.write_str("the issuer's key does not fit \"alg\""),
            Self::KeyAmbiguous => f.write_str("no \"kid\", and more than one key fits"),
            Self::Signature => f.write_str("the signature does not verify"),
            Self::SenderBound => {
                f.write_str("token is bound to its sender by \"cnf\", which is not checked here")
            }
            Self::SenderNotBound => f.write_str("token is not bound to its sender by \"cnf\""),
            Self::Proof(kind) => kind.fmt(f),
            Self::ClientCertificate { why } => why.fmt(f),
            Self::ClaimsType => f.write_str("claims do not fit the service's claims type"),
            Self::Inactive => f.write_str("the issuer says that the token is not active"),
            Self::Revoked => f.write_str("the token has been revoked"),
        }
    }
}

impl VerifyError {
    pub(crate) fn because(
        kind: VerifyErrorKind,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind,
            source: Some(Arc::new(source)),
            dpop_nonce: None,
        }
    }

    pub(crate) fn with_dpop_nonce(mut self, nonce: Option<HeaderValue>) -> Self {
        self.dpop_nonce = nonce.map(Box::new);
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> VerifyErrorKind {
        self.kind
    }

    /// The nonce that the client's next proof is to have, where that is what was wrong: to be sent as `DPoP-Nonce` (RFC 9449 §9).
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&HeaderValue> {
        self.dpop_nonce.as_deref()
    }

    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl From<VerifyErrorKind> for VerifyError {
    fn from(kind: VerifyErrorKind) -> Self {
        Self {
            kind,
            source: None,
            dpop_nonce: None,
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for VerifyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A good token that may not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationError {
    kind: AuthorizationErrorKind,
}

/// What a good token lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizationErrorKind {
    /// Scopes: all that the operation needs, not only those that are missing. Answered 403.
    InsufficientScope {
        /// The scopes needed, separated by single spaces, ready for a challenge.
        needed: Arc<str>,
    },
    /// A role, a group, or whatever else the service demands beside scopes. Answered 403.
    Forbidden {
        /// The scopes that the operation needs, separated by single spaces; empty if it needs none. The token has them.
        needed: Arc<str>,
    },
    /// A stronger or more recent login of the user (RFC 9470). Answered 401.
    InsufficientUserAuthentication {
        /// Authentication contexts of which one is needed, separated by single spaces; empty if any will do.
        acr_values: Arc<str>,
        /// How long ago the user may have logged in at most.
        max_age: Option<Duration>,
        /// The scopes that the operation needs, separated by single spaces; empty if it needs none.
        needed: Arc<str>,
    },
}

impl AuthorizationError {
    /// The token lacks a scope; `needed` are all that the operation needs, separated by single spaces.
    pub fn insufficient_scope(needed: impl Into<Arc<str>>) -> Self {
        AuthorizationErrorKind::InsufficientScope {
            needed: needed.into(),
        }
        .into()
    }

    /// The token lacks what no scope tells of: a role, a group, a rule of the service's own.
    #[must_use]
    pub fn forbidden() -> Self {
        AuthorizationErrorKind::Forbidden { needed: "".into() }.into()
    }

    /// What is lacking.
    #[must_use]
    pub fn kind(&self) -> &AuthorizationErrorKind {
        &self.kind
    }

    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.kind {
            AuthorizationErrorKind::InsufficientScope { .. } => "insufficient_scope",
            AuthorizationErrorKind::Forbidden { .. } => "forbidden",
            AuthorizationErrorKind::InsufficientUserAuthentication { .. } => {
                "insufficient_user_authentication"
            }
        }
    }
}

impl From<AuthorizationErrorKind> for AuthorizationError {
    fn from(kind: AuthorizationErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for AuthorizationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            AuthorizationErrorKind::InsufficientScope { needed } => {
                write!(f, "needs the scopes \"{needed}\"")
            }
            AuthorizationErrorKind::Forbidden { .. } => {
                f.write_str("the token does not permit this")
            }
            AuthorizationErrorKind::InsufficientUserAuthentication { .. } => {
                f.write_str("needs a stronger or more recent login")
            }
        }
    }
}

impl Error for AuthorizationError {}

/// No [`AuthenticateLayer`](crate::AuthenticateLayer) has decided on this request, or one with another claims type has: a
/// mistake in the service, answered 500. Nothing is ever let through for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerMissing {
    wanted: &'static str,
}

impl LayerMissing {
    /// A `T` was looked for in the request.
    pub(crate) fn looking_for<T>() -> Self {
        Self {
            wanted: type_name::<T>(),
        }
    }
}

impl fmt::Display for LayerMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no `{}` in the request: `AuthenticateLayer` must stand around this route, with the same claims type",
            self.wanted
        )
    }
}

impl Error for LayerMissing {}

/// We cannot tell whether the credential is good.
#[derive(Clone, Debug)]
pub struct Unavailable {
    kind: UnavailableKind,
    retry_after: Duration,
    source: Option<Cause>,
}

/// What could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnavailableKind {
    /// The issuer's keys: the last download failed, or took longer than a request may wait.
    Keys,
    /// Whoever tells which issuers are trusted.
    Issuer,
    /// Whoever decides on credentials that are no tokens.
    Credential,
    /// A moment to check the signature in: as many are being checked as may be.
    Verification,
    /// Whoever knows which tokens are revoked.
    Revocations,
    /// Whoever remembers the proofs that were used.
    Replays,
    /// The issuer's word on the token: it did not answer as it must, or is not asked at this moment.
    Introspection,
}

impl Unavailable {
    pub(crate) fn new(kind: UnavailableKind, retry_after: Duration) -> Self {
        Self {
            kind,
            retry_after,
            source: None,
        }
    }

    pub(crate) fn because(mut self, source: Arc<dyn Error + Send + Sync>) -> Self {
        self.source = Some(source);
        self
    }

    /// What could not be reached.
    #[must_use]
    pub fn kind(&self) -> UnavailableKind {
        self.kind
    }

    /// When asking again may help; becomes `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }

    /// The same as `Retry-After` counts (RFC 9110 §10.2.3); a zero would invite a client to ask again at once.
    pub(crate) fn retry_after_seconds(&self) -> u64 {
        let span = self.retry_after;
        let rest = u64::from(span.subsec_nanos() > 0);
        span.as_secs().saturating_add(rest).max(1)
    }

    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.kind {
            UnavailableKind::Keys => "keys_unavailable",
            UnavailableKind::Issuer => "issuer_unavailable",
            UnavailableKind::Credential => "credential_unavailable",
            UnavailableKind::Verification => "verification_unavailable",
            UnavailableKind::Revocations => "revocations_unavailable",
            UnavailableKind::Replays => "replays_unavailable",
            UnavailableKind::Introspection => "introspection_unavailable",
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            UnavailableKind::Keys => f.write_str("the issuer's keys cannot be reached"),
            UnavailableKind::Issuer => f.write_str("cannot tell whether the issuer is trusted"),
            UnavailableKind::Verification => f.write_str("too many signatures are being checked"),
            UnavailableKind::Revocations => {
                f.write_str("cannot tell whether the token has been revoked")
            }
            UnavailableKind::Replays => {
                f.write_str("cannot tell whether the proof was used before")
            }
            UnavailableKind::Introspection => {
                f.write_str("the issuer cannot be asked about the token")
            }
            UnavailableKind::Credential => {
                f.write_str("cannot tell whether the credential is good")
            }
        }
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Why a request was not let through; rides in the extensions of the response for layers outside ours.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The credential is bad: 400 or 401.
    Verify(VerifyError),
    /// The credential is good but may not do this: 403, or 401 where a stronger login helps.
    Authorization(AuthorizationError),
    /// We cannot tell: 503.
    Unavailable(Unavailable),
}

impl Rejection {
    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Verify(error) => error.code(),
            Self::Authorization(error) => error.code(),
            Self::Unavailable(error) => error.code(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verify(error) => error.fmt(f),
            Self::Authorization(error) => error.fmt(f),
            Self::Unavailable(error) => error.fmt(f),
        }
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Verify(error) => error.source(),
            Self::Authorization(error) => error.source(),
            Self::Unavailable(error) => error.source(),
        }
    }
}

impl From<VerifyErrorKind> for Rejection {
    fn from(kind: VerifyErrorKind) -> Self {
        Self::Verify(kind.into())
    }
}

impl From<VerifyError> for Rejection {
    fn from(error: VerifyError) -> Self {
        Self::Verify(error)
    }
}

impl From<AuthorizationError> for Rejection {
    fn from(error: AuthorizationError) -> Self {
        Self::Authorization(error)
    }
}

impl From<Unavailable> for Rejection {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error)
    }
}

/// Why a request goes no further than to whoever stands inside the layer: an extractor, an
/// [`AuthorizeLayer`](crate::AuthorizeLayer), a handler.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Denied {
    /// No layer has decided on the request: 500.
    LayerMissing(LayerMissing),
    /// There is no verified token where one is demanded, or it does not satisfy what is demanded.
    Rejected(Rejection),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LayerMissing(error) => error.fmt(f),
            Self::Rejected(rejection) => rejection.fmt(f),
        }
    }
}

impl Error for Denied {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::LayerMissing(error) => error.source(),
            Self::Rejected(rejection) => rejection.source(),
        }
    }
}

impl From<AuthorizationError> for Denied {
    fn from(error: AuthorizationError) -> Self {
        Self::Rejected(error.into())
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
