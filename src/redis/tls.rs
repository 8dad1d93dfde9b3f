//! TLS to Redis: which authorities are believed.
//!
//! Not left to the crate `redis`: it asks rustls for the process's own cryptography, which panics where a program has switched on
//! two kinds or none. Ours is named.

use std::fmt;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::failure::{Failure, FailureKind};
use crate::error::{ConfigError, ConfigErrorKind};

/// The authorities that may vouch for a server; the operating system's unless some are given.
#[derive(Clone, Default)]
pub(super) struct Tls {
    given: Option<Arc<RootCertStore>>,
    /// Made at the first connection, since to read the system's authorities is I/O.
    connector: Arc<OnceCell<TlsConnector>>,
}

impl Tls {
    /// Believes the authorities in `pem` and no others.
    pub(super) fn trusting(pem: &[u8]) -> Result<Self, ConfigError> {
        let refuse = |why| ConfigError::new(ConfigErrorKind::Redis, why);
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|error| refuse("not a PEM of certificates").because(error))?;
            roots.add(certificate).map_err(|error| {
                refuse("a certificate that can vouch for nobody").because(error)
            })?;
        }
        if roots.is_empty() {
            return Err(refuse("a PEM that holds no certificate"));
        }
        Ok(Self {
            given: Some(Arc::new(roots)),
            connector: Arc::default(),
        })
    }

    /// Speaks TLS over `stream` with the server that must prove to be `host`.
    pub(super) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Failure::because(FailureKind::Connect, error)
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.into()))?;
        let connector = self.connector.get_or_try_init(|| self.connector()).await?;
        connector
            .connect(name, stream)
            .await
            .map_err(|error| failed(error.into()))
    }

    async fn connector(&self) -> Result<TlsConnector, Failure> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Failure::because(FailureKind::Connect, error)
        };
        let roots = match &self.given {
            Some(roots) => Arc::clone(roots),
            None => spawn_blocking(of_the_system)
                .await
                .map_err(|error| failed(error.into()))?,
        };
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.into()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config).into())
    }
}

/// Those of the system that can be read; without any every server is refused.
fn of_the_system() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Arc::new(roots)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("given", &self.given.as_ref().map(|roots| roots.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_refused_where_it_is_given() {
        for pem in [
            "",
            "no pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        ] {
            let error = Tls::trusting(pem.as_bytes()).err();
            assert_eq!(
                error.map(|error| error.kind()),
                Some(ConfigErrorKind::Redis),
                "{pem}"
            );
        }
    }
}
