//! What a token's claims must satisfy, and how a service reads them.

#[expect(dead_code, reason = "only a part of it is needed here")]
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use support::{AUDIENCE, ISSUER, NOW, Stage};
use tower_bearer::VerifyErrorKind::{
    Audience, ClaimMalformed, ClaimMissing, ClaimsType, Expired, ForeignClaim, HeaderParameter,
    IssuedInFuture, Issuer, KeyUnknown, NotYetValid, SenderBound, Signature, Type,
};
use tower_bearer::testing::{SigningKey, TestIssuer, TokenBuilder, key_set_of};
use tower_bearer::{
    Algorithm, Authenticator, AuthenticatorBuilder, Claims, ConfigErrorKind, KeySet, NumericDate,
    Policy, Profile, Rejection, TrustedIssuer, Verifier, VerifyErrorKind,
};

const fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(seconds)
}

async fn stage_with_leeway(seconds: u64) -> Stage {
    let leeway = Duration::from_secs(seconds);
    Stage::with(|_| (), |builder| builder.leeway(leeway)).await
}

/// Each token, and the kind of its refusal if it is to be refused.
async fn judge(
    stage: &Stage,
    rows: impl IntoIterator<Item = (String, TokenBuilder, Option<VerifyErrorKind>)>,
) {
    for (row, token, kind) in rows {
        let answer = stage.send(&token.sign()).await;
        match kind {
            Some(kind) => answer.refused_token(&row, kind),
            None => {
                answer.accepted(&row);
            }
        }
    }
}

#[tokio::test]
async fn a_token_ends_at_the_instant_of_exp() {
    let now = at(NOW);
    for leeway in [0, 1, 30, 600] {
        let stage = stage_with_leeway(leeway).await;
        let leeway = leeway.cast_signed();
        judge(
            &stage,
            [NOW - leeway - 1, NOW - leeway, NOW - leeway + 1, NOW + 1].map(|exp| {
                let kind = (exp + leeway <= NOW).then_some(Expired { at: at(exp), now });
                (
                    format!("exp {exp}, leeway {leeway}"),
                    stage.token().expires_at(at(exp)),
                    kind,
                )
            }),
        )
        .await;
    }
}

#[tokio::test]
async fn a_token_begins_at_the_instant_of_nbf() {
    let now = at(NOW);
    for leeway in [0, 1, 30, 600] {
        let stage = stage_with_leeway(leeway).await;
        let leeway = leeway.cast_signed();
        judge(
            &stage,
            [NOW - 1, NOW, NOW + leeway, NOW + leeway + 1].map(|nbf| {
                let kind = (nbf > NOW + leeway).then_some(NotYetValid { at: at(nbf), now });
                let token = stage
                    .token()
                    .expires_at(at(NOW + 1_000))
                    .not_before(at(nbf));
                (format!("nbf {nbf}, leeway {leeway}"), token, kind)
            }),
        )
        .await;
    }
}

#[tokio::test]
async fn iat_may_be_ahead_by_ten_seconds_or_by_the_leeway() {
    let now = at(NOW);
    for (leeway, grace) in [(0, 10), (5, 10), (10, 10), (30, 30)] {
        let stage = stage_with_leeway(leeway).await;
        judge(
            &stage,
            [0, 1, NOW, NOW + grace, NOW + grace + 1].map(|iat| {
                let kind = (iat > NOW + grace).then_some(IssuedInFuture { at: at(iat), now });
                (
                    format!("iat {iat}, leeway {leeway}"),
                    stage.token().issued_at(at(iat)),
                    kind,
                )
            }),
        )
        .await;
    }
}

#[tokio::test]
async fn times_may_have_a_fraction() {
    let stage = Stage::new().await;
    let now = at(NOW);
    let after = |milliseconds| at(NOW).saturating_add(Duration::from_millis(milliseconds));
    let token = |name: &str, text: &str| {
        let number: Value = serde_json::from_str(text).expect("a number");
        stage.token().claim(name, number)
    };
    let before = at(NOW - 1).saturating_add(Duration::from_millis(750));
    judge(
        &stage,
        [
            ("exp in half a second", token("exp", "1800000000.5"), None),
            (
                "exp a moment ago",
                token("exp", "1799999999.75"),
                Some(Expired { at: before, now }),
            ),
            (
                "exp now",
                token("exp", "1800000000.0"),
                Some(Expired { at: now, now }),
            ),
            ("nbf a moment ago", token("nbf", "1799999999.75"), None),
            ("nbf now", token("nbf", "1.8e9"), None),
            (
                "nbf in half a second",
                token("nbf", "1800000000.5"),
                Some(NotYetValid {
                    at: after(500),
                    now,
                }),
            ),
            ("iat in ten seconds", token("iat", "1800000010.0"), None),
            (
                "iat in a moment more",
                token("iat", "1800000010.25"),
                Some(IssuedInFuture {
                    at: after(10_250),
                    now,
                }),
            ),
        ]
        .map(|(row, token, kind)| (row.to_owned(), token, kind)),
    )
    .await;
}

#[tokio::test]
async fn a_token_that_was_accepted_ends_while_the_clock_goes_on() {
    let stage = Stage::new().await;
    let token = stage
        .token()
        .not_before(at(NOW))
        .expires_at(at(NOW + 60))
        .sign();
    stage.accept("at nbf", &token).await;
    stage.clock.advance(Duration::from_secs(59));
    let verified = stage.accept("a second before exp", &token).await;
    assert_eq!(verified.expires_at(), at(NOW + 60));
    assert_eq!(verified.not_before(), Some(at(NOW)));
    assert_eq!(verified.issued_at(), Some(at(NOW)));
    stage.clock.advance(Duration::from_secs(1));
    let over = Expired {
        at: at(NOW + 60),
        now: at(NOW + 60),
    };
    stage.send(&token).await.refused_token("at exp", over);
    stage.clock.turn_back(Duration::from_secs(61));
    let early = NotYetValid {
        at: at(NOW),
        now: at(NOW - 1),
    };
    stage
        .send(&token)
        .await
        .refused_token("a second before nbf", early);
}

#[tokio::test]
async fn only_iss_aud_and_exp_have_to_be_there() {
    let stage = Stage::new().await;
    let names = ["iss", "sub", "aud", "exp", "iat", "jti", "scope"];
    judge(
        &stage,
        names.map(|name| {
            let needed = ["iss", "aud", "exp"].contains(&name);
            let kind = needed.then_some(ClaimMissing { name });
            (format!("without {name}"), stage.token().without(name), kind)
        }),
    )
    .await;
    let payload = json!({"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 1}).to_string();
    let verified = stage
        .accept("bare", &stage.token().raw_payload(payload).sign())
        .await;
    assert_eq!(verified.issuer(), ISSUER);
    assert_eq!(verified.subject(), None);
    assert_eq!(verified.issued_at(), None);
    assert_eq!(verified.not_before(), None);
    assert_eq!(verified.token_id(), None);
    assert_eq!(verified.client_id(), None);
    assert!(verified.scopes().is_empty());
}

/// RFC 9068 §2.2.
#[tokio::test]
async fn an_access_token_has_the_claims_of_rfc_9068() {
    let stage = Stage::with(|_| (), |builder| builder.profile(Profile::AccessToken)).await;
    let token = || stage.token().access_token();
    let names = [
        "iss",
        "exp",
        "aud",
        "sub",
        "client_id",
        "iat",
        "jti",
        "scope",
    ];
    judge(
        &stage,
        names.map(|name| {
            let kind = (name != "scope").then_some(ClaimMissing { name });
            (format!("without {name}"), token().without(name), kind)
        }),
    )
    .await;
    judge(
        &stage,
        [
            "at+jwt",
            "AT+JWT",
            "application/at+jwt",
            "APPLICATION/AT+jwt",
            "JWT",
            "jwt",
            "at",
            "dpop+jwt",
        ]
        .map(|typ| {
            let good = typ.to_ascii_lowercase().ends_with("at+jwt");
            (
                format!("typ {typ}"),
                token().typ(typ),
                (!good).then_some(Type),
            )
        }),
    )
    .await;
    judge(
        &stage,
        ["sub", "client_id", "iat", "jti"].map(|name| {
            let kind = Some(ClaimMalformed { name });
            (
                format!("{name} null"),
                token().claim(name, Value::Null),
                kind,
            )
        }),
    )
    .await;
    let no_typ = [(
        "no typ".to_owned(),
        token().without_header("typ"),
        Some(Type),
    )];
    judge(&stage, no_typ).await;
    let verified = stage
        .accept("whole", &token().client_id("app").token_id("7").sign())
        .await;
    assert_eq!(verified.typ(), Some("at+jwt"));
    assert_eq!(verified.client_id(), Some("app"));
    assert_eq!(verified.token_id(), Some("7"));
}

#[tokio::test]
async fn a_claim_that_was_made_necessary_has_to_be_there() {
    let demand =
        |builder: AuthenticatorBuilder| builder.require_claim("tenant").require_claim("jti");
    let stage = Stage::with(|_| (), demand).await;
    let token = || stage.token().claim("tenant", "t1");
    judge(
        &stage,
        [
            ("both", token(), None),
            (
                "tenant missing",
                stage.token(),
                Some(ClaimMissing { name: "tenant" }),
            ),
            (
                "jti missing",
                token().without("jti"),
                Some(ClaimMissing { name: "jti" }),
            ),
            (
                "tenant null",
                stage.token().claim("tenant", Value::Null),
                None,
            ),
            (
                "tenant in capitals",
                stage.token().claim("Tenant", "t1"),
                Some(ClaimMissing { name: "tenant" }),
            ),
            (
                "tenant only within another",
                stage.token().claim("x", json!({"tenant": 1})),
                Some(ClaimMissing { name: "tenant" }),
            ),
        ]
        .map(|(row, token, kind)| (row.to_owned(), token, kind)),
    )
    .await;
}

#[tokio::test]
async fn each_of_our_audiences_will_do() {
    let stage = Stage::with(|_| (), |builder| builder.audience("orders").audience("Ä/é")).await;
    let token = |value: Value| stage.issuer.token().claim("aud", value);
    judge(
        &stage,
        [
            ("the first", token(json!(AUDIENCE)), None),
            ("the second", token(json!("orders")), None),
            (
                "the second in an array",
                token(json!(["x", "orders"])),
                None,
            ),
            ("not ASCII", token(json!("Ä/é")), None),
            (
                "not ASCII, decomposed",
                token(json!("A\u{308}/e\u{301}")),
                Some(Audience),
            ),
            ("all", token(json!(["orders", AUDIENCE, "Ä/é"])), None),
            ("none", token(json!(["x", "y"])), Some(Audience)),
            ("in capitals", token(json!("ORDERS")), Some(Audience)),
        ]
        .map(|(row, token, kind)| (row.to_owned(), token, kind)),
    )
    .await;
    let verified = stage
        .accept("read", &token(json!(["x", "orders"])).sign())
        .await;
    let audience = verified.audience().expect("it has one");
    assert_eq!(audience.iter().collect::<Vec<_>>(), ["x", "orders"]);
    assert!(audience.contains("x") && !audience.contains("y"));
}

#[tokio::test]
async fn what_weakens_a_check_weakens_that_check_alone() {
    let any = |builder: AuthenticatorBuilder| builder.dangerous().accept_any_audience();
    let stage = Stage::with(|_| (), any).await;
    judge(
        &stage,
        [
            ("another audience", stage.token().audience("x"), None),
            ("no audience", stage.token().without("aud"), None),
            ("no audience at all", stage.token().audiences(&[]), None),
            (
                "a malformed audience",
                stage.token().claim("aud", 1),
                Some(ClaimMalformed { name: "aud" }),
            ),
            (
                "another issuer",
                stage.token().issuer("https://other.test"),
                Some(Issuer),
            ),
            (
                "a nonce",
                stage.token().claim("nonce", "n"),
                Some(ForeignClaim { name: "nonce" }),
            ),
            (
                "a binding",
                stage.token().claim("cnf", json!({"jkt": "x"})),
                Some(SenderBound),
            ),
        ]
        .map(|(row, token, kind)| (row.to_owned(), token, kind)),
    )
    .await;
    let bare = stage
        .accept("no audience", &stage.token().without("aud").sign())
        .await;
    assert!(bare.audience().is_none());

    let nonce = |builder: AuthenticatorBuilder| builder.dangerous().accept_nonce();
    let stage = Stage::with(|_| (), nonce).await;
    judge(
        &stage,
        [
            ("a nonce", stage.token().claim("nonce", "n"), None),
            (
                "a nonce and at_hash",
                stage.token().claim("nonce", "n").claim("at_hash", "h"),
                Some(ForeignClaim { name: "at_hash" }),
            ),
            (
                "another audience",
                stage.token().audience("x"),
                Some(Audience),
            ),
        ]
        .map(|(row, token, kind)| (row.to_owned(), token, kind)),
    )
    .await;

    let unbound = |builder: AuthenticatorBuilder| builder.dangerous().ignore_sender_binding();
    let stage = Stage::with(|_| (), unbound).await;
    judge(
        &stage,
        [
            (
                "a binding",
                stage.token().claim("cnf", json!({"jkt": "x", "more": 1})),
                None,
            ),
            (
                "a malformed binding",
                stage.token().claim("cnf", "x"),
                Some(ClaimMalformed { name: "cnf" }),
            ),
            (
                "a nonce",
                stage.token().claim("nonce", "n"),
                Some(ForeignClaim { name: "nonce" }),
            ),
        ]
        .map(|(row, token, kind)| (row.to_owned(), token, kind)),
    )
    .await;
}

/// RFC 7519 §5.3.
#[tokio::test]
async fn a_claim_repeated_in_the_header_has_to_be_the_same() {
    let stage = Stage::new().await;
    let token = |name: &str, value: Value| {
        stage
            .token()
            .audiences(&[AUDIENCE, "x"])
            .header(name, value)
    };
    let differs = |name| Some(HeaderParameter { name });
    judge(
        &stage,
        [
            ("iss the same", token("iss", ISSUER.into()), None),
            ("sub the same", token("sub", "alice".into()), None),
            ("aud the same", token("aud", json!([AUDIENCE, "x"])), None),
            (
                "iss another",
                token("iss", "https://other.test".into()),
                differs("iss"),
            ),
            ("iss null", token("iss", Value::Null), differs("iss")),
            ("sub another", token("sub", "bob".into()), differs("sub")),
            (
                "sub only in the header",
                token("sub", "alice".into()).without("sub"),
                differs("sub"),
            ),
            (
                "aud another",
                token("aud", json!([AUDIENCE])),
                differs("aud"),
            ),
            (
                "aud in another order",
                token("aud", json!(["x", AUDIENCE])),
                differs("aud"),
            ),
            (
                "a claim that is not registered for it",
                token("tenant", "t2".into()).claim("tenant", "t1"),
                None,
            ),
        ]
        .map(|(row, token, kind)| (row.to_owned(), token, kind)),
    )
    .await;
}

#[tokio::test]
async fn escapes_in_json_strings_change_nothing() {
    let stage = Stage::new().await;
    let exp = NOW + 60;
    let payload = format!(
        r#"{{"\u0069ss":"https:\/\/issuer.test","aud":["x\n","https:\u002F\u002fapi.test"],"exp":{exp},
            "s\u0075b":"al\u00efce \"\\\/ \ud83d\ude00","scope":"a\u0020b","client\u005Fid":"\u0061pp","\ud83d\ude00":"\u0000"}}"#
    );
    let verified = stage
        .accept("escapes", &stage.token().raw_payload(payload).sign())
        .await;
    assert_eq!(verified.issuer(), ISSUER);
    assert_eq!(verified.subject(), Some("alïce \"\\/ 😀"));
    assert_eq!(verified.client_id(), Some("app"));
    assert_eq!(verified.scopes().iter().collect::<Vec<_>>(), ["a", "b"]);
    assert!(
        verified
            .audience()
            .is_some_and(|audience| audience.contains("x\n") && audience.contains(AUDIENCE))
    );
    assert_eq!(
        verified.claims().get::<String>("😀").ok(),
        Some(Some("\0".to_owned()))
    );

    let header = format!(
        r#"{{"a\u006cg":"Ed\u0044SA","kid":"{}","t\u0079p":"at\u002bjwt"}}"#,
        stage
            .issuer
            .key(Algorithm::EdDSA)
            .key_id()
            .expect("it has one")
            .replace('-', r"\u002d")
    );
    let verified = stage
        .accept("in the header", &stage.token().raw_header(header).sign())
        .await;
    assert_eq!(verified.typ(), Some("at+jwt"));
    assert_eq!(verified.algorithm(), Some(Algorithm::EdDSA));
    assert_eq!(
        verified.key_id(),
        stage.issuer.key(Algorithm::EdDSA).key_id()
    );
}

#[tokio::test]
async fn scopes_are_words_between_spaces() {
    let stage = Stage::new().await;
    for (scope, want) in [
        ("read write", &["read", "write"][..]),
        (" read  write ", &["read", "write"]),
        ("read,write", &["read,write"]),
        ("read\twrite", &["read\twrite"]),
        ("", &[]),
        (" ", &[]),
        ("READ", &["READ"]),
    ] {
        let verified = stage
            .accept(scope, &stage.token().scope(scope).sign())
            .await;
        assert_eq!(
            verified.scopes().iter().collect::<Vec<_>>(),
            want,
            "{scope:?}"
        );
        for word in want {
            assert!(verified.scopes().contains(word), "{scope:?}");
        }
        assert!(!verified.scopes().contains("rea"), "{scope:?}");
    }
    let verified = stage
        .accept("two", &stage.token().scope("read write").sign())
        .await;
    for (needed, granted) in [
        ("read", true),
        ("write read", true),
        ("", false),
        (" ", false),
        ("read admin", false),
        ("Read", false),
        ("read:all", false),
    ] {
        assert_eq!(
            verified.scopes().require(needed).is_ok(),
            granted,
            "{needed:?}"
        );
    }
}

#[tokio::test]
async fn every_claim_is_read_by_its_name() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Address<'a> {
        city: &'a str,
    }

    let stage = Stage::new().await;
    let token = stage
        .token()
        .claim("tenant", "t1")
        .claim("roles", json!(["a", "b"]))
        .claim("level", 3)
        .claim(
            "https://example.com/address",
            json!({"city": "Ulm", "more": null}),
        )
        .claim("nothing", Value::Null);
    let verified = stage.accept("rich", &token.sign()).await;
    let claims: &Claims = verified.claims();
    assert_eq!(claims.get::<&str>("tenant").ok(), Some(Some("t1")));
    assert_eq!(
        claims.get::<Vec<String>>("roles").ok(),
        Some(Some(vec!["a".into(), "b".into()]))
    );
    assert_eq!(claims.get::<u8>("level").ok(), Some(Some(3)));
    let address = claims.get::<Address<'_>>("https://example.com/address");
    assert_eq!(address.ok(), Some(Some(Address { city: "Ulm" })));
    assert_eq!(claims.get::<Option<u8>>("nothing").ok(), Some(Some(None)));
    assert_eq!(claims.get::<&str>("absent").ok(), Some(None));
    assert_eq!(claims.get::<&str>("Tenant").ok(), Some(None));
    assert_eq!(claims.get::<&str>("city").ok(), Some(None));
    assert!(claims.contains("nothing") && !claims.contains("city"));

    let error = claims.get::<u8>("tenant").expect_err("it is a string");
    assert_eq!(
        error.to_string(),
        "claim \"tenant\" does not have the type asked for, at column 4"
    );
    assert!(!error.to_string().contains("t1"));

    let names: BTreeSet<_> = claims.names().map(String::from).collect();
    let whole: Value = claims.read().expect("an object");
    let members = whole.as_object().expect("an object");
    assert_eq!(names, members.keys().cloned().collect());
    assert_eq!(
        serde_json::from_str::<Value>(claims.as_json()).ok(),
        Some(whole.clone())
    );
    assert_eq!(serde_json::to_value(claims).ok(), Some(whole));
    assert_eq!(claims.subject(), Some("alice"));
    assert_eq!(verified.claims_set().as_json(), claims.as_json());
}

#[tokio::test]
async fn a_service_may_have_a_claims_type_of_its_own() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Tenant {
        tenant: String,
        #[serde(default)]
        roles: Vec<String>,
        exp: i64,
    }

    let stage = Stage::new().await;
    let auth = Authenticator::builder(ISSUER, AUDIENCE)
        .clock(stage.clock.clone())
        .fetch(stage.issuer.fetch())
        .claims::<Tenant>()
        .build()
        .expect("a sound configuration");
    let good = stage
        .token()
        .claim("tenant", "t1")
        .claim("roles", json!(["a"]));
    let verified = auth.verify(&good.sign()).await.expect("it fits");
    let tenant = Tenant {
        tenant: "t1".into(),
        roles: vec!["a".into()],
        exp: NOW + 300,
    };
    assert_eq!(verified.claims(), &tenant);
    assert_eq!(verified.subject(), Some("alice"));
    assert_eq!(
        verified.claims_set().get::<&str>("tenant").ok(),
        Some(Some("t1"))
    );
    assert_eq!(verified.clone().claims(), &tenant);

    for (row, token, kind) in [
        ("missing", stage.token(), ClaimsType),
        ("another type", stage.token().claim("tenant", 1), ClaimsType),
        (
            "null",
            stage.token().claim("tenant", Value::Null),
            ClaimsType,
        ),
        (
            "another type where there is a default",
            good.clone().claim("roles", "a"),
            ClaimsType,
        ),
        // Nobody learns what our type is without a signature.
        (
            "a stranger's",
            stage.token().signed_by_stranger(),
            Signature,
        ),
    ] {
        match auth.verify(&token.sign()).await {
            Err(Rejection::Verify(error)) => assert_eq!(error.kind(), kind, "{row}"),
            other => panic!("{row}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn each_issuer_has_its_own_policy_and_its_own_keys() {
    let other = TestIssuer::new("https://other.test/tenant");
    other.publish(&[Algorithm::ES256]);
    let fixed = SigningKey::generate(Algorithm::EdDSA).with_key_id("fixed");
    let document = key_set_of(&[&fixed]).to_string();
    let keys = KeySet::from_json(document.as_bytes()).expect("a key set");
    let demand = |builder: AuthenticatorBuilder| {
        let second = TrustedIssuer::new(other.url(), "second")
            .profile(Profile::AccessToken)
            .leeway(Duration::from_secs(60))
            .algorithms([Algorithm::ES256]);
        let third = TrustedIssuer::new("https://third.test", "third").key_set(keys);
        builder.trust(second).trust(third)
    };
    let stage = Stage::beside(&other, |_| (), demand);
    let second = || {
        stage
            .token()
            .issuer(other.url())
            .audience("second")
            .access_token()
    };
    let second = || second().signed_by(&other.key(Algorithm::ES256));
    let third = || {
        stage
            .token()
            .issuer("https://third.test")
            .audience("third")
            .signed_by(&fixed)
    };
    let ago = at(NOW - 30);
    judge(
        &stage,
        [
            ("the first", stage.token(), None),
            ("the second", second(), None),
            ("the third", third(), None),
            (
                "the second within its leeway",
                second().expires_at(ago),
                None,
            ),
            (
                "the first without a leeway",
                stage.token().expires_at(ago),
                Some(Expired {
                    at: ago,
                    now: at(NOW),
                }),
            ),
            (
                "the third without a leeway",
                third().expires_at(ago),
                Some(Expired {
                    at: ago,
                    now: at(NOW),
                }),
            ),
            ("the second's type", second().typ("JWT"), Some(Type)),
            (
                "the second's claims",
                second().without("client_id"),
                Some(ClaimMissing { name: "client_id" }),
            ),
            (
                "the second's audience at the first",
                stage.token().audience("second"),
                Some(Audience),
            ),
            (
                "the first's audience at the second",
                second().audience(AUDIENCE),
                Some(Audience),
            ),
            (
                "the second's name, the first's key",
                second().signed_by(&stage.issuer.key(Algorithm::EdDSA)),
                Some(VerifyErrorKind::AlgorithmNotAllowed),
            ),
            (
                "the first's name, the second's key",
                stage.token().signed_by(&other.key(Algorithm::ES256)),
                Some(KeyUnknown),
            ),
            (
                "the third's name, the first's key",
                third().signed_by(&stage.issuer.key(Algorithm::EdDSA)),
                Some(KeyUnknown),
            ),
            (
                "the third's name, the first's key under the third's",
                third().signed_by(&stage.issuer.key(Algorithm::EdDSA).with_key_id("fixed")),
                Some(Signature),
            ),
            (
                "the first's name, the third's key",
                stage.token().signed_by(&fixed),
                Some(KeyUnknown),
            ),
            (
                "nobody's name",
                stage.token().issuer("https://other.test"),
                Some(Issuer),
            ),
        ]
        .map(|(row, token, kind)| (row.to_owned(), token, kind)),
    )
    .await;
    let verified = stage.accept("the second", &second().sign()).await;
    assert_eq!(verified.issuer(), "https://other.test/tenant");
}

#[test]
fn a_mistake_of_configuration_is_found_when_building_and_names_the_input() {
    use ConfigErrorKind::{Algorithms, Audience, Contradiction, Issuer, KeySetUrl, Limit};
    let issuer = |text: &str| Authenticator::builder(text, AUDIENCE);
    let builder = || issuer(ISSUER);
    let trusted = |text: &str| TrustedIssuer::new(text, AUDIENCE);
    let rows: Vec<(AuthenticatorBuilder, ConfigErrorKind, &str)> = vec![
        (issuer("http://issuer.test"), Issuer, "http://issuer.test"),
        (issuer("http://192.0.2.1"), Issuer, "http://192.0.2.1"),
        (
            issuer("http://localhost.evil.test"),
            Issuer,
            "http://localhost.evil.test",
        ),
        (
            issuer("https://issuer.test?tenant=1"),
            Issuer,
            "https://issuer.test?tenant=1",
        ),
        (
            issuer("https://issuer.test/?"),
            Issuer,
            "https://issuer.test/?",
        ),
        (
            issuer("https://issuer.test#a"),
            Issuer,
            "https://issuer.test#a",
        ),
        (
            issuer("https://issuer.test/#"),
            Issuer,
            "https://issuer.test/#",
        ),
        (
            issuer("https://issuer.test "),
            Issuer,
            "https://issuer.test ",
        ),
        (issuer("https://issuer.test\t"), Issuer, "issuer"),
        (issuer("issuer.test"), Issuer, "issuer.test"),
        (issuer("ftp://issuer.test"), Issuer, "ftp://issuer.test"),
        (issuer("urn:issuer"), Issuer, "urn:issuer"),
        (issuer("https://"), Issuer, "https://"),
        (issuer(""), Issuer, "issuer"),
        (
            issuer("https://alice:hunter2@issuer.test"),
            Issuer,
            "issuer",
        ),
        (Authenticator::builder(ISSUER, ""), Audience, "audience"),
        (builder().audience(""), Audience, "audience"),
        (builder().algorithms([]), Algorithms, "algorithms"),
        (
            builder().algorithms([Algorithm::ES256, Algorithm::HS256]),
            Algorithms,
            "HMAC",
        ),
        (
            builder().algorithms([Algorithm::HS256]),
            Contradiction,
            "HMAC",
        ),
        (builder().leeway(Duration::from_secs(601)), Limit, "601"),
        (builder().leeway(Duration::MAX), Limit, "leeway"),
        (
            builder().jwks_url("http://issuer.test/jwks"),
            KeySetUrl,
            "http://issuer.test/jwks",
        ),
        (
            builder()
                .jwks_url("https://issuer.test/jwks")
                .jwks_url("jwks"),
            KeySetUrl,
            "jwks",
        ),
        (builder().jwks_url(""), KeySetUrl, "JWKS"),
        (builder().trust(trusted(ISSUER)), Issuer, ISSUER),
        (
            builder().trust(trusted("http://other.test")),
            Issuer,
            "http://other.test",
        ),
        (
            builder().trust(TrustedIssuer::new("https://other.test", "")),
            Audience,
            "audience",
        ),
        (
            builder().trust(trusted("https://other.test").algorithms([])),
            Algorithms,
            "algorithms",
        ),
    ];
    let unused = TestIssuer::new(ISSUER);
    for (builder, kind, named) in rows {
        let error = builder.fetch(unused.fetch()).build().expect_err(named);
        assert_eq!(error.kind(), kind, "{named}: {error}");
        assert!(error.to_string().contains(named), "{error} names {named}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    for (row, builder) in [
        ("https", builder()),
        ("a path", issuer("https://issuer.test/tenant/")),
        ("a port", issuer("https://issuer.test:8443")),
        ("http on this machine", issuer("http://127.0.0.1:8080")),
        (
            "http on this machine, by name",
            issuer("http://localhost:8080"),
        ),
        ("http on this machine, IPv6", issuer("http://[::1]:8080")),
        (
            "http where that was asked for",
            issuer("http://issuer.test").dangerous().allow_plain_http(),
        ),
        (
            "an audience that is no URL",
            Authenticator::builder(ISSUER, "orders api"),
        ),
        (
            "the greatest leeway",
            builder().leeway(Duration::from_secs(600)),
        ),
        (
            "several JWKS URLs",
            builder()
                .jwks_url("https://a.test/jwks")
                .jwks_url("https://b.test/jwks"),
        ),
        (
            "the same issuer but for a slash",
            builder().trust(trusted("https://issuer.test/")),
        ),
    ] {
        let outcome = builder.fetch(unused.fetch()).build();
        assert!(outcome.is_ok(), "{row}: {outcome:?}");
    }
    assert_eq!(unused.total_requests(), 0);
}

#[tokio::test]
async fn a_verifier_judges_as_the_layer_does() {
    let stage = Stage::new().await;
    let document = stage.issuer.key_set().to_string();
    let keys = || KeySet::from_json(document.as_bytes()).expect("a key set");
    let policy = |audience: &str| {
        Policy::builder(ISSUER, audience)
            .build()
            .expect("a sound policy")
    };
    let verifier: Verifier = Verifier::new(policy(AUDIENCE), keys()).expect("they fit");
    let token = stage.token().sign();
    let kind = |token: &str, now: i64| {
        verifier
            .verify(token, at(now))
            .map(|_| ())
            .map_err(|error| error.kind())
    };
    assert_eq!(kind(&token, NOW), Ok(()));
    let over = Expired {
        at: at(NOW + 300),
        now: at(NOW + 300),
    };
    assert_eq!(kind(&token, NOW + 300), Err(over));
    assert_eq!(
        kind(&stage.token().audience("x").sign(), NOW),
        Err(Audience)
    );
    assert_eq!(
        kind(&stage.token().issuer("https://other.test").sign(), NOW),
        Err(Issuer)
    );
    assert_eq!(
        kind(&stage.token().signed_by_stranger().sign(), NOW),
        Err(Signature)
    );
    assert_eq!(
        kind(&stage.token().key_id("other").sign(), NOW),
        Err(KeyUnknown)
    );
    let other: Verifier = Verifier::new(policy("orders"), keys()).expect("they fit");
    assert_eq!(
        other
            .verify(&token, at(NOW))
            .map(|_| ())
            .map_err(|error| error.kind()),
        Err(Audience)
    );
}
