//! A service behind the layer, an issuer in memory, a clock that stands still; and what the service answers.

use std::convert::Infallible;
use std::error::Error;

use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::testing::{TestClock, TestIssuer, TokenBuilder};
use tower_bearer::{
    Algorithm, AuthenticateLayer, Authenticator, AuthenticatorBuilder, NumericDate, Rejection,
    Verified, VerifyErrorKind,
};

pub(crate) const ISSUER: &str = "https://issuer.test";
pub(crate) const AUDIENCE: &str = "https://api.test";
pub(crate) const NOW: i64 = 1_800_000_000;

/// The whole challenge of a refused token.
pub(crate) const INVALID_TOKEN: &str = "Bearer realm=\"https://api.test\", error=\"invalid_token\", \
                                        error_description=\"the token is not acceptable\"";

/// A token that is refused: what is wrong with it, the token, and the kind.
pub(crate) type Row = (&'static str, String, VerifyErrorKind);

/// A service, the issuer it trusts, and the time by which both go.
pub(crate) struct Stage {
    pub(crate) issuer: TestIssuer,
    pub(crate) clock: TestClock,
    pub(crate) auth: Authenticator,
}

impl Stage {
    /// The issuer publishes one Ed25519 key, and the service has it already.
    pub(crate) async fn new() -> Self {
        Self::with(|_| (), |builder| builder).await
    }

    /// As `new`, with more that the issuer publishes, and with more that the service demands.
    pub(crate) async fn with(
        publish: impl FnOnce(&TestIssuer),
        demand: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder,
    ) -> Self {
        let stage = Self::beside(None, publish, demand);
        stage.auth.warm().await.expect("the issuer is up");
        stage
    }

    /// The same, but another issuer can be reached too, and the service has not asked for any key yet.
    pub(crate) fn beside<'i>(
        other: impl Into<Option<&'i TestIssuer>>,
        publish: impl FnOnce(&TestIssuer),
        demand: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder,
    ) -> Self {
        let clock = TestClock::new(NumericDate::from_seconds(NOW));
        let issuer = TestIssuer::new(ISSUER);
        issuer.clock(clock.clone());
        issuer.publish(&[Algorithm::EdDSA]);
        publish(&issuer);
        let network = match other.into() {
            Some(other) => issuer.fetch().and(other),
            None => issuer.fetch(),
        };
        let builder = Authenticator::builder(issuer.url(), AUDIENCE)
            .clock(clock.clone())
            .fetch(network);
        let auth = demand(builder).build().expect("a sound configuration");
        Self {
            issuer,
            clock,
            auth,
        }
    }

    /// A token that the service accepts, to be spoiled in one place.
    pub(crate) fn token(&self) -> TokenBuilder {
        self.issuer.token().audience(AUDIENCE)
    }

    /// Sends a request through the layer.
    pub(crate) async fn call(&self, request: Request<String>) -> Answer {
        let inner = service_fn(|request: Request<String>| async move {
            let mut response = Response::new(String::from("reached"));
            if let Some(verified) = request.extensions().get::<Verified>() {
                response.extensions_mut().insert(verified.clone());
            }
            Ok::<_, Infallible>(response)
        });
        let service = AuthenticateLayer::new(self.auth.clone()).layer(inner);
        Answer(
            service
                .oneshot(request)
                .await
                .expect("the service never fails"),
        )
    }

    /// Sends a request with this token.
    pub(crate) async fn send(&self, token: &str) -> Answer {
        let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}"));
        self.call(request.body(String::new()).expect("a request"))
            .await
    }

    /// The token must be accepted.
    pub(crate) async fn accept(&self, row: &str, token: &str) -> Verified {
        self.send(token).await.accepted(row)
    }

    /// Each token must be refused for its own reason, with 401 and the challenge `invalid_token`; and a good token
    /// must be accepted before and after, so that none is refused for another reason.
    pub(crate) async fn refuse(&self, rows: impl IntoIterator<Item = Row>) {
        self.accept("the good token, before", &self.token().sign())
            .await;
        for (row, token, kind) in rows {
            let answer = self.send(&token).await;
            answer.refused_token(row, kind);
            answer.tells_nothing_of(row, &token);
        }
        self.accept("the good token, after", &self.token().sign())
            .await;
    }
}

/// What came back through the layer.
pub(crate) struct Answer(pub(crate) Response<String>);

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The service was reached, with a verified token.
    #[track_caller]
    pub(crate) fn accepted(&self, row: &str) -> Verified {
        let rejection = self.0.extensions().get::<Rejection>();
        assert_eq!(self.0.status(), StatusCode::OK, "{row}: {rejection:?}");
        assert_eq!(self.0.body(), "reached", "{row}");
        assert_eq!(self.0.headers().get(WWW_AUTHENTICATE), None, "{row}");
        let verified = self.0.extensions().get::<Verified>();
        verified
            .expect("verified claims go with an accepted request")
            .clone()
    }

    /// The service was not reached; the answer has this status and, apart from this challenge, nothing.
    #[track_caller]
    pub(crate) fn refused(
        &self,
        row: &str,
        kind: VerifyErrorKind,
        status: StatusCode,
        challenge: &str,
    ) {
        match self.0.extensions().get::<Rejection>() {
            Some(Rejection::Verify(error)) => assert_eq!(error.kind(), kind, "{row}"),
            other => panic!("{row}: {other:?} where {kind:?} was expected"),
        }
        assert_eq!(self.0.status(), status, "{row}");
        let headers: Vec<_> = self.0.headers().iter().collect();
        let value = http::HeaderValue::try_from(challenge).expect("a header");
        assert_eq!(headers, [(&WWW_AUTHENTICATE, &value)], "{row}");
        assert_eq!(self.0.body(), "", "{row}");
    }

    /// The same with 401 and the challenge of a token that is refused, whatever the reason.
    #[track_caller]
    pub(crate) fn refused_token(&self, row: &str, kind: VerifyErrorKind) {
        self.refused(row, kind, StatusCode::UNAUTHORIZED, INVALID_TOKEN);
    }

    /// The service was not reached, because nobody can tell whether the token is good.
    #[track_caller]
    pub(crate) fn unavailable(&self, row: &str) {
        match self.0.extensions().get::<Rejection>() {
            Some(Rejection::Unavailable(_)) => {}
            other => panic!("{row}: {other:?} where an outage was expected"),
        }
        assert_eq!(self.0.status(), StatusCode::SERVICE_UNAVAILABLE, "{row}");
        let names: Vec<_> = self.0.headers().keys().collect();
        assert_eq!(names, [RETRY_AFTER], "{row}");
        assert_eq!(self.0.body(), "", "{row}");
    }

    /// Whatever is said of the refusal, to the client or to a log, holds no part of the token.
    #[track_caller]
    pub(crate) fn tells_nothing_of(&self, row: &str, token: &str) {
        let rejection = self.0.extensions().get::<Rejection>().expect("a refusal");
        let mut said = format!("{:?} {rejection:?} {rejection}", self.0.headers());
        let mut cause = rejection.source();
        while let Some(error) = cause {
            said.push_str(&format!(" {error:?} {error}"));
            cause = error.source();
        }
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!said.contains(part), "{row}: {said}");
        }
    }
}
