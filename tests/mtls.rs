//! Tokens that are bound to a client certificate (RFC 8705 §3): row 55 of the attacks, and row 54 as far as it is about
//! certificates.

#[expect(dead_code, reason = "only a part of it is needed here")]
mod behind;
#[path = "mtls/confirmation.rs"]
mod confirmation;
#[path = "mtls/connection.rs"]
mod connection;
#[path = "mtls/header.rs"]
mod header;
#[path = "mtls/introspected.rs"]
mod introspected;
#[path = "mtls/required.rs"]
mod required;
#[path = "mtls/unsent.rs"]
mod unsent;

use std::net::SocketAddr;

use behind::{AUDIENCE, Answer, INVALID_TOKEN, bearer, builder, get};
use http::Request;
use serde_json::Value;
use tower_bearer::AuthenticatorBuilder;
use tower_bearer::mtls::{ClientCertificate, MutualTls};
use tower_bearer::peer::PeerAddr;
use tower_bearer::testing::{TestIssuer, client_certificate};

/// The only address from which a header counts.
const PROXY: &str = "10.7.0.4:50000";
const STRANGER: &str = "10.7.0.5:50000";

fn alice() -> ClientCertificate {
    client_certificate("alice")
}

fn mallory() -> ClientCertificate {
    client_certificate("mallory")
}

/// A token that is bound to alice's certificate.
fn bound(issuer: &TestIssuer) -> String {
    let token = issuer.token().audience(AUDIENCE);
    token.bound_to_certificate(&alice()).sign()
}

/// A token with this `cnf`.
fn confirmed(issuer: &TestIssuer, cnf: Value) -> String {
    issuer.token().audience(AUDIENCE).claim("cnf", cnf).sign()
}

/// A service whose clients connect to it, and may show a certificate.
fn direct(issuer: &TestIssuer) -> AuthenticatorBuilder {
    builder(issuer).mutual_tls(MutualTls::accept())
}

/// A request by a connection whose client has shown this certificate.
fn shown(token: &str, certificate: Option<ClientCertificate>) -> Request<String> {
    by(token, Some(STRANGER), certificate, &[])
}

/// A request by a connection from `peer`, whose client has shown this certificate, and with these headers.
fn by(
    token: &str,
    peer: Option<&str>,
    certificate: Option<ClientCertificate>,
    headers: &[(&str, &str)],
) -> Request<String> {
    let authorization = bearer(token);
    let mut all = vec![("authorization", authorization.as_str())];
    all.extend_from_slice(headers);
    let mut request = get("/", &all);
    tell(&mut request, peer, certificate);
    request
}

/// What a server tells each request of its connection.
fn tell(request: &mut Request<String>, peer: Option<&str>, shown: Option<ClientCertificate>) {
    let extensions = request.extensions_mut();
    if let Some(peer) = peer {
        let peer: SocketAddr = peer.parse().expect("an address");
        extensions.insert(PeerAddr(peer));
    }
    if let Some(certificate) = shown {
        extensions.insert(certificate);
    }
}

/// Refused as RFC 8705 §3 has it: 401, `invalid_token`; only operators are told why.
#[track_caller]
fn refused(row: &str, answer: &Answer, code: &str) {
    assert_eq!(answer.code(), Some(code), "{row}");
    answer.refused(row, 401, &[INVALID_TOKEN]);
}
