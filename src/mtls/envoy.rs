//! Envoy's header `x-forwarded-client-cert`: elements between commas, one by each Envoy on the way; pairs between semicolons.

use super::certificate::ClientCertificate;
use super::error::CertificateError;
use super::pem;
use super::thumbprint::CertificateThumbprint;

/// The certificate that the first of so many Envoys was shown by the client.
///
/// Exactly so many elements must be there. The first Envoy writes its element in the place of whatever the client sent, and
/// each one behind it adds one; were there more, somebody else would have written one of them. Envoy does not quote all that it
/// copies from a certificate, and so a client can add elements by a comma in a subject alternative name.
pub(super) fn thumbprint(
    value: &[u8],
    proxies: usize,
) -> Result<CertificateThumbprint, CertificateError> {
    let mut first = None;
    let mut elements = 0;
    let mut rest = Some(value);
    while let Some(text) = rest {
        let (element, behind) = Element::read(text)?;
        first = first.or(Some(element));
        elements += 1;
        rest = behind;
    }
    match first {
        Some(first) if elements == proxies => first.thumbprint(),
        _ => Err(CertificateError::EnvoyElements),
    }
}

/// What one Envoy says of its client.
#[derive(Default)]
struct Element<'v> {
    hash: Option<&'v [u8]>,
    certificate: Option<&'v [u8]>,
}

impl<'v> Element<'v> {
    /// Reads to the end of the element; what stands behind its comma is returned too.
    fn read(text: &'v [u8]) -> Result<(Self, Option<&'v [u8]>), CertificateError> {
        let mut element = Self::default();
        let mut rest = text;
        loop {
            let equals = rest.iter().position(|&byte| byte == b'=');
            let (key, behind) = equals
                .and_then(|at| rest.split_at_checked(at))
                .ok_or(CertificateError::Envoy)?;
            let (value, behind) = value(behind.get(1..).unwrap_or_default())?;
            element.keep(key.trim_ascii_start(), value)?;
            match behind.split_first() {
                None => return Ok((element, None)),
                Some((b',', behind)) => return Ok((element, Some(behind))),
                Some((b';', behind)) => rest = behind,
                Some(_) => return Err(CertificateError::Envoy),
            }
        }
    }

    /// Other keys than these two say what we do not ask for; they may stand there more than once.
    fn keep(&mut self, key: &[u8], value: &'v [u8]) -> Result<(), CertificateError> {
        if !key.iter().all(u8::is_ascii_alphanumeric) || key.is_empty() {
            return Err(CertificateError::Envoy);
        }
        let place = if key.eq_ignore_ascii_case(b"Hash") {
            &mut self.hash
        } else if key.eq_ignore_ascii_case(b"Cert") {
            &mut self.certificate
        } else {
            return Ok(());
        };
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(CertificateError::Envoy),
        }
    }

    /// `Hash`, the SHA-256 of the DER, is always written, `Cert` only if configured. Where both are, both are to be the same:
    /// a client may have smuggled one of them in.
    fn thumbprint(&self) -> Result<CertificateThumbprint, CertificateError> {
        let hash = self
            .hash
            .map(|hash| CertificateThumbprint::parse_hex(hash).ok_or(CertificateError::Envoy));
        let certificate = self.certificate.map(|escaped| {
            let certificate = ClientCertificate::from_der(pem::decode_escaped(escaped)?)?;
            Ok(certificate.thumbprint())
        });
        match (hash.transpose()?, certificate.transpose()?) {
            (Some(hash), Some(certificate)) if hash != certificate => {
                Err(CertificateError::EnvoyDisagrees)
            }
            (Some(thumbprint), _) | (None, Some(thumbprint)) => Ok(thumbprint),
            (None, None) => Err(CertificateError::Envoy),
        }
    }
}

/// A value and what stands behind it. In quotes anything may stand, a quote behind a backslash; the backslashes are left where
/// they are, since no value of ours has one.
fn value(text: &[u8]) -> Result<(&[u8], &[u8]), CertificateError> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| b",;\"".contains(byte));
        let (value, behind) = text.split_at(end.unwrap_or(text.len()));
        return Ok((value.trim_ascii_end(), behind));
    };
    let mut escaped = false;
    let end = quoted.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let (value, behind) = end
        .and_then(|at| quoted.split_at_checked(at))
        .ok_or(CertificateError::Envoy)?;
    if holds_bare_semicolon(value) {
        return Err(CertificateError::Envoy);
    }
    Ok((value, behind.get(1..).unwrap_or_default()))
}

/// Envoy writes none: subjects have it behind a backslash (RFC 2253 §2.4), certificates as `%3B`. Where one is, a client has opened a
/// quote, and what it holds is what Envoy has written behind.
fn holds_bare_semicolon(value: &[u8]) -> bool {
    let mut escaped = false;
    value.iter().any(|&byte| {
        let bare = byte == b';' && !escaped;
        escaped = byte == b'\\' && !escaped;
        bare
    })
}

#[cfg(test)]
mod tests;
