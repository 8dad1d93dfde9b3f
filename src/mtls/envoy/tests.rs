use proptest::prelude::*;

use super::super::samples;
use super::*;

const HASH: &str = samples::RFC_8705_HASH;
const OTHER: &str = "1111111111111111111111111111111111111111111111111111111111111111";

fn read(value: &str, proxies: usize) -> Result<String, CertificateError> {
    thumbprint(value.as_bytes(), proxies).map(|thumbprint| thumbprint.to_string())
}

fn good() -> Result<String, CertificateError> {
    Ok(samples::RFC_8705_THUMBPRINT.to_owned())
}

fn cert() -> String {
    samples::escaped(samples::RFC_8705)
}

#[test]
fn an_element_names_its_certificate_by_hash_or_in_whole() {
    let cert = cert();
    for value in [
        format!("Hash={HASH}"),
        format!("hash={}", HASH.to_uppercase()),
        format!("Hash=\"{HASH}\""),
        format!("Cert=\"{cert}\""),
        format!("CERT={cert}"),
        format!(
            "By=spiffe://a.example/b;Hash={HASH};Cert=\"{cert}\";Subject=\"CN=mtls\";URI=;DNS=a.example;DNS=b.example"
        ),
        format!("Hash={HASH};Chain=\"{cert}{cert}\""),
        format!("Hash={HASH};Subject=\"O=\\\"a\\\", b\\; Hash={OTHER}\""),
        format!("Hash={HASH};Subject=\"CN=\\\\\";URI=spiffe://a.example?x=y"),
        format!("Hash={HASH};Something=new"),
    ] {
        assert_eq!(read(&value, 1), good(), "{value}");
    }
}

/// With `APPEND_FORWARD`, which is not to be, and a name in the client's certificate that ends in a quote.
#[test]
fn a_quote_that_a_client_has_opened_swallows_nothing_that_envoy_writes_behind() {
    for opened in ["Subject=\"", "Chain=\"", "Other=\"x\\\""] {
        let value = format!("Hash={HASH};{opened},By=spiffe://a;Hash={OTHER};URI=x\"");
        assert_eq!(read(&value, 1), Err(CertificateError::Envoy), "{value}");
    }
}

#[test]
fn of_several_proxies_the_first_one_saw_the_client() {
    let value = format!("By=spiffe://a;Hash={HASH};URI=x,By=spiffe://b;Hash={OTHER}");
    assert_eq!(read(&value, 2), good());
    assert_eq!(read(&value.replace(',', ", "), 2), good());
}

#[test]
fn another_number_of_elements_than_proxies_is_refused() {
    for (value, proxies) in [
        (format!("Hash={HASH}"), 2),
        (format!("Hash={HASH},Hash={HASH}"), 1),
        (format!("Hash={OTHER},Hash={HASH}"), 1),
        (format!("Hash={HASH},Hash={OTHER},Hash={OTHER}"), 2),
    ] {
        assert_eq!(
            read(&value, proxies),
            Err(CertificateError::EnvoyElements),
            "{value}"
        );
    }
}

/// Envoy writes alternative names without quotes: a client that chooses its own may write on behind them.
#[test]
fn nothing_in_an_alternative_name_passes_for_another_certificate() {
    let cert = cert();
    for (name, error) in [
        (
            format!("spiffe://a,Hash={HASH}"),
            CertificateError::EnvoyElements,
        ),
        (format!("spiffe://a;Hash={HASH}"), CertificateError::Envoy),
        (
            format!("spiffe://a;Cert=\"{cert}\""),
            CertificateError::EnvoyDisagrees,
        ),
        (
            format!("spiffe://a;Cert=\"{cert}\";Hash={HASH}"),
            CertificateError::Envoy,
        ),
        ("spiffe://a,".to_owned(), CertificateError::Envoy),
        ("\"".to_owned(), CertificateError::Envoy),
    ] {
        let value = format!("Hash={OTHER};URI={name}");
        assert_eq!(read(&value, 1), Err(error), "{value}");
    }
}

#[test]
fn what_envoy_does_not_write_is_refused() {
    let (cert, hash) = (cert(), format!("Hash={HASH}"));
    for value in [
        "".to_owned(),
        ",".to_owned(),
        ";".to_owned(),
        "=".to_owned(),
        "Hash".to_owned(),
        "Hash=".to_owned(),
        format!("={HASH}"),
        format!("Hash={OTHER}0"),
        format!("Hash=\"{HASH}"),
        format!("Hash=\"{HASH}\\\""),
        format!("Hash=\"{HASH}\"0"),
        format!("Hash={HASH}\"\""),
        format!("Hash ={HASH}"),
        format!("{hash};{hash}"),
        format!("{hash};HASH={HASH}"),
        format!("{hash};"),
        format!("{hash},"),
        format!(",{hash}"),
        format!(";{hash}"),
        format!("{hash};;By=a"),
        format!("Cert=\"{cert}\";Cert=\"{cert}\""),
        "By=spiffe://a;URI=spiffe://b".to_owned(),
        format!("Chain=\"{cert}\""),
    ] {
        assert_eq!(read(&value, 1), Err(CertificateError::Envoy), "{value}");
    }
}

#[test]
fn the_certificate_is_one_and_the_one_that_the_hash_is_of() {
    let cert = cert();
    for (value, error) in [
        (format!("Cert=\"{cert}{cert}\""), CertificateError::Several),
        (
            format!("Hash={OTHER};Cert=\"{cert}\""),
            CertificateError::EnvoyDisagrees,
        ),
        (format!("Hash={HASH};Cert=\"\""), CertificateError::Pem),
        (format!("Hash={HASH};Cert=\"%0\""), CertificateError::Escape),
        ("Cert=MIIB".to_owned(), CertificateError::Pem),
    ] {
        assert_eq!(read(&value, 1), Err(error), "{value}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// Envoy writes `Hash` before all that it copies from a certificate.
    #[test]
    fn whatever_a_certificate_holds_it_stays_the_one_of_its_hash(name in samples::text(), other in samples::text()) {
        let client = read(&format!("Hash={OTHER}"), 1);
        for (value, proxies) in [
            (format!("By=x;Hash={OTHER};URI={name};DNS={other}"), 1),
            (format!("Hash={OTHER};Subject=\"{name}\";URI={other}"), 1),
            (format!("Hash={OTHER};URI={name},Hash={HASH};Subject=\"CN=ingress\";URI={other}"), 2),
        ] {
            let outcome = read(&value, proxies);
            prop_assert!(outcome.is_err() || outcome == client, "{value}");
        }
    }
}
