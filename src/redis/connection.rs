//! One connection to one server, in RESP3, so that messages and answers come in one order.

use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Pipeline, ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo,
    RedisError, ServerErrorKind, Value,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::bounded::Bounded;
use super::failure::{Failure, FailureKind};
use super::server::{Login, Server};
use super::tls::Tls;

/// Commands that wait to be written; more wait where they were asked.
const QUEUE: usize = 1024;

/// Hears what is published on the channels subscribed to: what was said, if it was text of the usual kind.
///
/// Called on the task that reads the connection, in the order in which Redis sent messages and answers: when an answer is there,
/// everything published before it has been heard. Nothing is queued.
pub(crate) type Listener = Arc<dyn Fn(Option<&[u8]>) + Send + Sync>;

/// How a server is reached.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) login: Login,
    pub(super) database: i64,
    pub(super) tls: Tls,
    /// Until the connection stands, TLS and login included.
    pub(super) connect: Duration,
    /// Until an answer is there.
    pub(super) answer: Duration,
}

/// A connection; its clones share it, and with the last of them it ends.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    commands: MultiplexedConnection,
    answer: Duration,
    lost: Arc<Notify>,
    reader: Arc<Reader>,
}

/// The task that reads and writes the connection.
#[derive(Debug)]
struct Reader(AbortHandle);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    /// Connects to `server` within the time for that.
    pub(super) async fn open(
        server: &Server,
        manner: &Manner,
        listener: Option<Listener>,
    ) -> Result<Self, Failure> {
        let opened = async {
            let address = (server.host.as_str(), server.port);
            let stream = TcpStream::connect(address)
                .await
                .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
                .map_err(|error| Failure::because(FailureKind::Connect, error))?;
            if server.tls {
                let stream = manner.tls.connect(&server.host, stream).await?;
                Self::greet(stream, manner, listener).await
            } else {
                Self::greet(stream, manner, listener).await
            }
        };
        timeout(manner.connect, opened)
            .await
            .unwrap_or_else(|error| Err(Failure::because(FailureKind::Connect, error)))
    }

    async fn greet<S>(
        stream: S,
        manner: &Manner,
        listener: Option<Listener>,
    ) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut info = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_db(manner.database)
            .set_skip_set_lib_name();
        if let Some(username) = &manner.login.username {
            info = info.set_username(username);
        }
        if let Some(password) = &manner.login.password {
            info = info.set_password(password);
        }
        let lost = Arc::new(Notify::new());
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE)
            .set_push_sender(hearing(listener, Arc::clone(&lost)));
        let (commands, reader) =
            MultiplexedConnection::new_with_config(&info, Bounded::new(stream), config).await?;
        let reader = tokio::spawn(reader).abort_handle();
        Ok(Self {
            commands,
            answer: manner.answer,
            lost,
            reader: Arc::new(Reader(reader)),
        })
    }

    /// Sends `commands` in one go, and waits for all answers as long as for one.
    ///
    /// An error that Redis answers is a value among the others: one key of the wrong type spoils no other.
    pub(crate) async fn ask(&self, commands: &Pipeline) -> Result<Vec<Value>, Failure> {
        self.ask_within(self.answer, commands).await
    }

    /// The same, waiting for `within`.
    pub(crate) async fn ask_within(
        &self,
        within: Duration,
        commands: &Pipeline,
    ) -> Result<Vec<Value>, Failure> {
        let mut connection = self.commands.clone();
        let asked = connection.send_packed_commands(commands, 0, commands.len());
        let values = timeout(within, asked)
            .await
            .map_err(|_| FailureKind::Timeout)??;
        if values.len() == commands.len() {
            Ok(values)
        } else {
            Err(FailureKind::Unexpected.into())
        }
    }

    /// Hears from now on what is published on `channel`.
    pub(crate) async fn subscribe(&self, channel: &str) -> Result<(), Failure> {
        let mut connection = self.commands.clone();
        timeout(self.answer, connection.subscribe(channel))
            .await
            .map_err(|_| FailureKind::Timeout)??;
        Ok(())
    }

    /// Whether both are clones of one.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.reader, &other.reader)
    }

    /// Returns when the connection has ended. For one waiter.
    pub(crate) async fn lost(&self) {
        self.lost.notified().await;
    }
}

fn hearing(
    listener: Option<Listener>,
    lost: Arc<Notify>,
) -> impl Fn(PushInfo) -> Result<(), ()> + Send + Sync {
    move |push| {
        match (push.kind, &listener) {
            (PushKind::Disconnection, _) => lost.notify_one(),
            (PushKind::Message, Some(listener)) => match push.data.as_slice() {
                [Value::BulkString(_), Value::BulkString(said)] => listener(Some(said)),
                _ => listener(None),
            },
            _ => {}
        }
        Ok(())
    }
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        let kind = match error.kind() {
            ::redis::ErrorKind::Server(ServerErrorKind::ReadOnly) => FailureKind::NotMaster,
            ::redis::ErrorKind::Server(kind) if is_elsewhere(kind) => FailureKind::Moved,
            ::redis::ErrorKind::Server(_) | ::redis::ErrorKind::Extension => FailureKind::Refused,
            ::redis::ErrorKind::Parse => FailureKind::Unexpected,
            _ => FailureKind::Lost,
        };
        Self::because(kind, error)
    }
}

fn is_elsewhere(kind: ServerErrorKind) -> bool {
    matches!(
        kind,
        ServerErrorKind::Moved
            | ServerErrorKind::Ask
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::CrossSlot
    )
}

/// The error that `value` is, if it is one.
pub(crate) fn refusal(value: &Value) -> Option<Failure> {
    match value {
        Value::ServerError(error) => Some(RedisError::from(error.clone()).into()),
        _ => None,
    }
}
