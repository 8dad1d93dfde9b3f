//! A Tower layer for services that verify tokens instead of issuing them.

pub mod clock;
mod discovery;
pub mod error;
pub mod fetch;
pub mod jose;
pub mod jwks;
pub mod observe;
