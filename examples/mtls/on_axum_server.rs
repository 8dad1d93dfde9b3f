//! axum-server: it tells each request of its connection in its own words, and a function translates.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Extension, Request};
use axum::http::StatusCode;
use axum::middleware::map_request;
use axum::routing::get;
use axum_server::Handle;
use axum_server::tls::TlsInfo;
use axum_server::tls_rustls::{RustlsConfig, bind_rustls};
use tokio_rustls::rustls::ServerConfig;
use tower::ServiceBuilder;
use tower_bearer::mtls::ClientCertificate;
use tower_bearer::peer::PeerAddr;
use tower_bearer::{AuthenticateLayer, Authenticator};

use crate::Failure;

pub(crate) async fn serve(tls: ServerConfig, auth: Authenticator) -> Result<SocketAddr, Failure> {
    let layers = ServiceBuilder::new()
        .layer(map_request(tell_connection))
        .layer(AuthenticateLayer::new(auth));
    let app = Router::new()
        .route("/", get(|| async { "hello\n" }))
        .layer(layers);

    let handle = Handle::new();
    let config = RustlsConfig::from_config(Arc::new(tls));
    let server = bind_rustls(SocketAddr::from(([127, 0, 0, 1], 0)), config)
        .handle(handle.clone())
        .serve(app.into_make_service_with_connect_info::<SocketAddr>());
    tokio::spawn(server);
    let address = handle.listening().await;
    address.ok_or_else(|| "axum-server does not listen".into())
}

async fn tell_connection(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Extension(tls): Extension<Arc<TlsInfo>>,
    mut request: Request,
) -> Result<Request, StatusCode> {
    let certificate = ClientCertificate::leaf_of(Some(&tls.peer_certificates))
        .map_err(|_| StatusCode::BAD_REQUEST)?;
    let extensions = request.extensions_mut();
    extensions.insert(PeerAddr(peer));
    if let Some(certificate) = certificate {
        extensions.insert(certificate);
    }
    Ok(request)
}
