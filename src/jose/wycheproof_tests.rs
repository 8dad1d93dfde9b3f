//! The vectors of Project Wycheproof: signatures that were forged, mangled or made at the edge of what is right.
//!
//! Every valid one must verify and every invalid one must not. Those that Wycheproof calls acceptable are decided here,
//! each with its reason: we take what the standards of JOSE take, and nothing else.

use std::rc::Rc;

use wycheproof::{TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

use super::{Algorithm, KeySet, base64url};

/// What a set of vectors came to, so that an empty set does not pass for a good one.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    accepted: usize,
    refused: usize,
}

impl Tally {
    fn count(&mut self, what: &str, verified: bool, wanted: bool) {
        assert_eq!(verified, wanted, "{what}");
        if verified {
            self.accepted += 1;
        } else {
            self.refused += 1;
        }
    }
}

/// A set of one key, if it can be used.
fn key(jwk: &str) -> Option<KeySet> {
    KeySet::from_json(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes()).ok()
}

fn verify(keys: &KeySet, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    keys.keys()
        .iter()
        .any(|key| key.verify(algorithm, message, signature))
}

fn number(big_endian: &[u8]) -> String {
    let zeros = big_endian.iter().take_while(|&&byte| byte == 0).count();
    base64url::encode(big_endian.get(zeros..).unwrap_or_default())
}

fn ecdsa(algorithm: Algorithm, curve: &str, name: ecdsa::TestName) -> Tally {
    let mut tally = Tally::default();
    let set = ecdsa::TestSet::load(name).expect("the vectors can be read");
    for group in set.test_groups {
        // 0x04, then both coordinates at full length.
        let point = group.key.key.get(1..).unwrap_or_default();
        let (x, y) = point.split_at(point.len() / 2);
        let (x, y) = (base64url::encode(x), base64url::encode(y));
        let jwk = format!(r#"{{"kty":"EC","crv":"{curve}","x":"{x}","y":"{y}"}}"#);
        let keys = key(&jwk).expect("a key on its curve");
        for test in group.tests {
            assert_ne!(test.result, TestResult::Acceptable);
            let what = format!("{algorithm} {}: {}", test.tc_id, test.comment);
            let verified = verify(&keys, algorithm, &test.msg, &test.sig);
            tally.count(&what, verified, test.result == TestResult::Valid);
        }
    }
    tally
}

#[test]
fn ecdsa_signatures_are_two_numbers_in_range_at_full_length() {
    use ecdsa::TestName::{EcdsaSecp256r1Sha256P1363, EcdsaSecp384r1Sha384P1363};
    let mut sets = vec![
        (Algorithm::ES256, "P-256", EcdsaSecp256r1Sha256P1363),
        (Algorithm::ES384, "P-384", EcdsaSecp384r1Sha384P1363),
    ];
    if cfg!(feature = "aws-lc-rs") {
        let name = ecdsa::TestName::EcdsaSecp521r1Sha512P1363;
        sets.push((Algorithm::ES512, "P-521", name));
    }
    for (algorithm, curve, name) in sets {
        let tally = ecdsa(algorithm, curve, name);
        assert!(
            tally.accepted > 50 && tally.refused > 50,
            "{algorithm} {tally:?}"
        );
    }
}

#[test]
fn ed25519_signatures_have_one_form() {
    let mut tally = Tally::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).expect("the vectors can be read");
    for group in set.test_groups {
        let x = base64url::encode(&group.key.pk);
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
        let keys = key(&jwk).expect("a key on its curve");
        for test in group.tests {
            assert_ne!(test.result, TestResult::Acceptable);
            for algorithm in [Algorithm::EdDSA, Algorithm::Ed25519] {
                let what = format!("{algorithm} {}: {}", test.tc_id, test.comment);
                let verified = verify(&keys, algorithm, &test.msg, &test.sig);
                tally.count(&what, verified, test.result == TestResult::Valid);
            }
        }
    }
    assert!(tally.accepted > 50 && tally.refused > 50, "{tally:?}");
}

#[test]
fn pkcs1_signatures_have_one_padding() {
    use rsa_pkcs1_verify::TestName as Name;
    let mut tally = Tally::default();
    for (algorithm, names) in [
        (
            Algorithm::RS256,
            &[
                Name::Rsa2048Sha256,
                Name::Rsa3072Sha256,
                Name::Rsa4096Sha256,
            ][..],
        ),
        (
            Algorithm::RS384,
            &[
                Name::Rsa2048Sha384,
                Name::Rsa3072Sha384,
                Name::Rsa4096Sha384,
            ],
        ),
        (
            Algorithm::RS512,
            &[
                Name::Rsa2048Sha512,
                Name::Rsa3072Sha512,
                Name::Rsa4096Sha512,
            ],
        ),
    ] {
        for &name in names {
            let set = rsa_pkcs1_verify::TestSet::load(name).expect("the vectors can be read");
            for group in set.test_groups {
                let (n, e) = (number(&group.key.n), number(&group.key.e));
                let jwk = format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#);
                let keys = key(&jwk).expect("a sound key");
                for test in group.tests {
                    let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
                    // Acceptable is a DigestInfo without its NULL (RFC 8017 §A.2.4 lets a verifier take it), which no
                    // signer of tokens makes: RFC 7518 §3.3 wants the encoding of RFC 8017 §9.2, and that has it.
                    if test.result == TestResult::Acceptable {
                        let missing_null = rsa_pkcs1_verify::TestFlag::MissingNull;
                        assert_eq!(test.flags, [missing_null], "{what}");
                    }
                    let verified = verify(&keys, algorithm, &test.msg, &test.sig);
                    tally.count(&what, verified, test.result == TestResult::Valid);
                }
            }
        }
    }
    assert!(tally.accepted > 50 && tally.refused > 500, "{tally:?}");
}

/// RFC 7518 §3.5: the salt is as long as the hash, and the mask is made with the same hash.
#[test]
fn pss_signatures_have_the_salt_and_the_mask_of_their_hash() {
    use rsa_pss_verify::TestName as Name;
    let mut tally = Tally::default();
    for (algorithm, name) in [
        (Algorithm::PS256, Name::RsaPss2048Sha256Mgf1SaltLen32),
        (Algorithm::PS256, Name::RsaPss3072Sha256Mgf1SaltLen32),
        (Algorithm::PS256, Name::RsaPss4096Sha256Mgf1SaltLen32),
        (Algorithm::PS384, Name::RsaPss2048Sha384Mgf1SaltLen48),
        (Algorithm::PS384, Name::RsaPss4096Sha384Mgf1SaltLen48),
        (Algorithm::PS512, Name::RsaPss4096Sha512Mgf1SaltLen64),
    ] {
        for (what, keys, test) in pss(name) {
            // Acceptable where it occurs is a property of the hash that is none of ours; in these sets nothing is.
            assert_ne!(test.result, TestResult::Acceptable, "{what}");
            let verified = verify(&keys, algorithm, &test.msg, &test.sig);
            tally.count(&what, verified, test.result == TestResult::Valid);
        }
    }
    assert!(tally.accepted > 100 && tally.refused > 100, "{tally:?}");

    // Good signatures by other parameters: for us, none of them is one.
    let mut tally = Tally::default();
    for (algorithm, name) in [
        (Algorithm::PS256, Name::RsaPss2048Sha256Mgf1SaltLen0),
        (Algorithm::PS256, Name::RsaPss2048Sha256Mgf1Sha1_20),
        (Algorithm::PS256, Name::RsaPss2048Sha512_256Mgf1SaltLen32),
        (Algorithm::PS512, Name::RsaPss4096Sha512Mgf1SaltLen32),
    ] {
        let all = pss(name).into_iter();
        for (what, keys, test) in all.filter(|(.., test)| test.result == TestResult::Valid) {
            let verified = verify(&keys, algorithm, &test.msg, &test.sig);
            tally.count(&what, verified, false);
        }
    }
    assert!(tally.refused > 100, "{tally:?}");
}

fn pss(name: rsa_pss_verify::TestName) -> Vec<(String, Rc<KeySet>, rsa_pss_verify::Test)> {
    let set = rsa_pss_verify::TestSet::load(name).expect("the vectors can be read");
    let tests = set.test_groups.into_iter().flat_map(|group| {
        let (n, e) = (number(&group.key.n), number(&group.key.e));
        let jwk = format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#);
        let keys = Rc::new(key(&jwk).expect("a sound key"));
        group.tests.into_iter().map(move |test| {
            let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
            (what, Rc::clone(&keys), test)
        })
    });
    tests.collect()
}

/// RFC 7518 §3.2: the key is at least as long as the hash, and the tag is as long as the hash.
#[test]
fn hmac_tags_are_whole_and_keys_long_enough() {
    for (algorithm, length, name) in [
        (Algorithm::HS256, 32, mac::TestName::HmacSha256),
        (Algorithm::HS384, 48, mac::TestName::HmacSha384),
        (Algorithm::HS512, 64, mac::TestName::HmacSha512),
    ] {
        let (mut tally, mut short) = (Tally::default(), 0);
        let set = mac::TestSet::load(name).expect("the vectors can be read");
        for group in set.test_groups {
            for test in group.tests {
                let what = format!("{algorithm} {}: {}", test.tc_id, test.comment);
                let Ok(keys) = KeySet::hmac(algorithm, &test.key) else {
                    assert!(test.key.len() < length, "{what}");
                    short += 1;
                    continue;
                };
                assert!(test.key.len() >= length, "{what}");
                // Wycheproof also has tags that were cut off, as other uses of HMAC allow.
                let whole = group.tag_size == length * 8;
                let verified = verify(&keys, algorithm, &test.msg, &test.tag);
                tally.count(&what, verified, whole && test.result == TestResult::Valid);
            }
        }
        assert!(
            tally.accepted > 20 && tally.refused > 20 && short > 0,
            "{algorithm} {tally:?} {short}"
        );
    }
}
