//! One download on its way, and who waits for it.

use std::collections::HashMap;
use std::time::Instant;

use super::snapshot::Wanted;

#[derive(Debug)]
pub(super) struct Flight {
    pub(super) number: u64,
    pub(super) cause: Cause,
    pub(super) stage: Stage,
    /// When it has taken longer than it can.
    pub(super) overdue: Instant,
    /// Who waits, and whether the set that this flight brings is the last word for them.
    pub(super) waiting: HashMap<Wanted, bool>,
}

/// Why a flight began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its time had come.
    Schedule,
    /// The program asked.
    Program,
    /// A request needs a key; paid for out of the budget.
    Request,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The driver has not seen it yet.
    Due,
    /// Under way; the key set has not been asked for.
    Begun,
    /// The key set has been asked for: it may have been written before what is published from now on.
    Asked,
}

/// The flight that a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) flight: u64,
    /// Whether a set without the key is a refusal; if not, the key may have been published after it was asked for.
    pub(super) settles: bool,
}

/// Whether a request has already waited for one flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    First,
    Second,
}

impl Flight {
    pub(super) fn new(number: u64, cause: Cause, overdue: Instant) -> Self {
        Self {
            number,
            cause,
            stage: Stage::Due,
            overdue,
            waiting: HashMap::new(),
        }
    }

    pub(super) fn join(&mut self, wanted: &Wanted, turn: Turn, most: u32) -> Ticket {
        let settles = turn == Turn::Second || self.stage != Stage::Asked;
        if let Some(known) = self.waiting.get_mut(wanted) {
            *known |= settles;
        } else if u32::try_from(self.waiting.len()).is_ok_and(|count| count < most) {
            self.waiting.insert(wanted.clone(), settles);
        }
        Ticket {
            flight: self.number,
            settles,
        }
    }
}
