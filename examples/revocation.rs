//! Log out everywhere: a user logs out at one server, and another refuses their token from then on.
//!
//!     cargo run --example revocation
//!     REDIS_URL=redis://127.0.0.1:6379 cargo run --example revocation
//!
//! Both servers ask one store: each with a connection and a copy of its own where `REDIS_URL` is set, as on two machines; else both
//! share one in memory. It prints `curl` lines to try it with. With `--check` it asks itself and ends.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tower_bearer::redis::Redis;
use tower_bearer::revocation::{InMemoryRevocations, RedisRevocations, RevocationStore};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AuthenticateLayer, Authenticator, Verified};

const AUDIENCE: &str = "https://api.example.com";

type Failure = Box<dyn Error + Send + Sync>;

async fn me(token: Verified) -> String {
    format!("hello {}\n", token.subject().unwrap_or("nobody"))
}

/// Refuses every token that the user has been given up to now, whoever shows it, and wherever.
async fn log_out<R: RevocationStore>(State(store): State<R>, token: Verified) -> StatusCode {
    let Some(user) = token.subject() else {
        return StatusCode::FORBIDDEN;
    };
    match store.log_out_everywhere(token.issuer(), user).await {
        Ok(()) => StatusCode::NO_CONTENT,
        // Not done: the user must be told, and has to try again.
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// A server of its own, with what it needs to know of issuer and store; where it listens.
async fn start<R>(issuer: &TestIssuer, store: R) -> Result<SocketAddr, Failure>
where
    R: RevocationStore + Clone,
{
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .revocations(store.clone())
        .build()?;
    let app = Router::new()
        .route("/me", get(me))
        .route("/logout", post(log_out::<R>))
        .with_state(store)
        .layer(AuthenticateLayer::new(auth));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { serve(listener, app).await });
    Ok(address)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // The issuer stands for your identity provider.
    let issuer = TestIssuer::serve().await;
    let servers = match std::env::var("REDIS_URL") {
        Ok(url) => {
            println!("both servers ask Redis");
            let store = || Ok::<_, Failure>(RedisRevocations::new(Redis::single(&url)?));
            [
                start(&issuer, store()?).await?,
                start(&issuer, store()?).await?,
            ]
        }
        Err(_) => {
            println!("both servers share one store in memory");
            let store = InMemoryRevocations::new();
            [
                start(&issuer, store.clone()).await?,
                start(&issuer, store).await?,
            ]
        }
    };
    if std::env::args().any(|argument| argument == "--check") {
        return check(&issuer, servers).await;
    }
    let token = issuer.token().audience(AUDIENCE).sign();
    let [one, two] = servers;
    println!("\nTOKEN={token}\n");
    println!("curl -i http://{two}/me -H \"Authorization: Bearer $TOKEN\"");
    println!("curl -i -X POST http://{one}/logout -H \"Authorization: Bearer $TOKEN\"");
    println!("curl -i http://{two}/me -H \"Authorization: Bearer $TOKEN\"");
    Ok(tokio::signal::ctrl_c().await?)
}

/// Logs a user out at one server, and looks at what both answer then.
async fn check(issuer: &TestIssuer, [one, two]: [SocketAddr; 2]) -> Result<(), Failure> {
    let token = |user: String| issuer.token().audience(AUDIENCE).subject(user).sign();
    // Redis may know them from the last time.
    let run = std::process::id();
    let (alice, bob) = (format!("alice-{run}"), format!("bob-{run}"));
    let [phone, laptop, other] = [&alice, &alice, &bob].map(|user| token(user.clone()));
    for server in [one, two] {
        for token in [&phone, &laptop, &other] {
            want("before", 200, ask(server, "GET /me", token).await?)?;
        }
    }
    want("logout", 204, ask(one, "POST /logout", &phone).await?)?;
    let begun = Instant::now();
    want("there, at once", 401, ask(one, "GET /me", &phone).await?)?;
    want("every token", 401, ask(one, "GET /me", &laptop).await?)?;
    for token in [&phone, &laptop] {
        while ask(two, "GET /me", token).await? != 401 {
            if begun.elapsed() > Duration::from_secs(1) {
                return Err("the other server has not seen it within a second".into());
            }
        }
    }
    println!("the other server refuses after {:?}", begun.elapsed());
    for server in [one, two] {
        want("somebody else", 200, ask(server, "GET /me", &other).await?)?;
    }
    // A token has whole seconds, and that of the logout counts as before it.
    sleep(Duration::from_millis(1100)).await;
    let anew = token(alice);
    for server in [one, two] {
        want("logged in again", 200, ask(server, "GET /me", &anew).await?)?;
        want("the old token", 401, ask(server, "GET /me", &phone).await?)?;
    }
    println!("every answer is as it should be");
    Ok(())
}

fn want(what: &str, wanted: u16, status: u16) -> Result<(), Failure> {
    if status == wanted {
        return Ok(());
    }
    Err(format!("{what}: wanted {wanted}, got {status}").into())
}

/// The status of the answer to such a request.
async fn ask(server: SocketAddr, line: &str, token: &str) -> Result<u16, Failure> {
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\ncontent-length: 0\r\n\
         authorization: Bearer {token}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).ok_or("no answer")?;
    Ok(status.parse()?)
}
