//! A service that shows what reached it, an issuer in memory; and what came back through the layers between.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};

use http::header::WWW_AUTHENTICATE;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, request, response};
use tower::util::ServiceFn;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_bearer::observe::Event;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{
    Algorithm, AuthenticateLayer, Authenticator, AuthenticatorBuilder, LetThrough, Rejection,
    Verified,
};

pub(crate) const AUDIENCE: &str = "https://api.test";

/// The whole challenge where there was nothing to judge: without an error code (RFC 6750 §3.1).
pub(crate) const ABSENT: &str = "Bearer realm=\"https://api.test\"";
/// The whole challenge of a request that is malformed.
pub(crate) const INVALID_REQUEST: &str = "Bearer realm=\"https://api.test\", error=\"invalid_request\", \
    error_description=\"the request must carry exactly one well-formed bearer token\"";
/// The whole challenge of a credential that is refused.
pub(crate) const INVALID_TOKEN: &str = "Bearer realm=\"https://api.test\", error=\"invalid_token\", \
                                        error_description=\"the token is not acceptable\"";

pub(crate) fn issuer() -> TestIssuer {
    let issuer = TestIssuer::new("https://issuer.test");
    issuer.publish(&[Algorithm::EdDSA]);
    issuer
}

pub(crate) fn builder(issuer: &TestIssuer) -> AuthenticatorBuilder {
    Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch())
}

/// The layer as it is without any setter.
pub(crate) fn layer(builder: AuthenticatorBuilder) -> AuthenticateLayer {
    AuthenticateLayer::new(builder.build().expect("sound"))
}

/// A token that is accepted, of a user "alice".
pub(crate) fn token(issuer: &TestIssuer) -> String {
    issuer.token().audience(AUDIENCE).sign()
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A GET of `uri` with these headers, in their order.
pub(crate) fn get(uri: &str, headers: &[(&str, &str)]) -> Request<String> {
    request("GET", uri, headers)
}

pub(crate) fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<String> {
    let request = Request::builder().method(method).uri(uri);
    let mut request = request.body(String::new()).expect("a request");
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        request.headers_mut().append(name, value);
    }
    request
}

/// What the events of an authenticator were, by their codes; `+` before what let a request through all the same.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub(crate) fn of(builder: AuthenticatorBuilder) -> (Self, AuthenticatorBuilder) {
        let diary = Self::default();
        let shared = diary.clone();
        let builder = builder.observer(move |event: &Event<'_>| {
            let code = match event {
                Event::KeysRefreshed { .. } | Event::RefreshFailed { .. } => return,
                Event::NotRefused { .. } => format!("+{}", event.code()),
                _ => event.code().to_owned(),
            };
            shared.0.lock().expect("no panic").push(code);
        });
        (diary, builder)
    }

    /// What was written since it was last read.
    pub(crate) fn read(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

/// The head of the request that reached the service.
#[derive(Clone)]
struct Reached(request::Parts);

/// A service that puts the head of each request into the extensions of its response.
pub(crate) type Echo =
    ServiceFn<fn(Request<String>) -> Ready<Result<Response<String>, Infallible>>>;

pub(crate) fn echo() -> Echo {
    service_fn(|request: Request<String>| {
        let mut response = Response::new(String::from("reached"));
        let (head, _) = request.into_parts();
        response.extensions_mut().insert(Reached(head));
        ready(Ok(response))
    })
}

/// What comes back when `request` is sent through `layer` to the [`echo`].
pub(crate) async fn send<L>(layer: &L, request: Request<String>) -> Answer
where
    L: Layer<Echo>,
    L::Service: Service<Request<String>, Response = Response<String>, Error = Infallible>,
{
    ask(layer.layer(echo()), request).await
}

/// What comes back from `service`.
pub(crate) async fn ask<S>(service: S, request: Request<String>) -> Answer
where
    S: Service<Request<String>, Response = Response<String>, Error = Infallible>,
{
    let response = service.oneshot(request).await.expect("never fails");
    let (head, body) = response.into_parts();
    Answer { head, body }
}

pub(crate) struct Answer {
    pub(crate) head: response::Parts,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    /// Every value of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let values = self.head.headers.get_all(name).iter();
        values.map(|value| value.to_str().expect("ASCII")).collect()
    }

    /// Every `WWW-Authenticate` header.
    pub(crate) fn challenges(&self) -> Vec<&str> {
        self.all(WWW_AUTHENTICATE.as_str())
    }

    /// The code of the rejection that rides in the extensions.
    pub(crate) fn code(&self) -> Option<&'static str> {
        self.head.extensions.get().map(Rejection::code)
    }

    /// The request did not reach the service: status, all challenges, and no other header but `Retry-After` and
    /// `Cache-Control`.
    #[track_caller]
    pub(crate) fn refused(&self, row: &str, status: u16, challenges: &[&str]) {
        assert!(self.reached().is_none(), "{row}: reached");
        assert_eq!(self.status(), status, "{row}: {:?}", self.code());
        assert_eq!(self.challenges(), challenges, "{row}");
        let expected = [WWW_AUTHENTICATE.as_str(), "retry-after", "cache-control"];
        let mut names = self.head.headers.keys();
        assert!(names.all(|name| expected.contains(&name.as_str())), "{row}");
        assert_eq!(self.body, "", "{row}");
    }

    fn reached(&self) -> Option<&request::Parts> {
        self.head
            .extensions
            .get::<Reached>()
            .map(|reached| &reached.0)
    }

    /// The request as the service saw it.
    #[track_caller]
    pub(crate) fn seen(&self, row: &str) -> &request::Parts {
        let Some(seen) = self.reached() else {
            panic!("{row}: {} {:?}", self.status(), self.code());
        };
        assert_eq!(self.status(), 200, "{row}");
        assert_eq!(self.challenges(), [""; 0], "{row}");
        seen
    }

    /// The request reached the service with a verified token, and nothing else is said of it.
    #[track_caller]
    pub(crate) fn accepted(&self, row: &str) -> &Verified {
        let extensions = &self.seen(row).extensions;
        assert_eq!(let_through(extensions), None, "{row}");
        extensions.get().expect("a verified token")
    }

    /// The request reached the service without a verified token, for this reason.
    #[track_caller]
    pub(crate) fn let_through(&self, row: &str, why: &str) -> &request::Parts {
        let seen = self.seen(row);
        assert!(seen.extensions.get::<Verified>().is_none(), "{row}");
        assert_eq!(let_through(&seen.extensions).as_deref(), Some(why), "{row}");
        seen
    }
}

fn let_through(extensions: &Extensions) -> Option<String> {
    Some(match extensions.get::<LetThrough>()? {
        LetThrough::Anonymous => "anonymous".into(),
        LetThrough::PublicRoute => "public route".into(),
        LetThrough::Preflight => "preflight".into(),
        LetThrough::OtherCredential => "other credential".into(),
        LetThrough::NotRefused(rejection) => format!("refused: {}", rejection.code()),
        _ => "?".into(),
    })
}

/// All headers, one a line, in the order of the alphabet.
pub(crate) fn lines(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let mut lines: Vec<_> = headers.iter().map(line).collect();
    lines.sort();
    lines
}
