//! What else stands in challenges, in answers of gRPC, in what is published, and in what others are shown.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::dpop::{Dpop, DpopNonces, ProofErrorKind};
use tower_bearer::metadata::ProtectedResource;
use tower_bearer::middleware::RefusedRequest;
use tower_bearer::{
    Algorithm, AuthenticateLayer, Authenticator, AuthenticatorBuilder, Rejection, Requirement,
    require,
};

use crate::support::{AUDIENCE, Answer, Stage};
use crate::{INVALID_PROOF, Scene, URL, bearer, challenges, dpop, get, request};

#[tokio::test]
async fn realm_scope_and_metadata_stand_in_the_challenges_of_both_schemes() {
    let demand = |builder: AuthenticatorBuilder| {
        builder
            .realm("orders")
            .challenge_scope("read write")
            .protected_resource(ProtectedResource::new(AUDIENCE))
    };
    let settings = || Dpop::accept(URL).algorithms(&[Algorithm::EdDSA, Algorithm::ES256]);
    let scene = Scene::beside(settings(), |_| (), demand).await;
    let head = |scheme: &str| format!("{scheme} realm=\"orders\", scope=\"read write\"");
    let url = "resource_metadata=\"https://api.test/.well-known/oauth-protected-resource\"";
    let bearer = format!("{}, {url}", head("Bearer"));
    let answer = scene.stage.call(request("GET", "/orders", "", &[])).await;
    let asked = format!("{}, algs=\"EdDSA ES256\", {url}", head("DPoP"));
    assert_eq!(challenges(answer.0.headers()), [bearer.clone(), asked]);
    let answer = scene.stage.call(get(&scene.token(), &[])).await;
    let refused = format!(
        "{}, {INVALID_PROOF}, algs=\"EdDSA ES256\", {url}",
        head("DPoP")
    );
    assert_eq!(challenges(answer.0.headers()), [bearer, refused]);
}

#[tokio::test]
async fn what_a_scope_lacks_is_said_in_the_scheme_of_the_token() {
    let scene = Scene::new().await;
    let inner = service_fn(|_: Request<String>| async {
        Ok::<_, std::convert::Infallible>(Response::new(String::from("reached")))
    });
    let authorize = require(Requirement::scopes("admin"));
    let service = AuthenticateLayer::new(scene.stage.auth.clone()).layer(authorize.layer(inner));
    let said = "scope=\"admin\", error=\"insufficient_scope\", error_description=\"the token does not permit this\"";
    let token = scene.token();
    let by_proof = get(&token, &[&scene.proof(&token).sign()]);
    let plain = request(
        "GET",
        "/orders",
        &format!("Bearer {}", scene.stage.token().sign()),
        &[],
    );
    for (row, request, wanted) in [
        ("DPoP", by_proof, [bearer(""), dpop(said)]),
        ("Bearer", plain, [bearer(said), dpop("")]),
    ] {
        let response = service.clone().oneshot(request).await.expect("never fails");
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{row}");
        assert_eq!(challenges(response.headers()), wanted, "{row}");
    }
    let admin = scene
        .stage
        .token()
        .scope("admin")
        .bound_to(&scene.key)
        .sign();
    let request = get(&admin, &[&scene.proof(&admin).sign()]);
    let response = service.oneshot(request).await.expect("never fails");
    assert_eq!(response.body(), "reached");
}

fn document(settings: Option<Dpop>) -> Value {
    let mut builder = Authenticator::builder("https://issuer.test", AUDIENCE)
        .protected_resource(ProtectedResource::new(AUDIENCE));
    if let Some(settings) = settings {
        builder = builder.dpop(settings);
    }
    let auth = builder.build().expect("sound");
    let metadata = auth.resource_metadata().expect("it is published");
    serde_json::from_str(metadata.document()).expect("JSON")
}

#[test]
fn what_is_demanded_of_proofs_is_published() {
    let algorithms = [Algorithm::ES256, Algorithm::PS256];
    let (algs, required) = (
        "dpop_signing_alg_values_supported",
        "dpop_bound_access_tokens_required",
    );
    let accepts = document(Some(Dpop::accept(URL).algorithms(&algorithms)));
    assert_eq!(accepts[algs], json!(["ES256", "PS256"]));
    assert_eq!(accepts.get(required), None);
    let requires = document(Some(Dpop::require(URL).algorithms(&algorithms)));
    assert_eq!(requires[algs], json!(["ES256", "PS256"]));
    assert_eq!(requires[required], json!(true));
    for name in [algs, required] {
        assert_eq!(document(None).get(name), None);
    }
}

#[tokio::test]
async fn a_client_of_grpc_is_told_in_its_own_words_and_given_its_nonce() {
    let nonces = DpopNonces::shared([7; 32]).expect("long enough");
    let scene = Scene::with(Dpop::accept(URL).nonces(nonces)).await;
    let token = scene.token();
    let uri = "https://api.test/shop.Orders/List";
    let call = |proof: String| {
        let mut request = request(
            "POST",
            "/shop.Orders/List",
            &format!("DPoP {token}"),
            &[&proof],
        );
        let grpc = "application/grpc".parse().expect("a value");
        request.headers_mut().insert(CONTENT_TYPE, grpc);
        request
    };
    let proof = || scene.proof_of("POST", uri, &token);
    let answer = scene.stage.call(call(proof().sign())).await;
    let told = |answer: &Answer| {
        (
            answer.status().as_u16(),
            answer.header("grpc-status"),
            answer.header("grpc-message"),
        )
    };
    let said = |text: &str| (200, Some("16".to_owned()), Some(text.to_owned()));
    assert_eq!(
        told(&answer),
        said("the proof must have the nonce that is sent along")
    );
    assert_eq!(answer.header("www-authenticate"), None);
    let nonce = answer.header("dpop-nonce").expect("a nonce");
    let bad = proof().nonce(&nonce).claim("htm", "GET").sign();
    let answer = scene.stage.call(call(bad)).await;
    assert_eq!(
        told(&answer),
        said("the request must carry one good proof for its token")
    );
    assert_eq!(answer.header("dpop-nonce"), None);
    scene
        .stage
        .call(call(proof().nonce(&nonce).sign()))
        .await
        .accepted("with it");
}

/// The headers that reach the service behind a layer.
async fn passed_on(layer: AuthenticateLayer, request: Request<String>) -> HeaderMap {
    let inner = service_fn(|request: Request<String>| async move {
        let mut response = Response::new(String::new());
        response.extensions_mut().insert(request.headers().clone());
        Ok::<_, std::convert::Infallible>(response)
    });
    let mut response = layer
        .layer(inner)
        .oneshot(request)
        .await
        .expect("never fails");
    assert_eq!(response.status(), StatusCode::OK);
    response.extensions_mut().remove().expect("it was reached")
}

#[tokio::test]
async fn a_proof_is_a_part_of_the_credential_that_is_not_passed_on() {
    let scene = Scene::new().await;
    let token = scene.token();
    let request = || {
        let mut request = get(&token, &[&scene.proof(&token).sign()]);
        request
            .headers_mut()
            .insert("x-other", "stays".parse().expect("a value"));
        request
    };
    let layer = || AuthenticateLayer::new(scene.stage.auth.clone());
    let whole = passed_on(layer(), request()).await;
    assert_eq!(whole.len(), 3);
    let stripped = passed_on(layer().strip_credential(), request()).await;
    assert_eq!(
        stripped
            .keys()
            .map(|name| name.as_str())
            .collect::<Vec<_>>(),
        ["x-other"]
    );

    // Where no proofs are checked the header is none of ours.
    let plain = Stage::new().await;
    let mut request = request();
    let bearer = format!("Bearer {}", plain.token().sign());
    request
        .headers_mut()
        .insert("authorization", bearer.parse().expect("a value"));
    let layer = AuthenticateLayer::new(plain.auth.clone()).strip_credential();
    assert!(passed_on(layer, request).await.contains_key("dpop"));
}

#[tokio::test]
async fn a_hook_sees_why_and_neither_token_nor_proof() {
    let scene = Scene::new().await;
    let token = scene.token();
    let proof = scene.proof(&token).claim("htm", "PUT").sign();
    let (t, p) = (token.clone(), proof.clone());
    let layer = AuthenticateLayer::new(scene.stage.auth.clone()).on_refusal(
        move |response: Response<String>, rejection: &Rejection, request: &RefusedRequest| {
            let shown = format!("{:?} {:?} {rejection:?}", request.headers(), request.uri());
            assert!(
                !shown.contains(&*t) && !shown.contains(&*p) && !shown.contains("dpop\":"),
                "{shown}"
            );
            assert_eq!(rejection.code(), "dpop_method");
            response
        },
    );
    let inner = service_fn(|_: Request<String>| async {
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    });
    let mut request = get(&token, &[&proof]);
    // A proxy's copy.
    request
        .headers_mut()
        .insert("x-original-dpop", proof.parse().expect("a value"));
    let answer = Answer(
        layer
            .layer(inner)
            .oneshot(request)
            .await
            .expect("never fails"),
    );
    answer.refused_proof("hooked", ProofErrorKind::Method, INVALID_PROOF);
}

#[tokio::test]
async fn a_hook_or_a_problem_keeps_challenges_and_nonce() {
    let nonces = DpopNonces::shared([7; 32]).expect("long enough");
    let scene = Scene::with(Dpop::require(URL).nonces(nonces)).await;
    let token = scene.token();
    let inner = service_fn(|_: Request<String>| async {
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    });
    let layer = AuthenticateLayer::new(scene.stage.auth.clone()).problem_details();
    let request = get(&token, &[&scene.proof(&token).sign()]);
    let answer = Answer(
        layer
            .layer(inner)
            .oneshot(request)
            .await
            .expect("never fails"),
    );
    assert_eq!(challenges(answer.0.headers()), [dpop(crate::USE_NONCE)]);
    assert!(answer.header("dpop-nonce").is_some());
    let body: Value = serde_json::from_str(answer.0.body()).expect("JSON");
    assert_eq!(body["status"], json!(401));
    assert!(!answer.0.body().contains(&token));
}
