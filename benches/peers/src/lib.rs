//! What tower-bearer and its peers cost and what they check, found in one run.
//!
//! | module | what |
//! |---|---|
//! | [`contender`] | who is measured, in which configuration, and what their source does not check |
//! | [`peer`] | each of them, built as its own documents say, as a Tower layer |
//! | [`tokens`] | the tokens of one run, minted once |
//! | [`probe`] | requests that must be refused, and some that must not |
//! | [`worker`] | one contender in a process of its own: asked for outcomes, times, allocations |
//! | [`server`] | one contender in a process of its own, behind HTTP |
//! | [`round`] | all workers in turn, round by round |
//! | [`load`] | wrk against all servers in turn, round by round |
//! | [`machine`] | where it ran |
//! | [`report`], [`chart`] | the Markdown, the SVG |

pub mod chart;
pub mod command;
pub mod contender;
pub mod load;
pub mod machine;
pub mod peer;
pub mod probe;
pub mod report;
pub mod round;
pub mod server;
pub mod tokens;
pub mod wire;
pub mod worker;
