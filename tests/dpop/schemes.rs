//! Which token goes under which scheme, and where it is said that one went wrong.

use http::header::{AUTHORIZATION, COOKIE};
use tower_bearer::VerifyErrorKind::{
    CredentialMalformed, CredentialMissing, CredentialRepeated, NotCompact, Proof, SenderBound,
};
use tower_bearer::credential::{CookieToken, DecideError, Marker};
use tower_bearer::dpop::{Dpop, ProofErrorKind};
use tower_bearer::presets::keycloak::realm;
use tower_bearer::testing::{SigningKey, TestClock, TestIssuer};
use tower_bearer::{Algorithm, Authenticator, AuthenticatorBuilder, ConfigErrorKind};

use crate::support::{AUDIENCE, NOW, Stage};
use crate::{INVALID_REQUEST, INVALID_TOKEN, Scene, URL, at, bearer, dpop, request};

#[tokio::test]
async fn a_bound_token_as_bearer_is_refused_even_with_a_good_proof() {
    for (row, dpop_settings, wanted) in [
        (
            "accept",
            Dpop::accept(URL),
            vec![bearer(INVALID_TOKEN), dpop("")],
        ),
        // There is one scheme, and it has to be told what is wrong.
        ("require", Dpop::require(URL), vec![dpop(INVALID_TOKEN)]),
    ] {
        let scene = Scene::with(dpop_settings).await;
        let token = scene.token();
        let proof = scene.proof(&token).sign();
        for proofs in [vec![], vec![&*proof]] {
            for _ in 0..2 {
                let request = request("GET", "/orders", &format!("Bearer {token}"), &proofs);
                let answer = scene.stage.call(request).await;
                let kind = Proof(ProofErrorKind::BoundAsBearer);
                answer.refused_with(row, kind, 401, &wanted);
            }
        }
        scene.send(&token, &proof).await.accepted(row);
    }
}

#[tokio::test]
async fn a_token_that_is_not_bound_is_refused_under_the_scheme_dpop() {
    for (row, dpop_settings, wanted) in [
        (
            "accept",
            Dpop::accept(URL),
            vec![bearer(""), dpop(INVALID_TOKEN)],
        ),
        ("require", Dpop::require(URL), vec![dpop(INVALID_TOKEN)]),
    ] {
        let scene = Scene::with(dpop_settings).await;
        let token = scene.stage.token().sign();
        let answer = scene.send(&token, &scene.proof(&token).sign()).await;
        answer.refused_with(row, Proof(ProofErrorKind::NotBound), 401, &wanted);
    }
}

#[tokio::test]
async fn a_token_that_is_not_bound_passes_as_bearer_unless_proofs_are_required() {
    let scene = Scene::new().await;
    let token = scene.stage.token().sign();
    scene.stage.send(&token).await.accepted("accept");
    // Whatever else the client sends.
    let with_proof = request("GET", "/orders", &format!("Bearer {token}"), &["garbage"]);
    scene
        .stage
        .call(with_proof)
        .await
        .accepted("accept, with a proof");

    let scene = Scene::with(Dpop::require(URL)).await;
    let token = scene.stage.token().sign();
    for _ in 0..2 {
        let answer = scene.stage.send(&token).await;
        let kind = Proof(ProofErrorKind::NotBound);
        answer.refused_with("require", kind, 401, &[dpop(INVALID_TOKEN)]);
    }
}

#[tokio::test]
async fn a_token_bound_to_what_is_not_checked_is_refused_and_further_members_are_ignored() {
    let scene = Scene::new().await;
    let jkt = scene.key.thumbprint();
    let x5t = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
    let sign = |cnf: serde_json::Value| scene.stage.token().claim("cnf", cnf).sign();
    for (row, cnf) in [
        ("a certificate", serde_json::json!({"x5t#S256": x5t})),
        ("both", serde_json::json!({"jkt": jkt, "x5t#S256": x5t})),
        (
            "a key by value",
            serde_json::json!({"jwk": scene.key.bare_jwk()}),
        ),
        ("nothing", serde_json::json!({})),
    ] {
        let token = sign(cnf);
        let answer = scene.send(&token, &scene.proof(&token).sign()).await;
        answer.refused_because(row, SenderBound);
        scene
            .stage
            .send(&token)
            .await
            .refused_because(row, SenderBound);
    }
    let token = sign(serde_json::json!({"jkt": jkt, "kid": "one", "osc": {}}));
    scene
        .still_accepts("what nobody checks beside what is", &token)
        .await;
    for jkt in ["", "x", &format!("{jkt}=")] {
        let token = sign(serde_json::json!({"jkt": jkt}));
        let answer = scene.send(&token, &scene.proof(&token).sign()).await;
        let kind = tower_bearer::VerifyErrorKind::ClaimMalformed { name: "cnf" };
        answer.refused_because(jkt, kind);
    }
}

#[tokio::test]
async fn without_a_credential_both_schemes_ask_for_one_and_none_complains() {
    for (row, dpop_settings, wanted) in [
        ("accept", Dpop::accept(URL), vec![bearer(""), dpop("")]),
        ("require", Dpop::require(URL), vec![dpop("")]),
    ] {
        let scene = Scene::with(dpop_settings).await;
        let proof = scene.proof(&scene.token()).sign();
        for proofs in [vec![], vec![&*proof]] {
            for scheme in ["", "Basic dTpw"] {
                let answer = scene
                    .stage
                    .call(request("GET", "/orders", scheme, &proofs))
                    .await;
                answer.refused_with(row, CredentialMissing, 401, &wanted);
            }
        }
    }
}

#[tokio::test]
async fn a_malformed_credential_of_either_scheme_is_answered_in_that_scheme() {
    let scene = Scene::new().await;
    let token = scene.token();
    let proof = scene.proof(&token).sign();
    for (authorization, kind) in [
        ("DPoP".to_owned(), CredentialMalformed),
        ("DPoP ".to_owned(), CredentialMalformed),
        (format!("DPoP\t{token}"), CredentialMalformed),
        (format!("DPoP \t{token}"), CredentialMalformed),
        (format!("DPoP {token} "), CredentialMalformed),
        (format!("DPoP {token} x"), CredentialMalformed),
        (format!("DPoP \"{token}\""), CredentialMalformed),
        (format!("DPoP {token},{token}"), CredentialRepeated),
        (format!("DPoP {token}, DPoP {token}"), CredentialRepeated),
        (format!("DPoP {token}, Bearer {token}"), CredentialRepeated),
    ] {
        let answer = scene
            .stage
            .call(request("GET", "/orders", &authorization, &[&proof]))
            .await;
        let wanted = [bearer(""), dpop(INVALID_REQUEST)];
        answer.refused_with(&authorization, kind, 400, &wanted);
    }
    for authorization in [format!("Bearer {token}, DPoP {token}"), "Bearer".to_owned()] {
        let answer = scene
            .stage
            .call(request("GET", "/orders", &authorization, &[&proof]))
            .await;
        assert_eq!(answer.status(), 400);
        let wanted = [bearer(INVALID_REQUEST), dpop("")];
        assert_eq!(
            crate::challenges(answer.0.headers()),
            wanted,
            "{authorization}"
        );
    }
    // Behind a comma of another scheme too, and a name that only begins so is another scheme.
    let hidden = request(
        "GET",
        "/orders",
        &format!("Basic dTpw, DPoP {token}"),
        &[&proof],
    );
    scene
        .stage
        .call(hidden)
        .await
        .refused_because("hidden", CredentialRepeated);
    for other in [
        format!("DPoPx {token}"),
        format!("DPoP={token}"),
        format!("DPoP-{token}"),
    ] {
        let answer = scene
            .stage
            .call(request("GET", "/orders", &other, &[&proof]))
            .await;
        answer.refused_because(&other, CredentialMissing);
    }
    scene.send(&token, &proof).await.accepted("after all that");
}

#[tokio::test]
async fn the_scheme_is_read_in_any_case() {
    let scene = Scene::new().await;
    let token = scene.token();
    for scheme in ["DPoP", "dpop", "DPOP", "dPoP  "] {
        let proof = scene.proof(&token).sign();
        let authorization = format!("{scheme} {token}");
        let answer = scene
            .stage
            .call(request("GET", "/orders", &authorization, &[&proof]))
            .await;
        answer.accepted(scheme);
    }
}

#[tokio::test]
async fn two_authorization_headers_are_refused_whatever_their_schemes() {
    let scene = Scene::new().await;
    let token = scene.token();
    let proof = scene.proof(&token).sign();
    for (one, other) in [
        ("DPoP", "DPoP"),
        ("DPoP", "Bearer"),
        ("Bearer", "DPoP"),
        ("DPoP", "Basic"),
    ] {
        let mut request = request("GET", "/orders", &format!("{one} {token}"), &[&proof]);
        let other = format!("{other} {token}").parse().expect("a value");
        request.headers_mut().append(AUTHORIZATION, other);
        let answer = scene.stage.call(request).await;
        answer.refused_because(one, CredentialRepeated);
        assert_eq!(answer.status(), 400);
    }
}

#[tokio::test]
async fn a_bound_token_in_a_cookie_is_one_without_its_proof() {
    let cookie = CookieToken::named("token").expect("a name");
    let scene = Scene::beside(
        Dpop::accept(URL),
        |_| (),
        |builder| builder.token_source(cookie),
    )
    .await;
    let token = scene.token();
    let proof = scene.proof(&token).sign();
    let mut alone = request("GET", "/orders", "", &[&proof]);
    let value: http::HeaderValue = format!("token={token}").parse().expect("a value");
    alone.headers_mut().insert(COOKIE, value.clone());
    let answer = scene.stage.call(alone).await;
    let wanted = [bearer(INVALID_TOKEN), dpop("")];
    answer.refused_with(
        "a cookie",
        Proof(ProofErrorKind::BoundAsBearer),
        401,
        &wanted,
    );

    let mut beside = crate::get(&token, &[&proof]);
    beside.headers_mut().insert(COOKIE, value);
    scene
        .stage
        .call(beside)
        .await
        .refused_because("both", CredentialRepeated);
    scene
        .send(&token, &proof)
        .await
        .accepted("the header alone");
}

#[tokio::test]
async fn under_the_scheme_dpop_everything_is_a_token() {
    let prefix = Marker::prefix("sk_").expect("a prefix");
    let decide = |key: String| async move { Ok::<_, DecideError>(Some(key)) };
    let demand = |builder: AuthenticatorBuilder| builder.other_credential(prefix, decide);
    let scene = Scene::beside(Dpop::accept(URL), |_| (), demand).await;
    let by = |scheme: &str| request("GET", "/orders", &format!("{scheme} sk_1"), &[]);
    let answer = scene.stage.call(by("Bearer")).await;
    assert_eq!(answer.status(), 200);
    let answer = scene.stage.call(by("DPoP")).await;
    let wanted = [bearer(""), dpop(INVALID_TOKEN)];
    answer.refused_with("no API key", NotCompact, 401, &wanted);
    for scheme in ["DPoP", "dpop"] {
        let marker = Marker::scheme(scheme).err().map(|error| error.kind());
        assert_eq!(marker, Some(ConfigErrorKind::Credential));
    }
}

#[tokio::test]
async fn where_no_proofs_are_checked_dpop_is_another_scheme_and_a_bound_token_is_refused() {
    let scene = Scene {
        stage: Stage::new().await,
        ..Scene::new().await
    };
    let token = scene.token();
    let proof = scene.proof(&token).sign();
    let answer = scene.send(&token, &proof).await;
    answer.refused_with("DPoP", CredentialMissing, 401, &[bearer("")]);
    let answer = scene.stage.send(&token).await;
    answer.refused_with("Bearer", SenderBound, 401, &[bearer(INVALID_TOKEN)]);
    scene
        .stage
        .accept("not bound", &scene.stage.token().sign())
        .await;
}

#[tokio::test]
async fn a_bound_token_of_keycloak_is_accepted_by_its_type() {
    let clock = TestClock::new(at(NOW));
    let issuer = TestIssuer::new("https://id.test/realms/shop");
    issuer.clock(clock.clone());
    let auth = Authenticator::trusting(realm("https://id.test", "shop", AUDIENCE))
        .clock(clock.clone())
        .fetch(issuer.fetch())
        .dpop(Dpop::require(URL))
        .build()
        .expect("sound");
    let stage = Stage {
        issuer,
        clock,
        auth,
    };
    let key = SigningKey::generate(Algorithm::ES256);
    let scene = Scene { stage, key };
    for (typ, passes) in [
        ("DPoP", true),
        ("Bearer", true),
        ("ID", false),
        ("Refresh", false),
    ] {
        let token = scene.stage.token().claim("typ", typ);
        let token = token.bound_to(&scene.key).sign();
        let answer = scene.send(&token, &scene.proof(&token).sign()).await;
        assert_eq!(answer.status() == 200, passes, "{typ}");
    }
}
