//! A gRPC server and its client in one process: unary and server-streaming calls, with and without a good token.
//!
//!     cargo run --example tonic_greeter
//!
//! It prints every call and its answer, and fails if it is not the one wanted; then it goes on serving. With `--check` it
//! ends.
//!
//! The service is written out by hand, because the tools that generate it from this need `protoc`:
//!
//!     package greeter;
//!     message Name { string name = 1; }
//!     message Greeting { string text = 1; }
//!     service Greeter {
//!       rpc SayHello (Name) returns (Greeting);                   // any good token
//!       rpc SayHelloInTurn (Name) returns (stream Greeting);      // needs the scope "greet:often"
//!     }

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use tokio_stream::{Iter, StreamExt};
use tonic::Code::{PermissionDenied, Unauthenticated};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};
use tower_bearer::grpc::verified;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AuthenticateLayer, Authenticator, Verified};

const AUDIENCE: &str = "https://greeter.example.com";

// --- what the service does

async fn say_hello(request: Request<Name>) -> Result<Response<Greeting>, Status> {
    let token: &Verified = verified(&request)?;
    let caller = token.subject().unwrap_or("nobody");
    let text = format!("hello {} from {caller}", request.get_ref().name);
    Ok(Response::new(Greeting { text }))
}

type Greetings = Iter<std::vec::IntoIter<Result<Greeting, Status>>>;

async fn say_hello_in_turn(request: Request<Name>) -> Result<Response<Greetings>, Status> {
    let token: &Verified = verified(&request)?;
    token.scopes().require("greet:often")?;
    let name = &request.get_ref().name;
    let greetings = ["hello", "hello again", "goodbye"].map(|word| {
        Ok(Greeting {
            text: format!("{word} {name}"),
        })
    });
    Ok(Response::new(tokio_stream::iter(Vec::from(greetings))))
}

// --- what would be generated

#[derive(Clone, PartialEq, prost::Message)]
struct Name {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Greeting {
    #[prost(string, tag = "1")]
    text: String,
}

const SAY_HELLO: &str = "/greeter.Greeter/SayHello";
const SAY_HELLO_IN_TURN: &str = "/greeter.Greeter/SayHelloInTurn";

#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "greeter.Greeter";
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
            Ok(match request.uri().path() {
                SAY_HELLO => grpc.unary(service_fn(say_hello), request).await,
                SAY_HELLO_IN_TURN => {
                    let method = service_fn(say_hello_in_turn);
                    grpc.server_streaming(method, request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

struct GreeterClient(tonic::client::Grpc<Channel>);

impl GreeterClient {
    async fn say_hello(&mut self, request: Request<Name>) -> Result<Greeting, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static(SAY_HELLO);
        let response = self.0.unary(request, path, ProstCodec::default()).await?;
        Ok(response.into_inner())
    }

    async fn say_hello_in_turn(&mut self, request: Request<Name>) -> Result<Vec<Greeting>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static(SAY_HELLO_IN_TURN);
        let codec = ProstCodec::default();
        let response = self.0.server_streaming(request, path, codec).await?;
        response.into_inner().collect().await
    }

    async fn ready(&mut self) -> Result<(), Status> {
        let ready = self.0.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))
    }
}

// --- server and client

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // The issuer stands for your identity provider. The rest is all that a service needs.
    let issuer = TestIssuer::serve().await;

    let auth = Authenticator::builder(issuer.url(), AUDIENCE).build()?;
    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let address = incoming.local_addr()?;
    let server = Server::builder()
        .layer(AuthenticateLayer::new(auth))
        .add_service(Greeter)
        .serve_with_incoming(incoming);

    let server = tokio::spawn(server);
    let endpoint = Endpoint::try_from(format!("http://{address}"))?;
    let client = GreeterClient(tonic::client::Grpc::new(endpoint.connect().await?));
    call(client, &issuer).await?;
    if std::env::args().any(|argument| argument == "--check") {
        server.abort();
        println!("every answer is as it should be");
        return Ok(());
    }
    println!("\nserving {} at {address}", Greeter::NAME);
    Ok(server.await??)
}

/// Both methods, each with different tokens and the answer that is wanted.
async fn call(
    mut client: GreeterClient,
    issuer: &TestIssuer,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let good = issuer.token().audience(AUDIENCE);
    let often = good.clone().scope("read greet:often").sign();
    let other = issuer.token().audience("https://other.example.com").sign();
    let good = good.sign();

    for (caller, token, wanted) in [
        ("a good token", Some(&good), Ok("hello Ferris from alice")),
        ("no token", None, Err(Unauthenticated)),
        ("meant for another", Some(&other), Err(Unauthenticated)),
    ] {
        let answer = client.say_hello(request(token)?).await;
        println!("SayHello, {caller}: {answer:?}");
        let text = answer.as_ref().map(|greeting| greeting.text.as_str());
        if text.map_err(Status::code) != wanted {
            return Err(format!("wanted {wanted:?}").into());
        }
    }
    for (caller, token, wanted) in [
        ("with the scope", Some(&often), Ok(3)),
        ("without it", Some(&good), Err(PermissionDenied)),
        ("no token", None, Err(Unauthenticated)),
        ("meant for another", Some(&other), Err(Unauthenticated)),
    ] {
        let answer = client.say_hello_in_turn(request(token)?).await;
        println!("SayHelloInTurn, {caller}: {answer:?}");
        if answer.as_ref().map(Vec::len).map_err(Status::code) != wanted {
            return Err(format!("wanted {wanted:?}").into());
        }
    }
    Ok(())
}

fn request(token: Option<&String>) -> Result<Request<Name>, Box<dyn Error + Send + Sync>> {
    let name = String::from("Ferris");
    let mut request = Request::new(Name { name });
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse()?;
        request.metadata_mut().insert("authorization", value);
    }
    Ok(request)
}
