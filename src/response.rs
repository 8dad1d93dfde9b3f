//! The one table from a [`Rejection`] to an HTTP response.
//!
//! | what happened | status | header |
//! |---|---|---|
//! | no credential | 401 | `WWW-Authenticate: Bearer` with realm, without an error code |
//! | malformed request | 400 | `error="invalid_request"` |
//! | token not acceptable, whatever the reason | 401 | `error="invalid_token"` |
//! | scope missing | 403 | `error="insufficient_scope"`, with all that is needed |
//! | we cannot tell | 503 | `Retry-After` |
//!
//! The reason itself is not for strangers: it rides in the response's extensions, as the [`Rejection`].

use std::time::Duration;

use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::challenge::{Challenge, insufficient_scope};
use crate::error::{AuthorizationError, AuthorizationErrorKind, Rejection, VerifyErrorKind};

/// The challenges of one service, written once.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    absent: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
}

impl Answers {
    pub(crate) fn new(challenge: &Challenge) -> Self {
        let with_error =
            |error, description| challenge.clone().with_error(error, description).to_header();
        Self {
            absent: challenge.to_header(),
            invalid_request: with_error(
                "invalid_request",
                "the request must carry exactly one well-formed bearer token",
            ),
            invalid_token: with_error("invalid_token", "the token is not acceptable"),
        }
    }

    /// The response that tells a client of `rejection`, with an empty body.
    pub(crate) fn respond<B: Default>(&self, rejection: Rejection) -> Response<B> {
        let mut response = Response::new(B::default());
        let (status, name, value) = match &rejection {
            Rejection::Verify(error) => match error.kind() {
                VerifyErrorKind::CredentialMissing => (
                    StatusCode::UNAUTHORIZED,
                    WWW_AUTHENTICATE,
                    self.absent.clone(),
                ),
                VerifyErrorKind::CredentialRepeated | VerifyErrorKind::CredentialMalformed => (
                    StatusCode::BAD_REQUEST,
                    WWW_AUTHENTICATE,
                    self.invalid_request.clone(),
                ),
                _ => (
                    StatusCode::UNAUTHORIZED,
                    WWW_AUTHENTICATE,
                    self.invalid_token.clone(),
                ),
            },
            Rejection::Authorization(error) => (
                StatusCode::FORBIDDEN,
                WWW_AUTHENTICATE,
                forbidden_challenge(error),
            ),
            Rejection::Unavailable(error) => (
                StatusCode::SERVICE_UNAVAILABLE,
                RETRY_AFTER,
                whole_seconds(error.retry_after()),
            ),
        };
        *response.status_mut() = status;
        response.headers_mut().insert(name, value);
        response.extensions_mut().insert(rejection);
        response
    }
}

/// The challenge of a token that is good but may not do this.
pub(crate) fn forbidden_challenge(error: &AuthorizationError) -> HeaderValue {
    match error.kind() {
        AuthorizationErrorKind::InsufficientScope { needed }
        | AuthorizationErrorKind::Forbidden { needed }
        | AuthorizationErrorKind::InsufficientUserAuthentication { needed, .. } => {
            insufficient_scope(needed)
        }
    }
}

/// `Retry-After` counts whole seconds (RFC 9110 §10.2.3); a zero would invite a client to ask again at once.
fn whole_seconds(span: Duration) -> HeaderValue {
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    HeaderValue::from(whole.max(1))
}
