//! How a resource server is deployed.
//!
//!     ISSUER=https://id.example.com AUDIENCE=https://api.example.com BIND=127.0.0.1:3000 \
//!         cargo run --example resource_server
//!
//! `JWKS_URL` names the keys of an issuer without discovery. The server starts, and serves `/public`, even when the
//! issuer is down; what needs a token is answered 503 until the issuer's keys have come. `/healthz` is for the readiness
//! probe: 200 or 503, with what is known of the keys.

use std::env;
use std::error::Error;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::{Json, Router, routing::get};
use tokio::net::TcpListener;
use tower_bearer::health::Health;
use tower_bearer::observe::TracingObserver;
use tower_bearer::{AuthenticateLayer, Authenticator, AuthorizationError, Verified};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .init();

    let mut auth = Authenticator::builder(required("ISSUER")?, required("AUDIENCE")?)
        .observer(TracingObserver);
    if let Ok(url) = env::var("JWKS_URL") {
        auth = auth.jwks_url(url);
    }
    let auth = auth.build()?;
    // The keys come while the server starts, and the first request finds them there.
    auth.start();

    let protected = Router::new()
        .route("/me", get(me))
        .route("/admin", get(admin))
        .layer(AuthenticateLayer::new(auth.clone()));
    let app = Router::new()
        .route("/public", get(public))
        .route("/healthz", get(healthz).with_state(auth))
        .merge(protected);

    let listener = TcpListener::bind(required("BIND")?).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(interrupted())
        .await?;
    Ok(())
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
