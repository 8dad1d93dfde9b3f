//! What a request shows of its sender, beside the token.

use http::{Extensions, HeaderMap, Method, Uri, request};

/// A request without its body.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) extensions: &'r Extensions,
}

impl<'r> Presented<'r> {
    /// What a request shows.
    pub(crate) fn of<B>(request: &'r http::Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// What the head of a request shows.
    pub(crate) fn of_parts(parts: &'r request::Parts) -> Self {
        Self {
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
            extensions: &parts.extensions,
        }
    }

    /// The same, for whoever has to wait before looking at it.
    pub(crate) fn to_kept(self) -> Kept {
        Kept {
            method: self.method.clone(),
            uri: self.uri.clone(),
            headers: self.headers.clone(),
            extensions: self.extensions.clone(),
        }
    }
}

/// What a request showed.
pub(crate) struct Kept {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    extensions: Extensions,
}

impl Kept {
    pub(crate) fn presented(&self) -> Presented<'_> {
        Presented {
            method: &self.method,
            uri: &self.uri,
            headers: &self.headers,
            extensions: &self.extensions,
        }
    }
}
