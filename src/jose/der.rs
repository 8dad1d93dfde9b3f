//! The little DER that keys, certificates and signatures are written in (ITU-T X.690 §10).

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
/// The explicitly tagged field `[1]`.
pub(super) const FIELD_1: u8 = 0xa1;

/// The content of the element that `input` begins with, and what follows it; `None` if it has another tag, or a length that is
/// not written the one way that DER allows.
pub(crate) fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if found != tag {
        return None;
    }
    if first < 0x80 {
        return rest.split_at_checked(first.into());
    }
    // X.690 §10.1: the long form, in as few octets as it takes. Four of them hold more than we are ever given.
    let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    if octets.is_empty() || octets.len() > 4 || octets.first() == Some(&0) {
        return None;
    }
    let length = octets
        .iter()
        .fold(0, |sum: u64, &octet| sum << 8 | u64::from(octet));
    let length = usize::try_from(length).ok();
    rest.split_at_checked(length.filter(|&length| length >= 0x80)?)
}

/// An element of this tag and content, which is shorter than 64 KiB.
pub(crate) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let mut out = vec![tag];
    match (high, low) {
        (0, 0..=0x7f) => out.push(low),
        (0, _) => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend_from_slice(content);
    out
}

/// A number that is not negative, given big-endian.
pub(crate) fn unsigned(octets: &[u8]) -> Vec<u8> {
    let zeros = octets.iter().take_while(|&&octet| octet == 0).count();
    let mut content = octets.get(zeros..).unwrap_or_default().to_vec();
    // The sign bit must be clear, and zero is one octet.
    if content.first().is_none_or(|&first| first >= 0x80) {
        content.insert(0, 0);
    }
    tagged(INTEGER, &content)
}

pub(crate) fn sequence(elements: &[Vec<u8>]) -> Vec<u8> {
    tagged(SEQUENCE, &elements.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_at_every_length() {
        for length in [0, 1, 127, 128, 255, 256, 4096, 65_535] {
            let content = vec![7; length];
            let written = tagged(OCTET_STRING, &content);
            assert_eq!(
                element(&written, OCTET_STRING),
                Some((&*content, &[][..])),
                "{length}"
            );
            assert_eq!(element(&written, SEQUENCE), None);
            let (_, cut) = written.split_last().unwrap_or((&0, &[]));
            assert_eq!(element(cut, OCTET_STRING), None, "{length}");
        }
    }

    #[test]
    fn a_length_has_one_spelling() {
        for wrong in [
            &[SEQUENCE, 0x80][..],
            &[SEQUENCE, 0x81, 0],
            &[SEQUENCE, 0x81, 1, 7],
            &[SEQUENCE, 0x82, 0, 1, 7],
            &[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[SEQUENCE, 0x85, 0, 0, 0, 0, 1, 7],
            &[SEQUENCE, 0xff],
        ] {
            assert_eq!(element(wrong, SEQUENCE), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_number_has_no_zero_too_many_and_never_a_sign() {
        for (octets, want) in [
            (&[][..], &[2, 1, 0][..]),
            (&[0, 0, 1], &[2, 1, 1]),
            (&[0x80], &[2, 2, 0, 0x80]),
        ] {
            assert_eq!(unsigned(octets), want, "{octets:?}");
        }
    }
}
