use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn proxies(networks: &[&str]) -> TrustedProxies {
    TrustedProxies::at(networks).expect("networks")
}

#[test]
fn an_address_is_trusted_if_a_network_holds_it() {
    for (network, inside, outside) in [
        ("10.7.0.4", "10.7.0.4", "10.7.0.5"),
        ("10.7.0.4/32", "10.7.0.4", "10.7.0.6"),
        ("10.7.0.0/24", "10.7.0.255", "10.7.1.0"),
        ("10.7.0.4/31", "10.7.0.5", "10.7.0.6"),
        ("128.0.0.0/1", "255.255.255.255", "127.255.255.255"),
        ("10.7.0.0/24", "::ffff:10.7.0.9", "::ffff:10.7.1.9"),
        ("::1", "::1", "::2"),
        ("fd00:7::/64", "fd00:7::ffff:1", "fd00:7:0:1::1"),
        ("8000::/1", "ffff::", "7fff::"),
        ("fd00::2/127", "fd00::3", "fd00::4"),
    ] {
        let proxies = proxies(&[network]);
        assert!(proxies.contains(ip(inside)), "{inside} in {network}");
        assert!(!proxies.contains(ip(outside)), "{outside} in {network}");
    }
}

#[test]
fn no_address_of_one_family_is_in_a_network_of_the_other() {
    assert!(!proxies(&["128.0.0.0/1"]).contains(ip("ffff::")));
    assert!(!proxies(&["8000::/1"]).contains(ip("255.255.255.255")));
    // The old way to write IPv4 within IPv6, which no socket shows.
    assert!(!proxies(&["10.7.0.4"]).contains(ip("::10.7.0.4")));
}

#[test]
fn each_of_several_networks_counts() {
    let proxies = proxies(&["10.7.0.4", "fd00::/8"]);
    assert!(proxies.contains(ip("10.7.0.4")) && proxies.contains(ip("fdff::1")));
    assert!(!proxies.contains(ip("10.7.0.3")));
}

#[test]
fn what_is_no_network_or_everyone_is_refused() {
    for wrong in [
        "",
        "/",
        "/8",
        "10.7.0.4/",
        "10.7.0.4/33",
        "10.7.0.4/256",
        "10.7.0.4/+32",
        "10.7.0.4/-1",
        "10.7.0.4/ 32",
        "10.7.0.4 ",
        "10.7.0",
        "010.7.0.4",
        "10.7.0.4/24",
        "10.7.0.4:80",
        "[::1]",
        "::1/129",
        "fd00::1/64",
        "fe80::1%eth0",
        "::ffff:10.7.0.4",
        "::ffff:10.7.0.0/112",
        "0.0.0.0/0",
        "::/0",
        "0.0.0.0/00",
        "localhost",
        "*",
    ] {
        let refused = TrustedProxies::at([wrong]);
        assert!(refused.is_err(), "{wrong:?}");
    }
    assert!(TrustedProxies::at([""; 0]).is_err(), "no proxy at all");
}

#[test]
fn a_peer_is_a_stranger_unless_the_server_tells_otherwise() {
    let proxies = proxies(&["10.7.0.4"]);
    let mut extensions = Extensions::new();
    assert_eq!(proxies.judge(&extensions), Peer::Unknown);
    // An address that nobody vouches for.
    extensions.insert(SocketAddr::new(ip("10.7.0.4"), 1));
    assert_eq!(proxies.judge(&extensions), Peer::Unknown);
    extensions.insert(PeerAddr(SocketAddr::new(ip("10.7.0.5"), 1)));
    assert_eq!(proxies.judge(&extensions), Peer::Stranger);
    extensions.insert(PeerAddr(SocketAddr::new(ip("10.7.0.4"), 1)));
    assert_eq!(proxies.judge(&extensions), Peer::Proxy);
}
