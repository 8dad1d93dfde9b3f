//! Whether the service has the last word on an answer.

use std::fmt;
use std::marker::PhantomData;

use http::Response;

use super::body::{Respond, sealed};
use super::refused_request::RefusedRequest;
use crate::error::Rejection;

/// Gives the service the last word on every answer to a refused request.
pub struct OnRefusal<R, B, F> {
    base: R,
    hook: F,
    body: PhantomData<fn(B) -> B>,
}

impl<R, B, F> OnRefusal<R, B, F> {
    pub(super) fn new(base: R, hook: F) -> Self {
        Self {
            base,
            hook,
            body: PhantomData,
        }
    }
}

impl<R, B, F> Respond<B> for OnRefusal<R, B, F>
where
    R: Respond<B>,
    F: Fn(Response<B>, &Rejection, &RefusedRequest) -> Response<B> + Clone,
{
}

impl<R, B, F> sealed::Respond<B> for OnRefusal<R, B, F>
where
    R: Respond<B>,
    F: Fn(Response<B>, &Rejection, &RefusedRequest) -> Response<B> + Clone,
{
    fn respond(&self, refusal: sealed::Refusal<'_>) -> Response<B> {
        let (rejection, request) = (refusal.rejection, refusal.request);
        let mut response = self.base.respond(refusal);
        let Some(request) = request else {
            return response;
        };
        // It is shown what would be sent, with all that layers outside would find.
        response.extensions_mut().insert(rejection.clone());
        (self.hook)(response, rejection, request)
    }

    fn wants_request(&self) -> bool {
        true
    }
}

impl<R: Clone, B, F: Clone> Clone for OnRefusal<R, B, F> {
    fn clone(&self) -> Self {
        Self::new(self.base.clone(), self.hook.clone())
    }
}

impl<R: fmt::Debug, B, F> fmt::Debug for OnRefusal<R, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnRefusal")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}
