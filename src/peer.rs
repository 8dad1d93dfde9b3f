//! Who is at the other end of a connection, and which of them are our own proxies.
//!
//! It protects headers that only a proxy may set: one that says which client certificate was shown, or which address a
//! client had asked for. Whoever else sends such a header could say anything.
//!
//! # A header of a proxy counts if
//!
//! 1. the server has put a [`PeerAddr`] into the request's extensions;
//! 2. and that address is in one of the networks of [`TrustedProxies`].
//!
//! A request without a [`PeerAddr`] is from a stranger.
//!
//! ```
//! use tower_bearer::peer::TrustedProxies;
//!
//! let proxies = TrustedProxies::at(["10.7.0.4", "fd00:7::/64"])?;
//! assert!(proxies.contains("10.7.0.4".parse()?));
//! assert!(!proxies.contains("10.7.0.5".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a deployment must ensure
//!
//! - The address is that of the connection. One that was read from `X-Forwarded-For` or the like is whatever a client wrote.
//! - Only proxies can send from the addresses listed. List the proxies, not the network of the whole cluster.
//! - Each proxy sets the header itself, or takes it away, whatever a client sent.
//! - A connection by a Unix domain socket has no such address. If nobody but the proxy can open the socket, tell its requests an
//!   address that stands for it and that no connection can have, such as `[100::1]:0` (RFC 6666), and list that.
//!
//! RFC 8705 §6.5; RFC 9440 §4; RFC 9700 §4.13.

use std::net::{IpAddr, SocketAddr};

use http::Extensions;

use crate::error::{ConfigError, ConfigErrorKind};

/// The address at the other end of the connection that a request came by.
///
/// An extension that the server puts into each request, by a [`ConnectionLayer`](crate::mtls::ConnectionLayer) or by hand. With
/// axum, whose `ConnectInfo` holds the same, a line does it:
///
/// ```
/// use std::net::SocketAddr;
///
/// use axum::extract::{ConnectInfo, Request};
/// use axum::middleware::map_request;
/// use tower_bearer::peer::PeerAddr;
///
/// async fn tell_peer(ConnectInfo(peer): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
///     request.extensions_mut().insert(PeerAddr(peer));
///     request
/// }
///
/// // Outside of the layer that authenticates, and served by `into_make_service_with_connect_info`.
/// let app: axum::Router = axum::Router::new().layer(map_request(tell_peer));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

/// The networks from which only our own proxies can connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<Network>,
}

/// What a request's peer is, as far as the server tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Proxy,
    Stranger,
    /// The server has not told.
    Unknown,
}

impl TrustedProxies {
    /// Trusts what connects from these networks: each an IPv4 or IPv6 address, or one with the length of its prefix, such as
    /// `10.7.0.0/24` or `fd00:7::/64`.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Credential`] if a network cannot be read, has bits set behind its prefix (`10.7.0.4/24` may mean one
    /// host or all), is an IPv4 network written as IPv6, or is everyone (`0.0.0.0/0`); or if there is none.
    pub fn at<N: AsRef<str>>(networks: impl IntoIterator<Item = N>) -> Result<Self, ConfigError> {
        let networks = networks
            .into_iter()
            .map(|network| Network::parse(network.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        if networks.is_empty() {
            return Err(refused("no proxy is listed".to_owned()));
        }
        Ok(Self { networks })
    }

    /// Whether an address is in one of the networks. An IPv4 address that a socket of both families shows as IPv6
    /// (`::ffff:10.7.0.4`) is taken as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut networks = self.networks.iter();
        networks.any(|network| network.contains(address))
    }

    /// What the peer is that a request came from.
    pub(crate) fn judge(&self, extensions: &Extensions) -> Peer {
        match extensions.get() {
            Some(PeerAddr(peer)) if self.contains(peer.ip()) => Peer::Proxy,
            Some(PeerAddr(_)) => Peer::Stranger,
            None => Peer::Unknown,
        }
    }
}

/// Addresses with a common beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// In bits: at least one, at most all.
    prefix: u32,
}

impl Network {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let unreadable = || refused(format!("{text:?} is neither an address nor a network"));
        let address: IpAddr = address.parse().map_err(|_| unreadable())?;
        if address != address.to_canonical() {
            return Err(refused(format!(
                "{text:?} is IPv4, and is to be written so"
            )));
        }
        let all = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => all,
            // `parse` alone would take a sign.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| unreadable())?
            }
            Some(_) => return Err(unreadable()),
        };
        match prefix {
            0 => return Err(refused(format!("{text:?} would trust everyone"))),
            _ if prefix > all => return Err(unreadable()),
            _ => {}
        }
        let network = Self { address, prefix };
        if network.has_bits_behind_prefix() {
            return Err(refused(format!("{text:?} has bits set behind its prefix")));
        }
        Ok(network)
    }

    fn has_bits_behind_prefix(&self) -> bool {
        match self.address {
            IpAddr::V4(address) => address.to_bits().trailing_zeros() < 32 - self.prefix,
            IpAddr::V6(address) => address.to_bits().trailing_zeros() < 128 - self.prefix,
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        let in_common = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (ours.to_bits() ^ theirs.to_bits()).leading_zeros()
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                (ours.to_bits() ^ theirs.to_bits()).leading_zeros()
            }
            _ => 0,
        };
        in_common >= self.prefix
    }
}

fn refused(detail: String) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Credential, detail)
}

#[cfg(test)]
mod tests;
