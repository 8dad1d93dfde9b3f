//! A token whose signature is good is refused once it has been revoked: at the very next request, and until nobody would accept it anyway.
//!
//! The network is in memory, and the store goes by the same clock as the issuer and the service, which is turned by hand.

#[path = "revocation/bounds.rs"]
mod bounds;
#[path = "revocation/cut_off.rs"]
mod cut_off;
#[path = "revocation/everywhere.rs"]
mod everywhere;
#[path = "revocation/one_token.rs"]
mod one_token;
#[expect(dead_code, reason = "only a part of it is needed here")]
mod support;
mod twin;
#[path = "revocation/unknown.rs"]
mod unknown;

use support::{NOW, Stage};
use tower_bearer::revocation::{InMemoryRevocations, Revocation, RevocationStore};
use tower_bearer::testing::{TestClock, TestIssuer};
use tower_bearer::{Algorithm, AuthenticatorBuilder, NumericDate};

fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(seconds)
}

/// A service that asks a store; all go by one clock.
async fn stage() -> (Stage, InMemoryRevocations) {
    stage_with(|store| store, |builder| builder).await
}

/// The same, with more that is said of the store and demanded by the service.
async fn stage_with(
    set_up: impl FnOnce(InMemoryRevocations) -> InMemoryRevocations,
    demand: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder,
) -> (Stage, InMemoryRevocations) {
    let clock = TestClock::new(at(NOW));
    let store = set_up(InMemoryRevocations::new().clock(clock.clone()));
    let publish = |issuer: &TestIssuer| {
        issuer.clock(clock.clone());
        issuer.publish(&[Algorithm::EdDSA, Algorithm::ES256]);
    };
    let asks = store.clone();
    let stage = Stage::with(publish, |builder| {
        demand(builder.clock(clock.clone()).revocations(asks))
    });
    let stage = Stage {
        clock: clock.clone(),
        ..stage.await
    };
    (stage, store)
}

/// The store must take it in.
async fn revoke(store: &InMemoryRevocations, revocation: Revocation) {
    store.revoke(revocation).await.expect("there is room");
}
