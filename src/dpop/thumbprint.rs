//! Which key a token is bound to.

use std::fmt;

use crate::jose::base64url;

/// The SHA-256 thumbprint of a public key (RFC 7638), by which a token names the key that it is bound to (`cnf.jkt`, RFC 9449
/// §6.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Reads canonical base64url of 32 octets; `None` for anything else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let octets = base64url::decode(text)?;
        octets.try_into().ok().map(Self)
    }

    /// Its octets.
    #[must_use]
    pub fn as_octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Thumbprint {
    fn from(octets: [u8; 32]) -> Self {
        Self(octets)
    }
}

impl fmt::Display for Thumbprint {
    /// As `cnf.jkt` has it: 43 characters of base64url.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_one_spelling() {
        let text = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        let read = Thumbprint::from_text(text).map(|thumbprint| thumbprint.to_string());
        assert_eq!(read.as_deref(), Some(text));
        for wrong in [
            "",
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4",
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4IA",
            // Spare bits, padding, the other alphabet.
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J",
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I=",
            "0ZcOCORZNYy+DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
        ] {
            assert_eq!(Thumbprint::from_text(wrong), None, "{wrong}");
        }
    }
}
