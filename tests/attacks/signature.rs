//! Attacks on the signature itself: rows 17 and 18.

#![expect(
    clippy::indexing_slicing,
    reason = "signatures that the test made, of known length"
)]

use tower_bearer::Algorithm;
use tower_bearer::VerifyErrorKind::{NotCompact, Signature};
use tower_bearer::testing::{RawToken, TestIssuer, ecdsa_der};

use crate::support::{Row, Stage};
use crate::twin::{P256_ORDER, twin};

/// The order of edwards25519's base point (RFC 8032 §5.1), little-endian.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10,
];

/// What becomes of r and s.
type Change<'c> = dyn Fn(&[u8], &[u8]) -> Vec<u8> + 'c;

fn publish(issuer: &TestIssuer) {
    issuer.publish(&[
        Algorithm::EdDSA,
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::RS256,
    ]);
}

/// 17: CVE-2022-21449, CVE-2020-13822, CVE-2024-42460, CVE-2024-42461.
#[tokio::test]
async fn a_signature_has_one_form_and_numbers_in_range() {
    let stage = Stage::with(publish, |builder| builder).await;
    let token = |algorithm| stage.token().algorithm(algorithm).raw();
    let es256 = |change: &Change<'_>| {
        let change = |signature: Vec<u8>| {
            let (r, s) = signature.split_at(32);
            change(r, s)
        };
        token(Algorithm::ES256).map_signature(change).join()
    };
    stage.accept("ES256", &es256(&|r, s| [r, s].concat())).await;
    stage.accept("RS256", &token(Algorithm::RS256).join()).await;
    stage.accept("ES384", &token(Algorithm::ES384).join()).await;
    let (zero, order) = ([0; 32], P256_ORDER);
    let bytes = |algorithm, signature: Vec<u8>| token(algorithm).signature(signature).join();
    let ed = |change: fn(Vec<u8>) -> Vec<u8>| token(Algorithm::EdDSA).map_signature(change).join();
    let rs = |change: fn(Vec<u8>) -> Vec<u8>| token(Algorithm::RS256).map_signature(change).join();
    let mut rows: Vec<Row> = vec![
        (
            "17 r and s zero",
            es256(&|_, _| [zero, zero].concat()),
            Signature,
        ),
        ("17 r zero", es256(&|_, s| [&zero, s].concat()), Signature),
        ("17 s zero", es256(&|r, _| [r, &zero].concat()), Signature),
        (
            "17 r the order",
            es256(&|_, s| [&order, s].concat()),
            Signature,
        ),
        (
            "17 s the order",
            es256(&|r, _| [r, &order].concat()),
            Signature,
        ),
        (
            "17 r and s the order",
            es256(&|_, _| [order, order].concat()),
            Signature,
        ),
        (
            "17 r and s one",
            es256(&|_, _| [one(), one()].concat()),
            Signature,
        ),
        (
            "17 r and s all ones",
            es256(&|_, _| vec![0xff; 64]),
            Signature,
        ),
        (
            "17 r and s exchanged",
            es256(&|r, s| [s, r].concat()),
            Signature,
        ),
        (
            "17 DER",
            es256(&|r, s| ecdsa_der(&[r, s].concat())),
            Signature,
        ),
        (
            "17 a byte of zero before r and s",
            es256(&|r, s| [&[0], r, &[0], s].concat()),
            Signature,
        ),
        (
            "17 a byte of zero before",
            es256(&|r, s| [&[0], r, s].concat()),
            Signature,
        ),
        (
            "17 a byte after",
            es256(&|r, s| [r, s, &[0]].concat()),
            Signature,
        ),
        (
            "17 the last byte missing",
            es256(&|r, s| [r, &s[..31]].concat()),
            Signature,
        ),
        ("17 r alone", es256(&|r, _| r.to_vec()), Signature),
        ("17 twice", es256(&|r, s| [r, s, r, s].concat()), Signature),
        ("17 nothing", es256(&|_, _| Vec::new()), NotCompact),
        ("17 one byte", es256(&|_, _| vec![0]), Signature),
        (
            "17 ES384 zero",
            bytes(Algorithm::ES384, vec![0; 96]),
            Signature,
        ),
        (
            "17 ES384 in 64 bytes",
            bytes(Algorithm::ES384, vec![1; 64]),
            Signature,
        ),
        (
            "17 RS256 zero",
            bytes(Algorithm::RS256, vec![0; 256]),
            Signature,
        ),
        (
            "17 RS256 one",
            bytes(Algorithm::RS256, [vec![0; 255], vec![1]].concat()),
            Signature,
        ),
        (
            "17 RS256 above the modulus",
            bytes(Algorithm::RS256, vec![0xff; 256]),
            Signature,
        ),
        (
            "17 RS256 in 255 bytes",
            rs(|signature| signature[1..].to_vec()),
            Signature,
        ),
        (
            "17 RS256 in 257 bytes",
            rs(|signature| [vec![0], signature].concat()),
            Signature,
        ),
        (
            "17 RS256 and a byte",
            rs(|signature| [signature, vec![0]].concat()),
            Signature,
        ),
        (
            "17 EdDSA zero",
            bytes(Algorithm::EdDSA, vec![0; 64]),
            Signature,
        ),
        (
            "17 EdDSA neutral",
            bytes(Algorithm::EdDSA, neutral()),
            Signature,
        ),
        (
            "17 EdDSA in 63 bytes",
            ed(|signature| signature[..63].to_vec()),
            Signature,
        ),
        (
            "17 EdDSA in 65 bytes",
            ed(|signature| [signature, vec![0]].concat()),
            Signature,
        ),
        ("17 EdDSA with S and the order", ed(add_order), Signature),
    ];
    if cfg!(feature = "aws-lc-rs") {
        let es512 = stage.token().algorithm(Algorithm::ES512).raw();
        stage
            .accept("ES512 at its first request", &es512.join())
            .await;
        rows.push((
            "17 ES512 zero",
            es512.clone().signature([0; 132]).join(),
            Signature,
        ));
        rows.push((
            "17 ES512 in 130 bytes",
            es512.signature([1; 130]).join(),
            Signature,
        ));
    }
    stage.refuse(rows).await;
}

fn one() -> [u8; 32] {
    let mut one = [0; 32];
    one[31] = 1;
    one
}

/// The neutral element as R, zero as S.
fn neutral() -> Vec<u8> {
    let mut signature = vec![0; 64];
    signature[0] = 1;
    signature
}

/// The same signature with its S moved by the order, as RFC 8032 §5.1.7 forbids.
fn add_order(mut signature: Vec<u8>) -> Vec<u8> {
    let mut carry = 0;
    for (byte, add) in signature[32..].iter_mut().zip(ED25519_ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(
        carry, 0,
        "S is below the order, which has three bits to spare"
    );
    signature
}

/// 18: it verifies, as the standard has it. So neither a token nor its signature may serve as its name.
#[tokio::test]
async fn an_ecdsa_signature_has_a_twin() {
    let stage = Stage::with(publish, |builder| builder).await;
    let token = stage
        .token()
        .algorithm(Algorithm::ES256)
        .token_id("one")
        .raw();
    let twin = twin(&token);
    assert_ne!(token.join(), twin.join());
    let (token, twin) = (token.join(), twin.join());
    let ids = [
        stage.accept("18 the token", &token).await,
        stage.accept("18 its twin", &twin).await,
    ];
    assert_eq!(
        ids.map(|verified| verified.token_id().map(str::to_owned)),
        [Some("one".into()), Some("one".into())]
    );
}

#[tokio::test]
async fn a_signature_holds_for_what_was_signed_and_nothing_else() {
    let stage = Stage::new().await;
    let (one, other) = (stage.token().raw(), stage.token().subject("mallory").raw());
    let (one_text, other_text) = (one.join(), other.join());
    let part = |token: &str, at: usize| token.split('.').nth(at).unwrap_or_default().to_owned();
    let same_header = stage.token().header("x", 1).raw().join();
    let rows = [
        (
            "the signature of another token",
            one.signature(other.signature_bytes()).join(),
            Signature,
        ),
        (
            "the payload of another token",
            RawToken::parse(&one_text)
                .payload_text(part(&other_text, 1))
                .join(),
            Signature,
        ),
        (
            "the header of another token",
            RawToken::parse(&one_text)
                .header_text(part(&same_header, 0))
                .join(),
            Signature,
        ),
        (
            "the signature of a stranger",
            stage.token().signed_by_stranger().sign(),
            Signature,
        ),
    ];
    stage.refuse(rows).await;
}
