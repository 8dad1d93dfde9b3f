//! The one server that has our keys, found and held to prove that it still is the one.

use std::error::Error;
use std::fmt;
use std::time::Instant;

use ::redis::{Pipeline, RedisError, ServerErrorKind, Value, pipe};

use super::connection::{Connection, Listener, Manner, refusal};
use super::deployment::{Redis, Topology};
use super::failure::{Failure, FailureKind};
use super::sentinels::Sentinels;
use super::server::Server;

/// How often a Cluster may send us on.
const REDIRECTIONS: usize = 5;

/// Finds the server that has our keys, as often as it is somebody else.
pub(crate) struct Masters {
    redis: Redis,
    manner: Manner,
    sentinels: Option<Sentinels>,
    /// Of a Cluster: who had the slot last.
    last: Option<Server>,
    /// A key that nobody has. Asked for it, a node that is giving our slot away says so.
    absent: String,
}

/// A connection to the server that had our keys when it was last asked.
#[derive(Clone)]
pub(crate) struct Master {
    server: Server,
    connection: Connection,
    absent: String,
}

/// What a master answered, and when it was asked: up to then it had our keys for certain.
pub(crate) struct Answers {
    pub(crate) asked: Instant,
    pub(crate) values: Vec<Value>,
}

impl Masters {
    /// Needs a runtime: Sentinels are asked by tasks, which end with this value.
    pub(crate) fn of(redis: &Redis) -> Self {
        let manner = redis.manner();
        let sentinels = match &redis.topology {
            Topology::Sentinel { sentinels, master } => {
                let tls = sentinels.first().is_some_and(|first| first.server.tls);
                Some(Sentinels::asking(sentinels, master, tls, &manner))
            }
            Topology::Single(_) | Topology::Cluster(_) => None,
        };
        Self {
            redis: redis.clone(),
            manner,
            sentinels,
            last: None,
            absent: redis.key(format_args!("absent-{:016x}", fastrand::u64(..))),
        }
    }

    /// Connects to the master and has it prove that it is.
    pub(crate) async fn connect(&mut self, listener: Option<&Listener>) -> Result<Master, Failure> {
        match &self.redis.topology {
            Topology::Single(address) => self.open(address.server.clone(), listener).await,
            Topology::Sentinel { .. } => {
                let Some(sentinels) = &self.sentinels else {
                    return Err(FailureKind::NoMajority.into());
                };
                // Asked all the time; where they have just begun, the first answers take as long as a connection.
                let within = self.manner.connect.saturating_add(self.manner.answer);
                let server = sentinels.master(within).await?;
                self.open(server, listener).await
            }
            Topology::Cluster(nodes) => {
                let seeds = nodes.iter().map(|node| node.server.clone());
                let seeds: Vec<Server> = self.last.take().into_iter().chain(seeds).collect();
                let mut failure = Failure::from(FailureKind::Connect);
                for seed in seeds {
                    match self.follow(seed, listener).await {
                        Ok(master) => {
                            self.last = Some(master.server.clone());
                            return Ok(master);
                        }
                        Err(error) => failure = error,
                    }
                }
                Err(failure)
            }
        }
    }

    /// Asks `server`, and whoever it sends us to.
    async fn follow(&self, server: Server, listener: Option<&Listener>) -> Result<Master, Failure> {
        let mut server = server;
        for _ in 0..REDIRECTIONS {
            let error = match self.open(server.clone(), listener).await {
                Ok(master) => return Ok(master),
                Err(error) => error,
            };
            match redirection(&error).and_then(|to| server.redirected(to)) {
                Some(next) => server = next,
                None => return Err(error),
            }
        }
        Err(FailureKind::Moved.into())
    }

    async fn open(&self, server: Server, listener: Option<&Listener>) -> Result<Master, Failure> {
        let connection = Connection::open(&server, &self.manner, listener.cloned()).await?;
        let master = Master {
            server,
            connection,
            absent: self.absent.clone(),
        };
        self.confirm(&master, master.ask(&pipe()).await?)?;
        Ok(master)
    }

    /// Takes off from when an answer was asked for what the Sentinels know less.
    pub(crate) fn confirm(&self, master: &Master, answers: Answers) -> Result<Answers, Failure> {
        let asked = match &self.sentinels {
            Some(sentinels) => sentinels.confirm(&master.server)?.min(answers.asked),
            None => answers.asked,
        };
        Ok(Answers { asked, ..answers })
    }
}

impl Master {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether both are one connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.connection.is(&other.connection)
    }

    /// Asks `commands`, and in the same round trip whether the server still is a master that has our slot.
    pub(crate) async fn ask(&self, commands: &Pipeline) -> Result<Answers, Failure> {
        let mut whole = pipe();
        // The one command that tells the role and that every user may send.
        whole.cmd("HELLO");
        whole.cmd("EXISTS").arg(&self.absent);
        for command in commands.cmd_iter() {
            whole.add_command(command.clone());
        }
        let asked = Instant::now();
        let mut values = self.connection.ask(&whole).await?.into_iter();
        let (role, absent) = (values.next(), values.next());
        if let Some(failure) = [&role, &absent].into_iter().flatten().find_map(refusal) {
            return Err(failure);
        }
        if !role.as_ref().is_some_and(is_master) {
            return Err(FailureKind::NotMaster.into());
        }
        if absent != Some(Value::Int(0)) {
            return Err(FailureKind::Unexpected.into());
        }
        Ok(Answers {
            asked,
            values: values.collect(),
        })
    }
}

/// Whether the answer to `HELLO` is a master's.
fn is_master(hello: &Value) -> bool {
    let is = |value: &Value, text: &str| match value {
        Value::BulkString(found) => found == text.as_bytes(),
        Value::SimpleString(found) => found == text,
        _ => false,
    };
    match hello {
        Value::Map(members) => members
            .iter()
            .any(|(name, value)| is(name, "role") && is(value, "master")),
        _ => false,
    }
}

/// Where `MOVED` sends us. `ASK` sends nobody: of a slot on its way, each of the two nodes has a part.
fn redirection(failure: &Failure) -> Option<&str> {
    let error: &RedisError = failure.source()?.downcast_ref()?;
    if error.kind() != ::redis::ErrorKind::Server(ServerErrorKind::Moved) {
        return None;
    }
    error.redirect_node().map(|(server, _)| server)
}

impl fmt::Debug for Masters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Masters").field(&self.redis).finish()
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Master").field(&self.server).finish()
    }
}
