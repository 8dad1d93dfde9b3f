//! The same over real sockets, with the client that a service has by default.
#![cfg(feature = "reqwest")]

use std::time::{Duration, Instant};

use tower_bearer::introspection::Introspection;
use tower_bearer::testing::{Behaviour, Endpoint, TestIssuer};
use tower_bearer::{Authenticator, Rejection};

use crate::support::AUDIENCE;
use crate::{CLIENT, SECRET, settings};

async fn issuer() -> TestIssuer {
    let issuer = TestIssuer::serve().await;
    issuer.allow_client(CLIENT, SECRET);
    issuer
}

fn authenticator(issuer: &TestIssuer, settings: Introspection) -> Authenticator {
    Authenticator::builder(issuer.url(), AUDIENCE)
        .introspection(settings)
        .build()
        .expect("a sound configuration")
}

#[tokio::test]
async fn a_token_is_asked_about_over_a_socket_and_connections_are_kept() {
    let issuer = issuer().await;
    let given = Introspection::at(issuer.introspection_url()).client_secret_post(CLIENT, SECRET);
    for settings in [
        settings(),
        settings().signed_answers(),
        given.clone(),
        given.signed_answers(),
    ] {
        let auth = authenticator(&issuer, settings);
        for _ in 0..3 {
            let token = issuer.token().audience(AUDIENCE).opaque();
            let verified = auth.verify(&token).await.expect("a good token");
            assert_eq!(verified.subject(), Some("alice"));
            issuer.revoke(&token);
            auth.verify(&token).await.expect("believed for a while");
        }
        let refused = auth.verify("made-up").await.expect_err("made up");
        assert_eq!(refused.code(), "inactive");
    }
    assert_eq!(issuer.requests(Endpoint::Introspection), 16);
    let connections = issuer.connections();
    assert!(connections <= 12, "{connections} connections");
}

#[tokio::test]
async fn an_issuer_that_hangs_dawdles_floods_or_breaks_off_is_an_outage_in_time() {
    let issuer = issuer().await;
    let auth = authenticator(&issuer, settings());
    let good = issuer.token().audience(AUDIENCE).opaque();
    auth.verify(&good).await.expect("a good token");
    let begun = Instant::now();
    let mut waiting = Vec::new();
    for (number, behaviour) in [
        Behaviour::Hang,
        Behaviour::OneByteASecond,
        Behaviour::padded(10_000_000),
        Behaviour::Endless,
        Behaviour::GzipBomb,
        Behaviour::BrokenOff,
        Behaviour::Down,
        Behaviour::redirect(&issuer.introspection_url()),
        Behaviour::status(500),
    ]
    .into_iter()
    .enumerate()
    {
        // Each with a service of its own: five failures in a row are a pause.
        let other = authenticator(&issuer, settings());
        let token = format!("opaque-{number}");
        let asked = issuer.requests(Endpoint::Introspection);
        issuer.behave_next(Endpoint::Introspection, 1, behaviour);
        waiting.push(tokio::spawn(async move { other.verify(&token).await }));
        issuer
            .until_requests(Endpoint::Introspection, asked + 1)
            .await;
        auth.verify(&good)
            .await
            .expect("what is remembered goes on");
    }
    for (number, waiting) in waiting.into_iter().enumerate() {
        match waiting.await.expect("no panic") {
            Err(Rejection::Unavailable(_)) => {}
            other => panic!("{number}: {other:?} where an outage was expected"),
        }
    }
    // Five seconds for the slowest, and as much again for a machine that is busy.
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    let sent = issuer.traffic("/introspect").bytes;
    assert!(sent < 40_000_000, "{sent} bytes were taken");
}

/// TLS with a client certificate, against Python's own TLS.
#[tokio::test]
#[ignore = "needs openssl and python3"]
async fn a_certificate_proves_who_asks() {
    mutual_tls::check().await;
}

#[path = "mutual_tls.rs"]
mod mutual_tls;
