//! A service behind the layer, the issuer that it trusts, on a socket or in memory; and what the service answers.

#![expect(dead_code, reason = "each test binary uses its part")]

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::jwks::KeySetHealth;
use tower_bearer::testing::{Behaviour, TestIssuer};
use tower_bearer::{
    Algorithm, AuthenticateLayer, Authenticator, AuthenticatorBuilder, Rejection, Verified,
    VerifyErrorKind,
};

pub(crate) const AUDIENCE: &str = "https://api.test";

/// The longest that a request may be kept waiting for one step of a download, and a moment more.
pub(crate) const WAIT: Duration = Duration::from_millis(5_500);

/// A service and the issuer that it trusts.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) issuer: TestIssuer,
    pub(crate) auth: Authenticator,
}

/// What the service answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200, from inside, where a verified token was seen.
    Accepted,
    /// 401.
    Refused(VerifyErrorKind),
    /// 503, with the seconds of its `Retry-After`.
    CannotTell { retry_after: u64 },
}

/// The answer to a good token whose key nobody has, while the issuer is well.
pub(crate) const UNKNOWN: Answer = Answer::Refused(VerifyErrorKind::KeyUnknown);

impl Service {
    /// The issuer has a loopback port and the service the default client; nothing has been asked for yet.
    ///
    /// The issuer lives in threads of its own: it takes no part in the test's clock, and its tasks are not ours.
    pub(crate) async fn on_a_socket() -> Self {
        let issuer = serve().await;
        Self::trusting(&issuer, |builder| builder)
    }

    /// The issuer is in memory, and all time is tokio's.
    pub(crate) fn in_memory() -> Self {
        let issuer = TestIssuer::new("https://issuer.test");
        issuer.publish(&[Algorithm::EdDSA]);
        Self::trusting(&issuer, |builder| builder.fetch(issuer.fetch()))
    }

    /// A service that trusts this issuer, with more that it is told.
    pub(crate) fn trusting(
        issuer: &TestIssuer,
        more: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder,
    ) -> Self {
        let builder = Authenticator::builder(issuer.url(), AUDIENCE);
        Self {
            issuer: issuer.clone(),
            auth: more(builder).build().expect("a sound configuration"),
        }
    }

    /// The service has the keys.
    pub(crate) async fn warmed(self) -> Self {
        self.auth.warm().await.expect("the issuer is up");
        self
    }

    /// A good token, signed with the newest key.
    pub(crate) fn token(&self) -> String {
        self.issuer.token().audience(AUDIENCE).sign()
    }

    /// A token that is good but for its `kid`, which nobody has.
    pub(crate) fn made_up(&self, number: u64) -> String {
        let key_id = format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let token = self.issuer.token().audience(AUDIENCE);
        token.key_id(key_id).sign()
    }

    /// Sends a request with this token through the layer.
    pub(crate) fn ask(&self, token: &str) -> impl Future<Output = Answer> + Send + 'static {
        let inner = service_fn(|request: Request<()>| {
            let seen = request.extensions().get::<Verified>().is_some();
            ready(Ok::<_, Infallible>(Response::new(seen)))
        });
        let service = AuthenticateLayer::new(self.auth.clone()).layer(inner);
        let request = Request::builder()
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .body(())
            .expect("a request");
        async move { Answer::from(&service.oneshot(request).await.expect("infallible")) }
    }

    /// The answer, if nothing has to be waited for. The client hangs up if something has.
    pub(crate) fn at_once(&self, token: &str) -> Option<Answer> {
        let mut answer = pin!(self.ask(token));
        match answer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    /// Asks, and hangs up at once.
    pub(crate) fn hang_up(&self, token: &str) {
        let answer = self.at_once(token);
        assert_ne!(answer, Some(Answer::Accepted), "the key was not known");
    }

    /// Asks until the token is accepted, however often nobody can tell; it must never be refused.
    pub(crate) async fn recovers(&self, token: &str) {
        let begun = Instant::now();
        loop {
            match self.ask(token).await {
                Answer::Accepted => return,
                answer @ Answer::Refused(_) => panic!("{answer:?}"),
                answer => assert!(begun.elapsed() < Duration::from_secs(90), "{answer:?}"),
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// The state of the issuer's keys.
    pub(crate) fn health(&self) -> KeySetHealth {
        let health = self.auth.health();
        health.issuers().first().expect("one issuer").clone()
    }

    /// How many downloads of the key set arrived.
    pub(crate) fn downloads(&self) -> usize {
        self.issuer.downloads().key_set
    }

    /// Discovery documents and key sets, as a pair.
    pub(crate) fn both_downloads(&self) -> (usize, usize) {
        let downloads = self.issuer.downloads();
        (downloads.discovery, downloads.key_set)
    }
}

impl Answer {
    pub(crate) fn cannot_tell(&self) -> bool {
        matches!(self, Self::CannotTell { .. })
    }
}

impl From<&Response<bool>> for Answer {
    fn from(response: &Response<bool>) -> Self {
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let rejection = response.extensions().get::<Rejection>();
        match (response.status(), rejection, retry_after) {
            (StatusCode::OK, None, None) if *response.body() => Self::Accepted,
            (StatusCode::UNAUTHORIZED, Some(Rejection::Verify(error)), None) => {
                Self::Refused(error.kind())
            }
            (
                StatusCode::SERVICE_UNAVAILABLE,
                Some(Rejection::Unavailable(_)),
                Some(retry_after @ 1..),
            ) => Self::CannotTell { retry_after },
            _ => panic!("an answer that must not be: {response:?}"),
        }
    }
}

/// An issuer at a loopback port, served by threads of its own, that publishes one Ed25519 key.
pub(crate) async fn serve() -> TestIssuer {
    static ELSEWHERE: OnceLock<Runtime> = OnceLock::new();
    let elsewhere = ELSEWHERE.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build();
        runtime.expect("a runtime for issuers")
    });
    let served = elsewhere.spawn(TestIssuer::serve()).await;
    let issuer = served.expect("a loopback port can be opened");
    issuer.publish(&[Algorithm::EdDSA]);
    issuer
}

/// All is well with the issuer again.
pub(crate) fn heal(issuer: &TestIssuer) {
    issuer.behave(Behaviour::Normal);
    issuer.restore_discovery();
    issuer.restore_key_set();
}

/// The tasks of this test's runtime come to an end, now that whatever they were for is dropped.
pub(crate) async fn no_task_is_left() {
    let begun = Instant::now();
    loop {
        let alive = Handle::current().metrics().num_alive_tasks();
        if alive == 0 {
            return;
        }
        // Longer than any limit of a download.
        assert!(begun.elapsed() < Duration::from_secs(4), "{alive} tasks");
        sleep(Duration::from_millis(5)).await;
    }
}
