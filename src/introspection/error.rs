//! Why an authorization server's word on a token could not be had.

use std::error::Error;
use std::fmt;

use http::StatusCode;

use crate::discovery::DiscoveryError;
use crate::error::{Unavailable, VerifyErrorKind};
use crate::fetch::FetchError;
use crate::jose::JsonError;

/// Why a call brought no answer that can be used. Holds nothing of the token, and nothing of the answer.
#[derive(Debug)]
pub(super) enum IntrospectionError {
    /// The issuer's discovery document did not lead to the endpoint.
    Endpoint(DiscoveryError),
    /// There is no answer.
    Fetch(FetchError),
    /// We are not who we say we are, or may not ask: a mistake in the configuration, here or there.
    ClientRefused(StatusCode),
    /// The server wants to be left alone.
    Busy(StatusCode),
    /// The server does not take the request.
    Refused(StatusCode),
    /// The answer is of another media type than was asked for.
    MediaType,
    /// The answer is not UTF-8.
    NotText,
    /// The answer is not one strict JSON object.
    Json(JsonError),
    /// The answer has no `active` that is true or false (RFC 7662 §2.2).
    NoActive,
    /// The signed answer cannot be believed (RFC 9701 §5).
    Signed(VerifyErrorKind),
    /// The keys that could have verified it are not to be had.
    Keys(Unavailable),
    /// The backend did not sign who we are.
    NotSigned,
    /// It took longer than it may.
    Late,
    /// Its task ended with it: the client that fetches panicked, or the runtime stopped.
    Abandoned,
    /// As many calls are under way as may be.
    TooMany,
    /// The server has failed too often, and is left alone for a while.
    Paused,
    /// There is no tokio runtime to make a call in.
    NoRuntime,
}

impl fmt::Display for IntrospectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(_) => f.write_str("the introspection endpoint cannot be located"),
            Self::Fetch(_) => f.write_str("the introspection endpoint cannot be reached"),
            Self::ClientRefused(status) => write!(
                f,
                "the introspection endpoint refuses us with status {}: check the client's credentials and its right to ask",
                status.as_u16()
            ),
            Self::Busy(status) => write!(
                f,
                "the introspection endpoint wants to be left alone, with status {}",
                status.as_u16()
            ),
            Self::Refused(status) => write!(
                f,
                "the introspection endpoint refuses the request with status {}",
                status.as_u16()
            ),
            Self::MediaType => {
                f.write_str("the introspection answer is of another media type than was asked for")
            }
            Self::NotText => f.write_str("the introspection answer is not UTF-8"),
            Self::Json(_) => f.write_str("the introspection answer is not one strict JSON object"),
            Self::NoActive => {
                f.write_str("the introspection answer has no \"active\" that is true or false")
            }
            Self::Signed(kind) => {
                write!(
                    f,
                    "the signed introspection answer cannot be believed: {kind}"
                )
            }
            Self::Keys(_) => {
                f.write_str("the keys for the signed introspection answer cannot be reached")
            }
            Self::NotSigned => f.write_str("the client's assertion could not be signed"),
            Self::Late => f.write_str("the introspection took longer than it may"),
            Self::Abandoned => f.write_str("the introspection was abandoned"),
            Self::TooMany => f.write_str("too many introspections are under way"),
            Self::Paused => f.write_str("the introspection endpoint has failed too often"),
            Self::NoRuntime => f.write_str("there is no tokio runtime to ask in"),
        }
    }
}

impl Error for IntrospectionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Endpoint(error) => Some(error),
            Self::Fetch(error) => Some(error),
            Self::Json(error) => Some(error),
            Self::Keys(error) => Some(error),
            _ => None,
        }
    }
}
