//! axum-jwt-auth is an extractor: here it is called as axum calls it, before the handler.

use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::axum_jwt_auth::{Decoder, RemoteJwksDecoder};
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::response::IntoResponse;
use http::{Request, Response};
use jsonwebtoken_10::Validation;
use tower::{Layer, Service};

use super::Peer;
use crate::tokens::{AUDIENCE, Algorithm, Claims, Tokens};

pub struct AxumJwtAuth;

impl Peer for AxumJwtAuth {
    type Body = Body;
    type Layer = ClaimsLayer;

    async fn layer(tokens: &Tokens, algorithm: Algorithm) -> ClaimsLayer {
        let mut validation = Validation::new(match algorithm {
            Algorithm::RS256 => jsonwebtoken_10::Algorithm::RS256,
            Algorithm::ES256 => jsonwebtoken_10::Algorithm::ES256,
            Algorithm::EdDSA => jsonwebtoken_10::Algorithm::EdDSA,
        });
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&tokens.issuer]);
        let decoder = RemoteJwksDecoder::builder()
            .jwks_url(tokens.key_set_url.clone())
            .validation(validation)
            .build()
            .expect("a sound configuration");
        // Dropping the token that this returns does not end the refreshing.
        let _ = decoder.initialize().await.expect("the issuer is up");
        ClaimsLayer(Arc::new(decoder))
    }
}

#[derive(Clone)]
pub struct ClaimsLayer(Decoder<Claims>);

#[derive(Clone)]
pub struct ClaimsService<S> {
    inner: S,
    decoder: Decoder<Claims>,
}

impl<S> Layer<S> for ClaimsLayer {
    type Service = ClaimsService<S>;

    fn layer(&self, inner: S) -> ClaimsService<S> {
        ClaimsService {
            inner,
            decoder: Arc::clone(&self.0),
        }
    }
}

impl<Q, S> Service<Request<Q>> for ClaimsService<S>
where
    Q: Send + 'static,
    S: Service<Request<Q>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let inner = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, inner);
        let decoder = Arc::clone(&self.decoder);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let claims =
                ::axum_jwt_auth::Claims::<Claims>::from_request_parts(&mut parts, &decoder).await;
            match claims {
                Ok(extracted) => {
                    parts.extensions.insert(extracted.claims);
                    ready.call(Request::from_parts(parts, body)).await
                }
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}
