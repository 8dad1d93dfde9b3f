#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;
use crate::jose::vectors::{RFC_7515_A2, RFC_7515_A3, RFC_7515_A4, RFC_8037_A4};

fn read(jwk: &str) -> Result<VerificationKey, SkipReason> {
    let document = format!(r#"{{"":{jwk}}}"#);
    let members = Members::scan_outermost(&document).unwrap();
    Jwk::read(members.get(&document, "").unwrap())?.to_key()
}

fn skipped(jwk: &str) -> Option<SkipReason> {
    read(jwk).err()
}

/// The JWK with more members in front.
fn with(members: &str, jwk: &str) -> String {
    jwk.replacen('{', &format!("{{{members},"), 1)
}

fn rsa(n: &[u8], e: &[u8]) -> String {
    let (n, e) = (base64url::encode(n), base64url::encode(e));
    format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#)
}

fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xa5; bits.div_ceil(8)];
    *n.first_mut().unwrap() = 1 << ((bits - 1) % 8);
    n
}

fn ed25519(x: &[u8]) -> String {
    let x = base64url::encode(x);
    format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#)
}

fn ec(curve: &str, x: &[u8], y: &[u8]) -> String {
    let (x, y) = (base64url::encode(x), base64url::encode(y));
    format!(r#"{{"kty":"EC","crv":"{curve}","x":"{x}","y":"{y}"}}"#)
}

#[test]
fn every_bad_key_has_its_reason() {
    use SkipReason::*;
    let (rsa, ec, okp) = (RFC_7515_A2.jwk, RFC_7515_A3.jwk, RFC_8037_A4.jwk);
    for (members, jwk, want) in [
        (r#""kty":1"#, r#"{"x":1}"#, Malformed),
        (r#""kid":"a""#, r#"{"x":1}"#, Malformed),
        (r#""kty":"AKP""#, r#"{"alg":"ML-DSA-44"}"#, UnknownType),
        (r#""kty":"rsa""#, r#"{"n":""}"#, UnknownType),
        (r#""kty":"oct""#, r#"{"k":"c2VjcmV0"}"#, Symmetric),
        (r#""kty":"oct""#, r#"{"alg":"HS256"}"#, Symmetric),
        (r#""k":"c2VjcmV0""#, rsa, Private),
        (r#""d":"AQ""#, rsa, Private),
        (r#""p":"AQ""#, rsa, Private),
        (r#""oth":[]"#, rsa, Private),
        (r#""d":null"#, ec, Private),
        (r#""d":"AQ""#, okp, Private),
        (r#""use":"enc""#, rsa, NotForSignatures),
        (r#""use":"SIG""#, rsa, NotForSignatures),
        (r#""use":1"#, rsa, Malformed),
        (r#""use":null"#, rsa, Malformed),
        (r#""key_ops":["sign"]"#, ec, NotForSignatures),
        (r#""key_ops":[]"#, ec, NotForSignatures),
        (r#""key_ops":["verify","verify"]"#, ec, NotForSignatures),
        (
            r#""key_ops":["encrypt","verify","encrypt"]"#,
            ec,
            NotForSignatures,
        ),
        (r#""key_ops":"verify""#, ec, Malformed),
        (r#""key_ops":["verify",1]"#, ec, Malformed),
        (r#""alg":"HS256""#, rsa, UnsupportedAlgorithm),
        (r#""alg":"ES256""#, rsa, UnsupportedAlgorithm),
        (r#""alg":"RSA-OAEP""#, rsa, UnsupportedAlgorithm),
        (r#""alg":"none""#, rsa, UnsupportedAlgorithm),
        (r#""alg":"rs256""#, rsa, UnsupportedAlgorithm),
        (r#""alg":"RS256""#, ec, UnsupportedAlgorithm),
        (r#""alg":"ES384""#, ec, UnsupportedAlgorithm),
        (r#""alg":"ES256K""#, ec, UnsupportedAlgorithm),
        (r#""alg":"ES256""#, okp, UnsupportedAlgorithm),
        (r#""alg":1"#, okp, Malformed),
        (r#""kid":1"#, ec, Malformed),
        (r#""kid":null"#, ec, Malformed),
        (r#""kid":"a","kid":"a""#, ec, Malformed),
        (r#""x5c":[{"a":1,"a":2}]"#, ec, Malformed),
        (r#""kty":"EC""#, r#"{"x":"AQ","y":"AQ"}"#, Malformed),
        (
            r#""kty":"EC""#,
            r#"{"crv":"secp256k1","x":"AQ","y":"AQ"}"#,
            UnknownCurve,
        ),
        (
            r#""kty":"EC""#,
            r#"{"crv":"Ed25519","x":"AQ","y":"AQ"}"#,
            UnknownCurve,
        ),
        (
            r#""kty":"EC""#,
            r#"{"crv":"p-256","x":"AQ","y":"AQ"}"#,
            UnknownCurve,
        ),
        (
            r#""kty":"OKP""#,
            r#"{"crv":"X25519","x":"AQ"}"#,
            UnknownCurve,
        ),
        (
            r#""kty":"OKP""#,
            r#"{"crv":"Ed448","x":"AQ"}"#,
            UnknownCurve,
        ),
        (r#""kty":"OKP""#, r#"{"crv":"Ed25519","x":"AQ"}"#, Malformed),
        (r#""kty":"OKP""#, r#"{"crv":"Ed25519"}"#, Malformed),
        (r#""kty":"RSA""#, r#"{"e":"AQAB"}"#, Malformed),
        (r#""kty":"RSA""#, r#"{"n":"","e":"AQAB"}"#, Malformed),
        (r#""kty":"RSA""#, r#"{"n":[],"e":"AQAB"}"#, Malformed),
        (r#""kty":"RSA""#, r#"{"n":"AQ==","e":"AQAB"}"#, Malformed),
        (r#""kty":"RSA""#, r#"{"n":"AR","e":"AQAB"}"#, Malformed),
        (r#""kty":"RSA""#, r#"{"n":"_w","e":"AQAB"}"#, Weak),
    ] {
        let jwk = with(members, jwk);
        assert_eq!(skipped(&jwk), Some(want), "{jwk}");
    }
    for jwk in ["null", "1", "\"\"", "[]", "{}"] {
        assert_eq!(skipped(jwk), Some(Malformed), "{jwk}");
    }
    let long = format!(r#""kid":"{}""#, "k".repeat(257));
    assert_eq!(skipped(&with(&long, ec)), Some(Malformed));
}

#[test]
fn what_a_good_key_says_beyond_need_is_ignored() {
    for members in [
        r#""use":"sig""#,
        r#""key_ops":["verify"]"#,
        r#""key_ops":["sign","verify"]"#,
        r#""use":"sig","key_ops":["verify"],"alg":"ES256","kid":"""#,
        r#""ext":true,"x5c":["?"],"x5u":1,"x5t":null,"iat":5,"q2":{"d":1}"#,
        r#""\u006bid":"one""#,
    ] {
        assert_eq!(skipped(&with(members, RFC_7515_A3.jwk)), None, "{members}");
    }
    let key = read(&with(r#""kid":"\u0061\/b""#, RFC_7515_A3.jwk)).unwrap();
    assert_eq!(key.key_id().unwrap().as_ref(), "a/b");
}

#[test]
fn an_rsa_key_has_2048_to_8192_bits_and_odd_numbers() {
    let largest = if cfg!(feature = "aws-lc-rs") {
        8192
    } else {
        4096
    };
    let e = [1, 0, 1];
    for bits in [2048, 2049, 3072, 4096, largest - 1, largest] {
        assert_eq!(skipped(&rsa(&modulus(bits), &e)), None, "{bits}");
    }
    for bits in [8, 512, 1024, 2047, 8193, 16384] {
        let reason = skipped(&rsa(&modulus(bits), &e));
        assert_eq!(reason, Some(SkipReason::Weak), "{bits}");
    }
    if largest < 8192 {
        let reason = skipped(&rsa(&modulus(4104), &e));
        assert_eq!(reason, Some(SkipReason::UnsupportedByBackend));
    }
    let mut even = modulus(2048);
    *even.last_mut().unwrap() = 0xa4;
    assert_eq!(skipped(&rsa(&even, &e)), Some(SkipReason::Weak));
}

#[test]
fn an_rsa_exponent_is_odd_and_between_3_and_32_bits() {
    let n = modulus(2048);
    for (e, want) in [
        (&[3][..], None),
        (&[17], None),
        (&[1, 0, 1], None),
        (&[0xff, 0xff, 0xff, 0xff], None),
        (&[1], Some(SkipReason::Weak)),
        (&[2], Some(SkipReason::Weak)),
        (&[1, 0, 0], Some(SkipReason::Weak)),
        (&[1, 0, 0, 0, 1], Some(SkipReason::Weak)),
        (&[], Some(SkipReason::Malformed)),
        (&[0], Some(SkipReason::Malformed)),
        (&[0, 0, 1, 0, 1], Some(SkipReason::Malformed)),
    ] {
        assert_eq!(skipped(&rsa(&n, e)), want, "{e:?}");
    }
}

#[test]
fn one_leading_zero_of_an_rsa_number_changes_nothing() {
    let n = modulus(2048);
    let key = read(&rsa(&n, &[1, 0, 1])).unwrap();
    let signed = [&[0], n.as_slice()].concat();
    let same = read(&rsa(&signed, &[0, 1, 0, 1])).unwrap();
    assert!(key.same(&same));
    let more = [&[0, 0], n.as_slice()].concat();
    assert_eq!(
        skipped(&rsa(&more, &[1, 0, 1])),
        Some(SkipReason::Malformed)
    );
}

#[test]
fn coordinates_have_the_length_of_their_curve_and_lie_on_it() {
    let coordinates = |jwk: &str| {
        let members = Members::scan(jwk).unwrap();
        let octets = |name| base64url::decode(members.get(jwk, name)?.as_str()?.as_bytes());
        (octets("x").unwrap(), octets("y").unwrap())
    };
    for (curve, jwk) in [("P-256", RFC_7515_A3.jwk), ("P-521", RFC_7515_A4.jwk)] {
        if curve == "P-521" && cfg!(not(feature = "aws-lc-rs")) {
            assert_eq!(skipped(jwk), Some(SkipReason::UnsupportedByBackend));
            continue;
        }
        let (x, y) = coordinates(jwk);
        let zero = vec![0; x.len()];
        let ones = vec![0xff; x.len()];
        let mut beside = y.clone();
        *beside.last_mut().unwrap() ^= 1;
        assert_eq!(skipped(&ec(curve, &x, &y)), None);
        for (x, y) in [
            (&x, &beside),
            (&y, &x),
            (&zero, &zero),
            (&ones, &y),
            (&x, &ones),
        ] {
            assert_eq!(
                skipped(&ec(curve, x, y)),
                Some(SkipReason::OffCurve),
                "{curve}"
            );
        }
        let longer = [&[0], x.as_slice()].concat();
        let shorter = x.get(1..).unwrap();
        for x in [&longer, shorter, &[][..]] {
            assert_eq!(
                skipped(&ec(curve, x, &y)),
                Some(SkipReason::Malformed),
                "{curve}"
            );
        }
        assert_eq!(skipped(&ec("P-384", &x, &y)), Some(SkipReason::Malformed));
    }
}

#[test]
fn an_ed25519_point_is_on_the_curve_and_of_full_order() {
    let mut y = [0; 32];
    assert_eq!(skipped(&ed25519(&y)), Some(SkipReason::Weak));
    *y.first_mut().unwrap() = 1;
    assert_eq!(skipped(&ed25519(&y)), Some(SkipReason::Weak));
    *y.first_mut().unwrap() = 2;
    assert_eq!(skipped(&ed25519(&y)), Some(SkipReason::OffCurve));
    *y.first_mut().unwrap() = 3;
    assert_eq!(skipped(&ed25519(&y)), None);
    assert_eq!(skipped(&ed25519(&[0xff; 32])), Some(SkipReason::OffCurve));
    assert_eq!(skipped(&ed25519(&[3; 31])), Some(SkipReason::Malformed));
    assert_eq!(skipped(&ed25519(&[3; 33])), Some(SkipReason::Malformed));
}
