//! A demo issuer and a protected API in one process, and two `curl` lines to try them with.
//!
//!     cargo run --example quickstart
//!
//! With `--check` it runs the two lines itself and ends.

use std::error::Error;
use std::process::Command;

use axum::{Router, routing::get};
use tokio::net::TcpListener;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AuthenticateLayer, Authenticator, Verified};

const AUDIENCE: &str = "https://api.example.com";

async fn me(token: Verified) -> String {
    format!("hello {}\n", token.subject().unwrap_or("nobody"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // The issuer stands for your identity provider. The rest is all that a service needs.
    let issuer = TestIssuer::serve().await;

    let auth = Authenticator::builder(issuer.url(), AUDIENCE).build()?;
    let app = Router::new()
        .route("/me", get(me))
        .layer(AuthenticateLayer::new(auth));
    let listener = TcpListener::bind("127.0.0.1:0").await?;

    let api = format!("http://{}/me", listener.local_addr()?);
    let token = format!(
        "curl -s {} -d grant_type=client_credentials -d client_id=alice -d client_secret=secret -d audience={AUDIENCE}",
        issuer.token_url()
    );
    let accepted = format!(
        r#"curl -i {api} -H "Authorization: Bearer $({token} | sed 's/.*"access_token":"\([^"]*\)".*/\1/')""#
    );
    let refused = format!(r#"curl -i {api} -H "Authorization: Bearer no.good.token""#);
    println!("Gets a token and is let in:\n\n    {accepted}\n\nIs refused:\n\n    {refused}\n");

    let server = async { axum::serve(listener, app).await };
    if std::env::args().any(|argument| argument == "--check") {
        let server = tokio::spawn(server);
        let outcome = tokio::task::spawn_blocking(move || check(&accepted, &refused)).await?;
        server.abort();
        return outcome;
    }
    Ok(server.await?)
}

/// Runs both lines as a shell would.
fn check(accepted: &str, refused: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let answer = |line: &str| -> Result<String, Box<dyn Error + Send + Sync>> {
        let output = Command::new("sh").args(["-c", line]).output()?;
        Ok(String::from_utf8(output.stdout)?)
    };
    for (line, status, text) in [
        (accepted, "HTTP/1.1 200", "hello alice"),
        (refused, "HTTP/1.1 401", "error=\"invalid_token\""),
    ] {
        let answer = answer(line)?;
        if !answer.starts_with(status) || !answer.contains(text) {
            return Err(format!("wanted {status} and {text}, got: {answer}").into());
        }
    }
    println!("both lines work");
    Ok(())
}
