//! What an attack costs us, what we say of it, and what it cannot do: rows 56 to 58, and no download for what can be
//! refused without one.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tower_bearer::VerifyErrorKind::{Expired, IssuedInFuture, Json, KeyUnknown, NotYetValid};
use tower_bearer::observe::Event;
use tower_bearer::observe::TracingObserver;
use tower_bearer::testing::{Behaviour, TestIssuer};
use tower_bearer::{Algorithm, AuthenticateLayer, KeySet, NumericDate, Policy, Verifier};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{AUDIENCE, ISSUER, NOW, Row, Stage};
use crate::{algorithm, claim, key, shape};

/// Every token that can be refused without a key.
fn refused_without_a_key(stage: &Stage) -> Vec<Row> {
    let tables = [
        algorithm::unsigned(stage),
        algorithm::public_key_as_secret(stage),
        key::hostile_key_ids(stage),
        shape::spelled_otherwise(stage),
        shape::parted_otherwise(stage),
        shape::encrypted(stage),
        shape::extended(stage),
        shape::unusual_json(stage),
        claim::wrong_times(stage),
        claim::other_audiences(stage),
        claim::other_issuers(stage),
        claim::wrong_types(stage),
        claim::other_kinds_of_token(stage),
        claim::bound(stage),
    ];
    tables.into_iter().flatten().collect()
}

#[tokio::test]
async fn what_can_be_refused_without_a_key_starts_no_download() {
    let stage = Stage::beside(None, |_| (), |builder| builder);
    let rows = refused_without_a_key(&stage);
    for (row, token, kind) in &rows {
        stage.send(token).await.refused_token(row, *kind);
    }
    assert_eq!(stage.issuer.total_requests(), 0);
    // The first that needs a key asks for it.
    stage.accept("a good token", &stage.token().sign()).await;
    let warm = stage.issuer.total_requests();
    assert!(warm > 0);
    for (row, token, kind) in &rows {
        stage.send(token).await.refused_token(row, *kind);
    }
    assert_eq!(stage.issuer.total_requests(), warm);
}

/// The same answer while the issuer is down: what can be told is told, and never 503.
#[tokio::test]
async fn what_can_be_refused_without_a_key_is_refused_while_the_issuer_is_down() {
    let stage = Stage::beside(
        None,
        |issuer| issuer.behave(Behaviour::Down),
        |builder| builder,
    );
    for (row, token, kind) in refused_without_a_key(&stage) {
        stage.send(&token).await.refused_token(row, kind);
    }
    stage
        .send(&stage.token().sign())
        .await
        .unavailable("a good token");
}

/// 15: hydra #2535, and many more. The life of the keys has its own tests; here, that the flood is bounded.
#[tokio::test]
async fn a_flood_of_unknown_keys_costs_a_fixed_number_of_downloads() {
    let stage = Stage::new().await;
    let row = |index: usize| {
        let token = stage.token().key_id(format!("unknown-{index}")).sign();
        ("15 an unknown kid", token, KeyUnknown)
    };
    stage.refuse((0..200).map(row)).await;
    // The warm-up, and a budget of two.
    assert!(
        stage.issuer.downloads().key_set <= 3,
        "{:?}",
        stage.issuer.downloads()
    );
}

/// 56: the wall clock is for claims, and for nothing else.
#[tokio::test]
async fn a_clock_that_jumps_changes_what_is_expired_and_no_key() {
    const YEAR: u64 = 365 * 24 * 60 * 60;
    let stage = Stage::new().await;
    let now = NumericDate::from_seconds(NOW);
    let token = stage.token().not_before(now).sign();
    stage.accept("56 now", &token).await;
    let asked = stage.issuer.total_requests();

    let at = NumericDate::from_seconds(NOW + 300);
    stage.clock.advance(Duration::from_secs(10 * YEAR));
    let late = now.saturating_add(Duration::from_secs(10 * YEAR));
    stage
        .send(&token)
        .await
        .refused_token("56 ten years later", Expired { at, now: late });
    stage
        .accept("56 a token of that time", &stage.token().sign())
        .await;

    stage.clock.turn_back(Duration::from_secs(20 * YEAR));
    let early = NumericDate::from_seconds(NOW - 10 * YEAR.cast_signed());
    let answer = stage.send(&token).await;
    answer.refused_token(
        "56 ten years before",
        NotYetValid {
            at: now,
            now: early,
        },
    );
    let issued = stage.token().issued_at(now).sign();
    let future = IssuedInFuture {
        at: now,
        now: early,
    };
    stage
        .send(&issued)
        .await
        .refused_token("56 issued in the future", future);
    stage
        .accept("56 a token of that time", &stage.token().sign())
        .await;

    for extreme in [i64::MIN, 0, i64::MAX] {
        stage.clock.set(NumericDate::from_seconds(extreme));
        stage.send(&token).await;
    }
    stage.clock.set(now);
    stage.accept("56 now, again", &token).await;
    assert_eq!(stage.issuer.total_requests(), asked);
}

/// What `tracing` writes, in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// 57: wso2 agent-manager #727.
#[tokio::test]
async fn no_log_and_no_event_holds_a_token_or_a_line_of_somebody_else() {
    let log = Log::default();
    // For the whole process, so that what is checked holds for the log of all these tests: a subscriber of one thread
    // may be told nothing of a line that another thread came to first.
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE);
    subscriber.with_ansi(false).with_writer(log.clone()).init();
    let events = Log::default();
    let seen = events.clone();
    let observer = move |event: &Event<'_>| {
        let line = format!("{} {event:?}\n", event.code());
        seen.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(line.as_bytes());
    };
    // A key that was left out is logged, and its name is the issuer's choice.
    let publish = |issuer: &TestIssuer| {
        issuer.add_jwk(
            json!({"kty": "oct", "kid": "a\r\nFORGED LINE\u{1b}[2J", "k": "c2VjcmV0LXNlY3JldA"}),
        );
    };
    let stage = Stage::with(publish, |builder| {
        builder.observer(observer).observer(TracingObserver)
    })
    .await;
    let mut tokens: Vec<String> = refused_without_a_key(&stage)
        .into_iter()
        .map(|(_, token, _)| token)
        .collect();
    tokens.push(stage.token().signed_by_stranger().sign());
    tokens.push(stage.token().key_id("a\r\nFORGED LINE\u{1b}[2J").sign());
    tokens.push(stage.token().issuer("a\r\nFORGED LINE\u{1b}[2J").sign());
    tokens.push(
        stage
            .token()
            .header("alg", "a\r\nFORGED LINE\u{1b}[2J")
            .sign(),
    );
    tokens.push(stage.token().subject("a\r\nFORGED LINE\u{1b}[2J").sign());
    for token in &tokens {
        stage.send(token).await;
    }
    stage.issuer.rotate();
    stage.issuer.behave(Behaviour::html());
    stage.send(&stage.token().sign()).await;

    for written in [log, events] {
        let written = written
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let written = String::from_utf8(written).expect("text");
        for code in [
            "algorithm_unknown",
            "signature",
            "key_unknown",
            "keys_refreshed",
            "key_skipped",
        ] {
            assert!(written.contains(code), "{code} is written");
        }
        for line in written.lines() {
            assert!(!line.trim_start().starts_with("FORGED LINE"), "{line}");
        }
        assert!(!written.contains('\u{1b}'));
        assert!(!written.contains("c2VjcmV0LXNlY3JldA"));
        for part in tokens
            .iter()
            .flat_map(|token| token.split('.'))
            .filter(|part| part.len() > 12)
        {
            assert!(!written.contains(part), "{part}");
        }
    }
}

/// 57: what is shown of things that hold a secret.
#[tokio::test]
async fn debug_shows_neither_secrets_nor_tokens_nor_claims() {
    let stage = Stage::new().await;
    let secret = b"this-secret-is-not-for-any-screen";
    let keys = KeySet::hmac(Algorithm::HS256, secret).expect("long enough");
    let policy = Policy::builder(ISSUER, AUDIENCE).algorithms([Algorithm::HS256]);
    let builder = tower_bearer::Authenticator::builder(ISSUER, AUDIENCE)
        .key_set(KeySet::hmac(Algorithm::HS256, secret).expect("long enough"));
    let mut shown = format!("{builder:?}");
    let auth = builder.build().expect("a sound configuration");
    let verifier: Verifier = Verifier::new(policy.build().expect("sound"), keys).expect("they fit");
    let token = stage
        .token()
        .subject("not-for-any-screen")
        .claim("email", "not-for-any-screen")
        .sign();
    let verified = stage.accept("57", &token).await;
    shown.push_str(&format!(
        "{auth:?} {:?} {verifier:?}",
        AuthenticateLayer::new(auth.clone())
    ));
    shown.push_str(&format!(
        "{verified:?} {verified:#?} {:?}",
        verified.claims()
    ));
    assert!(!shown.contains("not-for-any-screen"), "{shown}");
    for part in token.split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
    let bytes = format!("{:?}", &secret[..8]);
    assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
}

/// 58: CVE-2025-64527 and its kind. One byte changed anywhere, or the rest cut off anywhere: an answer, and never 200.
#[tokio::test]
async fn no_change_of_a_good_token_is_accepted_and_none_panics() {
    let stage = Stage::new().await;
    let good = stage.token().sign();
    stage.accept("58 unchanged", &good).await;
    for at in 0..good.len() {
        let (before, after) = good.split_at(at);
        let rest = after.get(1..).unwrap_or_default();
        let mut changed = vec![
            before.to_owned(),
            format!("{before}{rest}"),
            format!("{before}.{after}"),
        ];
        changed.extend(["A", "_", ".", "=", "+"].map(|other| format!("{before}{other}{rest}")));
        for token in changed
            .into_iter()
            .filter(|token| *token != good && !token.is_empty())
        {
            let status = stage.send(&token).await.status();
            assert!(status.is_client_error(), "58 at {at}: {status}");
        }
    }
    stage.accept("58 unchanged, again", &good).await;
}

/// 58: the same inside, before it is encoded and signed by the true key: whatever an issuer signs, we answer.
#[tokio::test]
async fn no_change_of_header_or_claims_panics_although_it_is_signed() {
    let stage = Stage::new().await;
    let key = stage.issuer.key(Algorithm::EdDSA);
    let header = json!({"alg": "EdDSA", "kid": key.key_id()}).to_string();
    let claims = json!({"iss": ISSUER, "aud": [AUDIENCE], "exp": NOW + 60, "nbf": 1, "x": {"y": [1.5e3, null, "\u{1f511}\n"]}});
    let claims = claims.to_string();
    let token = |header: &[u8], claims: &[u8]| {
        tower_bearer::testing::RawToken::new()
            .header(header)
            .payload(claims)
            .sign(&key)
            .join()
    };
    stage
        .accept("58 unchanged", &token(header.as_bytes(), claims.as_bytes()))
        .await;
    for (text, in_header) in [(header.as_bytes(), true), (claims.as_bytes(), false)] {
        for at in 0..text.len() {
            let (before, after) = text.split_at(at);
            let rest = after.get(1..).unwrap_or_default();
            for other in [
                &b""[..],
                b"\"",
                b"\\",
                b"{",
                b"}",
                b"[",
                b",",
                b"0",
                b"-",
                b"\0",
                b"\x80",
                b"\xff",
            ] {
                let changed = [before, other, rest].concat();
                let (header, claims) = if in_header {
                    (changed.as_slice(), claims.as_bytes())
                } else {
                    (header.as_bytes(), changed.as_slice())
                };
                let status = stage.send(&token(header, claims)).await.status();
                // A byte of an unknown claim may well be another.
                assert!(
                    status.is_client_error() || status.is_success(),
                    "58 at {at}: {status}"
                );
            }
        }
    }
    let parts = [
        tower_bearer::error::TokenPart::Header,
        tower_bearer::error::TokenPart::Payload,
    ];
    let [in_header, in_payload] = parts.map(|part| Json { part });
    stage
        .refuse([
            (
                "58 a header of nothing",
                token(b" ", claims.as_bytes()),
                in_header,
            ),
            (
                "58 claims of nothing",
                token(header.as_bytes(), b" "),
                in_payload,
            ),
            (
                "58 claims of noise",
                token(header.as_bytes(), &[0xff; 512]),
                in_payload,
            ),
        ])
        .await;
}
