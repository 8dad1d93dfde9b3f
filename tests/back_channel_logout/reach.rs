//! Who is logged out by a good logout token, and who is not.

use std::time::Duration;

use tower_bearer::testing::TestIssuer;
use tower_bearer::{Algorithm, NumericDate, TrustedIssuer};

use crate::stage::{AUDIENCE, CLIENT, ISSUER, NOW, Stage, logout_token};

fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(NOW + seconds)
}

#[tokio::test]
async fn a_session_is_logged_out_and_no_other() {
    let stage = Stage::new();
    let of_session = stage.token().claim("sid", "s-1");
    let of_another = stage.token().claim("sid", "s-2");
    let of_none = stage.token();
    assert!(stage.is_accepted(&of_session).await);

    stage.send(&stage.logout_token().sign()).await.logged_out();
    assert!(!stage.is_accepted(&of_session).await);
    assert!(stage.is_accepted(&of_another).await);
    assert!(stage.is_accepted(&of_none).await);
    assert_eq!(stage.told(), [format!("received {ISSUER}")]);
}

/// A token that was verified before is held against it, too.
#[tokio::test]
async fn a_token_that_was_accepted_a_moment_ago_is_refused() {
    let stage = Stage::new();
    let token = stage.token().claim("sid", "s-1").sign();
    stage.auth.verify(&token).await.unwrap();
    stage.auth.verify(&token).await.unwrap();
    stage.send(&stage.logout_token().sign()).await.logged_out();
    assert_eq!(
        stage.auth.verify(&token).await.unwrap_err().code(),
        "revoked"
    );
}

/// A provider's machines need not agree on the second: what it issues in a session that is over is refused all the same.
#[tokio::test]
async fn a_session_that_is_over_stays_over() {
    let stage = Stage::new();
    stage.clock.advance(Duration::from_secs(20));
    let since = stage.token().claim("sid", "s-1").issued_at(at(19));
    stage
        .send(&stage.logout_token().issued_at(at(0)).sign())
        .await
        .logged_out();
    assert!(!stage.is_accepted(&since).await);
}

#[tokio::test]
async fn where_no_session_is_named_the_subject_is_logged_out_up_to_then() {
    let stage = Stage::new();
    stage.clock.advance(Duration::from_secs(20));
    let before = stage.token().issued_at(at(-60));
    let same_second = stage.token().issued_at(at(0));
    let login_after = stage.token().issued_at(at(1));
    let somebody_else = stage.token().issued_at(at(-60)).subject("bob");

    let token = stage.logout_token().without("sid").issued_at(at(0));
    stage.send(&token.sign()).await.logged_out();
    assert!(!stage.is_accepted(&before).await);
    assert!(!stage.is_accepted(&same_second).await);
    assert!(stage.is_accepted(&login_after).await);
    assert!(stage.is_accepted(&somebody_else).await);
}

#[tokio::test]
async fn a_session_without_a_subject_is_logged_out() {
    let stage = Stage::new();
    stage
        .send(&stage.logout_token().without("sub").sign())
        .await
        .logged_out();
    assert!(!stage.is_accepted(&stage.token().claim("sid", "s-1")).await);
    assert!(stage.is_accepted(&stage.token()).await);
}

/// For issuers whose access tokens do not name the session.
#[tokio::test]
async fn the_whole_subject_is_logged_out_where_that_was_asked_for() {
    let stage = Stage::with(|auth| auth, |logout| logout.revoke_whole_subject());
    let without_session = stage.token().issued_at(at(-60));
    stage.send(&stage.logout_token().sign()).await.logged_out();
    assert!(!stage.is_accepted(&without_session).await);
    assert!(
        !stage
            .is_accepted(&stage.token().subject("bob").claim("sid", "s-1"))
            .await
    );
    assert!(stage.is_accepted(&stage.token().subject("bob")).await);
    assert_eq!(stage.revocations().await, 2);
}

#[tokio::test]
async fn the_same_logout_token_once_more_changes_nothing() {
    let stage = Stage::new();
    let token = stage.logout_token().without("sid").sign();
    stage.send(&token).await.logged_out();
    stage.clock.advance(Duration::from_secs(60));
    let login_after = stage.token().issued_at(at(60));
    stage.send(&token).await.logged_out();
    assert!(stage.is_accepted(&login_after).await);
    assert_eq!(stage.revocations().await, 1);
}

#[tokio::test]
async fn a_session_of_one_issuer_is_none_of_another() {
    let other = TestIssuer::new("https://other.test");
    let stage = Stage::with(
        |auth| {
            let trusted = TrustedIssuer::new(other.url(), AUDIENCE);
            auth.trust(trusted.key_set(other_keys(&other)))
        },
        |logout| logout,
    );
    other.clock(stage.clock.clone());
    let ours = stage.token().claim("sid", "s-1");
    let theirs = other.token().audience(AUDIENCE).claim("sid", "s-1");

    stage.send(&logout_token(&other).sign()).await.logged_out();
    assert!(stage.is_accepted(&ours).await);
    assert!(!stage.is_accepted(&theirs).await);

    // Nor can one speak for another, under its own key or under the name of the other's.
    let key = other.key(Algorithm::EdDSA);
    let forged = logout_token(&other).issuer(ISSUER);
    stage
        .send(&forged.sign())
        .await
        .refused("of another's key", "key_unknown");
    let named = stage
        .issuer
        .key(Algorithm::EdDSA)
        .key_id()
        .unwrap()
        .to_owned();
    let forged = forged.signed_by(&key.with_key_id(named));
    stage
        .send(&forged.sign())
        .await
        .refused("under another's kid", "signature");
    assert!(stage.is_accepted(&ours).await);
}

fn other_keys(issuer: &TestIssuer) -> tower_bearer::KeySet {
    issuer.publish(&[Algorithm::EdDSA]);
    tower_bearer::KeySet::from_json(issuer.key_set().to_string().as_bytes()).unwrap()
}

#[tokio::test]
async fn several_applications_may_share_the_door() {
    let stage = Stage::with(|auth| auth, |logout| logout.client_id("app"));
    for (session, audiences) in [
        ("s-1", &[CLIENT][..]),
        ("s-2", &["app"]),
        ("s-3", &["app", CLIENT]),
    ] {
        let token = stage.logout_token().claim("sid", session);
        stage
            .send(&token.audiences(audiences).sign())
            .await
            .logged_out();
        assert!(
            !stage
                .is_accepted(&stage.token().claim("sid", session))
                .await
        );
    }
}

/// Where the issuer's keys are given in code, by whatever algorithm the policy allows.
#[tokio::test]
async fn keys_given_in_code_verify_logout_tokens_too() {
    const SECRET: &[u8] = b"only an example, only an example";
    let keys = tower_bearer::KeySet::hmac(Algorithm::HS256, SECRET).unwrap();
    let stage = Stage::with(
        |auth| auth.algorithms([Algorithm::HS256]).key_set(keys),
        |logout| logout,
    );
    let token = stage.logout_token();
    let good = token.clone().signed_with_secret(Algorithm::HS256, SECRET);
    stage.send(&good.sign()).await.logged_out();
    let bad = token.signed_with_secret(Algorithm::HS256, b"another secret, another secret!!");
    stage
        .send(&bad.sign())
        .await
        .refused("another secret", "signature");
}
