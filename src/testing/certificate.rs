use aws_lc_rs::digest::{SHA256, digest};

use super::mint::TokenBuilder;
use crate::mtls::ClientCertificate;

/// A client certificate for tests without TLS: another one for each name, and the same one each time.
///
/// It has the shape of a certificate and nothing in it, so that TLS would not take it. For real handshakes make one with a crate
/// such as `rcgen`.
///
/// ```
/// use tower_bearer::testing::{TestIssuer, client_certificate};
///
/// let issuer = TestIssuer::new("https://id.example");
/// let alice = client_certificate("alice");
/// let token = issuer.token().audience("https://api.example").bound_to_certificate(&alice).sign();
///
/// // As the server tells of the connection that a request came by.
/// let mut request = http::Request::new(());
/// request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
/// request.extensions_mut().insert(alice);
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[must_use]
pub fn client_certificate(name: &str) -> ClientCertificate {
    // What was to be signed, by which algorithm, and a bit string of 32 octets for the signature.
    let mut der = vec![0x30, 39, 0x30, 0, 0x30, 0, 0x03, 33, 0];
    der.extend_from_slice(digest(&SHA256, name.as_bytes()).as_ref());
    ClientCertificate::from_der(der).expect("it has the shape of a certificate")
}

impl TokenBuilder {
    /// Binds the token to a client certificate: it is good only from connections whose client has shown it (RFC 8705 §3.1).
    ///
    /// Beside a key that it is [bound to](Self::bound_to), and then both must be shown.
    pub fn bound_to_certificate(self, certificate: &ClientCertificate) -> Self {
        let thumbprint = certificate.thumbprint().to_string();
        self.confirmed_by("x5t#S256", thumbprint)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::issuer::TestIssuer;
    use super::super::signing_key::SigningKey;
    use super::*;
    use crate::jose::{Algorithm, base64url};

    #[test]
    fn each_name_has_a_certificate_of_its_own() {
        assert_eq!(client_certificate("alice"), client_certificate("alice"));
        assert_ne!(client_certificate("alice"), client_certificate("bob"));
    }

    #[test]
    fn a_token_can_be_bound_to_a_certificate_and_to_a_key() {
        let issuer = TestIssuer::new("https://issuer.test");
        let (key, alice) = (
            SigningKey::generate(Algorithm::EdDSA),
            client_certificate("alice"),
        );
        let token = issuer.token().bound_to(&key).bound_to_certificate(&alice);
        let payload = token.sign();
        let payload = payload.split('.').nth(1).expect("three parts");
        let payload = base64url::decode(payload).expect("base64url");
        let claims: Value = serde_json::from_slice(&payload).expect("JSON");
        let want = json!({"jkt": key.thumbprint(), "x5t#S256": alice.thumbprint().to_string()});
        assert_eq!(claims.get("cnf"), Some(&want));
    }
}
