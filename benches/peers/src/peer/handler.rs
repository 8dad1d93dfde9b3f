use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower::Service;

/// What servers can send; axum's, since two of the peers answer with nothing else.
pub trait Body:
    http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
    + Default
    + Send
    + 'static
{
}

impl<B> Body for B where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Default
        + Send
        + 'static
{
}

/// The service behind every layer: 200, no body, at once.
pub struct Handler<B>(PhantomData<fn() -> B>);

impl<B> Default for Handler<B> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<B> Clone for Handler<B> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<Q, B: Default> Service<Request<Q>> for Handler<B> {
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Q>) -> Self::Future {
        ready(Ok(Response::new(B::default())))
    }
}
