//! Asking whether a token is still good.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use super::error::RevocationError;
use super::facts::TokenFacts;

/// What [`Standing::Asks`] holds.
pub type AskFuture = Pin<Box<dyn Future<Output = Standing> + Send>>;

/// Tells of a verified token whether it has been revoked: [`InMemoryRevocations`](super::InMemoryRevocations), the one of the feature
/// `redis`, or one of your own.
///
/// Closures implement it. It is asked on every request that carries a good token, on the request's own path, and must not block: what
/// has to be waited for goes into [`Standing::asks`], and is waited for at most 450 ms. A panic, and an answer that does not come, count
/// as [`Standing::Unknown`].
///
/// ```
/// use tower_bearer::Authenticator;
/// use tower_bearer::revocation::{RevocationError, Standing, TokenFacts};
/// # async fn is_locked(account: &str) -> Result<bool, std::io::Error> { Ok(false) }
///
/// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com")
///     .revocations(|token: &TokenFacts<'_>| {
///         let account = token.subject().unwrap_or_default().to_owned();
///         Standing::asks(async move {
///             match is_locked(&account).await {
///                 Ok(false) => Standing::Good,
///                 Ok(true) => Standing::Revoked,
///                 Err(error) => Standing::Unknown(RevocationError::new(error)),
///             }
///         })
///     })
///     .build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
pub trait RevocationCheck: Send + Sync + 'static {
    /// Whether the token is still good.
    fn standing(&self, token: &TokenFacts<'_>) -> Standing;

    /// What an operator may ask about the store; by default nothing is known of it.
    fn state(&self) -> StoreState {
        StoreState::default()
    }
}

impl<F> RevocationCheck for F
where
    F: Fn(&TokenFacts<'_>) -> Standing + Send + Sync + 'static,
{
    fn standing(&self, token: &TokenFacts<'_>) -> Standing {
        self(token)
    }
}

/// Whether a token is still good.
#[must_use]
pub enum Standing {
    /// It has not been revoked.
    Good,
    /// It has been revoked: 401.
    Revoked,
    /// That cannot be told: 503, unless [`OnUnknown`](super::OnUnknown) says otherwise.
    Unknown(RevocationError),
    /// Somebody else has to be asked.
    Asks(AskFuture),
}

impl Standing {
    /// What `answer` yields, within 450 ms; else it is [`Unknown`](Self::Unknown).
    pub fn asks(answer: impl Future<Output = Self> + Send + 'static) -> Self {
        Self::Asks(Box::pin(answer))
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("Good"),
            Self::Revoked => f.write_str("Revoked"),
            Self::Unknown(error) => f.debug_tuple("Unknown").field(error).finish(),
            Self::Asks(_) => f.write_str("Asks"),
        }
    }
}

/// What a store tells of itself to operators.
///
/// ```
/// use tower_bearer::revocation::StoreState;
///
/// let mut state = StoreState::default();
/// state.connected = Some(true);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreState {
    /// How many revocations are known here.
    pub entries: Option<u64>,
    /// Whether whoever has to be asked can be reached; `None` if nobody has to be.
    pub connected: Option<bool>,
    /// How long ago what is known here was last known to be current; `None` if it never was, or always is.
    pub last_synced_age: Option<Duration>,
}
