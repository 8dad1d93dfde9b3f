//! What a handler finds in a request where no token was verified, and how it asks.

use http::Extensions;

use crate::error::{Denied, LayerMissing, Rejection, VerifyErrorKind};
use crate::verified::Verified;

/// Why a request without a verified token was let through; stands in its extensions in the place of
/// [`Verified`].
///
/// Only what was asked for in so many words puts one there; see [`AuthenticateLayer`](crate::AuthenticateLayer).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LetThrough {
    /// It carries no credential, and authentication is optional.
    Anonymous,
    /// Its method and path are public; whatever it carries was not looked at.
    PublicRoute,
    /// It is a CORS preflight.
    Preflight,
    /// It carries a credential that is no token, on which the service's own check decided; the identity that this yielded
    /// stands in the extensions too.
    OtherCredential,
    /// It would have been refused for this reason, but the layer observes only.
    NotRefused(Rejection),
}

/// The verified token of a request; for whoever stands behind the layer and demands one.
pub(crate) fn verified<C: Send + Sync + 'static>(
    extensions: &Extensions,
) -> Result<&Verified<C>, Denied> {
    if let Some(verified) = extensions.get() {
        return Ok(verified);
    }
    Err(match extensions.get() {
        None => Denied::LayerMissing(LayerMissing::looking_for::<Verified<C>>()),
        Some(LetThrough::NotRefused(rejection)) => Denied::Rejected(rejection.clone()),
        // No token was looked for, or none is needed; here one is.
        Some(_) => Denied::Rejected(VerifyErrorKind::CredentialMissing.into()),
    })
}

/// The verified token of a request, or `None` if a layer has let it through without one.
#[cfg(any(feature = "axum", feature = "grpc"))]
pub(crate) fn verified_if_any<C: Send + Sync + 'static>(
    extensions: &Extensions,
) -> Result<Option<&Verified<C>>, LayerMissing> {
    match (extensions.get(), extensions.get::<LetThrough>()) {
        (None, None) => Err(LayerMissing::looking_for::<Verified<C>>()),
        (verified, _) => Ok(verified),
    }
}
