//! Nonces of the service's own: how a client comes by one, and how long it is good for (RFC 9449 §8, §9).

use std::time::Duration;

use http::header::CACHE_CONTROL;
use http::{Request, Response, StatusCode};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::VerifyErrorKind::{self, Proof};
use tower_bearer::dpop::{Dpop, DpopNonces, ProofErrorKind};
use tower_bearer::revocation::{Standing, TokenFacts};
use tower_bearer::{AuthenticateLayer, AuthenticatorBuilder, Requirement, require};

use crate::support::Answer;
use crate::{
    INVALID_PROOF, INVALID_TOKEN, Scene, URL, USE_NONCE, bearer, challenges, dpop, get, request,
};

const SECRET: [u8; 32] = [7; 32];

fn nonces() -> DpopNonces {
    DpopNonces::shared(SECRET).expect("long enough")
}

async fn demanding(nonces: DpopNonces) -> Scene {
    Scene::with(Dpop::accept(URL).nonces(nonces)).await
}

/// The nonce that a client is told to use, with all else that stands in the answer.
#[track_caller]
fn told(row: &str, answer: &Answer, kind: ProofErrorKind) -> String {
    answer.refused_because(row, Proof(kind));
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{row}");
    assert_eq!(
        challenges(answer.0.headers()),
        [bearer(""), dpop(USE_NONCE)],
        "{row}"
    );
    assert_eq!(
        answer.header("cache-control").as_deref(),
        Some("no-store"),
        "{row}"
    );
    assert_eq!(answer.0.headers().len(), 4, "{row}");
    answer.header("dpop-nonce").expect("a nonce")
}

#[tokio::test]
async fn a_client_without_a_nonce_is_given_one_and_comes_again() {
    let scene = demanding(nonces()).await;
    let token = scene.token();
    let first = scene.send(&token, &scene.proof(&token).sign()).await;
    let nonce = told("first", &first, ProofErrorKind::NonceMissing);
    for row in ["second", "and on"] {
        let proof = scene.proof(&token).nonce(&nonce).sign();
        let answer = scene.send(&token, &proof).await;
        answer.accepted(row);
        // It has the newest already, and is bothered with no other.
        assert_eq!(answer.header("dpop-nonce"), None);
        assert_eq!(answer.header("cache-control"), None);
    }
}

#[tokio::test]
async fn a_client_whose_nonce_grows_old_is_given_a_fresh_one_with_the_answer() {
    let scene = demanding(nonces()).await;
    let token = scene
        .stage
        .token()
        .bound_to(&scene.key)
        .expires_in(Duration::from_secs(3600))
        .sign();
    let first = scene.send(&token, &scene.proof(&token).sign()).await;
    let old = told("first", &first, ProofErrorKind::NonceMissing);

    scene.stage.clock.advance(Duration::from_secs(300));
    let answer = scene
        .send(&token, &scene.proof(&token).nonce(&old).sign())
        .await;
    answer.accepted("the span after");
    let fresh = answer.header("dpop-nonce").expect("a fresh one");
    assert_ne!(fresh, old);
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    let answer = scene
        .send(&token, &scene.proof(&token).nonce(&fresh).sign())
        .await;
    answer.accepted("the fresh one");
    assert_eq!(answer.header("dpop-nonce"), None);

    scene.stage.clock.advance(Duration::from_secs(300));
    let answer = scene
        .send(&token, &scene.proof(&token).nonce(&old).sign())
        .await;
    let newest = told("two spans after", &answer, ProofErrorKind::NonceUnknown);
    let answer = scene
        .send(&token, &scene.proof(&token).nonce(&newest).sign())
        .await;
    answer.accepted("the newest");
}

#[tokio::test]
async fn the_fresh_nonce_goes_with_whatever_the_service_answers() {
    let scene = demanding(nonces()).await;
    let token = scene
        .stage
        .token()
        .bound_to(&scene.key)
        .expires_in(Duration::from_secs(3600))
        .sign();
    let first = scene.send(&token, &scene.proof(&token).sign()).await;
    let old = told("first", &first, ProofErrorKind::NonceMissing);
    scene.stage.clock.advance(Duration::from_secs(300));
    let service = AuthenticateLayer::new(scene.stage.auth.clone()).layer(service_fn(
        |request: Request<String>| async move {
            let mut response = Response::builder().header(CACHE_CONTROL, "public, max-age=60");
            if request.uri().query() == Some("own") {
                response = response.header("DPoP-Nonce", "the-services-own");
            }
            let response = response.status(StatusCode::NOT_FOUND).body(String::new());
            Ok::<_, std::convert::Infallible>(response.expect("a response"))
        },
    ));
    for (uri, own) in [("/orders", false), ("/orders?own", true)] {
        let proof = scene.proof(&token).nonce(&old).sign();
        let request = request("GET", uri, &format!("DPoP {token}"), &[&proof]);
        let answer = Answer(service.clone().oneshot(request).await.expect("never fails"));
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let nonce = answer.header("dpop-nonce").expect("a nonce");
        assert_eq!(nonce == "the-services-own", own);
        if !own {
            // A shared cache would hand the nonce on.
            assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
        }
    }
}

#[tokio::test]
async fn the_fresh_nonce_goes_with_an_answer_that_was_waited_for_and_with_one_that_refuses() {
    let good = |_: &TokenFacts<'_>| {
        Standing::asks(async {
            tokio::task::yield_now().await;
            Standing::Good
        })
    };
    let demand = |builder: AuthenticatorBuilder| builder.revocations(good);
    let waiting = Scene::beside(Dpop::accept(URL).nonces(nonces()), |_| (), demand).await;
    for (row, scene) in [("waits", waiting), ("at once", demanding(nonces()).await)] {
        let token = scene.stage.token().bound_to(&scene.key);
        let token = token.expires_in(Duration::from_secs(3600)).sign();
        let first = scene.send(&token, &scene.proof(&token).sign()).await;
        let old = told(row, &first, ProofErrorKind::NonceMissing);
        scene.stage.clock.advance(Duration::from_secs(300));
        let proof = scene.proof(&token).nonce(&old).sign();
        let answer = scene.send(&token, &proof).await;
        answer.accepted(row);
        let fresh = answer.header("dpop-nonce").expect("a fresh one");

        let inner = service_fn(|_: Request<String>| async {
            Ok::<_, std::convert::Infallible>(Response::new(String::new()))
        });
        let inner = require(Requirement::scopes("admin")).layer(inner);
        let service = AuthenticateLayer::new(scene.stage.auth.clone()).layer(inner);
        let request = get(&token, &[&scene.proof(&token).nonce(&old).sign()]);
        let refused = Answer(service.oneshot(request).await.expect("never fails"));
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{row}");
        assert_eq!(refused.header("dpop-nonce"), Some(fresh), "{row}");
        assert_eq!(
            refused.header("cache-control").as_deref(),
            Some("no-store"),
            "{row}"
        );
    }
}

#[tokio::test]
async fn where_nothing_is_refused_a_client_learns_its_nonce_all_the_same() {
    let scene = demanding(nonces()).await;
    let token = scene.token();
    let inner = service_fn(|_: Request<String>| async {
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    });
    let layer = AuthenticateLayer::new(scene.stage.auth.clone()).observe_only();
    let request = get(&token, &[&scene.proof(&token).sign()]);
    let answer = Answer(
        layer
            .layer(inner)
            .oneshot(request)
            .await
            .expect("never fails"),
    );
    assert_eq!(answer.status(), StatusCode::OK);
    let nonce = answer.header("dpop-nonce").expect("a nonce");
    let proof = scene.proof(&token).nonce(nonce).sign();
    scene.send(&token, &proof).await.accepted("once it counts");
}

#[tokio::test]
async fn a_nonce_saves_no_proof_that_is_bad_otherwise() {
    let scene = demanding(nonces()).await;
    let token = scene.token();
    let first = scene.send(&token, &scene.proof(&token).sign()).await;
    let nonce = told("first", &first, ProofErrorKind::NonceMissing);
    let good = || scene.proof(&token).nonce(&nonce);
    for (row, proof, kind) in [
        ("method", good().claim("htm", "PUT"), ProofErrorKind::Method),
        (
            "token",
            good().access_token("x"),
            ProofErrorKind::AccessTokenHash,
        ),
    ] {
        let answer = scene.send(&token, &proof.sign()).await;
        // The nonce was good, so none is sent.
        answer.refused_proof(row, kind, INVALID_PROOF);
    }
    let proof = good().sign();
    scene.send(&token, &proof).await.accepted("once");
    scene.send(&token, &proof).await.refused_proof(
        "twice",
        ProofErrorKind::Replayed,
        INVALID_PROOF,
    );
}

#[tokio::test]
async fn a_bound_token_as_bearer_is_told_nothing_of_nonces() {
    let scene = demanding(nonces()).await;
    let answer = scene.stage.send(&scene.token()).await;
    let kind = Proof(ProofErrorKind::BoundAsBearer);
    answer.refused_with("Bearer", kind, 401, &[bearer(INVALID_TOKEN), dpop("")]);
    // And plain tokens need none.
    scene
        .stage
        .accept("not bound", &scene.stage.token().sign())
        .await;
}

#[tokio::test]
async fn two_servers_with_one_secret_accept_each_others_nonces() {
    let [one, other] = [demanding(nonces()).await, demanding(nonces()).await];
    let stranger = demanding(DpopNonces::shared([8; 32]).expect("long enough")).await;
    let random = demanding(DpopNonces::random()).await;
    for (row, scene, passes) in [
        ("shared", &other, true),
        ("another", &stranger, false),
        ("random", &random, false),
    ] {
        let token = one.token();
        let answer = one.send(&token, &one.proof(&token).sign()).await;
        let nonce = told(row, &answer, ProofErrorKind::NonceMissing);
        let token = scene.token();
        let answer = scene
            .send(&token, &scene.proof(&token).nonce(nonce).sign())
            .await;
        if passes {
            answer.accepted(row);
        } else {
            told(row, &answer, ProofErrorKind::NonceUnknown);
        }
    }
}

#[tokio::test]
async fn replacing_the_secret_refuses_no_nonce_before_its_lifetime_is_over() {
    const NEW: [u8; 32] = [9; 32];
    let shared = |secret| DpopNonces::shared(secret).expect("long enough");
    let step =
        |nonces: DpopNonces, other: [u8; 32]| nonces.also_accept(other).expect("long enough");
    // Servers of two steps that follow each other work side by side.
    let steps = || {
        [
            shared(SECRET),
            step(shared(SECRET), NEW),
            step(shared(NEW), SECRET),
            shared(NEW),
        ]
    };
    for at in 0..3 {
        let pair = steps().into_iter().skip(at).take(2);
        let mut scenes = Vec::new();
        for nonces in pair {
            scenes.push(demanding(nonces).await);
        }
        let [before, after] = scenes.as_slice() else {
            panic!("two steps");
        };
        for (gives, takes) in [(before, after), (after, before)] {
            let token = gives.token();
            let answer = gives.send(&token, &gives.proof(&token).sign()).await;
            let nonce = told("its first", &answer, ProofErrorKind::NonceMissing);
            let begun = takes.now();
            takes.stage.clock.advance(Duration::from_secs(299));
            let token = takes.token();
            let proof = takes.proof(&token).nonce(&nonce).sign();
            takes
                .send(&token, &proof)
                .await
                .accepted("within its lifetime");
            takes.stage.clock.set(begun);
        }
    }
    // And where the old secret is dropped at once, they are refused: nothing accepts it by itself.
    let [old, new] = [
        demanding(shared(SECRET)).await,
        demanding(shared(NEW)).await,
    ];
    let token = old.token();
    let answer = old.send(&token, &old.proof(&token).sign()).await;
    let nonce = told("of the old", &answer, ProofErrorKind::NonceMissing);
    let token = new.token();
    let answer = new
        .send(&token, &new.proof(&token).nonce(nonce).sign())
        .await;
    told("dropped", &answer, ProofErrorKind::NonceUnknown);
}

#[tokio::test]
async fn a_call_by_hand_has_the_nonce_in_its_error() {
    let scene = demanding(nonces()).await;
    let token = scene.token();
    let (parts, _) = get(&token, &[&scene.proof(&token).sign()]).into_parts();
    let refused = scene.stage.auth.authenticate_parts(&parts).await;
    let Err(tower_bearer::Rejection::Verify(error)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        error.kind(),
        VerifyErrorKind::Proof(ProofErrorKind::NonceMissing)
    );
    let nonce = error.dpop_nonce().expect("a nonce").to_str().expect("text");
    let (parts, _) = get(&token, &[&scene.proof(&token).nonce(nonce).sign()]).into_parts();
    assert!(scene.stage.auth.authenticate_parts(&parts).await.is_ok());
}
