use tower_bearer::{AuthenticateLayer, Authenticator, AuthenticatorBuilder};

use super::Peer;
use crate::tokens::{AUDIENCE, Algorithm, Claims, Tokens};

/// With the verified-token cache, as it is by default.
pub struct Cached;

/// Without.
pub struct Uncached;

impl Peer for Cached {
    type Body = axum::body::Body;
    type Layer = AuthenticateLayer<Claims>;

    async fn layer(tokens: &Tokens, _: Algorithm) -> Self::Layer {
        layer(builder(tokens)).await
    }
}

impl Peer for Uncached {
    type Body = axum::body::Body;
    type Layer = AuthenticateLayer<Claims>;

    async fn layer(tokens: &Tokens, _: Algorithm) -> Self::Layer {
        layer(builder(tokens).token_cache(0)).await
    }
}

fn builder(tokens: &Tokens) -> AuthenticatorBuilder<Claims> {
    Authenticator::builder(&tokens.issuer, AUDIENCE).claims()
}

async fn layer(builder: AuthenticatorBuilder<Claims>) -> AuthenticateLayer<Claims> {
    let auth = builder.build().expect("a sound configuration");
    auth.warm().await.expect("the issuer is up");
    AuthenticateLayer::new(auth)
}
