//! The tokens of one run: minted once, the same for all.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_bearer::testing::{RawToken, TestIssuer, TokenBuilder};
use tower_bearer::{Clock, NumericDate, SystemClock};

/// Whom every good token is meant for.
pub const AUDIENCE: &str = "https://api.example.com";
/// How many distinct ones there are of each algorithm.
pub const DISTINCT: usize = 10_000;
/// Longer than any run.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
const HOUR: i64 = 3600;

/// What a handler wants to know: the claims type of all contenders.
#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    pub sub: String,
    pub scope: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    RS256,
    ES256,
    EdDSA,
}

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::RS256, Self::ES256, Self::EdDSA];

    pub fn name(self) -> &'static str {
        self.ours().name()
    }

    pub fn ours(self) -> tower_bearer::Algorithm {
        match self {
            Self::RS256 => tower_bearer::Algorithm::RS256,
            Self::ES256 => tower_bearer::Algorithm::ES256,
            Self::EdDSA => tower_bearer::Algorithm::EdDSA,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Case {
    /// Each token for the first time.
    New,
    /// One token again and again.
    Repeated,
    /// 10 000 tokens in turn, each seen before.
    Distinct,
    BadSignature,
    Expired,
    Garbage,
    NoToken,
}

impl Case {
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::Repeated,
        Self::Distinct,
        Self::BadSignature,
        Self::Expired,
        Self::Garbage,
        Self::NoToken,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new token",
            Self::Repeated => "repeated token",
            Self::Distinct => "10 000 tokens in turn",
            Self::BadSignature => "bad signature",
            Self::Expired => "expired",
            Self::Garbage => "garbage",
            Self::NoToken => "no token",
        }
    }

    pub fn is_good(self) -> bool {
        matches!(self, Self::New | Self::Repeated | Self::Distinct)
    }
}

/// All that a worker is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tokens {
    pub issuer: String,
    pub key_set_url: String,
    pub key_set: Value,
    of: Vec<OfAlgorithm>,
}

/// `Authorization` headers, scheme included.
#[derive(Debug, Serialize, Deserialize)]
pub struct OfAlgorithm {
    algorithm: Algorithm,
    pub public_key: Vec<u8>,
    pub distinct: Vec<String>,
    pub repeated: String,
    pub bad_signature: String,
    pub expired: String,
    pub garbage: String,
}

impl Tokens {
    pub fn mint(issuer: &TestIssuer) -> Self {
        Self {
            issuer: issuer.url().to_owned(),
            key_set_url: issuer.key_set_url(),
            key_set: issuer.key_set(),
            of: Algorithm::ALL
                .map(|algorithm| OfAlgorithm::mint(issuer, algorithm))
                .into(),
        }
    }

    pub fn of(&self, algorithm: Algorithm) -> &OfAlgorithm {
        let of = self.of.iter().find(|of| of.algorithm == algorithm);
        of.expect("minted for each algorithm")
    }
}

impl OfAlgorithm {
    fn mint(issuer: &TestIssuer, algorithm: Algorithm) -> Self {
        let token = |name: &str| good(issuer, algorithm).subject(name);
        let repeated = token("alice").sign();
        Self {
            algorithm,
            public_key: issuer.key(algorithm.ours()).public_key_der(),
            distinct: (0..DISTINCT)
                .map(|number| bearer(&token(&format!("user-{number:05}")).sign()))
                .collect(),
            bad_signature: bearer(&with_bad_signature(&repeated)),
            expired: bearer(&expired(token("alice"), HOUR).sign()),
            garbage: bearer(&garbage(repeated.len())),
            repeated: bearer(&repeated),
        }
    }
}

/// An access token of about 1 KiB with 14 claims.
pub fn good(issuer: &TestIssuer, algorithm: Algorithm) -> TokenBuilder {
    issuer
        .token()
        .algorithm(algorithm.ours())
        .access_token()
        .audience(AUDIENCE)
        .expires_in(LIFETIME)
        .scope("orders:read orders:write invoices:read customers:read customers:write")
        .claim("azp", "web-shop-frontend")
        .claim("sid", "0f8fad5b-d9cb-469f-a165-70867728950e")
        .claim("email", "alice.example@example.com")
        .claim("name", "Alice Example")
        .claim(
            "roles",
            json!(["reader", "writer", "auditor", "support", "offline"]),
        )
        .claim(
            "tenant",
            json!({"id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "name": "acme"}),
        )
}

/// So many seconds ago.
pub fn expired(token: TokenBuilder, seconds: i64) -> TokenBuilder {
    token
        .issued_at(now(-seconds - HOUR))
        .expires_at(now(-seconds))
}

/// So many seconds from now.
pub fn now(offset: i64) -> NumericDate {
    NumericDate::from_seconds(SystemClock.now().as_seconds() + offset)
}

pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// One bit in the middle of the signature differs.
fn with_bad_signature(token: &str) -> String {
    let flip = |mut signature: Vec<u8>| {
        let middle = signature.len() / 2;
        if let Some(octet) = signature.get_mut(middle) {
            *octet ^= 1;
        }
        signature
    };
    RawToken::parse(token).map_signature(flip).join()
}

/// As long as a token, with its characters and its two dots, and nothing in it.
fn garbage(length: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(ALPHABET[usize::try_from(state >> 58).unwrap_or_default()])
    };
    let mut garbage: String = (0..length).map(|_| next()).collect();
    for dot in [80, length * 3 / 4] {
        garbage.replace_range(dot..=dot, ".");
    }
    garbage
}
