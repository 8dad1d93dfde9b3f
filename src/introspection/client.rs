//! How this service proves to the authorization server who it is (RFC 7662 §2.1).

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64_simd::STANDARD;
use http::HeaderValue;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::client_key::ClientKey;
use crate::clock::NumericDate;
use crate::jose::base64url;

/// How long an assertion can be used: the time of one call, and of clocks that differ.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(60);

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The client that this service is at the authorization server, and what proves it.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) authentication: Authentication,
}

#[derive(Clone)]
pub(super) enum Authentication {
    /// `client_secret_basic`
    Basic { secret: String },
    /// `client_secret_post`
    Post { secret: String },
    /// `private_key_jwt`
    Assertion {
        key: ClientKey,
        audience: Option<String>,
    },
    /// A TLS certificate, or whatever else the one who fetches sees to.
    Transport,
}

/// What cannot be signed is not sent.
#[derive(Debug)]
pub(super) struct NotSigned;

impl Client {
    /// What goes into the `Authorization` header, if anything does.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let Authentication::Basic { secret } = &self.authentication else {
            return None;
        };
        // RFC 6749 §2.3.1: both are form-encoded first, so that a colon in the identifier is none.
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(&self.id), encode(secret));
        let value = format!("Basic {}", STANDARD.encode_to_string(pair));
        let mut value = HeaderValue::try_from(value).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Adds to the form what belongs there.
    pub(super) fn add_to(
        &self,
        form: &mut Serializer<'_, String>,
        issuer: &str,
        now: NumericDate,
    ) -> Result<(), NotSigned> {
        match &self.authentication {
            Authentication::Basic { .. } => {}
            Authentication::Post { secret } => {
                form.append_pair("client_id", &self.id);
                form.append_pair("client_secret", secret);
            }
            Authentication::Assertion { key, audience } => {
                let audience = audience.as_deref().unwrap_or(issuer);
                let assertion = self.assertion(key, audience, now).ok_or(NotSigned)?;
                form.append_pair("client_id", &self.id);
                form.append_pair("client_assertion_type", ASSERTION_TYPE);
                form.append_pair("client_assertion", &assertion);
            }
            Authentication::Transport => {
                form.append_pair("client_id", &self.id);
            }
        }
        Ok(())
    }

    /// RFC 7523 §3: who we are, to whom we say so, and for how long that is to be believed.
    fn assertion(&self, key: &ClientKey, audience: &str, now: NumericDate) -> Option<String> {
        let mut header = serde_json::json!({
            "alg": key.signs_by().name(),
            "typ": "JWT",
        });
        if let (Some(key_id), Some(members)) = (key.name(), header.as_object_mut()) {
            members.insert("kid".into(), key_id.into());
        }
        let claims = serde_json::json!({
            "iss": self.id,
            "sub": self.id,
            "aud": audience,
            "jti": fresh_identifier(),
            "iat": now.as_seconds(),
            "exp": now.saturating_add(ASSERTION_LIFETIME).as_seconds(),
        });
        let encode = |json: &serde_json::Value| base64url::encode(json.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = base64url::encode(key.sign(signed.as_bytes())?);
        Some(format!("{signed}.{signature}"))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authentication = match self.authentication {
            Authentication::Basic { .. } => "client_secret_basic",
            Authentication::Post { .. } => "client_secret_post",
            Authentication::Assertion { .. } => "private_key_jwt",
            Authentication::Transport => "by the client that fetches",
        };
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("authentication", &authentication)
            .finish()
    }
}

/// An identifier that was never given out before, by this process or any other. It need not be hard to guess: whoever guesses it
/// has nothing signed.
fn fresh_identifier() -> String {
    static PROCESS: OnceLock<[u64; 2]> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // The keys of a `RandomState` are the operating system's random numbers.
    let [first, second] =
        PROCESS.get_or_init(|| [0, 1].map(|half: u8| RandomState::new().hash_one(half)));
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    base64url::encode([*first, *second, count].map(u64::to_be_bytes).concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: &str, secret: &str) -> Client {
        Client {
            id: id.to_owned(),
            authentication: Authentication::Basic {
                secret: secret.to_owned(),
            },
        }
    }

    #[test]
    fn identifier_and_secret_are_form_encoded_before_they_are_a_basic_credential() {
        for (id, secret, want) in [
            (
                "s6BhdRkqt3",
                "7Fjfp0ZBr1KtDRbnfVdmIw",
                "s6BhdRkqt3:7Fjfp0ZBr1KtDRbnfVdmIw",
            ),
            ("a:b", "c d", "a%3Ab:c+d"),
            (
                "https://api.example",
                "p%+/=&~ü",
                "https%3A%2F%2Fapi.example:p%25%2B%2F%3D%26%7E%C3%BC",
            ),
        ] {
            let value = client(id, secret).authorization().expect("a header");
            let value = value.to_str().expect("a text");
            let encoded = value.strip_prefix("Basic ").expect("the scheme");
            let pair = STANDARD.decode_to_vec(encoded).expect("base64");
            assert_eq!(String::from_utf8(pair).expect("a text"), want);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let client = client("orders", "hush-hush");
        let header = client.authorization();
        let shown = format!("{client:?} {header:?}");
        assert!(
            shown.contains("orders") && !shown.contains("hush"),
            "{shown}"
        );
        assert!(!shown.contains("b3JkZXJz"), "{shown}");
    }

    #[test]
    fn identifiers_are_never_given_out_twice() {
        let mut seen = std::collections::HashSet::new();
        assert!((0..10_000).all(|_| seen.insert(fresh_identifier())));
    }
}
