//! Services that share a Redis: each has connections, a copy and a layer of its own, and all trust one issuer.

use std::time::{Duration, Instant};

use tower_bearer::redis::Redis;
use tower_bearer::revocation::{RedisRevocations, RevocationCheck, RevocationStore};
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::{
    Algorithm, Authenticator, NumericDate, Rejection, UnavailableKind, VerifyErrorKind,
};

pub(crate) const ISSUER: &str = "https://issuer.test";
pub(crate) const AUDIENCE: &str = "https://api.test";
pub(crate) const NOW: i64 = 1_800_000_000;

/// The issuer, and the time by which all go.
pub(crate) struct Stage {
    pub(crate) issuer: TestIssuer,
    pub(crate) clock: TestClock,
}

/// One instance of a service.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) store: RedisRevocations,
    pub(crate) auth: Authenticator,
}

/// What became of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Revoked,
    Unknown,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let clock = TestClock::new(NumericDate::from_seconds(NOW));
        let issuer = TestIssuer::new(ISSUER);
        issuer.clock(clock.clone());
        issuer.publish(&[Algorithm::EdDSA]);
        Self { issuer, clock }
    }

    /// A token with this `jti`, that lives for an hour.
    pub(crate) fn token(&self, token_id: &str) -> String {
        let token = self.issuer.token().audience(AUDIENCE).token_id(token_id);
        token.expires_in(Duration::from_secs(3600)).sign()
    }

    /// An instance that has not asked for anything yet but the issuer's keys.
    pub(crate) async fn service(&self, redis: Redis) -> Service {
        self.service_with(RedisRevocations::new(redis)).await
    }

    pub(crate) async fn service_with(&self, store: RedisRevocations) -> Service {
        let store = store.clock(self.clock.clone());
        let auth = Authenticator::builder(ISSUER, AUDIENCE)
            .clock(self.clock.clone())
            .fetch(self.issuer.fetch())
            .revocations(store.clone())
            .build()
            .expect("a sound configuration");
        auth.warm().await.expect("the issuer is up");
        Service { store, auth }
    }

    /// One that knows all that Redis holds.
    pub(crate) async fn warm(&self, redis: Redis) -> Service {
        let service = self.service(redis).await;
        service.warm().await;
        service
    }
}

impl Service {
    pub(crate) async fn warm(&self) {
        let warmed = self.store.warm(Duration::from_secs(10)).await;
        warmed.expect("Redis is up");
    }

    /// Sends a token.
    pub(crate) async fn send(&self, token: &str) -> Outcome {
        let begun = Instant::now();
        let verified = self.auth.verify(token).await;
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(500), "{took:?}");
        match verified {
            Ok(_) => Outcome::Accepted,
            Err(Rejection::Verify(error)) if error.kind() == VerifyErrorKind::Revoked => {
                Outcome::Revoked
            }
            Err(Rejection::Unavailable(error)) if error.kind() == UnavailableKind::Revocations => {
                Outcome::Unknown
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Sends a token until that is what becomes of it, at most for `within`; how long it took.
    pub(crate) async fn until(&self, token: &str, wanted: Outcome, within: Duration) -> Duration {
        let begun = Instant::now();
        loop {
            let outcome = self.send(token).await;
            if outcome == wanted {
                return begun.elapsed();
            }
            let state = self.store.state();
            assert!(
                begun.elapsed() < within,
                "{outcome:?} where {wanted:?} was expected within {within:?}: {state:?}"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Revokes the token of this `jti`.
    pub(crate) async fn revoke(&self, token_id: &str) {
        self.try_to_revoke(token_id).await.expect("Redis is up");
    }

    pub(crate) async fn try_to_revoke(
        &self,
        token_id: &str,
    ) -> Result<(), tower_bearer::revocation::RevocationError> {
        let expires_at = NumericDate::from_seconds(NOW + 3600);
        let revocation =
            tower_bearer::revocation::Revocation::token_id(ISSUER, token_id, expires_at);
        let begun = Instant::now();
        let revoked = self.store.revoke(revocation).await;
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        revoked
    }
}
