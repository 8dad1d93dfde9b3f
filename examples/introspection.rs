//! Opaque tokens and JWTs side by side: the issuer is asked about the ones, the others are verified with its keys.
//!
//!     cargo run --example introspection
//!
//! With `--check` it asks itself, and ends.

use std::error::Error;
use std::time::Duration;

use axum::body::Body;
use axum::{Router, routing::get};
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_bearer::introspection::Introspection;
use tower_bearer::testing::{Endpoint, TestIssuer};
use tower_bearer::{AuthenticateLayer, Authenticator, Verified};

const AUDIENCE: &str = "https://api.example.com";

async fn me(token: Verified) -> String {
    let name = token.subject().unwrap_or("nobody");
    match token.algorithm() {
        Some(algorithm) => format!("hello {name}, signed with {algorithm}\n"),
        None => format!("hello {name}, for whom the issuer vouches\n"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // The issuer stands for your identity provider, which knows this service as the client "orders-api".
    let issuer = TestIssuer::serve().await;
    issuer.allow_client("orders-api", "a secret of the two");

    // The endpoint is found by discovery. Where the issuer can sign its answers, add `.signed_answers()`; where it takes a key instead of
    // a secret, use `.private_key_jwt("orders-api", key)`.
    let introspection = Introspection::discovered()
        .client_secret_basic("orders-api", "a secret of the two")
        .cache_for(Duration::from_secs(10));
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .introspection(introspection)
        .build()?;
    let app = Router::new()
        .route("/me", get(me))
        .layer(AuthenticateLayer::new(auth));

    let alice = issuer.token().audience(AUDIENCE).subject("alice").opaque();
    let bob = issuer.token().audience(AUDIENCE).subject("bob").sign();
    if std::env::args().any(|argument| argument == "--check") {
        return check(&app, &issuer, &alice, &bob).await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let api = format!("http://{}/me", listener.local_addr()?);
    for (what, token) in [
        ("Opaque, and the issuer says that it is good:", &*alice),
        ("A JWT, which says so itself:", &bob),
        ("Opaque, and made up:", "made-up"),
    ] {
        println!("{what}\n\n    curl -i {api} -H \"Authorization: Bearer {token}\"\n");
    }
    axum::serve(listener, app).await?;
    Ok(())
}

/// What is answered to a request with this token.
async fn ask(
    app: &Router,
    token: &str,
) -> Result<(StatusCode, String), Box<dyn Error + Send + Sync>> {
    let request = Request::get("/me")
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())?;
    let answer = app.clone().oneshot(request).await?;
    let status = answer.status();
    let body = axum::body::to_bytes(answer.into_body(), 1024).await?;
    Ok((status, String::from_utf8(body.to_vec())?))
}

async fn check(
    app: &Router,
    issuer: &TestIssuer,
    alice: &str,
    bob: &str,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let asked = || issuer.requests(Endpoint::Introspection);
    let vouched = (
        StatusCode::OK,
        "hello alice, for whom the issuer vouches\n".to_owned(),
    );
    for _ in 0..100 {
        assert_eq!(ask(app, alice).await?, vouched);
    }
    assert_eq!(
        asked(),
        1,
        "the issuer is asked once, and believed for a while"
    );

    let signed = (StatusCode::OK, "hello bob, signed with RS256\n".to_owned());
    assert_eq!(ask(app, bob).await?, signed);
    assert_eq!(asked(), 1, "a JWT says all there is to say");

    let refused = (StatusCode::UNAUTHORIZED, String::new());
    let other = issuer
        .token()
        .audience("https://other.example.com")
        .opaque();
    assert_eq!(ask(app, "made-up").await?, refused);
    assert_eq!(
        ask(app, &other).await?,
        refused,
        "meant for another service"
    );
    assert_eq!(asked(), 3);

    // A JWT that does not verify is never asked about instead.
    let forged = issuer.token().audience(AUDIENCE).signed_by_stranger();
    assert_eq!(ask(app, &forged.sign()).await?, refused);
    assert_eq!(asked(), 3);

    // Revoked at the issuer, a token is refused as soon as the answer is older than it may be.
    let carol = issuer.token().audience(AUDIENCE).opaque();
    issuer.revoke(&carol);
    assert_eq!(ask(app, &carol).await?, refused);
    println!(
        "introspection: all as it should be, {} questions to the issuer",
        asked()
    );
    Ok(())
}
