//! What stands behind every handle of an issuer: its keys, its documents, and how it behaves.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Map, Value};
use tokio::sync::watch;
use url::Url;

use super::behaviour::Behaviour;
use super::desk::{Desk, DeskAt, Desks, Paths};
use super::document;
use super::flow::Flow;
use super::gzip;
use super::introspection_endpoint::{IntrospectionEndpoint, Register};
use super::issuer::TestIssuer;
use super::key_ring::KeyRing;
use super::mint::TokenBuilder;
use super::port::Port;
use super::token_endpoint::Grants;
use super::traffic::{Endpoint, Ledger};
use crate::clock::{Clock, SystemClock};

/// Nobody is there to answer.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the issuer of the test kit is down")
    }
}

impl Error for Refused {}

/// An issuer, shared by all handles, connections and fetches.
pub(super) struct Provider {
    pub(super) url: String,
    origin: String,
    paths: Paths,
    state: Mutex<State>,
    /// Told when a behaviour changes.
    changed: watch::Sender<()>,
    /// Told when a request arrives.
    pub(super) arrived: watch::Sender<()>,
    /// Open while the issuer is up, where it has a port at all.
    pub(super) port: OnceLock<Arc<Port>>,
}

/// Everything that changes.
pub(super) struct State {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) keys: KeyRing,
    pub(super) discovery: Map<String, Value>,
    pub(super) grants: Grants,
    pub(super) register: Register,
    pub(super) ledger: Ledger,
    pub(super) desks: Desks,
}

impl Provider {
    /// # Panics
    ///
    /// If `url` is no absolute URL.
    pub(super) fn new(url: &str) -> Self {
        let parsed = Url::parse(url).expect("an issuer is an absolute URL");
        let base = parsed.path().trim_end_matches('/');
        let discovery = document::discovery(url);
        Self {
            url: url.to_owned(),
            origin: parsed.origin().ascii_serialization(),
            paths: Paths::under(base),
            state: Mutex::new(State {
                clock: Arc::new(SystemClock),
                keys: KeyRing::default(),
                discovery: discovery.as_object().cloned().unwrap_or_default(),
                grants: Grants::default(),
                register: Register::default(),
                ledger: Ledger::default(),
                desks: Desks::default(),
            }),
            changed: watch::Sender::default(),
            arrived: watch::Sender::default(),
            port: OnceLock::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_at(&self, url: &Url) -> bool {
        url.origin().ascii_serialization() == self.origin
    }

    /// Whether this is one of its own endpoints: issuers of one origin differ by their paths.
    pub(super) fn serves(&self, url: &Url) -> bool {
        self.is_at(url) && self.paths.at(url.path()).is_some()
    }

    /// How many requests for this endpoint arrived.
    pub(super) fn requests(&self, endpoint: Endpoint) -> usize {
        let state = self.state();
        let paths = DeskAt::of(endpoint).iter().map(|&desk| self.paths.of(desk));
        paths.map(|path| state.ledger.of(path).requests).sum()
    }

    pub(super) fn behave_at(&self, endpoint: Endpoint, behaviour: &Behaviour) {
        self.change(endpoint, |desk| {
            desk.behaviour = behaviour.clone();
            desk.next.clear();
        });
        let state = self.state();
        let down = |at: &DeskAt| matches!(state.desks.at(*at).behaviour, Behaviour::Down);
        let all_down = DeskAt::DOCUMENTS.iter().all(down);
        if let Some(port) = self.port.get() {
            // Under the lock, lest two who change it at once leave the port in the other's state.
            port.set_open(!all_down);
        }
    }

    pub(super) fn behave_next(&self, endpoint: Endpoint, count: usize, behaviour: &Behaviour) {
        self.change(endpoint, |desk| {
            desk.next.push_back((count, behaviour.clone()))
        });
    }

    pub(super) fn change(&self, endpoint: Endpoint, change: impl Fn(&mut Desk)) {
        let mut state = self.state();
        for &at in DeskAt::of(endpoint) {
            change(state.desks.at_mut(at));
        }
        self.changed.send_replace(());
    }

    /// Answers as the endpoint is told to, however long that takes.
    pub(super) async fn answer(
        self: &Arc<Self>,
        request: &Request<Vec<u8>>,
    ) -> Result<Response<Flow>, Refused> {
        let path = request.uri().path();
        self.state().ledger.request(path, request.headers());
        self.arrived.send_replace(());
        let Some(at) = self.paths.at(path) else {
            return Ok(plain(StatusCode::NOT_FOUND));
        };
        let allowed = match at {
            DeskAt::Token | DeskAt::Introspection => Method::POST,
            _ => Method::GET,
        };
        if *request.method() != allowed {
            return Ok(plain(StatusCode::METHOD_NOT_ALLOWED));
        }
        let behaviour = self.wait(at).await?;
        let answer = self.behave(at, behaviour, request);
        if answer.status() == StatusCode::NOT_MODIFIED {
            self.state().ledger.not_modified(path);
        }
        Ok(answer)
    }

    /// Does all the waiting that the behaviour asks for; what it says about the answer comes back.
    async fn wait(&self, at: DeskAt) -> Result<Behaviour, Refused> {
        let mut changed = self.changed.subscribe();
        let mut behaviour = self.state().desks.at_mut(at).take();
        loop {
            match behaviour {
                Behaviour::Down => return Err(Refused),
                Behaviour::Hang => std::future::pending().await,
                Behaviour::Held => {
                    // The sender lives in `self`.
                    let _ = changed.changed().await;
                    behaviour = self.state().desks.at_mut(at).take();
                }
                Behaviour::After { delay, then } => {
                    tokio::time::sleep(delay).await;
                    behaviour = *then;
                }
                other => return Ok(other),
            }
        }
    }

    fn behave(
        self: &Arc<Self>,
        at: DeskAt,
        behaviour: Behaviour,
        request: &Request<Vec<u8>>,
    ) -> Response<Flow> {
        let truth = match (at, &behaviour) {
            (_, Behaviour::Answer(answer)) => return answer.clone().map(whole),
            (DeskAt::Token, _) => self.token(request),
            (DeskAt::Introspection, _) => self.introspection(request),
            _ => self.state().document(at, &behaviour, request.headers()),
        };
        if truth.status() == StatusCode::NOT_MODIFIED {
            return truth.map(whole);
        }
        let (mut head, mut body) = truth.into_parts();
        let flow = match behaviour {
            Behaviour::OneByteASecond => Flow::slow(body),
            Behaviour::Padded { bytes } => Flow::Padded {
                spaces: Some(bytes.saturating_sub(body.len())),
                document: body.into(),
            },
            Behaviour::Endless => Flow::Padded {
                document: body.into(),
                spaces: None,
            },
            Behaviour::GzipBomb => {
                let encoding = HeaderValue::from_static("gzip");
                head.headers.insert(CONTENT_ENCODING, encoding);
                whole(gzip::bomb(&body, 50_000_000))
            }
            Behaviour::Truncated => {
                body.truncate(body.len() / 2);
                whole(body)
            }
            Behaviour::BrokenOff => {
                head.headers.insert(CONTENT_LENGTH, body.len().into());
                body.truncate(body.len() / 2);
                Flow::broken(body)
            }
            _ => whole(body),
        };
        Response::from_parts(head, flow)
    }

    fn introspection(self: &Arc<Self>, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let issuer = TestIssuer::without_server(Arc::clone(self));
        let now = issuer.now();
        let said = {
            let mut state = self.state();
            let keys = state.keys.document();
            let endpoint = IntrospectionEndpoint {
                grants: &state.grants,
                register: &state.register,
                keys,
                issuer: &self.url,
                now,
            };
            endpoint.introspect(request.headers(), request.body())
        };
        // Signing takes the lock for itself.
        match said {
            Ok(said) => said.answer(TokenBuilder::new(issuer)),
            Err(refusal) => refusal.answer(),
        }
    }

    fn token(self: &Arc<Self>, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        // Signing takes the lock for itself.
        let grants = self.state().grants.clone();
        let token = TokenBuilder::new(TestIssuer::without_server(Arc::clone(self)));
        grants.answer(request.headers(), request.body(), token, &self.url)
    }
}

fn whole(body: Vec<u8>) -> Flow {
    Flow::Whole(body.into())
}

fn plain(status: StatusCode) -> Response<Flow> {
    let mut answer = Response::new(whole(Vec::new()));
    *answer.status_mut() = status;
    answer
}
