//! The characters that credentials and their names are made of.

use crate::jose::base64url;

/// RFC 6750 §2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
pub(crate) fn is_b64token(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|&&byte| byte == b'=').count();
    let (text, _) = token.split_at(token.len() - padding);
    // Every byte of every token passes here. The codec looks at more of them at once than a compiler can; it stops at a dot.
    !text.is_empty() && (base64url::is_of_alphabet(text) || is_of_b64token_alphabet(text))
}

fn is_of_b64token_alphabet(text: &[u8]) -> bool {
    // Without a branch between two bytes, many are judged at once.
    text.iter().fold(true, |all, &byte| {
        let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let digit_or_dash_dot_slash = byte.wrapping_sub(b'-') <= b'9' - b'-';
        all & (letter | digit_or_dash_dot_slash | (byte == b'_') | (byte == b'~') | (byte == b'+'))
    })
}

/// RFC 9110 §5.6.2: token = 1*tchar
pub(super) fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_b64token_is_of_the_characters_of_rfc_6750_alone() {
        for byte in 0..=u8::MAX {
            let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_b64token(&[byte]), allowed, "{byte:#04x}");
            assert_eq!(
                is_b64token(&[b"abc", &[byte][..], b"xyz"].concat()),
                allowed,
                "{byte:#04x}"
            );
        }
    }
}
