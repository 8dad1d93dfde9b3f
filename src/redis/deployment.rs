//! What a user says of their Redis.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::connection::Manner;
use super::server::{Address, Login};
use super::tls::Tls;
use crate::error::{ConfigError, ConfigErrorKind};

/// Redis, or Valkey: one server, a master that Sentinels watch, or a Cluster. Nothing is connected before it is used.
///
/// Version 6 or newer, since messages and answers must come over one connection (RESP3).
///
/// ```
/// use tower_bearer::redis::Redis;
///
/// let redis = Redis::single("rediss://cache.internal:6379")?
///     .username("bearer")
///     .password("correct horse")
///     .namespace("orders")?;
/// assert!(!format!("{redis:?}").contains("horse"));
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Redis {
    pub(super) topology: Topology,
    pub(super) namespace: Arc<str>,
    login: Login,
    tls: Tls,
    connect: Duration,
    answer: Duration,
}

/// Where the server that has our keys is found.
#[derive(Clone, Debug)]
pub(super) enum Topology {
    /// Always at the same address.
    Single(Address),
    /// Where these Sentinels say.
    Sentinel {
        sentinels: Arc<[Address]>,
        master: Arc<str>,
    },
    /// Where some node of the Cluster says.
    Cluster(Arc<[Address]>),
}

const NAMESPACE: &str = "tower-bearer";
/// The answer to a request must come within half a second, whatever Redis does.
const CONNECT: Duration = Duration::from_millis(200);
const ANSWER: Duration = Duration::from_millis(200);
/// Beyond that nothing would be known for longer than it counts.
const LONGEST_ANSWER: Duration = Duration::from_millis(500);

impl Redis {
    /// One server: `redis://[user][:password@]host[:port][/database]`, or `rediss://…` for TLS.
    ///
    /// Without TLS a password and every answer can be read, and changed, by whoever is on the way. It must be a master: one that was
    /// demoted counts as gone.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Redis`] if it is no such URL.
    pub fn single(url: &str) -> Result<Self, ConfigError> {
        let address = Address::parse(url)?;
        let login = address.login.clone();
        Ok(Self {
            login,
            ..Self::of(Topology::Single(address))
        })
    }

    /// The master named `master` that these Sentinels watch: name all of them, as `redis://host:26379` each.
    ///
    /// More than half of those named must agree who the master is, all the time: a master that they have replaced must not be
    /// believed, and one Sentinel alone may be cut off together with it. A user and password in a URL are for the Sentinel; those of
    /// the master are [`username`](Self::username) and [`password`](Self::password). With `rediss` the master speaks TLS too, under the
    /// name or address that the Sentinels announce.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Redis`] if a URL is none of Redis or names a database, if there is none, or if some say `redis` and others
    /// `rediss`.
    pub fn sentinel<I, U>(urls: I, master: &str) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item = U>,
        U: AsRef<str>,
    {
        if master.is_empty() {
            return Err(refuse("the master has no name"));
        }
        Ok(Self::of(Topology::Sentinel {
            sentinels: several(urls)?,
            master: master.into(),
        }))
    }

    /// A Cluster, some nodes of which are given as `redis://host:port` each; the others are found.
    ///
    /// All our keys lie in one slot, named by the namespace, and so on one node: whatever a request needs is one round trip to it. The
    /// price is that the Cluster does not spread them; the load is small with a local copy. While that slot moves to another node,
    /// nothing can be told.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Redis`] if a URL is none of Redis or names a database, if there is none, if some say `redis` and others
    /// `rediss`, or if two hold different passwords.
    pub fn cluster<I, U>(urls: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator<Item = U>,
        U: AsRef<str>,
    {
        let nodes = several(urls)?;
        let login = nodes.first().map(|node| node.login.clone());
        let login = login.unwrap_or_default();
        if nodes.iter().any(|node| node.login != login) {
            return Err(refuse("the nodes of a Cluster have one user and password"));
        }
        Ok(Self {
            login,
            ..Self::of(Topology::Cluster(nodes))
        })
    }

    fn of(topology: Topology) -> Self {
        Self {
            topology,
            namespace: NAMESPACE.into(),
            login: Login::default(),
            tls: Tls::default(),
            connect: CONNECT,
            answer: ANSWER,
        }
    }

    /// What our keys and channel begin with, in braces: `{tower-bearer}:…` by default.
    ///
    /// Services that share a namespace share what is revoked. Up to 64 of `A-Z a-z 0-9 . _ -`.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Redis`] if it is anything else.
    pub fn namespace(mut self, namespace: &str) -> Result<Self, ConfigError> {
        // Nothing that means something in a pattern, or could end the braces.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if namespace.is_empty() || namespace.len() > 64 || !namespace.bytes().all(fits) {
            return Err(refuse(
                "a namespace is 1 to 64 characters of A-Z a-z 0-9 . _ -",
            ));
        }
        self.namespace = namespace.into();
        Ok(self)
    }

    /// Logs in as this user of Redis' access control lists; without one, as `default`.
    ///
    /// What the user needs is in the [module](crate::redis).
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.login.username = Some(username.into());
        self
    }

    /// Logs in with this password; without one, not at all. It is never printed.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.login.password = Some(password.into());
        self
    }

    /// Believes the authorities in this PEM, and not those of the operating system, which are the default.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Redis`] if it is not a PEM of certificates.
    pub fn ca_certificate(mut self, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        self.tls = Tls::trusting(pem.as_ref())?;
        Ok(self)
    }

    /// Gives a connection so long to come about, TLS and login included. Default 200 ms.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Limit`] if it is zero.
    pub fn connect_timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        if timeout.is_zero() {
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                "no time to connect to Redis",
            ));
        }
        self.connect = timeout;
        Ok(self)
    }

    /// Gives an answer so long to come. Default 200 ms, since a request waits for it; at most 500 ms.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::Limit`] if it is zero or longer.
    pub fn answer_timeout(mut self, timeout: Duration) -> Result<Self, ConfigError> {
        if timeout.is_zero() || timeout > LONGEST_ANSWER {
            return Err(ConfigError::new(
                ConfigErrorKind::Limit,
                "an answer from Redis is waited for at most 500 ms",
            ));
        }
        self.answer = timeout;
        Ok(self)
    }

    /// The name of one of our keys or channels.
    pub(crate) fn key(&self, name: impl fmt::Display) -> String {
        format!("{{{}}}:{name}", self.namespace)
    }

    pub(super) fn manner(&self) -> Manner {
        Manner {
            login: self.login.clone(),
            database: match &self.topology {
                Topology::Single(address) => address.database,
                Topology::Sentinel { .. } | Topology::Cluster(_) => 0,
            },
            tls: self.tls.clone(),
            connect: self.connect,
            answer: self.answer,
        }
    }
}

fn several<I, U>(urls: I) -> Result<Arc<[Address]>, ConfigError>
where
    I: IntoIterator<Item = U>,
    U: AsRef<str>,
{
    let addresses = urls
        .into_iter()
        .map(|url| Address::parse(url.as_ref()))
        .collect::<Result<Arc<[_]>, _>>()?;
    let Some(first) = addresses.first() else {
        return Err(refuse("no server is named"));
    };
    if addresses.iter().any(|address| address.database != 0) {
        return Err(refuse("a database can be chosen on a single server only"));
    }
    if addresses
        .iter()
        .any(|address| address.server.tls != first.server.tls)
    {
        return Err(refuse("some servers are to speak TLS and others not"));
    }
    Ok(addresses)
}

fn refuse(why: &'static str) -> ConfigError {
    ConfigError::new(ConfigErrorKind::Redis, why)
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("topology", &self.topology)
            .field("namespace", &self.namespace)
            .field("login", &self.login)
            .field("tls", &self.tls)
            .field("connect", &self.connect)
            .field("answer", &self.answer)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_cannot_be_is_refused_where_it_is_said() {
        let redis = || Redis::single("redis://a").unwrap();
        let none: [&str; 0] = [];
        for (what, result) in [
            ("no sentinel", Redis::sentinel(none, "m")),
            ("no master", Redis::sentinel(["redis://a"], "")),
            ("a database", Redis::sentinel(["redis://a/1"], "m")),
            ("a database", Redis::cluster(["redis://a/1"])),
            ("half TLS", Redis::cluster(["redis://a", "rediss://b"])),
            (
                "two users",
                Redis::cluster(["redis://:x@a", "redis://:y@b"]),
            ),
            ("empty", redis().namespace("")),
            ("a brace", redis().namespace("a}b")),
            ("a pattern", redis().namespace("a*")),
            ("too long", redis().namespace(&"a".repeat(65))),
        ] {
            assert_eq!(result.unwrap_err().kind(), ConfigErrorKind::Redis, "{what}");
        }
        for (what, result) in [
            ("at once", redis().connect_timeout(Duration::ZERO)),
            ("at once", redis().answer_timeout(Duration::ZERO)),
            ("late", redis().answer_timeout(Duration::from_secs(1))),
        ] {
            assert_eq!(result.unwrap_err().kind(), ConfigErrorKind::Limit, "{what}");
        }
    }

    #[test]
    fn neither_kind_of_password_is_printed() {
        for redis in [
            Redis::single("redis://user:hunter2@a").unwrap(),
            Redis::single("redis://a").unwrap().password("hunter2"),
            Redis::sentinel(["redis://:hunter2@a"], "m").unwrap(),
            Redis::cluster(["redis://:hunter2@a", "redis://:hunter2@b"]).unwrap(),
        ] {
            assert!(!format!("{redis:?}").contains("hunter2"));
        }
    }

    #[test]
    fn every_key_lies_in_the_slot_of_its_namespace() {
        let redis = Redis::single("redis://a").unwrap();
        assert_eq!(redis.key("x"), "{tower-bearer}:x");
        assert_eq!(redis.namespace("b").unwrap().key("x"), "{b}:x");
    }
}
