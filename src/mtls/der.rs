//! The outermost shape of a certificate, and no more: what is in it decides nothing here.

const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// Whether these octets are one DER element of a certificate's shape (RFC 5280 §4.1): a sequence of two sequences and a bit
/// string, each of a definite length written the one way that DER allows, with nothing behind.
pub(super) fn is_certificate(octets: &[u8]) -> bool {
    let shape = || {
        let (certificate, behind) = element(octets, SEQUENCE)?;
        let (_, rest) = element(certificate, SEQUENCE)?;
        let (_, rest) = element(rest, SEQUENCE)?;
        let (_, rest) = element(rest, BIT_STRING)?;
        Some(behind.is_empty() && rest.is_empty())
    };
    shape().unwrap_or(false)
}

/// The content of the element that `input` begins with, and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if *found != tag {
        return None;
    }
    if first < 0x80 {
        return rest.split_at_checked(first.into());
    }
    // X.690 §10.1: the long form, in as few octets as it takes. Four of them hold more than we are ever sent.
    let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if octets.is_empty() || octets.len() > 4 || octets.first() == Some(&0) {
        return None;
    }
    let length = octets
        .iter()
        .fold(0u64, |sum, &octet| sum << 8 | u64::from(octet));
    let length = usize::try_from(length)
        .ok()
        .filter(|&length| length >= 0x80)?;
    rest.split_at_checked(length)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "the lengths are in sight")]
mod tests {
    use super::super::samples;
    use super::*;

    /// Two empty sequences and an empty bit string.
    const SMALLEST: [u8; 8] = [0x30, 6, 0x30, 0, 0x30, 0, 0x03, 0];

    #[test]
    fn a_certificate_has_the_shape_of_one() {
        assert!(is_certificate(&SMALLEST));
        for length in [0, 0x70, 0x80, 0xff, 0x100, 0x1_0000] {
            assert!(
                is_certificate(&samples::certificate(&vec![0; length])),
                "{length}"
            );
        }
    }

    #[test]
    fn no_part_of_a_certificate_is_one_and_none_with_more() {
        let whole = samples::der(1);
        assert!(is_certificate(&whole));
        for end in 0..whole.len() {
            assert!(!is_certificate(&whole[..end]), "{end}");
        }
        for more in [0, 0x30, b'\n'] {
            assert!(!is_certificate(&[&whole[..], &[more]].concat()));
        }
    }

    #[test]
    fn what_der_writes_otherwise_is_refused() {
        let wrong: [&[u8]; 12] = [
            b"",
            &[0x30],
            &[0x30, 0],
            // A set.
            &[0x31, 6, 0x30, 0, 0x30, 0, 0x03, 0],
            // BER: of indefinite length.
            &[0x30, 0x80, 0x30, 0, 0x30, 0, 0x03, 0, 0, 0],
            // A length in more octets than it takes.
            &[0x30, 0x81, 6, 0x30, 0, 0x30, 0, 0x03, 0],
            &[0x30, 0x82, 0, 6, 0x30, 0, 0x30, 0, 0x03, 0],
            // One that no memory has, and one that says so in too many octets.
            &[
                0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30, 0, 0x30, 0, 0x03, 0,
            ],
            &[0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            // A public key: a sequence and a bit string.
            &[0x30, 4, 0x30, 0, 0x03, 0],
            // Four elements.
            &[0x30, 8, 0x30, 0, 0x30, 0, 0x03, 0, 0x30, 0],
            // PKCS #7, in which chains are handed around, begins with an object identifier.
            &[0x30, 6, 0x06, 0, 0xa0, 0, 0x03, 0],
        ];
        for octets in wrong {
            assert!(!is_certificate(octets), "{octets:02x?}");
        }
        let short = samples::certificate(&[0; 0x70]);
        assert_eq!(short[..2], [0x30, 0x81]);
        assert!(!is_certificate(&[&[0x30, 0x82, 0], &short[2..]].concat()));
    }
}
