//! The order of the checks, readable from top to bottom.
//!
//! # A request is accepted if
//!
//! 1. it carries exactly one credential ([where](crate::credential)), and that is a token: any other is decided by the service
//!    itself;
//! 2. the token is three canonical parts whose header and claims are strict JSON, within bounds; any other is refused, unless an
//!    issuer is to be [asked](crate::introspection) about it;
//! 3. its `iss` is a trusted issuer, and header and claims satisfy that issuer's [`Policy`], which
//!    also refuses a token that is bound to a sender whom nobody checks;
//! 4. that issuer has a key of the token's `kid` that fits its `alg`;
//! 5. the signature verifies with that key;
//! 6. the claims can be read as the service's own claims type;
//! 7. its issuer, where it is to be [asked](crate::introspection) about its JWTs too, says that the token is active;
//! 8. the token has not been [revoked](crate::revocation), where that is asked;
//! 9. and the request is from whom the token is bound to, if it is bound: to a [key](crate::dpop), to a
//!    [certificate](crate::mtls), or to both.
//!
//! A token that was accepted before is recognised, and then only what may have changed since is checked: its time, its issuer's
//! policy, that the key which verified it is still published, and the last three, which are never remembered. See
//! [`AuthenticatorBuilder::token_cache`].
//!
//! A cheap check comes before a dear one, and nothing that a stranger sends starts a download before it has passed all
//! that can be checked without one. A refusal is a [`Rejection::Verify`], whose kind tells operators why; where keys,
//! an issuer's answer, revocations or used proofs cannot be had the outcome is [`Unavailable`], never a refusal.
//!
//! # What a deployment must ensure
//!
//! - The machine's clock is right to within seconds: `exp`, `nbf` and `iat` are compared with it.
//! - The issuer can be reached by `https`. `HTTPS_PROXY` and its like are not read; where a proxy is needed, bring a client of
//!   your own with [`AuthenticatorBuilder::fetch`].
//! - Nothing in front of the service rewrites `Authorization`, or adds a second one.
//!
//! RFC 6750, RFC 7515, RFC 7519, RFC 7662, RFC 8705, RFC 8725, RFC 9068, RFC 9449.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Uri};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::challenge::Challenge;
use crate::claims::Claims;
use crate::clock::{Clock, NumericDate};
use crate::credential::{Credential, Credentials, DecideFuture, Identity};
use crate::dpop::Scheme;
use crate::error::{Rejection, Unavailable, UnavailableKind, VerifyError, VerifyErrorKind};
use crate::health::Health;
use crate::introspection::{self, Answered, Asked, Introspector};
use crate::issuers::{Asking, Found, Issuers, Keys, Trusted, TrustedIssuer};
use crate::jose::{Compact, KeySet};
use crate::jwks::{LookUp, RemoteKeys, Waiting};
use crate::metadata::ResourceMetadata;
use crate::observe::{Event, Observers};
use crate::policy::Policy;
use crate::presented::Presented;
use crate::revocation::{Marks, Revocations, Ruling};
use crate::sender::{KeptSent, SenderChecks, SenderOutcome, Sent, Shown};
use crate::token_cache::{self, TokenCache};
use crate::verified::Verified;
use crate::verifier::{Checked, MAX_TOKEN_LENGTH, Unverified};

mod builder;
#[cfg(feature = "logout")]
mod trust;

pub use builder::AuthenticatorBuilder;
#[cfg(feature = "logout")]
pub(crate) use trust::Trust;

/// Decides whether a request's token is good; cheap to clone, one for the whole service.
///
/// Building does no I/O. Keys are fetched when the first token needs them, or ahead of that by [`warm`](Self::warm);
/// no start fails because an issuer is down.
///
/// ```
/// use tower_bearer::Authenticator;
///
/// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com").build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
pub struct Authenticator<C = Claims> {
    shared: Arc<Shared<C>>,
}

struct Shared<C> {
    issuers: Issuers,
    token_cache: Option<TokenCache<C>>,
    /// How many more signatures may be checked at this moment, if that is bounded.
    verifications: Option<Semaphore>,
    revocations: Option<Arc<Revocations>>,
    senders: Option<Arc<SenderChecks>>,
    clock: Arc<dyn Clock>,
    observers: Observers,
    credentials: Credentials,
    challenge: Challenge,
    resource_metadata: Option<ResourceMetadata>,
}

/// How long [`Authenticator::warm`] waits: the time of one discovery document and one key set, each at its limit.
const WARM: Duration = Duration::from_secs(10);

/// When to ask again whoever decides on a credential that is no token, and could not tell.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Outcome<C> = Result<Admitted<C>, Rejection>;

/// A decision, or what has to be awaited for one.
pub(crate) enum Decision<C> {
    Now(Outcome<C>),
    Later(Pin<Box<dyn Future<Output = Outcome<C>> + Send>>),
}

impl<C> Decision<C> {
    async fn outcome(self) -> Outcome<C> {
        match self {
            Self::Now(outcome) => outcome,
            Self::Later(outcome) => outcome.await,
        }
    }
}

/// Who a request is from.
pub(crate) enum Admitted<C> {
    /// Of a token, and what its sender has shown.
    Token(Verified<C>, Shown),
    /// The owner of a credential that is no token.
    Other(Identity),
}

/// How far a token can be judged with what is known.
enum Judgement<C> {
    Verified(Verified<C>),
    /// Its issuer is not known, and the resolver has to be asked.
    Asks(Asking),
    /// Its key is not known, and a download is on the way.
    Waits(Arc<Trusted>, Waiting),
}

impl Authenticator<Claims> {
    /// Trusts tokens of `issuer`, an `https` URL as it stands in the tokens' `iss`, that are meant for `audience`, our
    /// own name as it stands in their `aud`.
    pub fn builder(
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> AuthenticatorBuilder<Claims> {
        Self::trusting(TrustedIssuer::new(issuer, audience))
    }

    /// Trusts tokens of `issuer`, such as one of the [presets](crate::presets).
    pub fn trusting(issuer: TrustedIssuer) -> AuthenticatorBuilder<Claims> {
        AuthenticatorBuilder::new(issuer)
    }
}

impl<C: DeserializeOwned + Send + Sync + 'static> Authenticator<C> {
    /// Decides on the token that a request carries, as far as headers and URI tell.
    ///
    /// A credential that is no token, on which the service decides by [itself](AuthenticatorBuilder::other_credential), counts
    /// as none here. A token that is bound to its sender is refused: whether the request is from them, only
    /// [`authenticate_parts`](Self::authenticate_parts) can see.
    ///
    /// # Errors
    ///
    /// [`Rejection::Verify`] if it is missing or bad, [`Rejection::Unavailable`] if its key cannot be reached.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<Verified<C>, Rejection> {
        self.settled(self.decide_on(headers, uri, None)).await
    }

    /// Decides on the token that a request carries, and whether it is from whom the token is bound to.
    ///
    /// Where [nonces](crate::dpop::DpopNonces) are demanded, a refusal has the one to send
    /// ([`VerifyError::dpop_nonce`]); a fresh one for the answer to a good request is given by the layer only.
    ///
    /// # Errors
    ///
    /// As [`authenticate`](Self::authenticate).
    pub async fn authenticate_parts(&self, parts: &Parts) -> Result<Verified<C>, Rejection> {
        self.settled(self.decide(Presented::of_parts(parts))).await
    }

    /// Decides on a token that did not come with a request.
    ///
    /// One that is bound to its sender is refused: nobody has shown that they are its owner.
    ///
    /// # Errors
    ///
    /// As [`authenticate`](Self::authenticate).
    pub async fn verify(&self, token: &str) -> Result<Verified<C>, Rejection> {
        self.settled(self.decide_token(token, None)).await
    }

    /// The outcome of a decision on a token, which the observers are told.
    async fn settled(&self, decision: Decision<C>) -> Result<Verified<C>, Rejection> {
        let outcome = decision
            .outcome()
            .await
            .and_then(|admitted| match admitted {
                Admitted::Token(verified, _) => Ok(verified),
                // Whoever asks here asks for a token.
                Admitted::Other(_) => Err(VerifyErrorKind::CredentialMissing.into()),
            });
        self.shared.observers.tell(&match &outcome {
            Ok(verified) => Event::Accepted {
                issuer: verified.issuer(),
            },
            Err(rejection) => Event::Rejected { rejection },
        });
        outcome
    }

    /// Decides at once, unless something has to be waited for. Observers are left to the caller.
    pub(crate) fn decide(&self, request: Presented<'_>) -> Decision<C> {
        let sender = self.shared.senders.is_some().then_some(request);
        self.decide_on(request.headers, request.uri, sender)
    }

    /// `sender` is the request by which its sender is told, if that is checked.
    fn decide_on(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        sender: Option<Presented<'_>>,
    ) -> Decision<C> {
        let authorization = match self.shared.credentials.authorization(headers) {
            Ok(authorization) => authorization,
            Err(kind) => return Decision::Now(Err(kind.into())),
        };
        // A token that was verified before is known by its bytes, and needs no look at its form.
        let sole = self.shared.credentials.sole_token(&authorization, uri);
        let known = sole.and_then(|(_, token)| self.token_cache_key(token));
        if let Some(verified) = known.and_then(|key| self.recall(key)) {
            let (scheme, token) = sole.unwrap_or_default();
            return self.admit_jwt(verified, token, sent(sender, scheme, token));
        }
        match self.shared.credentials.find(authorization, headers, uri) {
            Ok(Credential::Token(scheme, token)) => {
                let sent = sent(sender, scheme, token.as_bytes());
                match known {
                    Some(_) => self.decide_new(&token, known, sent),
                    None => self.decide_token(&token, sent),
                }
            }
            Ok(Credential::Other(which, credential)) => self.decide_other(which, &credential),
            Err(kind) => Decision::Now(Err(kind.into())),
        }
    }

    fn decide_token(&self, token: &str, sent: Option<Sent<'_>>) -> Decision<C> {
        let known = self.token_cache_key(token.as_bytes());
        match known.and_then(|key| self.recall(key)) {
            Some(verified) => self.admit_jwt(verified, token.as_bytes(), sent),
            None => self.decide_new(token, known, sent),
        }
    }

    /// Decides on a token that is not in the cache, and where it would be.
    fn decide_new(
        &self,
        token: &str,
        place: Option<token_cache::Key>,
        sent: Option<Sent<'_>>,
    ) -> Decision<C> {
        if let Some(trusted) = self.shared.issuers.of_opaque()
            && introspection::is_opaque(token)
        {
            return self.decide_opaque(token, trusted, sent);
        }
        match self.judge(token) {
            Ok(Judgement::Verified(verified)) => {
                self.remember(place, &verified);
                self.admit_jwt(verified, token.as_bytes(), sent)
            }
            Err(rejection) => Decision::Now(Err(rejection)),
            Ok(judgement) => {
                let (this, token) = (self.clone(), token.to_owned());
                let sent = sent.map(Sent::to_kept);
                Decision::Later(Box::pin(async move {
                    let verified = this.settle(&token, judgement).await?;
                    this.remember(place, &verified);
                    let sent = sent.as_ref().map(KeptSent::sent);
                    let admitted = this.admit_jwt(verified, token.as_bytes(), sent);
                    admitted.outcome().await
                }))
            }
        }
    }

    /// Decides on a token that says nothing by itself: `trusted` is asked about it.
    fn decide_opaque(
        &self,
        token: &str,
        trusted: &Arc<Trusted>,
        sent: Option<Sent<'_>>,
    ) -> Decision<C> {
        let asked = match &trusted.introspector {
            Some(introspector) => introspector.ask_about_opaque(token),
            None => Err(VerifyErrorKind::NotCompact),
        };
        match asked {
            Ok(Asked::Answered(answered)) => match self.proof(&answered, &trusted.policy, token) {
                Ok(verified) => self.admit(verified, sent),
                Err(refused) => Decision::Now(Err(refused.into())),
            },
            Ok(Asked::Wait(waiting)) => {
                let (this, trusted) = (self.clone(), Arc::clone(trusted));
                let (token, sent) = (token.to_owned(), sent.map(Sent::to_kept));
                Decision::Later(Box::pin(async move {
                    let answered = waiting.await?;
                    let verified = this.proof(&answered, &trusted.policy, &token)?;
                    let sent = sent.as_ref().map(KeptSent::sent);
                    this.admit(verified, sent).outcome().await
                }))
            }
            Ok(Asked::Refused(kind)) | Err(kind) => Decision::Now(Err(kind.into())),
            Ok(Asked::Unavailable(unavailable)) => Decision::Now(Err(unavailable.into())),
        }
    }

    /// The proof that an answer about `token` is, if its time is now.
    fn proof(
        &self,
        answered: &Answered,
        policy: &Policy,
        token: &str,
    ) -> Result<Verified<C>, VerifyError> {
        answered.verified(policy, self.shared.clock.now(), |verified| {
            self.marked(verified, token.as_bytes())
        })
    }

    /// Lets a verified JWT pass if its issuer, where it is to be asked, says that it is still active, and it is still good.
    fn admit_jwt(
        &self,
        verified: Verified<C>,
        token: &[u8],
        sent: Option<Sent<'_>>,
    ) -> Decision<C> {
        let issuers = &self.shared.issuers;
        let Some(introspector) = issuers.introspector_of_jwts(verified.issuer()) else {
            return self.admit(verified, sent);
        };
        match introspector.ask_about_jwt(token) {
            Asked::Answered(answered) => match answered.check_jwt(&verified) {
                Ok(()) => self.admit(verified, sent),
                Err(kind) => Decision::Now(Err(kind.into())),
            },
            Asked::Wait(waiting) => {
                let (this, sent) = (self.clone(), sent.map(Sent::to_kept));
                Decision::Later(Box::pin(async move {
                    let answered = waiting.await?;
                    answered.check_jwt(&verified)?;
                    // Time has passed.
                    let (at, now) = (verified.expires_at(), this.shared.clock.now());
                    let in_time = this.shared.issuers.trusts(verified.issuer(), |trusted| {
                        let claims = verified.claims_set();
                        trusted.policy.check_time(claims, now).is_ok()
                    });
                    if !in_time {
                        return Err(VerifyErrorKind::Expired { at, now }.into());
                    }
                    let sent = sent.as_ref().map(KeptSent::sent);
                    this.admit(verified, sent).outcome().await
                }))
            }
            Asked::Refused(kind) => Decision::Now(Err(kind.into())),
            Asked::Unavailable(unavailable) => Decision::Now(Err(unavailable.into())),
        }
    }

    /// Lets a verified token pass if it is still good: what is asked here is asked on every request, and never remembered.
    fn admit(&self, verified: Verified<C>, sent: Option<Sent<'_>>) -> Decision<C> {
        let Some(revocations) = &self.shared.revocations else {
            return self.admit_sender(verified, sent);
        };
        match revocations.ask(verified.facts()) {
            Ruling::Now(Ok(())) => self.admit_sender(verified, sent),
            Ruling::Now(Err(rejection)) => Decision::Now(Err(rejection)),
            Ruling::Asks(answer) => {
                let (this, revocations) = (self.clone(), Arc::clone(revocations));
                let sent = sent.map(Sent::to_kept);
                Decision::Later(Box::pin(async move {
                    revocations.settle(answer).await?;
                    let sent = sent.as_ref().map(KeptSent::sent);
                    this.admit_sender(verified, sent).outcome().await
                }))
            }
        }
    }

    /// Lets a verified token pass if it is from whom it is bound to.
    fn admit_sender(&self, verified: Verified<C>, sent: Option<Sent<'_>>) -> Decision<C> {
        let Some(senders) = &self.shared.senders else {
            return Decision::Now(Ok(Admitted::Token(verified, Shown::default())));
        };
        let Some(sent) = sent else {
            let unsent = senders.check_unsent(verified.binding());
            return Decision::Now(match unsent {
                Ok(()) => Ok(Admitted::Token(verified, Shown::default())),
                Err(kind) => Err(kind.into()),
            });
        };
        match senders.check(sent, verified.binding(), self.shared.clock.now()) {
            SenderOutcome::Now(outcome) => {
                Decision::Now(outcome.map(|shown| Admitted::Token(verified, shown)))
            }
            SenderOutcome::Later(outcome) => Decision::Later(Box::pin(async move {
                let shown = outcome.await?;
                Ok(Admitted::Token(verified, shown))
            })),
        }
    }

    /// The same token, which can be revoked from now on if anything is revoked here; `identity` is that of [`Marks::of`].
    fn marked(
        &self,
        verified: Verified<C>,
        identity: &[u8],
    ) -> Result<Verified<C>, VerifyErrorKind> {
        if self.shared.revocations.is_none() {
            return Ok(verified);
        }
        let marks = Marks::of(verified.issuer(), verified.claims_set(), identity)?;
        Ok(verified.marked(marks))
    }

    /// Where the cache would hold this token, if it could be there at all.
    fn token_cache_key(&self, token: &[u8]) -> Option<token_cache::Key> {
        let cache = self.shared.token_cache.as_ref()?;
        // The base64url of an object begins so: most garbage is not worth a digest.
        let like_a_token = token.first() == Some(&b'e') && token.len() <= MAX_TOKEN_LENGTH;
        like_a_token.then(|| cache.key(token))
    }

    /// A token that was verified before, if all that may have changed since is checked again.
    fn recall(&self, key: token_cache::Key) -> Option<Verified<C>> {
        let now = self.shared.clock.now();
        let cache = self.shared.token_cache.as_ref()?;
        let verified = cache.find(&key, |verified| self.still_holds(verified, now))?;
        Some(verified.checked_again(now))
    }

    fn still_holds(&self, verified: &Verified<C>, now: NumericDate) -> bool {
        let (Some(key), Some(algorithm)) = (verified.key(), verified.algorithm()) else {
            return false;
        };
        let key_id = verified.key_id();
        self.shared.issuers.trusts(verified.issuer(), |trusted| {
            let Trusted { policy, keys, .. } = trusted;
            verified.is_by(policy)
                && policy.check_time(verified.claims_set(), now).is_ok()
                && keys.still_have(key, key_id, algorithm, now)
        })
    }

    fn remember(&self, place: Option<token_cache::Key>, verified: &Verified<C>) {
        if let (Some(cache), Some(place)) = (&self.shared.token_cache, place) {
            cache.insert(place, verified.clone());
        }
    }

    /// Leave to check one signature, for as long as it is held.
    fn verification(&self) -> Result<Option<SemaphorePermit<'_>>, Unavailable> {
        let Some(verifications) = &self.shared.verifications else {
            return Ok(None);
        };
        let permit = verifications.try_acquire();
        permit
            .map(Some)
            .map_err(|_| Unavailable::new(UnavailableKind::Verification, RETRY_AFTER))
    }

    /// Leaves the decision to the service, within the same bounds as for tokens.
    fn decide_other(&self, which: usize, credential: &str) -> Decision<C> {
        let (length, limit) = (credential.len(), MAX_TOKEN_LENGTH);
        if length > limit {
            let kind = VerifyErrorKind::TooLong { length, limit };
            return Decision::Now(Err(kind.into()));
        }
        let decision: DecideFuture<Identity> =
            self.shared.credentials.others().decide(which, credential);
        Decision::Later(Box::pin(async move {
            match decision.await {
                Ok(Some(identity)) => Ok(Admitted::Other(identity)),
                Ok(None) => Err(VerifyErrorKind::CredentialRefused.into()),
                Err(error) => {
                    let unavailable = Unavailable::new(UnavailableKind::Credential, RETRY_AFTER);
                    Err(unavailable.because(Arc::new(error)).into())
                }
            }
        }))
    }

    fn judge(&self, token: &str) -> Result<Judgement<C>, Rejection> {
        let mut compact = Compact::decode(token, MAX_TOKEN_LENGTH)?;
        let unverified = Unverified::read(&mut compact)?;
        match self.shared.issuers.find(unverified.issuer()) {
            Found::Trusted(trusted) => self.judge_for(unverified, &trusted),
            Found::Ask(asking) => {
                Policy::could_accept(unverified.claims(), self.shared.clock.now())?;
                Ok(Judgement::Asks(asking))
            }
            Found::Unknown => Err(VerifyErrorKind::Issuer.into()),
        }
    }

    /// Decides on a token of a trusted issuer.
    fn judge_for(
        &self,
        unverified: Unverified<'_>,
        trusted: &Arc<Trusted>,
    ) -> Result<Judgement<C>, Rejection> {
        if trusted.has_no_jwts() {
            return Err(VerifyErrorKind::KeyUnknown.into());
        }
        let checked = unverified.check(&trusted.policy, self.shared.clock.now())?;
        match &trusted.keys {
            Keys::Absent => Err(VerifyErrorKind::KeyUnknown.into()),
            Keys::Fixed(keys) => {
                let _leave = self.verification()?;
                let verified = checked.verify(&trusted.policy, keys)?;
                let verified = self.marked(verified, checked.signed_part())?;
                Ok(Judgement::Verified(verified))
            }
            Keys::Remote(remote) => match remote.look_up(checked.key_id(), checked.algorithm()) {
                LookUp::Ready(keys) => self.judge_signature(&checked, trusted, &keys),
                LookUp::Wait(waiting) => Ok(Judgement::Waits(Arc::clone(trusted), waiting)),
                LookUp::Refused => Err(VerifyErrorKind::KeyUnknown.into()),
                LookUp::Unavailable(unavailable) => Err(unavailable.into()),
            },
        }
    }

    /// Decides with published keys. A bad signature under a known `kid` starts a download only where that was asked for.
    fn judge_signature(
        &self,
        checked: &Checked<'_>,
        trusted: &Arc<Trusted>,
        keys: &KeySet,
    ) -> Result<Judgement<C>, Rejection> {
        let outcome = {
            let _leave = self.verification()?;
            checked.verify(&trusted.policy, keys)
        };
        let refused = match outcome {
            Ok(verified) => {
                self.shared.issuers.prove(trusted);
                let verified = self.marked(verified, checked.signed_part())?;
                return Ok(Judgement::Verified(verified));
            }
            Err(refused) => refused,
        };
        if refused.kind() == VerifyErrorKind::Signature
            && let (Some(key_id), Keys::Remote(remote)) = (checked.key_id(), &trusted.keys)
            && let Some(waiting) = remote.suspect(key_id)
        {
            return Ok(Judgement::Waits(Arc::clone(trusted), waiting));
        }
        Err(refused.into())
    }

    /// Awaits what a judgement still lacks. Everything is read again each time: time has passed.
    async fn settle(
        &self,
        token: &str,
        mut judgement: Judgement<C>,
    ) -> Result<Verified<C>, Rejection> {
        loop {
            judgement = match judgement {
                Judgement::Verified(verified) => return Ok(verified),
                Judgement::Asks(asking) => {
                    let trusted = asking.answer().await?;
                    let mut compact = Compact::decode(token, MAX_TOKEN_LENGTH)?;
                    self.judge_for(Unverified::read(&mut compact)?, &trusted)?
                }
                Judgement::Waits(trusted, waiting) => {
                    let keys = waiting.await?;
                    let mut compact = Compact::decode(token, MAX_TOKEN_LENGTH)?;
                    let checked = Unverified::read(&mut compact)?
                        .check(&trusted.policy, self.shared.clock.now())?;
                    let verified = {
                        let _leave = self.verification()?;
                        checked.verify(&trusted.policy, &keys)?
                    };
                    self.shared.issuers.prove(&trusted);
                    Judgement::Verified(self.marked(verified, checked.signed_part())?)
                }
            }
        }
    }
}

impl<C> Authenticator<C> {
    /// Fetches the keys of all configured issuers that publish them, and waits at most ten seconds for it.
    ///
    /// For a service that wants its first request as fast as any other. A failure is no reason not to start: the keys
    /// go on being asked for in the background, and requests wait for them or are answered 503.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the keys of an issuer have not come.
    pub async fn warm(&self) -> Result<(), Unavailable> {
        self.warm_within(WARM).await
    }

    /// As [`warm`](Self::warm), with a time of your own to wait at most.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] if the keys of an issuer have not come by then.
    pub async fn warm_within(&self, deadline: Duration) -> Result<(), Unavailable> {
        let begun = tokio::time::Instant::now();
        let mut outcome = Ok(());
        // All begin before any is waited for.
        self.start();
        for remote in self.given_keys() {
            let left = deadline.saturating_sub(begun.elapsed());
            outcome = outcome.and(remote.warm(left).await);
        }
        outcome
    }

    /// Begins to fetch the keys of all configured issuers, and to keep them fresh, without waiting for any.
    ///
    /// Call it inside a tokio runtime; outside of one it does nothing, and the first request begins.
    pub fn start(&self) {
        self.given_keys().for_each(RemoteKeys::start);
    }

    /// Whether tokens can be verified: the keys of at least one issuer are at hand, or no issuer was given in code.
    ///
    /// For a readiness probe. Where several issuers are trusted, one that is down does not stop the tokens of the others.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let mut given = self.shared.issuers.given().peekable();
        let none_given = given.peek().is_none();
        // Each is asked, and not only up to the first that is ready: to ask keeps its keys looked after.
        given.fold(none_given, |any, trusted| trusted.keys.are_ready() || any)
    }

    /// What an operator may ask about the keys of every issuer.
    #[must_use]
    pub fn health(&self) -> Health {
        let all = self.shared.issuers.all();
        let remote = all.iter().filter_map(|trusted| trusted.keys.remote());
        let mut issuers: Vec<_> = remote.map(RemoteKeys::health).collect();
        issuers.sort_unstable_by(|one, other| one.issuer().cmp(other.issuer()));
        let token_cache = self.shared.token_cache.as_ref().map(TokenCache::health);
        let revocations = self.shared.revocations.as_deref();
        let asked = all
            .iter()
            .filter_map(|trusted| trusted.introspector.as_ref());
        let mut introspection: Vec<_> = asked.map(Introspector::health).collect();
        introspection.sort_unstable_by(|one, other| one.issuer().cmp(other.issuer()));
        Health::new(
            self.is_ready(),
            issuers,
            token_cache,
            revocations.map(Revocations::health),
            introspection,
            self.senders().and_then(|senders| senders.used_proofs()),
        )
    }

    fn given_keys(&self) -> impl Iterator<Item = &RemoteKeys> {
        let given = self.shared.issuers.given();
        given.filter_map(|trusted| trusted.keys.remote())
    }

    /// What this service publishes about itself (RFC 9728), if it was
    /// [told to](AuthenticatorBuilder::protected_resource).
    #[must_use]
    pub fn resource_metadata(&self) -> Option<&ResourceMetadata> {
        self.shared.resource_metadata.as_ref()
    }

    pub(crate) fn challenge(&self) -> &Challenge {
        &self.shared.challenge
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.shared.credentials
    }

    pub(crate) fn observers(&self) -> &Observers {
        &self.shared.observers
    }

    /// What is checked of senders, if anything is.
    pub(crate) fn senders(&self) -> Option<&Arc<SenderChecks>> {
        self.shared.senders.as_ref()
    }
}

/// How a token was sent, where that matters.
fn sent<'r>(request: Option<Presented<'r>>, scheme: Scheme, token: &'r [u8]) -> Option<Sent<'r>> {
    request.map(|request| Sent {
        request,
        scheme,
        token,
    })
}

impl<C> Clone for Authenticator<C> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<C> fmt::Debug for Authenticator<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("issuers", &self.shared.issuers)
            .finish_non_exhaustive()
    }
}
