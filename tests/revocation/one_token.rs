//! One token, by its `jti` or by what its issuer signed.

use std::time::Duration;

use tower_bearer::VerifyErrorKind::Revoked;
use tower_bearer::revocation::{Revocation, RevocationErrorKind, RevocationStore};
use tower_bearer::testing::TestIssuer;
use tower_bearer::{Algorithm, Authenticator, TrustedIssuer};

use crate::support::{AUDIENCE, ISSUER, NOW, Stage};
use crate::twin::twin;
use crate::{at, revoke, stage, stage_with};

#[tokio::test]
async fn a_token_is_revoked_by_its_jti_and_no_other_is() {
    let (stage, store) = stage().await;
    let one = stage.token().token_id("one").sign();
    let two = stage.token().token_id("two").sign();
    let (first, second) = (
        stage.accept("one", &one).await,
        stage.accept("two", &two).await,
    );
    revoke(&store, Revocation::token(&first).expect("it has a jti")).await;
    let answer = stage.send(&one).await;
    answer.refused_token("one, revoked", Revoked);
    answer.tells_nothing_of("one, revoked", &one);
    stage.accept("two, still", &two).await;
    // The same by name, before the token was ever seen.
    let (issuer, exp) = (stage.issuer.url(), second.expires_at());
    revoke(&store, Revocation::token_id(issuer, "three", exp)).await;
    let three = stage.token().token_id("three").sign();
    stage.send(&three).await.refused_token("three", Revoked);
    stage.accept("two, to the end", &two).await;
}

/// Another token of the same `jti` is that token (RFC 7519 §4.1.7).
#[tokio::test]
async fn what_bears_the_jti_of_a_revoked_token_is_revoked() {
    let (stage, store) = stage().await;
    let token = stage.token().token_id("one");
    let first = stage.accept("one", &token.clone().sign()).await;
    revoke(&store, Revocation::token(&first).expect("it has a jti")).await;
    let other = token.subject("bob").scope("other").sign();
    stage.send(&other).await.refused_token("another", Revoked);
}

/// 18: an ECDSA signature has a second good form, which anyone can compute.
#[tokio::test]
async fn a_token_without_jti_is_revoked_by_what_was_signed_and_so_is_its_twin() {
    let (stage, store) = stage().await;
    let raw = |subject: &str| {
        let token = stage.token().algorithm(Algorithm::ES256).subject(subject);
        token.without("jti").raw()
    };
    let (token, other) = (raw("alice"), raw("bob").join());
    let twin = twin(&token);
    let (token, twin) = (token.join(), twin.join());
    assert_ne!(token, twin);
    let verified = stage.accept("the token", &token).await;
    stage.accept("its twin", &twin).await;
    stage.accept("another", &other).await;
    let revocation = Revocation::token(&verified).expect("it was verified where revocations are");
    revoke(&store, revocation).await;
    for (row, token) in [("the token", &token), ("its twin", &twin)] {
        stage.send(token).await.refused_token(row, Revoked);
    }
    stage.accept("another, still", &other).await;
    // The same claims, signed again: another token, since its signed part is another.
    let again = raw("alice").join();
    if again.rsplit_once('.').map(|(part, _)| part) != token.rsplit_once('.').map(|(part, _)| part)
    {
        stage.accept("signed anew", &again).await;
    }
}

/// The twin of a token that was revoked before the twin was ever seen.
#[tokio::test]
async fn a_twin_that_was_never_seen_is_revoked_with_its_token() {
    let (stage, store) = stage().await;
    let token = stage
        .token()
        .algorithm(Algorithm::ES256)
        .without("jti")
        .raw();
    let twin = twin(&token);
    let verified = stage.accept("the token", &token.join()).await;
    revoke(&store, Revocation::token(&verified).expect("a digest")).await;
    let answer = stage.send(&twin.join()).await;
    answer.refused_token("its twin", Revoked);
}

/// A `jti` is of its issuer (RFC 7519 §4.1.7), as are `sid` and `sub`.
#[tokio::test]
async fn what_one_issuer_names_another_does_not() {
    let (first, second) = (
        TestIssuer::new(ISSUER),
        TestIssuer::new("https://other.test"),
    );
    for issuer in [&first, &second] {
        issuer.publish(&[Algorithm::EdDSA]);
    }
    let store = tower_bearer::revocation::InMemoryRevocations::new();
    let auth = Authenticator::builder(first.url(), AUDIENCE)
        .trust(TrustedIssuer::new(second.url(), AUDIENCE))
        .fetch(first.fetch().and(&second))
        .revocations(store.clone())
        .build()
        .expect("sound");
    let refused = async |token: &str| auth.verify(token).await.err().map(|error| error.code());
    for name in ["jti", "sid", "sub", "iss"] {
        let token = |issuer: &TestIssuer| {
            let token = issuer.token().audience(AUDIENCE).token_id(name);
            token.claim("sid", name).subject(name).sign()
        };
        let (of_first, of_second) = (token(&first), token(&second));
        assert_eq!(refused(&of_first).await, None, "{name}");
        assert_eq!(refused(&of_second).await, None, "{name}");
        revoke(
            &store,
            match name {
                "jti" => Revocation::token_id(first.url(), name, at(4_000_000_000)),
                "sid" => Revocation::session(first.url(), name),
                "sub" => Revocation::subject(first.url(), name),
                _ => Revocation::issuer(first.url()),
            },
        )
        .await;
        assert_eq!(refused(&of_first).await, Some("revoked"), "{name}");
        assert_eq!(refused(&of_second).await, None, "{name}");
    }
}

#[tokio::test]
async fn the_revocation_of_a_token_dies_with_the_token_and_not_a_second_before() {
    // A policy that accepts a token for as long after its `exp` as any may.
    let leeway = Duration::from_secs(600);
    let (stage, store) = stage_with(|store| store, |builder| builder.leeway(leeway)).await;
    let exp = NOW + 100;
    let token = stage.token().token_id("one").expires_at(at(exp)).sign();
    let verified = stage.accept("good", &token).await;
    revoke(&store, Revocation::token(&verified).expect("it has a jti")).await;
    for now in [NOW, exp - 1, exp, exp + 599] {
        stage.clock.set(at(now));
        assert_eq!(store.size().await.ok(), Some(1), "at {now}");
        stage.send(&token).await.refused_token("revoked", Revoked);
    }
    stage.clock.set(at(exp + 600));
    assert_eq!(
        store.size().await.ok(),
        Some(0),
        "nobody accepts it any more"
    );
    let over = tower_bearer::VerifyErrorKind::Expired {
        at: at(exp),
        now: at(exp + 600),
    };
    stage.send(&token).await.refused_token("expired", over);
}

/// A token that expires within a second is good for a part of it.
#[tokio::test]
async fn the_revocation_of_a_token_does_not_die_a_fraction_of_a_second_before_it() {
    let leeway = Duration::from_secs(600);
    let (stage, store) = stage_with(|store| store, |builder| builder.leeway(leeway)).await;
    let token = |id| stage.token().token_id(id).claim("exp", NOW as f64 + 100.9);
    let (revoked, good) = (token("one").sign(), token("two").sign());
    let verified = stage.accept("good", &revoked).await;
    revoke(&store, Revocation::token(&verified).expect("it has a jti")).await;
    stage.clock.set(at(NOW + 700));
    assert_eq!(store.size().await.ok(), Some(1));
    stage.clock.advance(Duration::from_millis(899));
    stage.accept("as old, and not revoked", &good).await;
    assert_eq!(store.size().await.ok(), Some(1));
    let answer = stage.send(&revoked).await;
    answer.refused_token("revoked", Revoked);
}

/// What was dropped while a clock was ahead is not good again when it is put right.
#[tokio::test]
async fn a_clock_that_was_ahead_for_a_while_lets_no_revoked_token_pass() {
    let (stage, store) = stage().await;
    let token = stage.token().token_id("one").sign();
    let old = stage.token().token_id("two").sign();
    let verified = stage.accept("good", &token).await;
    stage.accept("of the same age", &old).await;
    revoke(&store, Revocation::token(&verified).expect("it has a jti")).await;
    revoke(&store, Revocation::subject(stage.issuer.url(), "alice")).await;
    stage.clock.advance(Duration::from_secs(365 * 24 * 3600));
    assert_eq!(store.size().await.ok(), Some(0));
    stage.clock.set(at(NOW + 1));
    for token in [&token, &old] {
        stage.send(token).await.refused_token("revoked", Revoked);
    }
}

#[tokio::test]
async fn a_token_without_a_name_can_be_revoked_only_where_it_was_given_one() {
    let (without, with) = (Stage::new().await, stage().await.0);
    let unnamed = without.token().without("jti").sign();
    let outcome = Revocation::token(&without.accept("elsewhere", &unnamed).await);
    let kind = outcome.map_err(|error| error.kind());
    assert_eq!(kind, Err(RevocationErrorKind::Unnamed));
    let unnamed = with.token().without("jti").sign();
    assert!(Revocation::token(&with.accept("here", &unnamed).await).is_ok());
    let named = without.token().sign();
    assert!(Revocation::token(&without.accept("by its jti", &named).await).is_ok());
}
