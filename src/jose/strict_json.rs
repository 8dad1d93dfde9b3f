//! JSON objects without repeated names, bounded in depth, read in place (RFC 8259; RFC 7515 §4, RFC 7519 §4).
//!
//! Two parsers that disagree on which of two members counts are an attack, so a repeated name is refused, at every
//! depth. Beyond that the grammar is RFC 8259's to the letter. Work is linear in the text but for one sort of each
//! object's names, and nothing recurses. No error carries a byte of the input.
//!
//! What is accepted here, `serde_json` accepts too, with the same members: the claims are later read by it. For that the names
//! are refused by which it tells its own representations apart from what was sent.

mod members;
mod parser;
mod scanner;
mod stack;
mod string;
#[cfg(test)]
mod tests;
mod value;

use std::error::Error;
use std::fmt;

pub(crate) use members::Members;
pub(crate) use value::{Entries, Value};

/// Why a text is not one strict JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    NotAnObject,
    Syntax,
    RepeatedName,
    ReservedName,
    TooDeep,
    TooLong,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnObject => "not a JSON object",
            Self::Syntax => "not JSON",
            Self::RepeatedName => "a member is named twice",
            Self::ReservedName => "a member has a name that readers of JSON reserve",
            Self::TooDeep => "nested too deeply",
            Self::TooLong => "longer than can be read",
        })
    }
}

impl Error for JsonError {}
