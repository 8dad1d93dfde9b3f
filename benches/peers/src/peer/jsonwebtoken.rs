//! The layer that one writes in an afternoon around `jsonwebtoken::decode`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use ::jsonwebtoken::jwk::JwkSet;
use ::jsonwebtoken::{DecodingKey, TokenData, Validation, decode, decode_header};
use futures_util::future::Either;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use tower::{Layer, Service};

use super::Peer;
use crate::tokens::{AUDIENCE, Algorithm, Claims, Tokens};

pub struct Jsonwebtoken;

impl Peer for Jsonwebtoken {
    type Body = axum::body::Body;
    type Layer = DecodeLayer;

    async fn layer(tokens: &Tokens, algorithm: Algorithm) -> DecodeLayer {
        let set: JwkSet = serde_json::from_value(tokens.key_set.clone()).expect("a key set");
        let keys = set.keys.iter().filter_map(|jwk| {
            let key = DecodingKey::from_jwk(jwk).expect("a key");
            Some((jwk.common.key_id.clone()?, key))
        });
        let mut validation = Validation::new(match algorithm {
            Algorithm::RS256 => ::jsonwebtoken::Algorithm::RS256,
            Algorithm::ES256 => ::jsonwebtoken::Algorithm::ES256,
            Algorithm::EdDSA => ::jsonwebtoken::Algorithm::EdDSA,
        });
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&tokens.issuer]);
        DecodeLayer(Arc::new(Decoder {
            keys: keys.collect(),
            validation,
        }))
    }
}

#[derive(Clone)]
pub struct DecodeLayer(Arc<Decoder>);

struct Decoder {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
}

impl Decoder {
    fn claims<Q>(&self, request: &Request<Q>) -> Option<Claims> {
        let header = request.headers().get(AUTHORIZATION)?;
        let token = header.to_str().ok()?.strip_prefix("Bearer ")?;
        let key = self.keys.get(&decode_header(token).ok()?.kid?)?;
        let TokenData { claims, .. } = decode(token, key, &self.validation).ok()?;
        Some(claims)
    }
}

#[derive(Clone)]
pub struct Decode<S> {
    inner: S,
    decoder: Arc<Decoder>,
}

impl<S> Layer<S> for DecodeLayer {
    type Service = Decode<S>;

    fn layer(&self, inner: S) -> Decode<S> {
        Decode {
            inner,
            decoder: Arc::clone(&self.0),
        }
    }
}

impl<Q, B, S> Service<Request<Q>> for Decode<S>
where
    S: Service<Request<Q>, Response = Response<B>, Error = Infallible>,
    B: Default,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<B>, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        if let Some(claims) = self.decoder.claims(&request) {
            request.extensions_mut().insert(claims);
            return Either::Left(self.inner.call(request));
        }
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        let challenge = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        Either::Right(ready(Ok(response)))
    }
}
