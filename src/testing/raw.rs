use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;

use super::signing_key::SigningKey;
use crate::jose::Algorithm;

/// Three arbitrary parts, glued with dots: any token there can be, and any that must not be.
///
/// A part given as bytes is encoded in base64url; one given as text stands in the token as it is.
#[derive(Clone, Default)]
pub struct RawToken {
    header: String,
    payload: String,
    signature: String,
}

impl RawToken {
    /// Three empty parts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a token apart at its first two dots.
    #[must_use]
    pub fn parse(token: &str) -> Self {
        let mut parts = token.splitn(3, '.').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Self {
            header: next(),
            payload: next(),
            signature: next(),
        }
    }

    /// Encodes these bytes as the header.
    #[must_use]
    pub fn header(self, bytes: impl AsRef<[u8]>) -> Self {
        self.header_text(URL_SAFE_NO_PAD.encode_to_string(bytes))
    }

    /// Encodes these bytes as the payload.
    #[must_use]
    pub fn payload(self, bytes: impl AsRef<[u8]>) -> Self {
        self.payload_text(URL_SAFE_NO_PAD.encode_to_string(bytes))
    }

    /// Encodes these bytes as the signature.
    #[must_use]
    pub fn signature(self, bytes: impl AsRef<[u8]>) -> Self {
        self.signature_text(URL_SAFE_NO_PAD.encode_to_string(bytes))
    }

    /// Puts this text where the header stands.
    #[must_use]
    pub fn header_text(mut self, text: impl Into<String>) -> Self {
        self.header = text.into();
        self
    }

    /// Puts this text where the payload stands.
    #[must_use]
    pub fn payload_text(mut self, text: impl Into<String>) -> Self {
        self.payload = text.into();
        self
    }

    /// Puts this text where the signature stands.
    #[must_use]
    pub fn signature_text(mut self, text: impl Into<String>) -> Self {
        self.signature = text.into();
        self
    }

    /// Signs header and payload, as they stand, with the key's own algorithm.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> Self {
        self.sign_as(key, key.algorithm())
    }

    /// Signs header and payload, as they stand, with `algorithm`, whatever the header says.
    ///
    /// # Panics
    ///
    /// If the key and `algorithm` do not go together.
    #[must_use]
    pub fn sign_as(self, key: &SigningKey, algorithm: Algorithm) -> Self {
        let signature = key.sign_as(algorithm, self.signing_input().as_bytes());
        self.signature(signature)
    }

    /// Replaces the signature by what `change` makes of its bytes.
    ///
    /// # Panics
    ///
    /// If the signature that stands there is no base64url.
    #[must_use]
    pub fn map_signature(self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        let signature = change(self.signature_bytes());
        self.signature(signature)
    }

    /// The bytes of the signature.
    ///
    /// # Panics
    ///
    /// If the signature that stands there is no base64url.
    #[must_use]
    pub fn signature_bytes(&self) -> Vec<u8> {
        URL_SAFE_NO_PAD
            .decode_to_vec(&self.signature)
            .expect("the signature is base64url")
    }

    /// What a signature is made over: header, dot, payload (RFC 7515 §5.1).
    #[must_use]
    pub fn signing_input(&self) -> String {
        format!("{}.{}", self.header, self.payload)
    }

    /// The token.
    #[must_use]
    pub fn join(&self) -> String {
        format!("{}.{}.{}", self.header, self.payload, self.signature)
    }
}

impl fmt::Debug for RawToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RawToken({} + {} + {} characters)",
            self.header.len(),
            self.payload.len(),
            self.signature.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_encoded_and_text_stands_as_it_is() {
        let token = RawToken::new()
            .header(br#"{"alg":"none"}"#)
            .payload_text("e30=")
            .signature([0xff, 0xfe]);
        assert_eq!(token.join(), "eyJhbGciOiJub25lIn0.e30=.__4");
    }

    #[test]
    fn a_token_taken_apart_can_be_changed_in_one_place() {
        let token = RawToken::parse("aa.bb.__4").map_signature(|mut bytes| {
            bytes.reverse();
            bytes
        });
        assert_eq!(token.join(), "aa.bb._v8");
        assert_eq!(RawToken::parse("aa.bb.cc.dd").join(), "aa.bb.cc.dd");
    }
}
