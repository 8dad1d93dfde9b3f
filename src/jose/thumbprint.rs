//! SHA-256 thumbprints of keys (RFC 7638; RFC 8037 §2 for Ed25519).
//!
//! Computed from a key's numbers, so that two spellings of one key have one thumbprint.

use super::backend::sha256;
use super::base64url::encode;

/// Of an RSA key, by modulus and exponent, big-endian without leading zeros.
pub(super) fn rsa(n: &[u8], e: &[u8]) -> [u8; 32] {
    of(&[("e", &encode(e)), ("kty", "RSA"), ("n", &encode(n))])
}

/// Of an elliptic key, by the curve's name and full-length coordinates.
pub(super) fn ec(curve: &str, x: &[u8], y: &[u8]) -> [u8; 32] {
    of(&[
        ("crv", curve),
        ("kty", "EC"),
        ("x", &encode(x)),
        ("y", &encode(y)),
    ])
}

/// Of an Ed25519 key, by its encoded point.
pub(super) fn ed25519(x: &[u8; 32]) -> [u8; 32] {
    of(&[("crv", "Ed25519"), ("kty", "OKP"), ("x", &encode(x))])
}

/// Of a shared secret. It must not be shown to anyone: a weak secret could be guessed from it (RFC 7638 §7).
pub(super) fn secret(secret: &[u8]) -> [u8; 32] {
    of(&[("k", &encode(secret)), ("kty", "oct")])
}

/// RFC 7638 §3: the required members alone, in lexicographic order, no space. No value here needs an escape.
fn of(members: &[(&str, &str)]) -> [u8; 32] {
    let mut text = String::new();
    for (at, (name, value)) in members.iter().enumerate() {
        text.push(if at == 0 { '{' } else { ',' });
        for part in ["\"", name, "\":\"", value, "\""] {
            text.push_str(part);
        }
    }
    text.push('}');
    sha256(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::base64url::decode;

    #[test]
    fn rfc_7638_section_3_1() {
        let n = concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs",
            "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        );
        let n = decode(n).unwrap_or_default();
        assert_eq!(
            encode(rsa(&n, &[1, 0, 1])),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
    }

    #[test]
    fn rfc_8037_appendix_a_3() {
        let x = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let x = x.and_then(|x| x.try_into().ok()).unwrap_or_default();
        assert_eq!(
            encode(ed25519(&x)),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }
}
