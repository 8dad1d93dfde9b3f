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
        answering: Answering,
        settings: Arc<Settings<R>>,
        #[pin]
        state: State<S, C, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, C, B>
    where
        S: Service<Request<B>>,
    {
        Passed {
            #[pin]
            response: S::Future,
        },
        Refused {
            response: Option<S::Response>,
        },
        Waiting {
            authenticator: Authenticator<C>,
            decision: Later<C>,
            call: Option<(S, Request<B>)>,
        },
        // Holds nothing of the inner service while a decision is waited for: strangers can make it wait.
        Readying {
            call: Option<(S, Request<B>)>,
        },
    }
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
            answering,
            settings,
            state: State::Passed { response },
        }
    }

    pub(super) fn refused(
        answering: Answering,
        settings: Arc<Settings<R>>,
        response: S::Response,
    ) -> Self {
        Self {
            answering,
            settings,
            state: State::Refused {
                response: Some(response),
            },
        }
    }

    pub(super) fn waiting(
        answering: Answering,
        settings: Arc<Settings<R>>,
        authenticator: Authenticator<C>,
        decision: Later<C>,
        call: (S, Request<B>),
    ) -> Self {
        Self {
            answering,
            settings,
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
        let this = self.project();
        let (answering, settings, mut state) = (this.answering, this.settings, this.state);
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Passed { response } => {
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
                } => match settings.judge(ready!(decision.as_mut().poll(cx))) {
                    Ok(pass) => {
                        let (service, mut request) = waiting
                            .take()
                            .expect("taken once, when the decision is ready");
                        settings.prepare(authenticator, &mut request, pass);
                        State::Readying {
                            call: Some((service, request)),
                        }
                    }
                    Err(rejection) => State::Refused {
                        response: Some(answering.refuse(settings, rejection)),
                    },
                },
                StateProjection::Readying { call } => {
                    let (service, _) = call.as_mut().expect("taken when the service is ready");
                    ready!(service.poll_ready(cx))?;
                    let (mut service, request) =
                        call.take().expect("taken once, when the service is ready");
                    State::Passed {
                        response: service.call(request),
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
