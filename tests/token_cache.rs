//! A token that was accepted is recognised, and whatever may have changed since is checked again.

#[expect(dead_code, reason = "only a part of it is needed here")]
mod support;

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread;
use std::time::Duration;

use http::{HeaderValue, Request};
use support::{AUDIENCE, ISSUER, NOW, Stage};
use tower_bearer::VerifyErrorKind::{
    Audience, Expired, IssuedInFuture, Issuer, KeyUnknown, NotYetValid, Signature,
};
use tower_bearer::credential::CookieToken;
use tower_bearer::health::TokenCacheHealth;
use tower_bearer::testing::{Endpoint, SigningKey, TestClock, TestIssuer};
use tower_bearer::{
    Algorithm, Authenticator, AuthenticatorBuilder, Clock, KeySet, NumericDate, Profile, Rejection,
    TrustedIssuer, VerifyErrorKind,
};

fn cached(auth: &Authenticator) -> TokenCacheHealth {
    auth.health().token_cache().expect("it is on by default")
}

fn kind(outcome: Result<impl Sized, Rejection>) -> Option<VerifyErrorKind> {
    match outcome {
        Ok(_) => None,
        Err(Rejection::Verify(error)) => Some(error.kind()),
        Err(other) => panic!("{other}"),
    }
}

fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(seconds)
}

#[tokio::test]
async fn a_token_that_comes_again_is_recognised_and_says_the_same() {
    let stage = Stage::new().await;
    let token = stage.token().subject("bob").sign();
    let first = stage.accept("first", &token).await;
    stage.clock.advance(Duration::from_secs(7));
    let again = stage.accept("again", &token).await;
    assert_eq!(again.claims_set().as_json(), first.claims_set().as_json());
    assert_eq!(again.key_id(), first.key_id());
    assert_eq!(first.checked_at(), at(NOW));
    assert_eq!(again.checked_at(), at(NOW + 7), "each request has its own");
    let health = cached(&stage.auth);
    assert_eq!((health.entries, health.hits, health.misses), (1, 1, 1));
    assert!(0 < health.bytes && health.bytes <= health.most_bytes);
}

#[tokio::test]
async fn a_cache_of_no_bytes_is_none() {
    let stage = Stage::with(|_| (), |builder| builder.token_cache(0)).await;
    let token = stage.token().sign();
    for row in ["first", "again"] {
        stage.accept(row, &token).await;
    }
    assert_eq!(stage.auth.health().token_cache(), None);
}

#[tokio::test]
async fn a_token_that_expires_between_two_requests_is_refused() {
    let stage = Stage::new().await;
    let token = stage.token().expires_at(at(NOW + 10)).sign();
    stage.accept("ahead", &token).await;
    stage.clock.advance(Duration::from_secs(9));
    stage.accept("a second left", &token).await;
    stage.clock.advance(Duration::from_secs(1));
    let expired = Expired {
        at: at(NOW + 10),
        now: at(NOW + 10),
    };
    stage.send(&token).await.refused_token("over", expired);
    assert_eq!(cached(&stage.auth).entries, 0, "nor is it kept");
}

#[tokio::test]
async fn a_clock_that_jumps_back_is_followed() {
    let stage = Stage::new().await;
    let early = stage.token().not_before(at(NOW)).sign();
    let issued = stage.token().issued_at(at(NOW)).sign();
    for token in [&early, &issued] {
        stage.accept("now", token).await;
    }
    stage.clock.turn_back(Duration::from_secs(60));
    let now = at(NOW - 60);
    let ahead = NotYetValid { at: at(NOW), now };
    stage.send(&early).await.refused_token("nbf ahead", ahead);
    let ahead = IssuedInFuture { at: at(NOW), now };
    stage.send(&issued).await.refused_token("iat ahead", ahead);
    stage.clock.advance(Duration::from_secs(60));
    for token in [&early, &issued] {
        stage.accept("now again", token).await;
    }
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let stage = Stage::new().await;
    let early = stage.token().not_before(at(NOW + 5)).sign();
    let now = at(NOW);
    let ahead = NotYetValid {
        at: at(NOW + 5),
        now,
    };
    stage.send(&early).await.refused_token("nbf ahead", ahead);
    let forged = stage.token().signed_by_stranger().sign();
    stage.send(&forged).await.refused_token("forged", Signature);
    assert_eq!(cached(&stage.auth).entries, 0);
    stage.clock.advance(Duration::from_secs(5));
    stage.accept("its time has come", &early).await;
}

/// CVE-2026-35039: what verified a token must still be there.
#[tokio::test(start_paused = true)]
async fn a_token_of_a_withdrawn_key_is_refused_at_the_first_request_after_the_refresh() {
    let publish =
        |issuer: &TestIssuer| issuer.header_at(Endpoint::KeySet, "cache-control", "max-age=60");
    let stage = Stage::with(publish, |builder| builder).await;
    let old = stage.token().sign();
    stage.accept("published", &old).await;
    stage.issuer.rotate_dropping();
    stage.accept("withdrawn, but nobody knows yet", &old).await;
    let downloads = stage.issuer.downloads().key_set;
    while stage.issuer.downloads().key_set == downloads {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    stage
        .send(&old)
        .await
        .refused_token("withdrawn", KeyUnknown);
    let new = stage.token().sign();
    stage.accept("the new key's", &new).await;
}

/// A key of the same name is another key.
#[tokio::test(start_paused = true)]
async fn a_token_of_a_key_that_was_replaced_under_its_name_is_refused_after_the_refresh() {
    let publish =
        |issuer: &TestIssuer| issuer.header_at(Endpoint::KeySet, "cache-control", "max-age=60");
    let stage = Stage::with(publish, |builder| builder).await;
    let old = stage.token().sign();
    stage.accept("published", &old).await;
    stage.issuer.rotate_in_place();
    tokio::time::sleep(Duration::from_secs(70)).await;
    stage.send(&old).await.refused_token("replaced", Signature);
}

/// Keys that nobody confirms any more are trusted for a day, and remembered tokens no longer than they.
#[tokio::test(start_paused = true)]
async fn a_remembered_token_is_not_accepted_for_longer_than_its_keys() {
    let stage = Stage::new().await;
    let week = Duration::from_secs(7 * 24 * 3600);
    let token = stage.token().expires_in(week).sign();
    stage.accept("fresh", &token).await;
    stage.issuer.behave(tower_bearer::testing::Behaviour::Down);
    tokio::time::sleep(Duration::from_secs(23 * 3600)).await;
    stage.accept("stale", &token).await;
    tokio::time::sleep(Duration::from_secs(3 * 3600)).await;
    let outcome = stage.auth.verify(&token).await;
    assert!(matches!(outcome, Err(Rejection::Unavailable(_))), "too old");
}

/// CVE-2026-107719: what one accepts says nothing about another.
#[tokio::test]
async fn a_token_is_known_to_the_authenticator_that_accepted_it_and_to_no_other() {
    let clock = TestClock::new(at(NOW));
    let issuer = TestIssuer::new(ISSUER);
    issuer.clock(clock.clone());
    let other = TestIssuer::new("https://other.test");
    let builder = |issuer: &TestIssuer, audience: &str| {
        let builder = Authenticator::builder(issuer.url(), audience).clock(clock.clone());
        builder.fetch(issuer.fetch())
    };
    let ours = builder(&issuer, AUDIENCE).build().expect("sound");
    let token = issuer.token().audience(AUDIENCE).sign();
    assert_eq!(kind(ours.verify(&token).await), None);
    let strict = builder(&issuer, AUDIENCE).profile(Profile::AccessToken);
    for (row, auth, wanted) in [
        (
            "audience",
            builder(&issuer, "https://elsewhere.test"),
            Audience,
        ),
        ("issuer", builder(&other, AUDIENCE), Issuer),
        ("profile", strict, VerifyErrorKind::Type),
    ] {
        let auth = auth.build().expect("sound");
        assert_eq!(kind(auth.verify(&token).await), Some(wanted), "{row}");
    }
}

/// One cache serves several issuers: their tokens are told apart by all their bytes.
#[tokio::test]
async fn tokens_of_several_issuers_are_held_each_against_its_own_policy() {
    let second = TestIssuer::new("https://second.test");
    let stage = Stage::beside(
        &second,
        |_| (),
        |builder| builder.trust(TrustedIssuer::new(second.url(), "second")),
    );
    second.clock(stage.clock.clone());
    let first = stage.token().sign();
    let other = second.token().audience("second").sign();
    let crossed = second.token().audience(AUDIENCE).sign();
    for _ in 0..2 {
        stage.accept("first", &first).await;
        stage.accept("second", &other).await;
        stage
            .send(&crossed)
            .await
            .refused_token("crossed", Audience);
    }
}

#[tokio::test]
async fn a_token_with_one_byte_changed_anywhere_is_another_token() {
    let stage = Stage::new().await;
    let token = stage.token().sign();
    stage.accept("the token", &token).await;
    for index in 0..token.len() {
        for flip in [1, 2, 0x20] {
            let mut bytes = token.clone().into_bytes();
            if let Some(byte) = bytes.get_mut(index) {
                *byte ^= flip;
            }
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            let outcome = stage.auth.verify(&changed).await;
            assert!(
                matches!(outcome, Err(Rejection::Verify(_))),
                "{index} {flip}"
            );
        }
        let (shorter, longer) = (token.split_at(index).0, format!("{token}A"));
        assert!(stage.auth.verify(shorter).await.is_err(), "{index}");
        assert!(stage.auth.verify(&longer).await.is_err(), "{index}");
    }
    stage.accept("the token, after", &token).await;
    assert_eq!(cached(&stage.auth).entries, 1);
}

#[tokio::test]
async fn claims_of_a_type_of_ones_own_are_read_once() {
    use std::sync::atomic::AtomicUsize;
    static READ: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl<'de> serde::Deserialize<'de> for Counted {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            READ.fetch_add(1, Ordering::Relaxed);
            serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
        }
    }
    let issuer = TestIssuer::new(ISSUER);
    let auth = Authenticator::builder(issuer.url(), AUDIENCE).fetch(issuer.fetch());
    let auth = auth.claims::<Counted>().build().expect("sound");
    let token = issuer.token().audience(AUDIENCE).sign();
    for _ in 0..5 {
        assert_eq!(kind(auth.verify(&token).await), None);
    }
    assert_eq!(READ.load(Ordering::Relaxed), 1);
}

/// An authenticator with a shared secret, which is fast to sign with, and a way to sign many tokens.
fn with_secret<C>(
    bytes: u64,
    claims: impl FnOnce(AuthenticatorBuilder) -> AuthenticatorBuilder<C>,
) -> (Authenticator<C>, impl Fn(u64) -> String) {
    const SECRET: &[u8] = b"only for this test, only for this test";
    let clock = TestClock::new(at(NOW));
    let keys = KeySet::hmac(Algorithm::HS256, SECRET).expect("long enough");
    let auth = Authenticator::builder(ISSUER, AUDIENCE).key_set(keys);
    let auth = claims(auth.clock(clock).token_cache(bytes));
    let auth = auth.build().expect("sound");
    let key = SigningKey::hmac(Algorithm::HS256, SECRET);
    let sign = move |number: u64| {
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{},"jti":"{number}","sub":"somebody-or-other"}}"#,
            NOW + 600
        );
        let raw = tower_bearer::testing::RawToken::new();
        let raw = raw.header(br#"{"alg":"HS256"}"#).payload(claims.as_bytes());
        raw.sign(&key).join()
    };
    (auth, sign)
}

#[tokio::test]
async fn a_stream_of_tokens_that_come_once_does_not_drive_out_those_in_use() {
    let (auth, sign) = with_secret(256 * 1024, |builder| builder);
    let working: Vec<String> = (0..50).map(&sign).collect();
    for _ in 0..3 {
        for token in &working {
            assert_eq!(kind(auth.verify(token).await), None);
        }
    }
    for stranger in 1000..6000 {
        assert_eq!(kind(auth.verify(&sign(stranger)).await), None);
    }
    let before = cached(&auth);
    for token in &working {
        assert_eq!(kind(auth.verify(token).await), None);
    }
    let found = cached(&auth).hits - before.hits;
    assert!(found >= 45, "{found} of 50 are still known");
    assert!(before.evictions > 3000 && before.bytes <= before.most_bytes);
}

/// Dropping what made room runs code of the service, which once did so while the cache was locked.
#[tokio::test]
async fn claims_that_make_room_may_ask_the_authenticator_when_they_are_dropped() {
    static AUTH: OnceLock<Authenticator<Nosy>> = OnceLock::new();
    struct Nosy;
    impl<'de> serde::Deserialize<'de> for Nosy {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
        }
    }
    impl Drop for Nosy {
        fn drop(&mut self) {
            assert!(AUTH.get().is_some_and(Authenticator::is_ready));
            let _ = AUTH.get().map(Authenticator::health);
        }
    }
    let (auth, sign) = with_secret(64 * 1024, |builder| builder.claims::<Nosy>());
    let auth = AUTH.get_or_init(|| auth);
    for number in 0..500 {
        assert_eq!(kind(auth.verify(&sign(number)).await), None);
    }
    let health = auth.health().token_cache().expect("it is on");
    assert!(health.evictions > 300, "{health:?}");
}

/// Services usually name a few claims of their own.
#[tokio::test]
async fn ten_thousand_tokens_fit_with_claims_of_a_type_of_ones_own() {
    #[derive(serde::Deserialize)]
    struct Own {
        sub: String,
    }
    let (auth, sign) = with_secret(16 << 20, |builder| builder.claims::<Own>());
    for number in 0..10_000 {
        let verified = auth.verify(&sign(number)).await.expect("good");
        assert_eq!(verified.claims().sub, "somebody-or-other");
    }
    let health = auth.health().token_cache().expect("it is on");
    assert_eq!((health.entries, health.evictions), (10_000, 0));
}

#[tokio::test]
#[ignore = "needs a minute"]
async fn a_million_distinct_tokens_take_no_more_than_the_bound() {
    let (auth, sign) = with_secret(1024 * 1024, |builder| builder);
    for number in 0..1_000_000 {
        assert_eq!(kind(auth.verify(&sign(number)).await), None);
    }
    let health = cached(&auth);
    assert_eq!(health.most_bytes, 1024 * 1024);
    assert!(health.bytes <= health.most_bytes, "{health:?}");
    assert_eq!(health.misses, 1_000_000);
    assert_eq!(
        health.evictions,
        health.misses - health.entries,
        "{health:?}"
    );
}

/// A token that is remembered is held against the terms that its issuer has now.
#[tokio::test(start_paused = true)]
async fn a_token_whose_issuer_is_trusted_on_other_terms_by_now_is_held_against_them() {
    let issuer = TestIssuer::new(ISSUER);
    let strict = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&strict);
    let terms = move |issuer: String| {
        let terms = TrustedIssuer::new(issuer, AUDIENCE);
        let strict = asked.load(Ordering::Relaxed);
        ready(Ok(Some(match strict {
            true => terms.profile(Profile::AccessToken),
            false => terms,
        })))
    };
    let auth = Authenticator::builder("https://first.test", AUDIENCE).fetch(issuer.fetch());
    let auth = auth.resolver(terms).build().expect("sound");
    let token = issuer
        .token()
        .audience(AUDIENCE)
        .expires_in(Duration::from_secs(7200));
    let token = token.sign();
    for _ in 0..2 {
        assert_eq!(kind(auth.verify(&token).await), None);
    }
    strict.store(true, Ordering::Relaxed);
    tokio::time::advance(Duration::from_secs(601)).await;
    let refused = Some(VerifyErrorKind::Type);
    assert_eq!(kind(auth.verify(&token).await), refused);
}

/// A key may say itself until when it may be used.
#[tokio::test]
async fn a_token_of_a_key_whose_own_time_is_over_is_refused() {
    let publish = |issuer: &TestIssuer| {
        let mut keys = issuer.key_set();
        let key = keys.pointer_mut("/keys/0").expect("a key");
        key["exp"] = (NOW + 30).into();
        issuer.replace_key_set(keys.to_string().into_bytes());
    };
    let stage = Stage::with(publish, |builder| builder).await;
    let token = stage.token().sign();
    stage.accept("in force", &token).await;
    stage.clock.advance(Duration::from_secs(29));
    stage.accept("still in force", &token).await;
    stage.clock.advance(Duration::from_secs(1));
    assert!(stage.auth.verify(&token).await.is_err(), "over");
}

/// To be known does not excuse how it is shown.
#[tokio::test]
async fn a_remembered_token_is_refused_in_every_form_in_which_a_new_one_is() {
    let stage = Stage::new().await;
    let token = stage.token().sign();
    stage.accept("remembered", &token).await;
    let bearer = |text: &str| format!("Bearer {}", text.replace('T', &token));
    for (row, uri, headers) in [
        ("query", "/?access_token=x", vec![bearer("T")]),
        (
            "its own query",
            &*format!("/?access_token={token}"),
            vec![bearer("T")],
        ),
        ("twice", "/", vec![bearer("T"), bearer("T")]),
        (
            "Basic beside",
            "/",
            vec![bearer("T"), "Basic eDp5".to_owned()],
        ),
        ("a comma", "/", vec![bearer("T,")]),
        ("a pair", "/", vec![bearer("T, Bearer T")]),
        ("a space", "/", vec![bearer("T ")]),
        ("a tab", "/", vec![bearer("\tT")]),
        ("no space", "/", vec![format!("Bearer{token}")]),
    ] {
        let mut request = Request::get(uri).body(String::new()).expect("a request");
        for value in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            request.headers_mut().append("authorization", value);
        }
        assert_eq!(stage.call(request).await.status(), 400, "{row}");
    }
    stage.accept("remembered still", &token).await;
}

/// To be known at one place does not excuse a second credential at another.
#[tokio::test]
async fn a_remembered_token_is_refused_where_a_second_credential_stands_in_another_place() {
    let stage = Stage::with(
        |_| (),
        |builder| {
            let cookie = CookieToken::named("t").expect("a name");
            let builder = builder.token_source(cookie);
            builder.dangerous().accept_token_in_query()
        },
    )
    .await;
    let (token, other) = (stage.token().sign(), stage.token().subject("eve").sign());
    let request = |headers: &[(&str, &str)], query: Option<&str>| {
        let query = query.map(|token| format!("?access_token={token}"));
        let mut request = Request::get(format!("/{}", query.unwrap_or_default()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(String::new()).expect("a request")
    };
    let (header, cookie) = (format!("Bearer {token}"), format!("t={token}"));
    for _ in 0..2 {
        for (row, alone) in [
            ("header", request(&[("authorization", &header)], None)),
            ("cookie", request(&[("cookie", &cookie)], None)),
            ("query", request(&[], Some(&token))),
        ] {
            stage.call(alone).await.accepted(row);
        }
    }
    let health = cached(&stage.auth);
    assert_eq!((health.entries, health.hits), (1, 5));
    let other_cookie = format!("t={other}");
    let both = |cookie| [("authorization", &*header), ("cookie", cookie)];
    for (row, request) in [
        ("header and cookie", request(&both(&other_cookie), None)),
        ("twice the same", request(&both(&cookie), None)),
        ("header and an empty cookie", request(&both("t="), None)),
        (
            "header and query",
            request(&[("authorization", &header)], Some(&other)),
        ),
        (
            "cookie and query",
            request(&[("cookie", &cookie)], Some(&other)),
        ),
        ("all", request(&both(&cookie), Some(&token))),
    ] {
        let answer = stage.call(request).await;
        assert_eq!(answer.status(), 400, "{row}");
        answer.tells_nothing_of(row, &token);
    }
    assert_eq!(cached(&stage.auth).entries, 1, "it is remembered still");
}

#[tokio::test]
async fn tokens_verified_with_fixed_keys_are_remembered_and_expire() {
    let clock = TestClock::new(at(NOW));
    let issuer = TestIssuer::new(ISSUER);
    issuer.clock(clock.clone());
    let keys = KeySet::from_json(issuer.key_set().to_string().as_bytes()).expect("a key set");
    let auth = Authenticator::builder(issuer.url(), AUDIENCE).key_set(keys);
    let auth = auth.clock(clock.clone()).build().expect("sound");
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let token = issuer.token().algorithm(algorithm).audience(AUDIENCE);
        let now = clock.now().as_seconds();
        let token = token.expires_at(at(now + 10)).sign();
        let before = cached(&auth);
        for _ in 0..3 {
            assert_eq!(kind(auth.verify(&token).await), None, "{algorithm}");
        }
        clock.advance(Duration::from_secs(9));
        assert_eq!(kind(auth.verify(&token).await), None, "{algorithm}");
        assert_eq!(cached(&auth).hits - before.hits, 3, "{algorithm}");
        assert_eq!(cached(&auth).entries, 1, "{algorithm}");
        clock.advance(Duration::from_secs(1));
        let expired = Expired {
            at: at(now + 10),
            now: at(now + 10),
        };
        for _ in 0..2 {
            let refused = kind(auth.verify(&token).await);
            assert_eq!(refused, Some(expired), "{algorithm}");
        }
        assert_eq!(cached(&auth).entries, 0, "{algorithm}: nor is it kept");
    }
    assert_eq!(issuer.total_requests(), 0);
}

#[tokio::test]
async fn no_more_signatures_are_checked_at_once_than_may_be() {
    static GATE: Barrier = Barrier::new(2);
    /// Is read while the signature's leave is held, and waits at the gate twice.
    struct Slow;
    impl<'de> serde::Deserialize<'de> for Slow {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            GATE.wait();
            GATE.wait();
            serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
        }
    }
    let builder = Authenticator::builder(ISSUER, AUDIENCE).max_verifications(0);
    let refused = builder.build().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(refused, Err(tower_bearer::ConfigErrorKind::Limit));

    let (auth, sign) = with_secret(1 << 20, |builder| {
        builder.max_verifications(1).claims::<Slow>()
    });
    let (first, second) = (sign(1), sign(2));
    let other = auth.clone();
    let slow = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime
            .expect("a runtime")
            .block_on(other.verify(&first))
            .is_ok()
    });
    GATE.wait();
    let busy = auth.verify(&second).await;
    GATE.wait();
    match busy {
        Err(Rejection::Unavailable(error)) => assert_eq!(error.code(), "verification_unavailable"),
        _ => panic!("one too many"),
    }
    assert!(slow.join().expect("no panic"), "the first is accepted");
    // It is remembered, and needs no leave; the second now finds one.
    assert_eq!(kind(auth.verify(&sign(1)).await), None);
    let gate = thread::spawn(|| (GATE.wait(), GATE.wait()));
    assert_eq!(kind(auth.verify(&second).await), None);
    gate.join().expect("no panic");
}

/// 50: what is asked of revocations is never remembered; see `revocation.rs` for the rest.
#[tokio::test]
async fn a_remembered_token_that_is_revoked_is_refused_from_the_next_request_on() {
    use tower_bearer::revocation::{InMemoryRevocations, Revocation, RevocationStore};
    let store = InMemoryRevocations::new().clock(TestClock::new(at(NOW)));
    let asked = store.clone();
    let stage = Stage::with(|_| (), |builder| builder.revocations(asked)).await;
    let token = stage.token().sign();
    stage.accept("first", &token).await;
    let verified = stage.accept("again", &token).await;
    assert_eq!(cached(&stage.auth).hits, 1);
    let revocation = Revocation::token(&verified).expect("it has a jti");
    store.revoke(revocation).await.expect("there is room");
    for row in ["the next", "and all that follow"] {
        let answer = stage.send(&token).await;
        answer.refused_token(row, VerifyErrorKind::Revoked);
    }
    assert_eq!(cached(&stage.auth).hits, 3, "found, and refused");
}
