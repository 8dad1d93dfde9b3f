//! Attacks on the claims: rows 31 to 36 and 54.

use serde_json::{Value, json};
use tower_bearer::VerifyErrorKind::{
    Audience, ClaimMalformed, ClaimMissing, Expired, ForeignClaim, IssuedInFuture, Issuer, Json,
    NotYetValid, SenderBound, Type,
};
use tower_bearer::error::TokenPart::Payload;
use tower_bearer::{NumericDate, Profile, VerifyErrorKind};

use crate::support::{AUDIENCE, ISSUER, NOW, Row, Stage};

const fn at(seconds: i64) -> NumericDate {
    NumericDate::from_seconds(seconds)
}

/// The claims of a good token with `exp` as this text, and more.
fn with_exp(exp: &str, more: &str) -> String {
    format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{exp}{more}}}"#)
}

fn malformed(name: &'static str) -> VerifyErrorKind {
    ClaimMalformed { name }
}

fn missing(name: &'static str) -> VerifyErrorKind {
    ClaimMissing { name }
}

/// 31: CVE-2026-25537. A time of the wrong type is not a time that is missing.
pub(crate) fn wrong_times(stage: &Stage) -> Vec<Row> {
    let exp = |text: &str| stage.token().raw_payload(with_exp(text, "")).sign();
    let more = |more: String| {
        stage
            .token()
            .raw_payload(with_exp(&(NOW + 60).to_string(), &more))
            .sign()
    };
    let json = Json { part: Payload };
    let expired = |seconds| Expired {
        at: at(seconds),
        now: at(NOW),
    };
    let (start, end) = (at(i64::MIN), at(i64::MAX));
    let now = at(NOW);
    let mut rows = vec![
        (
            "31 exp missing",
            stage.token().without("exp").sign(),
            missing("exp"),
        ),
        ("31 exp zero", exp("0"), expired(0)),
        ("31 exp minus zero", exp("-0"), expired(0)),
        ("31 exp negative", exp("-1"), expired(-1)),
        (
            "31 exp the least number",
            exp("-9223372036854775808"),
            Expired { at: start, now },
        ),
        (
            "31 exp less than any number",
            exp("-1e300"),
            Expired { at: start, now },
        ),
        ("31 exp a small fraction", exp("0.5"), exp_fraction("0.5")),
        ("31 exp an exponent", exp("1.7e9"), expired(1_700_000_000)),
        ("31 exp 1e400", exp("1e400"), json),
        ("31 exp -1e400", exp("-1e400"), json),
        ("31 exp NaN", exp("NaN"), json),
        ("31 exp Infinity", exp("Infinity"), json),
        ("31 exp in hexadecimal", exp("0xffffffff"), json),
        (
            "32 nbf beyond all time",
            more(r#","nbf":1e300"#.into()),
            NotYetValid { at: end, now },
        ),
        (
            "32 nbf above any number",
            more(r#","nbf":18446744073709551616"#.into()),
            NotYetValid { at: end, now },
        ),
        (
            "32 iat beyond all time",
            more(r#","iat":1e300"#.into()),
            IssuedInFuture { at: end, now },
        ),
        (
            "32 nbf in a second",
            stage.token().not_before(at(NOW + 1)).sign(),
            NotYetValid {
                at: at(NOW + 1),
                now,
            },
        ),
        (
            "32 iat in a minute",
            stage.token().issued_at(at(NOW + 60)).sign(),
            IssuedInFuture {
                at: at(NOW + 60),
                now,
            },
        ),
        (
            "32 nbf in milliseconds",
            stage.token().not_before(at(NOW * 1000)).sign(),
            NotYetValid {
                at: at(NOW * 1000),
                now,
            },
        ),
    ];
    let wrong = |later: i64| {
        [
            json!((NOW + later).to_string()),
            json!(""),
            json!("2100-01-01T00:00:00Z"),
            json!(true),
            json!(false),
            Value::Null,
            json!([NOW + later]),
            json!({"at": NOW + later}),
            json!({}),
        ]
    };
    for (row, name, later) in [
        ("31 exp of the wrong type", "exp", 60),
        ("31 nbf of the wrong type", "nbf", -60),
        ("31 iat of the wrong type", "iat", -60),
    ] {
        for value in wrong(later) {
            rows.push((
                row,
                stage.token().claim(name, value).sign(),
                malformed(name),
            ));
        }
    }
    rows
}

/// An instant half a second after the epoch cannot be written otherwise.
fn exp_fraction(text: &str) -> VerifyErrorKind {
    let parsed: f64 = text.parse().expect("a number");
    assert!((parsed - 0.5).abs() < f64::EPSILON);
    Expired {
        at: at(0).saturating_add(std::time::Duration::from_millis(500)),
        now: at(NOW),
    }
}

/// 33: CVE-2020-26160, CVE-2024-5798.
pub(crate) fn other_audiences(stage: &Stage) -> Vec<Row> {
    let aud = |value: Value| stage.token().claim("aud", value).sign();
    vec![
        (
            "33 aud missing",
            stage.token().without("aud").sign(),
            missing("aud"),
        ),
        ("33 aud another", aud("https://other.test".into()), Audience),
        ("33 aud empty", aud("".into()), Audience),
        ("33 aud an empty array", aud(json!([])), Audience),
        (
            "33 aud an array with an empty string",
            aud(json!([""])),
            Audience,
        ),
        (
            "33 aud several, not ours",
            aud(json!(["https://a.test", "https://b.test"])),
            Audience,
        ),
        (
            "33 aud the beginning of ours",
            aud("https://api.tes".into()),
            Audience,
        ),
        (
            "33 aud ours and more",
            aud("https://api.test.evil.test".into()),
            Audience,
        ),
        (
            "33 aud ours and a slash",
            aud("https://api.test/".into()),
            Audience,
        ),
        (
            "33 aud ours within",
            aud("x https://api.test x".into()),
            Audience,
        ),
        (
            "33 aud ours among others in one string",
            aud("https://api.test https://b.test".into()),
            Audience,
        ),
        (
            "33 aud ours among others with commas",
            aud("https://api.test,https://b.test".into()),
            Audience,
        ),
        (
            "33 aud in capitals",
            aud("HTTPS://API.TEST".into()),
            Audience,
        ),
        (
            "33 aud with a space",
            aud(" https://api.test".into()),
            Audience,
        ),
        (
            "33 aud with NUL",
            aud("https://api.test\0".into()),
            Audience,
        ),
        ("33 aud a pattern", aud("*".into()), Audience),
        ("33 aud the issuer", aud(ISSUER.into()), Audience),
        ("33 aud null", aud(Value::Null), malformed("aud")),
        ("33 aud a number", aud(json!(1)), malformed("aud")),
        ("33 aud true", aud(json!(true)), malformed("aud")),
        (
            "33 aud an object",
            aud(json!({AUDIENCE: true})),
            malformed("aud"),
        ),
        (
            "33 aud an array in an array",
            aud(json!([[AUDIENCE]])),
            malformed("aud"),
        ),
        (
            "33 aud ours beside a number",
            aud(json!([AUDIENCE, 1])),
            malformed("aud"),
        ),
        (
            "33 aud ours beside null",
            aud(json!([AUDIENCE, null])),
            malformed("aud"),
        ),
        (
            "33 aud ours beside an object",
            aud(json!([AUDIENCE, {}])),
            malformed("aud"),
        ),
    ]
}

/// 34: CVE-2025-30144, CVE-2024-53861, CVE-2026-23552, CVE-2026-66908, CVE-2018-15801.
pub(crate) fn other_issuers(stage: &Stage) -> Vec<Row> {
    let iss = |value: Value| stage.token().claim("iss", value).sign();
    vec![
        (
            "34 iss missing",
            stage.token().without("iss").sign(),
            missing("iss"),
        ),
        ("34 iss another", iss("https://evil.test".into()), Issuer),
        ("34 iss empty", iss("".into()), Issuer),
        (
            "34 iss the beginning of ours",
            iss("https://issuer.tes".into()),
            Issuer,
        ),
        (
            "34 iss ours and more",
            iss("https://issuer.test.evil.test".into()),
            Issuer,
        ),
        (
            "34 iss ours and a path",
            iss("https://issuer.test/realm".into()),
            Issuer,
        ),
        (
            "34 iss ours and a slash",
            iss("https://issuer.test/".into()),
            Issuer,
        ),
        (
            "34 iss ours and a port",
            iss("https://issuer.test:443".into()),
            Issuer,
        ),
        (
            "34 iss ours and a user",
            iss("https://issuer.test@evil.test".into()),
            Issuer,
        ),
        (
            "34 iss in capitals",
            iss("https://ISSUER.test".into()),
            Issuer,
        ),
        ("34 iss by http", iss("http://issuer.test".into()), Issuer),
        ("34 iss without a scheme", iss("issuer.test".into()), Issuer),
        (
            "34 iss with a space",
            iss("https://issuer.test ".into()),
            Issuer,
        ),
        (
            "34 iss with NUL",
            iss("https://issuer.test\0".into()),
            Issuer,
        ),
        (
            "34 iss with a Cyrillic letter",
            iss("https://\u{456}ssuer.test".into()),
            Issuer,
        ),
        (
            "34 iss with a combining letter",
            iss("https://i\u{307}ssuer.test".into()),
            Issuer,
        ),
        (
            "34 iss with an invisible letter",
            iss("https://issuer\u{200b}.test".into()),
            Issuer,
        ),
        (
            "34 iss percent-encoded",
            iss("https://%69ssuer.test".into()),
            Issuer,
        ),
        (
            "34 iss two in one string",
            iss("https://evil.test https://issuer.test".into()),
            Issuer,
        ),
        ("34 iss an array", iss(json!([ISSUER])), malformed("iss")),
        (
            "34 iss ours and another",
            iss(json!([ISSUER, "https://evil.test"])),
            malformed("iss"),
        ),
        (
            "34 iss another and ours",
            iss(json!(["https://evil.test", ISSUER])),
            malformed("iss"),
        ),
        ("34 iss null", iss(Value::Null), malformed("iss")),
        ("34 iss a number", iss(json!(1)), malformed("iss")),
        ("34 iss true", iss(json!(true)), malformed("iss")),
        (
            "34 iss an object",
            iss(json!({"url": ISSUER})),
            malformed("iss"),
        ),
    ]
}

/// 35.
pub(crate) fn wrong_types(stage: &Stage) -> Vec<Row> {
    let mut rows = Vec::new();
    for (row, name) in [
        ("35 sub of the wrong type", "sub"),
        ("35 jti of the wrong type", "jti"),
        ("35 client_id of the wrong type", "client_id"),
        ("35 scope of the wrong type", "scope"),
    ] {
        for value in [
            json!(1),
            json!(true),
            Value::Null,
            json!(["read"]),
            json!([]),
            json!({"name": "read"}),
        ] {
            rows.push((
                row,
                stage.token().claim(name, value).sign(),
                malformed(name),
            ));
        }
    }
    rows
}

/// 36: RFC 8725 §2.8, §3.11, §3.12. All with claims that would do for an access token.
pub(crate) fn other_kinds_of_token(stage: &Stage) -> Vec<Row> {
    let typ = |typ: &str| stage.token().typ(typ).sign();
    let claim = |name: &str, value: Value| stage.token().claim(name, value).sign();
    let foreign = |name| ForeignClaim { name };
    let logout = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    vec![
        ("36 a DPoP proof", typ("dpop+jwt"), Type),
        ("36 a logout token", typ("logout+jwt"), Type),
        ("36 a security event", typ("secevent+jwt"), Type),
        (
            "36 a client assertion",
            typ("client-authentication+jwt"),
            Type,
        ),
        (
            "36 an authorization grant",
            typ("authorization-grant+jwt"),
            Type,
        ),
        (
            "36 an authorization request",
            typ("oauth-authz-req+jwt"),
            Type,
        ),
        (
            "36 an introspection answer",
            typ("token-introspection+jwt"),
            Type,
        ),
        ("36 an entity statement", typ("entity-statement+jwt"), Type),
        ("36 a key set", typ("jwk-set+jwt"), Type),
        ("36 a verifiable credential", typ("vc+jwt"), Type),
        (
            "36 a credential that discloses selectively",
            typ("dc+sd-jwt"),
            Type,
        ),
        ("36 an ID token by a typ of its own", typ("ID"), Type),
        ("36 a refresh token of Keycloak", typ("Refresh"), Type),
        ("36 a media type and nothing", typ("application/"), Type),
        (
            "36 a typ with the prefix twice",
            typ("application/application/at+jwt"),
            Type,
        ),
        (
            "36 a typ with a parameter",
            typ("at+jwt; charset=utf-8"),
            Type,
        ),
        ("36 a typ with a space", typ("at+jwt "), Type),
        ("36 a typ that is empty", typ(""), Type),
        (
            "36 an ID token, by its nonce",
            claim("nonce", "n-0S6_WzA2Mj".into()),
            foreign("nonce"),
        ),
        (
            "36 an ID token, by its at_hash",
            claim("at_hash", "MTIzNDU2Nzg5MDEyMzQ1Ng".into()),
            foreign("at_hash"),
        ),
        (
            "36 an ID token, by its c_hash",
            claim("c_hash", "LDktKdoQak3Pk0cnXxCltA".into()),
            foreign("c_hash"),
        ),
        (
            "36 an ID token, by its s_hash",
            claim("s_hash", "LDktKdoQak3Pk0cnXxCltA".into()),
            foreign("s_hash"),
        ),
        (
            "36 a logout token, by its events",
            claim("events", logout),
            foreign("events"),
        ),
        (
            "36 an introspection answer, by its claim",
            claim("token_introspection", json!({"active": true})),
            foreign("token_introspection"),
        ),
        (
            "36 an ID token, by its at_hash, that calls itself an access token",
            stage.token().access_token().claim("at_hash", "x").sign(),
            foreign("at_hash"),
        ),
    ]
}

/// 54, and RFC 9449 §7.2: a token bound to its sender is no bearer token.
pub(crate) fn bound(stage: &Stage) -> Vec<Row> {
    let cnf = |value: Value| stage.token().claim("cnf", value).sign();
    vec![
        (
            "54 cnf with jkt",
            cnf(json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})),
            SenderBound,
        ),
        (
            "54 cnf with x5t#S256",
            cnf(json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"})),
            SenderBound,
        ),
        (
            "54 cnf with both",
            cnf(json!({"jkt": "a", "x5t#S256": "b"})),
            SenderBound,
        ),
        (
            "54 cnf with more",
            cnf(json!({"jkt": "a", "more": 1})),
            SenderBound,
        ),
        (
            "54 cnf with what nobody knows",
            cnf(json!({"more": 1})),
            SenderBound,
        ),
        ("54 cnf empty", cnf(json!({})), SenderBound),
        ("54 cnf null", cnf(Value::Null), malformed("cnf")),
        ("54 cnf a string", cnf("jkt".into()), malformed("cnf")),
        (
            "54 cnf an array",
            cnf(json!([{"jkt": "a"}])),
            malformed("cnf"),
        ),
    ]
}

#[tokio::test]
async fn a_time_that_is_none_is_never_a_time_that_is_missing() {
    let stage = Stage::new().await;
    stage.refuse(wrong_times(&stage)).await;
    for (row, exp, more) in [
        ("31 exp a fraction", format!("{NOW}.5"), String::new()),
        (
            "31 exp with an exponent",
            "1.800000060e9".to_owned(),
            String::new(),
        ),
        // 32: how long a token lives is the issuer's to say.
        (
            "32 exp the greatest number",
            i64::MAX.to_string(),
            String::new(),
        ),
        (
            "32 exp above any number",
            "18446744073709551616".to_owned(),
            String::new(),
        ),
        ("32 exp beyond all time", "1e300".to_owned(), String::new()),
        (
            "32 nbf and iat of long ago",
            (NOW + 60).to_string(),
            r#","nbf":-1e300,"iat":0"#.to_owned(),
        ),
        (
            "32 nbf a fraction of now",
            (NOW + 60).to_string(),
            format!(r#","nbf":{NOW}.0"#),
        ),
    ] {
        stage
            .accept(
                row,
                &stage.token().raw_payload(with_exp(&exp, &more)).sign(),
            )
            .await;
    }
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    let stage = Stage::new().await;
    stage.refuse(other_audiences(&stage)).await;
    for audiences in [
        &[AUDIENCE][..],
        &["https://other.test", AUDIENCE],
        &[AUDIENCE, AUDIENCE],
    ] {
        stage
            .accept(
                "33 ours among others",
                &stage.token().audiences(audiences).sign(),
            )
            .await;
    }
}

#[tokio::test]
async fn an_issuer_is_the_same_byte_for_byte_or_another() {
    let stage = Stage::new().await;
    stage.refuse(other_issuers(&stage)).await;
}

#[tokio::test]
async fn a_claim_of_the_wrong_type_is_refused() {
    let stage = Stage::new().await;
    stage.refuse(wrong_types(&stage)).await;
    let without = ["sub", "jti", "client_id", "scope", "iat"];
    let token = without
        .iter()
        .fold(stage.token(), |token, name| token.without(*name));
    stage.accept("35 none of them", &token.sign()).await;
}

#[tokio::test]
async fn another_kind_of_token_is_no_access_token() {
    let stage = Stage::new().await;
    stage.refuse(other_kinds_of_token(&stage)).await;
    for typ in [
        "JWT",
        "jwt",
        "application/jwt",
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/At+Jwt",
    ] {
        stage.accept(typ, &stage.token().typ(typ).sign()).await;
    }
    stage
        .accept("no typ", &stage.token().without_header("typ").sign())
        .await;
    // RFC 9068 lets an access token carry a nonce; it says what it is by its typ.
    stage
        .accept(
            "a nonce in at+jwt",
            &stage.token().typ("at+jwt").claim("nonce", "n").sign(),
        )
        .await;
}

/// 36, with RFC 9068 demanded: `typ: JWT` is no effective typing (RFC 8725bis §3.11).
#[tokio::test]
async fn where_rfc_9068_is_demanded_the_type_has_to_say_so() {
    let stage = Stage::with(|_| (), |builder| builder.profile(Profile::AccessToken)).await;
    stage
        .accept("at+jwt", &stage.token().access_token().sign())
        .await;
    let typ = |typ: &str| stage.token().access_token().typ(typ).sign();
    for (row, token) in [
        ("36 typ JWT", typ("JWT")),
        ("36 typ application/jwt", typ("application/jwt")),
        (
            "36 no typ",
            stage.token().access_token().without_header("typ").sign(),
        ),
        ("36 typ at", typ("at")),
        ("36 typ dpop+jwt", typ("dpop+jwt")),
    ] {
        stage.send(&token).await.refused_token(row, Type);
    }
}

#[tokio::test]
async fn a_token_bound_to_its_sender_is_no_bearer_token() {
    let stage = Stage::new().await;
    stage.refuse(bound(&stage)).await;
    let lax =
        |builder: tower_bearer::AuthenticatorBuilder| builder.dangerous().ignore_sender_binding();
    let stage = Stage::with(|_| (), lax).await;
    let more = stage
        .token()
        .claim("cnf", json!({"jkt": "a", "x5t#S256": "b", "more": [1]}));
    stage
        .accept("54 where that is switched off", &more.sign())
        .await;
    let malformed_one = stage.token().claim("cnf", json!([])).sign();
    stage
        .send(&malformed_one)
        .await
        .refused_token("54 not even then", malformed("cnf"));
}
