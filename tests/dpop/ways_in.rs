//! Every way to a decision checks the proof: keys that come late, stores that are asked, tokens that only their issuer can read, tokens
//! that are remembered; and calls by hand.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::header::AUTHORIZATION;
use tower_bearer::VerifyErrorKind::{Proof, SenderBound, SenderNotBound};
use tower_bearer::dpop::{Dpop, InMemoryReplays, ProofErrorKind};
use tower_bearer::introspection::Introspection;
use tower_bearer::revocation::{Standing, TokenFacts};
use tower_bearer::testing::{Behaviour, Endpoint, SigningKey};
use tower_bearer::{Algorithm, AuthenticatorBuilder, Rejection, VerifyErrorKind};

use crate::support::Stage;
use crate::{INVALID_PROOF, INVALID_TOKEN, Scene, URL, bearer, dpop, get, request};

/// The good proof passes, once; none, a bad one, that of a thief, and the scheme `Bearer` do not.
async fn checks_proofs(row: &str, scene: &Scene, token: impl Fn() -> String) {
    let bad = |token: &str| scene.proof(token).claim("htm", "PUT").sign();
    let fresh = token();
    let answer = scene.stage.call(get(&fresh, &[])).await;
    answer.refused_proof(row, ProofErrorKind::Missing, INVALID_PROOF);
    let fresh = token();
    let answer = scene.send(&fresh, &bad(&fresh)).await;
    answer.refused_proof(row, ProofErrorKind::Method, INVALID_PROOF);
    let fresh = token();
    let by_thief = scene.proof(&fresh);
    let thief = SigningKey::generate(Algorithm::ES256);
    let by_thief = by_thief
        .header("jwk", thief.bare_jwk())
        .signed_by(&thief)
        .sign();
    let answer = scene.send(&fresh, &by_thief).await;
    let wanted = [bearer(""), dpop(INVALID_TOKEN)];
    answer.refused_with(row, Proof(ProofErrorKind::KeyBinding), 401, &wanted);
    let fresh = token();
    let answer = scene.stage.send(&fresh).await;
    let wanted = [bearer(INVALID_TOKEN), dpop("")];
    answer.refused_with(row, Proof(ProofErrorKind::BoundAsBearer), 401, &wanted);

    let fresh = token();
    let proof = scene.proof(&fresh).sign();
    scene.send(&fresh, &proof).await.accepted(row);
    let answer = scene.send(&fresh, &proof).await;
    answer.refused_proof(row, ProofErrorKind::Replayed, INVALID_PROOF);
}

#[tokio::test]
async fn keys_that_are_at_hand() {
    let scene = Scene::new().await;
    checks_proofs("new tokens", &scene, || scene.token()).await;
    let token = scene.token();
    checks_proofs("one token", &scene, || token.clone()).await;
    assert!(scene.stage.auth.health().token_cache().expect("on").hits > 0);
}

/// A service that has no key yet when the first request comes.
fn cold(demand: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder) -> Scene {
    Scene {
        stage: Stage::beside(
            None,
            |_| (),
            |builder| demand(builder.dpop(Dpop::accept(URL))),
        ),
        key: SigningKey::generate(Algorithm::ES256),
    }
}

#[tokio::test]
async fn keys_that_have_to_be_fetched_first() {
    for (row, proof_is_good) in [("a good proof", true), ("a bad proof", false)] {
        let scene = cold(|builder| builder);
        let token = scene.token();
        let proof = scene.proof(&token);
        let proof = if proof_is_good {
            proof
        } else {
            proof.claim("htu", "https://api.test/")
        };
        let answer = scene.send(&token, &proof.sign()).await;
        if proof_is_good {
            answer.accepted(row);
        } else {
            answer.refused_proof(row, ProofErrorKind::TargetUri, INVALID_PROOF);
        }
    }
    let scene = cold(|builder| builder);
    let token = scene.token();
    let answer = scene.stage.call(get(&token, &[])).await;
    answer.refused_proof("none", ProofErrorKind::Missing, INVALID_PROOF);
    let scene = cold(|builder| builder);
    let answer = scene.stage.send(&scene.token()).await;
    answer.refused_because("Bearer", Proof(ProofErrorKind::BoundAsBearer));
}

#[tokio::test]
async fn keys_that_cannot_be_fetched() {
    let scene = cold(|builder| builder);
    scene.stage.issuer.behave(Behaviour::status(500));
    let token = scene.token();
    let answer = scene.send(&token, &scene.proof(&token).sign()).await;
    answer.unavailable("no keys");
    assert_eq!(scene.stage.auth.health().used_proofs(), Some(0));
}

#[tokio::test]
async fn revocations_that_have_to_be_asked() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let store = move |_: &TokenFacts<'_>| {
        count.fetch_add(1, Ordering::Relaxed);
        Standing::asks(async {
            tokio::task::yield_now().await;
            Standing::Good
        })
    };
    let scene = Scene::beside(
        Dpop::accept(URL),
        |_| (),
        |builder| builder.revocations(store),
    )
    .await;
    checks_proofs("new tokens", &scene, || scene.token()).await;
    let token = scene.token();
    checks_proofs("one token", &scene, || token.clone()).await;
    assert_eq!(asked.load(Ordering::Relaxed), 12);

    let revoked = |_: &TokenFacts<'_>| Standing::asks(ready(Standing::Revoked));
    let scene = Scene::beside(
        Dpop::accept(URL),
        |_| (),
        |builder| builder.revocations(revoked),
    )
    .await;
    let token = scene.token();
    let answer = scene.send(&token, &scene.proof(&token).sign()).await;
    answer.refused_because("revoked", VerifyErrorKind::Revoked);
    // Its answer names the scheme that it came by, and its proof was not looked at.
    assert_eq!(
        crate::challenges(answer.0.headers()),
        [bearer(""), dpop(INVALID_TOKEN)]
    );
    assert_eq!(scene.stage.auth.health().used_proofs(), Some(0));
}

async fn asking(every_token: bool) -> Scene {
    let asks = Introspection::discovered().client_secret_basic("orders", "s3cret");
    let asks = if every_token {
        asks.every_token()
    } else {
        asks
    };
    Scene::beside(
        Dpop::accept(URL),
        |issuer| issuer.allow_client("orders", "s3cret"),
        |builder| builder.introspection(asks),
    )
    .await
}

#[tokio::test]
async fn opaque_tokens_that_their_issuer_is_asked_about() {
    let scene = asking(false).await;
    let bound = || {
        scene
            .stage
            .token()
            .bound_to(&scene.key)
            .claim("token_type", "DPoP")
            .opaque()
    };
    checks_proofs("new tokens", &scene, bound).await;
    let token = bound();
    checks_proofs("one token", &scene, || token.clone()).await;
    assert_eq!(scene.stage.issuer.requests(Endpoint::Introspection), 6);

    // Bound, says its issuer, but not to what.
    let nobodys = scene.stage.token().claim("token_type", "DPoP").opaque();
    let answer = scene.send(&nobodys, &scene.proof(&nobodys).sign()).await;
    answer.refused_because("to nothing", SenderBound);
    scene
        .stage
        .send(&nobodys)
        .await
        .refused_because("to nothing", SenderBound);
    // And plain ones pass as they did.
    scene
        .stage
        .accept("not bound", &scene.stage.token().opaque())
        .await;
}

#[tokio::test]
async fn tokens_whose_issuer_is_asked_whether_they_are_active() {
    let scene = asking(true).await;
    checks_proofs("new tokens", &scene, || scene.token()).await;
    let token = scene.token();
    checks_proofs("one token", &scene, || token.clone()).await;
}

#[tokio::test]
async fn a_proof_is_held_against_the_time_at_which_it_is_looked_at() {
    // The answer about the token comes when the proof is over.
    let scene = {
        let clock = tower_bearer::testing::TestClock::new(crate::at(crate::support::NOW));
        let turned = clock.clone();
        let store = move |_: &TokenFacts<'_>| {
            let turned = turned.clone();
            Standing::asks(async move {
                turned.advance(Duration::from_secs(61));
                Standing::Good
            })
        };
        let scene = Scene::beside(
            Dpop::accept(URL),
            |_| (),
            |builder| builder.clock(clock.clone()).revocations(store),
        )
        .await;
        Scene {
            stage: Stage {
                clock,
                ..scene.stage
            },
            ..scene
        }
    };
    let token = scene.token();
    let made = scene.now();
    let answer = scene.send(&token, &scene.proof(&token).sign()).await;
    let now = crate::at(made.as_seconds() + 61);
    answer.refused_proof(
        "late",
        ProofErrorKind::TooOld { at: made, now },
        INVALID_PROOF,
    );
}

#[tokio::test]
async fn a_token_that_is_remembered_needs_a_proof_each_time() {
    let scene = Scene::new().await;
    let token = scene.token();
    // Its first request is refused for its proof; the token is known from then on, and not good by itself.
    let answer = scene.stage.call(get(&token, &[])).await;
    answer.refused_proof("unknown, none", ProofErrorKind::Missing, INVALID_PROOF);
    let answer = scene.stage.call(get(&token, &[])).await;
    answer.refused_proof("known, none", ProofErrorKind::Missing, INVALID_PROOF);
    for row in ["one", "another"] {
        scene.still_accepts(row, &token).await;
    }
    let answer = scene.stage.send(&token).await;
    answer.refused_because("known, Bearer", Proof(ProofErrorKind::BoundAsBearer));
    let hits = scene.stage.auth.health().token_cache().expect("on").hits;
    assert_eq!(hits, 4);
}

#[tokio::test]
async fn by_hand_only_a_whole_head_can_show_a_proof() {
    for (row, settings) in [
        ("accept", Dpop::accept(URL)),
        ("require", Dpop::require(URL)),
    ] {
        let required = row == "require";
        let scene = Scene::with(settings).await;
        let auth = &scene.stage.auth;
        let token = scene.token();
        let proof = scene.proof(&token).sign();
        let (parts, _) = get(&token, &[&proof]).into_parts();
        let kind = |outcome: Result<_, Rejection>| match outcome {
            Ok(_) => None,
            Err(Rejection::Verify(error)) => Some(error.kind()),
            Err(other) => panic!("{other:?}"),
        };
        let seen = auth.authenticate(&parts.headers, &parts.uri).await;
        assert_eq!(kind(seen.map(drop)), Some(SenderBound), "{row}");
        assert_eq!(
            kind(auth.verify(&token).await.map(drop)),
            Some(SenderBound),
            "{row}"
        );
        assert_eq!(
            kind(auth.authenticate_parts(&parts).await.map(drop)),
            None,
            "{row}"
        );
        let replayed = Some(Proof(ProofErrorKind::Replayed));
        assert_eq!(
            kind(auth.authenticate_parts(&parts).await.map(drop)),
            replayed,
            "{row}"
        );

        let plain = scene.stage.token().sign();
        let mut headers = http::HeaderMap::new();
        headers.insert(
            AUTHORIZATION,
            format!("Bearer {plain}").parse().expect("a value"),
        );
        let wanted = required.then_some(SenderNotBound);
        assert_eq!(kind(auth.verify(&plain).await.map(drop)), wanted, "{row}");
        let seen = auth.authenticate(&headers, &parts.uri).await;
        assert_eq!(kind(seen.map(drop)), wanted, "{row}");
    }
}

#[tokio::test]
async fn a_proof_of_its_own_is_needed_for_each_of_two_services() {
    let store = Arc::new(InMemoryReplays::new());
    let scene = Scene::with(Dpop::accept("https://other.test").replays(store)).await;
    let token = scene.token();
    let proof = scene.proof(&token).sign();
    let answer = scene
        .stage
        .call(request(
            "GET",
            "/orders",
            &format!("DPoP {token}"),
            &[&proof],
        ))
        .await;
    answer.refused_because("made for the other", Proof(ProofErrorKind::TargetUri));
}
