//! The certificate that a client has shown.

use std::fmt;
use std::sync::Arc;

use super::der::is_certificate;
use super::error::CertificateError;
use super::pem;
use super::thumbprint::CertificateThumbprint;
use crate::jose::sha256;

/// The certificate by which a client has authenticated itself in the TLS handshake: the leaf alone, without its chain. Cheap to
/// clone.
///
/// An extension that the server puts into each request of a connection, by a [`ConnectionLayer`](super::ConnectionLayer) or by
/// hand. Whoever makes one vouches that the client has the private key: it proves nothing by itself. Whether an authority has
/// signed it, and whether it is still valid, is the business of the TLS layer.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    der: Arc<[u8]>,
    /// Computed once for all requests of a connection.
    thumbprint: CertificateThumbprint,
}

impl ClientCertificate {
    /// One certificate in DER, as TLS has it.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Der`] if it has not the shape of exactly one certificate: no PEM, no chain, no octet more.
    pub fn from_der(der: impl AsRef<[u8]>) -> Result<Self, CertificateError> {
        let der = der.as_ref();
        if !is_certificate(der) {
            return Err(CertificateError::Der);
        }
        Ok(Self {
            thumbprint: CertificateThumbprint::from_octets(sha256(der)),
            der: der.into(),
        })
    }

    /// One certificate in PEM (RFC 7468): for tests and tools. Line ends and the length of lines do not matter.
    ///
    /// # Errors
    ///
    /// [`CertificateError::Pem`] if it is not one block of the label `CERTIFICATE`, [`CertificateError::Several`] if there are
    /// more, [`CertificateError::Der`] as in [`from_der`](Self::from_der).
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, CertificateError> {
        pem::decode(pem.as_ref()).and_then(Self::from_der)
    }

    /// The leaf of the chain that a TLS library shows, or `None` if the client has shown none: what rustls gives as
    /// `peer_certificates()` and tonic as `peer_certs()`. The leaf comes first in every chain (RFC 8446 §4.4.2).
    ///
    /// ```
    /// use tower_bearer::mtls::ClientCertificate;
    ///
    /// # fn peer_certificates() -> Option<&'static [&'static [u8]]> { None }
    /// // In a server: `stream.get_ref().1.peer_certificates()` of a `tokio_rustls::server::TlsStream`.
    /// let certificate = ClientCertificate::leaf_of(peer_certificates())?;
    /// assert_eq!(certificate, None);
    /// # Ok::<(), tower_bearer::mtls::CertificateError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`from_der`](Self::from_der). A connection for which it fails is to be closed.
    pub fn leaf_of<D: AsRef<[u8]>>(chain: Option<&[D]>) -> Result<Option<Self>, CertificateError> {
        let leaf = chain.and_then(<[D]>::first);
        leaf.map(Self::from_der).transpose()
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// What a token bound to this certificate says in `cnf` as `x5t#S256` (RFC 8705 §3.1).
    #[must_use]
    pub fn thumbprint(&self) -> CertificateThumbprint {
        self.thumbprint
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("bytes", &self.der.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn rfc_8705_appendix_a() {
        let certificate = ClientCertificate::from_pem(samples::RFC_8705).expect("a certificate");
        assert_eq!(
            certificate.thumbprint().to_string(),
            samples::RFC_8705_THUMBPRINT
        );
    }

    #[test]
    fn the_leaf_is_the_first_of_a_chain() {
        let (client, other) = (samples::der(1), samples::der(2));
        let chain = [client.clone(), other];
        let leaf = ClientCertificate::leaf_of(Some(&chain)).expect("a certificate");
        assert_eq!(leaf.map(|leaf| leaf.der().to_vec()), Some(client));
        assert_eq!(ClientCertificate::leaf_of::<Vec<u8>>(None), Ok(None));
        assert_eq!(ClientCertificate::leaf_of::<Vec<u8>>(Some(&[])), Ok(None));
        assert_eq!(
            ClientCertificate::leaf_of(Some(&[b"no certificate"])),
            Err(CertificateError::Der)
        );
    }

    #[test]
    fn a_chain_in_one_piece_is_no_certificate() {
        let two = [samples::der(1), samples::der(2)].concat();
        assert_eq!(ClientCertificate::from_der(two), Err(CertificateError::Der));
        let pem = samples::RFC_8705;
        assert_eq!(ClientCertificate::from_der(pem), Err(CertificateError::Der));
    }

    #[test]
    fn debug_shows_neither_certificate_nor_thumbprint() {
        let certificate = ClientCertificate::from_pem(samples::RFC_8705).expect("a certificate");
        assert_eq!(
            format!("{certificate:?} {:?}", certificate.thumbprint()),
            "ClientCertificate { bytes: 266, .. } CertificateThumbprint(..)"
        );
    }
}
