//! The issuer on a socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};

use super::flow::Counted;
use super::port::Port;
use super::provider::{Provider, Refused};

/// Serves until dropped; then the port is closed and every connection ends, answered or not.
pub(super) struct Server {
    port: Arc<Port>,
    task: AbortHandle,
}

impl Server {
    /// Opens `address` and serves the provider that `provider` makes for the issuer's URL.
    pub(super) fn start(
        address: SocketAddr,
        provider: impl FnOnce(&str) -> Provider,
    ) -> io::Result<(Arc<Provider>, Self)> {
        let port = Arc::new(Port::open(address)?);
        let provider = Arc::new(provider(&format!("http://{}", port.address())));
        let port = provider.port.get_or_init(|| port).clone();
        let task = tokio::spawn(serve(Arc::clone(&port), Arc::clone(&provider))).abort_handle();
        Ok((provider, Self { port, task }))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.port.give_up();
        self.task.abort();
    }
}

/// Accepts connections; the tasks that serve them end with this future.
async fn serve(port: Arc<Port>, provider: Arc<Provider>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = port.accept() => match accepted {
                Ok(stream) => {
                    provider.state().ledger.connections += 1;
                    connections.spawn(connection(stream, Arc::clone(&port), Arc::clone(&provider)));
                }
                // Too many open files: others may close theirs.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, port: Arc<Port>, provider: Arc<Provider>) {
    let mut closed = port.closed();
    let service = service_fn(|request| answer(Arc::clone(&provider), request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An error here is the client's hanging up or a behaviour that breaks the connection.
        _ = connection => {}
        _ = closed.changed() => {}
    }
}

/// A form is never larger.
const FORM: usize = 64 * 1024;

async fn answer(
    provider: Arc<Provider>,
    request: Request<Incoming>,
) -> Result<Response<Counted<impl FnMut(usize) + Unpin>>, Refused> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, FORM).collect().await;
    // Too large a form, or a client that hangs up in the middle of it, is answered as an empty one.
    let body = body
        .map(|body| body.to_bytes().to_vec())
        .unwrap_or_default();
    let request = Request::from_parts(head, body);
    let answer = provider.answer(&request).await?;
    let path = request.uri().path().to_owned();
    Ok(answer.map(|flow| Counted {
        flow,
        count: move |bytes| provider.state().ledger.sent(&path, bytes),
    }))
}
