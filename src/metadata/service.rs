//! The service that publishes the document.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use tower_service::Service;

use super::resource_metadata::ResourceMetadata;

/// The document changes only with the configuration. After an hour every client has noticed.
const CACHEABLE: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// Publishes a [`ResourceMetadata`], to everyone and at its own path only.
///
/// The response's body is a `String`, which axum and hyper serve as it is; for another body there is
/// `service.map_response(|response| response.map(Body::from))`.
///
/// Pages of any origin may read the document, so that clients in browsers find their way, too (RFC 9728 §3.1). It may be
/// cached for an hour.
#[derive(Clone, Debug)]
pub struct MetadataService {
    metadata: ResourceMetadata,
}

impl MetadataService {
    pub(super) fn new(metadata: ResourceMetadata) -> Self {
        Self { metadata }
    }

    fn answer(&self, method: &Method, uri: &Uri) -> Response<String> {
        if !self.is_at(uri) {
            return empty(StatusCode::NOT_FOUND);
        }
        let mut response = match *method {
            Method::GET => self.document(self.metadata.document().to_owned()),
            Method::HEAD => self.document(String::new()),
            Method::OPTIONS => preflight(),
            _ => empty(StatusCode::METHOD_NOT_ALLOWED),
        };
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if !matches!(*method, Method::GET | Method::HEAD) {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        }
        response
    }

    /// A resource that is identified by a query has a document of its own for it.
    fn is_at(&self, uri: &Uri) -> bool {
        let query = self.metadata.query();
        uri.path() == self.metadata.path() && (query.is_none() || uri.query() == query)
    }

    fn document(&self, body: String) -> Response<String> {
        let mut response = Response::new(body);
        let length = HeaderValue::from(self.metadata.document().len());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, length);
        headers.insert(CACHE_CONTROL, CACHEABLE);
        response
    }
}

/// For clients in browsers that send a header of their own, as those of MCP do.
fn preflight() -> Response<String> {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD"),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    response
}

fn empty(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response
}

impl<B> Service<Request<B>> for MetadataService {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method(), request.uri())))
    }
}
