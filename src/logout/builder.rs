//! Building a [`BackChannelLogout`]: for whom logout tokens are meant, and how old they may be.

use std::fmt;
use std::time::Duration;

use super::service::{BackChannelLogout, Shared};
use super::token::Rules;
use crate::authenticator::Trust;
use crate::error::{ConfigError, ConfigErrorKind};
use crate::revocation::RevocationStore;

/// How old a logout token may be unless it is said otherwise.
const LONGEST_AGE: Duration = Duration::from_secs(5 * 60);

/// A bound above this keeps captured tokens good rather than late ones.
const MOST_LONGEST_AGE: Duration = Duration::from_secs(60 * 60);

/// Collects what a [`BackChannelLogout`] is to do; mistakes are reported by [`build`](Self::build).
#[must_use]
pub struct BackChannelLogoutBuilder {
    trust: Box<dyn Trust>,
    store: Box<dyn RevocationStore>,
    client_ids: Vec<String>,
    longest_age: Duration,
    whole_subject: bool,
}

impl BackChannelLogoutBuilder {
    pub(super) fn new(
        trust: Box<dyn Trust>,
        client_id: String,
        store: Box<dyn RevocationStore>,
    ) -> Self {
        Self {
            trust,
            store,
            client_ids: vec![client_id],
            longest_age: LONGEST_AGE,
            whole_subject: false,
        }
    }

    /// Accepts logout tokens for a further client: another application in front of the same services. May be given several times.
    ///
    /// A token must name one or more of them, and nobody else. Which issuer knows us by which name makes no difference, since a token
    /// of one issuer revokes nothing of another.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_ids.push(client_id.into());
        self
    }

    /// Refuses a logout token whose `iat` is longer ago; default five minutes, at most an hour.
    ///
    /// The standard would have them live two minutes; a provider that tries again, and clocks that differ, need some more.
    pub fn longest_age(mut self, age: Duration) -> Self {
        self.longest_age = age;
        self
    }

    /// Revokes everything of the subject, even if the logout token names a session of it; default the session alone.
    ///
    /// For issuers that name the session in logout tokens and not in access tokens: whoever ends one session is then logged out of all,
    /// instead of none.
    pub fn revoke_whole_subject(mut self) -> Self {
        self.whole_subject = true;
        self
    }

    /// The service, if every input is sound. Does no I/O.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], whose [`kind`](ConfigError::kind) names the input:
    ///
    /// - [`Audience`](ConfigErrorKind::Audience): a client id is empty;
    /// - [`Limit`](ConfigErrorKind::Limit): logout tokens may never be young enough, or older than an hour;
    /// - [`Contradiction`](ConfigErrorKind::Contradiction): the authenticator asks no store, so that what is revoked would be accepted.
    pub fn build(self) -> Result<BackChannelLogout, ConfigError> {
        let error = |kind, problem| Err(ConfigError::new(kind, problem));
        if self.client_ids.iter().any(String::is_empty) {
            return error(ConfigErrorKind::Audience, "a client id is empty");
        }
        if self.longest_age.is_zero() || self.longest_age > MOST_LONGEST_AGE {
            let problem = "logout tokens may be old for more than nothing, and for at most an hour";
            return error(ConfigErrorKind::Limit, problem);
        }
        if !self.trust.asks_for_revocations() {
            let problem =
                "the authenticator has no revocations, so that logging out would change nothing";
            return error(ConfigErrorKind::Contradiction, problem);
        }
        let client_ids = self.client_ids.into_iter();
        Ok(BackChannelLogout::new(Shared {
            trust: self.trust,
            store: self.store,
            rules: Rules {
                client_ids: client_ids.map(String::into_boxed_str).collect(),
                longest_age: self.longest_age,
            },
            whole_subject: self.whole_subject,
        }))
    }
}

impl fmt::Debug for BackChannelLogoutBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackChannelLogoutBuilder")
            .field("client_ids", &self.client_ids)
            .field("longest_age", &self.longest_age)
            .finish_non_exhaustive()
    }
}
