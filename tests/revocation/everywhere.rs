//! Whichever way a token comes to be accepted, it is asked whether it has been revoked; and the answer is that of any bad token.

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::VerifyErrorKind::Revoked;
use tower_bearer::observe::Event;
use tower_bearer::revocation::{InMemoryRevocations, Revocation, Standing, TokenFacts};
use tower_bearer::testing::{SigningKey, TestClock, TestIssuer};
use tower_bearer::{
    Algorithm, AuthenticateLayer, Authenticator, KeySet, LetThrough, Rejection, TrustedIssuer,
    Verified,
};

use crate::support::{AUDIENCE, ISSUER, NOW, Stage};
use crate::{at, revoke, stage, stage_with};

/// 50: the verified-token cache, and what it must not remember.
#[tokio::test]
async fn a_token_that_is_revoked_amid_hits_of_the_cache_is_refused_at_the_very_next_request() {
    let (stage, store) = stage().await;
    let token = stage.token().sign();
    let mut last = stage.accept("first", &token).await;
    for _ in 0..100 {
        last = stage.accept("a hit", &token).await;
    }
    let hits = || stage.auth.health().token_cache().expect("it is on").hits;
    assert_eq!(hits(), 100);
    revoke(&store, Revocation::token(&last).expect("it has a jti")).await;
    for _ in 0..3 {
        stage.send(&token).await.refused_token("revoked", Revoked);
    }
    assert_eq!(hits(), 103, "it is found, and asked for all the same");
}

#[tokio::test]
async fn every_way_to_a_verified_token_asks() {
    const SECRET: &[u8] = b"only for this test, only for this test";
    let issuer = TestIssuer::new(ISSUER);
    issuer.publish(&[Algorithm::EdDSA]);
    let clock = TestClock::new(at(NOW));
    issuer.clock(clock.clone());
    let key = SigningKey::hmac(Algorithm::HS256, SECRET);
    let published = || Authenticator::builder(ISSUER, AUDIENCE).fetch(issuer.fetch());
    let resolve = |issuer: String| ready(Ok(Some(TrustedIssuer::new(issuer, AUDIENCE))));
    let rows = [
        ("keys that are fetched first", published(), false),
        ("keys that are there", published(), true),
        ("no cache", published().token_cache(0), true),
        (
            "keys that are fetched anew",
            published().refresh_on_bad_signature(),
            true,
        ),
        (
            "an issuer that is resolved",
            Authenticator::builder("https://first.test", AUDIENCE)
                .fetch(issuer.fetch())
                .resolver(resolve),
            false,
        ),
        (
            "keys given in code",
            Authenticator::builder(ISSUER, AUDIENCE)
                .key_set(KeySet::hmac(Algorithm::HS256, SECRET).expect("long enough")),
            false,
        ),
    ];
    for (row, builder, warm) in rows {
        let store = InMemoryRevocations::new().clock(clock.clone());
        let auth = builder.clock(clock.clone()).revocations(store.clone());
        let auth = auth.build().expect("sound");
        if warm {
            auth.warm().await.expect("the issuer is up");
        }
        let code = async |token: &str| auth.verify(token).await.err().map(|error| error.code());
        let sign = |name: &str| {
            let token = issuer.token().audience(AUDIENCE).token_id(name);
            match row {
                "keys given in code" => token.signed_by(&key).sign(),
                _ => token.sign(),
            }
        };
        if row == "keys that are fetched anew" {
            issuer.rotate_in_place();
        }
        let revoked = sign("revoked");
        revoke(
            &store,
            Revocation::token_id(ISSUER, "revoked", at(NOW + 600)),
        )
        .await;
        assert_eq!(code(&revoked).await, Some("revoked"), "{row}");
        assert_eq!(code(&revoked).await, Some("revoked"), "{row}: again");
        let good = sign("good");
        assert_eq!(code(&good).await, None, "{row}");
        assert_eq!(code(&good).await, None, "{row}: again");
        revoke(&store, Revocation::token_id(ISSUER, "good", at(NOW + 600))).await;
        assert_eq!(code(&good).await, Some("revoked"), "{row}: at last");
    }
}

/// Claims of a type of the service's own are no way around.
#[tokio::test]
async fn claims_of_a_type_of_ones_own_are_asked_for_too() {
    #[derive(serde::Deserialize)]
    struct Own {
        sub: String,
    }
    let issuer = TestIssuer::new(ISSUER);
    let store = InMemoryRevocations::new();
    let auth = Authenticator::builder(ISSUER, AUDIENCE)
        .fetch(issuer.fetch())
        .revocations(store.clone())
        .claims::<Own>()
        .build()
        .expect("sound");
    let token = issuer.token().audience(AUDIENCE).sign();
    let verified: Verified<Own> = auth.verify(&token).await.expect("good");
    assert_eq!(verified.claims().sub, "alice");
    revoke(&store, Revocation::subject(ISSUER, "alice")).await;
    let refused = auth.verify(&token).await.err().map(|error| error.code());
    assert_eq!(refused, Some("revoked"));
}

/// Asked last: of a token that is bad anyway, no store is told.
#[tokio::test]
async fn a_store_is_asked_only_about_tokens_that_are_good_and_told_what_they_say() {
    type Asked = Arc<Mutex<Vec<String>>>;
    let asked: Asked = Asked::default();
    let told = Arc::clone(&asked);
    let store = move |token: &TokenFacts<'_>| {
        let name = format!(
            "{} {:?} {:?} {:?} {:?} {} {} {:?}",
            token.issuer(),
            token.token_id(),
            token.session().as_deref(),
            token.subject(),
            token.issued_at(),
            token.expires_at(),
            token.checked_at(),
            token.claims_set().get::<String>("scope").ok().flatten(),
        );
        told.lock().expect("no panic").push(name);
        Standing::Good
    };
    let stage = Stage::with(|_| (), |builder| builder.revocations(store)).await;
    let token = || stage.token().token_id("one").claim("sid", "two");
    for bad in [
        token().expired().sign(),
        token().audience("https://other.test").sign(),
        token().signed_by_stranger().sign(),
        String::from("x"),
    ] {
        assert_eq!(stage.send(&bad).await.status(), 401);
    }
    assert_eq!(*asked.lock().expect("no panic"), [""; 0]);
    stage.accept("good", &token().sign()).await;
    stage
        .accept("bare", &stage.token().without("iat").without("sub").sign())
        .await;
    let asked = asked.lock().expect("no panic");
    let exp = NOW + 300;
    let first = format!(
        "{ISSUER} Some(\"one\") Some(\"two\") Some(\"alice\") Some(NumericDate({NOW})) {exp} {NOW} Some(\"read\")"
    );
    assert_eq!(asked.first(), Some(&first));
    let bare = asked.get(1).expect("asked twice");
    assert!(bare.contains("None None None"), "{bare}");
}

#[tokio::test]
async fn a_revoked_token_is_refused_where_a_token_is_optional_and_seen_where_none_is_refused() {
    let codes: Arc<Mutex<Vec<&str>>> = Arc::default();
    let seen = Arc::clone(&codes);
    let watch = move |event: &Event<'_>| {
        let code = match event {
            Event::NotRefused { .. } => "not refused",
            _ => event.code(),
        };
        seen.lock().expect("no panic").push(code);
    };
    let (stage, store) = stage_with(|store| store, |builder| builder.observer(watch)).await;
    let token = stage.token().sign();
    revoke(&store, Revocation::subject(ISSUER, "alice")).await;
    let inner = service_fn(|request: Request<String>| async move {
        let extensions = request.extensions();
        let verified = extensions.get::<Verified>().is_some();
        let why = match extensions.get::<LetThrough>() {
            Some(LetThrough::NotRefused(rejection)) => rejection.code(),
            _ => "",
        };
        Ok::<_, std::convert::Infallible>(Response::new(format!("{verified} {why}")))
    });
    let request = || {
        let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}"));
        request.body(String::new()).expect("a request")
    };
    let layer = AuthenticateLayer::new(stage.auth.clone());
    codes.lock().expect("no panic").clear();
    let optional = layer.clone().optional().layer(inner);
    let answer = optional.oneshot(request()).await.expect("never fails");
    assert_eq!(answer.status(), 401);
    let rejection = answer.extensions().get::<Rejection>();
    assert_eq!(rejection.map(Rejection::code), Some("revoked"));
    let observing = layer.observe_only().layer(inner);
    let answer = observing.oneshot(request()).await.expect("never fails");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.body(), "false revoked");
    assert_eq!(*codes.lock().expect("no panic"), ["revoked", "not refused"]);
}

#[tokio::test]
async fn who_speaks_grpc_is_told_16_of_a_revoked_token_and_14_while_nobody_can_tell() {
    use tower_bearer::revocation::RevocationError;
    let (revoked, store) = stage().await;
    revoke(&store, Revocation::subject(ISSUER, "alice")).await;
    let unknown = |_: &TokenFacts<'_>| Standing::Unknown(RevocationError::new("down"));
    let unknown = Stage::with(|_| (), |builder| builder.revocations(unknown)).await;
    for (stage, status) in [(revoked, "16"), (unknown, "14")] {
        let token = stage.token().sign();
        let request = Request::post("/test.Service/Method")
            .header(CONTENT_TYPE, "application/grpc")
            .header(AUTHORIZATION, format!("Bearer {token}"));
        let request = request.body(String::new()).expect("a request");
        let inner = service_fn(|_: Request<String>| {
            ready(Ok::<_, std::convert::Infallible>(Response::new(
                String::from("reached"),
            )))
        });
        let service = AuthenticateLayer::new(stage.auth.clone()).layer(inner);
        let answer = service.oneshot(request).await.expect("never fails");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.body(), "");
        assert_eq!(
            answer
                .headers()
                .get("grpc-status")
                .map(|value| value.as_bytes()),
            Some(status.as_bytes())
        );
    }
}

#[tokio::test]
async fn a_token_whose_key_had_to_be_waited_for_is_asked_for_when_the_key_is_there() {
    use tower_bearer::testing::{Behaviour, Endpoint};
    let store = InMemoryRevocations::new().clock(TestClock::new(at(NOW)));
    let asks = store.clone();
    let stage = Stage::beside(
        None,
        |issuer| issuer.behave(Behaviour::Held),
        |builder| builder.revocations(asks),
    );
    let token = stage.token().sign();
    let auth = stage.auth.clone();
    let asked = token.clone();
    let waiting = tokio::spawn(async move { auth.verify(&asked).await });
    let openid = Endpoint::OpenIdConfiguration;
    stage.issuer.until_requests(openid, 1).await;
    // Revoked while its key is on the way.
    let up_to = Revocation::subject(ISSUER, "alice").issued_before(at(NOW));
    revoke(&store, up_to).await;
    stage.issuer.behave(Behaviour::Normal);
    let outcome = tokio::time::timeout(Duration::from_secs(5), waiting).await;
    let outcome = outcome.expect("in time").expect("no panic");
    assert_eq!(outcome.err().map(|error| error.code()), Some("revoked"));
}
