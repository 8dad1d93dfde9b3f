//! The certificate of the connection, as the server tells of it.

use std::sync::{Arc, Mutex};

use tower_bearer::introspection::Introspection;
use tower_bearer::mtls::CertificateRefusal;
use tower_bearer::observe::Event;
use tower_bearer::revocation::InMemoryRevocations;
use tower_bearer::{Rejection, VerifyErrorKind};

use crate::behind::{AUDIENCE, Diary, issuer, layer, request, send, token};
use crate::{STRANGER, alice, bearer, bound, by, direct, mallory, refused, shown, tell};

#[tokio::test]
async fn a_bound_token_is_good_from_the_owner_of_its_certificate_alone() {
    let issuer = issuer();
    for (peer, certificate, code) in [
        (None, Some(alice()), None),
        (Some(STRANGER), Some(alice()), None),
        (
            Some(STRANGER),
            Some(mallory()),
            Some("certificate_mismatch"),
        ),
        (None, Some(mallory()), Some("certificate_mismatch")),
        (Some(STRANGER), None, Some("certificate_missing")),
        (None, None, Some("certificate_missing")),
    ] {
        // The first time the keys are waited for, and the second time the token is one that was verified before.
        let layer = layer(direct(&issuer));
        let bound = bound(&issuer);
        for round in ["first", "second"] {
            let row = format!("{round}: {peer:?} {code:?}");
            let answer = send(&layer, by(&bound, peer, certificate.clone(), &[])).await;
            match code {
                None => drop(answer.accepted(&row)),
                Some(code) => refused(&row, &answer, code),
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_was_accepted_before_is_refused_with_another_certificate() {
    let issuer = issuer();
    let layer = layer(direct(&issuer));
    let bound = bound(&issuer);
    for round in ["first", "second"] {
        let answer = send(&layer, shown(&bound, Some(alice()))).await;
        let verified = answer.accepted(round);
        assert_eq!(verified.subject(), Some("alice"));
        let answer = send(&layer, shown(&bound, Some(mallory()))).await;
        refused(round, &answer, "certificate_mismatch");
        let answer = send(&layer, shown(&bound, None)).await;
        refused(round, &answer, "certificate_missing");
    }
}

#[tokio::test]
async fn an_unbound_token_is_good_with_any_certificate_and_with_none() {
    let issuer = issuer();
    let layer = layer(direct(&issuer));
    for certificate in [None, Some(alice()), Some(mallory())] {
        let request = shown(&token(&issuer), certificate);
        send(&layer, request).await.accepted("unbound");
    }
}

/// A good certificate makes no good token of a bad one.
#[tokio::test]
async fn a_certificate_does_not_stand_for_the_signature() {
    let issuer = issuer();
    let layer = layer(direct(&issuer));
    let bound = issuer.token().audience(AUDIENCE);
    let bound = bound.bound_to_certificate(&alice());
    for (token, code) in [
        (bound.clone().signed_by_stranger(), "signature"),
        (bound.clone().expired(), "expired"),
        (bound.clone().audience("https://other.test"), "audience"),
    ] {
        let answer = send(&layer, shown(&token.sign(), Some(alice()))).await;
        refused(code, &answer, code);
    }
    // Nor is it of use without one.
    let mut request = request("GET", "/", &[]);
    tell(&mut request, None, Some(alice()));
    let answer = send(&layer, request).await;
    answer.refused("no token", 401, &[crate::behind::ABSENT]);
}

#[tokio::test]
async fn what_is_waited_for_makes_no_difference() {
    let issuer = issuer();
    issuer.allow_client("api", "secret");
    let asks = || Introspection::discovered().client_secret_basic("api", "secret");
    let token = issuer.token().audience(AUDIENCE);
    let token = token.bound_to_certificate(&alice());
    for (row, builder, token) in [
        (
            "an opaque token",
            direct(&issuer).introspection(asks()),
            token.opaque(),
        ),
        (
            "a JWT that is asked about",
            direct(&issuer).introspection(asks().every_token()),
            token.sign(),
        ),
        (
            "revocations are asked",
            direct(&issuer).revocations(InMemoryRevocations::new()),
            token.sign(),
        ),
    ] {
        let layer = layer(builder);
        let answer = send(&layer, shown(&token, Some(mallory()))).await;
        refused(row, &answer, "certificate_mismatch");
        let answer = send(&layer, shown(&token, None)).await;
        refused(row, &answer, "certificate_missing");
        for _ in ["asked", "remembered"] {
            let answer = send(&layer, shown(&token, Some(alice()))).await;
            answer.accepted(row);
            let answer = send(&layer, shown(&token, Some(mallory()))).await;
            refused(row, &answer, "certificate_mismatch");
        }
    }
}

#[tokio::test]
async fn a_client_of_grpc_is_told_by_a_status() {
    let issuer = issuer();
    let layer = layer(direct(&issuer));
    let authorization = bearer(&bound(&issuer));
    let call = |certificate| {
        let mut request = request(
            "POST",
            "/shop.Orders/List",
            &[
                ("authorization", authorization.as_str()),
                ("content-type", "application/grpc"),
            ],
        );
        tell(&mut request, None, certificate);
        request
    };
    send(&layer, call(Some(alice()))).await.accepted("alice");
    for certificate in [None, Some(mallory())] {
        let answer = send(&layer, call(certificate)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.body, "");
        assert_eq!(answer.all("content-type"), ["application/grpc"]);
        assert_eq!(answer.all("grpc-status"), ["16"]);
        assert_eq!(answer.all("grpc-message"), ["the token is not acceptable"]);
        assert_eq!(answer.challenges(), [""; 0]);
    }
}

#[tokio::test]
async fn observers_and_layers_outside_are_told_why() {
    let issuer = issuer();
    let bound = bound(&issuer);
    let (diary, builder) = Diary::of(direct(&issuer));
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&kinds);
    let layer = layer(builder.observer(move |event: &Event<'_>| {
        if let Event::Rejected {
            rejection: Rejection::Verify(error),
            ..
        } = event
        {
            seen.lock().expect("no panic").push(error.kind());
        }
    }));
    send(&layer, shown(&bound, Some(alice()))).await;
    send(&layer, shown(&bound, Some(mallory()))).await;
    let answer = send(&layer, shown(&bound, None)).await;
    assert_eq!(
        diary.read(),
        ["accepted", "certificate_mismatch", "certificate_missing"]
    );
    let refused = |why| VerifyErrorKind::ClientCertificate { why };
    assert_eq!(
        *kinds.lock().expect("no panic"),
        [
            refused(CertificateRefusal::Mismatch),
            refused(CertificateRefusal::Missing)
        ]
    );
    // Nothing that is said of it could be traced to the certificate or to the token.
    let rejection = answer.head.extensions.get::<Rejection>();
    let said = format!("{rejection:?} {:?}", rejection.map(ToString::to_string));
    let thumbprint = alice().thumbprint().to_string();
    assert!(
        !said.contains(&thumbprint) && !said.contains(&bound),
        "{said}"
    );
}
