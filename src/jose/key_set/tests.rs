#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use super::*;
use crate::jose::SkipReason;
use crate::jose::vectors::{RFC_7515_A2, RFC_7515_A3, RFC_7520_4_1, RFC_8037_A4};

const NOW: NumericDate = NumericDate::from_seconds(1_800_000_000);
const SECRET: [u8; 64] = [7; 64];

fn document(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

fn set(keys: &[String]) -> KeySet {
    KeySet::from_json(document(keys).as_bytes()).unwrap()
}

fn kind(document: &str) -> Option<KeySetErrorKind> {
    KeySet::from_json(document.as_bytes())
        .err()
        .map(|error| error.kind())
}

fn named(key_id: &str, jwk: &str) -> String {
    jwk.replacen('{', &format!(r#"{{"kid":"{key_id}","#), 1)
}

fn rsa(key_id: &str) -> String {
    named(key_id, RFC_7515_A2.jwk)
}

fn ec(key_id: &str) -> String {
    named(key_id, RFC_7515_A3.jwk)
}

fn okp(key_id: &str) -> String {
    named(key_id, RFC_8037_A4.jwk)
}

/// How many keys would be tried.
fn select(
    keys: &KeySet,
    key_id: Option<&str>,
    algorithm: Algorithm,
) -> Result<usize, VerifyErrorKind> {
    let candidates = keys.select(key_id, algorithm, NOW)?;
    assert!(candidates.clone().all(|key| key.fits(algorithm)));
    Ok(candidates.count())
}

#[test]
fn a_key_is_found_by_its_id_and_by_nothing_like_it() {
    use VerifyErrorKind::{KeyMismatch, KeyUnknown};
    let keys = set(&[rsa("b"), ec("a"), okp("c"), RFC_8037_A4.jwk.to_owned()]);
    assert_eq!(keys.len(), 4);
    for (key_id, algorithm, want) in [
        ("a", Algorithm::ES256, Ok(1)),
        ("a", Algorithm::ES384, Err(KeyMismatch)),
        ("a", Algorithm::HS256, Err(KeyMismatch)),
        ("b", Algorithm::RS256, Ok(1)),
        ("b", Algorithm::PS512, Ok(1)),
        ("b", Algorithm::HS512, Err(KeyMismatch)),
        ("c", Algorithm::Ed25519, Ok(1)),
        ("A", Algorithm::ES256, Err(KeyUnknown)),
        ("a ", Algorithm::ES256, Err(KeyUnknown)),
        ("", Algorithm::EdDSA, Err(KeyUnknown)),
        ("aa", Algorithm::ES256, Err(KeyUnknown)),
        ("../../dev/null", Algorithm::ES256, Err(KeyUnknown)),
    ] {
        assert_eq!(select(&keys, Some(key_id), algorithm), want, "{key_id}");
        assert_eq!(keys.holds(key_id, NOW), want != Err(KeyUnknown), "{key_id}");
    }
}

#[test]
fn without_a_key_id_exactly_one_key_must_fit() {
    use VerifyErrorKind::{KeyAmbiguous, KeyUnknown};
    let keys = set(&[rsa("a"), ec("b"), RFC_7520_4_1.jwk.to_owned()]);
    assert_eq!(select(&keys, None, Algorithm::ES256), Ok(1));
    assert_eq!(select(&keys, None, Algorithm::RS256), Err(KeyAmbiguous));
    assert_eq!(select(&keys, None, Algorithm::EdDSA), Err(KeyUnknown));
    assert_eq!(select(&keys, None, Algorithm::HS256), Err(KeyUnknown));
}

#[test]
fn at_most_four_keys_of_one_id_are_tried_and_only_those_that_fit() {
    let points: Vec<_> = (3..40)
        .map(|y| {
            let mut point = [0; 32];
            *point.first_mut().unwrap() = y;
            let x = crate::jose::base64url::encode(point);
            format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{x}"}}"#)
        })
        .chain([ec("k"), rsa("k")])
        .collect();
    let keys = set(&points);
    assert!(keys.len() > 6 && !keys.skipped().is_empty());
    assert_eq!(select(&keys, Some("k"), Algorithm::EdDSA), Ok(4));
    assert_eq!(select(&keys, Some("k"), Algorithm::ES256), Ok(1));
    assert_eq!(select(&keys, Some("k"), Algorithm::RS256), Ok(1));
    let first = keys
        .select(Some("k"), Algorithm::EdDSA, NOW)
        .unwrap()
        .next()
        .unwrap();
    let alone = set(&points[..1]);
    assert!(first.same(&alone.keys[0]), "the document's order is kept");
}

/// Keys whose time was over made a token without `kid` ambiguous, and took the places of those to try.
#[test]
fn a_key_whose_time_is_over_counts_as_one_that_is_not_there() {
    use VerifyErrorKind::{KeyMismatch, KeyUnknown};
    let over = |jwk: String, at: i64| jwk.replacen('{', &format!(r#"{{"exp":{at},"#), 1);
    let ended = NOW.as_seconds();
    let keys = set(&[over(okp("a"), ended), over(ec("b"), ended + 1), ec("c")]);
    assert!(keys.expires() && !set(&[okp("a")]).expires());
    assert!(!keys.holds("a", NOW) && keys.holds("b", NOW));
    assert_eq!(select(&keys, Some("a"), Algorithm::EdDSA), Err(KeyUnknown));
    assert_eq!(select(&keys, None, Algorithm::EdDSA), Err(KeyUnknown));
    assert_eq!(select(&keys, Some("b"), Algorithm::ES256), Ok(1));

    let keys = set(&[over(ec("a"), ended), ec("b")]);
    assert_eq!(select(&keys, None, Algorithm::ES256), Ok(1));
    let keys = set(&[over(okp("a"), ended), ec("a")]);
    assert_eq!(select(&keys, Some("a"), Algorithm::EdDSA), Err(KeyMismatch));

    let dead = (0..5).map(|second| over(ec("k"), ended - second));
    let keys = set(&dead.chain([ec("k")]).collect::<Vec<_>>());
    assert_eq!(keys.len(), 6);
    assert_eq!(select(&keys, Some("k"), Algorithm::ES256), Ok(1));
}

#[test]
fn a_bad_key_is_skipped_and_the_rest_lives() {
    let keys = set(&[
        "null".to_owned(),
        r#"{"kty":"oct","k":"c2VjcmV0","kid":"a\nb\u001b\"c"}"#.to_owned(),
        r#"{"kty":"EC","kid":1}"#.to_owned(),
        r#"{"kty":"EC","kty":"RSA","kid":"twice"}"#.to_owned(),
        named(&"k".repeat(200), r#"{"kty":"AKP"}"#),
        ec("good"),
    ]);
    assert_eq!(keys.len(), 1);
    let long = "k".repeat(64);
    let skipped = keys
        .skipped()
        .iter()
        .map(|key| (key.key_id(), key.reason()));
    assert!(skipped.eq([
        (None, SkipReason::Malformed),
        (Some(r#"a\nb\u{1b}\"c"#), SkipReason::Symmetric),
        (None, SkipReason::Malformed),
        (None, SkipReason::Malformed),
        (Some(long.as_str()), SkipReason::UnknownType),
    ]));
    assert_eq!(format!("{keys:?}"), "KeySet { usable: 1, skipped: 5 }");
}

#[test]
fn what_is_no_key_set_is_an_error_of_its_kind() {
    use KeySetErrorKind::{Json, NoUsableKey, NotKeySet, TooManyKeys};
    for (document, want) in [
        ("", Json),
        ("<html>", Json),
        ("[]", Json),
        ("null", Json),
        (r#"{"keys":[]"#, Json),
        (r#"{"keys":[],"keys":[]}"#, Json),
        ("\u{feff}{\"keys\":[]}", Json),
        ("{}", NotKeySet),
        (r#"{"error":"not found"}"#, NotKeySet),
        (r#"{"keys":{}}"#, NotKeySet),
        (r#"{"keys":null}"#, NotKeySet),
        (r#"{"Keys":[]}"#, NotKeySet),
        (r#"{"keys":[]}"#, NoUsableKey { skipped: 0 }),
        (
            r#"{"keys":[{"kty":"oct","k":"AQ"},1]}"#,
            NoUsableKey { skipped: 2 },
        ),
    ] {
        assert_eq!(kind(document), Some(want), "{document}");
    }
    assert_eq!(KeySet::from_json(&[0xff]).unwrap_err().kind(), Json);

    let mut many = vec!["{}".to_owned(); 99];
    many.push(ec("a"));
    assert_eq!(kind(&document(&many)), None);
    many.push(ec("b"));
    assert_eq!(kind(&document(&many)), Some(TooManyKeys { limit: 100 }));
    assert_eq!(
        kind(&document(&vec!["{}".to_owned(); 10_000])),
        Some(TooManyKeys { limit: 100 })
    );

    let limit = 512 * 1024;
    let document = document(&[ec("a")]);
    let padded = |length: usize| format!("{document}{}", " ".repeat(length - document.len()));
    assert_eq!(kind(&padded(limit)), None);
    let length = limit + 1;
    assert_eq!(
        kind(&padded(length)),
        Some(KeySetErrorKind::TooLong { length, limit })
    );
}

#[test]
fn the_cause_of_a_json_error_is_told() {
    let error = KeySet::from_json(b"{\"keys\":[],\"keys\":[]}").unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "a member is named twice");
    assert_eq!(error.to_string(), "key set is not one JSON object");
}

#[test]
fn sets_are_compared_by_their_keys_in_any_order() {
    let one = set(&[rsa("a"), ec("b"), okp("c")]);
    assert!(one.same_keys(&set(&[
        okp("c"),
        rsa("a"),
        "null".to_owned(),
        ec("b"),
        ec("b")
    ])));
    for other in [
        set(&[rsa("a"), ec("b")]),
        set(&[rsa("a"), ec("b"), okp("d")]),
        set(&[rsa("a"), ec("b"), ec("c")]),
        set(&[
            rsa("a").replace(r#""kid""#, r#""alg":"RS256","kid""#),
            ec("b"),
            okp("c"),
        ]),
        set(&[rsa("a"), ec("b"), okp("c"), okp("d")]),
        set(&[rsa("a"), ec("b"), RFC_8037_A4.jwk.to_owned()]),
    ] {
        assert!(
            !one.same_keys(&other) && !other.same_keys(&one),
            "{other:?}"
        );
    }
}

#[test]
fn a_key_that_is_there_twice_is_kept_once() {
    let keys = set(&[ec("a"), ec("a"), ec("b")]);
    assert_eq!(keys.len(), 2);
    assert_eq!(select(&keys, Some("a"), Algorithm::ES256), Ok(1));
}

#[test]
fn a_new_set_shares_the_keys_that_stayed() {
    let before = set(&[rsa("a"), ec("b")]);
    let after = document(&[okp("c"), rsa("a"), ec("d")]);
    let after = KeySet::from_json_with(after.as_bytes(), Some(&before)).unwrap();
    assert_eq!(after.len(), 3);
    let of = |keys: &KeySet, key_id| Arc::clone(&keys.named(Some(key_id))[0]);
    assert!(Arc::ptr_eq(&of(&before, "a"), &of(&after, "a")));
    assert!(!Arc::ptr_eq(&of(&before, "b"), &of(&after, "d")));
    assert!(!after.holds("b", NOW));
}

#[test]
fn a_secret_is_as_long_as_its_hash() {
    for (algorithm, length) in [
        (Algorithm::HS256, 32),
        (Algorithm::HS384, 48),
        (Algorithm::HS512, 64),
    ] {
        let (enough, short) = (&SECRET[..length], &SECRET[..length - 1]);
        assert!(KeySet::hmac(algorithm, enough).is_ok());
        for secret in [short, &[]] {
            let error = KeySet::hmac(algorithm, secret).unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::Keys);
        }
    }
    for algorithm in Algorithm::ASYMMETRIC {
        let error = KeySet::hmac(*algorithm, &SECRET).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Keys);
    }
    let long = "k".repeat(257);
    assert!(KeySet::hmac_with_key_id(Algorithm::HS256, &long, &SECRET).is_err());
}

#[test]
fn a_secret_answers_to_its_id_or_to_none() {
    use VerifyErrorKind::{KeyMismatch, KeyUnknown};
    let nameless = KeySet::hmac(Algorithm::HS256, &SECRET).unwrap();
    assert_eq!(select(&nameless, None, Algorithm::HS256), Ok(1));
    assert_eq!(select(&nameless, None, Algorithm::HS384), Err(KeyUnknown));
    assert_eq!(
        select(&nameless, Some("k"), Algorithm::HS256),
        Err(KeyUnknown)
    );
    let named = KeySet::hmac_with_key_id(Algorithm::HS256, "k", &SECRET).unwrap();
    assert_eq!(select(&named, None, Algorithm::HS256), Ok(1));
    assert_eq!(select(&named, Some("k"), Algorithm::HS256), Ok(1));
    assert_eq!(
        select(&named, Some("k"), Algorithm::RS256),
        Err(KeyMismatch)
    );
    assert!(named.is_hmac() && !set(&[ec("a")]).is_hmac());
}

#[test]
fn sets_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<KeySet>();
    shared::<KeySetError>();
    shared::<Skipped>();
}
