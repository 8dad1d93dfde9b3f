//! Which key may check which signature.

#[expect(dead_code, reason = "only a part of it is needed here")]
mod support;

use std::slice;

use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use support::{AUDIENCE, ISSUER, NOW, Stage};
use tower_bearer::VerifyErrorKind::{
    AlgorithmNotAllowed, KeyAmbiguous, KeyMismatch, KeyUnknown, Signature,
};
use tower_bearer::jose::{KeySetErrorKind, SkipReason};
use tower_bearer::testing::{SigningKey, TestIssuer, key_set_of};
use tower_bearer::{
    Algorithm, ConfigErrorKind, KeySet, NumericDate, Policy, Verifier, VerifyErrorKind,
};

const HMAC: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

/// All that the backend in use can do: RustCrypto's has no P-521.
fn supported() -> Vec<Algorithm> {
    let all = Algorithm::ASYMMETRIC.iter().copied();
    all.filter(|&algorithm| algorithm != Algorithm::ES512 || cfg!(feature = "aws-lc-rs"))
        .collect()
}

/// Key type and curve, as far as algorithms tell them apart.
fn family(algorithm: Algorithm) -> &'static str {
    match algorithm.name() {
        "ES256" => "P-256",
        "ES384" => "P-384",
        "ES512" => "P-521",
        "EdDSA" | "Ed25519" => "Ed25519",
        _ => "RSA",
    }
}

fn key_set(jwks: &[Value]) -> Result<KeySet, tower_bearer::jose::KeySetError> {
    KeySet::from_json(json!({ "keys": jwks }).to_string().as_bytes())
}

/// What a verifier with these keys says of a token.
fn verdict(
    keys: KeySet,
    algorithms: Option<&[Algorithm]>,
    token: &str,
) -> Result<(), VerifyErrorKind> {
    let mut policy = Policy::builder(ISSUER, AUDIENCE);
    if let Some(algorithms) = algorithms {
        policy = policy.algorithms(algorithms.iter().copied());
    }
    let verifier: Verifier = Verifier::new(policy.build().expect("sound"), keys).expect("they fit");
    let outcome = verifier.verify(token, NumericDate::from_seconds(NOW));
    outcome.map(|_| ()).map_err(|error| error.kind())
}

#[tokio::test]
async fn each_algorithm_is_accepted_from_end_to_end() {
    for algorithm in supported() {
        let stage = Stage::with(|issuer| issuer.publish(&[algorithm]), |builder| builder).await;
        let token = stage.token().sign();
        let verified = stage.accept(algorithm.name(), &token).await;
        assert_eq!(verified.algorithm(), Some(algorithm));
        assert_eq!(verified.key_id(), stage.issuer.key(algorithm).key_id());
        let forged = stage.token().signed_by_stranger().sign();
        stage
            .send(&forged)
            .await
            .refused_token(algorithm.name(), Signature);
    }
}

#[tokio::test]
async fn all_keys_stand_beside_each_other() {
    let supported = supported();
    let stage = Stage::with(|issuer| issuer.publish(&supported), |builder| builder).await;
    for &algorithm in &supported {
        stage
            .accept(algorithm.name(), &stage.token().algorithm(algorithm).sign())
            .await;
    }
}

/// RFC 8725 §3.1. The token says `said`, under a key that is published for `published` and signs as it can.
#[tokio::test]
async fn a_key_with_alg_does_that_algorithm_and_no_other() {
    let stage = Stage::new().await;
    for published in supported() {
        let key = SigningKey::generate(published);
        for &said in Algorithm::ASYMMETRIC {
            let same_family = family(published) == family(said);
            let edwards = family(published) == "Ed25519";
            let token = stage.token().signed_by(&key).header("alg", said.name());
            let token = if same_family {
                token.algorithm(said)
            } else {
                token
            };
            let want = match said == published || (same_family && edwards) {
                true => Ok(()),
                false => Err(KeyMismatch),
            };
            let keys = key_set(&[key.public_jwk()]).expect("one key");
            assert_eq!(
                verdict(keys, None, &token.sign()),
                want,
                "key {published}, token {said}"
            );
        }
    }
}

#[tokio::test]
async fn a_key_without_alg_does_what_its_type_can() {
    let stage = Stage::new().await;
    for made in [
        Algorithm::RS256,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
    ] {
        let key = SigningKey::generate(made);
        let mut jwk = key.public_jwk();
        jwk.as_object_mut()
            .expect("a JWK")
            .retain(|name, _| name != "alg" && name != "use");
        for &said in Algorithm::ASYMMETRIC {
            let fits = family(made) == family(said);
            let token = stage.token().signed_by(&key).header("alg", said.name());
            let token = if fits { token.algorithm(said) } else { token };
            let want = if fits { Ok(()) } else { Err(KeyMismatch) };
            let keys = key_set(&[jwk.clone()]).expect("one key");
            assert_eq!(
                verdict(keys, None, &token.sign()),
                want,
                "key {made}, token {said}"
            );
        }
        // Signed as one, said to be another: the header decides what is computed, and it does not come out.
        if made == Algorithm::RS256 {
            for &signed in Algorithm::ASYMMETRIC
                .iter()
                .filter(|&&each| family(each) == "RSA")
            {
                for &said in Algorithm::ASYMMETRIC
                    .iter()
                    .filter(|&&each| family(each) == "RSA")
                {
                    let token = stage
                        .token()
                        .signed_by(&key)
                        .algorithm(signed)
                        .header("alg", said.name());
                    let want = if said == signed {
                        Ok(())
                    } else {
                        Err(Signature)
                    };
                    let keys = key_set(&[jwk.clone()]).expect("one key");
                    assert_eq!(
                        verdict(keys, None, &token.sign()),
                        want,
                        "signed {signed}, said {said}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn only_what_is_allowed_is_accepted() {
    let stage = Stage::new().await;
    // One key for each algorithm: a policy that no key fits is a mistake of its own.
    let keys = supported()
        .into_iter()
        .map(|algorithm| (algorithm, SigningKey::generate(algorithm)));
    let keys: Vec<_> = keys.collect();
    let jwks: Vec<_> = keys.iter().map(|(_, key)| key.public_jwk()).collect();
    for (made, key) in &keys {
        let (made, token) = (*made, stage.token().signed_by(key).sign());
        for allowed in supported() {
            let want = if made == allowed {
                Ok(())
            } else {
                Err(AlgorithmNotAllowed)
            };
            let keys = key_set(&jwks).expect("a key each");
            assert_eq!(
                verdict(keys, Some(&[allowed]), &token),
                want,
                "token {made}, allowed {allowed}"
            );
        }
    }
}

/// RFC 9864 §2.2: one key, two names.
#[tokio::test]
async fn an_ed25519_key_goes_by_two_names() {
    let stage = Stage::new().await;
    let key = SigningKey::generate(Algorithm::EdDSA);
    let names = [Some("EdDSA"), Some("Ed25519"), None];
    for published in names {
        let mut jwk = key.public_jwk();
        match published {
            Some(name) => jwk
                .as_object_mut()
                .expect("a JWK")
                .insert("alg".into(), name.into()),
            None => jwk.as_object_mut().expect("a JWK").remove("alg"),
        };
        for said in names.into_iter().flatten() {
            let token = stage.token().signed_by(&key).header("alg", said).sign();
            let keys = key_set(&[jwk.clone()]).expect("one key");
            assert_eq!(verdict(keys, None, &token), Ok(()), "{published:?}, {said}");
        }
    }
}

#[tokio::test]
async fn a_key_that_is_not_for_signatures_is_left_out() {
    let stage = Stage::new().await;
    let key = SigningKey::generate(Algorithm::ES256);
    let token = stage.token().signed_by(&key).sign();
    let with = |members: Value| {
        let mut jwk = key.public_jwk();
        let object = jwk.as_object_mut().expect("a JWK");
        object.remove("use");
        object.extend(members.as_object().expect("members").clone());
        object.retain(|_, value| !value.is_null());
        jwk
    };
    for members in [
        json!({}),
        json!({"use": "sig"}),
        json!({"key_ops": ["verify"]}),
        json!({"key_ops": ["sign", "verify"]}),
        json!({"use": "sig", "key_ops": ["verify"]}),
        json!({"alg": null}),
        json!({"alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": true, "x5t": "x", "iat": 1}),
    ] {
        let keys = key_set(&[with(members.clone())]).expect("one key");
        assert_eq!(verdict(keys, None, &token), Ok(()), "{members}");
    }
    for (members, reason) in [
        (json!({"use": "enc"}), SkipReason::NotForSignatures),
        (json!({"use": ""}), SkipReason::NotForSignatures),
        (json!({"use": "Sig"}), SkipReason::NotForSignatures),
        (json!({"use": 1}), SkipReason::Malformed),
        (json!({"key_ops": []}), SkipReason::NotForSignatures),
        (json!({"key_ops": ["sign"]}), SkipReason::NotForSignatures),
        (
            json!({"key_ops": ["encrypt", "wrapKey"]}),
            SkipReason::NotForSignatures,
        ),
        (
            json!({"key_ops": ["verify", "verify"]}),
            SkipReason::NotForSignatures,
        ),
        (json!({"key_ops": ["Verify"]}), SkipReason::NotForSignatures),
        (json!({"key_ops": "verify"}), SkipReason::Malformed),
        (json!({"key_ops": ["verify", 1]}), SkipReason::Malformed),
        (
            json!({"use": "enc", "key_ops": ["verify"]}),
            SkipReason::NotForSignatures,
        ),
        (json!({"alg": "ES384"}), SkipReason::UnsupportedAlgorithm),
        (json!({"alg": "RS256"}), SkipReason::UnsupportedAlgorithm),
        (json!({"alg": "HS256"}), SkipReason::UnsupportedAlgorithm),
        (json!({"alg": "ECDH-ES"}), SkipReason::UnsupportedAlgorithm),
        (json!({"alg": "none"}), SkipReason::UnsupportedAlgorithm),
        (json!({"alg": "es256"}), SkipReason::UnsupportedAlgorithm),
        (json!({"alg": ["ES256"]}), SkipReason::Malformed),
        (json!({"kty": "ec"}), SkipReason::UnknownType),
        (json!({"kty": "AKP"}), SkipReason::UnknownType),
        (json!({"crv": "secp256k1"}), SkipReason::UnknownCurve),
        (json!({"d": "AQAB"}), SkipReason::Private),
        (json!({"kty": "oct", "k": "AQAB"}), SkipReason::Symmetric),
        (json!({"kid": 1}), SkipReason::Malformed),
    ] {
        let jwk = with(members.clone());
        let alone = key_set(slice::from_ref(&jwk))
            .map(|_| ())
            .map_err(|error| error.kind());
        assert_eq!(
            alone,
            Err(KeySetErrorKind::NoUsableKey { skipped: 1 }),
            "{members}"
        );
        let good = SigningKey::generate(Algorithm::EdDSA);
        let keys = key_set(&[jwk, good.public_jwk()]).expect("one good key");
        let reasons: Vec<_> = keys
            .skipped()
            .iter()
            .map(|skipped| skipped.reason())
            .collect();
        assert_eq!(
            (keys.len(), reasons.as_slice()),
            (1, &[reason][..]),
            "{members}"
        );
        assert_eq!(verdict(keys, None, &token), Err(KeyUnknown), "{members}");
    }
}

#[tokio::test]
async fn a_shared_secret_given_in_code_does_its_algorithm_and_no_other() {
    let stage = Stage::new().await;
    let secret = [7; 64];
    for algorithm in HMAC {
        for said in HMAC {
            let token = stage.token().signed_with_secret(said, &secret).sign();
            let keys = KeySet::hmac(algorithm, &secret).expect("long enough");
            let want = match said == algorithm {
                true => Ok(()),
                false => Err(AlgorithmNotAllowed),
            };
            assert_eq!(
                verdict(keys, Some(&[algorithm]), &token),
                want,
                "key {algorithm}, token {said}"
            );
            // Where the policy allows all three, the key's algorithm decides.
            let keys = KeySet::hmac(algorithm, &secret).expect("long enough");
            let want = if said == algorithm {
                Ok(())
            } else {
                Err(KeyUnknown)
            };
            assert_eq!(
                verdict(keys, Some(&HMAC), &token),
                want,
                "key {algorithm}, token {said}, all allowed"
            );
        }
        let other = stage.token().signed_with_secret(algorithm, &[8; 64]).sign();
        let keys = KeySet::hmac(algorithm, &secret).expect("long enough");
        assert_eq!(
            verdict(keys, Some(&[algorithm]), &other),
            Err(Signature),
            "{algorithm}"
        );
        let public = stage.token().sign();
        let keys = KeySet::hmac(algorithm, &secret).expect("long enough");
        assert_eq!(
            verdict(keys, Some(&HMAC), &public),
            Err(AlgorithmNotAllowed),
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn a_shared_secret_may_have_a_name() {
    let stage = Stage::new().await;
    let secret = [7; 32];
    let keys = || KeySet::hmac_with_key_id(Algorithm::HS256, "one", &secret).expect("long enough");
    let token = || stage.token().signed_with_secret(Algorithm::HS256, &secret);
    let allowed = Some(&[Algorithm::HS256][..]);
    assert_eq!(verdict(keys(), allowed, &token().sign()), Ok(()));
    assert_eq!(
        verdict(keys(), allowed, &token().key_id("one").sign()),
        Ok(())
    );
    assert_eq!(
        verdict(keys(), allowed, &token().key_id("two").sign()),
        Err(KeyUnknown)
    );
    let nameless = || KeySet::hmac(Algorithm::HS256, &secret).expect("long enough");
    assert_eq!(verdict(nameless(), allowed, &token().sign()), Ok(()));
    assert_eq!(
        verdict(nameless(), allowed, &token().key_id("one").sign()),
        Err(KeyUnknown)
    );
    let named = KeySet::hmac_with_key_id(Algorithm::HS256, &"k".repeat(257), &secret);
    assert_eq!(
        named.map(|_| ()).map_err(|error| error.kind()),
        Err(ConfigErrorKind::Keys)
    );
}

#[tokio::test]
async fn a_shared_secret_works_from_end_to_end() {
    let secret = [7; 32];
    let keys = KeySet::hmac(Algorithm::HS256, &secret).expect("long enough");
    let issuer = TestIssuer::new(ISSUER);
    let builder = tower_bearer::Authenticator::builder(ISSUER, AUDIENCE).key_set(keys);
    let auth = builder
        .fetch(issuer.fetch())
        .build()
        .expect("a sound configuration");
    let token = || issuer.token().audience(AUDIENCE);
    let good = token().signed_with_secret(Algorithm::HS256, &secret).sign();
    let verified = auth.verify(&good).await.expect("a good token");
    assert_eq!(verified.algorithm(), Some(Algorithm::HS256));
    assert!(
        auth.verify(&token().algorithm(Algorithm::EdDSA).sign())
            .await
            .is_err()
    );
    assert_eq!(issuer.total_requests(), 0);
}

#[tokio::test]
async fn several_keys_of_one_name_are_each_tried() {
    let stage = Stage::new().await;
    let same = |algorithm| SigningKey::generate(algorithm).with_key_id("same");
    let keys = [
        same(Algorithm::ES256),
        same(Algorithm::RS256),
        same(Algorithm::ES256),
        same(Algorithm::EdDSA),
    ];
    let document = key_set_of(&keys.each_ref()).to_string();
    let set = || KeySet::from_json(document.as_bytes()).expect("a key set");
    assert_eq!(set().len(), 4);
    for key in &keys {
        assert_eq!(
            verdict(set(), None, &stage.token().signed_by(key).sign()),
            Ok(())
        );
    }
    let stranger = stage.token().signed_by(&same(Algorithm::ES256)).sign();
    assert_eq!(verdict(set(), None, &stranger), Err(Signature));
    let none = stage.token().signed_by(&same(Algorithm::ES384)).sign();
    assert_eq!(verdict(set(), None, &none), Err(KeyMismatch));
    let other = stage
        .token()
        .signed_by(&keys[0].clone().with_key_id("other"))
        .sign();
    assert_eq!(verdict(set(), None, &other), Err(KeyUnknown));
}

#[tokio::test]
async fn a_token_without_a_name_is_accepted_if_one_key_fits() {
    let stage = Stage::new().await;
    let keys = [
        SigningKey::generate(Algorithm::ES256),
        SigningKey::generate(Algorithm::ES256),
        SigningKey::generate(Algorithm::RS256),
        SigningKey::generate(Algorithm::PS256),
        SigningKey::generate(Algorithm::EdDSA).without_key_id(),
    ];
    let document = key_set_of(&keys.each_ref()).to_string();
    let set = || KeySet::from_json(document.as_bytes()).expect("a key set");
    let token = |key: &SigningKey| stage.token().signed_by(key).without_header("kid").sign();
    let [first, second, rs, ps, nameless] = &keys;
    for (row, key, want) in [
        ("the first of two", first, Err(KeyAmbiguous)),
        ("the second of two", second, Err(KeyAmbiguous)),
        ("the one for RS256", rs, Ok(())),
        ("the one for PS256", ps, Ok(())),
        ("the one without a name", nameless, Ok(())),
        (
            "none",
            &SigningKey::generate(Algorithm::ES384),
            Err(KeyUnknown),
        ),
        (
            "a stranger",
            &SigningKey::generate(Algorithm::EdDSA),
            Err(Signature),
        ),
    ] {
        assert_eq!(verdict(set(), None, &token(key)), want, "{row}");
    }
    let named = stage.token().signed_by(nameless).key_id("any").sign();
    assert_eq!(verdict(set(), None, &named), Err(KeyUnknown));
}

#[test]
fn a_key_set_is_bounded_and_well_formed() {
    let key = SigningKey::generate(Algorithm::EdDSA);
    let good = key.public_jwk().to_string();
    let many = |count: usize| format!(r#"{{"keys":[{}]}}"#, vec![good.clone(); count].join(","));
    let kind = |document: &[u8]| {
        KeySet::from_json(document)
            .map(|keys| keys.len())
            .map_err(|error| error.kind())
    };
    let spaces = |length: usize| {
        let mut document = many(1);
        document.push_str(&" ".repeat(length - document.len()));
        document
    };
    const LIMIT: usize = 512 * 1024;
    for (row, document, want) in [
        ("one key", many(1), Ok(1)),
        // The same key a hundred times is one key.
        ("a hundred keys", many(100), Ok(1)),
        (
            "a hundred and one",
            many(101),
            Err(KeySetErrorKind::TooManyKeys { limit: 100 }),
        ),
        ("as long as may be", spaces(LIMIT), Ok(1)),
        (
            "longer",
            spaces(LIMIT + 1),
            Err(KeySetErrorKind::TooLong {
                length: LIMIT + 1,
                limit: LIMIT,
            }),
        ),
        (
            "no keys",
            r#"{"keys":[]}"#.into(),
            Err(KeySetErrorKind::NoUsableKey { skipped: 0 }),
        ),
        (
            "no array",
            r#"{"keys":{}}"#.into(),
            Err(KeySetErrorKind::NotKeySet),
        ),
        (
            "keys null",
            r#"{"keys":null}"#.into(),
            Err(KeySetErrorKind::NotKeySet),
        ),
        (
            "no member keys",
            r#"{"Keys":[]}"#.into(),
            Err(KeySetErrorKind::NotKeySet),
        ),
        (
            "a key, not a set",
            good.clone(),
            Err(KeySetErrorKind::NotKeySet),
        ),
        ("an array", format!("[{good}]"), Err(KeySetErrorKind::Json)),
        ("nothing", String::new(), Err(KeySetErrorKind::Json)),
        ("HTML", "<!doctype html>".into(), Err(KeySetErrorKind::Json)),
        (
            "keys twice",
            format!(r#"{{"keys":[{good}],"keys":[]}}"#),
            Err(KeySetErrorKind::Json),
        ),
        (
            "data after",
            format!("{}x", many(1)),
            Err(KeySetErrorKind::Json),
        ),
        (
            "more members",
            format!(r#"{{"more":{{}},"keys":[{good}]}}"#),
            Ok(1),
        ),
    ] {
        assert_eq!(kind(document.as_bytes()), want, "{row}");
    }
    assert_eq!(kind(b"{\"keys\":[]\xff}"), Err(KeySetErrorKind::Json));
}

/// RFC 7518 §2, §6.3.1; what real providers send.
#[tokio::test]
async fn a_zero_before_a_modulus_is_forgiven() {
    let stage = Stage::new().await;
    let key = SigningKey::generate(Algorithm::RS256);
    let token = stage.token().signed_by(&key).sign();
    let mut jwk = key.public_jwk();
    let n = jwk.get("n").and_then(Value::as_str).expect("a modulus");
    let n = URL_SAFE_NO_PAD.decode_to_vec(n).expect("base64url");
    let longer = URL_SAFE_NO_PAD.encode_to_string([vec![0], n].concat());
    jwk.as_object_mut()
        .expect("a JWK")
        .insert("n".into(), longer.into());
    assert_eq!(
        verdict(key_set(&[jwk]).expect("one key"), None, &token),
        Ok(())
    );
}

#[test]
fn names_of_algorithms_are_exact() {
    for &algorithm in Algorithm::ASYMMETRIC.iter().chain(&HMAC) {
        assert_eq!(algorithm.name().parse(), Ok(algorithm));
        assert_eq!(algorithm.to_string(), algorithm.name());
        assert_eq!(algorithm.is_hmac(), HMAC.contains(&algorithm));
        for other in [
            algorithm.name().to_lowercase(),
            algorithm.name().to_uppercase() + " ",
            format!(" {algorithm}"),
            format!("{algorithm}\0"),
        ] {
            assert!(other.parse::<Algorithm>().is_err(), "{other:?}");
        }
    }
    for name in [
        "none",
        "",
        "RS1",
        "ES256K",
        "Ed448",
        "HS1",
        "RSA1_5",
        "dir",
        "ML-DSA-44",
    ] {
        assert!(name.parse::<Algorithm>().is_err(), "{name:?}");
    }
}
