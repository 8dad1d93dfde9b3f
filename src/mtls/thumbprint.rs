//! What certificate-bound tokens name their certificate by (RFC 8705 §3.1).

use std::fmt;

use crate::jose::base64url;

/// The SHA-256 of a certificate's DER.
///
/// Displayed as it stands in a token: base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CertificateThumbprint([u8; 32]);

impl CertificateThumbprint {
    /// Of 32 octets that are one.
    #[must_use]
    pub const fn from_octets(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// Reads the member `x5t#S256` of a token's `cnf`. `None` unless it is 32 octets in canonical base64url.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // What is longer is none, and need not be decoded.
        let octets = base64url::decode(text.get(..43).filter(|start| start.len() == text.len())?)?;
        octets.try_into().map(Self).ok()
    }

    /// Reads 64 hexadecimal digits, as Envoy and `openssl x509 -fingerprint` write it.
    pub(super) fn parse_hex(text: &[u8]) -> Option<Self> {
        let (pairs, rest) = text.as_chunks::<2>();
        let mut octets = [0; 32];
        if pairs.len() != octets.len() || !rest.is_empty() {
            return None;
        }
        for (octet, &[high, low]) in octets.iter_mut().zip(pairs) {
            *octet = hex_octet(high, low)?;
        }
        Some(Self(octets))
    }
}

/// The octet of two hexadecimal digits of either case.
pub(super) fn hex_octet(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    Some(digit(high)? << 4 | digit(low)?)
}

impl fmt::Display for CertificateThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for CertificateThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It is in every token bound to the certificate, and follows its owner through all logs.
        f.write_str("CertificateThumbprint(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8705 §3.1.
    const EXAMPLE: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";

    #[test]
    fn what_is_not_32_octets_in_canonical_base64url_is_none() {
        let good = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
        assert_eq!(
            CertificateThumbprint::parse(good).map(|thumbprint| thumbprint.to_string()),
            Some(good.to_owned())
        );
        let wrong = [
            String::new(),
            good.get(..42).unwrap_or_default().to_owned(),
            format!("{good}="),
            format!("{good}A"),
            format!(" {good}"),
            format!("{good}\n"),
            good.replace('v', "+"),
            good.replace('v', "/"),
            good.replace('A', "é"),
            good.replace("y5v0", "y5v1"),
            good.repeat(1000),
            // SHA-1, as `x5t` has it.
            "hvXuN4_fxqGOjXqVEgEbcQJkzJU".to_owned(),
        ];
        for text in wrong {
            assert_eq!(CertificateThumbprint::parse(&text), None, "{text:.99}");
        }
    }

    /// 43 characters hold 258 bits: the last two must be zero, and in the RFC's own example they are not.
    #[test]
    fn the_example_of_rfc_8705_section_3_1_is_not_canonical() {
        assert_eq!(CertificateThumbprint::parse(EXAMPLE), None);
    }

    #[test]
    fn hexadecimal_digits_are_read_in_either_case() {
        let lower = "03".repeat(31) + "fe";
        let thumbprint = CertificateThumbprint::parse_hex(lower.as_bytes());
        assert!(thumbprint.is_some());
        assert_eq!(
            CertificateThumbprint::parse_hex(lower.to_uppercase().as_bytes()),
            thumbprint
        );
        for wrong in [
            "",
            "03",
            &"03".repeat(33),
            &"0".repeat(65),
            &"0g".repeat(32),
        ] {
            assert_eq!(CertificateThumbprint::parse_hex(wrong.as_bytes()), None);
        }
        assert_eq!(
            CertificateThumbprint::parse_hex(&"é".repeat(32).into_bytes()),
            None
        );
    }
}
