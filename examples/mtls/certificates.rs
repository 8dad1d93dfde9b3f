//! An authority, and certificates by it: made on the spot, in files of a folder of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::Failure;

/// Whoever signs the certificates of our servers and of their clients.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate with its private key.
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    pub(crate) pem: String,
    pub(crate) key: KeyPair,
    /// `name.pem`, with the authority's certificate behind it as many clients send it, and `name.key`.
    pub(crate) files: [PathBuf; 2],
}

impl Authority {
    /// A new one, whose own certificate is `authority.pem`.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self, Failure> {
        let mut wanted = named("An authority of our own");
        wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(wanted, KeyPair::generate()?)?;
        fs::write(folder.join("authority.pem"), issuer.pem())?;
        Ok(Self {
            issuer,
            folder: folder.to_owned(),
        })
    }

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(crate) fn server(&self, host: &str) -> Result<Identity, Failure> {
        let mut wanted = CertificateParams::new([host.to_owned()])?;
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign("server", &wanted)
    }

    pub(crate) fn client(&self, name: &str) -> Result<Identity, Failure> {
        let mut wanted = named(name);
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(name, &wanted)
    }

    fn sign(&self, name: &str, wanted: &CertificateParams) -> Result<Identity, Failure> {
        let key = KeyPair::generate()?;
        let certificate = wanted.signed_by(&key, &self.issuer)?;
        let files = ["pem", "key"].map(|kind| self.folder.join(format!("{name}.{kind}")));
        let [certificate_file, key_file] = &files;
        fs::write(certificate_file, certificate.pem() + &self.issuer.pem())?;
        fs::write(key_file, key.serialize_pem())?;
        Ok(Identity {
            certificate: certificate.der().to_vec(),
            pem: certificate.pem(),
            key,
            files,
        })
    }

    /// TLS as the servers here speak it: a client may show a certificate, and if it does, it must be by this authority.
    pub(crate) fn tls(&self, server: &Identity) -> Result<ServerConfig, Failure> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone())?;
        // By name, since a process can have two of them.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .allow_unauthenticated()
                .build()?;
        let key = PrivateKeyDer::Pkcs8(server.key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![server.certificate.clone().into()], key)?;
        Ok(config)
    }
}

fn named(name: &str) -> CertificateParams {
    let mut wanted = CertificateParams::default();
    wanted.distinguished_name.push(DnType::CommonName, name);
    wanted
}
