//! Requests that must be refused, and some that must not: who does?

use serde_json::json;
use tower_bearer::testing::{RawToken, SigningKey, TestIssuer, TokenBuilder};

use crate::tokens::{AUDIENCE, Algorithm, bearer, expired, good, now};

/// A request, and what ought to become of it.
pub struct Probe {
    pub name: &'static str,
    pub headers: Vec<String>,
    pub wanted: Wanted,
}

/// What the standards say, not what we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Accepted,
    Refused,
    /// A verifier may choose.
    Either,
}

impl Wanted {
    pub fn is_met_by(self, status: u16) -> bool {
        match self {
            Self::Accepted => status == 200,
            Self::Refused => (400..500).contains(&status),
            Self::Either => status < 500,
        }
    }
}

/// The last of them is signed with a key that is published by this call.
pub fn probes(issuer: &TestIssuer) -> Vec<Probe> {
    let token = || good(issuer, Algorithm::RS256);
    let one = |name, token: TokenBuilder, wanted| Probe {
        name,
        headers: vec![bearer(&token.sign())],
        wanted,
    };
    let refused = |name, token| one(name, token, Wanted::Refused);
    let either = |name, token| one(name, token, Wanted::Either);
    let accepted = |name, headers| Probe {
        name,
        headers,
        wanted: Wanted::Accepted,
    };
    let key = issuer.key(Algorithm::RS256.ours());
    let key_id = key.key_id().unwrap_or_default().to_owned();
    let other_key_id = issuer.key(Algorithm::ES256.ours());
    let other_key_id = other_key_id.key_id().unwrap_or_default().to_owned();
    let payload = decoded(&token().sign());
    let twice = |member: &str| payload.replacen('{', &format!("{{{member},"), 1);
    let new_key = SigningKey::generate(Algorithm::RS256.ours()).with_key_id("new");
    let probes = vec![
        either("expired 30 s ago", expired(token(), 30)),
        refused("`nbf` an hour ahead", token().not_before(now(3600))),
        either("`iat` an hour ahead", token().issued_at(now(3600))),
        refused("`exp` absent", token().without("exp")),
        refused(
            "`exp` a string",
            token().claim("exp", now(3600).as_seconds().to_string()),
        ),
        refused("another `iss`", token().issuer("https://evil.example")),
        refused("`iss` absent", token().without("iss")),
        refused(
            "`iss` an array with ours",
            token().claim("iss", json!([issuer.url(), "https://evil.example"])),
        ),
        refused("another `aud`", token().audience("https://other.example")),
        refused("`aud` absent", token().without("aud")),
        refused("`typ: dpop+jwt`", token().typ("dpop+jwt")),
        refused(
            "an ID token (`nonce`, `at_hash`) for our audience",
            token().typ("JWT").claim("nonce", "n").claim("at_hash", "h"),
        ),
        refused(
            "unknown `crit`",
            token()
                .header("crit", json!(["urn:example:x"]))
                .header("urn:example:x", "yes"),
        ),
        refused(
            "bound to a DPoP key, sent as Bearer",
            token().claim(
                "cnf",
                json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
            ),
        ),
        refused(
            "`sub` twice",
            token().raw_payload(twice(r#""sub":"mallory""#)),
        ),
        refused(
            "`tenant` twice, which the claims type does not name",
            token().raw_payload(twice(r#""tenant":"evil""#)),
        ),
        refused(
            "signed by a stranger under our `kid`",
            token().signed_by_stranger(),
        ),
        refused(
            "HS256 with our public key as the secret",
            token()
                .signed_with_secret(
                    tower_bearer::Algorithm::HS256,
                    key.public_key_pem().as_bytes(),
                )
                .key_id(key_id.clone()),
        ),
        refused(
            "`alg: none`",
            token()
                .raw_header(json!({"alg": "none", "kid": key_id}).to_string())
                .raw_signature(Vec::new()),
        ),
        refused(
            "RS256 under the `kid` of the EC key",
            token().key_id(other_key_id),
        ),
        Probe {
            name: "two `Authorization` headers",
            headers: vec![
                bearer(&token().sign()),
                bearer(&token().subject("mallory").sign()),
            ],
            wanted: Wanted::Refused,
        },
        accepted(
            "scheme in lower case",
            vec![format!("bearer {}", token().sign())],
        ),
        accepted(
            "`aud` an array with ours",
            vec![bearer(&token().audiences(&["other", AUDIENCE]).sign())],
        ),
        accepted(
            "`exp` with a fraction",
            vec![bearer(
                &token()
                    .claim("exp", json!(now(3600).as_seconds() as f64 + 0.5))
                    .sign(),
            )],
        ),
        accepted(
            "signed with a key published a moment ago",
            vec![bearer(&token().signed_by(&new_key).sign())],
        ),
    ];
    issuer.add_key(&new_key);
    probes
}

/// The payload's JSON.
fn decoded(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap_or_default();
    // The one part that the test kit decodes.
    let bytes = RawToken::new().signature_text(payload).signature_bytes();
    String::from_utf8(bytes).expect("JSON is text")
}
