//! A Tower layer for services that verify tokens instead of issuing them.

pub mod clock;
pub mod error;
pub mod jose;
pub mod observe;
