//! What the parent asks of a worker, a line of JSON each way.

use serde::{Deserialize, Serialize};

use crate::tokens::{Algorithm, Case};

#[derive(Debug, Serialize, Deserialize)]
pub enum Ask {
    /// The status of one request.
    Outcome(Algorithm, Case),
    /// Calls for a while; nanoseconds a call, roughly.
    Warm(Algorithm, Case),
    /// A batch of so many calls on each of so many threads at once; nanoseconds a call, all threads together.
    Time {
        algorithm: Algorithm,
        case: Case,
        threads: usize,
        calls: usize,
    },
    /// Allocations a call.
    Allocations(Algorithm, Case),
    /// The status of a request with these `Authorization` headers.
    Probe(Vec<String>),
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    Status(u16),
    Nanoseconds(f64),
    Allocations(f64),
}
