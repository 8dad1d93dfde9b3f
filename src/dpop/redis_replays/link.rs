//! The one connection that all requests ask through, made when it is needed.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use ::redis::Pipeline;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::redis::{Answers, Failure, FailureKind, Master, Masters, Redis};

/// Between attempts to connect.
const APART: Duration = Duration::from_millis(100);

/// A connection to whoever has our keys, or the attempt to make one.
pub(super) struct Link {
    redis: Redis,
    state: watch::Sender<State>,
}

#[derive(Clone, Default)]
enum State {
    /// There is no connection, and nobody is making one.
    #[default]
    Idle,
    /// A task is making one.
    Connecting,
    Held(Arc<Held>),
    /// The last attempt came to this.
    Failed(Failure, Instant),
}

/// A connection that was good when it was last asked.
pub(super) struct Held {
    masters: Masters,
    master: Master,
    watch: Watch,
}

/// The task that notices when the connection ends, itself ended with the connection.
struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Held {
    /// Asks `commands` of a server that is the master at that moment.
    pub(super) async fn ask(&self, commands: &Pipeline) -> Result<Answers, Failure> {
        let answers = self.master.ask(commands).await?;
        self.masters.confirm(&self.master, answers)
    }
}

impl Link {
    pub(super) fn to(redis: &Redis) -> Arc<Self> {
        Arc::new(Self {
            redis: redis.clone(),
            state: watch::Sender::default(),
        })
    }

    /// The connection, as soon as there is one; at once an error where the last attempt has just failed.
    pub(super) async fn held(self: &Arc<Self>) -> Result<Arc<Held>, Failure> {
        let mut states = self.state.subscribe();
        loop {
            self.connect_if_there_is_none();
            match &*states.borrow_and_update() {
                State::Held(held) => return Ok(Arc::clone(held)),
                State::Failed(failure, _) => return Err(failure.clone()),
                State::Idle | State::Connecting => {}
            }
            // The sender lives in `self`.
            if states.changed().await.is_err() {
                return Err(FailureKind::Lost.into());
            }
        }
    }

    /// Asks no more through a connection that has failed.
    pub(super) fn give_up(&self, failed: &Arc<Held>) {
        self.state.send_if_modified(|state| {
            let is_it = matches!(state, State::Held(held) if Arc::ptr_eq(held, failed));
            if is_it {
                *state = State::Idle;
            }
            is_it
        });
    }

    /// In a task of its own: who waits for it may go away.
    fn connect_if_there_is_none(self: &Arc<Self>) {
        let begins = self.state.send_if_modified(|state| {
            let begins = match state {
                State::Idle => true,
                State::Failed(_, at) => at.elapsed() >= APART,
                State::Connecting | State::Held(_) => false,
            };
            if begins {
                *state = State::Connecting;
            }
            begins
        });
        if begins {
            let attempt = Attempt(Arc::clone(self));
            tokio::spawn(async move { attempt.finish().await });
        }
    }

    async fn connect(self: &Arc<Self>) -> Result<Held, Failure> {
        let mut masters = Masters::of(&self.redis);
        let master = masters.connect(None).await?;
        let (link, connection) = (Arc::downgrade(self), master.connection().clone());
        let watch = tokio::spawn(async move {
            connection.lost().await;
            if let Some(link) = Weak::upgrade(&link) {
                link.is_lost();
            }
        });
        Ok(Held {
            masters,
            master,
            watch: Watch(watch.abort_handle()),
        })
    }

    /// The connection that is held has ended, so the next request needs a new one.
    fn is_lost(&self) {
        self.state.send_if_modified(|state| {
            let is_held = matches!(state, State::Held(held) if held.watch.is_this_task());
            if is_held {
                *state = State::Idle;
            }
            is_held
        });
    }
}

impl Watch {
    fn is_this_task(&self) -> bool {
        tokio::task::try_id() == Some(self.0.id())
    }
}

/// An attempt to connect. One that is ended before it has come to anything, with its runtime, leaves the next one to others.
struct Attempt(Arc<Link>);

impl Attempt {
    async fn finish(self) {
        let state = match self.0.connect().await {
            Ok(held) => State::Held(Arc::new(held)),
            Err(failure) => State::Failed(failure, Instant::now()),
        };
        self.0.state.send_replace(state);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.state.send_if_modified(|state| {
            let unfinished = matches!(state, State::Connecting);
            if unfinished {
                *state = State::Idle;
            }
            unfinished
        });
    }
}
