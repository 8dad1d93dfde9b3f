//! JWTs and opaque tokens side by side: shape and configuration decide, and never what became of another way.

use tower_bearer::revocation::{InMemoryRevocations, Revocation, RevocationStore};
use tower_bearer::testing::{Behaviour, Endpoint, TestClock, TestIssuer};
use tower_bearer::{NumericDate, TrustedIssuer, VerifyErrorKind};

use crate::support::{AUDIENCE, ISSUER, NOW, Stage};
use crate::{CLIENT, SECRET, settings, stage, stage_with};

#[tokio::test(start_paused = true)]
async fn jwts_are_verified_and_opaque_tokens_asked_about() {
    let stage = stage(settings()).await;
    let verified = stage.accept("a JWT", &stage.token().sign()).await;
    assert!(verified.algorithm().is_some());
    assert_eq!(stage.asked(), 0);
    let verified = stage.accept("an opaque token", &stage.opaque()).await;
    assert!(verified.algorithm().is_none());
    assert_eq!(stage.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_jwt_that_does_not_verify_is_never_asked_about() {
    let stage = stage(settings()).await;
    let token = stage.token();
    let of_another_key = token.clone().signed_by_stranger().sign();
    for (row, token, kind) in [
        (
            "a bad signature",
            of_another_key,
            VerifyErrorKind::Signature,
        ),
        (
            "another issuer",
            token.clone().issuer("https://evil.test").sign(),
            VerifyErrorKind::Issuer,
        ),
        (
            "another audience",
            token.clone().audience("https://other.test").sign(),
            VerifyErrorKind::Audience,
        ),
        (
            "an answer of the issuer",
            token.clone().typ("token-introspection+jwt").sign(),
            VerifyErrorKind::Type,
        ),
        (
            "three parts of nothing",
            "a.b.c".to_owned(),
            VerifyErrorKind::Base64 {
                part: tower_bearer::error::TokenPart::Header,
            },
        ),
        ("two dots", "..".to_owned(), VerifyErrorKind::NotCompact),
        (
            "an empty part",
            "e30..AQ".to_owned(),
            VerifyErrorKind::NotCompact,
        ),
    ] {
        // The issuer would vouch for it, were it asked.
        stage.say(crate::answer(
            "application/json",
            crate::good_answer().to_string(),
        ));
        stage.send(&token).await.refused_token(row, kind);
        assert_eq!(stage.asked(), 0, "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_opaque_token_that_is_not_active_is_never_read_as_anything_else() {
    let stage = stage(settings()).await;
    let jwt = stage.token().sign();
    let (first, rest) = jwt.split_once('.').expect("a JWT");
    for (row, token) in [
        ("made up", "made-up".to_owned()),
        ("one dot", format!("{first}.{rest}").replacen('.', "", 1)),
        ("four parts", format!("{jwt}.AQ")),
        ("five parts", format!("{jwt}.AQ.AQ")),
        ("a dot at the end", format!("{jwt}.")),
        ("padded", "e30=".to_owned()),
    ] {
        let refused = stage.send(&token).await;
        refused.refused_token(row, VerifyErrorKind::Inactive);
        refused.tells_nothing_of(row, &token);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_the_service_is_no_token_for_it() {
    let stage = stage(settings().signed_answers()).await;
    let payload = serde_json::json!({
        "iss": stage.issuer.url(),
        "aud": AUDIENCE,
        "iat": crate::support::NOW,
        "exp": crate::support::NOW + 300,
        "token_introspection": crate::good_answer(),
    });
    for typ in [
        "token-introspection+jwt",
        "application/token-introspection+jwt",
    ] {
        let token = stage.token().typ(typ).raw_payload(payload.to_string());
        stage
            .send(&token.sign())
            .await
            .refused_token(typ, VerifyErrorKind::Type);
    }
    // Even one that does not say what it is.
    let kind = VerifyErrorKind::ForeignClaim {
        name: "token_introspection",
    };
    let untyped = stage.token().raw_payload(payload.to_string()).sign();
    stage.send(&untyped).await.refused_token("untyped", kind);
    assert_eq!(stage.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_introspection_opaque_tokens_are_refused_as_ever() {
    let stage = Stage::new().await;
    let opaque = stage.opaque();
    stage
        .send(&opaque)
        .await
        .refused_token("opaque", VerifyErrorKind::NotCompact);
    assert_eq!(stage.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_could_be_no_opaque_token_is_not_asked_about() {
    let stage = stage(settings()).await;
    let (length, limit) = (4097, 4096);
    let long = "a".repeat(length);
    let kind = VerifyErrorKind::TooLong { length, limit };
    stage.send(&long).await.refused_token("too long", kind);
    // Given to `verify` no header has been read, which would have refused these.
    for odd in ["", " ", "a b", "a&token=b", "a\r\nb", "ü", "a=b", "="] {
        let refused = stage.auth.verify(odd).await.expect_err("no b64token");
        assert_eq!(refused.code(), "credential_malformed", "{odd:?}");
    }
    assert_eq!(stage.asked(), 0);
    stage
        .send(&"a".repeat(limit))
        .await
        .refused_token("as long as it may be", VerifyErrorKind::Inactive);
}

#[tokio::test(start_paused = true)]
async fn opaque_tokens_are_those_of_the_one_issuer_that_has_them() {
    let other = TestIssuer::new("https://other.test");
    other.publish(&[tower_bearer::Algorithm::EdDSA]);
    let stage = Stage::beside(
        &other,
        |issuer| issuer.allow_client(CLIENT, SECRET),
        |builder| {
            let second = TrustedIssuer::new(other.url(), AUDIENCE);
            builder.introspection(settings()).trust(second)
        },
    );
    other.clock(stage.clock.clone());
    stage.auth.warm().await.expect("both are up");
    stage.accept("opaque", &stage.opaque()).await;
    let jwt = other.token().audience(AUDIENCE).sign();
    stage.accept("a JWT of the other", &jwt).await;
    // The other's opaque tokens are nobody's here.
    let foreign = other.token().audience(AUDIENCE).opaque();
    stage
        .send(&foreign)
        .await
        .refused_token("foreign", VerifyErrorKind::Inactive);
    assert_eq!(other.requests(Endpoint::Introspection), 0);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_without_jwts_needs_no_keys_and_has_none_accepted() {
    let stage = Stage::beside(
        None,
        |issuer| {
            issuer.allow_client(CLIENT, SECRET);
            issuer.behave_at(Endpoint::KeySet, Behaviour::Down);
        },
        |builder| builder.introspection(settings().opaque_tokens_only()),
    );
    assert!(stage.auth.is_ready());
    stage.accept("opaque", &stage.opaque()).await;
    stage
        .send(&stage.token().sign())
        .await
        .refused_token("a JWT", VerifyErrorKind::KeyUnknown);
    assert_eq!(stage.issuer.requests(Endpoint::KeySet), 0);
}

/// What is revoked here by the clock that all go by.
fn revocations() -> InMemoryRevocations {
    InMemoryRevocations::new().clock(TestClock::new(NumericDate::from_seconds(NOW)))
}

/// The answer that was waited for is no way around.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_revoked_while_its_issuer_thinks_is_refused() {
    for is_jwt in [false, true] {
        let revocations = revocations();
        let stage = stage_with(settings().every_token(), |builder| {
            builder.revocations(revocations.clone())
        })
        .await;
        let behave = |how| stage.issuer.behave_at(Endpoint::Introspection, how);
        let token = stage.token().token_id("one");
        let token = if is_jwt { token.sign() } else { token.opaque() };
        behave(Behaviour::Held);
        let auth = stage.auth.clone();
        let waiting = tokio::spawn(async move { auth.verify(&token).await });
        stage
            .issuer
            .until_requests(Endpoint::Introspection, 1)
            .await;
        let expires_at = NumericDate::from_seconds(NOW + 300);
        let revocation = Revocation::token_id(ISSUER, "one", expires_at);
        revocations.revoke(revocation).await.expect("there is room");
        behave(Behaviour::Normal);
        let refused = waiting.await.expect("no panic").err();
        let code = refused.map(|rejection| rejection.code());
        assert_eq!(code, Some("revoked"), "a JWT: {is_jwt}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revocation_of_ones_own_refuses_an_opaque_token_at_its_next_request() {
    let revocations = revocations();
    let stage = stage_with(settings(), |builder| {
        builder.revocations(revocations.clone())
    })
    .await;
    for token in [stage.token(), stage.token().without("jti")] {
        let (token, other) = (token.opaque(), token.opaque());
        let verified = stage.accept("before", &token).await;
        let revocation = Revocation::token(&verified).expect("it can be revoked");
        revocations.revoke(revocation).await.expect("there is room");
        let asked = stage.asked();
        stage
            .send(&token)
            .await
            .refused_token("after", VerifyErrorKind::Revoked);
        assert_eq!(stage.asked(), asked, "nobody had to be asked for that");
        stage.accept("another", &other).await;
    }
}
