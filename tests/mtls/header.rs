//! The certificate in a header, by a proxy that ends TLS (row 55).

use base64_simd::STANDARD;
use http::{HeaderMap, Method};
use tower_bearer::mtls::{CertificateHeader, ClientCertificate, MutualTls};
use tower_bearer::peer::TrustedProxies;
use tower_bearer::testing::TestIssuer;
use tower_bearer::{AuthenticateLayer, AuthenticatorBuilder};

use crate::behind::{Answer, builder, get, issuer, layer, request, send, token};
use crate::{PROXY, STRANGER, alice, bound, by, direct, mallory, refused, tell};

fn base64(certificate: &ClientCertificate) -> String {
    STANDARD.encode_to_string(certificate.der())
}

fn pem(certificate: &ClientCertificate) -> String {
    let content = base64(certificate);
    let lines = content.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let content = lines.collect::<Vec<_>>().join("\n");
    format!("-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n")
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

fn nginx() -> CertificateHeader {
    CertificateHeader::nginx("x-ssl-cert").expect("a name")
}

/// A form, the header's name, and how a certificate stands in it.
type Form = (
    CertificateHeader,
    &'static str,
    fn(&ClientCertificate) -> String,
);

fn forms() -> [Form; 3] {
    [
        (CertificateHeader::rfc9440(), "client-cert", |certificate| {
            format!(":{}:", base64(certificate))
        }),
        (
            CertificateHeader::envoy(),
            "x-forwarded-client-cert",
            |certificate| {
                let certificate = escaped(&pem(certificate));
                format!("By=spiffe://a;Cert=\"{certificate}\";Subject=\"CN=x\"")
            },
        ),
        (nginx(), "x-ssl-cert", |certificate| {
            escaped(&pem(certificate))
        }),
    ]
}

fn behind_proxy(issuer: &TestIssuer, header: CertificateHeader) -> AuthenticatorBuilder {
    let proxies = TrustedProxies::at(["10.7.0.4"]).expect("an address");
    builder(issuer).mutual_tls(MutualTls::accept().behind(proxies, header))
}

/// 55
#[tokio::test]
async fn a_header_counts_from_a_trusted_proxy_alone() {
    let issuer = issuer();
    let bound = bound(&issuer);
    for (header, name, form) in forms() {
        let layer = layer(behind_proxy(&issuer, header));
        let (of_alice, of_mallory) = (form(&alice()), form(&mallory()));
        let ours = (name, of_alice.as_str());
        send(&layer, by(&bound, Some(PROXY), None, &[ours]))
            .await
            .accepted(name);
        // The connection is the proxy's, and so is its certificate.
        send(&layer, by(&bound, Some(PROXY), Some(mallory()), &[ours]))
            .await
            .accepted(name);
        // A client that comes to us directly is known by its own connection, whatever it says in a header.
        for headers in [&[][..], &[(name, of_mallory.as_str())]] {
            send(&layer, by(&bound, Some(STRANGER), Some(alice()), headers))
                .await
                .accepted(name);
        }
        for (peer, shown, headers, code) in [
            (
                Some(PROXY),
                None,
                &[(name, of_mallory.as_str())][..],
                "certificate_mismatch",
            ),
            (Some(PROXY), None, &[], "certificate_missing"),
            (Some(PROXY), None, &[(name, "")], "certificate_missing"),
            (Some(PROXY), Some(alice()), &[], "certificate_missing"),
            (Some(PROXY), None, &[ours, ours], "certificate_unreadable"),
            (
                Some(PROXY),
                None,
                &[ours, (name, "")],
                "certificate_unreadable",
            ),
            (
                Some(PROXY),
                None,
                &[(name, ""), ours],
                "certificate_unreadable",
            ),
            (
                Some(PROXY),
                Some(alice()),
                &[(name, "alice")],
                "certificate_unreadable",
            ),
            (Some(STRANGER), None, &[ours], "certificate_untrusted_peer"),
            (
                Some(STRANGER),
                Some(mallory()),
                &[ours],
                "certificate_mismatch",
            ),
            (Some(STRANGER), None, &[], "certificate_missing"),
            (None, None, &[ours], "certificate_unknown_peer"),
            (None, None, &[], "certificate_unknown_peer"),
            // It may be the proxy, and the certificate its own.
            (None, Some(mallory()), &[ours], "certificate_unknown_peer"),
            (None, Some(alice()), &[], "certificate_unknown_peer"),
        ] {
            let row = format!("{name} {peer:?} {headers:?}");
            let answer = send(&layer, by(&bound, peer, shown, headers)).await;
            refused(&row, &answer, code);
        }
    }
}

/// 55: who connects is told by the connection, and not by what stands in a header.
#[tokio::test]
async fn no_header_makes_a_peer_a_proxy() {
    let issuer = issuer();
    let layer = layer(behind_proxy(&issuer, nginx()));
    let of_alice = escaped(&pem(&alice()));
    for (name, value) in [
        ("forwarded", "for=10.7.0.4"),
        ("x-forwarded-for", "10.7.0.4"),
        ("x-real-ip", "10.7.0.4"),
        ("host", "10.7.0.4"),
    ] {
        let headers = [("x-ssl-cert", of_alice.as_str()), (name, value)];
        let answer = send(&layer, by(&bound(&issuer), Some(STRANGER), None, &headers)).await;
        refused(name, &answer, "certificate_untrusted_peer");
    }
}

/// 55
#[tokio::test]
async fn without_proxies_no_header_counts() {
    let issuer = issuer();
    let layer = layer(direct(&issuer));
    for (_, name, form) in forms() {
        let ours = form(&alice());
        let headers = [(name, ours.as_str())];
        let answer = send(&layer, by(&bound(&issuer), Some(PROXY), None, &headers)).await;
        refused(name, &answer, "certificate_missing");
    }
}

/// 55: nor does any but the one that was named.
#[tokio::test]
async fn a_header_of_another_name_does_not_count() {
    let issuer = issuer();
    for (header, name, _) in forms() {
        let layer = layer(behind_proxy(&issuer, header));
        let others = forms().into_iter().filter(|(_, other, _)| *other != name);
        for (_, other, form) in others {
            let ours = form(&alice());
            let headers = [(other, ours.as_str())];
            let answer = send(&layer, by(&bound(&issuer), Some(PROXY), None, &headers)).await;
            refused(other, &answer, "certificate_missing");
        }
    }
}

/// 55
#[tokio::test]
async fn a_chain_or_more_than_16_kib_is_refused() {
    let issuer = issuer();
    let bound = bound(&issuer);
    let two = escaped(&(pem(&alice()) + &pem(&mallory())));
    let der = [alice().der(), mallory().der()].concat();
    for ((header, name, form), chain) in forms().into_iter().zip([
        format!(":{}:", STANDARD.encode_to_string(der)),
        format!("Cert=\"{two}\""),
        two,
    ]) {
        let layer = layer(behind_proxy(&issuer, header));
        let padded = |length: usize| format!("{:<length$}", form(&alice()));
        let longest = padded(16 * 1024);
        let request = by(&bound, Some(PROXY), None, &[(name, &longest)]);
        send(&layer, request).await.accepted(name);
        for value in [chain, padded(16 * 1024 + 1)] {
            let answer = send(&layer, by(&bound, Some(PROXY), None, &[(name, &value)])).await;
            refused(name, &answer, "certificate_unreadable");
        }
    }
}

/// 55
#[tokio::test]
async fn pem_is_read_however_its_lines_end_and_only_if_it_is_one_certificate() {
    let issuer = issuer();
    let bound = bound(&issuer);
    let layer = layer(behind_proxy(&issuer, nginx()));
    let pem = pem(&alice());
    let sent = async |text: &str| -> Answer {
        let value = escaped(text);
        send(
            &layer,
            by(&bound, Some(PROXY), None, &[("x-ssl-cert", &value)]),
        )
        .await
    };
    for variant in [
        pem.clone(),
        pem.replace('\n', "\r\n"),
        pem.trim_end().to_owned(),
        pem.replace('\n', " "),
        pem.replace('\n', ""),
        format!("\n{pem}\n\n"),
    ] {
        sent(&variant).await.accepted(&variant);
    }
    for wrong in [
        pem.replace("CERTIFICATE", "PUBLIC KEY"),
        pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        pem.replace("CERTIFICATE", "certificate"),
        pem.replacen("BEGIN", "END", 1),
        pem.replace("-----END CERTIFICATE-----\n", ""),
        pem.replace("-----BEGIN CERTIFICATE-----\n", ""),
        format!("alice\n{pem}"),
        format!("{pem}alice"),
        format!("{pem}{pem}"),
        base64(&alice()),
    ] {
        let answer = sent(&wrong).await;
        refused(&wrong, &answer, "certificate_unreadable");
    }
}

/// 55: with `APPEND_FORWARD` the first element is the client's own, and so is any that a comma in a certificate adds.
#[tokio::test]
async fn envoy_writes_as_many_elements_as_there_are_envoys() {
    let issuer = issuer();
    let bound = bound(&issuer);
    let hash = |certificate| format!("Hash={}", hexadecimal(certificate));
    let one = layer(behind_proxy(&issuer, CertificateHeader::envoy()));
    let two = CertificateHeader::envoys(2).expect("some");
    let two = layer(behind_proxy(&issuer, two));
    let (of_alice, of_mallory) = (hash(&alice()), hash(&mallory()));
    for (layer, value, code) in [
        (&one, of_alice.clone(), None),
        (&two, format!("{of_alice},{of_mallory}"), None),
        (&one, of_mallory.clone(), Some("certificate_mismatch")),
        (
            &two,
            format!("{of_mallory},{of_alice}"),
            Some("certificate_mismatch"),
        ),
        (
            &one,
            format!("{of_alice},{of_mallory}"),
            Some("certificate_unreadable"),
        ),
        (&two, of_alice.clone(), Some("certificate_unreadable")),
        (
            &one,
            format!("{of_alice};{of_alice}"),
            Some("certificate_unreadable"),
        ),
        (
            &one,
            format!("{of_alice};Cert=\"{}\"", escaped(&pem(&mallory()))),
            Some("certificate_unreadable"),
        ),
        (
            &one,
            "By=spiffe://a".to_owned(),
            Some("certificate_unreadable"),
        ),
    ] {
        let headers = [("x-forwarded-client-cert", value.as_str())];
        let answer = send(layer, by(&bound, Some(PROXY), None, &headers)).await;
        match code {
            None => drop(answer.accepted(&value)),
            Some(code) => refused(&value, &answer, code),
        }
    }
}

/// The SHA-256 of a certificate in hexadecimal digits, as Envoy writes it.
fn hexadecimal(certificate: &ClientCertificate) -> String {
    let thumbprint = certificate.thumbprint().to_string();
    let octets = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(thumbprint);
    let octets = octets.expect("base64url");
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// 55: a handler that reads the header by itself must not be lied to, whatever let the request through.
#[tokio::test]
async fn a_forged_header_reaches_no_handler() {
    let issuer = issuer();
    let good = token(&issuer);
    for (header, name, form) in forms() {
        let plain = || layer(behind_proxy(&issuer, header.clone()));
        let public = plain().public(Method::GET, "/").expect("a path");
        let layers: [(&str, AuthenticateLayer, &str, &str); 6] = [
            ("a good token", plain(), "GET", &good),
            ("public", public, "GET", "no.good.token"),
            ("observed", plain().observe_only(), "GET", "no.good.token"),
            ("optional", plain().optional(), "GET", &good),
            ("anonymous", plain().optional(), "GET", ""),
            ("preflight", plain().let_preflight_through(), "OPTIONS", ""),
        ];
        for (row, layer, method, token) in layers {
            for (peer, stays) in [(Some(PROXY), true), (Some(STRANGER), false), (None, false)] {
                // The first time the keys may be waited for.
                for round in ["first", "second"] {
                    let row = format!("{row} {round} {name} {peer:?}");
                    let (value, authorization) = (form(&alice()), format!("Bearer {token}"));
                    let mut headers = vec![
                        (name, value.as_str()),
                        (name, "more"),
                        ("access-control-request-method", "GET"),
                        ("x-other", "stays"),
                    ];
                    if !token.is_empty() {
                        headers.push(("authorization", &authorization));
                    }
                    let mut request = request(method, "/", &headers);
                    tell(&mut request, peer, None);
                    let answer = send(&layer, request).await;
                    let seen = &answer.seen(&row).headers;
                    let count = |name: &str| seen.get_all(name).iter().count();
                    assert_eq!(count(name), if stays { 2 } else { 0 }, "{row}");
                    assert_eq!(count("x-other"), 1, "{row}");
                }
            }
        }
    }
}

/// RFC 9440 §4
#[tokio::test]
async fn a_forged_chain_reaches_no_handler_either() {
    let issuer = issuer();
    let layer = layer(behind_proxy(&issuer, CertificateHeader::rfc9440())).optional();
    let seen = async |peer| -> HeaderMap {
        let mut request = get("/", &[("client-cert-chain", ":AAAA:")]);
        tell(&mut request, Some(peer), None);
        send(&layer, request).await.seen(peer).headers.clone()
    };
    assert!(seen(PROXY).await.contains_key("client-cert-chain"));
    assert!(!seen(STRANGER).await.contains_key("client-cert-chain"));
}

/// Servers that hand headers on as variables take `Client_Cert` for `Client-Cert`, and a proxy hands it on as it came.
#[tokio::test]
async fn what_looks_like_the_header_reaches_no_handler_whoever_sent_it() {
    let issuer = issuer();
    for (header, name, form) in forms() {
        let layer = layer(behind_proxy(&issuer, header)).optional();
        let value = form(&alice());
        let like = [name.replace('-', "_"), name.replacen('-', ".", 1)];
        let stays = [
            name.replace('-', ""),
            format!("{name}-"),
            format!("x-{name}"),
        ];
        let all = like.iter().chain(&stays).map(String::as_str);
        let mut headers: Vec<_> = all.map(|name| (name, value.as_str())).collect();
        headers.push((name, &value));
        for peer in [Some(PROXY), Some(STRANGER), None] {
            let mut request = get("/", &headers);
            tell(&mut request, peer, None);
            let answer = send(&layer, request).await;
            let seen = &answer.seen(name).headers;
            assert_eq!(seen.contains_key(name), peer == Some(PROXY), "{name}");
            for name in &like {
                assert!(!seen.contains_key(name), "{name} {peer:?}");
            }
            for name in &stays {
                assert!(seen.contains_key(name), "{name} {peer:?}");
            }
        }
    }
}

/// Nor does it count.
#[tokio::test]
async fn what_looks_like_the_header_is_not_read() {
    let issuer = issuer();
    for (header, name, form) in forms() {
        let layer = layer(behind_proxy(&issuer, header));
        let (like, ours) = (name.replace('-', "_"), form(&alice()));
        let headers = [(like.as_str(), ours.as_str())];
        let answer = send(&layer, by(&bound(&issuer), Some(PROXY), None, &headers)).await;
        refused(name, &answer, "certificate_missing");
    }
}

/// Without proxies such a header is nobody's business here: some service behind may know who sets it.
#[tokio::test]
async fn without_proxies_no_header_is_taken_out() {
    let issuer = issuer();
    let layer = layer(direct(&issuer)).optional();
    for (_, name, form) in forms() {
        let value = form(&alice());
        let mut request = get("/", &[(name, &value)]);
        tell(&mut request, Some(STRANGER), None);
        let answer = send(&layer, request).await;
        assert!(answer.seen(name).headers.contains_key(name), "{name}");
    }
}
