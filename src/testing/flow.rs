//! Bodies as bad providers send them.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::Sleep;

/// A body that is sent while it is made up.
pub(super) enum Flow {
    Whole(Bytes),
    /// One byte each second.
    Slow {
        rest: Bytes,
        pause: Option<Pin<Box<Sleep>>>,
    },
    /// A document and so many spaces; without end if there is no number.
    Padded {
        document: Bytes,
        spaces: Option<usize>,
    },
    /// Breaks after these bytes, once they are on their way.
    Broken {
        rest: Bytes,
        sent: bool,
    },
}

/// Somewhere between client and issuer there is nothing any more.
#[derive(Debug)]
pub(super) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection broken off by the test kit")
    }
}

impl std::error::Error for Broken {}

const SPACES: &[u8] = &[b' '; 16 * 1024];

impl Flow {
    pub(super) const PACE: Duration = Duration::from_secs(1);

    pub(super) fn slow(body: Vec<u8>) -> Self {
        Self::Slow {
            rest: body.into(),
            pause: None,
        }
    }

    pub(super) fn broken(body: Vec<u8>) -> Self {
        Self::Broken {
            rest: body.into(),
            sent: false,
        }
    }

    /// The next bytes; none at the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let bytes = match self {
            Self::Whole(bytes) => std::mem::take(bytes),
            Self::Slow { rest, .. } if rest.is_empty() => Bytes::new(),
            Self::Slow { rest, pause } => {
                let sleep = pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(Self::PACE)));
                ready!(sleep.as_mut().poll(cx));
                *pause = None;
                rest.split_to(1)
            }
            Self::Padded { document, .. } if !document.is_empty() => std::mem::take(document),
            Self::Padded { spaces, .. } => {
                let length = spaces.unwrap_or(usize::MAX).min(SPACES.len());
                *spaces = spaces.map(|left| left - length);
                Bytes::from_static(SPACES).slice(..length)
            }
            Self::Broken { rest, .. } if !rest.is_empty() => std::mem::take(rest),
            Self::Broken { sent: true, .. } => return Poll::Ready(Some(Err(Broken))),
            Self::Broken { sent, .. } => {
                // An error at once would take what the connection still buffers with it.
                *sent = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        };
        Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
    }

    /// How many bytes are left, where that is known.
    fn left(&self) -> Option<usize> {
        match self {
            Self::Whole(bytes) => Some(bytes.len()),
            Self::Slow { rest, .. } => Some(rest.len()),
            Self::Padded { document, spaces } => spaces.map(|spaces| document.len() + spaces),
            Self::Broken { .. } => None,
        }
    }
}

/// Tells how many bytes of a flow were taken.
pub(super) struct Counted<F> {
    pub(super) flow: Flow,
    pub(super) count: F,
}

impl<F: FnMut(usize) + Unpin> Body for Counted<F> {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let bytes = ready!(self.flow.poll_bytes(cx));
        if let Some(Ok(bytes)) = &bytes {
            (self.count)(bytes.len());
        }
        Poll::Ready(bytes.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.flow.left() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        match self.flow.left().map(u64::try_from) {
            Some(Ok(left)) => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }
}
