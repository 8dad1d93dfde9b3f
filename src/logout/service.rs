//! The service that a provider sends logout tokens to.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use tower_service::Service;

use super::answer::{answer, not_post};
use super::builder::BackChannelLogoutBuilder;
use super::error::LogoutError;
use super::form::logout_token;
use super::token::{Logout, Rules};
use crate::authenticator::{Authenticator, Trust};
use crate::error::{Rejection, Unavailable, UnavailableKind};
use crate::observe::Event;
use crate::revocation::{Revocation, RevocationError, RevocationErrorKind, RevocationStore};

/// How long the store may take to take a revocation in.
const SLOWEST_STORE: Duration = Duration::from_secs(5);

/// When a provider may try again after the store has failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Accepts logout tokens and revokes what they name; cheap to clone. See [the module](super).
///
/// The request's body may be any; the response's body is a `String`, which axum and hyper serve as it is. It answers at whatever path it
/// stands.
#[derive(Clone)]
pub struct BackChannelLogout {
    shared: Arc<Shared>,
}

/// What carries logouts out.
pub(super) struct Shared {
    pub(super) trust: Box<dyn Trust>,
    pub(super) store: Box<dyn RevocationStore>,
    pub(super) rules: Rules,
    pub(super) whole_subject: bool,
}

impl BackChannelLogout {
    /// Begins a service that takes logout tokens of the issuers that `auth` trusts, meant for `client_id`, and revokes in `store`.
    ///
    /// `client_id` is what the provider knows the application by that its users log in to, as it stands in the `aud` of its ID tokens:
    /// mostly not the audience of access tokens. `store` is the one that `auth` asks.
    pub fn builder<C: DeserializeOwned + Send + Sync + 'static>(
        auth: &Authenticator<C>,
        client_id: impl Into<String>,
        store: impl RevocationStore,
    ) -> BackChannelLogoutBuilder {
        let (trust, store) = (Box::new(auth.clone()), Box::new(store));
        BackChannelLogoutBuilder::new(trust, client_id.into(), store)
    }

    pub(super) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }
}

impl Shared {
    async fn log_out<B>(&self, headers: &HeaderMap, body: B) -> Result<(), LogoutError>
    where
        B: BodyExt,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let token = logout_token(headers, body).await?;
        let logout = self.rules.verify(&token, &*self.trust).await?;
        for revocation in self.revocations(&logout) {
            self.revoke(revocation).await?;
        }
        let issuer = logout.issuer.as_str();
        let observers = self.trust.observers();
        observers.tell(&Event::LogoutReceived { issuer });
        Ok(())
    }

    /// What is to be revoked: the session, or all of the subject where none is named (§2.4, §2.7).
    fn revocations(&self, logout: &Logout) -> impl Iterator<Item = Revocation> {
        let Logout {
            issuer, issued_at, ..
        } = logout;
        // A session that is over stays over: what was issued in it since, on a machine whose clock is ahead, is revoked too.
        let over = self.trust.now().max(*issued_at);
        let session = logout.session.as_deref();
        let session = session.map(|it| Revocation::session(issuer, it).issued_before(over));
        // The subject may have logged in again since.
        let subject = logout.subject.as_deref();
        let subject = subject
            .filter(|_| self.whole_subject || session.is_none())
            .map(|it| Revocation::subject(issuer, it).issued_before(*issued_at));
        session.into_iter().chain(subject)
    }

    async fn revoke(&self, revocation: Revocation) -> Result<(), Rejection> {
        let outcome = timeout(SLOWEST_STORE, taken_in(&*self.store, revocation)).await;
        let error = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => RevocationError::from(RevocationErrorKind::TimedOut),
        };
        let unavailable = Unavailable::new(UnavailableKind::Revocations, RETRY_AFTER);
        Err(unavailable.because(Arc::new(error)).into())
    }
}

/// What the store says, a panic included: a provider is answered, and observers are told, although it fails so.
async fn taken_in(
    store: &dyn RevocationStore,
    revocation: Revocation,
) -> Result<(), RevocationError> {
    let panicked = || RevocationError::from(RevocationErrorKind::Panicked);
    let begun = catch_unwind(AssertUnwindSafe(|| store.revoke(revocation)));
    let mut revoking = begun.map_err(|_| panicked())?;
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| revoking.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    })
    .await
}

impl<B> Service<Request<B>> for BackChannelLogout
where
    B: BodyExt + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            if request.method() != Method::POST {
                return Ok(not_post());
            }
            let (parts, body) = request.into_parts();
            let outcome = shared.log_out(&parts.headers, body).await;
            if let Err(error) = &outcome {
                let (reason, observers) = (error.code(), shared.trust.observers());
                observers.tell(&Event::LogoutRefused { reason, error });
            }
            Ok(answer(outcome))
        })
    }
}

impl fmt::Debug for BackChannelLogout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackChannelLogout")
            .field("rules", &self.shared.rules)
            .finish_non_exhaustive()
    }
}
