//! The one future of the middleware. Nothing in it is boxed unless a key has to be waited for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::authenticator::Authenticator;
use crate::error::Rejection;
use crate::verified::Verified;

type Later<C> = Pin<Box<dyn Future<Output = Result<Verified<C>, Rejection>> + Send>>;

pin_project! {
    /// The response of an [`Authenticate`](super::Authenticate) service.
    pub struct ResponseFuture<S, C, B>
    where
        S: Service<Request<B>>,
    {
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
        Accepted {
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
    }
}

impl<S, C, B> ResponseFuture<S, C, B>
where
    S: Service<Request<B>>,
    C: Send + Sync + 'static,
{
    pub(super) fn accepted(service: &mut S, request: Request<B>, verified: Verified<C>) -> Self {
        Self {
            state: State::accepted(service, request, verified),
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
        service: S,
        request: Request<B>,
    ) -> Self {
        Self {
            state: State::Waiting {
                authenticator,
                decision,
                call: Some((service, request)),
            },
        }
    }
}

impl<S, C, B> State<S, C, B>
where
    S: Service<Request<B>>,
    C: Send + Sync + 'static,
{
    fn accepted(service: &mut S, mut request: Request<B>, verified: Verified<C>) -> Self {
        request.extensions_mut().insert(verified);
        Self::Accepted {
            response: service.call(request),
        }
    }
}

impl<S, C, RequestBody, ResponseBody> Future for ResponseFuture<S, C, RequestBody>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
    C: Send + Sync + 'static,
    ResponseBody: Default,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Accepted { response } => return response.poll(cx),
                StateProjection::Refused { response } => {
                    let response = response
                        .take()
                        .expect("not polled again after it was ready");
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Waiting {
                    authenticator,
                    decision,
                    call,
                } => match ready!(decision.as_mut().poll(cx)) {
                    Ok(verified) => {
                        let (mut service, request) =
                            call.take().expect("taken once, when the decision is ready");
                        State::accepted(&mut service, request, verified)
                    }
                    Err(rejection) => State::Refused {
                        response: Some(authenticator.answers().respond(rejection)),
                    },
                },
            };
            state.set(next);
        }
    }
}

impl<S, C, B> fmt::Debug for ResponseFuture<S, C, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
