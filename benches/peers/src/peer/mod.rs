//! Each peer, built as its own documents say, as a Tower layer around the same handler.

mod axum_jwt_auth;
mod bare;
mod handler;
mod huskarl;
mod jsonwebtoken;
mod jwt_authorizer;
mod no_authentication;
mod ours;
mod resource_server;

use std::future::Future;

use tower::Layer;

pub use axum_jwt_auth::AxumJwtAuth;
pub use bare::{Bare, Signed};
pub use handler::{Body, Handler};
pub use huskarl::Huskarl;
pub use jsonwebtoken::Jsonwebtoken;
pub use jwt_authorizer::JwtAuthorizer;
pub use no_authentication::NoAuthentication;
pub use ours::{Cached, Uncached};
pub use resource_server::ResourceServer;

use crate::contender::Contender;
use crate::tokens::{Algorithm, Tokens};

/// What can stand before the handler.
pub trait Peer: 'static {
    type Body: Body;
    type Layer: Layer<Handler<Self::Body>> + Send + Sync + 'static;

    /// Some take tokens of one algorithm only. Keys may still be on their way when this returns.
    fn layer(tokens: &Tokens, algorithm: Algorithm) -> impl Future<Output = Self::Layer>;
}

/// Chooses the backend that this process has; the libraries themselves read a global.
pub fn install_cryptography(contender: Contender) {
    // Whoever installs second is told so, and nobody is second.
    let (ten, eleven) = match contender {
        Contender::AxumJwtAuthRustCrypto | Contender::ResourceServerRustCrypto => (
            jsonwebtoken_10::crypto::rust_crypto::DEFAULT_PROVIDER.install_default(),
            ::jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default(),
        ),
        _ => (
            jsonwebtoken_10::crypto::aws_lc::DEFAULT_PROVIDER.install_default(),
            ::jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default(),
        ),
    };
    assert!(
        ten.is_ok() && eleven.is_ok(),
        "this process has chosen already"
    );
}

/// Calls a function that is generic over [`Peer`] for the peer that a [`Contender`] is.
#[macro_export]
macro_rules! for_peer {
    ($contender:expr, $call:ident ( $($argument:expr),* $(,)? ), bare: $bare:expr) => {
        match $contender {
            $crate::contender::Contender::Bare => $bare,
            $crate::contender::Contender::NoAuthentication => $call::<$crate::peer::NoAuthentication>($($argument),*),
            $crate::contender::Contender::TowerBearer => $call::<$crate::peer::Uncached>($($argument),*),
            $crate::contender::Contender::TowerBearerCached => $call::<$crate::peer::Cached>($($argument),*),
            $crate::contender::Contender::Jsonwebtoken => $call::<$crate::peer::Jsonwebtoken>($($argument),*),
            $crate::contender::Contender::JwtAuthorizer => $call::<$crate::peer::JwtAuthorizer>($($argument),*),
            $crate::contender::Contender::ResourceServerAwsLc
            | $crate::contender::Contender::ResourceServerRustCrypto => $call::<$crate::peer::ResourceServer>($($argument),*),
            $crate::contender::Contender::AxumJwtAuthAwsLc
            | $crate::contender::Contender::AxumJwtAuthRustCrypto => $call::<$crate::peer::AxumJwtAuth>($($argument),*),
            $crate::contender::Contender::Huskarl => $call::<$crate::peer::Huskarl>($($argument),*),
        }
    };
}
