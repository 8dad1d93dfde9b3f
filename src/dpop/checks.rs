//! The checks of a request with a bound token, in their order.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tokio::time::timeout;

use super::error::ProofErrorKind;
use super::known_keys::KnownKeys;
use super::nonces::DpopNonces;
use super::proof::{self, Demand};
use super::public_url::OurUrls;
use super::replay::{ProofUse, Replay, ReplayError, ReplayErrorKind, ReplayFuture, ReplayStore};
use super::settings::{Dpop, Mode};
use super::thumbprint::Thumbprint;
use crate::clock::NumericDate;
use crate::error::ConfigError;
use crate::jose::{Algorithm, Algorithms};
use crate::presented::Presented;

/// The header that a proof is sent in.
const PROOF: &str = "dpop";

/// How long a store that has to be asked is waited for.
const PATIENCE: Duration = Duration::from_millis(450);

/// The number of the next checks that are made.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Under which scheme a token was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scheme {
    #[default]
    Bearer,
    Dpop,
}

/// What is demanded of proofs, ready for requests.
pub(crate) struct ProofChecks {
    /// Tells these checks from all others of this process.
    number: u64,
    mode: Mode,
    urls: OurUrls,
    offered: Vec<Algorithm>,
    /// Their names, as a challenge has them.
    algs: String,
    algorithms: Algorithms,
    age: Duration,
    leeway: Duration,
    nonces: Option<DpopNonces>,
    replays: Box<dyn ReplayStore>,
    known: KnownKeys,
}

/// Evidence that the sender of a request has the key that the token is bound to.
#[derive(Debug)]
pub(crate) struct Proven {
    /// To be sent along with the answer, if the client's nonce is growing old (RFC 9449 §8.2).
    pub(crate) fresh_nonce: Option<HeaderValue>,
    /// To go on with the request.
    pub(crate) accepted: Accepted,
}

/// Among the extensions of a request: these checks have accepted its proof, so that a layer further inside with the same checks
/// does not take it for a replay. No client can set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    by: u64,
    used: ProofUse,
}

/// Why there is none.
#[derive(Debug)]
pub(crate) enum Unproven {
    /// The request is refused: 401.
    Refused(ProofErrorKind),
    /// Whether the proof was used before cannot be told: 503.
    Unknown(ReplayError),
}

/// What came of a check, or what has to be awaited for it.
pub(crate) enum ProofOutcome {
    Now(Result<Proven, Unproven>),
    Later(Pin<Box<dyn Future<Output = Result<Proven, Unproven>> + Send>>),
}

impl ProofChecks {
    pub(super) fn new(dpop: Dpop) -> Result<Self, ConfigError> {
        Ok(Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            mode: dpop.mode,
            urls: dpop.public_url.build()?,
            algorithms: dpop.algorithms.iter().copied().collect(),
            algs: names(&dpop.algorithms),
            offered: dpop.algorithms,
            age: dpop.age,
            leeway: dpop.leeway,
            nonces: dpop.nonces,
            replays: dpop.replays,
            known: KnownKeys::new(),
        })
    }

    /// The key by which a proof is needed; none for a plain bearer token (RFC 9449 §7.1, §7.2).
    ///
    /// `bound` is the token's `cnf.jkt`.
    pub(crate) fn needed<'t>(
        &self,
        scheme: Scheme,
        bound: Option<&'t Thumbprint>,
    ) -> Result<Option<&'t Thumbprint>, ProofErrorKind> {
        match (scheme, bound) {
            (Scheme::Dpop, Some(key)) => Ok(Some(key)),
            (Scheme::Bearer, Some(_)) => Err(ProofErrorKind::BoundAsBearer),
            (Scheme::Dpop, None) => Err(ProofErrorKind::NotBound),
            (Scheme::Bearer, None) => match self.mode {
                Mode::Accept => Ok(None),
                Mode::Require => Err(ProofErrorKind::NotBound),
            },
        }
    }

    /// Checks the proof that a request brings for `token`, which is bound to the key `binding`.
    pub(crate) fn check(
        &self,
        request: &Presented<'_>,
        token: &str,
        binding: &Thumbprint,
        now: NumericDate,
    ) -> ProofOutcome {
        match self.check_now(request, token, binding, now) {
            Ok(outcome) => outcome,
            Err(kind) => ProofOutcome::Now(Err(Unproven::Refused(kind))),
        }
    }

    fn check_now(
        &self,
        request: &Presented<'_>,
        token: &str,
        binding: &Thumbprint,
        now: NumericDate,
    ) -> Result<ProofOutcome, ProofErrorKind> {
        let proof = sole_proof(request.headers)?;
        let target = self.urls.target(request);
        let demand = Demand {
            algorithms: self.algorithms,
            method: request.method.as_str(),
            target: target.as_ref(),
            age: self.age,
            leeway: self.leeway,
            nonces: self.nonces.as_ref(),
            token,
            binding,
            now,
        };
        let checked = proof::check(proof, &demand, &self.known)?;
        let nonces = self.nonces.as_ref().filter(|_| checked.nonce_aged);
        let accepted = Accepted {
            by: self.number,
            used: checked.used,
        };
        let proven = Proven {
            fresh_nonce: nonces.map(|nonces| nonces.present(now)),
            accepted,
        };
        if request.extensions.get() == Some(&accepted) {
            return Ok(ProofOutcome::Now(Ok(proven)));
        }
        // Last of all, so that only what is good in every other point takes a place.
        Ok(match self.replays.record(&checked.used) {
            Replay::Asks(answer) => ProofOutcome::Later(Box::pin(settled(answer, proven))),
            replay => ProofOutcome::Now(judge(replay, proven)),
        })
    }

    /// The nonce to send along with a refusal, if nonces are demanded (RFC 9449 §9).
    pub(crate) fn nonce(&self, now: NumericDate) -> Option<HeaderValue> {
        self.nonces.as_ref().map(|nonces| nonces.present(now))
    }

    /// The algorithms by which proofs may be signed, in the order in which they are offered.
    pub(crate) fn algorithms(&self) -> &[Algorithm] {
        &self.offered
    }

    /// The same as a challenge's `algs` has them: names, separated by single spaces (RFC 9449 §7.1).
    pub(crate) fn algs(&self) -> &str {
        &self.algs
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// How many used proofs are remembered, if that is known.
    pub(crate) fn remembered(&self) -> Option<u64> {
        self.replays.remembered()
    }
}

fn names(algorithms: &[Algorithm]) -> String {
    let names: Vec<_> = algorithms.iter().map(|each| each.name()).collect();
    names.join(" ")
}

/// The one proof of a request.
fn sole_proof(headers: &HeaderMap) -> Result<&str, ProofErrorKind> {
    let mut values = headers.get_all(PROOF).iter();
    let proof = values.next().ok_or(ProofErrorKind::Missing)?;
    // Two of them joined by a proxy are two (RFC 9110 §5.3).
    if values.next().is_some() || proof.as_bytes().contains(&b',') {
        return Err(ProofErrorKind::Repeated);
    }
    proof.to_str().map_err(|_| ProofErrorKind::Malformed)
}

async fn settled(answer: ReplayFuture, proven: Proven) -> Result<Proven, Unproven> {
    match timeout(PATIENCE, answer).await {
        Ok(replay) => judge(replay, proven),
        Err(_) => Err(Unproven::Unknown(ReplayErrorKind::TimedOut.into())),
    }
}

fn judge(replay: Replay, proven: Proven) -> Result<Proven, Unproven> {
    match replay {
        Replay::Fresh => Ok(proven),
        Replay::Replayed => Err(Unproven::Refused(ProofErrorKind::Replayed)),
        Replay::TooMany => Err(Unproven::Refused(ProofErrorKind::TooMany)),
        Replay::Unknown(error) => Err(Unproven::Unknown(error)),
        // An answer that is a question again is none.
        Replay::Asks(_) => Err(Unproven::Unknown(ReplayErrorKind::Unreachable.into())),
    }
}

impl fmt::Debug for ProofChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofChecks")
            .field("mode", &self.mode)
            .field("urls", &self.urls)
            .field("algorithms", &self.offered)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ProofOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(outcome) => f.debug_tuple("Now").field(outcome).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

#[cfg(test)]
mod tests;
