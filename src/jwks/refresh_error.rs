//! Why a key set could not be refreshed.

use std::error::Error;
use std::fmt;

use crate::discovery::DiscoveryError;
use crate::fetch::FetchError;
use crate::jose::KeySetError;

/// Why a download brought nothing.
#[derive(Debug)]
pub(super) enum RefreshError {
    Discovery(DiscoveryError),
    Fetch(FetchError),
    KeySet(KeySetError),
    /// There is no URL to ask.
    NoUrl,
    /// The `Fetch` panicked.
    Panicked,
    /// Its task ended with it: the runtime stopped, or stands still.
    Abandoned,
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discovery(_) => "the issuer's key set cannot be located",
            Self::Fetch(_) => "the issuer's key set cannot be fetched",
            Self::KeySet(_) => "the issuer's key set cannot be used",
            Self::NoUrl => "there is no URL to fetch a key set from",
            Self::Panicked => "the client that fetches the issuer's key set panicked",
            Self::Abandoned => "the download of the issuer's key set was abandoned",
        })
    }
}

impl Error for RefreshError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Discovery(error) => Some(error),
            Self::Fetch(error) => Some(error),
            Self::KeySet(error) => Some(error),
            Self::NoUrl | Self::Panicked | Self::Abandoned => None,
        }
    }
}
