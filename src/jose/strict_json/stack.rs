//! The arrays and objects around a place in a text.

use super::JsonError;

/// The deepest nesting accepted, the object itself counted.
const DEPTH: usize = 32;

/// An array or object that is not closed yet.
#[derive(Clone, Copy)]
pub(super) enum Open {
    Array,
    /// With the number of members known before its own.
    Object(usize),
}

/// The arrays and objects around a place; the outermost object is always the first of them.
pub(super) struct Stack {
    open: [Open; DEPTH],
    innermost: Open,
    depth: usize,
}

impl Stack {
    pub(super) fn new() -> Self {
        Self {
            open: [Open::Object(0); DEPTH],
            innermost: Open::Object(0),
            depth: 1,
        }
    }

    pub(super) fn innermost(&self) -> Open {
        self.innermost
    }

    pub(super) fn bracket(&self) -> u8 {
        match self.innermost {
            Open::Array => b']',
            Open::Object(_) => b'}',
        }
    }

    pub(super) fn push(&mut self, open: Open) -> Result<(), JsonError> {
        let place = self.open.get_mut(self.depth).ok_or(JsonError::TooDeep)?;
        *place = open;
        self.innermost = open;
        self.depth += 1;
        Ok(())
    }

    /// False if the outermost object was closed.
    pub(super) fn pop(&mut self) -> bool {
        self.depth = self.depth.saturating_sub(1);
        let outer = self.depth.checked_sub(1).and_then(|at| self.open.get(at));
        if let Some(outer) = outer {
            self.innermost = *outer;
        }
        outer.is_some()
    }
}
