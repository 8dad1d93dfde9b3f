//! A service of hyper, hyper-util and tower alone, without a framework.
//!
//!     cargo run --example hyper_plain
//!
//! It prints a `curl` line to try it with. With `--check` it asks itself and ends.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, service_fn};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AuthenticateLayer, Authenticator, Verified};

const AUDIENCE: &str = "https://api.example.com";

/// A body that can be empty is all that the layer asks of a response.
type Body = Full<Bytes>;

async fn api(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/me") => me(&request),
        _ => status(StatusCode::NOT_FOUND),
    })
}

fn me(request: &Request<Incoming>) -> Response<Body> {
    // Absent only if the layer is: a mistake of ours, and no open door.
    let Some(token) = request.extensions().get::<Verified>() else {
        return status(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let greeting = format!("hello {}\n", token.subject().unwrap_or("nobody"));
    Response::new(Body::from(greeting))
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // The issuer stands for your identity provider. The rest is all that a service needs.
    let issuer = TestIssuer::serve().await;

    let auth = Authenticator::builder(issuer.url(), AUDIENCE).build()?;
    let service = AuthenticateLayer::new(auth).layer(service_fn(api));
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    let address = listener.local_addr()?;
    let token = issuer.token().audience(AUDIENCE).sign();
    println!("curl -i http://{address}/me -H 'Authorization: Bearer {token}'");

    let server = async move {
        loop {
            let (stream, _) = listener.accept().await?;
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let connection = auto::Builder::new(TokioExecutor::new());
                let served = connection.serve_connection(TokioIo::new(stream), service);
                if let Err(error) = served.await {
                    eprintln!("a connection ended early: {error}");
                }
            });
        }
    };
    if std::env::args().any(|argument| argument == "--check") {
        return tokio::select! {
            ended = server => ended,
            outcome = check(address, &token) => outcome,
        };
    }
    server.await
}

/// Sends requests as a client would, and looks at the answers.
async fn check(address: SocketAddr, token: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let good = format!("authorization: Bearer {token}\r\n");
    for (path, header, start, holds) in [
        ("/me", good.as_str(), "HTTP/1.1 200", "hello alice\n"),
        ("/nowhere", good.as_str(), "HTTP/1.1 404", ""),
        ("/me", "", "HTTP/1.1 401", "www-authenticate: Bearer realm="),
        ("/nowhere", "", "HTTP/1.1 401", "www-authenticate: Bearer"),
        (
            "/me",
            "authorization: Bearer no.good.token\r\n",
            "HTTP/1.1 401",
            "error=\"invalid_token\"",
        ),
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{header}\r\n");
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        if !answer.starts_with(start) || !answer.contains(holds) {
            return Err(format!("wanted {start} and {holds}, got: {answer}").into());
        }
    }
    println!("every answer is as it should be");
    Ok(())
}
