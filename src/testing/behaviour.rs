use std::time::Duration;

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};

/// How an endpoint of a [`TestIssuer`](super::TestIssuer) answers, from one moment to the next.
///
/// Those about keys change nothing where there are none: at the discovery and token endpoints they mean [`Normal`](Self::Normal).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Behaviour {
    /// The true document, with the headers chosen for the endpoint; 304 if the client has that entity tag.
    #[default]
    Normal,
    /// Nobody is there.
    ///
    /// While both discovery and key set are down, the port is closed and connections are refused. If only one of
    /// them is, the connection ends without an answer. In memory both are a failure to connect.
    Down,
    /// The request is taken and never answered.
    Hang,
    /// The request is taken and kept until the behaviour is changed, then answered as the new one says.
    Held,
    /// Waits, then does as told.
    #[non_exhaustive]
    After {
        /// How long.
        delay: Duration,
        /// What then.
        then: Box<Self>,
    },
    /// The true document, one byte of the body each second.
    OneByteASecond,
    /// This answer.
    Answer(Response<Vec<u8>>),
    /// The true document, followed by white space up to so many bytes.
    ///
    /// Whoever reads it to the end finds nothing wrong with it.
    #[non_exhaustive]
    Padded {
        /// How many.
        bytes: usize,
    },
    /// The true document, followed by white space without end.
    Endless,
    /// The true document and 50 MB of white space, compressed by gzip to some 300 kB, though nobody asked for it.
    GzipBomb,
    /// The first half of the true document, as if that were all.
    Truncated,
    /// The first half of the true document; then the connection breaks.
    BrokenOff,
    /// A key set without keys.
    EmptyKeys,
    /// The true keys, and so many others after them.
    ManyKeys(usize),
}

impl Behaviour {
    /// Waits, then answers normally.
    #[must_use]
    pub fn delay(delay: Duration) -> Self {
        Self::Normal.after(delay)
    }

    /// Waits before doing this.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self::After {
            delay,
            then: Box::new(self),
        }
    }

    /// An empty answer of this status.
    ///
    /// # Panics
    ///
    /// If `status` is not between 100 and 999.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::answer(
            StatusCode::from_u16(status).expect("a status code"),
            "text/plain",
            "",
        )
    }

    /// The true document, followed by white space up to so many bytes.
    #[must_use]
    pub fn padded(bytes: usize) -> Self {
        Self::Padded { bytes }
    }

    /// 404 with a JSON body.
    #[must_use]
    pub fn not_found() -> Self {
        Self::answer(
            StatusCode::NOT_FOUND,
            "application/json",
            r#"{"error":"not found"}"#,
        )
    }

    /// 200 with a page of HTML, as captive portals and login walls answer.
    #[must_use]
    pub fn html() -> Self {
        let page = "<!doctype html><title>Sign in</title><p>Please sign in.</p>";
        Self::answer(StatusCode::OK, "text/html; charset=utf-8", page)
    }

    /// 200 with this body, said to be JSON.
    #[must_use]
    pub fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Self::answer(StatusCode::OK, "application/json", body)
    }

    /// 302 to another URL.
    ///
    /// # Panics
    ///
    /// If `url` cannot stand in a header.
    #[must_use]
    pub fn redirect(url: &str) -> Self {
        let mut answer = Response::new(Vec::new());
        *answer.status_mut() = StatusCode::FOUND;
        let location = HeaderValue::from_str(url).expect("a URL of visible characters");
        answer.headers_mut().insert(LOCATION, location);
        Self::Answer(answer)
    }

    /// The true document, followed by white space up to 50 MB.
    #[must_use]
    pub fn fifty_megabytes() -> Self {
        Self::padded(50_000_000)
    }

    /// The true keys, and 10 000 others after them: a document of about 1 MB.
    #[must_use]
    pub fn ten_thousand_keys() -> Self {
        Self::ManyKeys(10_000)
    }

    fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let mut answer = Response::new(body.into());
        *answer.status_mut() = status;
        let content_type = HeaderValue::from_static(content_type);
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
        Self::Answer(answer)
    }
}
