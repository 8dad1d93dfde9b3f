//! The standard health service of gRPC behind the layer, for clients in any language.
//!
//!     cargo run --example grpc_health
//!
//! It prints where it listens, where the same service listens that cannot reach the issuer's keys, and where a client
//! gets a token; then it serves until it is stopped. `Check` and `Watch` need the scope `health`. The folder
//! `tests/grpc_e2e` has a client in Python.

use std::error::Error;
use std::net::SocketAddr;

use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::server::health_reporter;
use tower_bearer::testing::{Behaviour, TestIssuer};
use tower_bearer::{AuthenticateLayer, Authenticator, Requirement, require};

const AUDIENCE: &str = "https://health.example.com";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = TestIssuer::serve().await;
    let (address, decided) = health(&issuer, &issuer.key_set_url())?;
    println!("address {address}");

    let down = TestIssuer::serve().await;
    down.behave(Behaviour::Down);
    let (address, undecided) = health(&issuer, &down.key_set_url())?;
    println!("undecided {address}");

    println!("token {}", issuer.token_url());
    tokio::try_join!(decided, undecided)?;
    Ok(())
}

/// Where the service listens, and the service.
type Listening<F> = Result<(SocketAddr, F), Box<dyn Error>>;

fn health(
    issuer: &TestIssuer,
    key_set_url: &str,
) -> Listening<impl Future<Output = Result<(), tonic::transport::Error>> + use<>> {
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .jwks_url(key_set_url)
        .build()?;
    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = incoming.local_addr()?;
    let (_, health) = health_reporter();
    let server = Server::builder()
        .layer(AuthenticateLayer::new(auth))
        .layer(require(Requirement::scopes("health")))
        .add_service(health)
        .serve_with_incoming(incoming);
    Ok((address, server))
}
