//! When two names of a header are one.

/// Whether some server takes both names for the same: those that hand headers on as variables write `_` for whatever is
/// neither a letter nor a digit.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    let alike = |byte: u8| match byte {
        letter_or_digit if byte.is_ascii_alphanumeric() => letter_or_digit.to_ascii_lowercase(),
        _ => b'-',
    };
    one.bytes().map(alike).eq(other.bytes().map(alike))
}
