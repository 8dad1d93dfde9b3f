//! Requests that need no token, by method and path.

use http::header::ACCESS_CONTROL_REQUEST_METHOD;
use http::{Method, Request};

use crate::error::{ConfigError, ConfigErrorKind};

/// One method and one path, compared byte for byte.
#[derive(Clone, Debug)]
pub(super) struct PublicRoute {
    method: Method,
    path: String,
}

impl PublicRoute {
    pub(super) fn new(method: Method, path: String) -> Result<Self, ConfigError> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\\{}*".contains(&byte);
        let dots = path
            .split('/')
            .any(|segment| segment == "." || segment == "..");
        if !path.starts_with('/') || !path.bytes().all(plain) || dots {
            return Err(ConfigError::new(
                ConfigErrorKind::Route,
                format!(
                    "{path:?} is not the path of a request: it begins with \"/\" and has no pattern, query, white space \
                     or dot segment"
                ),
            ));
        }
        Ok(Self { method, path })
    }

    pub(super) fn is_of<B>(&self, request: &Request<B>) -> bool {
        *request.method() == self.method && request.uri().path() == self.path
    }
}

/// The Fetch standard's preflight, which never carries a credential.
pub(super) fn is_preflight<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
