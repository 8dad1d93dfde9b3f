//! The URI of a request in one spelling (RFC 3986 §6.2.2, §6.2.3), without query and fragment (RFC 9449 §4.3).
//!
//! Two spellings are one URI if they differ only in the case of scheme, host or percent-encoding, in a percent-encoding that
//! need not be, in dot segments, in a default port, or in an empty path. Anything else that differs is another URI.

use std::net::Ipv6Addr;

/// The longest URI that is compared, in bytes: servers hold a request's target to less.
const LONGEST: usize = 16 * 1024;

/// Scheme, host and port, in one spelling: `https://api.example.com:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin(String);

/// Origin and path, in one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TargetUri {
    text: String,
    /// Whether it is what a path of the service's own begins with: then it is the same without the slash at its end.
    is_root: bool,
}

impl Origin {
    /// Of `http` or `https` and an authority without user information.
    pub(super) fn new(scheme: &str, authority: &str) -> Option<Self> {
        let (scheme, default_port) = match scheme {
            scheme if scheme.eq_ignore_ascii_case("https") => ("https", "443"),
            scheme if scheme.eq_ignore_ascii_case("http") => ("http", "80"),
            _ => return None,
        };
        let (host, port) = split_port(authority)?;
        let mut text = format!("{scheme}://{}", normal_host(host)?);
        if !port.is_empty() && port != default_port {
            text.push(':');
            text.push_str(port);
        }
        Some(Self(text))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TargetUri {
    /// `path` is absolute, or empty.
    pub(super) fn new(origin: &Origin, path: &str) -> Option<Self> {
        let path = normal_path(path)?;
        Some(Self {
            text: format!("{}{path}", origin.0),
            is_root: false,
        })
    }

    /// The root of a service whose own paths begin with `path`: who takes that away leaves `/` of both spellings.
    pub(super) fn root(origin: &Origin, path: &str) -> Option<Self> {
        let root = Self::new(origin, &format!("{path}/"))?;
        Some(Self {
            is_root: true,
            ..root
        })
    }

    /// Whether `uri`, as in `htu`, names it.
    pub(super) fn is_named_by(&self, uri: &str) -> bool {
        let Some(named) = Self::parse(uri) else {
            return false;
        };
        let without_slash = self.text.strip_suffix('/').filter(|_| self.is_root);
        named.text == self.text || without_slash == Some(&named.text)
    }

    /// Reads an absolute URI, as in `htu`; `None` if it is none, or of another scheme.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        if uri.len() > LONGEST {
            return None;
        }
        let (scheme, rest) = uri.split_once("://")?;
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Self::new(&Origin::new(scheme, authority)?, path)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Host and port; the port may be empty.
fn split_port(authority: &str) -> Option<(&str, &str)> {
    // RFC 3986 §3.2.2: the colons between brackets are the address's own.
    let end_of_address = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority.get(end_of_address..)?.find(':') {
        None => (authority, ""),
        Some(at) => {
            let (host, port) = authority.split_at(end_of_address + at);
            (host, port.get(1..)?)
        }
    };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    let known = port.is_empty() || digits && port.parse::<u16>().is_ok();
    known.then_some((host, port))
}

/// A name of the DNS in lower case, or an address.
fn normal_host(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let sound = !host.is_empty() && host.bytes().all(allowed);
    sound.then(|| host.to_ascii_lowercase())
}

/// The path without dot segments, each octet in its one spelling. An empty path is that of the root.
fn normal_path(path: &str) -> Option<String> {
    let path = if path.is_empty() { "/" } else { path };
    if !path.starts_with('/') {
        return None;
    }
    // A dot may be written as `%2E`, so the spelling comes first.
    remove_dot_segments(&normal_octets(path)?)
}

/// RFC 3986 §6.2.2.1 and §6.2.2.2: percent-encodings in capitals, and none of what may stand for itself.
fn normal_octets(path: &str) -> Option<String> {
    let mut text = String::with_capacity(path.len());
    let mut octets = path.bytes();
    while let Some(octet) = octets.next() {
        if octet != b'%' {
            // A URI is of printable ASCII; which of the others a request's line holds unencoded differs among clients.
            if !octet.is_ascii_graphic() {
                return None;
            }
            text.push(char::from(octet));
            continue;
        }
        let (high, low) = (hex(octets.next()?)?, hex(octets.next()?)?);
        let encoded = high << 4 | low;
        if encoded.is_ascii_alphanumeric() || b"-._~".contains(&encoded) {
            text.push(char::from(encoded));
        } else {
            text.push('%');
            for digit in [high, low] {
                let digit = char::from_digit(digit.into(), 16)?;
                text.push(digit.to_ascii_uppercase());
            }
        }
    }
    Some(text)
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

/// RFC 3986 §5.2.4, for a path that begins with a slash.
fn remove_dot_segments(path: &str) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // What follows the last slash is a segment too, if only an empty one.
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    let mut text = String::with_capacity(path.len());
    for segment in kept {
        text.push('/');
        text.push_str(segment);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    fn normal(uri: &str) -> Option<String> {
        TargetUri::parse(uri).map(|uri| uri.text)
    }

    #[test]
    fn each_spelling_of_a_uri_is_one() {
        for (uri, want) in [
            // The path that is there, and the one that is not.
            ("https://h", "https://h/"),
            ("https://h/", "https://h/"),
            ("https://h/a", "https://h/a"),
            ("https://h/a/", "https://h/a/"),
            ("https://h//a", "https://h//a"),
            // Query and fragment.
            ("https://h?q=/a", "https://h/"),
            ("https://h#f/a", "https://h/"),
            ("https://h/a?b=c&d", "https://h/a"),
            ("https://h/a#b?c", "https://h/a"),
            ("https://h/a?b=%zz", "https://h/a"),
            // Case.
            (
                "HTTPS://API.Example.COM/Path",
                "https://api.example.com/Path",
            ),
            ("hTTp://H/", "http://h/"),
            // Ports.
            ("https://h:443/a", "https://h/a"),
            ("https://h:/a", "https://h/a"),
            ("http://h:80/a", "http://h/a"),
            ("https://h:80/a", "https://h:80/a"),
            ("http://h:443/a", "http://h:443/a"),
            ("https://h:8443", "https://h:8443/"),
            // Addresses.
            ("https://127.0.0.1:3000/a", "https://127.0.0.1:3000/a"),
            ("https://[::1]/a", "https://[::1]/a"),
            ("https://[::1]:443/a", "https://[::1]/a"),
            ("https://[0:0::0:1]:8443/a", "https://[::1]:8443/a"),
            ("https://[FD00::A]/a", "https://[fd00::a]/a"),
            // Percent-encodings.
            ("https://h/%61%7e%2D%5f", "https://h/a~-_"),
            ("https://h/a%2fb", "https://h/a%2Fb"),
            ("https://h/%c3%A9", "https://h/%C3%A9"),
            ("https://h/%25%32%35", "https://h/%2525"),
            ("https://h/%3f%23", "https://h/%3F%23"),
            ("https://h/a+b%20c", "https://h/a+b%20c"),
            (
                "https://h/a;b=c,d:e@f!$&'()*",
                "https://h/a;b=c,d:e@f!$&'()*",
            ),
            // Dot segments.
            ("https://h/.", "https://h/"),
            ("https://h/..", "https://h/"),
            ("https://h/../a", "https://h/a"),
            ("https://h/a/.", "https://h/a/"),
            ("https://h/a/./b", "https://h/a/b"),
            ("https://h/a/b/..", "https://h/a/"),
            ("https://h/a/b/../", "https://h/a/"),
            ("https://h/a/b/../c", "https://h/a/c"),
            ("https://h/a/../../../b", "https://h/b"),
            ("https://h/a//../b", "https://h/a/b"),
            ("https://h/%2e%2E/a/%2e/b", "https://h/a/b"),
            ("https://h/a/.%2e/b", "https://h/b"),
            ("https://h/.../a..b/.c", "https://h/.../a..b/.c"),
            // The example of RFC 3986 §5.2.4 and that of §6.2.2.
            ("https://h/a/b/c/./../../g", "https://h/a/g"),
            ("http://a/b/c/%7Bfoo%7D", "http://a/b/c/%7Bfoo%7D"),
            ("hTTP://a/./b/../b/%63/%7bfoo%7d", "http://a/b/c/%7Bfoo%7D"),
        ] {
            assert_eq!(normal(uri).as_deref(), Some(want), "{uri}");
            // What is normal stays as it is.
            assert_eq!(normal(want).as_deref(), Some(want), "{want}");
        }
    }

    #[test]
    fn what_differs_otherwise_is_another_uri() {
        let ours = normal("https://api.example.com/orders");
        for other in [
            "http://api.example.com/orders",
            "https://api.example.com:8443/orders",
            "https://api.example.com:80/orders",
            "https://api.example.com./orders",
            "https://api.example.org/orders",
            "https://xapi.example.com/orders",
            "https://api.example.com.evil.example/orders",
            "https://api.example.com/Orders",
            "https://api.example.com/orders/",
            "https://api.example.com//orders",
            "https://api.example.com/orders%2F",
            "https://api.example.com/orders%3Fa",
            "https://api.example.com/orders;a",
            "https://api.example.com/orders/..",
            "https://api.example.com/%256Frders",
            "https://api.example.com",
        ] {
            let other = normal(other);
            assert!(other.is_some() && other != ours, "{other:?}");
        }
    }

    #[test]
    fn what_is_no_uri_of_http_has_no_spelling() {
        for wrong in [
            "",
            "/orders",
            "//h/orders",
            "h/orders",
            "https:/h",
            "https:h",
            "https//h",
            "https://",
            "https:///a",
            "https://?",
            "https://:443/a",
            " https://h/a",
            "https://h/a ",
            "https://h /a",
            "https://h/a b",
            "https://h/a\n",
            "https://h/\u{0}",
            "https://h/é",
            "https://é/",
            "https://h%2e/",
            "https://user@h/",
            "https://user:pass@h/",
            "https://h\\@evil/",
            "https://h,i/",
            "https://h:a/",
            "https://h:-1/",
            "https://h:+443/",
            "https://h:0443/",
            "https://h:0/",
            "https://h:65536/",
            "https://h:4430000000000000000000/",
            "https://h:443:443/",
            "https://::1/",
            "https://[::1/",
            "https://::1]/",
            "https://[::1]x/",
            "https://[::1]]/",
            "https://[[::1]/",
            "https://[::1%25eth0]/",
            "https://[1.2.3.4]/",
            "https://[v1.a]/",
            "https://[]/",
            "https://h/%",
            "https://h/%4",
            "https://h/%zz",
            "https://h/%+1",
            "ftp://h/a",
            "httpss://h/a",
            "urn:https://h/a",
            "javascript://h/a",
        ] {
            assert_eq!(normal(wrong), None, "{wrong:?}");
        }
        let long = format!("https://h/{}", "a".repeat(LONGEST));
        assert_eq!(normal(&long), None);
    }

    #[test]
    fn the_path_of_a_request_is_absolute_or_empty() {
        let origin = Origin::new("https", "h").expect("an origin");
        let target = |path| TargetUri::new(&origin, path).map(|uri| uri.text);
        assert_eq!(target("").as_deref(), Some("https://h/"));
        assert_eq!(target("/a/../b").as_deref(), Some("https://h/b"));
        assert_eq!(target("*"), None);
        assert_eq!(target("a"), None);
        assert_eq!(target("@evil/"), None);
    }

    proptest! {
        #[test]
        fn dot_segments_go_as_they_do_elsewhere(path in r"(/([ab]|\.|%2e|%2E){0,3}){0,6}") {
            let uri = format!("https://h{path}");
            let theirs = Url::parse(&uri).expect("a URL").to_string();
            let theirs = theirs.replace("%2e", ".").replace("%2E", ".");
            prop_assert_eq!(normal(&uri), Some(theirs));
        }

        #[test]
        fn origins_are_as_they_are_elsewhere(
            uri in r"[hH][tT]{2}[pP][sS]?://([A-Za-z0-9-]{1,3}\.){0,2}[A-Za-z]{1,3}(:(|80|443|[1-9][0-9]{0,3}))?/",
        ) {
            let theirs = Url::parse(&uri);
            // Names that begin like the encodings of international ones are theirs to judge.
            prop_assume!(theirs.is_ok());
            prop_assert_eq!(normal(&uri), theirs.ok().map(String::from));
        }

        #[test]
        fn what_has_a_spelling_has_only_one(uri in r"(https?://h)?.{0,40}") {
            if let Some(once) = normal(&uri) {
                prop_assert_eq!(normal(&once), Some(once));
            }
        }
    }
}
