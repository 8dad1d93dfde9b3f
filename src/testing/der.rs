//! Public keys and signatures as DER has them.

use crate::jose::der::{INTEGER, SEQUENCE, element, sequence, unsigned};

/// Turns an ECDSA signature as JWS has it, R‖S (RFC 7518 §3.4), into the ASN.1 form that other protocols use.
///
/// A verifier must refuse the result.
#[must_use]
pub fn ecdsa_der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    sequence(&[unsigned(r), unsigned(s)])
}

/// Modulus and exponent of an RSAPublicKey (RFC 8017 §A.1.1), without leading zero octets.
pub(super) fn rsa_components(key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (body, _) = element(key, SEQUENCE)?;
    let (modulus, rest) = element(body, INTEGER)?;
    let (exponent, _) = element(rest, INTEGER)?;
    Some((magnitude(modulus).to_vec(), magnitude(exponent).to_vec()))
}

fn magnitude(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|&&octet| octet == 0).count();
    integer.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_signature_becomes_two_minimal_integers() {
        for (raw, want) in [
            (vec![1, 2], vec![0x30, 6, 2, 1, 1, 2, 1, 2]),
            (
                vec![0, 1, 0x80, 0],
                vec![0x30, 8, 2, 1, 1, 2, 3, 0, 0x80, 0],
            ),
            (vec![0, 0], vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        ] {
            assert_eq!(ecdsa_der(&raw), want, "{raw:?}");
        }
        let long = ecdsa_der(&[0xff; 132]);
        assert_eq!(long.get(..5), Some(&[0x30, 0x81, 138, 2, 67][..]));
    }

    #[test]
    fn the_components_of_an_rsa_key_come_without_the_sign_octet() {
        let key = [0x30, 9, 2, 2, 0, 0x81, 2, 3, 1, 0, 1];
        assert_eq!(rsa_components(&key), Some((vec![0x81], vec![1, 0, 1])));
        assert_eq!(rsa_components(&[0x30, 9, 2]), None);
    }
}
