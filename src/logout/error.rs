//! Why a logout request was not carried out.

use std::error::Error;
use std::fmt;

use super::form::FormError;
use crate::error::Rejection;

/// Why nobody was logged out; rides in the extensions of the response for layers outside ours.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LogoutError {
    /// The request is not one form with one logout token: 400.
    Form(FormError),
    /// The logout token is bad: 400. Or its keys cannot be reached, or the store has not taken the revocation in: 503.
    Token(Rejection),
}

impl LogoutError {
    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form(error) => error.code(),
            Self::Token(rejection) => rejection.code(),
        }
    }
}

impl fmt::Display for LogoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(error) => error.fmt(f),
            Self::Token(rejection) => rejection.fmt(f),
        }
    }
}

impl Error for LogoutError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Form(_) => None,
            Self::Token(rejection) => rejection.source(),
        }
    }
}

impl From<FormError> for LogoutError {
    fn from(error: FormError) -> Self {
        Self::Form(error)
    }
}

impl From<Rejection> for LogoutError {
    fn from(rejection: Rejection) -> Self {
        Self::Token(rejection)
    }
}
