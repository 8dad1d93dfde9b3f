use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use tower_bearer::testing::RawToken;

use crate::tokens::{Algorithm, Tokens};

/// A signature check, and nothing else.
#[derive(Clone)]
pub struct Bare(Arc<ParsedPublicKey>);

/// What it is given: everything around the check is done before.
pub struct Signed {
    input: Vec<u8>,
    signature: Vec<u8>,
}

impl Bare {
    pub fn new(tokens: &Tokens, algorithm: Algorithm) -> Self {
        let params: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::EdDSA => &ED25519,
        };
        let key = &tokens.of(algorithm).public_key;
        Self(Arc::new(
            ParsedPublicKey::new(params, key).expect("a public key"),
        ))
    }

    pub fn signed(credential: &str) -> Signed {
        let token = credential.strip_prefix("Bearer ").expect("a credential");
        let (input, _) = token.rsplit_once('.').expect("two dots");
        Signed {
            input: input.as_bytes().to_vec(),
            signature: RawToken::parse(token).signature_bytes(),
        }
    }

    pub fn accepts(&self, signed: &Signed) -> bool {
        self.0.verify_sig(&signed.input, &signed.signature).is_ok()
    }
}
