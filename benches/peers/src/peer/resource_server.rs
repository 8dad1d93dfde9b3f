use tower_oauth2_resource_server::layer::OAuth2ResourceServerLayer;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;

use super::Peer;
use crate::tokens::{AUDIENCE, Algorithm, Claims, Tokens};

pub struct ResourceServer;

impl Peer for ResourceServer {
    type Body = axum::body::Body;
    type Layer = OAuth2ResourceServerLayer<Self::Body, Claims>;

    async fn layer(tokens: &Tokens, _: Algorithm) -> Self::Layer {
        let tenant = TenantConfiguration::builder(&tokens.issuer)
            .audiences(&[AUDIENCE])
            .build()
            .await
            .expect("the issuer is up");
        OAuth2ResourceServer::<Claims>::builder()
            .add_tenant(tenant)
            .build()
            .await
            .expect("a sound configuration")
            .into_layer()
    }
}
