//! hyper and rustls: the accept loop is ours, and so each request can be told of its connection by a layer around the service.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower::{Layer, service_fn};
use tower_bearer::mtls::{ClientCertificate, ConnectionLayer};
use tower_bearer::{AuthenticateLayer, Authenticator};

use crate::Failure;

/// Clients connect to it.
pub(crate) async fn serve(tls: ServerConfig, auth: Authenticator) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    tokio::spawn(async move {
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                // Too many open files, or a client that was gone at once: others are still to be served.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let served = serve_tls(acceptor.clone(), stream, peer, auth.clone());
            tokio::spawn(async move {
                if let Err(error) = served.await {
                    eprintln!("a connection ended early: {error}");
                }
            });
        }
    });
    Ok(address)
}

async fn serve_tls(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
    auth: Authenticator,
) -> Result<(), Failure> {
    let stream = timeout(Duration::from_secs(10), acceptor.accept(stream)).await??;
    let certificate = ClientCertificate::leaf_of(stream.get_ref().1.peer_certificates())?;
    let connection = ConnectionLayer::new(peer).certificate(certificate);
    serve_connection(stream, connection, auth).await
}

/// A proxy connects to it, and has ended TLS.
pub(crate) async fn serve_behind_proxy(auth: Authenticator) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            let Ok((stream, peer)) = listener.accept().await else {
                // Too many open files, or a client that was gone at once: others are still to be served.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let served = serve_connection(stream, ConnectionLayer::new(peer), auth.clone());
            tokio::spawn(async move {
                if let Err(error) = served.await {
                    eprintln!("a connection ended early: {error}");
                }
            });
        }
    });
    Ok(address)
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: ConnectionLayer,
    auth: Authenticator,
) -> Result<(), Failure> {
    let api = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello\n"))))
    });
    let service = connection.layer(AuthenticateLayer::new(auth).layer(api));
    let server = auto::Builder::new(TokioExecutor::new());
    let service = TowerToHyperService::new(service);
    server.serve_connection(TokioIo::new(stream), service).await
}
