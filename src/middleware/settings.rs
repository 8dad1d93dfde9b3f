//! How a layer treats requests, once it is known what their credentials are worth.

use std::mem;

use http::Request;

use super::forwarding::Forwarding;
use super::public_route::{PublicRoute, is_preflight};
use super::response::Challenges;
use crate::authenticator::{Admitted, Authenticator};
use crate::error::{Rejection, VerifyErrorKind};
use crate::let_through::LetThrough;
use crate::observe::{Event, Observers};
use crate::sender::{FreshNonce, SenderChecks};
use crate::verified::Verified;

/// Whether a request needs a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    #[default]
    Required,
    Optional,
    Observe,
}

/// Everything a layer was told, beside who decides.
#[derive(Clone, Debug)]
pub(super) struct Settings<R> {
    pub(super) mode: Mode,
    pub(super) public: Vec<PublicRoute>,
    pub(super) preflight: bool,
    pub(super) strip: bool,
    pub(super) forwarding: Forwarding,
    pub(super) respond: R,
    pub(super) challenges: Challenges,
    pub(super) observers: Observers,
}

impl<R> Settings<R> {
    pub(super) fn of<C>(authenticator: &Authenticator<C>, respond: R) -> Self {
        let none = SenderChecks::default();
        Self {
            mode: Mode::default(),
            public: Vec::new(),
            preflight: false,
            strip: false,
            forwarding: Forwarding::default(),
            respond,
            challenges: Challenges::new(
                authenticator.challenge().clone(),
                authenticator.credentials().others().schemes(),
                authenticator.senders().map_or(&none, |senders| &**senders),
            ),
            observers: authenticator.observers().clone(),
        }
    }

    pub(super) fn with_respond<Other>(self, respond: impl FnOnce(R) -> Other) -> Settings<Other> {
        Settings {
            mode: self.mode,
            public: self.public,
            preflight: self.preflight,
            strip: self.strip,
            forwarding: self.forwarding,
            respond: respond(self.respond),
            challenges: self.challenges,
            observers: self.observers,
        }
    }

    /// Why a request passes whatever it carries.
    pub(super) fn waves_through<B>(&self, request: &Request<B>) -> Option<LetThrough> {
        if self.preflight && is_preflight(request) {
            return Some(LetThrough::Preflight);
        }
        let public = self.public.iter().any(|route| route.is_of(request));
        public.then_some(LetThrough::PublicRoute)
    }

    /// Whether a request passes, by the mode of the layer; the observers are told.
    pub(super) fn judge<C>(
        &self,
        outcome: Result<Admitted<C>, Rejection>,
    ) -> Result<Pass<C>, Rejection> {
        let rejection = match outcome {
            Ok(admitted) => {
                self.observers.tell(&match &admitted {
                    Admitted::Token(verified, _) => Event::Accepted {
                        issuer: verified.issuer(),
                    },
                    Admitted::Other(_) => Event::OtherAccepted,
                });
                return Ok(Pass::With(admitted));
            }
            Err(rejection) => rejection,
        };
        match self.mode {
            Mode::Optional if shows_nothing(&rejection) => {
                self.observers.tell(&Event::Anonymous);
                Ok(Pass::Without(LetThrough::Anonymous))
            }
            Mode::Observe => {
                self.observers.tell(&Event::NotRefused {
                    rejection: &rejection,
                });
                Ok(Pass::Without(LetThrough::NotRefused(rejection)))
            }
            Mode::Required | Mode::Optional => {
                self.observers.tell(&Event::Rejected {
                    rejection: &rejection,
                });
                Err(rejection)
            }
        }
    }

    /// Makes of a request what the inner service is to see.
    pub(super) fn prepare<B, C: Send + Sync + 'static>(
        &self,
        authenticator: &Authenticator<C>,
        request: &mut Request<B>,
        pass: Pass<C>,
    ) {
        self.forwarding.clear(request.headers_mut());
        if let Some(senders) = authenticator.senders() {
            let extensions = mem::take(request.extensions_mut());
            senders.remove_forged(request.headers_mut(), &extensions);
            *request.extensions_mut() = extensions;
        }
        if self.strip {
            let mut uri = mem::take(request.uri_mut());
            let credentials = authenticator.credentials();
            credentials.remove(request.headers_mut(), &mut uri);
            *request.uri_mut() = uri;
        }
        let why = match pass {
            Pass::With(Admitted::Token(verified, shown)) => {
                if let Some(proof) = shown.proof {
                    request.extensions_mut().insert(*proof);
                }
                self.forwarding
                    .write(request.headers_mut(), verified.claims_set());
                // A layer outside may have let it through without a token.
                request.extensions_mut().remove::<LetThrough>();
                request.extensions_mut().insert(verified);
                return;
            }
            Pass::With(Admitted::Other(identity)) => {
                identity.insert_into(request.extensions_mut());
                LetThrough::OtherCredential
            }
            Pass::Without(why) => why,
        };
        // A layer outside may have verified a token on terms of its own. They are not those of this layer.
        request.extensions_mut().remove::<Verified<C>>();
        request.extensions_mut().insert(why);
    }
}

/// On what a request passes.
pub(super) enum Pass<C> {
    With(Admitted<C>),
    Without(LetThrough),
}

impl<C> Pass<C> {
    /// What is to be sent along with the answer.
    pub(super) fn take_nonce(&mut self) -> FreshNonce {
        match self {
            Self::With(Admitted::Token(_, shown)) => shown.nonce.take(),
            // It was not refused, and learns only so what it lacks (RFC 9449 §8.2).
            Self::Without(LetThrough::NotRefused(Rejection::Verify(error))) => {
                error.dpop_nonce().cloned().map(Box::new)
            }
            _ => None,
        }
    }
}

/// Nothing that could be good or bad was shown: what may be missing where authentication is optional.
fn shows_nothing(rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::Verify(error) if error.kind() == VerifyErrorKind::CredentialMissing)
}
