//! The documents that an issuer publishes, as answers.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::behaviour::Behaviour;
use super::desk::DeskAt;
use super::provider::State;
use super::signing_key::SigningKey;
use crate::jose::Algorithm;

/// The discovery document of an issuer (OpenID Connect Discovery §3, RFC 8414 §2).
pub(super) fn discovery(issuer: &str) -> Value {
    let root = issuer.trim_end_matches('/');
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{root}/authorize"),
        "token_endpoint": format!("{root}/token"),
        "introspection_endpoint": format!("{root}/introspect"),
        "jwks_uri": format!("{root}/jwks"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    })
}

impl State {
    /// A document with the headers chosen for it; 304 if the client has it (RFC 9110 §13.1.2).
    pub(super) fn document(
        &mut self,
        at: DeskAt,
        behaviour: &Behaviour,
        request: &HeaderMap,
    ) -> Response<Vec<u8>> {
        let replaced = self.desks.at(at).replaced.clone();
        let body = replaced.unwrap_or_else(|| self.json(at, behaviour).to_string().into_bytes());
        let desk = self.desks.at(at);
        let media_type = match at {
            DeskAt::KeySet => "application/jwk-set+json",
            _ => "application/json",
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if desk.etags {
            headers.insert(ETAG, entity_tag(&body));
        }
        headers.extend(desk.headers.clone());

        let mut answer = Response::new(body);
        if is_known(&headers, request) {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            answer.body_mut().clear();
            headers.remove(CONTENT_TYPE);
        }
        *answer.headers_mut() = headers;
        answer
    }

    fn json(&mut self, at: DeskAt, behaviour: &Behaviour) -> Value {
        match (at, behaviour) {
            (DeskAt::KeySet, Behaviour::EmptyKeys) => json!({ "keys": [] }),
            (DeskAt::KeySet, Behaviour::ManyKeys(count)) => {
                with_other_keys(self.keys.document(), *count)
            }
            (DeskAt::KeySet, _) => self.keys.document(),
            _ => Value::Object(self.discovery.clone()),
        }
    }
}

/// Adds keys that are sound, each with a key id of its own, and that sign nothing.
fn with_other_keys(mut document: Value, count: usize) -> Value {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let named = |number| key.clone().with_key_id(format!("other-{number}"));
    if let Some(keys) = document.get_mut("keys").and_then(Value::as_array_mut) {
        keys.extend((0..count).map(|number| named(number).public_jwk()));
    }
    document
}

fn entity_tag(content: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    tag.parse().expect("digits between quotation marks")
}

/// Whether `If-None-Match` names our entity tag, compared weakly.
fn is_known(ours: &HeaderMap, theirs: &HeaderMap) -> bool {
    fn opaque(tag: &str) -> &str {
        tag.trim().trim_start_matches("W/")
    }
    let Some(tag) = ours.get(ETAG).and_then(|tag| tag.to_str().ok()) else {
        return false;
    };
    let lists = theirs
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut known = lists.flat_map(|list| list.split(','));
    known.any(|known| known.trim() == "*" || opaque(known) == opaque(tag))
}
