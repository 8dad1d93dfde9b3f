//! Whether a request comes from the owner of a certificate-bound token.

use http::{Extensions, HeaderMap};

use super::certificate::ClientCertificate;
use super::error::CertificateRefusal;
use super::header::CertificateHeader;
use super::thumbprint::CertificateThumbprint;
use crate::peer::{Peer, TrustedProxies};

/// How tokens are checked that are bound to a client certificate.
///
/// The certificate is the connection's own, a [`ClientCertificate`] in the request's extensions, unless the service stands
/// [`behind`](Self::behind) proxies.
///
/// ```
/// use tower_bearer::mtls::{CertificateHeader, MutualTls};
/// use tower_bearer::peer::TrustedProxies;
///
/// let proxies = TrustedProxies::at(["10.7.0.4"])?;
/// let mutual_tls = MutualTls::accept().behind(proxies, CertificateHeader::nginx("x-ssl-cert")?);
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MutualTls {
    required: bool,
    proxies: Option<(TrustedProxies, CertificateHeader)>,
}

impl MutualTls {
    /// A token that is bound to a certificate needs it; one that is not is good for whoever has it.
    #[must_use]
    pub fn accept() -> Self {
        Self {
            required: false,
            proxies: None,
        }
    }

    /// As [`accept`](Self::accept), and a token that is bound to no certificate is refused.
    #[must_use]
    pub fn require() -> Self {
        Self {
            required: true,
            ..Self::accept()
        }
    }

    /// Reads the certificate from a header of requests that come from one of these proxies.
    ///
    /// From a proxy the header alone counts: the certificate of that connection is the proxy's own. From anyone else the
    /// header is nothing, and is taken out of the request, so that a handler cannot take it for the truth; what counts then is
    /// the connection's certificate. A header whose name differs from it only in what is neither a letter nor a digit
    /// (`X_SSL_Cert`) is taken out of every request: servers behind may take it for the same.
    ///
    /// Where the server does not say who the peer is ([`PeerAddr`](crate::peer::PeerAddr)), no certificate counts: the peer may be a
    /// proxy. A stranger's request is not refused for the header: a client may have sent it in good faith to a proxy further out.
    #[must_use]
    pub fn behind(mut self, proxies: TrustedProxies, header: CertificateHeader) -> Self {
        self.proxies = Some((proxies, header));
        self
    }

    /// Whether a token that is bound to no certificate is refused.
    pub(crate) fn is_required(&self) -> bool {
        self.required
    }

    /// Whether the client has shown the certificate that its token is bound to.
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
        bound_to: CertificateThumbprint,
    ) -> Result<(), CertificateRefusal> {
        if self.shown(headers, extensions)? == bound_to {
            Ok(())
        } else {
            Err(CertificateRefusal::Mismatch)
        }
    }

    /// Takes the header with a certificate out of a request, unless a trusted proxy has sent it, and what looks like it.
    pub(crate) fn remove_forged(&self, headers: &mut HeaderMap, extensions: &Extensions) {
        if let Some((proxies, header)) = &self.proxies {
            header.remove_forged(headers, proxies.judge(extensions));
        }
    }

    /// The certificate that the client has shown.
    fn shown(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<CertificateThumbprint, CertificateRefusal> {
        let of_connection = extensions.get().map(ClientCertificate::thumbprint);
        let Some((proxies, header)) = &self.proxies else {
            return of_connection.ok_or(CertificateRefusal::Missing);
        };
        match proxies.judge(extensions) {
            Peer::Proxy => header
                .thumbprint(headers)
                .map_err(|why| CertificateRefusal::Unreadable { why })?
                .ok_or(CertificateRefusal::Missing),
            Peer::Stranger if of_connection.is_none() && header.is_in(headers) => {
                Err(CertificateRefusal::UntrustedPeer)
            }
            Peer::Stranger => of_connection.ok_or(CertificateRefusal::Missing),
            // It may be a proxy, whose own certificate is not that of its clients.
            Peer::Unknown => Err(CertificateRefusal::UnknownPeer),
        }
    }
}

#[cfg(test)]
mod tests;
