//! Which server the Sentinels hold for the master, asked again and again.
//!
//! One Sentinel may be on the wrong side of a broken network, together with a master that the others have replaced. So more than half
//! of those that were named must agree.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::redis::{Value, pipe};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::connection::{Connection, Manner};
use super::failure::{Failure, FailureKind};
use super::server::{Address, Server};

/// How often each Sentinel is asked.
const PERIOD: Duration = Duration::from_millis(250);
/// How long an answer counts.
const FRESH: Duration = Duration::from_millis(900);

/// The Sentinels' answers; with this value end the tasks that ask them.
#[derive(Debug)]
pub(super) struct Sentinels {
    votes: Arc<Votes>,
    _asking: JoinSet<()>,
}

#[derive(Debug)]
struct Votes {
    votes: Mutex<Vec<Option<Vote>>>,
    cast: Notify,
    /// Whether the master speaks TLS.
    tls: bool,
}

#[derive(Clone, Debug)]
struct Vote {
    server: Server,
    /// When the Sentinel was asked.
    asked: Instant,
}

impl Sentinels {
    /// Begins to ask. Needs a runtime.
    pub(super) fn asking(sentinels: &[Address], master: &str, tls: bool, manner: &Manner) -> Self {
        let votes = Arc::new(Votes {
            votes: Mutex::new(vec![None; sentinels.len()]),
            cast: Notify::new(),
            tls,
        });
        let mut asking = JoinSet::new();
        for (number, sentinel) in sentinels.iter().enumerate() {
            let manner = Manner {
                login: sentinel.login.clone(),
                database: 0,
                ..manner.clone()
            };
            asking.spawn(ask_for_ever(
                Arc::clone(&votes),
                number,
                sentinel.server.clone(),
                manner,
                master.to_owned(),
            ));
        }
        Self {
            votes,
            _asking: asking,
        }
    }

    /// The master, once more than half of the Sentinels agree, waiting for that for `within`.
    pub(super) async fn master(&self, within: Duration) -> Result<Server, Failure> {
        let agreed = async {
            loop {
                let cast = self.votes.cast.notified();
                if let Some((server, _)) = self.agreed(Instant::now()) {
                    return server;
                }
                cast.await;
            }
        };
        timeout(within, agreed)
            .await
            .map_err(|_| FailureKind::NoMajority.into())
    }

    /// Until when more than half are known to have held `server` for the master.
    pub(super) fn confirm(&self, server: &Server) -> Result<Instant, Failure> {
        match self.agreed(Instant::now()) {
            Some((master, asked)) if master == *server => Ok(asked),
            Some(_) => Err(FailureKind::NotMaster.into()),
            None => Err(FailureKind::NoMajority.into()),
        }
    }

    fn agreed(&self, now: Instant) -> Option<(Server, Instant)> {
        let votes = self.votes.lock();
        let needed = votes.len() / 2 + 1;
        let fresh = || {
            votes
                .iter()
                .flatten()
                .filter(move |vote| now.saturating_duration_since(vote.asked) < FRESH)
        };
        fresh().find_map(|candidate| {
            let mut asked: Vec<Instant> = fresh()
                .filter(|vote| vote.server == candidate.server)
                .map(|vote| vote.asked)
                .collect();
            asked.sort_unstable_by(|a, b| b.cmp(a));
            // The oldest of the majority's answers is how far the majority's word goes.
            let asked = asked.get(needed - 1)?;
            Some((candidate.server.clone(), *asked))
        })
    }
}

impl Votes {
    fn lock(&self) -> MutexGuard<'_, Vec<Option<Vote>>> {
        self.votes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cast(&self, number: usize, vote: Option<Vote>) {
        if let Some(place) = self.lock().get_mut(number) {
            *place = vote;
        }
        self.cast.notify_waiters();
    }
}

async fn ask_for_ever(
    votes: Arc<Votes>,
    number: usize,
    sentinel: Server,
    manner: Manner,
    master: String,
) {
    let mut connection = None;
    loop {
        let asked = Instant::now();
        match ask(&mut connection, &sentinel, &manner, &master).await {
            Ok((host, port)) => {
                let tls = votes.tls;
                let server = Server { host, port, tls };
                votes.cast(number, Some(Vote { server, asked }));
            }
            Err(_) => {
                connection = None;
                votes.cast(number, None);
            }
        }
        sleep(PERIOD).await;
    }
}

async fn ask(
    connection: &mut Option<Connection>,
    sentinel: &Server,
    manner: &Manner,
    master: &str,
) -> Result<(String, u16), Failure> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(Connection::open(sentinel, manner, None).await?),
    };
    let mut commands = pipe();
    commands
        .cmd("SENTINEL")
        .arg("get-master-addr-by-name")
        .arg(master);
    let answers = connection.ask(&commands).await?;
    let text = |value: &Value| match value {
        Value::BulkString(text) => String::from_utf8(text.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    };
    let [Value::Array(address)] = answers.as_slice() else {
        return Err(FailureKind::Unexpected.into());
    };
    let [host, port] = address.as_slice() else {
        return Err(FailureKind::Unexpected.into());
    };
    let port = text(port).and_then(|port| port.parse().ok());
    text(host)
        .zip(port)
        .ok_or_else(|| FailureKind::Unexpected.into())
}
