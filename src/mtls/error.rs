//! What can be wrong with a certificate, and why a token that is bound to one was refused.

use std::error::Error;
use std::fmt;

/// Why something is not one client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateError {
    /// Not the DER of exactly one certificate.
    Der,
    /// Not one PEM block of the label `CERTIFICATE`, with white space alone around it (RFC 7468).
    Pem,
    /// More than one certificate, where the leaf alone is wanted.
    Several,
    /// Not one byte sequence in base64 between colons (RFC 9440 §2.2, RFC 8941 §3.3.5).
    ByteSequence,
    /// A percent sign without two hexadecimal digits behind it.
    Escape,
    /// Not the elements and pairs that Envoy writes, or none that tells which certificate it was.
    Envoy,
    /// Envoy's header has another number of elements than there are proxies.
    EnvoyElements,
    /// Envoy's header names one certificate and shows another.
    EnvoyDisagrees,
    /// The header stands there more than once.
    Repeated,
    /// The header is longer than is read.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The most that is read.
        limit: usize,
    },
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Der => "not one certificate in DER",
            Self::Pem => "not one certificate in PEM",
            Self::Several => "more than one certificate",
            Self::ByteSequence => "not one byte sequence",
            Self::Escape => "a percent sign without two hexadecimal digits",
            Self::Envoy => "not elements as Envoy writes them, with a certificate",
            Self::EnvoyElements => "another number of elements than there are proxies",
            Self::EnvoyDisagrees => "\"Hash\" and \"Cert\" are of two certificates",
            Self::Repeated => "more than one header",
            Self::TooLong { length, limit } => {
                return write!(f, "{length} bytes where at most {limit} are read");
            }
        })
    }
}

impl Error for CertificateError {}

/// Why a request with a certificate-bound token is not from the token's owner, as far as we can see (RFC 8705 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateRefusal {
    /// The client has shown no certificate, or nobody has told us which.
    Missing,
    /// It is not the certificate that the token is bound to.
    Mismatch,
    /// There is a certificate in a header, but its sender is none of the trusted proxies.
    UntrustedPeer,
    /// There is a certificate in a header, and the server has not told who sent it: no
    /// [`PeerAddr`](crate::peer::PeerAddr) is in the request.
    UnknownPeer,
    /// A trusted proxy has sent what cannot be read.
    Unreadable {
        /// Why not.
        why: CertificateError,
    },
}

impl CertificateRefusal {
    /// A stable name for logs, metrics and traces.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "certificate_missing",
            Self::Mismatch => "certificate_mismatch",
            Self::UntrustedPeer => "certificate_untrusted_peer",
            Self::UnknownPeer => "certificate_unknown_peer",
            Self::Unreadable { .. } => "certificate_unreadable",
        }
    }
}

impl fmt::Display for CertificateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("token is bound to a certificate, and none was shown"),
            Self::Mismatch => f.write_str("token is bound to another certificate"),
            Self::UntrustedPeer => {
                f.write_str("the header with the certificate is not from a trusted proxy")
            }
            Self::UnknownPeer => {
                f.write_str("nothing tells who sent the header with the certificate")
            }
            Self::Unreadable { why } => write!(f, "the header with the certificate: {why}"),
        }
    }
}

impl Error for CertificateRefusal {}
