//! The few lines of DER that public keys and signatures need.

/// Turns an ECDSA signature as JWS has it, R‖S (RFC 7518 §3.4), into the ASN.1 form that other protocols use.
///
/// A verifier must refuse the result.
#[must_use]
pub fn ecdsa_der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    sequence(&[unsigned_integer(r), unsigned_integer(s)].concat())
}

/// Modulus and exponent of an RSAPublicKey (RFC 8017 §A.1.1), without leading zero octets.
pub(super) fn rsa_components(key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (body, _) = element(key, SEQUENCE)?;
    let (modulus, rest) = element(body, INTEGER)?;
    let (exponent, _) = element(rest, INTEGER)?;
    Some((magnitude(modulus).to_vec(), magnitude(exponent).to_vec()))
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// The content of the element that `input` begins with, and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        _ => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = octets.iter().try_fold(0usize, |sum, &octet| {
                Some(sum.checked_mul(256)? | usize::from(octet))
            })?;
            (length, rest)
        }
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

fn magnitude(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|&&octet| octet == 0).count();
    integer.get(zeros..).unwrap_or_default()
}

fn unsigned_integer(octets: &[u8]) -> Vec<u8> {
    let mut content = magnitude(octets).to_vec();
    // The sign bit must be clear, and zero is one octet.
    if content.first().is_none_or(|&first| first >= 0x80) {
        content.insert(0, 0);
    }
    tagged(INTEGER, &content)
}

fn sequence(content: &[u8]) -> Vec<u8> {
    tagged(SEQUENCE, content)
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    // Nothing here is longer than an ES512 signature: 2 · 67 octets.
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    if length >= 0x80 {
        out.push(0x81);
    }
    out.push(length);
    out.extend_from_slice(content);
    out
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
