//! tonic: as axum-server, it tells each request of its connection in its own words, and a function translates.

use std::net::SocketAddr;

use http::Request;
use tonic::Code;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming, TlsConnectInfo};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Server, ServerTlsConfig};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceBuilder;
use tower::util::MapRequestLayer;
use tower_bearer::mtls::ClientCertificate;
use tower_bearer::peer::PeerAddr;
use tower_bearer::{AuthenticateLayer, Authenticator};

use crate::Failure;
use crate::certificates::{Authority, Identity};

pub(crate) async fn serve(
    authority: &Authority,
    server: &Identity,
    auth: Authenticator,
) -> Result<SocketAddr, Failure> {
    let tls = ServerTlsConfig::new()
        .identity(identity(server))
        .client_ca_root(Certificate::from_pem(authority.pem()))
        .client_auth_optional(true);
    let layers = ServiceBuilder::new()
        .layer(MapRequestLayer::new(tell_connection))
        .layer(AuthenticateLayer::new(auth));
    let (_, health) = tonic_health::server::health_reporter();

    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = incoming.local_addr()?;
    let server = Server::builder()
        .tls_config(tls)?
        .layer(layers)
        .add_service(health);
    tokio::spawn(server.serve_with_incoming(incoming));
    Ok(address)
}

fn tell_connection<B>(mut request: Request<B>) -> Request<B> {
    type Connection = TlsConnectInfo<TcpConnectInfo>;
    let Some(connection) = request.extensions().get::<Connection>().cloned() else {
        return request;
    };
    let extensions = request.extensions_mut();
    if let Some(peer) = connection.get_ref().remote_addr() {
        extensions.insert(PeerAddr(peer));
    }
    // What is no certificate counts as none.
    let chain = connection.peer_certs();
    let chain = chain.as_ref().map(|chain| chain.as_slice());
    if let Ok(Some(certificate)) = ClientCertificate::leaf_of(chain) {
        extensions.insert(certificate);
    }
    request
}

/// Calls the service with a token, over a connection of this client.
pub(crate) async fn call(
    address: SocketAddr,
    authority: &Authority,
    client: Option<&Identity>,
    token: &str,
) -> Result<Code, Failure> {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()));
    let tls = match client {
        Some(client) => tls.identity(identity(client)),
        None => tls,
    };
    let channel = Endpoint::from_shared(format!("https://localhost:{}", address.port()))?
        .tls_config(tls)?
        .connect()
        .await?;
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    let credential = format!("Bearer {token}").parse()?;
    request.metadata_mut().insert("authorization", credential);
    let answer = HealthClient::new(channel).check(request).await;
    Ok(answer.map_or_else(|status| status.code(), |_| Code::Ok))
}

fn identity(identity: &Identity) -> tonic::transport::Identity {
    tonic::transport::Identity::from_pem(&identity.pem, identity.key.serialize_pem())
}
