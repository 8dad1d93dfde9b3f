//! What a claim holds, read in place.

use std::borrow::Cow;

use super::decision::Decision;
use crate::jose::Value;

/// The strings that stand at a claim path.
pub(super) enum Held<'t> {
    /// There is no such claim.
    Nothing,
    /// There is one, but not of strings.
    Unreadable,
    One(Cow<'t, str>),
    /// Separated by spaces.
    List(Cow<'t, str>),
    /// An array of nothing but strings.
    Several(Value<'t>),
}

impl<'t> Held<'t> {
    pub(super) fn read(value: Value<'t>, space_separated: bool) -> Self {
        if let Some(mut elements) = value.elements() {
            return if elements.all(|element| element.as_str().is_some()) {
                Self::Several(value)
            } else {
                Self::Unreadable
            };
        }
        match value.as_str() {
            Some(list) if space_separated => Self::List(list),
            Some(one) => Self::One(one),
            None => Self::Unreadable,
        }
    }

    /// Whether `wanted` is among them.
    pub(super) fn holds(&self, wanted: &str) -> Decision {
        // Nobody means the empty string: it comes from a setting that was left out.
        if wanted.is_empty() {
            return Decision::Undecided;
        }
        let found = match self {
            Self::Nothing => false,
            Self::Unreadable => return Decision::Undecided,
            Self::One(value) => value == wanted,
            Self::List(list) => list.split(' ').any(|value| value == wanted),
            Self::Several(array) => array.elements().is_some_and(|mut elements| {
                elements.any(|element| element.as_str().is_some_and(|value| value == wanted))
            }),
        };
        found.into()
    }
}
