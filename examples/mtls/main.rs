//! Tokens that are bound to a client certificate, at hyper, axum-server and tonic, and at hyper behind nginx.
//!
//!     cargo run --example mtls
//!
//! It prints `curl` lines to try them with. With `--check` it runs them itself, calls tonic too, and ends. Where no nginx is
//! installed the last server is left out, and it says so; but with `CI=true` in the environment that is a failure.

mod certificates;
mod nginx;
mod on_axum_server;
mod on_hyper;
mod on_tonic;

use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use certificates::{Authority, Identity};
use tokio::process::Command;
use tonic::Code;
use tower_bearer::Authenticator;
use tower_bearer::mtls::{CertificateHeader, ClientCertificate, MutualTls};
use tower_bearer::peer::TrustedProxies;
use tower_bearer::testing::TestIssuer;

type Failure = Box<dyn Error + Send + Sync>;

const AUDIENCE: &str = "https://api.example.com";

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("tower-bearer-mtls-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let outcome = run(&folder).await;
    fs::remove_dir_all(&folder)?;
    outcome
}

async fn run(folder: &Path) -> Result<(), Failure> {
    // They stand for your identity provider and your certificate authority.
    let issuer = TestIssuer::serve().await;
    let authority = Authority::in_folder(folder)?;
    let server = authority.server("localhost")?;
    let (alice, mallory) = (authority.client("alice")?, authority.client("mallory")?);

    let auth = Authenticator::builder(issuer.url(), AUDIENCE)
        .mutual_tls(MutualTls::accept())
        .build()?;
    // Whoever connects to it from this machine is nginx. Elsewhere that would be its address.
    let proxies = TrustedProxies::at(["127.0.0.1"])?;
    let header = CertificateHeader::nginx("x-ssl-cert")?;
    let auth_behind_nginx = Authenticator::builder(issuer.url(), AUDIENCE)
        .mutual_tls(MutualTls::accept().behind(proxies, header))
        .build()?;

    let mut servers = vec![
        on_hyper::serve(authority.tls(&server)?, auth.clone()).await?,
        on_axum_server::serve(authority.tls(&server)?, auth.clone()).await?,
    ];
    let behind = on_hyper::serve_behind_proxy(auth_behind_nginx).await?;
    let nginx = nginx::start(folder, behind).await?;
    if nginx.is_none() && std::env::var("CI").is_ok_and(|value| value == "true") {
        return Err("there is no nginx here".into());
    }
    servers.extend(nginx.as_ref().map(|(_, address)| *address));
    let tonic = on_tonic::serve(&authority, &server, auth).await?;

    // A token of alice's, of no use to anyone else.
    let certificate = ClientCertificate::from_der(&alice.certificate)?;
    let token = issuer.token().audience(AUDIENCE);
    let token = token.bound_to_certificate(&certificate).sign();

    if !std::env::args().any(|argument| argument == "--check") {
        for server in servers {
            let arguments = curl(folder, server, Some(&alice), &token, &[]).join("' '");
            println!("curl '{arguments}'");
        }
        if nginx.is_none() {
            println!("there is no nginx here");
        }
        return Ok(tokio::signal::ctrl_c().await?);
    }
    let forged = format!("x-ssl-cert: {}", escaped(&alice.pem));
    for server in servers {
        for (client, headers, wanted) in [
            (Some(&alice), &[][..], "200"),
            (Some(&mallory), &[], "401"),
            (None, &[], "401"),
            (Some(&mallory), &[&*forged], "401"),
            (None, &[&*forged], "401"),
        ] {
            let arguments = curl(folder, server, client, &token, headers);
            let output = Command::new("curl").args(&arguments).output().await?;
            let status = String::from_utf8_lossy(&output.stdout);
            if !status.ends_with(wanted) {
                return Err(format!("wanted {wanted}, got {status} of {arguments:?}").into());
            }
        }
    }
    for (client, wanted) in [
        (Some(&alice), Code::Ok),
        (Some(&mallory), Code::Unauthenticated),
        (None, Code::Unauthenticated),
    ] {
        let code = on_tonic::call(tonic, &authority, client, &token).await?;
        if code != wanted {
            return Err(format!("wanted {wanted:?}, got {code:?} of tonic").into());
        }
    }
    match nginx {
        Some(_) => println!("every answer is as it should be"),
        None => println!("every answer is as it should be; NOT CHECKED: there is no nginx here"),
    }
    Ok(())
}

/// The arguments for `curl` to ask a server as this client, and to print the answer's body and status.
fn curl(
    folder: &Path,
    server: SocketAddr,
    client: Option<&Identity>,
    token: &str,
    headers: &[&str],
) -> Vec<String> {
    let authority = folder.join("authority.pem").display().to_string();
    let url = format!("https://localhost:{}/", server.port());
    let credential = format!("authorization: Bearer {token}");
    let mut arguments = vec![
        "--silent",
        "--max-time",
        "10",
        "--write-out",
        "%{http_code}",
    ];
    arguments.extend(["--cacert", &authority, "--header", &credential]);
    for header in headers {
        arguments.extend(["--header", header]);
    }
    let files = client.map(|client| {
        client
            .files
            .each_ref()
            .map(|file| file.display().to_string())
    });
    if let Some([certificate, key]) = &files {
        arguments.extend(["--cert", certificate, "--key", key]);
    }
    arguments.push(&url);
    arguments.into_iter().map(str::to_owned).collect()
}

/// A certificate as nginx would write it.
fn escaped(pem: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    pem.bytes().map(escaped).collect()
}
