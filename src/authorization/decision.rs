//! What a rule makes of a token: three answers, since a mistake must open no door.

/// What a rule makes of a token, from the worst to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decision {
    Fails,
    /// The rule or the token is malformed. It does not pass, and its opposite does not either.
    Undecided,
    Passes,
}

impl Decision {
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Fails => Self::Passes,
            Self::Undecided => Self::Undecided,
            Self::Passes => Self::Fails,
        }
    }
}

impl From<bool> for Decision {
    fn from(passes: bool) -> Self {
        if passes { Self::Passes } else { Self::Fails }
    }
}

/// How many of several must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    All,
    Any,
}

impl Quantifier {
    /// The worst or the best of them. Of none nothing is decided.
    pub(super) fn over(self, decisions: impl Iterator<Item = Decision>) -> Decision {
        let decided = match self {
            Self::All => decisions.min(),
            Self::Any => decisions.max(),
        };
        decided.unwrap_or(Decision::Undecided)
    }
}
