//! Whether a request comes from whom its token is bound to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, HeaderMap, HeaderValue};

use super::binding::{Binding, BindingRule};
use crate::clock::NumericDate;
use crate::dpop::{Accepted, Mode, ProofChecks, ProofOutcome, Proven, Scheme, Unproven};
use crate::error::{Rejection, Unavailable, UnavailableKind, VerifyError, VerifyErrorKind};
use crate::jose::Algorithm;
use crate::mtls::MutualTls;
use crate::presented::{Kept, Presented};

/// When to ask again a store of used proofs that could not tell.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A nonce to be sent along with the answer, if the client is to use another one from now on.
pub(crate) type FreshNonce = Option<Box<HeaderValue>>;

/// What a sender has shown, besides that it is the right one.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) nonce: FreshNonce,
    /// A proof, to be told to whoever looks at the same request again.
    pub(crate) proof: Option<Box<Accepted>>,
}

type Outcome = Result<Shown, Rejection>;

/// What came of the check, or what has to be awaited for it.
pub(crate) enum SenderOutcome {
    Now(Outcome),
    Later(Pin<Box<dyn Future<Output = Outcome> + Send>>),
}

/// How a token was sent.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'r> {
    pub(crate) request: Presented<'r>,
    pub(crate) scheme: Scheme,
    /// The token's text.
    pub(crate) token: &'r [u8],
}

impl Sent<'_> {
    /// The same, for whoever has to wait before looking at it.
    pub(crate) fn to_kept(self) -> KeptSent {
        KeptSent {
            request: self.request.to_kept(),
            scheme: self.scheme,
            token: self.token.into(),
        }
    }
}

/// How a token was sent that is waited for.
pub(crate) struct KeptSent {
    request: Kept,
    scheme: Scheme,
    token: Box<[u8]>,
}

impl KeptSent {
    pub(crate) fn sent(&self) -> Sent<'_> {
        Sent {
            request: self.request.presented(),
            scheme: self.scheme,
            token: &self.token,
        }
    }
}

/// What a service checks of senders.
#[derive(Default)]
pub(crate) struct SenderChecks {
    pub(crate) proofs: Option<ProofChecks>,
    pub(crate) mutual_tls: Option<MutualTls>,
}

impl SenderChecks {
    /// What policies are to do with bound tokens.
    pub(crate) fn rule(&self) -> BindingRule {
        BindingRule {
            keys: self.proofs.is_some(),
            certificates: self.mutual_tls.is_some(),
            demanded: false,
        }
    }

    /// A token that nobody has sent is from nobody: it passes only if it need not be bound, and is not.
    pub(crate) fn check_unsent(&self, binding: Option<&Binding>) -> Result<(), VerifyErrorKind> {
        let certificate_required = self.mutual_tls.as_ref().is_some_and(MutualTls::is_required);
        match binding {
            Some(_) => Err(VerifyErrorKind::SenderBound),
            None if certificate_required || self.proofs_required() => {
                Err(VerifyErrorKind::SenderNotBound)
            }
            None => Ok(()),
        }
    }

    /// Checks that the request is from whom its token is bound to, if it is bound, and that it is bound where it must be.
    pub(crate) fn check(
        &self,
        sent: Sent<'_>,
        binding: Option<&Binding>,
        now: NumericDate,
    ) -> SenderOutcome {
        let request = sent.request;
        if let Err(kind) = self.check_certificate(&request, binding) {
            return SenderOutcome::Now(Err(kind.into()));
        }
        let key = binding.and_then(|bound| bound.key.as_ref());
        let Some(proofs) = &self.proofs else {
            // Its policy has refused it already; this is where nobody would check it.
            return SenderOutcome::Now(match key {
                Some(_) => Err(VerifyErrorKind::SenderBound.into()),
                None => Ok(Shown::default()),
            });
        };
        let key = match proofs.needed(sent.scheme, key) {
            Ok(Some(key)) => key,
            Ok(None) => return SenderOutcome::Now(Ok(Shown::default())),
            Err(kind) => return SenderOutcome::Now(Err(VerifyErrorKind::Proof(kind).into())),
        };
        let Ok(token) = str::from_utf8(sent.token) else {
            return SenderOutcome::Now(Err(VerifyErrorKind::CredentialMalformed.into()));
        };
        match proofs.check(&request, token, key, now) {
            ProofOutcome::Now(outcome) => SenderOutcome::Now(judge(outcome, || proofs.nonce(now))),
            ProofOutcome::Later(outcome) => {
                // The nonce was good, or nobody would have been asked.
                SenderOutcome::Later(Box::pin(async move { judge(outcome.await, || None) }))
            }
        }
    }

    fn check_certificate(
        &self,
        request: &Presented<'_>,
        binding: Option<&Binding>,
    ) -> Result<(), VerifyErrorKind> {
        let certificate = binding.and_then(|bound| bound.certificate);
        let Some(mutual_tls) = &self.mutual_tls else {
            return match certificate {
                Some(_) => Err(VerifyErrorKind::SenderBound),
                None => Ok(()),
            };
        };
        match certificate {
            Some(certificate) => mutual_tls
                .check(request.headers, request.extensions, certificate)
                .map_err(|why| VerifyErrorKind::ClientCertificate { why }),
            None if mutual_tls.is_required() => Err(VerifyErrorKind::SenderNotBound),
            None => Ok(()),
        }
    }

    /// Takes out of a request what only a trusted proxy may say, if none has.
    pub(crate) fn remove_forged(&self, headers: &mut HeaderMap, extensions: &Extensions) {
        if let Some(mutual_tls) = &self.mutual_tls {
            mutual_tls.remove_forged(headers, extensions);
        }
    }

    /// The algorithms by which proofs may be signed; empty if none are checked.
    pub(crate) fn proof_algorithms(&self) -> &[Algorithm] {
        self.proofs.as_ref().map_or(&[], ProofChecks::algorithms)
    }

    /// How many used proofs are remembered, if any are and that is known.
    pub(crate) fn used_proofs(&self) -> Option<u64> {
        self.proofs.as_ref().and_then(ProofChecks::remembered)
    }

    /// Whether no token passes without a proof.
    pub(crate) fn proofs_required(&self) -> bool {
        let mode = self.proofs.as_ref().map(ProofChecks::mode);
        mode == Some(Mode::Require)
    }
}

fn judge(
    outcome: Result<Proven, Unproven>,
    nonce: impl FnOnce() -> Option<HeaderValue>,
) -> Outcome {
    match outcome {
        Ok(proven) => Ok(Shown {
            nonce: proven.fresh_nonce.map(Box::new),
            proof: Some(Box::new(proven.accepted)),
        }),
        Err(Unproven::Refused(kind)) => {
            let error = VerifyError::from(VerifyErrorKind::Proof(kind));
            let wanted = kind.challenge_error() == "use_dpop_nonce";
            let nonce = wanted.then(nonce).flatten();
            Err(error.with_dpop_nonce(nonce).into())
        }
        Err(Unproven::Unknown(error)) => {
            let unavailable = Unavailable::new(UnavailableKind::Replays, RETRY_AFTER);
            Err(unavailable.because(Arc::new(error)).into())
        }
    }
}

impl fmt::Debug for SenderChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderChecks")
            .field("proofs", &self.proofs)
            .field("mutual_tls", &self.mutual_tls)
            .finish()
    }
}
