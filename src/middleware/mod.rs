//! The Tower layer.
//!
//! # Order of layers
//!
//! Whatever stands inside [`AuthenticateLayer`] sees verified tokens only; whatever stands outside sees every request,
//! and the [`Rejection`](crate::Rejection) of each refused one in its response's extensions. Tracing, CORS and rate
//! limits belong outside, authorization and handlers inside.

mod authenticate;
mod future;

pub use authenticate::{Authenticate, AuthenticateLayer};
pub use future::ResponseFuture;
