//! The one table from a [`Rejection`] to an HTTP response; [the module above](super) shows it.

use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::wire::{GRPC_MESSAGE, GRPC_STATUS, GrpcStatus, Wire, percent_encoded};
use crate::challenge::{Attributes, Challenge};
use crate::error::{AuthorizationErrorKind, Denied, Rejection, VerifyErrorKind};

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
}

impl Challenges {
    pub(crate) fn new<'s>(
        challenge: Challenge,
        other_schemes: impl IntoIterator<Item = &'s str>,
    ) -> Self {
        let others = other_schemes.into_iter();
        Self {
            others: others.map(|scheme| challenge.of_scheme(scheme)).collect(),
            absent: challenge.to_header(),
            invalid_request: Words::INVALID_REQUEST.to_header(&challenge),
            invalid_token: Words::INVALID_TOKEN.to_header(&challenge),
            challenge,
        }
    }

    /// Status, headers and extensions of the response that tells a client of `rejection`.
    pub(crate) fn head(&self, rejection: Rejection, wire: Wire) -> Response<()> {
        let words = Words::of(&rejection);
        let mut head = head(words, wire);
        if wire == Wire::Http {
            self.write_headers(head.headers_mut(), &rejection, words);
        }
        head.extensions_mut().insert(rejection);
        head
    }

    fn write_headers(&self, headers: &mut HeaderMap, rejection: &Rejection, words: Words) {
        let challenge = match rejection {
            Rejection::Unavailable(error) => {
                headers.insert(RETRY_AFTER, whole_seconds(error.retry_after()));
                return;
            }
            Rejection::Authorization(error) => self.authorization(error.kind(), words),
            Rejection::Verify(_) if words == Words::ABSENT => self.absent.clone(),
            Rejection::Verify(_) if words == Words::INVALID_REQUEST => self.invalid_request.clone(),
            Rejection::Verify(_) => self.invalid_token.clone(),
        };
        headers.insert(WWW_AUTHENTICATE, challenge);
        for other in &self.others {
            headers.append(WWW_AUTHENTICATE, other.clone());
        }
    }

    /// The challenge of a token that is good but may not do this.
    fn authorization(&self, kind: &AuthorizationErrorKind, words: Words) -> HeaderValue {
        let attributes = words.attributes();
        self.challenge.to_header_with(match kind {
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
        })
    }
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
            let mut head = head(Words::LAYER_MISSING, wire);
            head.extensions_mut().insert(missing);
            head
        }
        Denied::Rejected(rejection) => {
            let mut head = Challenges::new(Challenge::default(), []).head(rejection, wire);
            let unfinished = Unfinished(head.status());
            head.extensions_mut().insert(unfinished);
            head
        }
    };
    head.map(|()| B::default())
}

/// Status and headers that are the same for every service. Those of gRPC are "trailers-only": one block of headers, and nothing
/// after it.
fn head(words: Words, wire: Wire) -> Response<()> {
    let mut head = Response::new(());
    if wire == Wire::Http {
        *head.status_mut() = words.status;
        return head;
    }
    let headers = head.headers_mut();
    headers.insert(CONTENT_TYPE, wire.content_type());
    headers.insert(
        GRPC_STATUS,
        HeaderValue::from(u16::from(words.grpc.number())),
    );
    headers.insert(GRPC_MESSAGE, percent_encoded(words.description));
    head
}

/// `Retry-After` counts whole seconds (RFC 9110 §10.2.3); a zero would invite a client to ask again at once.
fn whole_seconds(span: Duration) -> HeaderValue {
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    HeaderValue::from(whole.max(1))
}
