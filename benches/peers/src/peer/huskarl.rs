//! huskarl-resource-server is free of frameworks: here its two calls are wrapped as a layer.

use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Request, Response};
use huskarl_reqwest::ReqwestClient;
use huskarl_resource_server::core::server_metadata::AuthorizationServerMetadata;
use huskarl_resource_server::validator::metadata::ValidatorMetadata;
use huskarl_resource_server::validator::rfc9068::Rfc9068Validator;
use tower::{Layer, Service};

use super::Peer;
use crate::tokens::{AUDIENCE, Algorithm, Tokens};

pub struct Huskarl;

impl Peer for Huskarl {
    type Body = Body;
    type Layer = ValidateLayer;

    async fn layer(tokens: &Tokens, _: Algorithm) -> ValidateLayer {
        let client = ReqwestClient::builder().build().await;
        let client = client.expect("a client");
        let metadata = AuthorizationServerMetadata::oidc_fetch()
            .http_client(&client)
            .issuer(&tokens.issuer)
            .call()
            .await
            .expect("the issuer is up");
        // `sub` and `scope` are among what it reads by itself.
        let validator = Rfc9068Validator::builder_from_metadata(&metadata)
            .jwks_source(client)
            .audience(AUDIENCE)
            .build()
            .await
            .expect("the issuer is up");
        ValidateLayer(Arc::new(Validator {
            metadata: validator.validator_metadata(None),
            validator,
        }))
    }
}

#[derive(Clone)]
pub struct ValidateLayer(Arc<Validator>);

struct Validator {
    validator: Rfc9068Validator,
    metadata: ValidatorMetadata,
}

#[derive(Clone)]
pub struct Validate<S> {
    inner: S,
    validator: Arc<Validator>,
}

impl<S> Layer<S> for ValidateLayer {
    type Service = Validate<S>;

    fn layer(&self, inner: S) -> Validate<S> {
        Validate {
            inner,
            validator: Arc::clone(&self.0),
        }
    }
}

impl<Q, S> Service<Request<Q>> for Validate<S>
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
        let validator = Arc::clone(&self.validator);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let result = validator
                .validator
                .validate_request(&parts.headers, &parts.method, &parts.uri, None)
                .await;
            if let Some(rejection) = result.rejection(&validator.metadata, None) {
                let response = rejection.apply(Response::builder()).body(Body::empty());
                return Ok(response.expect("its headers are valid"));
            }
            if let Ok(Some(validated)) = result.outcome {
                parts.extensions.insert(Arc::new(validated));
            }
            ready.call(Request::from_parts(parts, body)).await
        })
    }
}
