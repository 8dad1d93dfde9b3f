//! Revoking.

use std::future::Future;
use std::pin::Pin;

use super::check::RevocationCheck;
use super::error::RevocationError;
use super::revocation::Revocation;

/// What the methods of a [`RevocationStore`] return.
pub type StoreFuture<T> = Pin<Box<dyn Future<Output = Result<T, RevocationError>> + Send>>;

/// A store that revocations are written to, and that can be asked for them.
///
/// ```
/// use tower_bearer::revocation::{InMemoryRevocations, Revocation, RevocationStore};
///
/// # async fn admin() -> Result<(), tower_bearer::revocation::RevocationError> {
/// let store = InMemoryRevocations::new();
/// store.log_out_everywhere("https://id.example.com", "alice").await?;
/// store.revoke(Revocation::session("https://id.example.com", "08a5019c")).await?;
/// assert_eq!(store.size().await?, 2);
/// # Ok(())
/// # }
/// ```
pub trait RevocationStore: RevocationCheck {
    /// Takes `revocation` in. Requests that come after this has returned are refused, by everyone who asks this store; how late those
    /// notice who keep a copy of it, their store says.
    ///
    /// What was revoked once stays so: revoking it again, or up to an earlier instant, changes nothing.
    ///
    /// # Errors
    ///
    /// [`RevocationError`] if the store is full or cannot be reached. The token is then **not** known to be revoked, and it is for the
    /// caller to try again.
    fn revoke(&self, revocation: Revocation) -> StoreFuture<()>;

    /// Refuses every token of `subject` that `issuer` has issued up to now.
    ///
    /// # Errors
    ///
    /// As [`revoke`](Self::revoke).
    fn log_out_everywhere(&self, issuer: &str, subject: &str) -> StoreFuture<()> {
        self.revoke(Revocation::subject(issuer, subject))
    }

    /// How many revocations are held, without those whose time is over.
    ///
    /// # Errors
    ///
    /// [`RevocationError`] if the store cannot be reached.
    fn size(&self) -> StoreFuture<u64>;
}
