//! What a server knows of a connection, told to each of its requests.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::certificate::ClientCertificate;
use crate::peer::PeerAddr;

/// Puts the peer's address and certificate into the extensions of each request of one connection.
///
/// For servers that accept connections themselves, or let themselves be shown each: one layer a connection, around the service
/// that serves it. It is not bound to any TLS library; [`ClientCertificate::leaf_of`] takes what rustls, tonic and others show.
///
/// ```
/// # use std::convert::Infallible;
/// # use std::net::SocketAddr;
/// # use tower::service_fn;
/// # use tower_bearer::mtls::{CertificateError, ClientCertificate, ConnectionLayer};
/// # use tower_layer::Layer;
/// # fn accepted(peer: SocketAddr, chain: Option<&[Vec<u8>]>) -> Result<(), CertificateError> {
/// # let service = service_fn(|_: http::Request<()>| async { Ok::<_, Infallible>(http::Response::new(())) });
/// // In the accept loop, after the handshake.
/// let connection = ConnectionLayer::new(peer).certificate(ClientCertificate::leaf_of(chain)?);
/// let service = connection.layer(service.clone());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConnectionLayer {
    peer: PeerAddr,
    certificate: Option<ClientCertificate>,
}

impl ConnectionLayer {
    /// A connection from this address, whose client has shown no certificate.
    #[must_use]
    pub fn new(peer: SocketAddr) -> Self {
        Self {
            peer: PeerAddr(peer),
            certificate: None,
        }
    }

    /// The certificate that the client has shown, if any.
    #[must_use]
    pub fn certificate(mut self, certificate: impl Into<Option<ClientCertificate>>) -> Self {
        self.certificate = certificate.into();
        self
    }
}

impl<S> Layer<S> for ConnectionLayer {
    type Service = Connection<S>;

    fn layer(&self, inner: S) -> Connection<S> {
        Connection {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that a [`ConnectionLayer`] makes.
#[derive(Clone, Debug)]
pub struct Connection<S> {
    inner: S,
    layer: ConnectionLayer,
}

impl<S, B> Service<Request<B>> for Connection<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let extensions = request.extensions_mut();
        extensions.insert(self.layer.peer);
        // No certificate of another connection may stay.
        extensions.remove::<ClientCertificate>();
        if let Some(certificate) = &self.layer.certificate {
            extensions.insert(certificate.clone());
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt, service_fn};

    use super::super::samples;
    use super::*;

    fn certificate(number: u8) -> ClientCertificate {
        ClientCertificate::from_der(samples::der(number)).expect("a certificate")
    }

    async fn told(
        layer: ConnectionLayer,
        request: Request<()>,
    ) -> (Option<PeerAddr>, Option<ClientCertificate>) {
        let service = service_fn(|request: Request<()>| async move {
            let extensions = request.extensions();
            Ok::<_, Infallible>((extensions.get().copied(), extensions.get().cloned()))
        });
        let Ok(told) = layer.layer(service).oneshot(request).await;
        told
    }

    #[tokio::test]
    async fn each_request_is_told_of_its_connection() {
        let peer = SocketAddr::from(([10, 7, 0, 4], 5));
        let layer = ConnectionLayer::new(peer);
        assert_eq!(
            told(layer.clone(), Request::default()).await,
            (Some(PeerAddr(peer)), None)
        );
        assert_eq!(
            told(layer.certificate(certificate(1)), Request::default()).await,
            (Some(PeerAddr(peer)), Some(certificate(1)))
        );
    }

    #[tokio::test]
    async fn what_a_request_was_told_before_does_not_stay() {
        let (here, there) = (
            SocketAddr::from(([10, 7, 0, 4], 5)),
            SocketAddr::from(([10, 7, 0, 5], 5)),
        );
        for shown in [None, Some(certificate(1))] {
            let mut request = Request::default();
            request.extensions_mut().insert(PeerAddr(there));
            request.extensions_mut().insert(certificate(2));
            let layer = ConnectionLayer::new(here).certificate(shown.clone());
            assert_eq!(told(layer, request).await, (Some(PeerAddr(here)), shown));
        }
    }
}
