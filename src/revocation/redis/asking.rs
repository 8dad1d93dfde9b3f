//! Asking Redis about one token, where no copy is kept.

use ::redis::{Value, cmd, pipe};

use super::shared::Shared;
use super::wire::{self, Held};
use crate::claims::Claims;
use crate::clock::NumericDate;
use crate::redis::{FailureKind, refusal};
use crate::revocation::{Marks, RevocationError, RevocationErrorKind, Standing, TokenFacts};

/// Asks Redis for everything that `token` can be revoked by.
pub(super) async fn ask(shared: &Shared, token: &Token) -> Result<Standing, RevocationError> {
    let master = shared.link().await?;
    let keys: Vec<String> = token
        .marks
        .all()
        .map(|mark| shared.wire.key(mark))
        .collect();
    let mut exists = cmd("EXISTS");
    exists.arg(&keys);
    let mut commands = pipe();
    commands.add_command(exists);
    for key in &keys {
        commands.add_command(shared.wire.read(key));
    }
    let values = match master.ask(&commands).await {
        Ok(answers) => answers.values,
        Err(failure) => {
            shared.prove.notify_one();
            return Err(failure.into());
        }
    };
    let Some((exist, values)) = values.split_first() else {
        return Err(RevocationErrorKind::Malformed.into());
    };
    let mut found = 0;
    for value in values {
        match wire::held(value)? {
            Held::Empty => continue,
            Held::Unreadable => return Ok(Standing::Revoked),
            Held::Entry(entry) if token.facts().is_issued_up_to(entry.up_to) => {
                return Ok(Standing::Revoked);
            }
            Held::Entry(_) => found += 1,
        }
    }
    match exist {
        // One that is there and holds nothing cannot be read either.
        Value::Int(there) if *there > found => Ok(Standing::Revoked),
        Value::Int(_) => Ok(Standing::Good),
        other => Err(refusal(other)
            .unwrap_or_else(|| FailureKind::Unexpected.into())
            .into()),
    }
}

/// What is asked about a token, kept while it is waited for.
pub(super) struct Token {
    issuer: Box<str>,
    claims: Claims,
    marks: Marks,
    checked_at: NumericDate,
}

impl Token {
    pub(super) fn of(token: &TokenFacts<'_>) -> Self {
        Self {
            issuer: token.issuer().into(),
            claims: token.claims_set().clone(),
            marks: token.marks().clone(),
            checked_at: token.checked_at(),
        }
    }

    pub(super) fn facts(&self) -> TokenFacts<'_> {
        TokenFacts::new(&self.issuer, &self.claims, &self.marks, self.checked_at)
    }
}
