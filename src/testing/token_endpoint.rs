//! `POST /token`: the client credentials grant (RFC 6749 §4.4), so that `curl` can have a token.

use std::time::Duration;

use base64_simd::STANDARD;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::mint::TokenBuilder;

/// Who may ask for what.
#[derive(Clone, Default)]
pub(super) struct Grants {
    /// Identifier and secret of each client; if there is none, anybody is a client.
    pub(super) clients: Vec<(String, String)>,
    pub(super) audience: Option<String>,
    pub(super) lifetime: Option<Duration>,
}

const LIFETIME: Duration = Duration::from_secs(300);

impl Grants {
    /// Answers a token request, finishing `token` for its client.
    pub(super) fn answer(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        token: TokenBuilder,
        issuer: &str,
    ) -> Response<Vec<u8>> {
        match self.grant(headers, body, token, issuer) {
            Ok(grant) => json_answer(StatusCode::OK, &grant),
            Err(refusal) => refusal.answer(),
        }
    }

    fn grant(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        token: TokenBuilder,
        issuer: &str,
    ) -> Result<Value, Refusal> {
        let form = Form::parse(headers, body)?;
        let client = self.authenticate(headers, &form)?;
        match form.single("grant_type")? {
            Some("client_credentials") => {}
            Some(_) => return Err(Refusal::new("unsupported_grant_type")),
            None => return Err(Refusal::new("invalid_request")),
        }
        let scope = form.single("scope")?.unwrap_or("read");
        if !is_scope(scope) {
            return Err(Refusal::new("invalid_scope"));
        }
        let mut audiences: Vec<&str> = form.all("audience").chain(form.all("resource")).collect();
        if audiences.is_empty() {
            audiences.push(self.audience.as_deref().unwrap_or(issuer));
        }
        let lifetime = self.lifetime.unwrap_or(LIFETIME);
        let token = match audiences.as_slice() {
            [audience] => token.audience(*audience),
            several => token.audiences(several),
        };
        let token = token
            .subject(&client)
            .client_id(&client)
            .scope(scope)
            .expires_in(lifetime)
            .access_token();
        Ok(json!({
            "access_token": token.sign(),
            "token_type": "Bearer",
            "expires_in": lifetime.as_secs(),
            "scope": scope,
        }))
    }

    /// The client's identifier (RFC 6749 §2.3.1): by HTTP Basic, or in the form.
    pub(super) fn authenticate(&self, headers: &HeaderMap, form: &Form) -> Result<String, Refusal> {
        let in_form = form.single("client_id")?.unwrap_or("test-client");
        let secret_in_form = form.single("client_secret")?;
        let (client, secret, by_header) = match headers.get(AUTHORIZATION) {
            Some(_) if secret_in_form.is_some() => return Err(Refusal::new("invalid_request")),
            Some(value) => {
                let (client, secret) = basic(value).ok_or_else(Refusal::unknown_client)?;
                (client, secret, true)
            }
            None => (
                in_form.to_owned(),
                secret_in_form.unwrap_or_default().to_owned(),
                false,
            ),
        };
        let known = self.clients.is_empty()
            || self
                .clients
                .iter()
                .any(|(id, wanted)| *id == client && *wanted == secret);
        match (known, by_header) {
            (true, _) => Ok(client),
            (false, true) => Err(Refusal::unknown_client()),
            (false, false) => Err(Refusal::new("invalid_client").status(StatusCode::UNAUTHORIZED)),
        }
    }
}

/// The parameters of a request, in order.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let media_type = content_type
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        if !media_type
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(Refusal::new("invalid_request"));
        }
        Ok(Self(form_urlencoded::parse(body).into_owned().collect()))
    }

    fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        let named = move |(found, value): &'f (String, String)| {
            (found == name && !value.is_empty()).then_some(value.as_str())
        };
        self.0.iter().filter_map(named)
    }

    /// RFC 6749 §3.2: a parameter must not be included more than once.
    pub(super) fn single<'f>(&'f self, name: &'f str) -> Result<Option<&'f str>, Refusal> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            None => Ok(first),
            Some(_) => Err(Refusal::new("invalid_request")),
        }
    }
}

/// An error of RFC 6749 §5.2.
pub(super) struct Refusal {
    error: &'static str,
    status: StatusCode,
    challenge: bool,
}

impl Refusal {
    pub(super) fn new(error: &'static str) -> Self {
        Self {
            error,
            status: StatusCode::BAD_REQUEST,
            challenge: false,
        }
    }

    fn unknown_client() -> Self {
        Self {
            challenge: true,
            ..Self::new("invalid_client").status(StatusCode::UNAUTHORIZED)
        }
    }

    fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn answer(&self) -> Response<Vec<u8>> {
        let mut answer = json_answer(self.status, &json!({ "error": self.error }));
        if self.challenge {
            let challenge = HeaderValue::from_static("Basic realm=\"token\"");
            answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

fn basic(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode_to_vec(credentials.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (client, secret) = decoded.split_once(':')?;
    Some((form_decoded(client), form_decoded(secret)))
}

/// RFC 6749 §2.3.1: identifier and secret are form-encoded before they go into the header.
fn form_decoded(text: &str) -> String {
    let pair = form_urlencoded::parse(text.as_bytes()).next();
    pair.map_or_else(String::new, |(name, _)| name.into_owned())
}

/// RFC 6749 §3.3.
fn is_scope(scope: &str) -> bool {
    let allowed = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    scope
        .split(' ')
        .all(|name| !name.is_empty() && name.bytes().all(allowed))
}

fn json_answer(status: StatusCode, body: &Value) -> Response<Vec<u8>> {
    let mut answer = Response::new(body.to_string().into_bytes());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
mod tests {
    use super::super::issuer::TestIssuer;
    use super::*;
    use crate::jose::Algorithm;

    fn ask(grants: &Grants, authorization: Option<&str>, body: &str) -> Response<Vec<u8>> {
        let issuer = TestIssuer::new("https://issuer.test");
        issuer.publish(&[Algorithm::EdDSA]);
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        grants.answer(&headers, body.as_bytes(), issuer.token(), issuer.url())
    }

    #[test]
    fn a_request_is_granted_or_refused_by_the_words_of_rfc_6749() {
        let open = Grants::default();
        let closed = Grants {
            clients: vec![("shop".into(), "s3cret".into())],
            ..Grants::default()
        };
        let shop = "grant_type=client_credentials&client_id=shop";
        for (grants, authorization, body, status, error) in [
            (&open, None, "grant_type=client_credentials", 200, None),
            (&open, None, "", 400, Some("invalid_request")),
            (
                &open,
                None,
                "grant_type=password",
                400,
                Some("unsupported_grant_type"),
            ),
            (
                &open,
                None,
                "grant_type=a&grant_type=a",
                400,
                Some("invalid_request"),
            ),
            (
                &open,
                None,
                "grant_type=client_credentials&scope=%22",
                400,
                Some("invalid_scope"),
            ),
            (&closed, None, shop, 401, Some("invalid_client")),
            (
                &closed,
                None,
                &format!("{shop}&client_secret=s3cret"),
                200,
                None,
            ),
            (
                &closed,
                Some("Basic c2hvcDpzM2NyZXQ="),
                "grant_type=client_credentials",
                200,
                None,
            ),
            (
                &closed,
                Some("Basic !"),
                "grant_type=client_credentials",
                401,
                Some("invalid_client"),
            ),
        ] {
            let answer = ask(grants, authorization, body);
            assert_eq!(answer.status(), status, "{body}");
            let json: Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(json.get("error").and_then(Value::as_str), error, "{body}");
            assert_eq!(json.get("access_token").is_some(), status == 200, "{body}");
        }
    }
}
