//! Tokens that are good only from the owner of a client certificate (RFC 8705 §3).
//!
//! It protects against stolen tokens: one that names a certificate in `cnf`, as `x5t#S256`, is of no use to a thief who does not
//! have that certificate's private key.
//!
//! # A token that is bound to a certificate is accepted if
//!
//! 1. `x5t#S256` is the SHA-256 of a certificate, in canonical base64url;
//! 2. the client has shown a certificate, to us or to a proxy of ours: the [`ClientCertificate`] among the request's
//!    extensions, or a [`CertificateHeader`] from one of the [`TrustedProxies`](crate::peer::TrustedProxies);
//! 3. that header stands there once, is no longer than 16 KiB, and holds one certificate: no chain;
//! 4. and the thumbprint of that certificate is the one in the token.
//!
//! Every other is refused as an invalid token (401), with a [`CertificateRefusal`] that tells operators why. Nothing else about
//! the certificate is looked at: the TLS layer has made sure that the client has its key, and whether an authority must have
//! signed it is for that layer to say (RFC 8705 §6.2).
//!
//! ```
//! use tower_bearer::mtls::{CertificateHeader, MutualTls};
//! use tower_bearer::peer::TrustedProxies;
//!
//! // Clients connect to us: the server puts their certificates into the requests.
//! let direct = MutualTls::accept();
//!
//! // Clients connect to an nginx that ends TLS.
//! let proxies = TrustedProxies::at(["10.7.0.4", "10.7.0.5"])?;
//! let behind_nginx = MutualTls::require().behind(proxies, CertificateHeader::nginx("x-ssl-cert")?);
//! # Ok::<(), tower_bearer::ConfigError>(())
//! ```
//!
//! # What a deployment must ensure
//!
//! - The TLS layer asks clients for a certificate. It may be satisfied without one, where other tokens are accepted too.
//! - Whoever accepts connections tells each request of them: with a [`ConnectionLayer`], or by both extensions by hand. An
//!   extension is the word of the server; nothing else must set it.
//! - A proxy sets its header anew in each request, or takes away what came; and nobody else can connect from its address. See
//!   [`peer`](crate::peer#what-a-deployment-must-ensure).
//! - Nobody can read or change what goes from the proxy to us.
//!
//! RFC 8705 §3, §6.2, §6.5, §7.4; RFC 9440; RFC 9700 §4.13.

mod certificate;
mod connection;
mod der;
mod envoy;
mod error;
mod header;
mod mutual_tls;
mod pem;
#[cfg(test)]
mod samples;
mod thumbprint;

pub use certificate::ClientCertificate;
pub use connection::{Connection, ConnectionLayer};
pub use error::{CertificateError, CertificateRefusal};
pub use header::CertificateHeader;
pub use mutual_tls::MutualTls;
pub use thumbprint::CertificateThumbprint;
