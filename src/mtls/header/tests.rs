use http::HeaderValue;
use proptest::prelude::*;

use super::super::samples;
use super::*;

const RFC_9440: &str = concat!(
    ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAe",
    "Fw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalR",
    "hebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0Z",
    "aSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUC",
    "IBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:"
);

fn read(header: &CertificateHeader, values: &[&str]) -> Result<Option<String>, CertificateError> {
    let mut headers = HeaderMap::new();
    for value in values {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
        headers.append(header.name.clone(), value);
    }
    let thumbprint = header.thumbprint(&headers)?;
    Ok(thumbprint.map(|thumbprint| thumbprint.to_string()))
}

fn nginx() -> CertificateHeader {
    CertificateHeader::nginx("X-SSL-Cert").expect("a header name")
}

fn sequence(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode_to_string(der))
}

#[test]
fn rfc_9440_appendix_a() {
    let der = byte_sequence(RFC_9440.as_bytes()).expect("a byte sequence");
    let certificate = ClientCertificate::from_der(der).expect("a certificate");
    assert_eq!(certificate.der().len(), 428);
    assert_eq!(
        read(&CertificateHeader::rfc9440(), &[RFC_9440]),
        Ok(Some(certificate.thumbprint().to_string()))
    );
}

#[test]
fn what_nginx_writes_is_read() {
    let thumbprint = samples::NGINX_THUMBPRINT.to_owned();
    assert_eq!(read(&nginx(), &[samples::NGINX]), Ok(Some(thumbprint)));
}

#[test]
fn each_form_names_the_same_certificate() {
    let thumbprint = Ok(Some(samples::RFC_8705_THUMBPRINT.to_owned()));
    let escaped = samples::escaped(samples::RFC_8705);
    let der = pem::decode(samples::RFC_8705.as_bytes()).expect("a certificate");
    let envoys = CertificateHeader::envoys(1).expect("one");
    for (header, value) in [
        (CertificateHeader::rfc9440(), sequence(&der)),
        (
            CertificateHeader::rfc9440(),
            sequence(&der).replace('=', ""),
        ),
        (
            CertificateHeader::rfc9440(),
            format!("  {} ", sequence(&der)),
        ),
        (nginx(), escaped.clone()),
        (CertificateHeader::envoy(), format!("Cert=\"{escaped}\"")),
        (envoys, format!("Cert=\"{escaped}\"")),
    ] {
        assert_eq!(read(&header, &[&value]), thumbprint, "{value}");
    }
}

#[test]
fn no_header_and_an_empty_one_say_that_there_was_no_certificate() {
    for header in [
        CertificateHeader::rfc9440(),
        CertificateHeader::envoy(),
        nginx(),
    ] {
        for values in [&[][..], &[""], &["  "]] {
            assert_eq!(read(&header, values), Ok(None));
        }
    }
}

#[test]
fn two_headers_are_refused_even_if_they_say_the_same_or_nothing() {
    let escaped = samples::escaped(samples::RFC_8705);
    let hash = format!("Hash={}", "03".repeat(32));
    for (header, value) in [
        (CertificateHeader::rfc9440(), RFC_9440),
        (CertificateHeader::envoy(), &hash),
        (nginx(), &escaped),
    ] {
        assert!(matches!(read(&header, &[value]), Ok(Some(_))));
        for values in [[value, value], [value, ""], ["", value]] {
            assert_eq!(read(&header, &values), Err(CertificateError::Repeated));
        }
    }
}

#[test]
fn what_is_longer_than_16_kib_is_not_read() {
    let der = samples::certificate(&[0; 12_000]);
    let longest = sequence(&der);
    let header = CertificateHeader::rfc9440();
    assert!(matches!(read(&header, &[&longest]), Ok(Some(_))));
    // Spaces count, so that what is refused does not depend on what is read.
    let (fits, longer) = (format!("{longest:<16384}"), format!("{longest:<16385}"));
    assert!(matches!(read(&header, &[&fits]), Ok(Some(_))));
    for header in [header, CertificateHeader::envoy(), nginx()] {
        assert_eq!(
            read(&header, &[&longer]),
            Err(CertificateError::TooLong {
                length: 16_385,
                limit: 16_384
            })
        );
    }
}

#[test]
fn a_chain_instead_of_the_leaf_is_refused() {
    let (leaf, issuer) = (samples::der(1), samples::der(2));
    let list = format!("{}, {}", sequence(&leaf), sequence(&issuer));
    let chain = samples::escaped(&samples::RFC_8705.repeat(2));
    for (header, value, error) in [
        (
            CertificateHeader::rfc9440(),
            list,
            CertificateError::ByteSequence,
        ),
        (
            CertificateHeader::rfc9440(),
            sequence(&[leaf, issuer].concat()),
            CertificateError::Der,
        ),
        (
            CertificateHeader::envoy(),
            format!("Cert=\"{chain}\""),
            CertificateError::Several,
        ),
        (nginx(), chain, CertificateError::Several),
    ] {
        assert_eq!(read(&header, &[&value]), Err(error), "{value}");
    }
}

#[test]
fn what_is_not_one_byte_sequence_is_refused() {
    let good = sequence(&samples::certificate(&[0; 2]));
    assert!(good.contains("==:") || good.contains("=:"), "{good}");
    for (value, error) in [
        (":", CertificateError::ByteSequence),
        ("::", CertificateError::Der),
        (good.trim_end_matches(':'), CertificateError::ByteSequence),
        (good.trim_start_matches(':'), CertificateError::ByteSequence),
        (&good.replace(':', ""), CertificateError::ByteSequence),
        (&good.replace(':', "\""), CertificateError::ByteSequence),
        (&format!("{good};a=1"), CertificateError::ByteSequence),
        (&format!("{good},"), CertificateError::ByteSequence),
        (&good.replace('M', "-"), CertificateError::ByteSequence),
        (&good.replace('M', "M "), CertificateError::ByteSequence),
        (&good.replace('M', "%4D"), CertificateError::ByteSequence),
        (&good.replace("=:", "==:"), CertificateError::ByteSequence),
        (":AAAA:", CertificateError::Der),
        ("(null)", CertificateError::ByteSequence),
    ] {
        assert_eq!(
            read(&CertificateHeader::rfc9440(), &[value]),
            Err(error),
            "{value}"
        );
    }
}

#[test]
fn each_form_is_refused_in_the_place_of_another() {
    let escaped = samples::escaped(samples::RFC_8705);
    let hash = format!("Hash={}", "03".repeat(32));
    for (header, values) in [
        (CertificateHeader::rfc9440(), [&*escaped, &*hash]),
        (CertificateHeader::envoy(), [&*escaped, RFC_9440]),
        (nginx(), [&*hash, RFC_9440]),
    ] {
        for value in values {
            assert!(read(&header, &[value]).is_err(), "{value}");
        }
    }
}

#[test]
fn octets_outside_ascii_are_refused() {
    for header in [
        CertificateHeader::rfc9440(),
        CertificateHeader::envoy(),
        nginx(),
    ] {
        for value in ["\u{a0}", ":é:", "Hash=é", "é=a", "%C3%A9"] {
            assert!(read(&header, &[value]).is_err(), "{value}");
        }
    }
}

#[test]
fn what_cannot_be_configured_is_refused() {
    for name in ["", "x ssl", "x-ssl\n", "é"] {
        assert!(CertificateHeader::nginx(name).is_err(), "{name:?}");
    }
    assert!(CertificateHeader::envoys(0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn whatever_a_header_holds_is_read_or_refused(value in samples::text()) {
        for header in [CertificateHeader::rfc9440(), CertificateHeader::envoy(), nginx()] {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.insert(header.name.clone(), value);
            }
            let _ = header.thumbprint(&headers);
        }
    }
}
