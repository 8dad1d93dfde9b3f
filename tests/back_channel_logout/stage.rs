//! A service behind the layer, and the door at which its issuer says who is logged out.

use std::sync::{Arc, Mutex, PoisonError};

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer::logout::{BackChannelLogout, BackChannelLogoutBuilder, LogoutError};
use tower_bearer::observe::Event;
use tower_bearer::revocation::{InMemoryRevocations, RevocationStore};
use tower_bearer::testing::{TestClock, TestIssuer, TokenBuilder};
use tower_bearer::{Algorithm, Authenticator, AuthenticatorBuilder, NumericDate};

pub(crate) const ISSUER: &str = "https://issuer.test";
pub(crate) const AUDIENCE: &str = "https://api.test";
pub(crate) const CLIENT: &str = "web-shop";
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) struct Stage {
    pub(crate) issuer: TestIssuer,
    pub(crate) clock: TestClock,
    pub(crate) store: InMemoryRevocations,
    pub(crate) auth: Authenticator,
    pub(crate) logout: BackChannelLogout,
    told: Arc<Mutex<Vec<String>>>,
}

impl Stage {
    /// The issuer publishes one Ed25519 key, which nobody has asked for yet.
    pub(crate) fn new() -> Self {
        Self::with(|auth| auth, |logout| logout)
    }

    pub(crate) fn with(
        demand: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder,
        door: impl FnOnce(BackChannelLogoutBuilder) -> BackChannelLogoutBuilder,
    ) -> Self {
        let clock = TestClock::new(NumericDate::from_seconds(NOW));
        let store = InMemoryRevocations::new().clock(clock.clone());
        let writer = store.clone();
        Self::writing_to(writer, store, clock, demand, door)
    }

    /// Requests are held against `store`, while logouts are written to `writer`.
    pub(crate) fn writing_to(
        writer: impl RevocationStore,
        store: InMemoryRevocations,
        clock: TestClock,
        demand: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder,
        door: impl FnOnce(BackChannelLogoutBuilder) -> BackChannelLogoutBuilder,
    ) -> Self {
        let issuer = TestIssuer::new(ISSUER);
        issuer.clock(clock.clone());
        issuer.publish(&[Algorithm::EdDSA]);
        let told = Arc::new(Mutex::new(Vec::new()));
        let tells = Arc::clone(&told);
        let builder = Authenticator::builder(ISSUER, AUDIENCE)
            .clock(clock.clone())
            .fetch(issuer.fetch())
            .revocations(store.clone())
            .observer(move |event: &Event<'_>| {
                let what = match event {
                    Event::LogoutReceived { issuer, .. } => format!("received {issuer}"),
                    Event::LogoutRefused { reason, error, .. } => format!("{reason}: {error}"),
                    _ => return,
                };
                tells
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(what);
            });
        let auth = demand(builder).build().unwrap();
        let logout = door(BackChannelLogout::builder(&auth, CLIENT, writer));
        Self {
            logout: logout.build().unwrap(),
            issuer,
            clock,
            store,
            auth,
            told,
        }
    }

    /// An access token that the service accepts.
    pub(crate) fn token(&self) -> TokenBuilder {
        self.issuer.token().audience(AUDIENCE)
    }

    /// A good logout token for the session `s-1` of `alice`, to be spoiled in one place.
    pub(crate) fn logout_token(&self) -> TokenBuilder {
        logout_token(&self.issuer)
    }

    pub(crate) async fn is_accepted(&self, token: &TokenBuilder) -> bool {
        match self.auth.verify(&token.sign()).await {
            Ok(_) => true,
            Err(rejection) => {
                assert_eq!(rejection.code(), "revoked");
                false
            }
        }
    }

    /// Sends a logout token as a provider does.
    pub(crate) async fn send(&self, token: &str) -> Answer {
        self.call(post(format!("logout_token={token}"))).await
    }

    pub(crate) async fn call(&self, request: Request<String>) -> Answer {
        Answer(self.logout.clone().oneshot(request).await.unwrap())
    }

    /// How many revocations there are.
    pub(crate) async fn revocations(&self) -> u64 {
        self.store.size().await.unwrap()
    }

    /// What observers were told of logouts since this was asked last.
    pub(crate) fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A good logout token of `issuer` for the session `s-1` of `alice`.
pub(crate) fn logout_token(issuer: &TestIssuer) -> TokenBuilder {
    issuer
        .token()
        .typ("logout+jwt")
        .audience(CLIENT)
        .without("scope")
        .claim("sid", "s-1")
        .claim("events", json!({EVENT: {}}))
}

/// A form, as a provider sends it.
pub(crate) fn post(body: impl Into<String>) -> Request<String> {
    let request = Request::post("/anywhere").header(CONTENT_TYPE, FORM);
    request.body(body.into()).unwrap()
}

#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Response<String>);

impl Answer {
    #[track_caller]
    pub(crate) fn logged_out(&self) {
        assert_eq!(self.0.status(), StatusCode::OK, "{:?}", self.0);
        assert_eq!(self.0.body(), "");
        assert_eq!(self.0.headers().len(), 1);
        self.is_not_cached();
    }

    /// 400 and no more than that the request is bad; `code` is for those who look after the service.
    #[track_caller]
    pub(crate) fn refused(&self, row: &str, code: &str) {
        let error = self.0.extensions().get::<LogoutError>();
        assert_eq!(error.map(LogoutError::code), Some(code), "{row}: {error:?}");
        assert_eq!(self.0.status(), StatusCode::BAD_REQUEST, "{row}");
        assert_eq!(self.body()["error"], "invalid_request", "{row}");
        assert_eq!(self.0.headers().len(), 2, "{row}");
        self.is_not_cached();
    }

    #[track_caller]
    pub(crate) fn undecided(&self, code: &str) {
        let error = self.0.extensions().get::<LogoutError>();
        assert_eq!(error.map(LogoutError::code), Some(code), "{error:?}");
        assert_eq!(self.0.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(self.body()["error"], "temporarily_unavailable");
        let seconds = self.0.headers()[RETRY_AFTER].to_str().unwrap();
        assert!(seconds.parse::<u64>().unwrap() >= 1);
        self.is_not_cached();
    }

    #[track_caller]
    fn body(&self) -> Value {
        assert_eq!(self.0.headers()[CONTENT_TYPE], "application/json");
        serde_json::from_str(self.0.body()).unwrap()
    }

    #[track_caller]
    fn is_not_cached(&self) {
        assert_eq!(self.0.headers()[CACHE_CONTROL], "no-store");
    }
}
