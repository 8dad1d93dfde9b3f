//! One call to the authorization server (RFC 7662 §2), from the token to what is said of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Request, Response, StatusCode};
use url::form_urlencoded::Serializer;

use super::client::Client;
use super::endpoint::Endpoint;
use super::error::IntrospectionError;
use super::signed_answer::SignedAnswer;
use crate::clock::Clock;
use crate::error::{Rejection, Unavailable, UnavailableKind, VerifyErrorKind};
use crate::fetch::{Fetch, FetchError, FetchErrorKind, FetchLimits, fetch_within};
use crate::issuers::Keys;
use crate::jose::Compact;
use crate::jwks::LookUp;
use crate::policy::Policy;

const JSON: &str = "application/json";
const SIGNED: &str = "application/token-introspection+jwt";
const FORM: &str = "application/x-www-form-urlencoded";

/// The longest answer: a claims set of some hundred groups, signed.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Everything that a call needs but the token.
pub(super) struct Caller {
    pub(super) policy: Policy,
    pub(super) endpoint: Endpoint,
    pub(super) client: Client,
    pub(super) signed: Option<Signed>,
    pub(super) fetch: Arc<dyn Fetch>,
    pub(super) clock: Arc<dyn Clock>,
}

/// What a signed answer is verified with.
pub(super) struct Signed {
    /// How it names this service.
    pub(super) audience: String,
    pub(super) keys: Keys,
}

/// Why there is no answer, and what that says about the server.
#[derive(Debug)]
pub(super) struct CallFailed {
    pub(super) error: IntrospectionError,
    pub(super) says: Says,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// It does not work as it should.
    Failing,
    /// It works, and did not take this one request.
    Works,
    /// It wants to be left alone for so long.
    LeaveAlone(Duration),
}

impl CallFailed {
    /// For a call that was not made, which says nothing about the server.
    pub(super) fn before(error: IntrospectionError) -> Self {
        Self {
            error,
            says: Says::Works,
        }
    }
}

impl From<IntrospectionError> for CallFailed {
    fn from(error: IntrospectionError) -> Self {
        Self {
            error,
            says: Says::Failing,
        }
    }
}

impl Caller {
    pub(super) fn issuer(&self) -> &str {
        self.policy.issuer()
    }

    /// Asks about `token`; the answer is JSON whose members nobody has looked at.
    pub(super) async fn call(&self, token: &str) -> Result<String, CallFailed> {
        let limits = FetchLimits::default();
        let url = self
            .endpoint
            .url(self.issuer(), &*self.fetch, limits)
            .await
            .map_err(IntrospectionError::Endpoint)?;
        let request = self.request(url.as_str(), token)?;
        let answer = fetch_within(&*self.fetch, request, limits.with_bytes(LONGEST_ANSWER)).await;
        if has_moved(&answer) {
            self.endpoint.doubt();
        }
        let answer = answer.map_err(IntrospectionError::Fetch)?;
        check_status(&answer)?;
        let wanted = if self.signed.is_some() { SIGNED } else { JSON };
        if !is_of_type(answer.headers(), wanted) {
            return Err(IntrospectionError::MediaType.into());
        }
        let text =
            String::from_utf8(answer.into_body()).map_err(|_| IntrospectionError::NotText)?;
        match &self.signed {
            None => Ok(text),
            Some(signed) => Ok(self.open(&text, signed).await?),
        }
    }

    fn request(&self, url: &str, token: &str) -> Result<Request<Vec<u8>>, IntrospectionError> {
        let mut form = Serializer::new(String::new());
        form.append_pair("token", token);
        // RFC 7662 §2.1: no more than a hint.
        form.append_pair("token_type_hint", "access_token");
        self.client
            .add_to(&mut form, self.issuer(), self.clock.now())
            .map_err(|_| IntrospectionError::NotSigned)?;
        let accept = if self.signed.is_some() { SIGNED } else { JSON };
        let mut request = Request::post(url)
            .header(ACCEPT, accept)
            .header(ACCEPT_ENCODING, "identity")
            .header(CONTENT_TYPE, FORM);
        if let Some(value) = self.client.authorization() {
            request = request.header(AUTHORIZATION, value);
        }
        request.body(form.finish().into_bytes()).map_err(|error| {
            IntrospectionError::Fetch(FetchError::new(FetchErrorKind::Connect).because(error))
        })
    }

    /// The answer inside a signed one.
    async fn open(&self, text: &str, signed: &Signed) -> Result<String, IntrospectionError> {
        let believed = IntrospectionError::Signed;
        let compact = Compact::decode(text.trim_ascii(), LONGEST_ANSWER).map_err(believed)?;
        let now = self.clock.now();
        let answer =
            SignedAnswer::read(&compact, &self.policy, &signed.audience, now).map_err(believed)?;
        let header = answer.header();
        let key_id = header.key_id.as_deref();
        let keys = match signed.keys.look_up(key_id, header.algorithm) {
            LookUp::Ready(keys) => keys,
            LookUp::Refused => return Err(believed(VerifyErrorKind::KeyUnknown)),
            LookUp::Unavailable(unavailable) => return Err(IntrospectionError::Keys(unavailable)),
            LookUp::Wait(waiting) => waiting.await.map_err(|rejection| match rejection {
                Rejection::Verify(error) => believed(error.kind()),
                Rejection::Unavailable(unavailable) => IntrospectionError::Keys(unavailable),
                Rejection::Authorization(_) => IntrospectionError::Keys(Unavailable::new(
                    UnavailableKind::Keys,
                    Duration::ZERO,
                )),
            })?,
        };
        let inside = answer.open(&keys, self.clock.now()).map_err(believed)?;
        Ok(inside.to_owned())
    }
}

/// Whether the endpoint does not seem to be there any more. No token is the reason for that.
fn has_moved(answer: &Result<Response<Vec<u8>>, FetchError>) -> bool {
    match answer.as_ref().map(Response::status) {
        Ok(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE) => true,
        Ok(status) => status.is_redirection(),
        Err(error) => error.kind() == FetchErrorKind::Connect,
    }
}

fn check_status(answer: &Response<Vec<u8>>) -> Result<(), CallFailed> {
    let status = answer.status();
    let (error, says) = match status {
        StatusCode::OK => return Ok(()),
        StatusCode::UNAUTHORIZED => (IntrospectionError::ClientRefused(status), Says::Failing),
        // What guards a server may say so of a made-up token that looks like an attack: `../../etc/passwd` is a b64token.
        StatusCode::FORBIDDEN => (IntrospectionError::ClientRefused(status), Says::Works),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let wish = retry_after(answer.headers());
            let says = match status {
                StatusCode::TOO_MANY_REQUESTS => Says::LeaveAlone(wish.unwrap_or_default()),
                _ => wish.map_or(Says::Failing, Says::LeaveAlone),
            };
            (IntrospectionError::Busy(status), says)
        }
        // No token is the reason for these.
        StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::GONE => (IntrospectionError::Refused(status), Says::Failing),
        // A token that a stranger made up may be the reason, and must not end the calls for all others.
        _ if status.is_client_error() => (IntrospectionError::Refused(status), Says::Works),
        _ => {
            let error = FetchError::new(FetchErrorKind::Status(status));
            (IntrospectionError::Fetch(error), Says::Failing)
        }
    };
    Err(CallFailed { error, says })
}

/// RFC 9110 §10.2.3: seconds, or a date, which is as good as the longest that we grant.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    let seconds = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    Some(seconds.map_or(Duration::MAX, Duration::from_secs))
}

/// Whether there is one `Content-Type`, and it is this, whatever its parameters.
fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let essence = value.to_str().ok().and_then(|text| text.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("endpoint", &self.endpoint)
            .field("client", &self.client)
            .field("signed", &self.signed.is_some())
            .finish_non_exhaustive()
    }
}
