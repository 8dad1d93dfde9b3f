//! The future of an authenticated call. Nothing in it is boxed unless a key has to be waited for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::answering::Answering;
use super::body::Respond;
use super::settings::Settings;
use crate::authenticator::{Admitted, Authenticator};
use crate::error::Rejection;

type Later<C> = Pin<Box<dyn Future<Output = Result<Admitted<C>, Rejection>> + Send>>;

pin_project! {
    /// The response of an [`Authenticate`](super::Authenticate) service.
    pub struct ResponseFuture<S, C, B, R>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, C, B, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, C, B, R>
    where
        S: Service<Request<B>>,
    {
        Passed {
            answering: Answering,
            settings: Arc<Settings<R>>,
            #[pin]
            response: S::Future,
        },
        Refused {
            response: Option<S::Response>,
        },
        Waiting {
            authenticator: Authenticator<C>,
            decision: Later<C>,
            call: Option<Call<S, B, R>>,
        },
        // Holds nothing of the inner service while a decision is waited for: strangers can make it wait.
        Readying {
            call: Option<Call<S, B, R>>,
        },
    }
}

/// A call that is to be made if its request passes, and what its answer takes.
pub(super) struct Call<S, B, R> {
    pub(super) service: S,
    pub(super) request: Request<B>,
    pub(super) answering: Answering,
    pub(super) settings: Arc<Settings<R>>,
}

impl<S, C, B, R> ResponseFuture<S, C, B, R>
where
    S: Service<Request<B>>,
    C: Send + Sync + 'static,
{
    pub(super) fn passed(
        answering: Answering,
        settings: Arc<Settings<R>>,
        response: S::Future,
    ) -> Self {
        Self {
            state: State::Passed {
                answering,
                settings,
                response,
            },
        }
    }

    pub(super) fn refused(response: S::Response) -> Self {
        Self {
            state: State::Refused {
                response: Some(response),
            },
        }
    }

    pub(super) fn waiting(
        authenticator: Authenticator<C>,
        decision: Later<C>,
        call: Call<S, B, R>,
    ) -> Self {
        Self {
            state: State::Waiting {
                authenticator,
                decision,
                call: Some(call),
            },
        }
    }
}

impl<S, C, RequestBody, ResponseBody, R> Future for ResponseFuture<S, C, RequestBody, R>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    C: Send + Sync + 'static,
    R: Respond<ResponseBody>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Passed {
                    answering,
                    settings,
                    response,
                } => {
                    let response = ready!(response.poll(cx))?;
                    return Poll::Ready(Ok(answering.finish(settings, response)));
                }
                StateProjection::Refused { response } => {
                    let response = response
                        .take()
                        .expect("not polled again after it was ready");
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Waiting {
                    authenticator,
                    decision,
                    call: waiting,
                } => {
                    let outcome = ready!(decision.as_mut().poll(cx));
                    let mut call = waiting
                        .take()
                        .expect("taken once, when the decision is ready");
                    match call.settings.judge(outcome) {
                        Ok(mut pass) => {
                            call.answering.nonce = pass.take_nonce();
                            call.settings
                                .prepare(authenticator, &mut call.request, pass);
                            State::Readying { call: Some(call) }
                        }
                        Err(rejection) => State::Refused {
                            response: Some(call.answering.refuse(&call.settings, rejection)),
                        },
                    }
                }
                StateProjection::Readying { call } => {
                    let waiting = call.as_mut().expect("taken when the service is ready");
                    ready!(waiting.service.poll_ready(cx))?;
                    let mut call = call.take().expect("taken once, when the service is ready");
                    State::Passed {
                        response: call.service.call(call.request),
                        answering: call.answering,
                        settings: call.settings,
                    }
                }
            };
            state.set(next);
        }
    }
}

impl<S, C, B, R> fmt::Debug for ResponseFuture<S, C, B, R>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
