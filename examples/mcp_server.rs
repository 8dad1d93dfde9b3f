//! An MCP server as MCP's authorization specification (2026-07-28) wants it: rmcp's streamable HTTP server behind the layer.
//!
//!     cargo run --example mcp_server
//!
//! | the specification | here |
//! |---|---|
//! | publishes protected resource metadata (RFC 9728) | `protected_resource`, and a route outside the layer |
//! | 401 with `resource_metadata` and `scope` | the layer; `challenge_scope` names the least |
//! | accepts only tokens that are meant for it | the audience is its own URL |
//! | 403 with every scope that the operation needs | `authorize`, which looks at the tool before the server does |
//! | passes no token on | `strip_credential`: the tools see the verified claims only |
//!
//! With `--check` rmcp's own client finds its way in and ends: refused, it reads the metadata that the 401 names and then the
//! issuer's, gets a token, calls a tool, is told by a 403 what another tool needs, and gets that too. Nobody sits here before
//! a browser, so the grant is the one for machines, client credentials; all before and after it is what every client does.
//!
//! The server keeps no sessions, as the specification has none since 2026-07-28; rmcp serves older clients so, too. A session id
//! would be one more thing to steal: whoever has to keep them binds each to the subject of the token that it was made with.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use rmcp::handler::server::common::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{ClientInitializeError, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::auth::{
    AuthClient, AuthorizationManager, AuthorizationMetadataSource, ClientCredentialsConfig,
};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{
    ClientLifecycleMode, ClientServiceExt, ServerHandler, schemars, tool, tool_handler, tool_router,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer::policy::Preset;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{
    AuthenticateLayer, Authenticator, ProtectedResource, Requirement, ScopeHierarchy, Verified,
};

type Failure = Box<dyn Error + Send + Sync>;

/// The most of a request that is read to see which tool it calls.
const MOST: usize = 1 << 20;

/// Notes that whoever may read them shares.
#[derive(Clone, Default)]
struct Notes {
    notes: Arc<Mutex<Vec<String>>>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
struct Note {
    text: String,
}

#[tool_router]
impl Notes {
    /// All notes.
    #[tool]
    async fn list_notes(&self) -> String {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.join("\n")
    }

    /// Adds a note, under the name of the caller.
    #[tool]
    async fn add_note(
        &self,
        Extension(request): Extension<Parts>,
        Parameters(note): Parameters<Note>,
    ) -> Result<String, String> {
        // The layer has put the claims there, and taken the token away: what is gone cannot be passed on.
        let token: &Verified = request.extensions.get().ok_or("not authenticated")?;
        if request.headers.contains_key(AUTHORIZATION) {
            return Err("the token has come along".to_owned());
        }
        let note = format!("{}: {}", token.subject().unwrap_or("nobody"), note.text);
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(note.clone());
        Ok(note)
    }
}

#[tool_handler]
impl ServerHandler for Notes {}

/// What the operations need.
#[derive(Clone)]
struct Needed {
    read: Requirement,
    write: Requirement,
}

impl Needed {
    fn new() -> Self {
        let hierarchy = ScopeHierarchy::new().implies("notes:admin", "notes:read notes:write");
        let scopes = |list| Requirement::scopes(list).with_hierarchy(&hierarchy);
        Self {
            read: scopes("notes:read"),
            write: scopes("notes:read notes:write"),
        }
    }

    fn by(&self, message: &Value) -> &Requirement {
        let tool = message.pointer("/params/name").and_then(Value::as_str);
        match (message.get("method").and_then(Value::as_str), tool) {
            (Some("tools/call"), Some("list_notes")) => &self.read,
            // A tool that was forgotten above must not be the one that everybody may call.
            (Some("tools/call"), _) => &self.write,
            _ => &self.read,
        }
    }
}

/// Lets a message through to the server if the token has the scopes that it needs.
async fn authorize(
    State(needed): State<Needed>,
    token: Verified,
    request: Request,
    next: Next,
) -> Result<Response, Response> {
    if request.method() != Method::POST {
        needed
            .read
            .check(&token)
            .map_err(IntoResponse::into_response)?;
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, MOST)
        .await
        .map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
    let message: Value = serde_json::from_slice(&body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| StatusCode::BAD_REQUEST.into_response())?;
    let requirement = needed.by(&message);
    requirement
        .check(&token)
        .map_err(IntoResponse::into_response)?;
    // Written anew, so that the server reads what was checked: of two members with one name, another parser may take the other.
    parts.headers.remove(CONTENT_LENGTH);
    let body = Body::from(message.to_string());
    Ok(next.run(Request::from_parts(parts, body)).await)
}

fn service(issuer: &str, url: &str) -> Result<Router, Failure> {
    let auth = Authenticator::builder(issuer, url)
        .preset(Preset::Mcp)
        .challenge_scope("notes:read")
        .protected_resource(
            ProtectedResource::new(url)
                .resource_name("Notes")
                .scopes_supported(["notes:read", "notes:write"]),
        )
        .build()?;
    let metadata = auth
        .resource_metadata()
        .cloned()
        .ok_or("no resource was described")?;

    let notes = Notes::default();
    let mcp = StreamableHttpService::new(
        move || Ok(notes.clone()),
        Arc::new(NeverSessionManager::default()),
        StreamableHttpServerConfig::default().with_legacy_session_mode(false),
    );
    Ok(Router::new()
        .route_service("/mcp", mcp)
        .layer(from_fn_with_state(Needed::new(), authorize))
        .layer(AuthenticateLayer::new(auth).strip_credential())
        .route_service(metadata.path(), metadata.service()))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // The issuer stands for your identity provider. The rest is all that a service needs.
    let issuer = TestIssuer::serve().await;
    issuer.allow_client("agent", "secret");

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let service = service(issuer.url(), &url)?;
    println!("an MCP server at {url}, which trusts {}", issuer.url());

    let server = async { axum::serve(listener, service).await };
    if std::env::args().any(|argument| argument == "--check") {
        let server = tokio::spawn(server);
        let outcome = check(&issuer, &url).await;
        server.abort();
        return outcome;
    }
    Ok(server.await?)
}

type Client = RunningService<RoleClient, ()>;

/// What rmcp's client does, step by step.
async fn check(issuer: &TestIssuer, url: &str) -> Result<(), Failure> {
    let challenge = refusal(url, None).await?;
    expect(&challenge, "scope=\"notes:read\"")?;
    expect(&challenge, "resource_metadata=\"http")?;
    if challenge.contains("error=") {
        return Err(format!("no token is not an error: {challenge}").into());
    }

    let (client, scopes) = connect(issuer, url, &challenge, newest()).await?;
    println!("may read, with the scopes {scopes:?}");
    call(&client, "list_notes", json!({})).await?;
    let note = json!({ "text": "buy milk" });
    let Err(refused) = call(&client, "add_note", note.clone()).await else {
        return Err("wrote with a scope for reading".into());
    };
    client.cancel().await?;

    let challenge = refused.auth_challenge().ok_or("no challenge")?;
    expect(challenge, "error=\"insufficient_scope\"")?;
    expect(challenge, "scope=\"notes:read notes:write\"")?;
    expect(challenge, "resource_metadata=\"http")?;
    // This time as a client from before 2026-07-28.
    let older = ClientLifecycleMode::Initialize;
    let (client, scopes) = connect(issuer, url, challenge, older).await?;
    println!("may write, with the scopes {scopes:?}");
    expect(&call(&client, "add_note", note).await?, "agent: buy milk")?;
    expect(
        &call(&client, "list_notes", json!({})).await?,
        "agent: buy milk",
    )?;
    client.cancel().await?;

    let token = issuer.token().access_token().scope("notes:admin");
    let good = token.clone().audience(url).sign();
    let client = enter(url, Some(good.clone())).await?;
    call(&client, "list_notes", json!({})).await?;
    client.cancel().await?;
    println!("an administrator may read without the scope for it");

    refusal(&format!("{url}?access_token={good}"), None).await?;
    println!("a token in the query is not read");
    let elsewhere = token.audience("https://other.example.com/mcp").sign();
    expect(
        &refusal(url, Some(elsewhere)).await?,
        "error=\"invalid_token\"",
    )?;
    println!("a token for another server is refused");
    Ok(())
}

/// Connects with a token for what `challenge` asks.
async fn connect(
    issuer: &TestIssuer,
    url: &str,
    challenge: &str,
    lifecycle: ClientLifecycleMode,
) -> Result<(Client, Vec<String>), Failure> {
    let mut manager = AuthorizationManager::new(url).await?;
    let found = manager
        .resolve_metadata_from_challenge(Some(challenge))
        .await?;
    if found.source != AuthorizationMetadataSource::ProtectedResourceMetadata
        || found.metadata.issuer.as_deref() != Some(issuer.url())
    {
        return Err(format!("found another issuer, or in another way: {found:?}").into());
    }
    manager.set_metadata(found.metadata);
    let scopes = manager.select_initial_scopes(&[]).await;
    let grant = ClientCredentialsConfig::ClientSecret {
        client_id: "agent".into(),
        client_secret: "secret".into(),
        scopes: scopes.clone(),
        resource: Some(url.into()),
    };
    manager.validate_client_credentials_metadata(&grant)?;
    manager.configure_client_credentials(&grant)?;
    manager.exchange_client_credentials(&grant).await?;

    let client = AuthClient::new(reqwest::Client::new(), manager);
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    let transport = StreamableHttpClientTransport::with_client(client, config);
    let client = ().serve_with_lifecycle(transport, lifecycle).await?;
    Ok((client, scopes))
}

/// Connects with `token`, or with none.
async fn enter(url: &str, token: Option<String>) -> Result<Client, ClientInitializeError> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url);
    config.auth_header = token;
    let transport = StreamableHttpClientTransport::from_config(config);
    ().serve_with_lifecycle(transport, newest()).await
}

/// The challenge to a client that connects with `token`, or with none.
async fn refusal(url: &str, token: Option<String>) -> Result<String, Failure> {
    match enter(url, token).await {
        Ok(_) => Err("was let in".into()),
        Err(error) => Ok(error.auth_challenge().ok_or(error.to_string())?.to_owned()),
    }
}

fn newest() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    }
}

/// The text that a tool answers.
async fn call(
    client: &Client,
    tool: &'static str,
    arguments: Value,
) -> Result<String, rmcp::ServiceError> {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    let call = CallToolRequestParams::new(tool).with_arguments(arguments);
    let result = client.call_tool(call).await?;
    let texts = result.content.iter().filter_map(|part| part.as_text());
    Ok(texts.map(|text| text.text.as_str()).collect())
}

fn expect(text: &str, part: &str) -> Result<(), Failure> {
    if text.contains(part) {
        Ok(())
    } else {
        Err(format!("wanted {part} in: {text}").into())
    }
}
