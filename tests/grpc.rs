//! Who speaks gRPC is answered in gRPC: tonic's client and server, over HTTP/2 in memory.

#[expect(dead_code, reason = "only a part of it is needed here")]
mod support;

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;
use std::io;

use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode, Uri};
use http_body_util::{Full, StreamBody};
use hyper::body::{Body as _, Bytes, Frame};
use hyper_util::rt::TokioIo;
use support::{AUDIENCE, Stage};
use tokio::io::DuplexStream;
use tokio_stream::{Once, StreamExt};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_bearer::grpc::{verified, verified_if_any};
use tower_bearer::middleware::RefusedRequest;
use tower_bearer::testing::{Behaviour, TestIssuer};
use tower_bearer::{
    AuthenticateLayer, Authenticator, AuthorizeLayer, LayerMissing, Rejection, Requirement,
    Verified, require,
};

const ABSENT: (Code, &str) = (Code::Unauthenticated, "a bearer token is needed");
const MALFORMED: (Code, &str) = (
    Code::Unauthenticated,
    "the request must carry exactly one well-formed bearer token",
);
const INVALID: (Code, &str) = (Code::Unauthenticated, "the token is not acceptable");
const FORBIDDEN: (Code, &str) = (Code::PermissionDenied, "the token does not permit this");
const STEP_UP: (Code, &str) = (
    Code::Unauthenticated,
    "a stronger or more recent login is needed",
);
const UNDECIDED: (Code, &str) = (
    Code::Unavailable,
    "it cannot be told at the moment whether the token is good",
);
const NO_LAYER: (Code, &str) = (Code::Internal, "no layer authenticates this call");

// --- the service

/// Says who calls. Whoever names a service has to have the scope of that name.
struct Caller;

#[tonic::async_trait]
impl Health for Caller {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Answer<HealthCheckResponse> {
        let subject = subject(&request)?;
        let mut response = Response::new(HealthCheckResponse::default());
        response.metadata_mut().insert("subject", subject);
        Ok(response)
    }

    type WatchStream = tokio_stream::Iter<std::vec::IntoIter<Result<HealthCheckResponse, Status>>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Answer<Self::WatchStream> {
        let subject = subject(&request)?;
        let answers = vec![Ok(HealthCheckResponse::default()); 3];
        let mut response = Response::new(tokio_stream::iter(answers));
        response.metadata_mut().insert("subject", subject);
        Ok(response)
    }
}

type Answer<T> = Result<Response<T>, Status>;

type Ascii = tonic::metadata::AsciiMetadataValue;

fn subject(request: &Request<HealthCheckRequest>) -> Result<Ascii, Status> {
    let token: &Verified = verified(request)?;
    let scope = &request.get_ref().service;
    if !scope.is_empty() {
        token.scopes().require(scope)?;
    }
    let subject = token.subject().unwrap_or("nobody");
    Ok(subject.parse().expect("ASCII"))
}

/// Lets everybody in, and greets who has a token.
struct Host;

#[tonic::async_trait]
impl Health for Host {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Answer<HealthCheckResponse> {
        let token: Option<&Verified> = verified_if_any(&request)?;
        let subject = token.map_or("a stranger", |token| token.subject().unwrap_or("nobody"));
        let mut response = Response::new(HealthCheckResponse::default());
        let subject = subject.parse().expect("ASCII");
        response.metadata_mut().insert("subject", subject);
        Ok(response)
    }

    type WatchStream = tokio_stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Answer<Self::WatchStream> {
        Err(Status::unimplemented(""))
    }
}

/// Demands nothing, and says 10 `ABORTED` to all who reach it.
#[derive(Clone)]
struct Open;

impl NamedService for Open {
    const NAME: &'static str = "test.Open";
}

impl<B> Service<http::Request<B>> for Open {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<B>) -> Self::Future {
        ready(Ok(Status::aborted("reached").into_http()))
    }
}

// --- the client

type Incoming = Once<io::Result<DuplexStream>>;

/// A channel with one connection: it cannot be made anew, so it has to outlast every refusal.
async fn connect<F>(serve: impl FnOnce(Incoming) -> F) -> Channel
where
    F: Future<Output = Result<(), tonic::transport::Error>> + Send + 'static,
{
    let (client, server) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve(tokio_stream::once(Ok(server))));
    let mut client = Some(client);
    let connector = service_fn(move |_: Uri| {
        let connection = client.take().ok_or("a second connection");
        ready(connection.map(TokioIo::new))
    });
    let endpoint = Endpoint::from_static("http://grpc.test");
    let channel = endpoint.connect_with_connector(connector).await;
    channel.expect("a connection")
}

/// A server that is behind the layer as a whole.
async fn connect_to(stage: &Stage) -> Channel {
    let layer = AuthenticateLayer::new(stage.auth.clone());
    let server = Server::builder()
        .layer(layer)
        .add_service(HealthServer::new(Caller));
    connect(|incoming| server.serve_with_incoming(incoming)).await
}

/// What the same call comes to, as a unary and as a streaming one: who the caller is, or the status.
struct Outcome([Result<String, Status>; 2]);

/// Calls both methods with these `authorization` values, asking for the scope if it is not empty.
async fn call<T>(service: &T, authorization: &[&str], scope: &str) -> Outcome
where
    T: Service<http::Request<Body>, Response = http::Response<Body>> + Clone,
    T::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let request = || {
        let service = scope.to_owned();
        let mut request = Request::new(HealthCheckRequest { service });
        for value in authorization {
            let value = value.parse().expect("a header");
            request.metadata_mut().append("authorization", value);
        }
        request
    };
    let mut client = HealthClient::new(service.clone());
    let unary = client.check(request()).await;
    let unary = unary.map(|response| subject_of(response.metadata()));
    let streaming = match client.watch(request()).await {
        Ok(response) => {
            let subject = subject_of(response.metadata());
            let answers: Vec<_> = response.into_inner().collect().await;
            assert_eq!(answers.len(), 3);
            assert!(answers.iter().all(Result::is_ok));
            Ok(subject)
        }
        Err(status) => Err(status),
    };
    Outcome([unary, streaming])
}

fn subject_of(metadata: &tonic::metadata::MetadataMap) -> String {
    let subject = metadata.get("subject").expect("of every answer");
    subject.to_str().expect("ASCII").to_owned()
}

impl Outcome {
    #[track_caller]
    fn accepted(self, row: &str) {
        for answer in self.0 {
            assert_eq!(answer.expect(row), "alice", "{row}");
        }
    }

    /// Both calls have ended with this status and text, and nothing in them tells of what was sent.
    #[track_caller]
    fn refused(self, row: &str, wanted: (Code, &str), sent: &[&str]) {
        for answer in self.0 {
            let status = answer.expect_err(row);
            assert_eq!((status.code(), status.message()), wanted, "{row}");
            assert_eq!(status.details(), b"", "{row}");
            let said = format!("{status:?}");
            for part in sent.iter().flat_map(|value| value.split(['.', ' '])) {
                assert!(part.len() <= 8 || !said.contains(part), "{row}: {said}");
            }
        }
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

// --- what calls come to

#[tokio::test]
async fn a_good_token_reaches_unary_and_streaming_handlers() {
    let stage = Stage::new().await;
    let channel = connect_to(&stage).await;
    let token = bearer(&stage.token().sign());
    call(&channel, &[&token], "").await.accepted("good");
}

#[tokio::test]
async fn the_first_call_waits_for_the_keys() {
    let stage = Stage::beside(None, |_| (), |builder| builder);
    let channel = connect_to(&stage).await;
    let token = bearer(&stage.token().sign());
    call(&channel, &[&token], "").await.accepted("first");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_credential_is_16_on_a_connection_that_lives_on() {
    let stage = Stage::new().await;
    let channel = connect_to(&stage).await;
    let good = bearer(&stage.token().sign());
    let spoilt = |token: tower_bearer::testing::TokenBuilder| bearer(&token.sign());
    let expired = spoilt(stage.token().expired());
    let elsewhere = spoilt(stage.token().audience("https://other.test"));
    let forged = spoilt(stage.token().signed_by_stranger());
    let pair = format!("{good}, {good}");

    for (row, sent, wanted) in [
        ("no credential", vec![], ABSENT),
        ("two headers", vec![&*good, &*good], MALFORMED),
        ("a good and a bad one", vec![&*good, &*expired], MALFORMED),
        ("a bad and a good one", vec![&*expired, &*good], MALFORMED),
        ("a pair in one header", vec![&*pair], MALFORMED),
        ("a scheme alone", vec!["Bearer"], MALFORMED),
        ("no token at all", vec!["Bearer no.good.token"], INVALID),
        ("expired", vec![&*expired], INVALID),
        ("for another service", vec![&*elsewhere], INVALID),
        ("signed by a stranger", vec![&*forged], INVALID),
    ] {
        call(&channel, &sent, "").await.refused(row, wanted, &sent);
    }
    call(&channel, &[&good], "").await.accepted("after all");
}

#[tokio::test]
async fn keys_that_cannot_be_reached_are_14_and_a_missing_token_still_16() {
    let stage = Stage::beside(None, |issuer| issuer.behave(Behaviour::Down), |b| b);
    let channel = connect_to(&stage).await;
    let token = bearer(&stage.token().sign());
    let outcome = call(&channel, &[&token], "").await;
    outcome.refused("a token", UNDECIDED, &[&token]);
    call(&channel, &[], "").await.refused("none", ABSENT, &[]);
}

#[tokio::test]
async fn a_missing_scope_is_7_from_a_layer_from_around_one_service_and_from_a_handler() {
    let stage = Stage::new().await;
    let layer = AuthenticateLayer::new(stage.auth.clone());
    let server = Server::builder()
        .layer(layer.clone())
        .layer(require(Requirement::scopes("write")))
        .add_service(HealthServer::new(Caller));
    let whole = connect(|incoming| server.serve_with_incoming(incoming)).await;
    let one = require(Requirement::scopes("write")).layer(HealthServer::new(Caller));
    let server = Server::builder().add_service(layer.layer(one));
    let single = connect(|incoming| server.serve_with_incoming(incoming)).await;
    let handler = connect_to(&stage).await;

    let poor = bearer(&stage.token().scope("read").sign());
    let rich = bearer(&stage.token().scope("read write").sign());
    for (row, channel, asked) in [
        ("a layer", whole, ""),
        ("around one service", single, ""),
        ("a handler", handler, "write"),
    ] {
        let outcome = call(&channel, &[&poor], asked).await;
        outcome.refused(row, FORBIDDEN, &[&poor]);
        call(&channel, &[], asked).await.refused(row, ABSENT, &[]);
        call(&channel, &[&rich], asked).await.accepted(row);
    }
}

#[tokio::test]
async fn a_login_that_is_too_weak_is_16() {
    let stage = Stage::new().await;
    let server = Server::builder()
        .layer(AuthenticateLayer::new(stage.auth.clone()))
        .layer(require(Requirement::acr_values(["urn:gold"])))
        .add_service(HealthServer::new(Caller));
    let channel = connect(|incoming| server.serve_with_incoming(incoming)).await;
    let weak = bearer(&stage.token().claim("acr", "urn:tin").sign());
    let outcome = call(&channel, &[&weak], "").await;
    outcome.refused("weak", STEP_UP, &[&weak]);
    let strong = bearer(&stage.token().claim("acr", "urn:gold").sign());
    call(&channel, &[&strong], "").await.accepted("strong");
}

#[tokio::test]
async fn without_the_layer_nothing_is_let_in_and_all_is_13() {
    let token = bearer(&Stage::new().await.token().sign());
    let handler = HealthServer::new(Caller);
    let outcome = call(&handler, &[&token], "").await;
    outcome.refused("a handler", NO_LAYER, &[&token]);

    let layer = require(Requirement::scopes("read"));
    let server = Server::builder().layer(layer).add_service(handler);
    let channel = connect(|incoming| server.serve_with_incoming(incoming)).await;
    let outcome = call(&channel, &[&token], "").await;
    outcome.refused("a layer", NO_LAYER, &[&token]);

    let mut host = HealthClient::new(HealthServer::new(Host));
    let status = host.check(HealthCheckRequest::default()).await;
    let status = status.expect_err("a host without a door");
    assert_eq!((status.code(), status.message()), NO_LAYER);
}

#[derive(serde::Deserialize)]
struct Tenant {
    tenant: String,
}

#[tokio::test]
async fn a_handler_with_another_claims_type_than_the_layer_is_13() {
    let issuer = TestIssuer::new("https://issuer.test");
    let auth = Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch());
    let auth = auth.claims::<Tenant>().build().expect("sound");
    let service = AuthenticateLayer::new(auth).layer(HealthServer::new(Caller));
    let token = issuer.token().audience(AUDIENCE).claim("tenant", "acme");
    let token = bearer(&token.sign());
    let outcome = call(&service, &[&token], "").await;
    outcome.refused("another type", NO_LAYER, &[&token]);
}

#[tokio::test]
async fn where_a_token_is_optional_a_handler_may_welcome_strangers_or_answer_16() {
    let stage = Stage::new().await;
    let layer = AuthenticateLayer::new(stage.auth.clone()).optional();
    let mut host = HealthClient::new(layer.layer(HealthServer::new(Host)));
    let welcome = host.check(HealthCheckRequest::default()).await;
    let welcome = welcome.expect("strangers are welcome");
    assert_eq!(subject_of(welcome.metadata()), "a stranger");

    let token = bearer(&stage.token().sign());
    let mut request = Request::new(HealthCheckRequest::default());
    let value = token.parse().expect("a header");
    request.metadata_mut().insert("authorization", value);
    let welcome = host.check(request).await.expect("guests are welcome");
    assert_eq!(subject_of(welcome.metadata()), "alice");

    let caller = layer.layer(HealthServer::new(Caller));
    call(&caller, &[], "").await.refused("none", ABSENT, &[]);
    call(&caller, &[&token], "").await.accepted("a token");
}

#[tokio::test]
async fn an_interceptor_inside_the_layer_sees_the_token() {
    let stage = Stage::new().await;
    let requirement: Requirement = Requirement::value("roles", "nurse");
    let service = HealthServer::with_interceptor(Caller, move |request: Request<()>| {
        requirement.check(verified(&request)?)?;
        Ok(request)
    });
    let server = Server::builder()
        .layer(AuthenticateLayer::new(stage.auth.clone()))
        .add_service(service);
    let channel = connect(|incoming| server.serve_with_incoming(incoming)).await;
    let plain = bearer(&stage.token().sign());
    let outcome = call(&channel, &[&plain], "").await;
    outcome.refused("no role", FORBIDDEN, &[&plain]);
    let nurse = stage.token().claim("roles", serde_json::json!(["nurse"]));
    let nurse = bearer(&nurse.sign());
    call(&channel, &[&nurse], "").await.accepted("the role");
}

#[tokio::test]
async fn one_service_behind_the_layer_stands_beside_an_open_one() {
    let stage = Stage::new().await;
    let layer = AuthenticateLayer::new(stage.auth.clone());
    let server = Server::builder()
        .add_service(layer.layer(HealthServer::new(Caller)))
        .add_service(Open);
    let channel = connect(|incoming| server.serve_with_incoming(incoming)).await;
    call(&channel, &[], "").await.refused("closed", ABSENT, &[]);
    let token = bearer(&stage.token().sign());
    call(&channel, &[&token], "").await.accepted("closed");
    let reached = send(&channel, "/test.Open/Knock", "application/grpc", None).await;
    assert_eq!(header(&reached, "grpc-status"), "10");
}

#[tokio::test]
async fn a_public_method_is_open_and_the_others_of_its_service_are_not() {
    let stage = Stage::new().await;
    let layer = AuthenticateLayer::new(stage.auth.clone()).public(Method::POST, CHECK);
    let layer = layer.expect("a method's path");
    let mut host = HealthClient::new(layer.layer(HealthServer::new(Host)));
    let welcome = host.check(HealthCheckRequest::default()).await;
    let welcome = welcome.expect("a public method");
    assert_eq!(subject_of(welcome.metadata()), "a stranger");
    let refused = host.watch(HealthCheckRequest::default()).await;
    let refused = refused.expect_err("another method");
    assert_eq!((refused.code(), refused.message()), ABSENT);
}

#[tokio::test]
async fn a_service_of_claims_of_its_own_stands_in_a_server_behind_both_layers() {
    let issuer = TestIssuer::new("https://issuer.test");
    let auth = Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch());
    let auth = auth.claims::<Tenant>().build().expect("sound");
    let acme = Requirement::predicate(|token: &Verified<Tenant>| token.claims().tenant == "acme");
    let one = AuthorizeLayer::from(acme).layer(Open);
    let server = Server::builder().add_service(AuthenticateLayer::new(auth).layer(one));
    let channel = connect(|incoming| server.serve_with_incoming(incoming)).await;
    for (tenant, status) in [("acme", "10"), ("umbrella", "7")] {
        let token = issuer.token().audience(AUDIENCE).claim("tenant", tenant);
        let token = bearer(&token.sign());
        let answer = send(
            &channel,
            "/test.Open/Knock",
            "application/grpc",
            Some(&token),
        )
        .await;
        assert_eq!(header(&answer, "grpc-status"), status, "{tenant}");
    }
}

#[tokio::test]
async fn a_hook_has_the_last_word_on_answers_in_grpc_too() {
    let stage = Stage::new().await;
    let layer = AuthenticateLayer::new(stage.auth.clone()).on_refusal(
        |mut response: http::Response<Body>, rejection: &Rejection, request: &RefusedRequest| {
            assert_eq!(rejection.code(), "insufficient_scope");
            assert_eq!(request.uri().path(), CHECK);
            let hint = HeaderValue::from_static("ask for write");
            response.headers_mut().insert("x-hint", hint);
            response
        },
    );
    let server = Server::builder()
        .layer(layer)
        .layer(require(Requirement::scopes("write")))
        .add_service(HealthServer::new(Caller));
    let channel = connect(|incoming| server.serve_with_incoming(incoming)).await;
    let token = bearer(&stage.token().scope("read").sign());
    let answer = send(&channel, CHECK, "application/grpc", Some(&token)).await;
    assert_eq!(header(&answer, "grpc-status"), "7");
    assert_eq!(header(&answer, "x-hint"), "ask for write");
}

// --- what is on the wire

/// A request as it goes over the wire, with an empty message.
fn request(path: &str, content_type: &str, authorization: Option<&str>) -> http::Request<Body> {
    let mut request = http::Request::post(format!("http://grpc.test{path}"))
        .header(CONTENT_TYPE, content_type)
        .header("te", "trailers");
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, value);
    }
    let message = Full::new(Bytes::from_static(&[0; 5]));
    request.body(Body::new(message)).expect("a request")
}

async fn send(
    channel: &Channel,
    path: &str,
    content_type: &str,
    authorization: Option<&str>,
) -> http::Response<Body> {
    let request = request(path, content_type, authorization);
    let response = channel.clone().oneshot(request).await;
    response.expect("the connection lives")
}

fn header<'r, B>(response: &'r http::Response<B>, name: &str) -> &'r str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().expect("ASCII"))
}

/// All headers but the date, which the server adds to every answer.
fn headers(response: &http::Response<Body>) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| value.to_str().expect("ASCII").to_owned();
    let mut headers: Vec<_> = response
        .headers()
        .iter()
        .filter(|(name, _)| *name != http::header::DATE)
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    headers.sort();
    headers
}

const CHECK: &str = "/grpc.health.v1.Health/Check";

#[tokio::test]
async fn a_refusal_is_trailers_only_in_the_words_of_the_clients_protocol() {
    let stage = Stage::new().await;
    let channel = connect_to(&stage).await;
    for (sent, answered) in [
        ("application/grpc", "application/grpc"),
        ("application/grpc+proto", "application/grpc"),
        ("application/grpc+json", "application/grpc"),
        ("Application/gRPC", "application/grpc"),
        ("application/grpc-web", "application/grpc-web"),
        ("application/grpc-web+proto", "application/grpc-web"),
        ("application/grpc-web-text", "application/grpc-web-text"),
        (
            "application/grpc-web-text+proto",
            "application/grpc-web-text",
        ),
    ] {
        for (token, (code, message)) in [(None, ABSENT), (Some("Bearer no.good.token"), INVALID)] {
            let response = send(&channel, CHECK, sent, token).await;
            assert_eq!(response.status(), StatusCode::OK, "{sent}");
            let wanted = [
                ("content-type", answered),
                ("grpc-message", message),
                ("grpc-status", &i32::from(code).to_string()),
            ];
            let wanted = wanted.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(headers(&response), wanted, "{sent}");
            // One block of headers, which ends the stream: no body, and no trailers after it.
            assert!(response.body().is_end_stream(), "{sent}");
        }
    }
}

#[tokio::test]
async fn who_does_not_speak_grpc_is_answered_in_http_by_the_same_server() {
    let stage = Stage::new().await;
    let channel = connect_to(&stage).await;
    for content_type in ["application/json", "application/grpcx", "text/plain", ""] {
        let response = send(&channel, CHECK, content_type, None).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let challenge = "Bearer realm=\"https://api.test\"";
        assert_eq!(header(&response, WWW_AUTHENTICATE.as_str()), challenge);
        assert_eq!(header(&response, "grpc-status"), "");
    }
}

#[tokio::test]
async fn a_stranger_is_not_told_which_methods_there_are() {
    let stage = Stage::new().await;
    let channel = connect_to(&stage).await;
    let token = bearer(&stage.token().sign());
    for path in ["/grpc.health.v1.Health/Nowhere", "/no.Such/Service"] {
        let response = send(&channel, path, "application/grpc", None).await;
        assert_eq!(header(&response, "grpc-status"), "16", "{path}");
        let response = send(&channel, path, "application/grpc", Some(&token)).await;
        assert_eq!(header(&response, "grpc-status"), "12", "{path}");
    }
}

#[tokio::test]
async fn a_refusal_waits_for_nothing_of_the_requests_stream() {
    let stage = Stage::new().await;
    let channel = connect_to(&stage).await;
    let never = tokio_stream::pending::<Result<Frame<Bytes>, Status>>();
    let request =
        request(CHECK, "application/grpc", None).map(|_| Body::new(StreamBody::new(never)));
    let response = channel.oneshot(request).await.expect("answered");
    assert_eq!(header(&response, "grpc-status"), "16");
}

#[tokio::test]
async fn layers_outside_find_the_rejection_in_a_refusal_and_in_a_handlers_status() {
    let stage = Stage::new().await;
    let layer = AuthenticateLayer::new(stage.auth.clone());
    let service = layer.layer(HealthServer::new(Caller));
    let refused = service
        .clone()
        .oneshot(request(CHECK, "application/grpc", None));
    let refused = refused.await.expect("infallible");
    let rejection = refused
        .extensions()
        .get::<Rejection>()
        .expect("rides along");
    assert_eq!(rejection.code(), "credential_missing");

    // A message that asks for the scope `write`.
    let message = Bytes::from_static(b"\x00\x00\x00\x00\x07\x0a\x05write");
    let token = bearer(&stage.token().scope("read").sign());
    let poor = request(CHECK, "application/grpc", Some(&token));
    let poor = poor.map(|_| Body::new(Full::new(message)));
    let refused = service.oneshot(poor).await.expect("infallible");
    let status = refused.extensions().get::<Status>().expect("rides along");
    assert_eq!(status.code(), Code::PermissionDenied);
    let cause = status
        .source()
        .and_then(|cause| cause.downcast_ref::<Rejection>());
    assert_eq!(cause.map(Rejection::code), Some("insufficient_scope"));

    // Without a layer, too.
    let handler = HealthServer::new(Caller);
    let refused = handler.oneshot(request(CHECK, "application/grpc", None));
    let refused = refused.await.expect("infallible");
    let status = refused.extensions().get::<Status>().expect("rides along");
    let cause = status
        .source()
        .is_some_and(|cause| cause.is::<LayerMissing>());
    assert!(cause, "{status:?}");
}
