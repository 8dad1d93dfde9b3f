//! The driver and its handles, on a turned clock and with an issuer in memory.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod fault;
mod flood;
mod origin;
mod rotation;
mod start;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::time::sleep;

use super::*;
use crate::clock::SystemClock;
use crate::error::{Rejection, VerifyErrorKind};
use crate::fetch::{FetchError, FetchErrorKind, FetchLimits};
use crate::jose::{Algorithm, KeySet};
use crate::observe::Observers;

const ISSUER: &str = "https://id.example";
const HOUR: Duration = Duration::from_secs(3600);

/// Two public keys: RFC 8037 appendix A.2, and the second of RFC 8032 §7.1.
const FIRST: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const SECOND: &str = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";

/// An issuer in memory that does as it is told.
#[derive(Clone)]
struct Provider(Arc<Mutex<Conduct>>);

struct Conduct {
    discovery: String,
    keys: Vec<(String, &'static str)>,
    /// Instead of the key set.
    document: Option<String>,
    /// How long each answer takes.
    delay: Duration,
    down: bool,
    hangs: bool,
    /// Hosts that are down although the others are not.
    down_hosts: Vec<&'static str>,
    /// Hosts and paths that leave a request unanswered.
    hanging_hosts: Vec<&'static str>,
    hanging_paths: Vec<&'static str>,
    /// Statuses by path.
    statuses: Vec<(&'static str, u16)>,
    cache_control: Option<String>,
    etag: Option<String>,
    /// URLs asked for, with what was sent as `If-None-Match`.
    log: Vec<(String, Option<String>)>,
}

impl Provider {
    fn new(key_ids: &[&str]) -> Self {
        let provider = Self(Arc::new(Mutex::new(Conduct {
            discovery: format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{ISSUER}/jwks"}}"#),
            keys: Vec::new(),
            document: None,
            delay: Duration::ZERO,
            down: false,
            hangs: false,
            down_hosts: Vec::new(),
            hanging_hosts: Vec::new(),
            hanging_paths: Vec::new(),
            statuses: Vec::new(),
            cache_control: None,
            etag: None,
            log: Vec::new(),
        })));
        provider.publish(key_ids);
        provider
    }

    fn conduct(&self) -> MutexGuard<'_, Conduct> {
        self.0.lock().unwrap()
    }

    fn publish(&self, key_ids: &[&str]) {
        self.conduct().keys = key_ids
            .iter()
            .map(|key_id| ((*key_id).into(), FIRST))
            .collect();
    }

    /// How often the key set was asked for.
    fn downloads(&self) -> usize {
        self.conduct()
            .log
            .iter()
            .filter(|(url, _)| url.ends_with("/jwks"))
            .count()
    }

    fn discoveries(&self) -> usize {
        self.conduct()
            .log
            .iter()
            .filter(|(url, _)| url.contains(".well-known"))
            .count()
    }

    async fn answer(self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FetchError> {
        let host = request.uri().host().unwrap().to_owned();
        let validator = request.headers().get("if-none-match");
        let validator = validator.map(|etag| etag.to_str().unwrap().to_owned());
        // The document is written when the request arrives; what changes while it is on its way is not in it.
        let (reply, delay) = {
            let mut conduct = self.conduct();
            conduct
                .log
                .push((request.uri().to_string(), validator.clone()));
            if conduct.down || conduct.down_hosts.iter().any(|down| *down == host) {
                return Err(FetchError::new(FetchErrorKind::Connect));
            }
            let path = request.uri().path();
            let hangs = conduct.hangs
                || conduct.hanging_hosts.iter().any(|hanging| *hanging == host)
                || conduct.hanging_paths.contains(&path);
            let delay = if hangs { HOUR * 1000 } else { conduct.delay };
            (conduct.reply(request.uri().path(), validator), delay)
        };
        sleep(delay).await;
        Ok(reply)
    }

    fn config(&self) -> RemoteConfig {
        let provider = self.clone();
        let fetch = move |request, _: FetchLimits| provider.clone().answer(request);
        RemoteConfig {
            issuer: ISSUER.into(),
            source: Source::Discovery,
            seed: None,
            allow_plain_http: false,
            lifetimes: Lifetimes::default(),
            refresh_on_bad_signature: false,
            fetch: Arc::new(fetch),
            clock: Arc::new(SystemClock),
            observers: Observers::default(),
        }
    }

    fn remote(&self) -> RemoteKeys {
        RemoteKeys::new(self.config())
    }

    /// Keys that have been downloaded once.
    async fn warmed(&self) -> RemoteKeys {
        let remote = self.remote();
        remote.warm(Duration::from_secs(5)).await.unwrap();
        remote
    }
}

impl Conduct {
    fn reply(&self, path: &str, validator: Option<String>) -> Response<Vec<u8>> {
        let mut reply = Response::builder();
        if let Some((_, status)) = self.statuses.iter().find(|(at, _)| *at == path) {
            return reply
                .status(*status)
                .body(self.discovery.clone().into())
                .unwrap();
        }
        if path.contains(".well-known") {
            return reply.body(self.discovery.clone().into()).unwrap();
        }
        if let Some(etag) = &self.etag {
            reply = reply.header("etag", etag);
        }
        if let Some(cache_control) = &self.cache_control {
            reply = reply.header("cache-control", cache_control);
        }
        if self.etag.is_some() && self.etag == validator {
            return reply
                .status(StatusCode::NOT_MODIFIED)
                .body(Vec::new())
                .unwrap();
        }
        let document = self.document.clone().unwrap_or_else(|| key_set(&self.keys));
        reply.body(document.into()).unwrap()
    }
}

fn key_set(keys: &[(String, &str)]) -> String {
    let keys: Vec<_> = keys
        .iter()
        .map(|(key_id, x)| format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{key_id}","x":"{x}"}}"#))
        .collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// What a request with this key is told in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Known,
    Unknown,
    CannotTell,
}

async fn told(remote: &RemoteKeys, key_id: &str) -> Told {
    settle(remote.look_up(Some(key_id), Algorithm::EdDSA)).await
}

async fn settle(look_up: LookUp) -> Told {
    match look_up {
        LookUp::Ready(_) => Told::Known,
        LookUp::Refused => Told::Unknown,
        LookUp::Unavailable(_) => Told::CannotTell,
        LookUp::Wait(waiting) => match waiting.await {
            Ok(_) => Told::Known,
            Err(Rejection::Verify(error)) => {
                assert_eq!(error.kind(), VerifyErrorKind::KeyUnknown);
                Told::Unknown
            }
            Err(Rejection::Unavailable(_)) => Told::CannotTell,
            Err(other) => panic!("{other:?}"),
        },
    }
}

/// What a request is told without waiting; `None` if it would have to.
fn at_once(remote: &RemoteKeys, key_id: &str) -> Option<Told> {
    match remote.look_up(Some(key_id), Algorithm::EdDSA) {
        LookUp::Ready(_) => Some(Told::Known),
        LookUp::Refused => Some(Told::Unknown),
        LookUp::Unavailable(_) => Some(Told::CannotTell),
        LookUp::Wait(_) => None,
    }
}
