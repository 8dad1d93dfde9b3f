//! What the body of an answer is.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};

use super::response::Words;
use super::wire::Wire;
use sealed::Refusal;

/// What the body of an answer is made by: [`EmptyBody`], [`ProblemDetails`] or [`OnRefusal`](super::OnRefusal); not to be
/// implemented elsewhere.
///
/// Named only by services that are generic over the layer.
pub trait Respond<B>: sealed::Respond<B> {}

pub(super) mod sealed {
    use http::Response;

    use super::super::refused_request::RefusedRequest;
    use super::super::response::Words;
    use super::super::wire::Wire;
    use crate::error::Rejection;

    /// What the answer to a refused request is made of.
    #[derive(Debug)]
    pub struct Refusal<'a> {
        pub(in crate::middleware) head: Response<()>,
        pub(in crate::middleware) words: Words,
        pub(in crate::middleware) wire: Wire,
        pub(in crate::middleware) rejection: &'a Rejection,
        /// There if [`Respond::wants_request`] asked for it.
        pub(in crate::middleware) request: Option<&'a RefusedRequest>,
    }

    /// Makes the answer to a refused request.
    pub trait Respond<B>: Clone {
        fn respond(&self, refusal: Refusal<'_>) -> Response<B>;

        fn wants_request(&self) -> bool {
            false
        }
    }
}

/// Answers with an empty body: all that a client needs stands in the headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyBody;

impl<B: Default> Respond<B> for EmptyBody {}

impl<B: Default> sealed::Respond<B> for EmptyBody {
    fn respond(&self, refusal: Refusal<'_>) -> Response<B> {
        refusal.head.map(|()| B::default())
    }
}

/// Answers with a JSON problem (RFC 9457).
///
/// `type` is `about:blank`, so that `title` is the status' own phrase; `detail` is a fixed sentence, and `error` the error code
/// of the challenge, where it has one. A client of gRPC gets an empty body, as without this.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemDetails;

impl<B: From<String>> Respond<B> for ProblemDetails {}

impl<B: From<String>> sealed::Respond<B> for ProblemDetails {
    fn respond(&self, refusal: Refusal<'_>) -> Response<B> {
        let Refusal {
            mut head,
            words,
            wire,
            ..
        } = refusal;
        if wire != Wire::Http {
            return head.map(|()| B::from(String::new()));
        }
        let json = HeaderValue::from_static("application/problem+json");
        head.headers_mut().insert(CONTENT_TYPE, json);
        head.map(|()| B::from(problem(words)))
    }
}

/// Nothing in it needs an escape: all of it is ours.
fn problem(words: Words) -> String {
    let Words {
        status,
        error,
        description,
        ..
    } = words;
    let title = status.canonical_reason().unwrap_or_default();
    let error = error.map(|code| format!(",\"error\":\"{code}\""));
    format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{},\"detail\":\"{description}\"{}}}",
        status.as_u16(),
        error.unwrap_or_default(),
    )
}
