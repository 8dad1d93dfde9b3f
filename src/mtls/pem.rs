//! The textual form of one certificate (RFC 7468), and that form within a header.

use base64_simd::STANDARD;

use super::error::CertificateError;
use super::thumbprint::hex_octet;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// The DER in one PEM block, with white space and nothing else around it.
///
/// Proxies unfold lines, fold them anew and end them their own way, so white space is nothing anywhere in the block's content.
pub(super) fn decode(pem: &[u8]) -> Result<Vec<u8>, CertificateError> {
    let content = pem.trim_ascii().strip_prefix(BEGIN);
    let content = content.and_then(|rest| rest.strip_suffix(END));
    let mut content = content.ok_or(CertificateError::Pem)?.to_vec();
    if content.windows(END.len()).any(|window| window == END) {
        return Err(CertificateError::Several);
    }
    content.retain(|byte| !byte.is_ascii_whitespace());
    STANDARD
        .decode_to_vec(content)
        .map_err(|_| CertificateError::Pem)
}

/// The same, with every octet that a URL could not hold written as `%` and two digits.
///
/// A plus sign is itself: in a form it would be a space, but here it is one of the characters of base64.
pub(super) fn decode_escaped(text: &[u8]) -> Result<Vec<u8>, CertificateError> {
    let mut pem = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        if byte != b'%' {
            pem.push(byte);
            rest = behind;
            continue;
        }
        let [high, low, behind @ ..] = behind else {
            return Err(CertificateError::Escape);
        };
        pem.push(hex_octet(*high, *low).ok_or(CertificateError::Escape)?);
        rest = behind;
    }
    decode(&pem)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn line_ends_and_lengths_do_not_matter() {
        let pem = samples::RFC_8705;
        let der = decode(pem.as_bytes()).expect("a certificate");
        let body = pem.replace('\n', "");
        for variant in [
            pem.trim_end().to_owned(),
            format!("{pem}\n\n"),
            format!("\n {pem}"),
            pem.replace('\n', "\r\n"),
            pem.replace('\n', "\r"),
            // What old proxies make of line ends within a header.
            pem.replace('\n', "\n\t"),
            pem.replace('\n', "  "),
            body.replace("-----M", "-----\nM")
                .replace("=-----E", "=\n-----E"),
            body,
        ] {
            assert_eq!(decode(variant.as_bytes()).as_ref(), Ok(&der), "{variant}");
        }
    }

    #[test]
    fn what_is_not_one_block_of_one_certificate_is_refused() {
        let pem = samples::RFC_8705;
        for (variant, error) in [
            (String::new(), CertificateError::Pem),
            (
                pem.replace("CERTIFICATE", "X509 CERTIFICATE"),
                CertificateError::Pem,
            ),
            (
                pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
                CertificateError::Pem,
            ),
            (
                pem.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
                CertificateError::Pem,
            ),
            (
                pem.replace("CERTIFICATE", "PUBLIC KEY"),
                CertificateError::Pem,
            ),
            (
                pem.replace("CERTIFICATE", "certificate"),
                CertificateError::Pem,
            ),
            (pem.replace("-----", "----"), CertificateError::Pem),
            (pem.replace("BEGIN", "END"), CertificateError::Pem),
            (
                pem.replace("-----END CERTIFICATE-----", ""),
                CertificateError::Pem,
            ),
            (
                pem.replace("-----\nMII", "-----\nProc-Type: 4\n\nMII"),
                CertificateError::Pem,
            ),
            (format!("subject=CN = mtls\n{pem}"), CertificateError::Pem),
            (format!("{pem}subject=CN = mtls\n"), CertificateError::Pem),
            (format!("\u{feff}{pem}"), CertificateError::Pem),
            (pem.replace("MII", "M-I"), CertificateError::Pem),
            (pem.replace("MII", "M\0I"), CertificateError::Pem),
            (pem.replace("SY=", "SY"), CertificateError::Pem),
            (pem.replace("SY=", "SZ="), CertificateError::Pem),
            (pem.replace('\n', "\\n"), CertificateError::Pem),
            (pem.repeat(2), CertificateError::Several),
            (format!("{pem}{}", pem.repeat(2)), CertificateError::Several),
        ] {
            assert_eq!(decode(variant.as_bytes()), Err(error), "{variant}");
        }
    }

    #[test]
    fn an_escaped_certificate_is_read_whichever_characters_are_escaped() {
        let pem = samples::RFC_8705;
        let der = decode(pem.as_bytes());
        let everything: String = pem.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for escaped in [
            samples::escaped(pem),
            // As Amazon's load balancer does: `+`, `/` and `=` as they are.
            pem.replace('\n', "%0A").replace(' ', "%20"),
            everything.to_lowercase(),
            everything,
            pem.to_owned(),
        ] {
            assert_eq!(decode_escaped(escaped.as_bytes()), der, "{escaped}");
        }
    }

    #[test]
    fn a_form_is_no_escaped_certificate() {
        let form = samples::escaped(samples::RFC_8705).replace("%20", "+");
        assert_eq!(decode_escaped(form.as_bytes()), Err(CertificateError::Pem));
    }

    #[test]
    fn an_escape_is_a_percent_sign_and_two_digits() {
        let escaped = samples::escaped(samples::RFC_8705);
        for (variant, error) in [
            (escaped.replace("%0A", "%0"), CertificateError::Escape),
            (escaped.replace("%0A", "%+A"), CertificateError::Escape),
            (escaped.replace("%0A", "%0G"), CertificateError::Escape),
            (escaped.replace("%0A", "%%0A"), CertificateError::Escape),
            (format!("{escaped}%"), CertificateError::Escape),
            (format!("{escaped}%0"), CertificateError::Escape),
            // Escaped twice.
            (escaped.replace('%', "%25"), CertificateError::Pem),
        ] {
            assert_eq!(decode_escaped(variant.as_bytes()), Err(error), "{variant}");
        }
    }
}
