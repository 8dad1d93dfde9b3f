//! The one table from a [`Rejection`] to an HTTP response; [the module above](super) shows it.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::wire::{GRPC_MESSAGE, GRPC_STATUS, GrpcStatus, Wire, percent_encoded};
use crate::challenge::{Attributes, Challenge};
use crate::dpop::Scheme;
use crate::error::{AuthorizationErrorKind, Denied, Rejection, VerifyErrorKind};
use crate::sender::SenderChecks;

pub(super) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// The fixed words in which a client is told what happened: one row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) status: StatusCode,
    pub(crate) grpc: GrpcStatus,
    /// The error code of RFC 6750 §3.1, if there is one.
    pub(crate) error: Option<&'static str>,
    pub(crate) description: &'static str,
}

impl Words {
    const ABSENT: Self = Self {
        status: StatusCode::UNAUTHORIZED,
        grpc: GrpcStatus::Unauthenticated,
        error: None,
        description: "a bearer token is needed",
    };
    const INVALID_REQUEST: Self = Self {
        status: StatusCode::BAD_REQUEST,
        grpc: GrpcStatus::Unauthenticated,
        error: Some("invalid_request"),
        description: "the request must carry exactly one well-formed bearer token",
    };
    const INVALID_TOKEN: Self = Self {
        status: StatusCode::UNAUTHORIZED,
        grpc: GrpcStatus::Unauthenticated,
        error: Some("invalid_token"),
        description: "the token is not acceptable",
    };
    const INVALID_DPOP_PROOF: Self = Self {
        error: Some("invalid_dpop_proof"),
        description: "the request must carry one good proof for its token",
        ..Self::INVALID_TOKEN
    };
    const USE_DPOP_NONCE: Self = Self {
        error: Some("use_dpop_nonce"),
        description: "the proof must have the nonce that is sent along",
        ..Self::INVALID_TOKEN
    };
    const INSUFFICIENT_SCOPE: Self = Self {
        status: StatusCode::FORBIDDEN,
        grpc: GrpcStatus::PermissionDenied,
        error: Some("insufficient_scope"),
        description: "the token does not permit this",
    };
    const INSUFFICIENT_USER_AUTHENTICATION: Self = Self {
        status: StatusCode::UNAUTHORIZED,
        grpc: GrpcStatus::Unauthenticated,
        error: Some("insufficient_user_authentication"),
        description: "a stronger or more recent login is needed",
    };
    const UNAVAILABLE: Self = Self {
        status: StatusCode::SERVICE_UNAVAILABLE,
        grpc: GrpcStatus::Unavailable,
        error: None,
        description: "it cannot be told at the moment whether the token is good",
    };
    /// A mistake in the service, of which a client of HTTP is told nothing.
    pub(crate) const LAYER_MISSING: Self = Self {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        grpc: GrpcStatus::Internal,
        error: None,
        description: "no layer authenticates this call",
    };

    pub(crate) fn of(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::Verify(error) => match error.kind() {
                VerifyErrorKind::CredentialMissing => Self::ABSENT,
                VerifyErrorKind::CredentialRepeated | VerifyErrorKind::CredentialMalformed => {
                    Self::INVALID_REQUEST
                }
                VerifyErrorKind::Proof(kind) => match kind.challenge_error() {
                    "use_dpop_nonce" => Self::USE_DPOP_NONCE,
                    "invalid_dpop_proof" => Self::INVALID_DPOP_PROOF,
                    _ => Self::INVALID_TOKEN,
                },
                _ => Self::INVALID_TOKEN,
            },
            Rejection::Authorization(error) => match error.kind() {
                AuthorizationErrorKind::InsufficientUserAuthentication { .. } => {
                    Self::INSUFFICIENT_USER_AUTHENTICATION
                }
                _ => Self::INSUFFICIENT_SCOPE,
            },
            Rejection::Unavailable(_) => Self::UNAVAILABLE,
        }
    }

    fn to_header(self, challenge: &Challenge) -> HeaderValue {
        challenge.to_header_with(self.attributes())
    }

    fn attributes(self) -> Attributes<'static> {
        Attributes {
            error: self.error.unwrap_or_default(),
            description: self.description,
            ..Attributes::default()
        }
    }
}

/// The challenges of one service; the usual ones are written once.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    challenge: Challenge,
    /// Challenges of other schemes, beside ours.
    others: Box<[HeaderValue]>,
    absent: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
    /// Where proofs of possession are checked.
    proofs: Option<Proofs>,
}

/// How tokens can be sent with a proof.
#[derive(Clone, Debug)]
struct Proofs {
    algs: String,
    /// Whether tokens are accepted without one, too.
    bearer_too: bool,
}

impl Challenges {
    pub(crate) fn new<'s>(
        challenge: Challenge,
        other_schemes: impl IntoIterator<Item = &'s str>,
        senders: &SenderChecks,
    ) -> Self {
        let others = other_schemes.into_iter();
        Self {
            others: others.map(|scheme| challenge.of_scheme(scheme)).collect(),
            absent: challenge.to_header(),
            invalid_request: Words::INVALID_REQUEST.to_header(&challenge),
            invalid_token: Words::INVALID_TOKEN.to_header(&challenge),
            proofs: senders.proofs.as_ref().map(|proofs| Proofs {
                algs: proofs.algs().to_owned(),
                bearer_too: !senders.proofs_required(),
            }),
            challenge,
        }
    }

    /// Status and headers of the response that tells a client of `rejection`, in these words of it. `scheme` is the one by which
    /// the token was sent.
    pub(crate) fn head(
        &self,
        rejection: &Rejection,
        words: Words,
        wire: Wire,
        scheme: Scheme,
    ) -> Response<()> {
        let mut head = Response::new(());
        write_head(&mut head, words, wire);
        if wire == Wire::Http {
            self.write_headers(head.headers_mut(), rejection, words, scheme);
        }
        if let Rejection::Verify(error) = rejection
            && let Some(nonce) = error.dpop_nonce()
        {
            write_nonce(head.headers_mut(), nonce.clone());
        }
        head
    }

    fn write_headers(
        &self,
        headers: &mut HeaderMap,
        rejection: &Rejection,
        words: Words,
        scheme: Scheme,
    ) {
        if let Rejection::Unavailable(error) = rejection {
            headers.insert(RETRY_AFTER, error.retry_after_seconds().into());
            return;
        }
        match (rejection, &self.proofs) {
            (Rejection::Verify(_), None) => {
                headers.insert(WWW_AUTHENTICATE, self.written(words).clone());
            }
            (_, proofs) => self.write_challenges(headers, rejection, words, proofs, scheme),
        }
        for other in &self.others {
            headers.append(WWW_AUTHENTICATE, other.clone());
        }
    }

    fn written(&self, words: Words) -> &HeaderValue {
        match (words.status, words.error) {
            (_, None) => &self.absent,
            (StatusCode::BAD_REQUEST, _) => &self.invalid_request,
            _ => &self.invalid_token,
        }
    }

    /// A challenge for each scheme by which tokens are taken; the one that the token was sent by says what was wrong (RFC 9449
    /// §7.1, §7.2).
    fn write_challenges(
        &self,
        headers: &mut HeaderMap,
        rejection: &Rejection,
        words: Words,
        proofs: &Option<Proofs>,
        scheme: Scheme,
    ) {
        let said = said(rejection, words);
        let Some(Proofs { algs, bearer_too }) = proofs else {
            headers.insert(WWW_AUTHENTICATE, self.challenge.to_header_with(said));
            return;
        };
        let none = Attributes::default();
        let (by_bearer, by_dpop) = match scheme {
            Scheme::Bearer if *bearer_too => (said, none),
            Scheme::Bearer | Scheme::Dpop => (none, said),
        };
        if *bearer_too {
            headers.insert(WWW_AUTHENTICATE, self.challenge.to_header_with(by_bearer));
        }
        let attributes = Attributes { algs, ..by_dpop };
        let challenge = self.challenge.of_token_scheme("DPoP", attributes);
        headers.append(WWW_AUTHENTICATE, challenge);
    }
}

/// What a challenge says of a rejection.
fn said(rejection: &Rejection, words: Words) -> Attributes<'_> {
    let attributes = words.attributes();
    let Rejection::Authorization(error) = rejection else {
        return attributes;
    };
    match error.kind() {
        AuthorizationErrorKind::InsufficientScope { needed }
        | AuthorizationErrorKind::Forbidden { needed } => Attributes {
            needed,
            ..attributes
        },
        AuthorizationErrorKind::InsufficientUserAuthentication {
            acr_values,
            max_age,
            needed,
        } => Attributes {
            needed,
            acr_values,
            max_age: max_age.map(|span| span.as_secs()),
            ..attributes
        },
    }
}

/// Gives the client the nonce that its next proof is to have, in an answer that nobody keeps (RFC 9449 §8.2).
pub(super) fn write_nonce(headers: &mut HeaderMap, nonce: HeaderValue) {
    headers.insert(DPOP_NONCE, nonce);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Marks an answer from inside that the layer outside is to finish, with all that the service says of itself.
///
/// It holds the status that was answered with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unfinished(pub(crate) StatusCode);

/// The answer of whoever stands inside an [`AuthenticateLayer`](super::AuthenticateLayer). It is sound as it is, where
/// nobody finishes it.
pub(crate) fn refuse<B: Default>(denied: Denied, wire: Wire) -> Response<B> {
    let head = match denied {
        Denied::LayerMissing(missing) => {
            let mut head = Response::new(());
            write_head(&mut head, Words::LAYER_MISSING, wire);
            head.extensions_mut().insert(missing);
            head
        }
        Denied::Rejected(rejection) => {
            let challenges = Challenges::new(Challenge::default(), [], &SenderChecks::default());
            let words = Words::of(&rejection);
            let mut head = challenges.head(&rejection, words, wire, Scheme::Bearer);
            let unfinished = Unfinished(head.status());
            head.extensions_mut().insert(unfinished);
            head.extensions_mut().insert(rejection);
            head
        }
    };
    head.map(|()| B::default())
}

/// Status and headers that are the same for every service. Those of gRPC are "trailers-only": one block of headers, and nothing
/// after it.
fn write_head(head: &mut Response<()>, words: Words, wire: Wire) {
    if wire == Wire::Http {
        *head.status_mut() = words.status;
        return;
    }
    let headers = head.headers_mut();
    headers.insert(CONTENT_TYPE, wire.content_type());
    headers.insert(
        GRPC_STATUS,
        HeaderValue::from(u16::from(words.grpc.number())),
    );
    headers.insert(GRPC_MESSAGE, percent_encoded(words.description));
}
