//! Opaque tokens, about which their issuer is asked: RFC 7662 and RFC 9701, against issuers that lie, hang and flood.

#[path = "introspection/answers.rs"]
mod answers;
#[path = "introspection/building.rs"]
mod building;
#[path = "introspection/calls.rs"]
mod calls;
#[path = "introspection/clients.rs"]
mod clients;
#[path = "introspection/jwts.rs"]
mod jwts;
#[path = "introspection/operators.rs"]
mod operators;
#[path = "introspection/outages.rs"]
mod outages;
#[path = "introspection/policy.rs"]
mod policy;
#[path = "introspection/remembered.rs"]
mod remembered;
#[path = "introspection/shapes.rs"]
mod shapes;
#[path = "introspection/signed.rs"]
mod signed;
#[path = "introspection/sockets.rs"]
mod sockets;
#[expect(dead_code, reason = "other tests need more of it")]
mod support;

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use support::{AUDIENCE, Stage};
use tower_bearer::AuthenticatorBuilder;
use tower_bearer::fetch::{Fetch, FetchLimits};
use tower_bearer::introspection::Introspection;
use tower_bearer::testing::{Behaviour, Endpoint, MemoryFetch, TestIssuer};

const CLIENT: &str = "orders-api";
const SECRET: &str = "s3cret of the orders api";

/// How this service asks, unless a test is about that.
fn settings() -> Introspection {
    Introspection::discovered().client_secret_basic(CLIENT, SECRET)
}

/// A service that asks its issuer about opaque tokens, with the keys for JWTs at hand.
async fn stage(settings: Introspection) -> Stage {
    stage_with(settings, |builder| builder).await
}

async fn stage_with(
    settings: Introspection,
    demand: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder,
) -> Stage {
    Stage::with(
        |issuer| issuer.allow_client(CLIENT, SECRET),
        |builder| demand(builder.introspection(settings)),
    )
    .await
}

impl Stage {
    /// An opaque token that is good.
    fn opaque(&self) -> String {
        self.token().opaque()
    }

    /// How often the issuer was asked about a token.
    fn asked(&self) -> usize {
        self.issuer.requests(Endpoint::Introspection)
    }

    /// From now on the issuer says this of every token.
    fn say(&self, answer: Response<Vec<u8>>) {
        self.issuer
            .behave_at(Endpoint::Introspection, Behaviour::Answer(answer));
    }
}

/// An answer of this media type.
fn answer(media_type: &str, body: impl Into<Vec<u8>>) -> Response<Vec<u8>> {
    Response::builder()
        .header("content-type", media_type)
        .body(body.into())
        .expect("an answer")
}

/// Keeps what is sent through it.
#[derive(Clone)]
struct Recorded {
    seen: Arc<Mutex<Vec<Request<Vec<u8>>>>>,
    fetch: MemoryFetch,
}

impl Recorded {
    fn of(issuer: &TestIssuer) -> Self {
        Self {
            seen: Arc::default(),
            fetch: issuer.fetch(),
        }
    }

    fn fetch(&self) -> impl Fetch + use<> {
        let (seen, fetch) = (Arc::clone(&self.seen), self.fetch.clone());
        move |request: Request<Vec<u8>>, limits: FetchLimits| {
            seen.lock().expect("no panic").push(request.clone());
            fetch.fetch(request, limits)
        }
    }

    /// The requests about tokens.
    fn calls(&self) -> Vec<Request<Vec<u8>>> {
        let seen = self.seen.lock().expect("no panic");
        let calls = seen.iter().filter(|request| request.method() == "POST");
        calls.cloned().collect()
    }
}

/// A good answer's members, to be spoiled.
fn good_answer() -> serde_json::Value {
    serde_json::json!({
        "active": true,
        "aud": AUDIENCE,
        "exp": support::NOW + 300,
        "iat": support::NOW,
        "sub": "alice",
        "scope": "read",
        "client_id": "shop",
        "username": "Alice",
        "token_type": "Bearer",
    })
}
