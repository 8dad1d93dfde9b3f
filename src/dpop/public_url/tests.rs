#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::net::SocketAddr;

use http::Request;

use super::*;
use crate::peer::PeerAddr;

/// The URI that a request was sent to.
fn target(
    urls: &OurUrls,
    uri: &str,
    headers: &[(&str, &str)],
    peer: Option<&str>,
) -> Option<String> {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    if let Some(peer) = peer {
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(PeerAddr(peer));
    }
    let target = urls.target(&Presented::of(&request))?;
    Some(target.as_str().to_owned())
}

fn fixed(url: &str) -> OurUrls {
    PublicUrl::fixed(url).build().unwrap()
}

fn one_of<const N: usize>(urls: [&str; N]) -> OurUrls {
    PublicUrl::one_of(urls).build().unwrap()
}

fn proxies() -> TrustedProxies {
    TrustedProxies::at(["10.7.0.0/24"]).unwrap()
}

const PROXY: Option<&str> = Some("10.7.0.4:1234");
const STRANGER: Option<&str> = Some("10.8.0.4:1234");

#[test]
fn one_url_stands_whatever_a_request_says_of_itself() {
    let urls = fixed("https://API.example.com:443/");
    for (uri, headers) in [
        ("/a?q", &[][..]),
        ("/a", &[("host", "evil.example")]),
        ("/a", &[("host", "evil.example"), ("host", "evil.example")]),
        ("https://evil.example/a", &[]),
        (
            "/a",
            &[
                ("x-forwarded-host", "evil.example"),
                ("forwarded", "host=evil.example"),
            ],
        ),
    ] {
        let target = target(&urls, uri, headers, PROXY);
        assert_eq!(
            target.as_deref(),
            Some("https://api.example.com/a"),
            "{uri} {headers:?}"
        );
    }
    let of = |uri| target(&urls, uri, &[], None);
    assert_eq!(of("/").as_deref(), Some("https://api.example.com/"));
    assert_eq!(of("*").as_deref(), Some("https://api.example.com/"));
    assert_eq!(
        of("/a/../%62").as_deref(),
        Some("https://api.example.com/b")
    );
}

#[test]
fn a_path_of_the_url_comes_before_that_of_the_request() {
    for url in ["https://h/orders/v1", "https://h/orders/v1/"] {
        let urls = fixed(url);
        let of = |uri| target(&urls, uri, &[], None);
        assert_eq!(of("/a").as_deref(), Some("https://h/orders/v1/a"));
        assert_eq!(of("/").as_deref(), Some("https://h/orders/v1/"));
        assert_eq!(of("/../a").as_deref(), Some("https://h/orders/a"));
    }
}

#[test]
fn of_several_hosts_the_request_says_which() {
    let urls = one_of([
        "https://a.example",
        "https://b.example:8443/v1",
        "http://localhost:3000",
    ]);
    let host = |host: &str| target(&urls, "/x", &[("host", host)], None);
    assert_eq!(host("a.example").as_deref(), Some("https://a.example/x"));
    assert_eq!(
        host("A.Example:443").as_deref(),
        Some("https://a.example/x")
    );
    assert_eq!(
        host("b.example:8443").as_deref(),
        Some("https://b.example:8443/v1/x")
    );
    assert_eq!(
        host("localhost:3000").as_deref(),
        Some("http://localhost:3000/x")
    );
    for other in [
        "",
        "b.example",
        "a.example:80",
        "a.example:8443",
        "a.example.",
        "xa.example",
        "a.example.evil",
        "evil",
        "a.example,evil",
        "a.example/",
        "a.example@evil",
        "evil@a.example",
        "a.example evil",
        "localhost",
        "*.example",
    ] {
        assert_eq!(host(other), None, "{other}");
    }
    // With HTTP/2, and where both are there.
    let whole = |uri, headers: &[(&str, &str)]| target(&urls, uri, headers, None);
    assert_eq!(
        whole("https://a.example/x", &[]).as_deref(),
        Some("https://a.example/x")
    );
    let both = whole("https://a.example/x", &[("host", "a.example")]);
    assert_eq!(both.as_deref(), Some("https://a.example/x"));
    assert_eq!(
        whole("https://a.example/x", &[("host", "b.example:8443")]),
        None
    );
    assert_eq!(whole("https://evil/x", &[("host", "a.example")]), None);
    assert_eq!(whole("/x", &[]), None);
    assert_eq!(
        whole("/x", &[("host", "a.example"), ("host", "a.example")]),
        None
    );
}

#[test]
fn an_asterisk_stands_for_one_label() {
    let urls = one_of(["https://*.example.com/v1", "https://www.example.com"]);
    let host = |host: &str| target(&urls, "/x", &[("host", host)], None);
    assert_eq!(
        host("t1.example.com").as_deref(),
        Some("https://t1.example.com/v1/x")
    );
    assert_eq!(
        host("T2.example.com:443").as_deref(),
        Some("https://t2.example.com/v1/x")
    );
    assert_eq!(
        host("www.example.com").as_deref(),
        Some("https://www.example.com/x")
    );
    for other in [
        "example.com",
        ".example.com",
        "a.b.example.com",
        "t1example.com",
        "t1.example.com:8443",
        "t1.example.com.evil",
        "t1.example.org",
        "*.example.com",
        "[::1].example.com",
    ] {
        assert_eq!(host(other), None, "{other}");
    }
}

#[test]
fn a_listed_proxy_says_what_was_asked_for_and_nobody_else_does() {
    let of = |urls| PublicUrl::one_of::<&str>(urls);
    let names = || of(vec!["https://a.example", "https://b.example"]);
    let forwarded = names().forwarded_by(proxies()).build().unwrap();
    let x_forwarded = names().x_forwarded_by(proxies()).build().unwrap();
    let own = ("host", "b.example");
    let (a, b) = (Some("https://a.example/x"), Some("https://b.example/x"));
    for (urls, headers, peer, want) in [
        (
            &forwarded,
            &[own, ("forwarded", "host=a.example;proto=https")][..],
            PROXY,
            a,
        ),
        (
            &forwarded,
            &[own, ("forwarded", "host=a.example")],
            PROXY,
            a,
        ),
        (
            &forwarded,
            &[own, ("forwarded", "host=b.example, host=a.example")],
            PROXY,
            a,
        ),
        (&forwarded, &[own, ("forwarded", "proto=https")], PROXY, b),
        (&forwarded, &[own], PROXY, b),
        (
            &forwarded,
            &[own, ("forwarded", "host=a.example")],
            STRANGER,
            b,
        ),
        (&forwarded, &[own, ("forwarded", "host=a.example")], None, b),
        (
            &forwarded,
            &[own, ("x-forwarded-host", "a.example")],
            PROXY,
            b,
        ),
        (
            &forwarded,
            &[own, ("forwarded", "host=evil.example")],
            PROXY,
            None,
        ),
        (
            &forwarded,
            &[own, ("forwarded", "host=a.example;proto=http")],
            PROXY,
            None,
        ),
        (
            &forwarded,
            &[own, ("forwarded", "host=a.example;proto=wss")],
            PROXY,
            None,
        ),
        (
            &forwarded,
            &[own, ("forwarded", "host=a.example:8443")],
            PROXY,
            None,
        ),
        (
            &forwarded,
            &[own, ("forwarded", "host=\"a.example:443\"")],
            PROXY,
            a,
        ),
        (&forwarded, &[own, ("forwarded", "nonsense")], PROXY, None),
        (&forwarded, &[own, ("forwarded", "nonsense")], STRANGER, b),
        (
            &x_forwarded,
            &[own, ("x-forwarded-host", "a.example")],
            PROXY,
            a,
        ),
        (
            &x_forwarded,
            &[
                own,
                ("x-forwarded-host", "a.example"),
                ("x-forwarded-proto", "HTTPS"),
            ],
            PROXY,
            a,
        ),
        (
            &x_forwarded,
            &[
                own,
                ("x-forwarded-host", "a.example"),
                ("x-forwarded-proto", "http"),
            ],
            PROXY,
            None,
        ),
        (
            &x_forwarded,
            &[own, ("x-forwarded-host", "evil, a.example")],
            PROXY,
            a,
        ),
        (
            &x_forwarded,
            &[own, ("x-forwarded-host", "a.example")],
            STRANGER,
            b,
        ),
        (
            &x_forwarded,
            &[own, ("x-forwarded-host", "a.example")],
            None,
            b,
        ),
        (
            &x_forwarded,
            &[own, ("forwarded", "host=a.example")],
            PROXY,
            b,
        ),
        (
            &x_forwarded,
            &[own, ("x-forwarded-host", "evil.example")],
            PROXY,
            None,
        ),
    ] {
        let target = target(urls, "/x", headers, peer);
        assert_eq!(target.as_deref(), want, "{headers:?} from {peer:?}");
    }
}

#[test]
fn urls_that_cannot_be_ours_are_refused() {
    let kind = |url: PublicUrl| url.build().err().map(|error| error.kind());
    for wrong in [
        "",
        "api.example.com",
        "/orders",
        "http://api.example.com",
        "ftp://api.example.com",
        "https://",
        "https://user@api.example.com",
        "https://api.example.com/?a",
        "https://api.example.com/#a",
        "https://api.example.com/a b",
        "https://api.example.com/%zz",
        "https://api.example.com:0443",
        "https://münchen.example",
    ] {
        let resource = Some(ConfigErrorKind::Resource);
        assert_eq!(kind(PublicUrl::fixed(wrong)), resource, "{wrong}");
        assert_eq!(kind(PublicUrl::one_of([wrong])), resource, "{wrong}");
    }
    let resource = Some(ConfigErrorKind::Resource);
    assert_eq!(kind(PublicUrl::one_of([""; 0])), resource);
    assert_eq!(kind(PublicUrl::fixed("https://*.example.com")), resource);
    assert_eq!(kind(PublicUrl::one_of(["https://a.*.example"])), resource);
    assert_eq!(kind(PublicUrl::one_of(["https://*"])), resource);
    assert_eq!(
        kind(PublicUrl::one_of(["https://*.a", "https://*.A:443"])),
        resource
    );
    assert_eq!(
        kind(PublicUrl::one_of(["https://a", "https://A/b"])),
        resource
    );
    // Which of two schemes was used, a request does not say.
    let two = ["https://localhost", "http://localhost"];
    assert_eq!(kind(PublicUrl::one_of(two)), resource);
    let pointless = PublicUrl::fixed("https://a").forwarded_by(proxies());
    assert_eq!(kind(pointless), Some(ConfigErrorKind::Contradiction));
    assert_eq!(kind("http://127.0.0.1:3000".into()), None);
}
