//! Attacks on where keys come from, and on keys themselves: rows 7 to 14, 16, 19, 20, 39, 40, 42 and 43.

use std::time::Duration;

use aws_lc_rs::digest;
use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tower_bearer::VerifyErrorKind::{
    AlgorithmNotAllowed, AlgorithmUnknown, HeaderParameter, Issuer, KeyAmbiguous, KeyMismatch,
    KeyUnknown, Signature,
};
use tower_bearer::testing::{Behaviour, Endpoint, SigningKey, TestIssuer};
use tower_bearer::{Algorithm, TrustedIssuer};

use crate::support::{AUDIENCE, ISSUER, NOW, Row, Stage};

const EVIL: &str = "https://evil.test";

/// An issuer that everybody can reach and nobody trusts.
fn evil() -> TestIssuer {
    let evil = TestIssuer::new(EVIL);
    evil.publish(&[Algorithm::EdDSA]);
    evil
}

/// `jwk` under another key id and with some members replaced; `null` removes one.
fn changed(mut jwk: Value, key_id: &str, members: &[(&str, Value)]) -> Value {
    let object = jwk.as_object_mut().expect("a JWK");
    object.insert("kid".into(), key_id.into());
    for (name, value) in members {
        match value {
            Value::Null => object.remove(*name),
            value => object.insert((*name).into(), value.clone()),
        };
    }
    jwk
}

/// 7: CVE-2018-0114, CVE-2026-27962. 8: RFC 8725 §3.10, CVE-2026-48522.
#[tokio::test]
async fn a_key_that_the_token_brings_along_or_points_to_is_never_used() {
    let evil = evil();
    let stage = Stage::beside(&evil, |_| (), |builder| builder);
    let own = stage.issuer.key(Algorithm::EdDSA);
    let stranger = evil.key(Algorithm::EdDSA);
    let good = stage.token();
    // Signed by the stranger, under our issuer's key id.
    let kid = own.key_id().unwrap_or_default();
    let forged = || stage.token().signed_by(&stranger.clone().with_key_id(kid));
    let jwk = stranger.public_jwk();
    let private = changed(jwk.clone(), "x", &[("d", json!("AQAB"))]);
    let certificate = "MIIBszCCAVmgAwIBAgIUQk5Hh3yAEFe0T3o";
    let pointers = [
        ("jku", json!(evil.key_set_url())),
        ("jku", json!("file:///etc/passwd")),
        ("jku", json!("data:application/json,{}")),
        ("jku", json!("http://169.254.169.254/latest/meta-data")),
        ("jku", json!(format!("{}@evil.test/jwks", ISSUER))),
        ("x5u", json!(format!("{EVIL}/certificate"))),
        ("x5c", json!([certificate])),
        ("x5t", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        (
            "x5t#S256",
            json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ),
        ("jwk", jwk.clone()),
        ("jwk", private),
        ("jwk", json!({"kty": "oct", "k": ""})),
        ("jwk", json!("no object")),
    ];
    for (name, value) in pointers {
        let row = format!("{name} {value}");
        // They are not understood and so ignored (RFC 7515 §4.1): a good token stays good.
        stage
            .accept(&row, &good.clone().header(name, value.clone()).sign())
            .await;
        for (token, kind) in [
            (forged(), Signature),
            (forged().without_header("kid"), Signature),
            (stage.token().signed_by(&stranger), KeyUnknown),
        ] {
            let token = token.header(name, value.clone()).sign();
            let answer = stage.send(&token).await;
            answer.refused_token(&row, kind);
        }
    }
    let secret = URL_SAFE_NO_PAD.encode_to_string(b"our own secret, our own secret!!");
    let embedded = stage
        .token()
        .signed_with_secret(Algorithm::HS256, b"our own secret, our own secret!!")
        .header("jwk", json!({"kty": "oct", "k": secret}));
    let answer = stage.send(&embedded.sign()).await;
    answer.refused_token("7 an embedded secret", AlgorithmNotAllowed);
    assert_eq!(evil.total_requests(), 0);
}

/// 9: CVE-2026-41413, CVE-2026-1180.
#[tokio::test]
async fn nobody_makes_us_ask_a_host_of_his_choice() {
    let evil = evil();
    let stage = Stage::beside(&evil, |_| (), |builder| builder);
    for iss in [
        EVIL,
        "https://evil.test/",
        "https://issuer.test@evil.test",
        "https://evil.test/https://issuer.test",
        "http://169.254.169.254",
        "file:///etc/passwd",
    ] {
        for kid in ["x", "../jwks"] {
            let token = stage
                .token()
                .signed_by(&evil.key(Algorithm::EdDSA))
                .issuer(iss)
                .key_id(kid);
            let answer = stage.send(&token.sign()).await;
            answer.refused_token(iss, Issuer);
        }
    }
    assert_eq!(evil.total_requests(), 0);

    // Metadata that point elsewhere by a transport that anyone on the way can change, and redirects.
    let jwks_uri =
        |uri: &'static str| move |issuer: &TestIssuer| issuer.discovery_member("jwks_uri", uri);
    for uri in [
        "http://evil.test/jwks",
        "http://169.254.169.254/jwks",
        "http://issuer.test/jwks",
        "file:///etc/passwd",
        "data:application/json,{}",
        "//evil.test/jwks",
        "/jwks",
        "",
    ] {
        let stage = Stage::beside(&evil, jwks_uri(uri), |builder| builder);
        stage.send(&stage.token().sign()).await.unavailable(uri);
        assert_eq!(stage.issuer.downloads().key_set, 0, "{uri}");
    }
    for endpoint in [Endpoint::Discovery, Endpoint::KeySet] {
        for to in [
            "https://evil.test/jwks",
            "http://169.254.169.254/",
            "https://issuer.test/jwks",
        ] {
            let redirect =
                |issuer: &TestIssuer| issuer.behave_at(endpoint, Behaviour::redirect(to));
            let stage = Stage::beside(&evil, redirect, |builder| builder);
            stage.send(&stage.token().sign()).await.unavailable(to);
        }
    }
    assert_eq!(evil.total_requests(), 0);

    // Nothing was wrong but that: another path of the same host is as good as any.
    let stage = Stage::beside(&evil, |_| (), |builder| builder);
    stage
        .accept("untouched metadata", &stage.token().sign())
        .await;
}

/// 10: RFC 8725 §3.10. Whatever it says, a `kid` is a name to look up.
pub(crate) fn hostile_key_ids(stage: &Stage) -> Vec<Row> {
    let kid = |value: Value| stage.token().header("kid", value).sign();
    let header = HeaderParameter { name: "kid" };
    vec![
        ("10 kid a number", kid(json!(1)), header),
        ("10 kid null", kid(Value::Null), header),
        ("10 kid an array", kid(json!(["x"])), header),
        ("10 kid an object", kid(json!({"$ne": ""})), header),
        ("10 kid a boolean", kid(json!(true)), header),
        ("10 kid of 257 bytes", kid("k".repeat(257).into()), header),
        (
            "10 kid of 129 characters and 258 bytes",
            kid("é".repeat(129).into()),
            header,
        ),
        (
            "10 kid of 8000 bytes",
            kid("k".repeat(8_000).into()),
            header,
        ),
    ]
}

const STRANGE_KEY_IDS: [&str; 11] = [
    "",
    "../../../../dev/null",
    "x' UNION SELECT 'AA",
    "*)(uid=*))(|(uid=*",
    "| /usr/bin/id",
    "\0",
    "a\r\nSet-Cookie: b=c",
    "\u{202e}\u{feff}",
    "\u{1b}[31m",
    "https://evil.test/key",
    "__proto__",
];

#[tokio::test]
async fn a_key_id_is_a_name_and_nothing_else() {
    let stage = Stage::new().await;
    stage.refuse(hostile_key_ids(&stage)).await;
    let row = |kid: &str| {
        (
            "10 a strange kid",
            stage.token().key_id(kid).sign(),
            KeyUnknown,
        )
    };
    stage.refuse(STRANGE_KEY_IDS.map(row)).await;
    let longest = stage.token().key_id("k".repeat(256)).sign();
    stage
        .refuse([("10 kid of 256 bytes", longest, KeyUnknown)])
        .await;
    // The warm-up, and a budget of two.
    assert!(
        stage.issuer.downloads().key_set <= 3,
        "{:?}",
        stage.issuer.downloads()
    );

    // If the issuer does publish such a key, it is as good as any.
    for kid in STRANGE_KEY_IDS {
        let stage = Stage::with(|issuer| issuer.set_key_id(Algorithm::EdDSA, kid), |b| b).await;
        let verified = stage.accept(kid, &stage.token().sign()).await;
        assert_eq!(verified.key_id(), Some(kid));
    }
}

/// 11: CVE-2026-89313.
#[tokio::test]
async fn an_unknown_key_id_finds_no_key_although_there_is_only_one() {
    let stage = Stage::new().await;
    let own = stage.issuer.key(Algorithm::EdDSA);
    let kid = own.key_id().unwrap_or_default();
    stage
        .refuse([
            (
                "11 another kid",
                stage.token().key_id("other").sign(),
                KeyUnknown,
            ),
            (
                "11 the kid in capitals",
                stage.token().key_id(kid.to_uppercase()).sign(),
                KeyUnknown,
            ),
            (
                "11 the kid and more",
                stage.token().key_id(format!("{kid}x")).sign(),
                KeyUnknown,
            ),
            (
                "11 the kid and a space",
                stage.token().key_id(format!("{kid} ")).sign(),
                KeyUnknown,
            ),
        ])
        .await;
}

/// 12: CVE-2026-49998, CVE-2026-50202, CVE-2025-59936.
#[tokio::test]
async fn keys_of_one_issuer_never_verify_tokens_of_another() {
    let other = TestIssuer::new("https://other.test");
    other.publish(&[Algorithm::EdDSA]);
    other.set_key_id(Algorithm::EdDSA, "one");
    let stage = Stage::beside(
        &other,
        |issuer| issuer.set_key_id(Algorithm::EdDSA, "one"),
        |builder| builder.trust(TrustedIssuer::new(other.url(), AUDIENCE)),
    );
    let (own, others) = (
        stage.issuer.key(Algorithm::EdDSA),
        other.key(Algorithm::EdDSA),
    );
    let token = |issuer: &TestIssuer, key: &SigningKey| {
        stage.token().issuer(issuer.url()).signed_by(key).sign()
    };
    let first = &stage.issuer;
    for _ in 0..2 {
        stage
            .accept("the first issuer's", &token(first, &own))
            .await;
        stage
            .accept("the other issuer's", &token(&other, &others))
            .await;
        for (row, token) in [
            (
                "12 the first issuer's name, the other's key",
                token(first, &others),
            ),
            (
                "12 the other issuer's name, the first's key",
                token(&other, &own),
            ),
        ] {
            let answer = stage.send(&token).await;
            answer.refused_token(row, Signature);
        }
    }
}

/// 13: CVE-2025-22149, CVE-2026-50202.
#[tokio::test]
async fn a_removed_key_is_gone_with_the_next_set() {
    let stage = Stage::new().await;
    let old = stage.token().sign();
    stage
        .accept("the old key while it is published", &old)
        .await;
    stage.issuer.rotate_dropping();
    stage
        .accept("the new key at its first request", &stage.token().sign())
        .await;
    stage
        .refuse([("13 the removed key", old, KeyUnknown)])
        .await;
}

/// 14: CVE-2026-31837. There are no keys but the issuer's.
#[tokio::test]
async fn where_no_keys_can_be_had_nothing_is_accepted_and_nothing_refused() {
    let empty = || Behaviour::bytes(r#"{"keys":[]}"#);
    let cases: [(&str, Behaviour); 10] = [
        ("14 down", Behaviour::Down),
        ("14 a server error", Behaviour::status(500)),
        ("14 no content", Behaviour::status(204)),
        ("14 not found, in JSON", Behaviour::not_found()),
        ("14 a page of HTML", Behaviour::html()),
        ("14 an empty body", Behaviour::bytes("")),
        ("14 an empty set", empty()),
        (
            "14 keys that are null",
            Behaviour::bytes(r#"{"keys":null}"#),
        ),
        ("14 half a document", Behaviour::Truncated),
        ("14 a body that breaks off", Behaviour::BrokenOff),
    ];
    for (row, behaviour) in cases {
        let misbehave = |issuer: &TestIssuer| issuer.behave_at(Endpoint::KeySet, behaviour);
        let stage = Stage::beside(None, misbehave, |builder| builder);
        let stranger = SigningKey::generate(Algorithm::EdDSA);
        for token in [
            stage.token().sign(),
            stage.token().signed_by(&stranger).sign(),
            stage.token().signed_by(&stranger.without_key_id()).sign(),
        ] {
            stage.send(&token).await.unavailable(row);
        }
        // What needs no key is refused all the same.
        let none = stage.token().header("alg", "none").sign();
        stage.send(&none).await.refused_token(row, AlgorithmUnknown);
    }
}

/// 16: a bad signature tells nothing about the age of our keys.
#[tokio::test]
async fn bad_signatures_start_no_download() {
    let stage = Stage::new().await;
    let before = stage.issuer.downloads();
    let forged = || {
        (
            "16 a bad signature",
            stage.token().signed_by_stranger().sign(),
            Signature,
        )
    };
    stage.refuse((0..50).map(|_| forged())).await;
    assert_eq!(stage.issuer.downloads(), before);
}

/// A set of one good key and `bad` ones; tokens that name the bad ones.
async fn refuse_keys(rows: Vec<(&'static str, Value, SigningKey)>) {
    let publish = |issuer: &TestIssuer| {
        for (_, jwk, _) in &rows {
            issuer.add_jwk(jwk.clone());
        }
    };
    let stage = Stage::with(publish, |builder| builder).await;
    let tokens = rows.iter().map(|(row, jwk, key)| {
        let kid = jwk.get("kid").and_then(Value::as_str).unwrap_or("bad");
        let key = key.clone().with_key_id(kid);
        (*row, stage.token().signed_by(&key).sign(), KeyUnknown)
    });
    let tokens: Vec<Row> = tokens.collect();
    stage.refuse(tokens).await;
    // The same keys, unspoiled, are good.
    for (row, _, key) in &rows {
        let good = key.clone().with_key_id("unspoiled");
        let stage = Stage::with(|issuer| issuer.add_key(&good), |builder| builder).await;
        stage
            .accept(row, &stage.token().signed_by(&good).sign())
            .await;
    }
}

/// 19: RFC 8725 §3.4.
#[tokio::test]
async fn a_point_that_is_no_key_is_never_loaded() {
    let (ec, ed) = (
        SigningKey::generate(Algorithm::ES256),
        SigningKey::generate(Algorithm::EdDSA),
    );
    let (p256, p384) = (
        ec.public_jwk(),
        SigningKey::generate(Algorithm::ES384).public_jwk(),
    );
    let coordinate = |jwk: &Value, name: &str| {
        let text = jwk.get(name).and_then(Value::as_str).unwrap_or_default();
        URL_SAFE_NO_PAD.decode_to_vec(text).expect("base64url")
    };
    let text = |octets: &[u8]| Value::from(URL_SAFE_NO_PAD.encode_to_string(octets));
    let (x, y) = (coordinate(&p256, "x"), coordinate(&p256, "y"));
    let mut off = y.clone();
    if let Some(last) = off.last_mut() {
        *last ^= 1;
    }
    let zeros = text(&[0; 32]);
    let longer = text(&[&[0], x.as_slice()].concat());
    let shorter = text(x.get(1..).unwrap_or_default());
    let ec_rows = [
        (
            "19 a point off the curve",
            changed(p256.clone(), "off", &[("y", text(&off))]),
        ),
        (
            "19 coordinates exchanged",
            changed(p256.clone(), "swapped", &[("x", text(&y)), ("y", text(&x))]),
        ),
        (
            "19 the point (0, 0)",
            changed(p256.clone(), "zero", &[("x", zeros.clone()), ("y", zeros)]),
        ),
        (
            "19 a coordinate one byte longer",
            changed(p256.clone(), "long", &[("x", longer)]),
        ),
        (
            "19 a coordinate one byte shorter",
            changed(p256.clone(), "short", &[("x", shorter)]),
        ),
        (
            "19 a coordinate missing",
            changed(p256.clone(), "half", &[("y", Value::Null)]),
        ),
        (
            "19 P-384 with the coordinates of P-256",
            changed(
                p256.clone(),
                "p384",
                &[("crv", "P-384".into()), ("alg", "ES384".into())],
            ),
        ),
        (
            "19 P-256 with the coordinates of P-384",
            changed(
                p384,
                "p256",
                &[("crv", "P-256".into()), ("alg", "ES256".into())],
            ),
        ),
        (
            "19 no curve",
            changed(p256.clone(), "none", &[("crv", Value::Null)]),
        ),
        (
            "19 a curve in lower case",
            changed(p256.clone(), "lower", &[("crv", "p-256".into())]),
        ),
        (
            "19 secp256k1",
            changed(p256.clone(), "k1", &[("crv", "secp256k1".into())]),
        ),
        (
            "19 ES384 with P-256",
            changed(p256, "alg", &[("alg", "ES384".into())]),
        ),
    ];
    let okp = ed.public_jwk();
    let okp_rows = [
        (
            "19 an Ed25519 key of 31 bytes",
            changed(okp.clone(), "31", &[("x", text(&[9; 31]))]),
        ),
        (
            "19 X25519",
            changed(okp.clone(), "x25519", &[("crv", "X25519".into())]),
        ),
        (
            "19 Ed448",
            changed(okp, "ed448", &[("crv", "Ed448".into())]),
        ),
    ];
    let rows = ec_rows.into_iter().map(|(row, jwk)| (row, jwk, ec.clone()));
    let rows = rows.chain(
        okp_rows
            .into_iter()
            .map(|(row, jwk)| (row, jwk, ed.clone())),
    );
    refuse_keys(rows.collect()).await;
}

/// 19: with a key of small order there are signatures that fit every message, or one in eight.
#[tokio::test]
async fn an_ed25519_key_of_small_order_is_never_loaded() {
    // The points of order 1, 2, 4 and 8 in every encoding, the non-canonical ones included.
    let small = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    let points: Vec<Vec<u8>> = small.iter().map(|text| octets(text)).collect();
    let publish = |issuer: &TestIssuer| {
        for (index, point) in points.iter().enumerate() {
            let x = URL_SAFE_NO_PAD.encode_to_string(point);
            let kid = format!("small-{index}");
            issuer.add_jwk(
                json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": x}),
            );
        }
    };
    let stage = Stage::with(publish, |builder| builder).await;
    let mut rows = Vec::new();
    for (index, point) in points.iter().enumerate() {
        // R is the key or the neutral element, S is zero: with a key of order n, one of n messages fits.
        for commitment in [
            point.as_slice(),
            points.first().expect("the neutral element"),
        ] {
            let signature = [commitment, &[0; 32]].concat();
            let token = stage
                .token()
                .key_id(format!("small-{index}"))
                .raw_signature(signature);
            rows.push(("19 a key of small order", token.sign(), KeyUnknown));
        }
    }
    stage.refuse(rows).await;
}

fn octets(hex: &str) -> Vec<u8> {
    let pair = |pair| u8::from_str_radix(pair, 16).expect("two digits");
    let pairs = hex.as_bytes().chunks(2).map(str::from_utf8);
    pairs.map(|digits| pair(digits.expect("ASCII"))).collect()
}

/// 20: RFC 7518 §3.3, CVE-2023-29409.
#[tokio::test]
async fn a_weak_or_monstrous_rsa_key_is_never_loaded() {
    let rsa = SigningKey::generate(Algorithm::RS256);
    let jwk = rsa.public_jwk();
    let n = jwk.get("n").and_then(Value::as_str).unwrap_or_default();
    let n = URL_SAFE_NO_PAD.decode_to_vec(n).expect("base64url");
    let text = |octets: &[u8]| Value::from(URL_SAFE_NO_PAD.encode_to_string(octets));
    let end = |bytes: usize| text(n.get(n.len() - bytes..).unwrap_or_default());
    let with_e = |kid: &str, e: &[u8]| changed(jwk.clone(), kid, &[("e", text(e))]);
    let with_n = |kid: &str, n: Value| changed(jwk.clone(), kid, &[("n", n)]);
    let mut even = n.clone();
    if let Some(last) = even.last_mut() {
        *last &= 0xfe;
    }
    let rows = [
        ("20 512 bits", with_n("512", end(64))),
        ("20 1024 bits", with_n("1024", end(128))),
        ("20 2040 bits", with_n("2040", end(255))),
        ("20 16384 bits", with_n("16384", text(&n.repeat(8)))),
        ("20 a modulus that is even", with_n("even", text(&even))),
        ("20 a modulus that is nothing", with_n("empty", text(&[]))),
        ("20 a modulus that is zero", with_n("zero", text(&[0; 256]))),
        ("20 an exponent of 1", with_e("e1", &[1])),
        ("20 an exponent of 2", with_e("e2", &[2])),
        ("20 an exponent of 65536", with_e("e65536", &[1, 0, 0])),
        ("20 an exponent of 0", with_e("e0", &[0])),
        ("20 an exponent that is nothing", with_e("e", &[])),
        ("20 an exponent of 33 bits", with_e("e33", &[1, 0, 0, 0, 1])),
        ("20 an exponent of 2048 bits", with_e("huge", &n)),
        (
            "20 no exponent",
            changed(jwk.clone(), "no-e", &[("e", Value::Null)]),
        ),
        (
            "20 an exponent as a number",
            changed(jwk.clone(), "number", &[("e", json!(65_537))]),
        ),
        (
            "20 a modulus in padded base64",
            with_n(
                "padded",
                format!("{}==", URL_SAFE_NO_PAD.encode_to_string(&n)).into(),
            ),
        ),
    ];
    refuse_keys(
        rows.into_iter()
            .map(|(row, jwk)| (row, jwk, rsa.clone()))
            .collect(),
    )
    .await;

    // With the exponent 1 a signature is the padded digest itself: anybody can write it.
    let jwk = with_e("e1", &[1]);
    let stage = Stage::with(|issuer| issuer.add_jwk(jwk), |builder| builder).await;
    let token = stage.token().signed_by(&rsa.with_key_id("e1")).raw();
    let signed = token.signing_input();
    let token = token.signature(pkcs1_encoding(signed.as_bytes())).join();
    stage
        .refuse([("20 a forgery for the exponent 1", token, KeyUnknown)])
        .await;
}

/// EMSA-PKCS1-v1_5 with SHA-256 for a modulus of 2048 bits (RFC 8017 §9.2).
fn pkcs1_encoding(message: &[u8]) -> Vec<u8> {
    let info = octets("3031300d060960864801650304020105000420");
    let digest = digest::digest(&digest::SHA256, message);
    let padding = vec![0xff; 256 - 3 - info.len() - digest.as_ref().len()];
    [
        &[0, 1],
        padding.as_slice(),
        &[0],
        info.as_slice(),
        digest.as_ref(),
    ]
    .concat()
}

/// 39: RFC 7517 §4, §9.
#[tokio::test]
async fn a_key_that_is_not_there_for_checking_signatures_is_never_loaded() {
    let ed = SigningKey::generate(Algorithm::EdDSA);
    let rsa = SigningKey::generate(Algorithm::RS256);
    let okp = |kid: &str, members: &[(&str, Value)]| changed(ed.public_jwk(), kid, members);
    let with = |kid: &str, name: &str, value: Value| okp(kid, &[(name, value)]);
    let ops =
        |kid: &str, operations: Value| okp(kid, &[("use", Value::Null), ("key_ops", operations)]);
    let rows = vec![
        (
            "39 a private key",
            with("private", "d", json!("AQAB")),
            ed.clone(),
        ),
        ("39 use enc", with("enc", "use", json!("enc")), ed.clone()),
        (
            "39 use of another case",
            with("case", "use", json!("SIG")),
            ed.clone(),
        ),
        (
            "39 use nothing",
            with("no-use", "use", json!("")),
            ed.clone(),
        ),
        (
            "39 key_ops encrypt",
            ops("encrypt", json!(["encrypt"])),
            ed.clone(),
        ),
        ("39 key_ops sign", ops("sign", json!(["sign"])), ed.clone()),
        ("39 key_ops empty", ops("nothing", json!([])), ed.clone()),
        (
            "39 key_ops twice the same",
            ops("twice", json!(["verify", "verify"])),
            ed.clone(),
        ),
        (
            "39 alg for encryption",
            with("alg", "alg", json!("ECDH-ES")),
            ed.clone(),
        ),
        (
            "39 alg HS256 on a public key",
            with("hs", "alg", json!("HS256")),
            ed.clone(),
        ),
        (
            "39 alg none",
            with("none", "alg", json!("none")),
            ed.clone(),
        ),
        (
            "39 a private RSA key",
            changed(rsa.public_jwk(), "rsa", &[("d", json!("AQAB"))]),
            rsa.clone(),
        ),
        (
            "39 a prime of an RSA key",
            changed(rsa.public_jwk(), "p", &[("p", json!("AQAB"))]),
            rsa,
        ),
    ];
    refuse_keys(rows).await;

    // A published secret is known to everyone.
    let secret = b"published secret, published secret";
    let k = URL_SAFE_NO_PAD.encode_to_string(secret);
    let oct = json!({"kty": "oct", "kid": "oct", "alg": "HS256", "use": "sig", "k": k});
    let stage = Stage::with(|issuer| issuer.add_jwk(oct), |builder| builder).await;
    let token = |alg: &str| {
        let token = stage.token().signed_with_secret(Algorithm::HS256, secret);
        token.key_id("oct").header("alg", alg).sign()
    };
    stage
        .refuse([
            ("39 a published secret", token("HS256"), AlgorithmNotAllowed),
            (
                "39 a published secret as a public key",
                token("EdDSA"),
                KeyUnknown,
            ),
        ])
        .await;
}

/// 39: OpenID Federation 1.0 §8.7 publishes keys of the past so.
#[tokio::test]
async fn a_key_that_the_issuer_has_revoked_is_never_loaded() {
    let ed = SigningKey::generate(Algorithm::EdDSA);
    let revoked = json!({"revoked_at": 1_700_000_000, "reason": "compromised"});
    let jwk = changed(ed.public_jwk(), "revoked", &[("revoked", revoked)]);
    refuse_keys(vec![("39 a revoked key", jwk, ed)]).await;
}

/// 39: the same, for a key whose own time is over. Until then it is as good as any.
#[tokio::test]
async fn a_key_whose_time_is_over_is_not_used() {
    let ed = SigningKey::generate(Algorithm::EdDSA);
    let until = |kid: &str, exp: i64| changed(ed.public_jwk(), kid, &[("exp", json!(exp))]);
    refuse_keys(vec![(
        "39 a key whose time is over",
        until("over", NOW - 60),
        ed.clone(),
    )])
    .await;

    let jwk = until("lasting", NOW + 60);
    let stage = Stage::with(|issuer| issuer.add_jwk(jwk), |builder| builder).await;
    let key = ed.with_key_id("lasting");
    let token = || stage.token().signed_by(&key).sign();
    stage
        .accept("39 a key whose time is not over", &token())
        .await;
    stage.clock.advance(Duration::from_secs(59));
    stage.accept("39 its last second", &token()).await;
    stage.clock.advance(Duration::from_secs(1));
    stage
        .refuse([("39 a key whose time is now over", token(), KeyUnknown)])
        .await;
}

/// 40: CVE-2026-102274.
#[tokio::test]
async fn one_malformed_key_does_not_spoil_the_set() {
    let okp = SigningKey::generate(Algorithm::EdDSA).public_jwk();
    let with = |name: &str, value: Value| changed(okp.clone(), "bad", &[(name, value)]);
    for (row, bad) in [
        ("40 a string", json!("key")),
        ("40 null", Value::Null),
        ("40 a number", json!(1e300)),
        ("40 an array", json!([[], {}])),
        ("40 an empty object", json!({})),
        ("40 no kty", with("kty", Value::Null)),
        ("40 kty a number", with("kty", json!(1))),
        ("40 kty unknown", with("kty", json!("AKP"))),
        ("40 x a number", with("x", json!(1))),
        ("40 x not base64url", with("x", json!("+/+/"))),
        ("40 kid a number", with("kid", json!(1))),
        ("40 kid an array", with("kid", json!(["bad"]))),
        (
            "40 kid of 10000 bytes",
            with("kid", "k".repeat(10_000).into()),
        ),
        ("40 use a number", with("use", json!(1))),
        ("40 alg an object", with("alg", json!({}))),
        ("40 key_ops a string", with("key_ops", json!("verify"))),
        ("40 x5c a number", with("x5c", json!(1))),
    ] {
        let stage = Stage::with(|issuer| issuer.add_jwk(bad.clone()), |builder| builder).await;
        stage.accept(row, &stage.token().sign()).await;
    }
    // What no JSON value can show: a name twice, and nesting.
    let stage = Stage::with(
        |issuer| {
            let good = issuer.key(Algorithm::EdDSA).public_jwk();
            let nested = format!("{}{}", "[".repeat(31), "]".repeat(31));
            let twice = r#"{"kty":"OKP","kty":"RSA","kid":"twice"}"#;
            let document = format!(r#"{{"keys":[{twice},{good}],"more":{nested},"x":1}}"#);
            issuer.replace_key_set(document);
        },
        |builder| builder,
    )
    .await;
    stage.accept("40 a name twice", &stage.token().sign()).await;
}

/// 42: RFC 7517 §4.5.
#[tokio::test]
async fn keys_of_one_name_are_each_tried_where_they_fit() {
    let same = |algorithm| SigningKey::generate(algorithm).with_key_id("same");
    let keys = [
        same(Algorithm::EdDSA),
        same(Algorithm::EdDSA),
        same(Algorithm::EdDSA),
        same(Algorithm::EdDSA),
        same(Algorithm::ES256),
        same(Algorithm::RS256),
        same(Algorithm::PS256),
    ];
    let publish = |issuer: &TestIssuer| keys.iter().for_each(|key| issuer.add_key(key));
    let stage = Stage::with(publish, |builder| builder).await;
    for key in &keys {
        stage
            .accept(key.algorithm().name(), &stage.token().signed_by(key).sign())
            .await;
    }
    let stranger = same(Algorithm::EdDSA);
    let token = || stage.token().signed_by(&stranger);
    stage
        .refuse([
            (
                "42 a stranger's key of that name",
                token().sign(),
                Signature,
            ),
            (
                "42 no key of that name fits",
                token().header("alg", "ES384").sign(),
                KeyMismatch,
            ),
        ])
        .await;

    // Of five that fit, four are tried: a set must not make one token as dear as a hundred.
    let fifth = same(Algorithm::EdDSA);
    let publish = |issuer: &TestIssuer| {
        publish(issuer);
        issuer.add_key(&fifth);
    };
    let stage = Stage::with(publish, |builder| builder).await;
    let mut accepted = 0;
    for key in keys.iter().take(4).chain([&fifth]) {
        let answer = stage.send(&stage.token().signed_by(key).sign()).await;
        accepted += usize::from(answer.status() == http::StatusCode::OK);
    }
    assert_eq!(accepted, 4);
}

/// 42: without a name there must be no choice.
#[tokio::test]
async fn a_token_without_a_key_id_needs_exactly_one_key_that_fits() {
    let publish = |issuer: &TestIssuer| {
        issuer.publish(&[Algorithm::EdDSA, Algorithm::ES256, Algorithm::ES384]);
        issuer.add_key(&SigningKey::generate(Algorithm::ES384));
    };
    let stage = Stage::with(publish, |builder| builder).await;
    let token = |algorithm| stage.token().algorithm(algorithm).without_header("kid");
    stage
        .accept("one Ed25519 key", &token(Algorithm::EdDSA).sign())
        .await;
    stage
        .accept("one P-256 key", &token(Algorithm::ES256).sign())
        .await;
    stage
        .refuse([
            (
                "42 two keys fit",
                token(Algorithm::ES384).sign(),
                KeyAmbiguous,
            ),
            (
                "42 no key fits",
                token(Algorithm::EdDSA).header("alg", "RS256").sign(),
                KeyUnknown,
            ),
            (
                "42 one fits, and did not sign",
                token(Algorithm::EdDSA).signed_by_stranger().sign(),
                Signature,
            ),
        ])
        .await;
    // The published keys need no name either.
    let stage = Stage::with(|issuer| issuer.without_jwk_member("kid"), |builder| builder).await;
    stage
        .accept(
            "a key without a name",
            &stage.token().without_header("kid").sign(),
        )
        .await;
    let named = stage.token().key_id("any").sign();
    let answer = stage.send(&named).await;
    answer.refused_token("11 a name that no key has", KeyUnknown);
}

/// 43: RFC 8414 §3.3, §6.2; OpenID Connect Discovery §4.3.
#[tokio::test]
async fn metadata_of_another_issuer_bring_no_keys() {
    let evil = evil();
    for issuer in [
        json!(EVIL),
        json!("https://issuer.test/"),
        json!("https://ISSUER.test"),
        json!("https://issuer.test:443"),
        json!("https://issuer.test/{tenantid}"),
        json!("http://issuer.test"),
        json!(""),
        json!(["https://issuer.test"]),
        json!(1),
        Value::Null,
    ] {
        let row = format!("43 the document's issuer is {issuer}");
        let lie = |own: &TestIssuer| own.discovery_member("issuer", issuer.clone());
        let stage = Stage::beside(&evil, lie, |builder| builder);
        stage.send(&stage.token().sign()).await.unavailable(&row);
        assert_eq!(stage.issuer.downloads().key_set, 0, "{row}");
    }
    for (row, document) in [
        ("43 not JSON", "jwks_uri"),
        ("43 an array", "[]"),
        ("43 no jwks_uri", r#"{"issuer":"https://issuer.test"}"#),
        (
            "43 two issuers",
            r#"{"issuer":"https://issuer.test","jwks_uri":"https://issuer.test/jwks","issuer":"https://issuer.test"}"#,
        ),
        (
            "43 two addresses",
            r#"{"issuer":"https://issuer.test","jwks_uri":"https://issuer.test/jwks","jwks_uri":"https://evil.test/jwks"}"#,
        ),
    ] {
        let stage = Stage::beside(
            &evil,
            |own| own.replace_discovery(document),
            |builder| builder,
        );
        stage.send(&stage.token().sign()).await.unavailable(row);
    }
    assert_eq!(evil.total_requests(), 0);
    let missing = |own: &TestIssuer, at| own.behave_at(at, Behaviour::not_found());
    // At one of the two paths the document may be missing; at both, it is an outage.
    for endpoint in [Endpoint::OpenIdConfiguration, Endpoint::ServerMetadata] {
        let stage = Stage::beside(&evil, |own| missing(own, endpoint), |builder| builder);
        stage.accept("43 one path", &stage.token().sign()).await;
    }
    let stage = Stage::beside(
        &evil,
        |own| missing(own, Endpoint::Discovery),
        |builder| builder,
    );
    stage
        .send(&stage.token().sign())
        .await
        .unavailable("43 neither path");
}
