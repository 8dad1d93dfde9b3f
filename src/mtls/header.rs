//! The header in which a proxy hands on the certificate that a client has shown to it.

use base64_simd::{STANDARD, STANDARD_NO_PAD};
use http::{HeaderMap, HeaderName};

use super::certificate::ClientCertificate;
use super::envoy;
use super::error::CertificateError;
use super::pem;
use super::thumbprint::CertificateThumbprint;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::header_name::same_name;
use crate::peer::Peer;

/// A certificate has a few kilobytes, and a third more in base64; the largest with post-quantum keys have ten.
const MAX_LENGTH: usize = 16 * 1024;

/// The header in which a proxy that ends TLS hands on the client's certificate, and its form.
///
/// | proxy | form | what the proxy must be told |
/// |---|---|---|
/// | any that follows RFC 9440 | [`rfc9440`](Self::rfc9440) | to set `Client-Cert`, and to take away what a client sent |
/// | Envoy, Istio | [`envoy`](Self::envoy), [`envoys`](Self::envoys) | `forward_client_cert_details: SANITIZE_SET` |
/// | nginx | [`nginx`](Self::nginx) | `proxy_set_header x-ssl-cert $ssl_client_escaped_cert;` in each location |
/// | Amazon's Application Load Balancer | [`nginx`](Self::nginx)`("x-amzn-mtls-clientcert-leaf")` | mutual TLS in the mode *verify* |
///
/// The header must stand there once, in at most 16 KiB, and hold the leaf alone. Empty, it says that there was no certificate.
/// A proxy that asks for a certificate without verifying it is enough for a bound token: the client has shown in the handshake
/// that it has the key (RFC 8705 §6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateHeader {
    name: HeaderName,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    ByteSequence,
    Envoy { proxies: usize },
    EscapedPem,
}

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const X_FORWARDED_CLIENT_CERT: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

impl CertificateHeader {
    /// `Client-Cert`, as RFC 9440 §2.2 has it: DER in base64 between two colons. `Client-Cert-Chain` is not looked at.
    #[must_use]
    pub fn rfc9440() -> Self {
        Self {
            name: CLIENT_CERT,
            form: Form::ByteSequence,
        }
    }

    /// `x-forwarded-client-cert` by the one Envoy that stands between the clients and us: its `Hash`, its `Cert`, or both if
    /// they are of one certificate.
    ///
    /// It must be set to `SANITIZE_SET`. A header with two elements is refused: with `APPEND_FORWARD` the first one is what
    /// the client has sent.
    #[must_use]
    pub fn envoy() -> Self {
        Self {
            name: X_FORWARDED_CLIENT_CERT,
            form: Form::Envoy { proxies: 1 },
        }
    }

    /// `x-forwarded-client-cert` by several Envoys, one behind the other: an ingress gateway and a sidecar are two.
    ///
    /// The first must be set to `SANITIZE_SET`, every other to `APPEND_FORWARD`, and must be reached by way of the one before
    /// it alone. The header has as many elements then, and the first one tells of the client; any other number is refused.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Limit`] if `proxies` is zero.
    pub fn envoys(proxies: usize) -> Result<Self, ConfigError> {
        if proxies == 0 {
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                "no Envoy at all writes no header",
            ));
        }
        Ok(Self {
            name: X_FORWARDED_CLIENT_CERT,
            form: Form::Envoy { proxies },
        })
    }

    /// A header of this name with PEM in which every octet that a URL could not hold is written as `%` and two digits: nginx's
    /// `$ssl_client_escaped_cert`.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Credential`] if a header cannot have that name.
    pub fn nginx(name: &str) -> Result<Self, ConfigError> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| {
            let detail = format!("a header cannot be named {name:?}");
            ConfigError::new(ConfigErrorKind::Credential, detail).because(error)
        })?;
        Ok(Self {
            name,
            form: Form::EscapedPem,
        })
    }

    /// Whether it is there, whatever it says.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        headers.contains_key(&self.name)
    }

    /// Takes it out of a request, unless one of our proxies has sent it; and whoever has, what some server behind us could take
    /// for it: a proxy hands on a `Client_Cert` that it knows nothing of.
    pub(super) fn remove_forged(&self, headers: &mut HeaderMap, peer: Peer) {
        // RFC 9440 §4: the chain is as good to a forger as the certificate.
        let chain = (self.form == Form::ByteSequence).then_some(CLIENT_CERT_CHAIN);
        let ours = [Some(&self.name), chain.as_ref()];
        let is_forged = |name: &HeaderName| {
            let mut ours = ours.into_iter().flatten();
            ours.any(|ours| {
                same_name(ours.as_str(), name.as_str()) && (peer != Peer::Proxy || ours != name)
            })
        };
        let forged: Vec<_> = headers
            .keys()
            .filter(|name| is_forged(name))
            .cloned()
            .collect();
        for name in forged {
            headers.remove(name);
        }
    }

    /// The thumbprint of the certificate, or `None` if there is none.
    pub(super) fn thumbprint(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<CertificateThumbprint>, CertificateError> {
        let mut values = headers.get_all(&self.name).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(CertificateError::Repeated);
        }
        if value.len() > MAX_LENGTH {
            return Err(CertificateError::TooLong {
                length: value.len(),
                limit: MAX_LENGTH,
            });
        }
        let value = value.as_bytes().trim_ascii();
        if value.is_empty() {
            return Ok(None);
        }
        let der = match self.form {
            Form::Envoy { proxies } => return envoy::thumbprint(value, proxies).map(Some),
            Form::ByteSequence => byte_sequence(value)?,
            Form::EscapedPem => pem::decode_escaped(value)?,
        };
        let certificate = ClientCertificate::from_der(der)?;
        Ok(Some(certificate.thumbprint()))
    }
}

/// RFC 8941 §4.2.7: base64 between colons. A parser is not to insist on the padding.
fn byte_sequence(value: &[u8]) -> Result<Vec<u8>, CertificateError> {
    let content = value.strip_prefix(b":");
    let content = content.and_then(|rest| rest.strip_suffix(b":"));
    let content = content.ok_or(CertificateError::ByteSequence)?;
    let base64 = if content.ends_with(b"=") {
        STANDARD
    } else {
        STANDARD_NO_PAD
    };
    let octets = base64.decode_to_vec(content);
    octets.map_err(|_| CertificateError::ByteSequence)
}

#[cfg(test)]
mod tests;
