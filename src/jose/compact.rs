//! Splitting and decoding a compact token, within size bounds (RFC 7515 §7.1).

use crate::error::{TokenPart, VerifyErrorKind};

use super::{base64url, octets};

/// A signed token taken apart; nothing in it is believed yet.
pub(crate) struct Compact<'t> {
    /// Header and payload as they were signed, still encoded.
    pub(crate) signing_input: &'t [u8],
    /// The header's JSON, not yet parsed.
    pub(crate) header: String,
    /// The payload, not yet parsed.
    pub(crate) payload: String,
    /// The signature.
    pub(crate) signature: Vec<u8>,
}

impl<'t> Compact<'t> {
    /// Takes a token of at most `limit` bytes apart.
    pub(crate) fn decode(token: &'t str, limit: usize) -> Result<Self, VerifyErrorKind> {
        if token.len() > limit {
            return Err(VerifyErrorKind::TooLong {
                length: token.len(),
                limit,
            });
        }
        // From both ends: the payload is the longest part, and a dot within it is no base64url.
        let first = octets::find(token.as_bytes(), b'.').ok_or(VerifyErrorKind::NotCompact)?;
        let (header, rest) = token.split_at(first);
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        let (payload, signature) = rest.rsplit_once('.').ok_or(VerifyErrorKind::NotCompact)?;
        let signed = header.len() + 1 + payload.len();
        let decoded = || {
            if header.is_empty() || payload.is_empty() || signature.is_empty() {
                return Err(VerifyErrorKind::NotCompact);
            }
            Ok(Self {
                signing_input: token.as_bytes().get(..signed).unwrap_or_default(),
                header: decode_text(header, TokenPart::Header)?,
                payload: decode_text(payload, TokenPart::Payload)?,
                signature: decode(signature, TokenPart::Signature)?,
            })
        };
        decoded().map_err(|kind| number_of_parts(payload).unwrap_or(kind))
    }
}

/// What is wrong with the number of parts, given all between the first dot and the last; `None` if nothing is.
fn number_of_parts(payload: &str) -> Option<VerifyErrorKind> {
    // Looks no further than the third dot, however many there are.
    match payload.bytes().filter(|&byte| byte == b'.').take(3).count() {
        0 => None,
        // RFC 7516 §7.1: five parts; the encrypted key among them may well be empty.
        2 => Some(VerifyErrorKind::Encrypted),
        _ => Some(VerifyErrorKind::NotCompact),
    }
}

fn decode(encoded: &str, part: TokenPart) -> Result<Vec<u8>, VerifyErrorKind> {
    base64url::decode(encoded).ok_or(VerifyErrorKind::Base64 { part })
}

fn decode_text(encoded: &str, part: TokenPart) -> Result<String, VerifyErrorKind> {
    String::from_utf8(decode(encoded, part)?).map_err(|_| VerifyErrorKind::Json { part })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(token: &str) -> Option<VerifyErrorKind> {
        Compact::decode(token, 64).err()
    }

    #[test]
    fn a_token_is_three_parts_of_canonical_base64url() {
        let decoded = Compact::decode("e30.e30.AQ", 64).ok();
        assert!(decoded.is_some_and(|token| {
            token.signing_input == b"e30.e30"
                && token.header == "{}"
                && token.payload == "{}"
                && token.signature == [1]
        }));
    }

    #[test]
    fn any_other_number_of_parts_is_refused() {
        use VerifyErrorKind::{Encrypted, NotCompact};
        for (token, want) in [
            ("", NotCompact),
            (".", NotCompact),
            ("..", NotCompact),
            ("e30", NotCompact),
            ("e30.e30", NotCompact),
            ("e30.e30.", NotCompact),
            ("e30..AQ", NotCompact),
            (".e30.AQ", NotCompact),
            (".e30.e30.AQ", NotCompact),
            ("e30..e30.AQ", NotCompact),
            ("e30.e30.AQ.", NotCompact),
            ("...", NotCompact),
            ("e30.e30.e30.e30.AQ", Encrypted),
            ("e30..e30.e30.AQ", Encrypted),
            ("....", Encrypted),
            ("e30.e30.e30.e30.e30.AQ", NotCompact),
            (".....", NotCompact),
            ("................................", NotCompact),
            ("{\"payload\":\"e30\"}", NotCompact),
        ] {
            assert_eq!(kind(token), Some(want), "{token}");
        }
    }

    #[test]
    fn each_part_is_canonical_base64url() {
        use TokenPart::{Header, Payload, Signature};
        for bad in [
            "e30=", "e3 0", "e30\n", "e31", "e+0w", "e/0w", "A", "é3", "e3\0A",
        ] {
            let base64 = |part| Some(VerifyErrorKind::Base64 { part });
            assert_eq!(kind(&format!("{bad}.e30.AQ")), base64(Header), "{bad}");
            assert_eq!(kind(&format!("e30.{bad}.AQ")), base64(Payload), "{bad}");
            assert_eq!(kind(&format!("e30.e30.{bad}")), base64(Signature), "{bad}");
        }
    }

    #[test]
    fn header_and_payload_are_utf8() {
        let json = |part| Some(VerifyErrorKind::Json { part });
        assert_eq!(kind("_w.e30.AQ"), json(TokenPart::Header));
        assert_eq!(kind("e30._w.AQ"), json(TokenPart::Payload));
        assert_eq!(kind("e30.e30._w"), None);
    }

    #[test]
    fn length_is_judged_before_anything_else() {
        let long = "!".repeat(65);
        let want = VerifyErrorKind::TooLong {
            length: 65,
            limit: 64,
        };
        assert_eq!(kind(&long), Some(want));
        assert_eq!(kind(&"!".repeat(64)), Some(VerifyErrorKind::NotCompact));
    }
}
