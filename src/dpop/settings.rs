//! What a service demands of proofs.

use std::fmt;
use std::time::Duration;

use super::checks::ProofChecks;
use super::in_memory_replays::InMemoryReplays;
use super::nonces::DpopNonces;
use super::public_url::PublicUrl;
use super::replay::ReplayStore;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::jose::Algorithm;

/// Beyond this the replays to be remembered would be many, and a stolen proof of use for long.
const MAX_AGE: Duration = Duration::from_secs(600);

/// Beyond this a proof could be made long before it is used (FAPI 2.0 Security Profile: more than 60 s refuses).
const MAX_LEEWAY: Duration = Duration::from_secs(60);

/// Which tokens a service takes: those bound to a key with a proof (RFC 9449), and plain bearer tokens or not.
///
/// ```
/// use std::time::Duration;
///
/// use tower_bearer::Algorithm;
/// use tower_bearer::dpop::{Dpop, DpopNonces};
///
/// let dpop = Dpop::require("https://api.example.com")
///     .algorithms(&[Algorithm::ES256, Algorithm::EdDSA])
///     .nonces(DpopNonces::shared(b"32 random octets out of a vault.")?)
///     .proof_age(Duration::from_secs(30));
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[must_use = "it does nothing until an authenticator is given it"]
pub struct Dpop {
    pub(super) mode: Mode,
    pub(super) public_url: PublicUrl,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) age: Duration,
    pub(super) leeway: Duration,
    pub(super) nonces: Option<DpopNonces>,
    pub(super) replays: Box<dyn ReplayStore>,
}

/// What becomes of tokens that are bound to no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They pass as bearer tokens.
    Accept,
    /// They are refused.
    Require,
}

impl Dpop {
    /// Those of the FAPI 2.0 Security Profile (§5.4), and ECDSA on the larger curves.
    const ALGORITHMS: &[Algorithm] = &[
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::ES512,
        Algorithm::EdDSA,
        Algorithm::Ed25519,
        Algorithm::PS256,
    ];

    /// Tokens that are bound to a key need a proof by that key; others pass as bearer tokens, as they do without this.
    ///
    /// `public_url` is the URL under which clients know this service, such as `https://api.example.com`, or a [`PublicUrl`].
    pub fn accept(public_url: impl Into<PublicUrl>) -> Self {
        Self::new(Mode::Accept, public_url.into())
    }

    /// Only tokens that are bound to a key are accepted, each with a proof by that key.
    ///
    /// `public_url` is as in [`accept`](Self::accept).
    pub fn require(public_url: impl Into<PublicUrl>) -> Self {
        Self::new(Mode::Require, public_url.into())
    }

    fn new(mode: Mode, public_url: PublicUrl) -> Self {
        Self {
            mode,
            public_url,
            algorithms: can_be_checked(Self::ALGORITHMS),
            age: Duration::from_secs(60),
            leeway: Duration::from_secs(10),
            nonces: None,
            replays: Box::new(InMemoryReplays::new()),
        }
    }

    /// The algorithms by which proofs may be signed; default ES256, ES384, ES512, EdDSA (`Ed25519`) and PS256, as far as the
    /// cryptographic backend can check them.
    ///
    /// They are told to clients in challenges and metadata. A shared secret proves nothing here, so HMAC is no choice.
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// How old a proof may be, by its `iat`; default 60 seconds, at most ten minutes.
    ///
    /// Long enough for a client whose clock is half a minute late on a slow network, and short enough that what is remembered
    /// of used proofs stays small. Longer is of no use where [`nonces`](Self::nonces) are demanded, whose age is told by our own clock.
    pub fn proof_age(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// How far in the future a proof's `iat` may be; default 10 seconds, at most 60.
    ///
    /// For clients whose clocks are ahead of ours: by up to 10 seconds they are to be accepted, by more than 60 to be refused
    /// (FAPI 2.0 Security Profile). A proof may be used for so much longer.
    pub fn proof_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Demands a nonce of ours in each proof; default none.
    ///
    /// Without nonces, who has a client's key for a moment can make proofs for next year. With them, it costs each client a second
    /// request now and then.
    pub fn nonces(mut self, nonces: DpopNonces) -> Self {
        self.nonces = Some(nonces);
        self
    }

    /// What remembers used proofs; default an [`InMemoryReplays`] of its own.
    ///
    /// Servers of one name that share a store need the same [`proof_age`](Self::proof_age): a proof is remembered for as long as the
    /// one that it was sent to accepts it.
    pub fn replays(mut self, replays: impl ReplayStore) -> Self {
        self.replays = Box::new(replays);
        self
    }

    /// The checks, if every setting is sound.
    pub(crate) fn build(self) -> Result<ProofChecks, ConfigError> {
        self.check()?;
        ProofChecks::new(self)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |detail: String| Err(ConfigError::new(ConfigErrorKind::Algorithms, detail));
        if self.algorithms.is_empty() {
            return wrong("the list of algorithms for DPoP proofs is empty".to_owned());
        }
        if let Some(hmac) = self.algorithms.iter().find(|each| each.is_hmac()) {
            return wrong(format!("{hmac} cannot sign a DPoP proof"));
        }
        if can_be_checked(&self.algorithms).len() < self.algorithms.len() {
            return wrong("ES512 is not known to the cryptographic backend".to_owned());
        }
        for (name, span, most) in [
            ("an age", self.age, MAX_AGE),
            ("a leeway", self.leeway, MAX_LEEWAY),
        ] {
            if span > most {
                let (seconds, most) = (span.as_secs(), most.as_secs());
                return Err(ConfigError::new(
                    ConfigErrorKind::Limit,
                    format!(
                        "{name} of DPoP proofs of {seconds} s where at most {most} s are allowed"
                    ),
                ));
            }
        }
        if self.age.is_zero() {
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                "no DPoP proof is as young as zero seconds",
            ));
        }
        Ok(())
    }
}

/// Those that the backend knows: all, but for ES512 where there is only `rust-crypto`.
fn can_be_checked(algorithms: &[Algorithm]) -> Vec<Algorithm> {
    let known = |each: &Algorithm| cfg!(feature = "aws-lc-rs") || *each != Algorithm::ES512;
    algorithms.iter().copied().filter(known).collect()
}

impl fmt::Debug for Dpop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dpop")
            .field("mode", &self.mode)
            .field("public_url", &self.public_url)
            .field("algorithms", &self.algorithms)
            .field("age", &self.age)
            .field("leeway", &self.leeway)
            .field("nonces", &self.nonces)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(dpop: Dpop) -> Option<ConfigErrorKind> {
        dpop.build().err().map(|error| error.kind())
    }

    fn dpop() -> Dpop {
        Dpop::accept("https://api.example.com")
    }

    #[test]
    fn settings_that_weaken_the_check_are_refused() {
        let seconds = Duration::from_secs;
        for (dpop, want) in [
            (dpop(), None),
            (dpop().algorithms(&[]), Some(ConfigErrorKind::Algorithms)),
            (
                dpop().algorithms(&[Algorithm::ES256, Algorithm::HS256]),
                Some(ConfigErrorKind::Algorithms),
            ),
            (dpop().algorithms(&[Algorithm::RS256]), None),
            (dpop().proof_age(seconds(600)), None),
            (dpop().proof_age(seconds(601)), Some(ConfigErrorKind::Limit)),
            (
                dpop().proof_age(Duration::ZERO),
                Some(ConfigErrorKind::Limit),
            ),
            (dpop().proof_leeway(Duration::ZERO), None),
            (
                dpop().proof_leeway(seconds(61)),
                Some(ConfigErrorKind::Limit),
            ),
            (
                Dpop::require("http://api.example.com"),
                Some(ConfigErrorKind::Resource),
            ),
        ] {
            let shown = format!("{dpop:?}");
            assert_eq!(kind(dpop), want, "{shown}");
        }
    }

    #[test]
    fn no_default_is_a_shared_secret_or_the_old_rsa() {
        assert!(Dpop::ALGORITHMS.iter().all(|each| !each.is_hmac()));
        assert!(!Dpop::ALGORITHMS.contains(&Algorithm::RS256));
    }

    #[test]
    fn all_of_it_can_go_to_any_thread() {
        fn check<T: Send + Sync>() {}
        check::<Dpop>();
        check::<ProofChecks>();
        check::<DpopNonces>();
        check::<InMemoryReplays>();
        check::<PublicUrl>();
    }

    #[cfg(not(feature = "aws-lc-rs"))]
    #[test]
    fn what_the_backend_cannot_check_is_not_offered() {
        assert!(!dpop().algorithms.contains(&Algorithm::ES512));
        let wanted = dpop().algorithms(&[Algorithm::ES512]);
        assert_eq!(kind(wanted), Some(ConfigErrorKind::Algorithms));
    }
}
