//! `POST /introspect`: what the issuer says of a token (RFC 7662), signed if that is asked for (RFC 9701).

use std::collections::{HashMap, HashSet};

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::mint::TokenBuilder;
use super::token_endpoint::{Form, Grants, Refusal};
use crate::clock::NumericDate;
use crate::jose::{Compact, Header, KeySet};

const SIGNED: &str = "application/token-introspection+jwt";

/// The opaque tokens that were minted, each with what is said of it, and all tokens that were revoked.
#[derive(Default)]
pub(super) struct Register {
    pub(super) opaque: HashMap<String, String>,
    pub(super) revoked: HashSet<String>,
}

/// The endpoint at one request: what its answer is made of.
pub(super) struct IntrospectionEndpoint<'d> {
    pub(super) grants: &'d Grants,
    pub(super) register: &'d Register,
    pub(super) keys: Value,
    pub(super) issuer: &'d str,
    pub(super) now: NumericDate,
}

impl IntrospectionEndpoint<'_> {
    /// What is to be answered to a request.
    pub(super) fn introspect(&self, headers: &HeaderMap, body: &[u8]) -> Result<Said, Refusal> {
        let form = Form::parse(headers, body)?;
        let client = self.grants.authenticate(headers, &form)?;
        let token = form
            .single("token")?
            .ok_or_else(|| Refusal::new("invalid_request"))?;
        let said = (!self.register.revoked.contains(token))
            .then(|| self.say(token))
            .flatten();
        let said = said.unwrap_or_else(|| json!({"active": false}).to_string());
        Ok(if wants_signed(headers) {
            Said::Signed(format!(
                r#"{{"iss":{},"aud":{},"iat":{},"token_introspection":{said}}}"#,
                json!(self.issuer),
                json!(client),
                self.now.as_seconds(),
            ))
        } else {
            Said::Plain(said)
        })
    }

    fn say(&self, token: &str) -> Option<String> {
        let said = match self.register.opaque.get(token) {
            Some(said) => said.clone(),
            None => self.say_of_jwt(token)?,
        };
        let expires_at = serde_json::from_str::<Value>(&said)
            .ok()
            .and_then(|said| said.get("exp")?.as_i64());
        let expired = expires_at.is_some_and(|at| at <= self.now.as_seconds());
        (!expired).then_some(said)
    }

    /// The claims of a JWT that was signed with a published key.
    fn say_of_jwt(&self, token: &str) -> Option<String> {
        let compact = Compact::decode(token, 16 * 1024).ok()?;
        let header = Header::parse(&compact.header).ok()?;
        let keys = KeySet::from_json(self.keys.to_string().as_bytes()).ok()?;
        let verifies = keys
            .select(header.key_id.as_deref(), header.algorithm, self.now)
            .ok()?
            .any(|key| key.verify(header.algorithm, compact.signing_input, &compact.signature));
        let claims: Map<String, Value> = serde_json::from_str(&compact.payload).ok()?;
        verifies.then(|| said_of(claims).to_string())
    }
}

/// What is said of a token, as JSON.
pub(super) enum Said {
    Plain(String),
    /// To be signed.
    Signed(String),
}

impl Said {
    /// The answer; `signer` signs it if that is asked for.
    pub(super) fn answer(self, signer: TokenBuilder) -> Response<Vec<u8>> {
        match self {
            Self::Plain(said) => answer(said, "application/json"),
            Self::Signed(payload) => {
                let signed = signer.typ("token-introspection+jwt").raw_payload(payload);
                answer(signed.sign(), SIGNED)
            }
        }
    }
}

/// What is said of a token with these claims, which may say otherwise.
pub(super) fn said_of(claims: Map<String, Value>) -> Value {
    let mut said = Map::new();
    said.insert("active".into(), true.into());
    said.insert("token_type".into(), "Bearer".into());
    said.extend(claims);
    Value::Object(said)
}

fn wants_signed(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains(SIGNED))
}

fn answer(body: String, media_type: &'static str) -> Response<Vec<u8>> {
    let mut answer = Response::new(body.into_bytes());
    *answer.status_mut() = StatusCode::OK;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
mod tests {
    use std::time::Duration;

    use http::Request;
    use http::header::AUTHORIZATION;

    use super::super::clock::TestClock;
    use super::super::issuer::TestIssuer;
    use crate::fetch::{Fetch, FetchLimits};
    use crate::jose::Algorithm;

    async fn ask(issuer: &TestIssuer, token: &str, accept: &str) -> (u16, String) {
        let request = Request::post(issuer.introspection_url())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", accept)
            .header(AUTHORIZATION, "Basic YTpi")
            .body(format!("token={token}").into_bytes())
            .unwrap();
        let answer = issuer.fetch().fetch(request, FetchLimits::default());
        let answer = answer.await.unwrap();
        let status = answer.status().as_u16();
        (status, String::from_utf8(answer.into_body()).unwrap())
    }

    #[tokio::test]
    async fn it_vouches_for_what_it_gave_out_until_that_is_over_or_revoked() {
        let (clock, issuer) = (TestClock::default(), TestIssuer::new("https://issuer.test"));
        issuer.clock(clock.clone());
        issuer.publish(&[Algorithm::EdDSA]);
        let json = "application/json";
        let active = |said: &str| said.contains(r#""active":true"#);
        let (one, other) = (issuer.token().opaque(), issuer.token().sign());
        let foreign = TestIssuer::new("https://issuer.test").token().sign();
        for (token, good) in [(&one, true), (&other, true), (&foreign, false)] {
            let (status, said) = ask(&issuer, token, json).await;
            assert_eq!((status, active(&said)), (200, good), "{said}");
        }
        issuer.revoke(&one);
        assert!(!active(&ask(&issuer, &one, json).await.1));
        clock.advance(Duration::from_secs(300));
        assert!(!active(&ask(&issuer, &other, json).await.1));

        let said = issuer.token().claim("active", "true").without("exp");
        let (_, said) = ask(&issuer, &said.opaque(), json).await;
        assert!(
            said.contains(r#""active":"true""#) && !said.contains("exp"),
            "{said}"
        );

        let (_, signed) = ask(&issuer, &one, super::SIGNED).await;
        assert_eq!(signed.split('.').count(), 3, "{signed}");
        issuer.allow_client("c", "d");
        assert_eq!(ask(&issuer, &one, json).await.0, 401);
    }
}
