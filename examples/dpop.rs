//! A stolen token is of no use: each request carries a proof that its sender has the key which the token is bound to (RFC 9449).
//!
//!     cargo run --example dpop
//!
//! The client makes a key, gets a token that is bound to it, and signs a proof for each request with the nonce that the server gave it.
//! It prints what both say to each other. With `--check` it also tries what a thief would, and ends. Plain HTTP will do here since
//! all of it stays on this machine.

use std::error::Error;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Router, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_bearer::dpop::{Dpop, DpopNonces};
use tower_bearer::testing::{ProofBuilder, SigningKey, TestIssuer};
use tower_bearer::{Algorithm, AuthenticateLayer, Authenticator, Verified};

const AUDIENCE: &str = "https://api.example.com";

type Failure = Box<dyn Error + Send + Sync>;

async fn me(token: Verified) -> String {
    format!("hello {}\n", token.subject().unwrap_or("nobody"))
}

/// A server that takes no token without a proof; the URL under which its clients know it.
async fn start(issuer: &TestIssuer) -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    // Several servers behind one name share a secret, `DpopNonces::shared`, and what remembers used proofs, `RedisReplays`.
    let dpop = Dpop::require(&*url).nonces(DpopNonces::random());
    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .dpop(dpop)
        .build()?;
    let app = Router::new()
        .route("/me", get(me))
        .layer(AuthenticateLayer::new(auth));
    tokio::spawn(async move { serve(listener, app).await });
    Ok(url)
}

/// A client with a key of its own, a token that is bound to it, and the nonce that the server wants next.
struct Client {
    url: String,
    key: SigningKey,
    token: String,
    nonce: Option<String>,
}

impl Client {
    fn new(url: &str, issuer: &TestIssuer) -> Self {
        let key = SigningKey::generate(Algorithm::ES256);
        // Your client proves to the token endpoint that it has the key, and gets the token bound to it.
        let token = issuer.token().audience(AUDIENCE).bound_to(&key).sign();
        Self {
            url: url.to_owned(),
            key,
            token,
            nonce: None,
        }
    }

    /// A proof for one `GET` of `/me` with the token.
    fn proof(&self) -> String {
        let uri = format!("{}/me", self.url);
        let proof = ProofBuilder::new(&self.key, "GET", uri).access_token(&self.token);
        match &self.nonce {
            Some(nonce) => proof.nonce(nonce).sign(),
            None => proof.sign(),
        }
    }

    /// Asks; and once more if the server wants another nonce. One that comes with a good answer is for the next request.
    async fn me(&mut self) -> Result<Answer, Failure> {
        let mut answer = self.ask("DPoP", Some(&self.proof())).await?;
        if answer.status == 401 && answer.challenges.contains("error=\"use_dpop_nonce\"") {
            self.nonce = answer.nonce;
            answer = self.ask("DPoP", Some(&self.proof())).await?;
        }
        if answer.nonce.is_some() {
            self.nonce.clone_from(&answer.nonce);
        }
        Ok(answer)
    }

    /// One request, as it is told.
    async fn ask(&self, scheme: &str, proof: Option<&str>) -> Result<Answer, Failure> {
        let host = self.url.trim_start_matches("http://");
        let mut request = format!(
            "GET /me HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: {scheme} {}\r\n",
            self.token
        );
        if let Some(proof) = proof {
            request.push_str(&format!("dpop: {proof}\r\n"));
        }
        request.push_str("\r\n");
        let mut stream = TcpStream::connect(host).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let answer = Answer::read(&text)?;
        println!(
            "{scheme} token, {}",
            if proof.is_some() {
                "a proof"
            } else {
                "no proof"
            }
        );
        println!("  {}", answer.status);
        for line in [Some(&answer.challenges), answer.nonce.as_ref()]
            .into_iter()
            .flatten()
        {
            if !line.is_empty() {
                println!("  {line}");
            }
        }
        Ok(answer)
    }
}

struct Answer {
    status: StatusCode,
    challenges: String,
    nonce: Option<String>,
    body: String,
}

impl Answer {
    fn read(text: &str) -> Result<Self, Failure> {
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no answer")?;
        let status = head.split(' ').nth(1).ok_or("no status")?.parse()?;
        let values = |wanted: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            let values: Vec<_> = lines
                .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value)
                .collect();
            values.join(", ")
        };
        Ok(Self {
            status,
            challenges: values("www-authenticate"),
            nonce: Some(values("dpop-nonce")).filter(|nonce| !nonce.is_empty()),
            body: body.to_owned(),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // The issuer stands for your identity provider.
    let issuer = TestIssuer::serve().await;
    let url = start(&issuer).await?;
    let mut client = Client::new(&url, &issuer);
    let answer = client.me().await?;
    print!("{}", answer.body);
    want(
        "the owner, by the nonce that it was given",
        200,
        "",
        &answer,
    )?;
    if std::env::args().any(|argument| argument == "--check") {
        check(client).await?;
        println!("every answer is as it should be");
    }
    Ok(())
}

/// The owner comes again; then somebody who has seen all of that.
async fn check(mut client: Client) -> Result<(), Failure> {
    let answer = client.ask("DPoP", Some(&client.proof())).await?;
    want("the owner, by the same nonce", 200, "", &answer)?;
    want("the owner, once more", 200, "", &client.me().await?)?;

    let seen = client.proof();
    let answer = client.ask("DPoP", Some(&seen)).await?;
    want("a proof", 200, "", &answer)?;
    let answer = client.ask("DPoP", Some(&seen)).await?;
    want("the same proof again", 401, "invalid_dpop_proof", &answer)?;
    let answer = client.ask("DPoP", None).await?;
    want("the token alone", 401, "invalid_dpop_proof", &answer)?;
    let answer = client.ask("Bearer", None).await?;
    want("the token as Bearer", 401, "invalid_token", &answer)?;
    let thief = Client {
        key: SigningKey::generate(Algorithm::ES256),
        ..client
    };
    let answer = thief.ask("DPoP", Some(&thief.proof())).await?;
    want("a proof by another key", 401, "invalid_token", &answer)
}

fn want(what: &str, status: u16, error: &str, answer: &Answer) -> Result<(), Failure> {
    let error = format!("error=\"{error}\"");
    let told = error == "error=\"\"" || answer.challenges.contains(&error);
    if answer.status == status && told {
        return Ok(());
    }
    let (found, challenges) = (answer.status, &answer.challenges);
    Err(format!("{what}: wanted {status}, got {found}: {challenges}").into())
}
