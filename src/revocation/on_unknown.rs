//! What becomes of a request while nobody can tell what is revoked.

use std::time::Duration;

/// What becomes of a good token while it cannot be told whether it has been revoked. Either way the request is counted in
/// [`Health`](crate::health::Health) and told to observers.
///
/// ```
/// use std::time::Duration;
///
/// use tower_bearer::Authenticator;
/// use tower_bearer::revocation::OnUnknown;
/// # let store = tower_bearer::revocation::InMemoryRevocations::new();
///
/// // Half a minute without the store is better than a service that is down.
/// let auth = Authenticator::builder("https://id.example.com", "https://api.example.com")
///     .revocations(store)
///     .on_unknown_revocation(OnUnknown::AllowFor(Duration::from_secs(30)))
///     .build()?;
/// # Ok::<(), tower_bearer::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnknown {
    /// It is answered 503, with `Retry-After`. The default: what cannot be told is not guessed.
    #[default]
    Refuse,
    /// It is accepted, for at most so long since the store could last tell; then it is refused. At the start, when the store never could,
    /// it is refused.
    ///
    /// For that time whoever can cut the store off can use a revoked token.
    AllowFor(Duration),
}
