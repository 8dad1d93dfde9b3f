//! Whom an authenticator trusts, for what an issuer signs beside access tokens.

use serde::de::DeserializeOwned;
use tokio::sync::SemaphorePermit;

use super::Authenticator;
use crate::clock::NumericDate;
use crate::error::Unavailable;
use crate::issuers::Issuers;
use crate::observe::Observers;

/// The issuers with their keys, the time, and the bounds that access tokens are verified within, whatever their claims type.
pub(crate) trait Trust: Send + Sync {
    fn issuers(&self) -> &Issuers;

    fn now(&self) -> NumericDate;

    fn observers(&self) -> &Observers;

    /// Whether requests are held against a store of revocations.
    fn asks_for_revocations(&self) -> bool;

    /// Leave to check one signature, for as long as it is held.
    fn verification(&self) -> Result<Option<SemaphorePermit<'_>>, Unavailable>;
}

impl<C: DeserializeOwned + Send + Sync + 'static> Trust for Authenticator<C> {
    fn issuers(&self) -> &Issuers {
        &self.shared.issuers
    }

    fn now(&self) -> NumericDate {
        self.shared.clock.now()
    }

    fn observers(&self) -> &Observers {
        self.observers()
    }

    fn asks_for_revocations(&self) -> bool {
        self.shared.revocations.is_some()
    }

    fn verification(&self) -> Result<Option<SemaphorePermit<'_>>, Unavailable> {
        self.verification()
    }
}
