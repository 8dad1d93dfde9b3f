#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::clock::NumericDate;
use crate::jose::vectors::{self, RFC_7515_A1, RFC_7520_4_1, RFC_7520_4_2, Vector};
use crate::jose::{Algorithm, Compact, Header, KeySet, base64url};

/// ES512 is beyond one of the backends.
fn supported() -> impl Iterator<Item = Vector> {
    let p521 = cfg!(feature = "aws-lc-rs");
    vectors::ALL
        .into_iter()
        .filter(move |vector| p521 || vector.algorithm != Algorithm::ES512)
}

fn set(jwk: &str) -> KeySet {
    KeySet::from_json(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes()).unwrap()
}

fn verifies(keys: &KeySet, token: &str) -> bool {
    let token = Compact::decode(token, 16 * 1024).unwrap();
    let header = Header::parse(&token.header).unwrap();
    let candidates = keys.select(
        header.key_id.as_deref(),
        header.algorithm,
        NumericDate::from_seconds(0),
    );
    candidates.is_ok_and(|mut candidates| {
        candidates.any(|key| key.verify(header.algorithm, token.signing_input, &token.signature))
    })
}

#[test]
fn the_examples_of_the_standards_verify() {
    for Vector {
        token,
        jwk,
        algorithm,
    } in supported()
    {
        assert!(verifies(&set(jwk), token), "{algorithm}");
    }
}

#[test]
fn the_hmac_example_verifies() {
    let (token, secret) = RFC_7515_A1;
    let secret = base64url::decode(secret).unwrap();
    let keys = KeySet::hmac(Algorithm::HS256, &secret).unwrap();
    assert!(keys.is_hmac());
    assert!(verifies(&keys, token));
    let other = KeySet::hmac(Algorithm::HS256, &[7; 64]).unwrap();
    assert!(!verifies(&other, token));
    let longer = KeySet::hmac(Algorithm::HS512, &secret).unwrap();
    assert!(!verifies(&longer, token));
}

#[test]
fn an_rsa_key_without_alg_serves_six_algorithms_and_each_signature_only_its_own() {
    let keys = set(RFC_7520_4_1.jwk);
    for Vector {
        token, algorithm, ..
    } in [RFC_7520_4_2, RFC_7520_4_1, RFC_7520_4_2]
    {
        let token = Compact::decode(token, 16 * 1024).unwrap();
        let [key] = keys.keys() else { unreachable!() };
        for other in Algorithm::ALL {
            let verified = key.verify(*other, token.signing_input, &token.signature);
            assert_eq!(verified, *other == algorithm, "{algorithm} as {other}");
        }
    }
}

#[test]
fn no_algorithm_is_used_that_the_jwk_does_not_allow() {
    let only = RFC_7520_4_1
        .jwk
        .replace(r#""use""#, r#""alg":"PS384","use""#);
    assert!(verifies(&set(&only), RFC_7520_4_2.token));
    assert!(!verifies(&set(&only), RFC_7520_4_1.token));
    let keys = set(&only);
    let [key] = keys.keys() else { unreachable!() };
    assert!(key.algorithms().iter().eq([Algorithm::PS384]));
}

#[test]
fn both_names_of_ed25519_work_whichever_the_jwk_has() {
    let vector = vectors::RFC_8037_A4;
    let token = Compact::decode(vector.token, 1024).unwrap();
    for jwk in [
        vector.jwk.to_owned(),
        vector.jwk.replace(r#""crv""#, r#""alg":"EdDSA","crv""#),
        vector.jwk.replace(r#""crv""#, r#""alg":"Ed25519","crv""#),
    ] {
        let keys = set(&jwk);
        let [key] = keys.keys() else { unreachable!() };
        for algorithm in Algorithm::ALL {
            let ours = matches!(algorithm, Algorithm::EdDSA | Algorithm::Ed25519);
            assert_eq!(key.fits(*algorithm), ours);
            assert_eq!(
                key.verify(*algorithm, token.signing_input, &token.signature),
                ours
            );
        }
    }
}

#[test]
fn any_change_to_message_or_signature_is_noticed() {
    for Vector {
        token,
        jwk,
        algorithm,
    } in supported()
    {
        let keys = set(jwk);
        let [key] = keys.keys() else { unreachable!() };
        let token = Compact::decode(token, 16 * 1024).unwrap();
        let verify = |message: &[u8], signature: &[u8]| key.verify(algorithm, message, signature);
        assert!(verify(token.signing_input, &token.signature));
        for at in [0, token.signing_input.len() - 1] {
            let mut message = token.signing_input.to_vec();
            *message.get_mut(at).unwrap() ^= 1;
            assert!(!verify(&message, &token.signature), "{algorithm}");
        }
        let length = token.signature.len();
        for at in [0, length / 2, length - 1] {
            let mut signature = token.signature.clone();
            *signature.get_mut(at).unwrap() ^= 1;
            assert!(!verify(token.signing_input, &signature), "{algorithm}");
        }
    }
}

#[test]
fn a_signature_of_another_length_or_of_zeros_is_refused() {
    for Vector {
        token,
        jwk,
        algorithm,
    } in supported()
    {
        let keys = set(jwk);
        let [key] = keys.keys() else { unreachable!() };
        let token = Compact::decode(token, 16 * 1024).unwrap();
        let signature = &token.signature;
        let leading_zero = [&[0], signature.as_slice()].concat();
        let trailing_zero = [signature.as_slice(), &[0]].concat();
        // A DER form of r = s = 0, and CVE-2022-21449 itself.
        let der = [0x30, 6, 2, 1, 0, 2, 1, 0];
        let zeros = vec![0; signature.len()];
        let ones = vec![0xff; signature.len()];
        for bad in [&[][..], &leading_zero, &trailing_zero, &der, &zeros, &ones] {
            assert!(
                !key.verify(algorithm, token.signing_input, bad),
                "{algorithm}"
            );
        }
        let shorter = signature.get(1..).unwrap();
        assert!(!key.verify(algorithm, token.signing_input, shorter));
    }
}

#[test]
fn nothing_of_a_key_is_shown() {
    let secret = b"a secret of thirty-two bytes ...";
    let keys = KeySet::hmac_with_key_id(Algorithm::HS256, "name", secret).unwrap();
    let [key] = keys.keys() else { unreachable!() };
    assert_eq!(
        format!("{key:?} {keys:?}"),
        r#"VerificationKey { key_id: Some("name"), algorithms: {HS256}, .. } KeySet { usable: 1, skipped: 0 }"#
    );
}
