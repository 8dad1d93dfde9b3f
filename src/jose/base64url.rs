//! Canonical base64url without padding (RFC 7515 §2): each octet sequence has exactly one accepted form.

use base64_simd::URL_SAFE_NO_PAD;

/// Decodes; `None` for padding, `+` or `/`, white space, spare bits that are not zero, or an impossible length.
pub(crate) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

/// Whether `text` is of no other characters, whatever its length.
pub(crate) fn is_of_alphabet(text: &[u8]) -> bool {
    // Without the last few, of which it matters whether they are a canonical end.
    let (quads, rest) = text.split_at(text.len() / 4 * 4);
    let plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    URL_SAFE_NO_PAD.check(quads).is_ok() && rest.iter().all(plain)
}

/// Encodes.
pub(crate) fn encode(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(octets)
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "the lengths are in sight")]
mod tests {
    use super::*;

    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    #[test]
    fn every_octet_outside_the_alphabet_is_refused_at_every_place() {
        // Lengths on both sides of every vector width.
        for length in [4, 8, 16, 32, 40, 64, 68, 100, 128] {
            for at in 0..length {
                for octet in 0..=u8::MAX {
                    let mut text = vec![b'A'; length];
                    text[at] = octet;
                    assert_eq!(
                        decode(&text).is_some(),
                        ALPHABET.contains(&octet),
                        "{octet:#04x} at {at} of {length}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_text_of_the_alphabet_is_one_whatever_its_length() {
        for length in [0, 1, 2, 3, 4, 5, 16, 31, 32, 33, 63, 64, 67, 128] {
            for (at, octet) in
                (0..length).flat_map(|at| (0..=u8::MAX).map(move |octet| (at, octet)))
            {
                let mut text = vec![b'x'; length];
                text[at] = octet;
                assert_eq!(
                    is_of_alphabet(&text),
                    ALPHABET.contains(&octet),
                    "{octet:#04x} at {at} of {length}"
                );
            }
        }
        assert!(is_of_alphabet(b""));
    }

    #[test]
    fn what_is_accepted_is_the_only_form_of_its_octets() {
        for length in [1, 2, 3, 4, 5, 33, 34, 35, 63, 66, 67] {
            for last in ALPHABET {
                let mut text = vec![b'-'; length];
                text[length - 1] = *last;
                match decode(&text) {
                    Some(octets) => assert_eq!(encode(octets).as_bytes(), text),
                    None => assert!(length % 4 != 0, "{length} {last}"),
                }
            }
        }
        for spare in ["AB", "AAB", "AQ==", "AQ=", "A", "AAAAA", "AQ\n"] {
            assert_eq!(decode(spare), None, "{spare}");
        }
        assert_eq!(decode("").as_deref(), Some(&[][..]));
    }
}
