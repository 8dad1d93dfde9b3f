//! Attacks on the choice of the algorithm: rows 1 to 6 and 21.

use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_bearer::VerifyErrorKind::{
    AlgorithmNotAllowed, AlgorithmUnknown, HeaderParameter, KeyMismatch, NotCompact, Signature,
};
use tower_bearer::testing::SigningKey;
use tower_bearer::{Algorithm, Authenticator, ConfigErrorKind, KeySet, Policy, Verifier};

use crate::support::{AUDIENCE, ISSUER, Row, Stage};

/// 1: CVE-2015-9235, CVE-2015-2951, CVE-2020-28042, CVE-2021-44878. Signed all the same, where there is a signature.
pub(crate) fn unsigned(stage: &Stage) -> Vec<Row> {
    let alg = |value: Value| stage.token().header("alg", value).sign();
    let bare = |value: &str| stage.token().header("alg", value).raw_signature([]).sign();
    let header = HeaderParameter { name: "alg" };
    vec![
        ("1 alg none", alg("none".into()), AlgorithmUnknown),
        ("1 alg None", alg("None".into()), AlgorithmUnknown),
        ("1 alg NONE", alg("NONE".into()), AlgorithmUnknown),
        ("1 alg nOnE", alg("nOnE".into()), AlgorithmUnknown),
        (
            "1 alg none and a space",
            alg("none ".into()),
            AlgorithmUnknown,
        ),
        (
            "1 alg a space and none",
            alg(" none".into()),
            AlgorithmUnknown,
        ),
        ("1 alg none and NUL", alg("none\0".into()), AlgorithmUnknown),
        ("1 alg empty", alg("".into()), AlgorithmUnknown),
        ("1 alg in lower case", alg("eddsa".into()), AlgorithmUnknown),
        ("1 alg and a space", alg("EdDSA ".into()), AlgorithmUnknown),
        (
            "1 alg of no signature",
            alg("RSA1_5".into()),
            AlgorithmUnknown,
        ),
        ("1 alg null", alg(Value::Null), header),
        ("1 alg an array", alg(json!(["EdDSA"])), header),
        ("1 alg a number", alg(json!(0)), header),
        (
            "1 alg missing",
            stage.token().without_header("alg").sign(),
            header,
        ),
        ("1 alg none without a signature", bare("none"), NotCompact),
        ("1 alg EdDSA without a signature", bare("EdDSA"), NotCompact),
    ]
}

/// 2: CVE-2016-5431, CVE-2017-11424, CVE-2022-29217, CVE-2024-33663, CVE-2024-54150, CVE-2023-48223 and their kin.
pub(crate) fn public_key_as_secret(stage: &Stage) -> Vec<Row> {
    let mut rows = Vec::new();
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        let key = stage.issuer.key(algorithm);
        let (pem, der) = (key.public_key_pem(), key.public_key_der());
        let ssh = format!("ssh-rsa {} alice@example", STANDARD.encode_to_string(&der));
        let secrets: [(&str, Vec<u8>); 8] = [
            ("2 HS256 with the PEM text", pem.clone().into()),
            ("2 HS256 with the PEM text, trimmed", pem.trim().into()),
            (
                "2 HS256 with the PEM text after a line break",
                format!("\n{pem}").into(),
            ),
            (
                "2 HS256 with the PEM text after spaces",
                format!("  {pem}").into(),
            ),
            ("2 HS256 with the DER octets", der),
            (
                "2 HS256 with the JWK text",
                key.public_jwk().to_string().into(),
            ),
            ("2 HS256 with the SSH text", ssh.into()),
            ("2 HS256 with the number", public_number(&key)),
        ];
        for (row, secret) in secrets {
            let token = stage.token().signed_with_secret(Algorithm::HS256, &secret);
            let token = token.key_id(key.key_id().unwrap_or_default()).sign();
            rows.push((row, token, AlgorithmNotAllowed));
        }
    }
    for (row, algorithm) in [("2 HS384", Algorithm::HS384), ("2 HS512", Algorithm::HS512)] {
        let secret = stage.issuer.key(Algorithm::RS256).public_key_pem();
        let token = stage
            .token()
            .signed_with_secret(algorithm, secret.as_bytes());
        rows.push((row, token.sign(), AlgorithmNotAllowed));
    }
    rows
}

/// The modulus or first coordinate: what one gets who reads a JWK without its type.
fn public_number(key: &SigningKey) -> Vec<u8> {
    let jwk = key.public_jwk();
    let number = jwk.get("n").or(jwk.get("x")).and_then(Value::as_str);
    URL_SAFE_NO_PAD
        .decode_to_vec(number.unwrap_or_default())
        .expect("base64url")
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused_however_it_spells_that() {
    let stage = Stage::new().await;
    stage.refuse(unsigned(&stage)).await;
}

#[tokio::test]
async fn a_public_key_is_never_a_secret() {
    let publish = |issuer: &tower_bearer::testing::TestIssuer| {
        issuer.publish(&[Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256]);
    };
    let stage = Stage::with(publish, |builder| builder).await;
    stage.refuse(public_key_as_secret(&stage)).await;

    // 3: the same where no key says what it is for (CVE-2026-22817, CVE-2026-44699).
    let bare = |issuer: &tower_bearer::testing::TestIssuer| {
        publish(issuer);
        issuer.without_jwk_member("alg");
        issuer.without_jwk_member("use");
    };
    let stage = Stage::with(bare, |builder| builder).await;
    stage.refuse(public_key_as_secret(&stage)).await;
    let empty = stage.token().signed_with_secret(Algorithm::HS256, b"");
    stage
        .refuse([(
            "3 HS256 with an empty secret",
            empty.sign(),
            AlgorithmNotAllowed,
        )])
        .await;
}

#[test]
fn secrets_and_public_keys_cannot_be_configured_together() {
    let secret = || KeySet::hmac(Algorithm::HS256, &[7; 32]).expect("long enough");
    let public = || {
        let key = SigningKey::generate(Algorithm::EdDSA);
        let document = tower_bearer::testing::key_set_of(&[&key]).to_string();
        KeySet::from_json(document.as_bytes()).expect("a key set")
    };
    let builder = || Authenticator::builder(ISSUER, AUDIENCE);
    let kind = |outcome: Result<Authenticator, tower_bearer::ConfigError>| {
        outcome.map(|_| ()).map_err(|error| error.kind())
    };
    let both = [Algorithm::RS256, Algorithm::HS256];
    for (row, outcome, want) in [
        (
            "2 RS256 beside HS256",
            builder().algorithms(both).build(),
            ConfigErrorKind::Algorithms,
        ),
        (
            "2 HS256 allowed for published keys",
            builder().algorithms([Algorithm::HS256]).build(),
            ConfigErrorKind::Contradiction,
        ),
        (
            "2 HS256 allowed for given public keys",
            builder()
                .algorithms([Algorithm::HS256])
                .key_set(public())
                .build(),
            ConfigErrorKind::Contradiction,
        ),
        (
            "2 RS256 allowed for a secret",
            builder()
                .algorithms([Algorithm::RS256])
                .key_set(secret())
                .build(),
            ConfigErrorKind::Contradiction,
        ),
        (
            "2 a secret as seed",
            builder().seed(secret()).build(),
            ConfigErrorKind::Contradiction,
        ),
        (
            "5 an empty list",
            builder().algorithms([]).build(),
            ConfigErrorKind::Algorithms,
        ),
    ] {
        assert_eq!(kind(outcome), Err(want), "{row}");
    }
    assert_eq!(kind(builder().key_set(secret()).build()), Ok(()));
    assert_eq!(kind(builder().key_set(public()).build()), Ok(()));
}

/// 5: CVE-2020-15084, CVE-2022-23540.
#[test]
fn without_a_list_of_algorithms_none_is_symmetric() {
    let policy = Policy::builder(ISSUER, AUDIENCE)
        .build()
        .expect("a sound policy");
    let allowed: Vec<_> = policy.algorithms().collect();
    assert_eq!(allowed, Algorithm::ASYMMETRIC);
    assert!(!allowed.iter().any(|algorithm| algorithm.is_hmac()));
}

/// 6: CVE-2019-20933, CVE-2026-102266, CVE-2026-107720.
#[test]
fn a_secret_shorter_than_its_hash_is_no_key() {
    for (algorithm, length) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        for short in [0, 1, length - 1] {
            let refused = KeySet::hmac(algorithm, &vec![7; short]).map(|_| ());
            let kind = refused.map_err(|error| error.kind());
            assert_eq!(
                kind,
                Err(ConfigErrorKind::Keys),
                "6 {short} bytes for {algorithm}"
            );
        }
        assert!(
            KeySet::hmac(algorithm, &vec![7; length]).is_ok(),
            "{algorithm}"
        );
    }
    let refused = KeySet::hmac(Algorithm::RS256, &[7; 64]).map(|_| ());
    assert_eq!(
        refused.map_err(|error| error.kind()),
        Err(ConfigErrorKind::Keys)
    );
}

/// 6: a good key, and tokens signed with none.
#[tokio::test]
async fn a_token_signed_with_an_empty_secret_is_refused() {
    let stage = Stage::new().await;
    let secret = [7; 32];
    let keys = KeySet::hmac(Algorithm::HS256, &secret).expect("long enough");
    let policy = Policy::builder(ISSUER, AUDIENCE).algorithms([Algorithm::HS256]);
    let verifier: Verifier = Verifier::new(policy.build().expect("sound"), keys).expect("they fit");
    let now = tower_bearer::NumericDate::from_seconds(crate::support::NOW);
    let outcome = |secret: &[u8]| {
        let token = stage
            .token()
            .signed_with_secret(Algorithm::HS256, secret)
            .sign();
        verifier
            .verify(&token, now)
            .map(|_| ())
            .map_err(|error| error.kind())
    };
    assert_eq!(outcome(&secret), Ok(()));
    assert_eq!(outcome(b""), Err(Signature), "6 an empty secret");
    assert_eq!(
        outcome(&secret[..31]),
        Err(Signature),
        "6 the secret without its last byte"
    );
    // HMAC pads a short secret with zeros (RFC 2104 §2): the two are one.
    let padded = [&secret[..], &[0]].concat();
    assert_eq!(outcome(&padded), Ok(()));
}

#[tokio::test]
async fn header_key_and_policy_agree_on_one_algorithm() {
    use Algorithm::{ES256, ES384, PS256, RS256, RS512};
    // 3: keys that do not say what they are for. The key's type decides, then the policy.
    let bare = |issuer: &tower_bearer::testing::TestIssuer| {
        issuer.publish(&[Algorithm::EdDSA, RS256, ES256]);
        issuer.without_jwk_member("alg");
    };
    let allowed = [Algorithm::EdDSA, RS256, ES256, ES384];
    let stage = Stage::with(bare, |builder| builder.algorithms(allowed)).await;
    let (rsa, ec) = (stage.issuer.key(RS256), stage.issuer.key(ES256));
    stage
        .accept(
            "RS256 by the RSA key",
            &stage.token().signed_by(&rsa).sign(),
        )
        .await;
    stage
        .accept("ES256 by the EC key", &stage.token().signed_by(&ec).sign())
        .await;
    let rows = [
        (
            "3 RSA key, header ES256",
            stage.token().signed_by(&rsa).header("alg", "ES256").sign(),
            KeyMismatch,
        ),
        (
            "3 EC key, header RS256",
            stage.token().signed_by(&ec).header("alg", "RS256").sign(),
            KeyMismatch,
        ),
        (
            "3 EC key of P-256, header ES384",
            stage.token().signed_by(&ec).header("alg", "ES384").sign(),
            KeyMismatch,
        ),
        (
            "3 RSA key, PS256 signed and said, not allowed",
            stage.token().signed_by(&rsa).algorithm(PS256).sign(),
            AlgorithmNotAllowed,
        ),
        // 4: the list is held against the header, so the signature must be of what the header says (CVE-2026-48523).
        (
            "4 header RS256, signed as PS256",
            stage
                .token()
                .signed_by(&rsa)
                .algorithm(PS256)
                .header("alg", "RS256")
                .sign(),
            Signature,
        ),
        (
            "4 header RS256, signed as RS512",
            stage
                .token()
                .signed_by(&rsa)
                .algorithm(RS512)
                .header("alg", "RS256")
                .sign(),
            Signature,
        ),
        (
            "4 header PS256, signed as RS256",
            stage.token().signed_by(&rsa).header("alg", "PS256").sign(),
            AlgorithmNotAllowed,
        ),
    ];
    stage.refuse(rows).await;

    // 21: keys that say what they are for; the policy allows all.
    let stage = Stage::with(
        |issuer| issuer.publish(&[Algorithm::EdDSA, RS256, PS256]),
        |builder| builder,
    )
    .await;
    let (rs, ps) = (stage.issuer.key(RS256), stage.issuer.key(PS256));
    stage
        .accept("RS256 by its key", &stage.token().signed_by(&rs).sign())
        .await;
    stage
        .accept("PS256 by its key", &stage.token().signed_by(&ps).sign())
        .await;
    let rows = [
        (
            "21 RS256 by the PS256 key",
            stage.token().signed_by(&ps).algorithm(RS256).sign(),
            KeyMismatch,
        ),
        (
            "21 PS256 by the RS256 key",
            stage.token().signed_by(&rs).algorithm(PS256).sign(),
            KeyMismatch,
        ),
        (
            "21 RS512 by the RS256 key",
            stage.token().signed_by(&rs).algorithm(RS512).sign(),
            KeyMismatch,
        ),
        (
            "21 header RS256, signed as PS256, by the RS256 key",
            stage
                .token()
                .signed_by(&rs)
                .algorithm(PS256)
                .header("alg", "RS256")
                .sign(),
            Signature,
        ),
        (
            "4 header RS256, signed as PS256, by the PS256 key",
            stage.token().signed_by(&ps).header("alg", "RS256").sign(),
            KeyMismatch,
        ),
    ];
    stage.refuse(rows).await;
}
