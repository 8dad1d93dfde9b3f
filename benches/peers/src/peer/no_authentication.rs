use tower::layer::util::Identity;

use super::Peer;
use crate::tokens::{Algorithm, Tokens};

/// The handler alone.
pub struct NoAuthentication;

impl Peer for NoAuthentication {
    type Body = axum::body::Body;
    type Layer = Identity;

    async fn layer(_: &Tokens, _: Algorithm) -> Identity {
        Identity::new()
    }
}
