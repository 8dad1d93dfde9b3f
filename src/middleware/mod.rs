//! The Tower layer: what stands behind it sees requests with a verified token only.
//!
//! 1. The inner service is called if, and only if, the token of the request is good; see
//!    [`authenticator`](crate::authenticator) for what that takes.
//! 2. It finds [`Verified<C>`](crate::Verified) in the request's extensions.
//! 3. Its readiness, its errors and its responses pass unchanged, and the service that was polled ready is the one that
//!    is called.
//! 4. With the keys at hand nothing is awaited; else the one download that all share is.
//!
//! # What a refusal looks like
//!
//! | what happened | status | header |
//! |---|---|---|
//! | no credential | 401 | `WWW-Authenticate: Bearer realm="…"`, without an error code |
//! | malformed request: two credentials, bad syntax | 400 | `error="invalid_request"` |
//! | token not acceptable, whatever the reason | 401 | `error="invalid_token"` |
//! | keys cannot be reached, and so we cannot tell | 503 | `Retry-After` |
//!
//! The body is empty. The reason is not for strangers: it rides in the response's extensions, as the
//! [`Rejection`](crate::Rejection).
//!
//! # Order of layers
//!
//! Whatever stands inside [`AuthenticateLayer`] sees verified tokens only; whatever stands outside sees every request,
//! and the [`Rejection`](crate::Rejection) of each refused one in its response's extensions. Tracing, CORS and rate
//! limits belong outside, authorization and handlers inside. CORS belongs outside because a browser's preflight
//! (`OPTIONS`) carries no token. TLS has to end before us: a bearer token is good for whoever reads it (RFC 6750 §5.3).
//!
//! RFC 6750 §2.1, §3; RFC 9110 §11.

mod authenticate;
mod future;

pub use authenticate::{Authenticate, AuthenticateLayer};
pub use future::ResponseFuture;
