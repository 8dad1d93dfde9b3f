//! Tokens that are decided on without the request that would tell who sent them, and with it.

use http::HeaderMap;
use tower_bearer::mtls::MutualTls;
use tower_bearer::{Authenticator, Rejection};

use crate::behind::{builder, issuer, token};
use crate::{alice, bearer, bound, direct, mallory, shown};

/// By a token alone, and by headers and URI alone.
async fn decided(auth: &Authenticator, token: &str) -> [Option<&'static str>; 2] {
    let code = |outcome: Result<_, Rejection>| outcome.err().map(|rejection| rejection.code());
    let by_token = auth.verify(token).await.map(drop);
    let authorization = bearer(token).parse().expect("a value");
    let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, authorization)]);
    let path = "/".parse().expect("a path");
    let by_headers = auth.authenticate(&headers, &path).await.map(drop);
    [code(by_token), code(by_headers)]
}

#[tokio::test]
async fn a_bound_token_that_nobody_has_sent_is_refused() {
    let issuer = issuer();
    let auth = direct(&issuer).build().expect("sound");
    let token = bound(&issuer);
    for _ in ["new", "known"] {
        let refused = [Some("sender_bound"); 2];
        assert_eq!(decided(&auth, &token).await, refused);
        // It is a good one all the same.
        let (parts, _) = shown(&token, Some(alice())).into_parts();
        assert!(auth.authenticate_parts(&parts).await.is_ok());
    }
    assert_eq!(
        decided(&auth, &crate::behind::token(&issuer)).await,
        [None; 2]
    );
}

#[tokio::test]
async fn where_only_bound_tokens_are_good_an_unbound_one_is_refused_without_a_request_too() {
    let issuer = issuer();
    let auth = builder(&issuer).mutual_tls(MutualTls::require());
    let auth = auth.build().expect("sound");
    let refused = [Some("sender_not_bound"); 2];
    assert_eq!(decided(&auth, &token(&issuer)).await, refused);
    let refused = [Some("sender_bound"); 2];
    assert_eq!(decided(&auth, &bound(&issuer)).await, refused);
}

#[tokio::test]
async fn the_head_of_a_request_is_enough_to_tell_its_sender() {
    let issuer = issuer();
    let auth = direct(&issuer).build().expect("sound");
    let token = bound(&issuer);
    for _ in ["new", "known"] {
        for (certificate, code) in [
            (Some(alice()), None),
            (Some(mallory()), Some("certificate_mismatch")),
            (None, Some("certificate_missing")),
        ] {
            let (parts, _) = shown(&token, certificate).into_parts();
            let outcome = auth.authenticate_parts(&parts).await;
            assert_eq!(outcome.err().map(|rejection| rejection.code()), code);
        }
    }
}
