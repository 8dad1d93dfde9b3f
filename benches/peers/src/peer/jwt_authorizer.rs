use jwt_authorizer::layer::AuthorizationLayer;
use jwt_authorizer::{Authorizer, IntoLayer, JwtAuthorizer as Builder, Validation};

use super::Peer;
use crate::tokens::{AUDIENCE, Algorithm, Claims, Tokens};

pub struct JwtAuthorizer;

impl Peer for JwtAuthorizer {
    type Body = axum_07::body::Body;
    type Layer = AuthorizationLayer<Claims>;

    async fn layer(tokens: &Tokens, _: Algorithm) -> Self::Layer {
        let validation = Validation::new()
            .iss(&[&tokens.issuer])
            .aud(&[AUDIENCE])
            .nbf(true)
            .leeway(20);
        let authorizer: Authorizer<Claims> = Builder::from_oidc(&tokens.issuer)
            .validation(validation)
            .build()
            .await
            .expect("the issuer is up");
        authorizer.into_layer()
    }
}
