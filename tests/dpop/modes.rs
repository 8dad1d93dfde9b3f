//! Where a token is not demanded, a bad proof is refused all the same, or is counted.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::dpop::{Dpop, ProofErrorKind};
use tower_bearer::observe::Event;
use tower_bearer::{AuthenticateLayer, LetThrough, Verified, VerifyErrorKind};

use crate::support::Answer;
use crate::{INVALID_PROOF, Scene, URL, get, request};

/// What is answered, and on what the request was let through.
async fn send(layer: AuthenticateLayer, request: Request<String>) -> (Answer, Option<String>) {
    let inner = service_fn(|request: Request<String>| async move {
        let mut response = Response::new(String::from("reached"));
        let extensions = request.extensions();
        let how = match extensions.get::<LetThrough>() {
            Some(LetThrough::NotRefused(rejection)) => rejection.code().to_owned(),
            Some(LetThrough::Anonymous) => "anonymous".to_owned(),
            Some(other) => format!("{other:?}"),
            None => "verified".to_owned(),
        };
        assert_eq!(extensions.get::<Verified>().is_some(), how == "verified");
        response.extensions_mut().insert(how);
        Ok::<_, Infallible>(response)
    });
    let mut response = layer
        .layer(inner)
        .oneshot(request)
        .await
        .expect("never fails");
    let how = response.extensions_mut().remove();
    (Answer(response), how)
}

#[tokio::test]
async fn where_a_token_is_optional_a_bad_proof_is_refused_all_the_same() {
    let scene = Scene::new().await;
    let layer = || AuthenticateLayer::new(scene.stage.auth.clone()).optional();
    let token = scene.token();
    let (_, how) = send(layer(), request("GET", "/orders", "", &[])).await;
    assert_eq!(how.as_deref(), Some("anonymous"));
    // A proof by itself is no credential.
    let (_, how) = send(
        layer(),
        request("GET", "/orders", "", &[&scene.proof(&token).sign()]),
    )
    .await;
    assert_eq!(how.as_deref(), Some("anonymous"));
    let (_, how) = send(layer(), get(&token, &[&scene.proof(&token).sign()])).await;
    assert_eq!(how.as_deref(), Some("verified"));
    for (row, request, kind) in [
        ("none", get(&token, &[]), ProofErrorKind::Missing),
        ("garbage", get(&token, &["x"]), ProofErrorKind::Malformed),
    ] {
        let (answer, how) = send(layer(), request).await;
        answer.refused_proof(row, kind, INVALID_PROOF);
        assert_eq!(how, None);
    }
    let (answer, _) = send(
        layer(),
        request("GET", "/orders", &format!("Bearer {token}"), &[]),
    )
    .await;
    answer.refused_because(
        "Bearer",
        VerifyErrorKind::Proof(ProofErrorKind::BoundAsBearer),
    );
}

#[tokio::test]
async fn where_nothing_is_refused_it_is_told_what_would_have_been() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let observer = move |event: &Event<'_>| {
        if let Event::NotRefused { rejection, .. } = event {
            tells
                .lock()
                .expect("no panic")
                .push(rejection.code().to_owned());
        }
    };
    let scene = Scene::beside(
        Dpop::require(URL),
        |_| (),
        |builder| builder.observer(observer),
    )
    .await;
    let layer = || AuthenticateLayer::new(scene.stage.auth.clone()).observe_only();
    let token = scene.token();
    let proof = scene.proof(&token).sign();
    for (request, code) in [
        (get(&token, &[&proof]), "verified"),
        (get(&token, &[&proof]), "dpop_replayed"),
        (get(&token, &[]), "dpop_proof_missing"),
        (
            request("GET", "/orders", &format!("Bearer {token}"), &[]),
            "dpop_bound_as_bearer",
        ),
        (
            request(
                "GET",
                "/orders",
                &format!("Bearer {}", scene.stage.token().sign()),
                &[],
            ),
            "dpop_not_bound",
        ),
    ] {
        let (answer, how) = send(layer(), request).await;
        assert_eq!(
            (answer.status().as_u16(), how.as_deref()),
            (200, Some(code))
        );
    }
    let told = told.lock().expect("no panic");
    let wanted = [
        "dpop_replayed",
        "dpop_proof_missing",
        "dpop_bound_as_bearer",
        "dpop_not_bound",
    ];
    assert_eq!(*told, wanted);
}

#[tokio::test]
async fn layers_of_one_authenticator_inside_each_other_take_a_proof_once() {
    let scene = Scene::new().await;
    let layer = || AuthenticateLayer::new(scene.stage.auth.clone());
    let token = scene.token();
    for outside in [layer(), layer().optional(), layer().observe_only()] {
        let inner = service_fn(|_: Request<String>| async move {
            Ok::<_, Infallible>(Response::new(String::from("reached")))
        });
        let service = outside.layer(layer().layer(inner));
        let proof = scene.proof(&token).sign();
        for status in [200, 401] {
            let request = get(&token, &[&proof]);
            let answer = service.clone().oneshot(request).await.expect("never fails");
            assert_eq!(answer.status(), status);
        }
    }
    // What one has accepted speaks for no other proof.
    let inner = || {
        service_fn(|_: Request<String>| async move {
            Ok::<_, Infallible>(Response::new(String::from("reached")))
        })
    };
    let used = scene.proof(&token).sign();
    let first = layer()
        .layer(inner())
        .oneshot(get(&token, &[&used]))
        .await
        .expect("never fails");
    assert_eq!(first.status(), 200);
    let exchange = tower::util::MapRequestLayer::new(move |mut request: Request<String>| {
        let value = used.parse().expect("a header value");
        request.headers_mut().insert("dpop", value);
        request
    });
    let service = layer().layer(exchange.layer(layer().layer(inner())));
    let request = get(&token, &[&scene.proof(&token).sign()]);
    let answer = service.oneshot(request).await.expect("never fails");
    assert_eq!(answer.status(), 401);
}
