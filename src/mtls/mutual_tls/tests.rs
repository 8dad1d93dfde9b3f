use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::error::CertificateError;
use super::super::samples;
use super::*;
use crate::peer::PeerAddr;

const PROXY: SocketAddr = at(4);
const STRANGER: SocketAddr = at(5);

const fn at(host: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 7, 0, host)), 50_000)
}

fn certificate(number: u8) -> ClientCertificate {
    ClientCertificate::from_der(samples::der(number)).expect("a certificate")
}

fn header(number: u8) -> String {
    let base64 = base64_simd::STANDARD.encode_to_string(samples::der(number));
    format!(":{base64}:")
}

fn behind() -> MutualTls {
    let proxies = TrustedProxies::at(["10.7.0.4"]).expect("a network");
    MutualTls::accept().behind(proxies, CertificateHeader::rfc9440())
}

fn request(
    peer: Option<SocketAddr>,
    shown: Option<u8>,
    headers: &[&str],
) -> (HeaderMap, Extensions) {
    let mut extensions = Extensions::new();
    peer.map(|peer| extensions.insert(PeerAddr(peer)));
    shown.map(|number| extensions.insert(certificate(number)));
    let mut map = HeaderMap::new();
    for value in headers {
        map.append("client-cert", value.parse().expect("a header value"));
    }
    (map, extensions)
}

/// Number 1 is the certificate that the token is bound to, number 2 another.
fn outcome(
    mutual_tls: &MutualTls,
    peer: Option<SocketAddr>,
    shown: Option<u8>,
    headers: &[&str],
) -> Result<(), CertificateRefusal> {
    let (headers, extensions) = request(peer, shown, headers);
    mutual_tls.check(&headers, &extensions, certificate(1).thumbprint())
}

#[test]
fn the_connection_decides_and_no_header_does() {
    use CertificateRefusal::{Mismatch, Missing};
    let (ours, other) = (header(1), header(2));
    for peer in [None, Some(PROXY), Some(STRANGER)] {
        for headers in [&[][..], &[&*ours], &[&*other], &[&*ours, &*ours]] {
            for (shown, wanted) in [
                (None, Err(Missing)),
                (Some(1), Ok(())),
                (Some(2), Err(Mismatch)),
            ] {
                assert_eq!(outcome(&MutualTls::accept(), peer, shown, headers), wanted);
                assert_eq!(outcome(&MutualTls::require(), peer, shown, headers), wanted);
            }
        }
    }
}

#[test]
fn from_a_proxy_the_header_decides_and_no_connection_does() {
    use CertificateRefusal::{Mismatch, Missing, Unreadable};
    let (ours, other) = (header(1), header(2));
    for shown in [None, Some(1), Some(2)] {
        for (headers, wanted) in [
            (&[][..], Err(Missing)),
            (&[""], Err(Missing)),
            (&[&*ours], Ok(())),
            (&[&*other], Err(Mismatch)),
            (
                &[&*ours, &*ours],
                Err(Unreadable {
                    why: CertificateError::Repeated,
                }),
            ),
            (
                &["nonsense"],
                Err(Unreadable {
                    why: CertificateError::ByteSequence,
                }),
            ),
        ] {
            assert_eq!(
                outcome(&behind(), Some(PROXY), shown, headers),
                wanted,
                "{shown:?}"
            );
        }
    }
}

#[test]
fn from_anyone_else_the_header_is_nothing() {
    use CertificateRefusal::{Mismatch, Missing, UntrustedPeer};
    let (ours, other) = (header(1), header(2));
    for (peer, why) in [(Some(STRANGER), UntrustedPeer)] {
        for (shown, headers, wanted) in [
            (None, &[][..], Err(Missing)),
            (None, &[&*ours], Err(why)),
            (None, &[&*ours, &*ours], Err(why)),
            (None, &[""], Err(why)),
            (Some(2), &[&*ours], Err(Mismatch)),
            (Some(1), &[&*other], Ok(())),
            (Some(1), &["nonsense"], Ok(())),
            (Some(1), &[], Ok(())),
        ] {
            assert_eq!(
                outcome(&behind(), peer, shown, headers),
                wanted,
                "{peer:?} {shown:?}"
            );
        }
    }
}

#[test]
fn where_nobody_says_who_the_peer_is_no_certificate_counts() {
    let ours = header(1);
    for shown in [None, Some(1), Some(2)] {
        for headers in [&[][..], &[&*ours], &["nonsense"]] {
            let refused = Err(CertificateRefusal::UnknownPeer);
            assert_eq!(outcome(&behind(), None, shown, headers), refused);
        }
    }
}

#[test]
fn the_header_of_another_proxy_is_nothing_from_this_one() {
    let (mut headers, extensions) = request(Some(PROXY), None, &[]);
    headers.insert("x-ssl-cert", header(1).parse().expect("a header value"));
    headers.insert(
        "x-forwarded-client-cert",
        header(1).parse().expect("a header value"),
    );
    assert_eq!(
        behind().check(&headers, &extensions, certificate(1).thumbprint()),
        Err(CertificateRefusal::Missing)
    );
}

#[test]
fn what_a_stranger_forged_is_taken_out_and_what_a_proxy_says_stays() {
    for (peer, stays) in [(Some(PROXY), true), (Some(STRANGER), false), (None, false)] {
        let (mut headers, extensions) = request(peer, Some(1), &["one", "two"]);
        headers.insert(
            "client-cert-chain",
            "chain".parse().expect("a header value"),
        );
        headers.insert("accept", "*/*".parse().expect("a header value"));
        behind().remove_forged(&mut headers, &extensions);
        assert_eq!(headers.contains_key("client-cert"), stays, "{peer:?}");
        assert_eq!(headers.contains_key("client-cert-chain"), stays, "{peer:?}");
        assert!(headers.contains_key("accept"));
    }
    // Where no header counts, none is ours to take out.
    let (mut headers, extensions) = request(Some(STRANGER), None, &["one"]);
    MutualTls::accept().remove_forged(&mut headers, &extensions);
    assert!(headers.contains_key("client-cert"));
}

#[test]
fn only_require_refuses_tokens_that_are_not_bound() {
    assert!(!MutualTls::accept().is_required());
    assert!(MutualTls::require().is_required());
    assert!(!behind().is_required());
}
