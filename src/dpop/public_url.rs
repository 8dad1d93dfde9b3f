//! Under which URLs clients know a service.

use http::header::HOST;

use super::forwarded::{Told, forwarded, x_forwarded};
use super::target::{Origin, TargetUri};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::peer::{Peer, TrustedProxies};
use crate::policy::check_url;
use crate::presented::Presented;

/// Stands for any label while a URL is read.
const ANY: &str = "_any_";

/// The URL under which clients know a service: what the `htu` of their proofs begins with.
///
/// A request by itself does not tell: behind a proxy the service sees another scheme, another host, and often another path than
/// the client asked for. And what it tells is what the sender says. A server that was shown a proof, and passes it on under its own
/// name in `Host`, must not find the two to agree. So the names that are ours are always listed here, and a request can only say
/// which of them it was sent to.
///
/// A string is [`fixed`](Self::fixed):
///
/// ```
/// use tower_bearer::dpop::{Dpop, PublicUrl};
/// use tower_bearer::peer::TrustedProxies;
///
/// // All requests are sent to one name, whatever they say of that.
/// let dpop = Dpop::accept("https://api.example.com");
///
/// // To one of several, behind a proxy that says so.
/// let tenants = PublicUrl::one_of(["https://*.example.com", "https://api.example.net/v1"])
///     .forwarded_by(TrustedProxies::at(["10.7.0.0/24"])?);
/// let dpop = Dpop::require(tenants);
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PublicUrl {
    names: Names,
    proxies: Option<(Header, TrustedProxies)>,
}

#[derive(Clone, Debug)]
enum Names {
    Fixed(String),
    OneOf(Vec<String>),
}

/// By which header a proxy tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum Header {
    Forwarded,
    XForwarded,
}

impl PublicUrl {
    /// One URL for all requests, such as `https://api.example.com`; the safest, and right for most.
    ///
    /// With a path, such as `https://example.com/orders`, that path comes before the one that the service sees: for services behind
    /// a proxy that takes it away, or inside of axum's `nest`. Its root is `https://example.com/orders` and `https://example.com/orders/`: what is taken away leaves
    /// `/` of both.
    pub fn fixed(url: impl Into<String>) -> Self {
        Self {
            names: Names::Fixed(url.into()),
            proxies: None,
        }
    }

    /// One of these URLs, of which each has another host: the request's `Host` (with HTTP/2, `:authority`) says which.
    ///
    /// The first label of a host may be `*`, and stands for any one label: `https://*.example.com`. A host that is listed by itself
    /// counts as that. A request to one that is not listed is refused. The scheme is the listed one.
    pub fn one_of<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> Self {
        Self {
            names: Names::OneOf(urls.into_iter().map(Into::into).collect()),
            proxies: None,
        }
    }

    /// Lets these proxies say by the header `Forwarded` (RFC 7239) which host was asked for, and by which scheme.
    ///
    /// The last element counts, which the proxy next to us wrote. From any other peer the header is ignored.
    pub fn forwarded_by(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = Some((Header::Forwarded, proxies));
        self
    }

    /// Lets these proxies say by `X-Forwarded-Host` and `X-Forwarded-Proto` which host was asked for, and by which scheme.
    ///
    /// The last value of each counts. From any other peer the headers are ignored. A proxy that sets only one of the two has to take
    /// the other away.
    pub fn x_forwarded_by(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = Some((Header::XForwarded, proxies));
        self
    }

    /// Reads the URLs.
    pub(super) fn build(self) -> Result<OurUrls, ConfigError> {
        let urls = match self.names {
            Names::Fixed(_) if self.proxies.is_some() => {
                return Err(ConfigError::new(
                    ConfigErrorKind::Contradiction,
                    "with one public URL there is nothing for a proxy to say",
                ));
            }
            Names::Fixed(url) => return Base::read(&url).map(OurUrls::Fixed),
            Names::OneOf(urls) => urls,
        };
        let mut named = urls
            .iter()
            .map(|url| Named::read(url))
            .collect::<Result<Vec<_>, _>>()?;
        // A host that is listed by itself is found as that.
        named.sort_by_key(|named| named.after_any.is_some());
        let hosts: Vec<_> = named.iter().map(Named::host).collect();
        let twice = |(at, host): (usize, &&str)| hosts.iter().take(at).any(|each| each == host);
        if named.is_empty() || hosts.iter().enumerate().any(twice) {
            return Err(ConfigError::new(
                ConfigErrorKind::Resource,
                "no public URL, or two of one host",
            ));
        }
        Ok(OurUrls::OneOf {
            named,
            proxies: self.proxies,
        })
    }
}

impl From<&str> for PublicUrl {
    fn from(url: &str) -> Self {
        Self::fixed(url)
    }
}

impl From<String> for PublicUrl {
    fn from(url: String) -> Self {
        Self::fixed(url)
    }
}

/// The URLs of a service, read.
#[derive(Debug)]
pub(super) enum OurUrls {
    Fixed(Base),
    OneOf {
        named: Vec<Named>,
        proxies: Option<(Header, TrustedProxies)>,
    },
}

/// What the URIs of all requests to one name begin with.
#[derive(Debug)]
pub(super) struct Base {
    origin: Origin,
    /// Without a slash at its end.
    path: String,
}

/// A URL that may stand for several hosts.
#[derive(Debug)]
pub(super) struct Named {
    base: Base,
    /// What follows the first label, if that may be any.
    after_any: Option<String>,
}

impl OurUrls {
    /// The URI that a request was sent to, as far as it says so itself; `None` if that is none of ours.
    pub(super) fn target(&self, request: &Presented<'_>) -> Option<TargetUri> {
        let path = match request.uri.path() {
            // RFC 9110 §7.1: the target of `OPTIONS *` has no path.
            "*" => "",
            path => path,
        };
        match self {
            Self::Fixed(base) => base.target(&base.origin, path),
            Self::OneOf { named, proxies } => {
                let told = match proxies {
                    Some((header, proxies)) if proxies.judge(request.extensions) == Peer::Proxy => {
                        let read = match header {
                            Header::Forwarded => forwarded,
                            Header::XForwarded => x_forwarded,
                        };
                        read(request.headers).ok()?
                    }
                    _ => Told::default(),
                };
                let authority = match &told.host {
                    Some(host) => host,
                    None => own_authority(request)?,
                };
                let (named, origin) = named.iter().find_map(|named| {
                    let origin = named.origin_at(authority)?;
                    Some((named, origin))
                })?;
                let scheme = told.scheme.as_deref().unwrap_or(named.scheme());
                if !scheme.eq_ignore_ascii_case(named.scheme()) {
                    return None;
                }
                named.base.target(&origin, path)
            }
        }
    }
}

/// The one authority that a request names.
fn own_authority<'r>(request: &Presented<'r>) -> Option<&'r str> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return None;
    }
    let host = match host {
        Some(host) => Some(host.to_str().ok()?),
        None => None,
    };
    match (request.uri.authority(), host) {
        // RFC 9113 §8.3.1: they must not differ, and what routes by the one may not see the other.
        (Some(authority), Some(host)) if !authority.as_str().eq_ignore_ascii_case(host) => None,
        (Some(authority), _) => Some(authority.as_str()),
        (None, host) => host,
    }
}

impl Base {
    fn read(url: &str) -> Result<Self, ConfigError> {
        let kind = ConfigErrorKind::Resource;
        let parsed = check_url(kind, "public URL", url, false)?;
        let wrong = || ConfigError::new(kind, format!("the public URL {url:?} cannot be compared"));
        if parsed.query().is_some() {
            let detail = format!("the public URL {url:?} has a query");
            return Err(ConfigError::new(kind, detail));
        }
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let base = Self {
            origin: Origin::new(scheme, authority).ok_or_else(wrong)?,
            path: path.strip_suffix('/').unwrap_or(path).to_owned(),
        };
        // Now rather than at every request.
        base.target(&base.origin, "/").ok_or_else(wrong)?;
        Ok(base)
    }

    fn target(&self, origin: &Origin, path: &str) -> Option<TargetUri> {
        if self.path.is_empty() {
            return TargetUri::new(origin, path);
        }
        if path == "/" || path.is_empty() {
            return TargetUri::root(origin, &self.path);
        }
        TargetUri::new(origin, &format!("{}{path}", self.path))
    }
}

impl Named {
    fn read(url: &str) -> Result<Self, ConfigError> {
        let Some((scheme, rest)) = url.split_once("://*.") else {
            let base = Base::read(url)?;
            return Ok(Self {
                base,
                after_any: None,
            });
        };
        // Read with a label that no host has, in place of the one that may be any.
        let base = Base::read(&format!("{scheme}://{ANY}.{rest}"))?;
        let (_, after) = base.origin.as_str().split_once(ANY).ok_or_else(|| {
            let detail = format!("the public URL {url:?} cannot be compared");
            ConfigError::new(ConfigErrorKind::Resource, detail)
        })?;
        let after_any = Some(after.to_owned());
        Ok(Self { base, after_any })
    }

    /// The origin that `authority` names, if this is it.
    fn origin_at(&self, authority: &str) -> Option<Origin> {
        let origin = Origin::new(self.scheme(), authority)?;
        let same = match &self.after_any {
            None => origin == self.base.origin,
            Some(after) => {
                let (_, host) = origin.as_str().split_once("://")?;
                let label = host.strip_suffix(after.as_str())?;
                !label.is_empty() && !label.contains('.')
            }
        };
        same.then_some(origin)
    }

    fn scheme(&self) -> &str {
        let origin = self.base.origin.as_str();
        origin.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    fn host(&self) -> &str {
        let origin = self.base.origin.as_str();
        origin.split_once("://").map_or("", |(_, host)| host)
    }
}

#[cfg(test)]
mod tests;
