//! What a provider is told (OpenID Connect Back-Channel Logout 1.0 §2.8).

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::error::LogoutError;
use crate::error::{Rejection, Unavailable};

/// The outcome, in fixed words: whoever asks may be a stranger. Nothing of it may be cached.
pub(super) fn answer(outcome: Result<(), LogoutError>) -> Response<String> {
    let mut response = match &outcome {
        Ok(()) => empty(StatusCode::OK),
        Err(LogoutError::Form(_)) => refused("the request must be one form with one logout token"),
        Err(LogoutError::Token(Rejection::Unavailable(error))) => undecided(error),
        Err(LogoutError::Token(_)) => refused("the logout token is not acceptable"),
    };
    if let Err(error) = outcome {
        response.extensions_mut().insert(error);
    }
    response
}

/// The answer to what is no logout request at all.
pub(super) fn not_post() -> Response<String> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

fn refused(description: &str) -> Response<String> {
    error(StatusCode::BAD_REQUEST, "invalid_request", description)
}

fn undecided(unavailable: &Unavailable) -> Response<String> {
    let mut response = error(
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "nobody could be logged out at the moment",
    );
    let seconds = unavailable.retry_after_seconds();
    response.headers_mut().insert(RETRY_AFTER, seconds.into());
    response
}

/// `code` and `description` need no escape in JSON.
fn error(status: StatusCode, code: &str, description: &str) -> Response<String> {
    let mut response = empty(status);
    *response.body_mut() = format!(r#"{{"error":"{code}","error_description":"{description}"}}"#);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn empty(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
