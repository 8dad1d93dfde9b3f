//! One contender in a process of its own, behind HTTP/1.1 on a loopback port.

use std::convert::Infallible;
use std::io::{Read, stdin};
use std::net::Ipv4Addr;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Layer, Service};

use crate::contender::Contender;
use crate::for_peer;
use crate::peer::{Handler, Peer};
use crate::tokens::{Algorithm, Tokens};

/// Serves until the standard input ends; the port is the one line of output.
pub fn serve(contender: Contender, tokens: Tokens) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for_peer!(contender, start(&runtime, &tokens), bare: panic!("no server"));
    // Nothing is written to it: this returns when the parent is done.
    let _ = stdin().read(&mut [0]);
    runtime.shutdown_background();
}

fn start<P: Peer>(runtime: &tokio::runtime::Runtime, tokens: &Tokens)
where
    <P::Layer as Layer<Handler<P::Body>>>::Service: Service<Request<Incoming>, Response = Response<P::Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    let layer = runtime.block_on(P::layer(tokens, Algorithm::RS256));
    let service = layer.layer(Handler::default());
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let listener = listener.expect("a free port");
    let address = listener.local_addr().expect("it has a port");
    println!("{}", address.port());
    runtime.spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let _ = stream.set_nodelay(true);
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
}
