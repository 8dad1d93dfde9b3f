//! How a resource server is deployed.
//!
//!     ISSUER=https://id.example.com AUDIENCE=https://api.example.com BIND=127.0.0.1:3000 \
//!         cargo run --example resource_server
//!
//! `JWKS_URL` names the keys of an issuer without discovery. The server starts, and serves `/public`, even when the
//! issuer is down; what needs a token is answered 503 until the issuer's keys have come. `/healthz` is for the readiness
//! probe: 200 or 503, with what is known of the keys.
//!
//! More is switched on by more variables:
//!
//! | variable | what |
//! |---|---|
//! | `INTROSPECTION_CLIENT_ID`, `INTROSPECTION_CLIENT_SECRET` | opaque tokens are accepted too: the issuer is asked about them, as this client |
//! | `INTROSPECTION_URL` | where it is asked, instead of where its discovery document says |
//! | `INTROSPECTION_SIGNED` | whatever its value, answers must be signed |
//! | `INTROSPECTION_SECONDS` | for how long an answer is believed; default 30 |
//! | `BACKCHANNEL_CLIENT_ID` | `POST /backchannel-logout` takes logout tokens for these clients, separated by spaces |
//! | `REDIS_URL` | what is revoked, and which proofs were used, is kept there, for all machines, instead of in this process |
//! | `CLIENT_CERTIFICATE_HEADER` | tokens that are bound to a client certificate are accepted with it: nginx hands it on in this header |
//! | `TRUSTED_PROXIES` | the addresses that nginx connects from, separated by spaces; from any other the header is nothing |
//! | `CLIENT_CERTIFICATE_REQUIRED` | whatever its value, a token that is bound to no certificate is refused |
//! | `DPOP_URL` | tokens that are bound to a key are accepted with a proof for this URL, under which clients know the server |
//! | `DPOP_REQUIRED` | whatever its value, a token that is bound to no key is refused |
//! | `DPOP_NONCE_SECRET` | a proof must have a nonce, made by this secret of at least 32 bytes, which all machines are given |

use std::env;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::map_request;
use axum::response::IntoResponse;
use axum::{Json, Router, routing::get};
use tokio::net::TcpListener;
use tower_bearer::dpop::{Dpop, DpopNonces, RedisReplays};
use tower_bearer::health::Health;
use tower_bearer::introspection::Introspection;
use tower_bearer::logout::BackChannelLogout;
use tower_bearer::mtls::{CertificateHeader, MutualTls};
use tower_bearer::observe::TracingObserver;
use tower_bearer::peer::{PeerAddr, TrustedProxies};
use tower_bearer::redis::Redis;
use tower_bearer::revocation::{InMemoryRevocations, RedisRevocations, RevocationStore};
use tower_bearer::{
    AuthenticateLayer, Authenticator, AuthenticatorBuilder, AuthorizationError, ConfigError,
    Verified,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .init();

    check_variables()?;
    let mut auth = Authenticator::builder(required("ISSUER")?, required("AUDIENCE")?)
        .observer(TracingObserver);
    if let Ok(url) = env::var("JWKS_URL") {
        auth = auth.jwks_url(url);
    }
    if let Ok(client) = env::var("INTROSPECTION_CLIENT_ID") {
        auth = auth.introspection(introspection(client)?);
    }
    if let Ok(header) = env::var("CLIENT_CERTIFICATE_HEADER") {
        auth = auth.mutual_tls(mutual_tls(&header)?);
    }
    if let Ok(url) = env::var("DPOP_URL") {
        auth = auth.dpop(dpop(url)?);
    }
    let (auth, logout) = match env::var("REDIS_URL") {
        Ok(url) => with_revocations(auth, RedisRevocations::new(Redis::single(&url)?))?,
        Err(_) => with_revocations(auth, InMemoryRevocations::new())?,
    };
    // The keys come while the server starts, and the first request finds them there.
    auth.start();

    let protected = Router::new()
        .route("/me", get(me))
        .route("/admin", get(admin))
        .layer(AuthenticateLayer::new(auth.clone()));
    let mut app = Router::new()
        .route("/public", get(public))
        .route("/healthz", get(healthz).with_state(auth))
        .merge(protected);
    if let Some(logout) = logout {
        app = app.route_service("/backchannel-logout", logout);
    }

    let listener = TcpListener::bind(required("BIND")?).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = app.layer(map_request(tell_peer));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(interrupted())
        .await?;
    Ok(())
}

/// A variable that is set for nothing is a mistake: what it was to demand would not be.
fn check_variables() -> Result<(), String> {
    let belonging = [
        ("INTROSPECTION_CLIENT_SECRET", "INTROSPECTION_CLIENT_ID"),
        ("INTROSPECTION_URL", "INTROSPECTION_CLIENT_ID"),
        ("INTROSPECTION_SIGNED", "INTROSPECTION_CLIENT_ID"),
        ("INTROSPECTION_SECONDS", "INTROSPECTION_CLIENT_ID"),
        ("TRUSTED_PROXIES", "CLIENT_CERTIFICATE_HEADER"),
        ("CLIENT_CERTIFICATE_REQUIRED", "CLIENT_CERTIFICATE_HEADER"),
        ("DPOP_REQUIRED", "DPOP_URL"),
        ("DPOP_NONCE_SECRET", "DPOP_URL"),
    ];
    match belonging
        .into_iter()
        .find(|(name, to)| env::var_os(name).is_some() && env::var(to).is_err())
    {
        Some((name, to)) => Err(format!("{name} is set, and {to} is not")),
        None => Ok(()),
    }
}

/// How the issuer is asked about opaque tokens.
fn introspection(client: String) -> Result<Introspection, Box<dyn Error>> {
    let asked = match env::var("INTROSPECTION_URL") {
        Ok(url) => Introspection::at(url),
        Err(_) => Introspection::discovered(),
    };
    let mut asked = asked.client_secret_basic(client, required("INTROSPECTION_CLIENT_SECRET")?);
    if env::var_os("INTROSPECTION_SIGNED").is_some() {
        asked = asked.signed_answers();
    }
    if let Ok(seconds) = env::var("INTROSPECTION_SECONDS") {
        asked = asked.cache_for(Duration::from_secs(seconds.parse()?));
    }
    Ok(asked)
}

/// How tokens are checked that are bound to a client certificate, behind an nginx that ends TLS.
fn mutual_tls(header: &str) -> Result<MutualTls, Box<dyn Error>> {
    let proxies = TrustedProxies::at(required("TRUSTED_PROXIES")?.split_whitespace())?;
    let mutual_tls = match env::var_os("CLIENT_CERTIFICATE_REQUIRED") {
        Some(_) => MutualTls::require(),
        None => MutualTls::accept(),
    };
    Ok(mutual_tls.behind(proxies, CertificateHeader::nginx(header)?))
}

/// What is demanded of proofs.
fn dpop(url: String) -> Result<Dpop, Box<dyn Error>> {
    let mut dpop = match env::var_os("DPOP_REQUIRED") {
        Some(_) => Dpop::require(url),
        None => Dpop::accept(url),
    };
    if let Ok(secret) = env::var("DPOP_NONCE_SECRET") {
        dpop = dpop.nonces(DpopNonces::shared(secret)?);
    }
    if let Ok(redis) = env::var("REDIS_URL") {
        dpop = dpop.replays(RedisReplays::new(Redis::single(&redis)?));
    }
    Ok(dpop)
}

/// An authenticator that refuses what has been revoked, and where the issuer says who has logged out.
fn with_revocations(
    auth: AuthenticatorBuilder,
    store: impl RevocationStore + Clone,
) -> Result<(Authenticator, Option<BackChannelLogout>), ConfigError> {
    let Ok(clients) = env::var("BACKCHANNEL_CLIENT_ID") else {
        return Ok((auth.revocations(store).build()?, None));
    };
    let auth = auth.revocations(store.clone()).build()?;
    let mut clients = clients.split_whitespace();
    let first = clients.next().unwrap_or_default();
    let logout = clients.fold(
        BackChannelLogout::builder(&auth, first, store),
        |logout, client| logout.client_id(client),
    );
    let logout = logout.build()?;
    Ok((auth, Some(logout)))
}

/// Who connects decides whether a header of a proxy is believed.
async fn tell_peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
    request.extensions_mut().insert(PeerAddr(peer));
    request
}

async fn public() -> &'static str {
    "anyone may read this\n"
}

/// The token's whole claims set.
async fn me(token: Verified) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "application/json")],
        token.claims_set().as_json().to_owned(),
    )
}

async fn admin(token: Verified) -> Result<&'static str, AuthorizationError> {
    token.scopes().require("admin")?;
    Ok("welcome\n")
}

async fn healthz(State(auth): State<Authenticator>) -> (StatusCode, Json<Health>) {
    let health = auth.health();
    let status = if health.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(health))
}

fn required(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("the environment variable {name}: {error}"))
}

/// Waits for Ctrl-C, or for the signal that asks a service to end.
async fn interrupted() {
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}
