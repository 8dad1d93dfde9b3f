//! Which request a proof is for: behind proxies, inside of routers, and in whatever spelling.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::Request;
use tower::ServiceExt;
use tower_bearer::AuthenticateLayer;
use tower_bearer::VerifyErrorKind::Proof;
use tower_bearer::dpop::{Dpop, ProofErrorKind, PublicUrl};
use tower_bearer::peer::{PeerAddr, TrustedProxies};

use crate::{Scene, URL, request};

#[tokio::test]
async fn every_method_needs_a_proof_of_its_own() {
    let scene = Scene::new().await;
    let token = scene.token();
    let methods = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE", "get",
    ];
    for method in methods {
        for made_for in methods {
            let proof = scene
                .proof_of(made_for, "https://api.test/orders", &token)
                .sign();
            let request = request(method, "/orders", &format!("DPoP {token}"), &[&proof]);
            let answer = scene.stage.call(request).await;
            assert_eq!(
                answer.status() == 200,
                method == made_for,
                "{method}: {made_for}"
            );
        }
    }
}

#[tokio::test]
async fn query_and_spelling_of_a_uri_do_not_matter_and_all_else_does() {
    let scene = Scene::new().await;
    let token = scene.token();
    for (asked, made_for, passes) in [
        ("/orders?page=2", "https://api.test/orders", true),
        ("/orders?page=2", "https://api.test/orders?page=3#x", true),
        ("/orders", "HTTPS://API.TEST:443/%6Frders", true),
        ("/a%2fb", "https://api.test/a%2Fb", true),
        ("/a/../b", "https://api.test/b", true),
        ("/", "https://api.test", true),
        (
            "https://elsewhere.test/orders",
            "https://api.test/orders",
            true,
        ),
        ("/a%2Fb", "https://api.test/a/b", false),
        ("/orders", "https://api.test//orders", false),
        ("/orders;v=1", "https://api.test/orders", false),
        ("/orders", "https://elsewhere.test/orders", false),
    ] {
        let proof = scene.proof_of("GET", made_for, &token).sign();
        let answer = scene
            .stage
            .call(request("GET", asked, &format!("DPoP {token}"), &[&proof]))
            .await;
        assert_eq!(answer.status() == 200, passes, "{asked}: {made_for}");
    }
}

#[tokio::test]
async fn what_a_request_says_of_its_host_counts_for_nothing_where_there_is_one_name() {
    let scene = Scene::new().await;
    let token = scene.token();
    for (made_for, passes) in [
        ("https://api.test/orders", true),
        ("https://evil.test/orders", false),
    ] {
        let proof = scene.proof_of("GET", made_for, &token).sign();
        let mut request = request("GET", "/orders", &format!("DPoP {token}"), &[&proof]);
        for (name, value) in [
            ("host", "evil.test"),
            ("x-forwarded-host", "evil.test"),
            ("forwarded", "host=evil.test;proto=https"),
        ] {
            request
                .headers_mut()
                .insert(name, value.parse().expect("a value"));
        }
        assert_eq!(
            scene.stage.call(request).await.status() == 200,
            passes,
            "{made_for}"
        );
    }
}

#[tokio::test]
async fn a_proxy_says_which_of_our_names_was_asked_for_and_no_stranger_does() {
    let proxies = TrustedProxies::at(["10.7.0.0/24"]).expect("a network");
    let names =
        PublicUrl::one_of(["https://api.test", "https://shop.test"]).x_forwarded_by(proxies);
    let scene = Scene::with(Dpop::accept(names)).await;
    let token = scene.token();
    for (peer, forwarded, made_for, wanted) in [
        ("10.7.0.9:1", "shop.test", "https://shop.test/orders", None),
        (
            "10.7.0.9:1",
            "shop.test",
            "https://api.test/orders",
            Some(ProofErrorKind::TargetUri),
        ),
        (
            "10.7.0.9:1",
            "evil.test",
            "https://evil.test/orders",
            Some(ProofErrorKind::TargetUnknown),
        ),
        // From a stranger, what counts is the host that it asked for.
        (
            "10.8.0.9:1",
            "shop.test",
            "https://shop.test/orders",
            Some(ProofErrorKind::TargetUri),
        ),
        ("10.8.0.9:1", "shop.test", "https://api.test/orders", None),
    ] {
        let proof = scene.proof_of("GET", made_for, &token).sign();
        let mut request = request("GET", "/orders", &format!("DPoP {token}"), &[&proof]);
        let headers = request.headers_mut();
        headers.insert("host", "api.test".parse().expect("a value"));
        headers.insert("x-forwarded-host", forwarded.parse().expect("a value"));
        headers.insert("x-forwarded-proto", "https".parse().expect("a value"));
        let peer: SocketAddr = peer.parse().expect("an address");
        request.extensions_mut().insert(PeerAddr(peer));
        let answer = scene.stage.call(request).await;
        match wanted {
            None => _ = answer.accepted(made_for),
            Some(kind) => answer.refused_because(made_for, Proof(kind)),
        }
    }
}

/// What axum takes away from a path is given back by configuration, on whichever side of the nesting the layer stands.
#[tokio::test]
async fn inside_of_a_nested_router_the_part_that_is_taken_away_is_configured() {
    for (row, base, outside) in [
        ("the layer outside", "https://api.test", true),
        ("the layer inside", "https://api.test/v1", false),
    ] {
        let scene = Scene::with(Dpop::accept(base)).await;
        let layer = AuthenticateLayer::new(scene.stage.auth.clone());
        let inner = Router::new().route("/orders", any(|| async { "reached" }));
        let app = if outside {
            Router::new().nest("/v1", inner).layer(layer)
        } else {
            Router::new().nest("/v1", inner.layer(layer))
        };
        let token = scene.token();
        for (made_for, passes) in [
            ("https://api.test/v1/orders", true),
            ("https://api.test/orders", false),
            ("https://api.test/v1/v1/orders", false),
        ] {
            let proof = scene.proof_of("GET", made_for, &token).sign();
            let request: Request<Body> =
                request("GET", "/v1/orders", &format!("DPoP {token}"), &[&proof]).map(Body::from);
            let answer = app.clone().oneshot(request).await.expect("never fails");
            assert_eq!(answer.status() == 200, passes, "{row}: {made_for}");
        }
    }
}

/// axum routes `/v1` to the root of what is nested there, and hands it `/`.
#[tokio::test]
async fn the_root_inside_of_a_nested_router_is_named_with_and_without_a_slash_and_a_proof_is_good_once()
 {
    let scene = Scene::with(Dpop::accept("https://api.test/v1")).await;
    let layer = AuthenticateLayer::new(scene.stage.auth.clone());
    let inner = Router::new().route("/", any(|| async { "reached" }));
    let app = Router::new().nest("/v1", inner.layer(layer));
    let token = scene.token();
    for (made_for, passes) in [
        ("https://api.test/v1", true),
        ("https://api.test/v1/", true),
        ("https://api.test/", false),
        ("https://api.test", false),
        ("https://api.test/v", false),
        ("https://api.test/v1//", false),
    ] {
        let proof = scene.proof_of("GET", made_for, &token).sign();
        for passes in [passes, false] {
            let request: Request<Body> =
                request("GET", "/v1", &format!("DPoP {token}"), &[&proof]).map(Body::from);
            let answer = app.clone().oneshot(request).await.expect("never fails");
            assert_eq!(answer.status() == 200, passes, "{made_for}");
        }
    }
}

#[tokio::test]
async fn a_service_behind_a_path_of_its_proxy_has_that_path_in_its_proofs() {
    let scene = Scene::with(Dpop::accept("https://example.test:8443/orders-api/")).await;
    let token = scene.token();
    for (made_for, passes) in [
        ("https://example.test:8443/orders-api/orders", true),
        ("https://example.test:8443/orders", false),
        ("https://example.test/orders-api/orders", false),
    ] {
        let proof = scene.proof_of("GET", made_for, &token).sign();
        assert_eq!(
            scene.send(&token, &proof).await.status() == 200,
            passes,
            "{made_for}"
        );
    }
}

#[test]
fn a_public_url_that_nobody_can_ask_for_fails_at_the_start() {
    for url in [
        "",
        "api.test",
        "http://api.test",
        "ftp://api.test",
        "https://api.test/?x",
        "https://u:p@api.test",
    ] {
        let built = tower_bearer::Authenticator::builder("https://issuer.test", URL)
            .dpop(Dpop::accept(url))
            .build();
        let kind = built.err().map(|error| error.kind());
        assert_eq!(kind, Some(tower_bearer::ConfigErrorKind::Resource), "{url}");
    }
}
