//! One server's address, and who we are to it.

use std::fmt;

use ::redis::{ConnectionAddr, IntoConnectionInfo};
use url::Url;

use crate::error::{ConfigError, ConfigErrorKind};

/// A host and port, and whether TLS is spoken there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
}

/// A user and a password, either of which may be missing.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
}

/// What a URL says.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) server: Server,
    pub(super) login: Login,
    pub(super) database: i64,
}

impl Address {
    /// Reads `redis://[user][:password@]host[:port][/database]`, or the same with `rediss` for TLS.
    pub(super) fn parse(text: &str) -> Result<Self, ConfigError> {
        // The text may hold a password, and so stands in no message.
        let refuse = |why| ConfigError::new(ConfigErrorKind::Redis, why);
        let mut url = Url::parse(text).map_err(|error| {
            refuse("not a URL such as \"redis://host:6379\" or \"rediss://host:6379\"")
                .because(error)
        })?;
        let tls = match url.scheme() {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err(refuse("scheme is neither \"redis\" nor \"rediss\"")),
        };
        // `#insecure` and `?protocol=` mean something to others.
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("a URL of Redis has no query and no fragment here"));
        }
        // TLS is ours to do; the rest is read by the crate `redis`.
        url.set_scheme("redis")
            .map_err(|()| refuse("not a URL of Redis"))?;
        let info = url
            .into_connection_info()
            .map_err(|error| refuse("not a URL of Redis").because(error))?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Err(refuse("not a URL of Redis with a host"));
        };
        let settings = info.redis_settings();
        Ok(Self {
            server: Server {
                host: host.clone(),
                port: *port,
                tls,
            },
            login: Login {
                username: settings.username().map(str::to_owned),
                password: settings.password().map(str::to_owned),
            },
            database: settings.db(),
        })
    }
}

impl Server {
    /// Reads the `host:port` of a `MOVED` answer that this server gave. An empty host means this server's own.
    pub(super) fn redirected(&self, to: &str) -> Option<Self> {
        let (host, port) = to.rsplit_once(':')?;
        let host = match host.trim_start_matches('[').trim_end_matches(']') {
            "" | "?" => &self.host,
            host => host,
        };
        Some(Self {
            host: host.to_owned(),
            port: port.parse().ok()?,
            tls: self.tls,
        })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_url_is_read_whole_or_refused() {
        let address = Address::parse("rediss://us%40er:p%3Ass@[::1]:7000/3").unwrap();
        assert_eq!(address.server.host, "::1");
        assert_eq!((address.server.port, address.server.tls), (7000, true));
        assert_eq!(address.login.username.as_deref(), Some("us@er"));
        assert_eq!(address.login.password.as_deref(), Some("p:ss"));
        assert_eq!(address.database, 3);
        let address = Address::parse("redis://cache.internal").unwrap();
        assert_eq!((address.server.port, address.server.tls), (6379, false));
        for text in [
            "",
            "cache:6379",
            "http://cache:6379",
            "unix:///run/redis.sock",
            "redis://",
            "redis://0.0.0.0",
            "redis://cache/x",
            "redis://cache?protocol=resp2",
            "rediss://cache#insecure",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.kind(), ConfigErrorKind::Redis, "{text}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let address = Address::parse("redis://user:hunter2@cache").unwrap();
        assert!(!format!("{address:?}").contains("hunter2"));
        let error = Address::parse("redis://user:hunter2@cache/x").unwrap_err();
        assert!(!crate::error::chain(&error).contains("hunter2"));
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn a_redirection_may_leave_the_host_out() {
        let server = Address::parse("rediss://a:1").unwrap().server;
        assert_eq!(server.redirected(":2").unwrap().to_string(), "a:2");
        assert_eq!(server.redirected("b:2").unwrap().to_string(), "b:2");
        assert_eq!(server.redirected("::1:2").unwrap().host, "::1");
        assert!(server.redirected("b:2").unwrap().tls);
        assert!(server.redirected("b").is_none());
        assert!(server.redirected("b:65536").is_none());
    }
}
