//! What a hook is shown of a request.

use http::{HeaderMap, Method, Request, Uri};

use crate::credential::Credentials;

/// A request that was refused, without its credentials and without its body.
///
/// `Authorization`, `Proxy-Authorization`, `Cookie`, `DPoP` and `Sec-WebSocket-Protocol` are not in it, nor is `access_token` in
/// the query, nor anything that holds what a [`TokenSource`](crate::credential::TokenSource) found. Copies of a credential, which
/// proxies write into headers of their own, are looked for if it has 16 bytes or more; what is shorter is no secret. Where one
/// cannot be taken out, no header is left, and of the URI only `/`.
#[derive(Clone, Debug)]
pub struct RefusedRequest {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl RefusedRequest {
    pub(super) fn of<B>(request: &Request<B>, credentials: &Credentials) -> Self {
        let (mut uri, mut headers) = (request.uri().clone(), request.headers().clone());
        credentials.hide(&mut headers, &mut uri);
        Self {
            method: request.method().clone(),
            uri,
            headers,
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URI without credentials; `/` alone where one stood in it that could not be taken out.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The headers without credentials; none at all where one could not be taken out.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}
