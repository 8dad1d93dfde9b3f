//! Each of the twelve checks of RFC 9449 §4.3, failed by itself, and the whole answer.

use serde_json::json;
use tower_bearer::Algorithm;
use tower_bearer::VerifyErrorKind::Proof;
use tower_bearer::dpop::{Dpop, DpopNonces, ProofErrorKind};
use tower_bearer::jose::SkipReason;
use tower_bearer::testing::SigningKey;

use crate::support::NOW;
use crate::{INVALID_PROOF, INVALID_TOKEN, Scene, URL, at, bearer, dpop, get};

/// Each proof must be refused for its own reason, and nothing of it be told; a good one passes before and after.
async fn refuse(scene: &Scene, token: &str, rows: Vec<(&str, String, ProofErrorKind)>) {
    scene.still_accepts("before", token).await;
    for (row, proof, kind) in rows {
        let answer = scene.send(token, &proof).await;
        answer.refused_proof(row, kind, INVALID_PROOF);
        answer.tells_nothing_of(row, &proof);
        answer.tells_nothing_of(row, token);
    }
    scene.still_accepts("after", token).await;
}

#[tokio::test]
async fn check_1_there_is_one_proof() {
    let scene = Scene::new().await;
    let token = scene.token();
    let [one, other] = [(); 2].map(|()| scene.proof(&token).sign());
    let joined = format!("{one}, {other}");
    for (row, proofs, kind) in [
        ("none", vec![], ProofErrorKind::Missing),
        ("two", vec![&*one, &*other], ProofErrorKind::Repeated),
        ("one twice", vec![&*one, &*one], ProofErrorKind::Repeated),
        (
            "joined by a proxy",
            vec![&*joined],
            ProofErrorKind::Repeated,
        ),
    ] {
        let answer = scene.stage.call(get(&token, &proofs)).await;
        answer.refused_proof(row, kind, INVALID_PROOF);
    }
    // None of that has used them up.
    scene.send(&token, &one).await.accepted("the one alone");
    scene.send(&token, &other).await.accepted("the other alone");
}

#[tokio::test]
async fn check_2_it_is_one_jwt() {
    let scene = Scene::new().await;
    let token = scene.token();
    let good = scene.proof(&token).sign();
    let twice = scene.proof(&token).raw_payload(r#"{"jti":"a","jti":"b"}"#);
    let rows = vec![
        ("empty", String::new(), ProofErrorKind::Malformed),
        ("two parts", "e30.e30".to_owned(), ProofErrorKind::Malformed),
        (
            "four parts",
            format!("{good}.e30"),
            ProofErrorKind::Malformed,
        ),
        ("padded", format!("{good}="), ProofErrorKind::Malformed),
        ("the token itself", token.clone(), ProofErrorKind::Type),
        ("a claim twice", twice.sign(), ProofErrorKind::Malformed),
        ("too long", "a".repeat(9_000), ProofErrorKind::TooLong),
    ];
    refuse(&scene, &token, rows).await;
}

#[tokio::test]
async fn check_3_the_claims_are_there() {
    let scene = Scene::new().await;
    let token = scene.token();
    let good = || scene.proof(&token);
    let missing = |name| ProofErrorKind::ClaimMissing { name };
    let malformed = |name| ProofErrorKind::ClaimMalformed { name };
    let mut rows = Vec::new();
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        rows.push((name, good().without(name).sign(), missing(name)));
        let list = good().claim(name, json!(["x"])).sign();
        rows.push((name, list, malformed(name)));
        let null = good().claim(name, json!(null)).sign();
        rows.push((name, null, malformed(name)));
    }
    let long = good().proof_id("x".repeat(257)).sign();
    rows.push(("an oversized jti", long, malformed("jti")));
    rows.push(("an empty jti", good().proof_id("").sign(), malformed("jti")));
    refuse(&scene, &token, rows).await;
}

#[tokio::test]
async fn check_4_the_type_is_that_of_a_proof() {
    let scene = Scene::new().await;
    let token = scene.token();
    let typed = |typ: &str| scene.proof(&token).header("typ", typ).sign();
    let absent = scene.proof(&token).without_header("typ").sign();
    let rows = vec![
        ("JWT", typed("JWT"), ProofErrorKind::Type),
        ("at+jwt", typed("at+jwt"), ProofErrorKind::Type),
        ("absent", absent, ProofErrorKind::Type),
    ];
    refuse(&scene, &token, rows).await;
}

#[tokio::test]
async fn check_5_the_algorithm_is_an_accepted_one_with_public_keys() {
    let scene = Scene::new().await;
    let token = scene.token();
    let named = |alg: &str| scene.proof(&token).header("alg", alg).sign();
    let rows = vec![
        ("none", named("none"), ProofErrorKind::Algorithm),
        ("a shared secret", named("HS256"), ProofErrorKind::Algorithm),
        (
            "not accepted here",
            named("RS256"),
            ProofErrorKind::Algorithm,
        ),
        ("made up", named("ES257"), ProofErrorKind::Algorithm),
    ];
    refuse(&scene, &token, rows).await;
}

#[tokio::test]
async fn check_6_the_signature_is_by_the_key_in_the_header() {
    let scene = Scene::new().await;
    let token = scene.token();
    let other = SigningKey::generate(Algorithm::ES256);
    let by_other = scene.proof(&token).signed_by(&other).sign();
    let good = scene.proof(&token).sign();
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    let none = format!("{signed}.{}", "A".repeat(86));
    let rows = vec![
        ("by another key", by_other, ProofErrorKind::Signature),
        ("of nothing", none, ProofErrorKind::Signature),
    ];
    refuse(&scene, &token, rows).await;
}

#[tokio::test]
async fn check_7_the_key_is_a_public_one() {
    let scene = Scene::new().await;
    let token = scene.token();
    let private = scene.proof(&token).jwk_member("d", "AAAA").sign();
    let absent = scene.proof(&token).without_header("jwk").sign();
    let secret = json!({"kty": "oct", "k": "c2VjcmV0"});
    let secret = scene.proof(&token).header("jwk", secret).sign();
    let key = |reason| ProofErrorKind::Key { reason };
    let rows = vec![
        ("a private member", private, key(SkipReason::Private)),
        ("none", absent, key(SkipReason::Malformed)),
        ("a shared secret", secret, key(SkipReason::Symmetric)),
    ];
    refuse(&scene, &token, rows).await;
}

#[tokio::test]
async fn check_8_the_method_is_the_requests_own() {
    let scene = Scene::new().await;
    let token = scene.token();
    let of = |method| {
        scene
            .proof_of(method, "https://api.test/orders", &token)
            .sign()
    };
    let rows = vec![
        ("another", of("POST"), ProofErrorKind::Method),
        ("in another case", of("get"), ProofErrorKind::Method),
        ("with a space", of("GET "), ProofErrorKind::Method),
    ];
    refuse(&scene, &token, rows).await;
}

#[tokio::test]
async fn check_9_the_uri_is_the_requests_own() {
    let scene = Scene::new().await;
    let token = scene.token();
    let of = |uri: &str| scene.proof_of("GET", uri, &token).sign();
    let rows = [
        ("another path", "https://api.test/order"),
        ("a slash more", "https://api.test/orders/"),
        ("another host", "https://api.test.evil.test/orders"),
        ("another scheme", "http://api.test/orders"),
        ("another port", "https://api.test:8443/orders"),
        ("another case of the path", "https://api.test/Orders"),
        ("a user", "https://u@api.test/orders"),
        ("out of it", "https://api.test/orders/../admin"),
        ("no URI", "/orders"),
    ];
    let rows = rows.map(|(row, uri)| (row, of(uri), ProofErrorKind::TargetUri));
    refuse(&scene, &token, rows.to_vec()).await;
}

#[tokio::test]
async fn check_10_a_nonce_that_is_demanded_is_there() {
    let nonces = DpopNonces::shared([7; 32]).expect("long enough");
    let scene = Scene::with(Dpop::accept(URL).nonces(nonces)).await;
    let token = scene.token();
    for (row, proof, kind) in [
        ("none", scene.proof(&token), ProofErrorKind::NonceMissing),
        (
            "made up",
            scene.proof(&token).nonce("AAAAAAAAAAAAAAAAAAAAAA"),
            ProofErrorKind::NonceUnknown,
        ),
    ] {
        let answer = scene.send(&token, &proof.sign()).await;
        answer.refused_because(row, Proof(kind));
        assert_eq!(answer.status(), 401, "{row}");
    }
}

#[tokio::test]
async fn check_11_it_was_made_just_now() {
    let scene = Scene::new().await;
    let token = scene.token();
    let now = at(NOW);
    let made = |second| scene.proof(&token).issued_at(at(second)).sign();
    let old = ProofErrorKind::TooOld {
        at: at(NOW - 61),
        now,
    };
    let ahead = ProofErrorKind::IssuedInFuture {
        at: at(NOW + 11),
        now,
    };
    let rows = vec![
        ("a minute and a second ago", made(NOW - 61), old),
        ("in eleven seconds", made(NOW + 11), ahead),
    ];
    refuse(&scene, &token, rows).await;
    for (row, second) in [("a minute ago", NOW - 60), ("in ten seconds", NOW + 10)] {
        scene.send(&token, &made(second)).await.accepted(row);
    }
}

#[tokio::test]
async fn check_12_it_is_for_this_token_and_by_its_key() {
    let scene = Scene::new().await;
    let token = scene.token();
    let other = scene.stage.token().bound_to(&scene.key).sign();
    let of_other = scene.proof(&other).sign();
    let rows = vec![(
        "of another token",
        of_other,
        ProofErrorKind::AccessTokenHash,
    )];
    refuse(&scene, &token, rows).await;

    // A thief has the token, and a key of their own. It is the token that does not fit (§7.1).
    let thief = Scene {
        key: SigningKey::generate(Algorithm::ES256),
        stage: scene.stage,
    };
    let answer = thief.send(&token, &thief.proof(&token).sign()).await;
    answer.refused_with(
        "by another key",
        Proof(ProofErrorKind::KeyBinding),
        401,
        &[bearer(""), dpop(INVALID_TOKEN)],
    );
}

#[tokio::test]
async fn a_good_proof_of_every_algorithm_that_is_offered_passes() {
    let mut algorithms = vec![
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
        Algorithm::PS256,
    ];
    if cfg!(feature = "aws-lc-rs") {
        algorithms.push(Algorithm::ES512);
    }
    let mut scene = Scene::new().await;
    for algorithm in algorithms {
        scene.key = SigningKey::generate(algorithm);
        scene.still_accepts(algorithm.name(), &scene.token()).await;
    }
}
