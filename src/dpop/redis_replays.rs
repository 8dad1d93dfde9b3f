//! Used proofs that all servers of a service share through Redis.

mod link;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Value, cmd, pipe};

use self::link::Link;
use super::in_memory_replays::InMemoryReplays;
use super::replay::{ProofUse, Replay, ReplayError, ReplayErrorKind, ReplayStore};
use crate::jose::base64url;
use crate::redis::{Failure, FailureKind, Redis, refusal};

/// By how many seconds longer Redis remembers a proof than the server that it was sent to accepts it: the clock of another one may be
/// behind.
const CLOCKS_APART: u64 = 60;

/// For how long a master that the Sentinels have named is believed to be the one still.
const BELIEVED: Duration = Duration::from_secs(1);

/// Used proofs that all servers of a service share through [`Redis`], so that one is good once and not once at each; cheap to clone,
/// all clones are one store.
///
/// Each proof is one round trip to Redis, `SET … NX PX …`, of which the first that comes gets an answer that no other gets. What stands
/// there is a digest; Redis drops it a minute after the proof is too old for the server that it was sent to, so the servers' clocks may
/// differ by a minute. Redis needs about 150 bytes for each.
///
/// - Where Redis cannot be reached, is no master, or has no memory left, nothing that needs a proof is accepted: 503, within 450 ms.
/// - Each server also remembers in an [`InMemoryReplays`] what it was sent itself, and asks Redis only about what is new there. So a
///   proof that was used here stays used when Redis loses what it holds, and no key takes more than its share of Redis from here.
/// - A proof of which Redis could not tell may count as used afterwards. A client makes a new one for each request anyway.
///
/// Redis must not throw keys away to make room (`maxmemory-policy noeviction`), or proofs work again. What it loses in a failover, the
/// last second or so, can be used once more, at another server. Whoever may write there can make proofs count as used, and by deleting
/// can make them good again. [The module](crate::redis) says what else a deployment must see to.
///
/// ```
/// use tower_bearer::dpop::{Dpop, RedisReplays};
/// use tower_bearer::redis::Redis;
///
/// let redis = Redis::single("rediss://cache.internal")?;
/// let dpop = Dpop::require("https://api.example.com").replays(RedisReplays::new(redis));
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct RedisReplays(Arc<Shared>);

struct Shared {
    redis: Redis,
    link: Arc<Link>,
    /// What was sent to this server.
    here: InMemoryReplays,
}

impl RedisReplays {
    /// A store in `redis`. Nothing is connected before the first proof, and no runtime is needed before.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self::with(redis, InMemoryReplays::new())
    }

    /// Within the bounds of `here`, which is to remember what is sent to this server; default those of [`InMemoryReplays::new`].
    #[must_use]
    pub fn with(redis: Redis, here: InMemoryReplays) -> Self {
        Self(Arc::new(Shared {
            link: Link::to(&redis),
            redis,
            here,
        }))
    }
}

impl ReplayStore for RedisReplays {
    fn record(&self, used: &ProofUse) -> Replay {
        match self.0.here.record(used) {
            Replay::Fresh => {
                let (shared, used) = (Arc::clone(&self.0), *used);
                Replay::asks(async move {
                    match shared.is_first(&used).await {
                        Ok(true) => Replay::Fresh,
                        Ok(false) => Replay::Replayed,
                        Err(failure) => Replay::Unknown(failure.into()),
                    }
                })
            }
            known => known,
        }
    }

    /// How many this server was sent.
    fn remembered(&self) -> Option<u64> {
        self.0.here.remembered()
    }
}

impl Shared {
    /// Whether no server has seen this proof before.
    async fn is_first(&self, used: &ProofUse) -> Result<bool, Failure> {
        let held = self.link.held().await?;
        let (at, end) = (used.at().as_seconds(), used.ends_at().as_seconds());
        let left = u64::try_from(end.saturating_sub(at)).unwrap_or(0);
        // The last second is part of it.
        let kept = left.saturating_add(1).saturating_add(CLOCKS_APART);
        let mut set = cmd("SET");
        set.arg(
            self.redis
                .key(format_args!("proof:{}", base64url::encode(used.id()))),
        )
        .arg("1")
        .arg("NX")
        .arg("PX")
        .arg(kept.saturating_mul(1000));
        let mut commands = pipe();
        commands.add_command(set);
        let answered = held.ask(&commands).await.and_then(|answers| {
            if answers.asked.elapsed() > BELIEVED {
                return Err(FailureKind::NoMajority.into());
            }
            first(&answers.values)
        });
        answered.inspect_err(|failure| {
            // What Redis says by itself is no reason to look for another.
            if failure.kind() != FailureKind::Refused {
                self.link.give_up(&held);
            }
        })
    }
}

/// Reads the answer to `SET … NX`.
fn first(values: &[Value]) -> Result<bool, Failure> {
    match values {
        [Value::Okay] => Ok(true),
        [Value::Nil] => Ok(false),
        [value] => Err(refusal(value).unwrap_or(FailureKind::Unexpected.into())),
        _ => Err(FailureKind::Unexpected.into()),
    }
}

impl From<Failure> for ReplayError {
    fn from(failure: Failure) -> Self {
        match failure.kind() {
            FailureKind::Timeout => ReplayErrorKind::TimedOut.into(),
            _ => Self::new(failure),
        }
    }
}

impl fmt::Debug for RedisReplays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisReplays")
            .field("redis", &self.0.redis)
            .field("here", &self.0.here)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_of_a_set_that_was_done_makes_a_proof_the_first() {
        let text = |text: &str| Value::SimpleString(text.to_owned());
        let verdict = |values: &[Value]| first(values).map_err(|failure| failure.kind());
        assert_eq!(verdict(&[Value::Okay]), Ok(true));
        assert_eq!(verdict(&[Value::Nil]), Ok(false));
        for odd in [
            vec![],
            vec![Value::Okay, Value::Okay],
            vec![text("QUEUED")],
            vec![text("OK ")],
            vec![Value::Int(1)],
            vec![Value::Boolean(true)],
            vec![Value::BulkString(b"1".to_vec())],
        ] {
            assert_eq!(verdict(&odd), Err(FailureKind::Unexpected), "{odd:?}");
        }
    }

    #[test]
    fn a_store_needs_no_runtime_until_it_is_asked() {
        let redis = Redis::single("redis://127.0.0.1:1").expect("a URL");
        let store = RedisReplays::new(redis);
        assert_eq!(store.remembered(), Some(0));
        let at = crate::clock::NumericDate::from_seconds;
        let used = ProofUse::new([1; 32].into(), [2; 16], at(0), at(60));
        // It was sent here: Redis is not asked a second time.
        assert!(matches!(store.record(&used), Replay::Asks(_)));
        assert!(matches!(store.record(&used), Replay::Replayed));
        assert_eq!(store.clone().remembered(), Some(1));
    }
}
