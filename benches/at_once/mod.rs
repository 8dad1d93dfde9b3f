//! A request from end to end, where all is at hand and nothing is waited for.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What `future` yields when it is asked the first time.
#[inline(always)]
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("all is at hand, so the answer is too"),
    }
}
