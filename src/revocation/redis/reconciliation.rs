//! Comparing the copy with all that Redis holds: what only Redis knows is learnt, what only the copy knows is written back.

use std::time::Duration;

use ::redis::{Pipeline, Value, cmd, pipe};

use super::shared::Shared;
use super::wire::{self, Held};
use crate::redis::{Connection, Failure, FailureKind, refusal};
use crate::revocation::{Entry, Fingerprint, RevocationError, RevocationErrorKind};

/// Keys looked at in one round trip. The answer is some tens of bytes for each.
const AT_ONCE: usize = 2_000;
/// Revocations written in one go: a script keeps Redis from everybody else.
const WRITTEN_AT_ONCE: usize = 250;
/// Redis may be busy with others for a moment; nobody waits for this.
const WITHIN: Duration = Duration::from_secs(1);

/// Compares everything.
///
/// Whoever subscribed before this knows afterwards all that Redis held, and all that it was told since: `SCAN` shows each key that is
/// there from its beginning to its end.
pub(super) async fn reconcile(
    shared: &Shared,
    connection: &Connection,
) -> Result<(), RevocationError> {
    let mut known = Known::default();
    let mut page = scan(shared, connection, b"0").await?;
    while page.next != b"0" {
        // Redis looks for the next keys while these are read.
        let next = async { Ok(scan(shared, connection, &page.next).await?) };
        let learnt = learn(shared, connection, &page.fingerprints, &mut known);
        let (next, ()) = tokio::try_join!(next, learnt)?;
        page = next;
    }
    learn(shared, connection, &page.fingerprints, &mut known).await?;
    if shared.is_overfull() {
        return Err(RevocationErrorKind::Full.into());
    }
    write_back(shared, connection, known).await
}

/// How many revocations Redis holds.
pub(super) async fn count(
    shared: &Shared,
    connection: &Connection,
) -> Result<u64, RevocationError> {
    let mut found = Vec::new();
    let mut page = scan(shared, connection, b"0").await?;
    loop {
        let digests = page.fingerprints.iter();
        found.extend(digests.map(|fingerprint| digest(*fingerprint, None)));
        if page.next == b"0" {
            break;
        }
        page = scan(shared, connection, &page.next).await?;
    }
    // A key may be shown more than once.
    found.sort_unstable();
    found.dedup();
    Ok(found.len() as u64)
}

/// Some of our keys, and where the others are found.
struct Page {
    fingerprints: Vec<Fingerprint>,
    /// `0` after the last.
    next: Vec<u8>,
}

async fn scan(shared: &Shared, connection: &Connection, cursor: &[u8]) -> Result<Page, Failure> {
    let mut commands = pipe();
    commands.add_command(shared.wire.scan(cursor, AT_ONCE));
    let answers = connection.ask_within(WITHIN, &commands).await?;
    if let Some(failure) = answers.iter().find_map(refusal) {
        return Err(failure);
    }
    let [Value::Array(answer)] = answers.as_slice() else {
        return Err(FailureKind::Unexpected.into());
    };
    let [Value::BulkString(next), Value::Array(keys)] = answer.as_slice() else {
        return Err(FailureKind::Unexpected.into());
    };
    let fingerprints = keys.iter().filter_map(|key| match key {
        Value::BulkString(key) => shared.wire.fingerprint(key),
        _ => None,
    });
    Ok(Page {
        fingerprints: fingerprints.collect(),
        next: next.clone(),
    })
}

/// Reads what `fingerprints` hold, and takes it in.
async fn learn(
    shared: &Shared,
    connection: &Connection,
    fingerprints: &[Fingerprint],
    known: &mut Known,
) -> Result<(), RevocationError> {
    if fingerprints.is_empty() {
        return Ok(());
    }
    let mut commands = Pipeline::with_capacity(fingerprints.len());
    for fingerprint in fingerprints {
        commands.add_command(shared.wire.read(&shared.wire.key(*fingerprint)));
    }
    let answers = connection.ask_within(WITHIN, &commands).await?;
    for (fingerprint, answer) in fingerprints.iter().zip(&answers) {
        let entry = match wire::held(answer)? {
            Held::Entry(entry) => entry,
            Held::Unreadable => Entry::FOR_EVER,
            Held::Empty if is_there(shared, connection, *fingerprint).await? => Entry::FOR_EVER,
            // Its time was over before it could be read.
            Held::Empty => continue,
        };
        known.note(*fingerprint, entry);
        shared.learn(*fingerprint, entry)?;
    }
    Ok(())
}

async fn is_there(
    shared: &Shared,
    connection: &Connection,
    fingerprint: Fingerprint,
) -> Result<bool, Failure> {
    let mut exists = cmd("EXISTS");
    exists.arg(shared.wire.key(fingerprint));
    let mut commands = pipe();
    commands.add_command(exists);
    match connection.ask_within(WITHIN, &commands).await?.as_slice() {
        [Value::Int(found)] => Ok(*found != 0),
        [answer] => Err(refusal(answer).unwrap_or(FailureKind::Unexpected.into())),
        _ => Err(FailureKind::Unexpected.into()),
    }
}

/// Writes what Redis does not hold, or holds less of: it was emptied, or a failover lost it, or it could not be written before.
async fn write_back(
    shared: &Shared,
    connection: &Connection,
    known: Known,
) -> Result<(), RevocationError> {
    let known = known.sorted();
    let now = shared.now();
    let mut missing = Vec::new();
    shared.copy.for_each(|fingerprint, entry| {
        // What counts as revoked only because it cannot be read is no revocation to be written.
        let real = entry != Entry::FOR_EVER && entry.until > now.as_seconds();
        if real && !known.holds(fingerprint, entry) {
            missing.push((fingerprint, entry));
        }
    });
    for entries in missing.chunks(WRITTEN_AT_ONCE) {
        match write(shared, connection, entries).await {
            // Redis has no memory left, say. The copy is whole all the same; the rest is tried again later.
            Err(failure) if failure.kind() == FailureKind::Refused => {
                shared.doubt.notify_one();
                return Ok(());
            }
            written => drop(written?),
        }
    }
    Ok(())
}

/// Writes `entries`; whether each could be.
pub(super) async fn write(
    shared: &Shared,
    connection: &Connection,
    entries: &[(Fingerprint, Entry)],
) -> Result<bool, Failure> {
    let mut commands = pipe();
    commands.add_command(shared.wire.write(entries, shared.now()));
    let answers = connection.ask_within(WITHIN, &commands).await?;
    written(&answers, entries.len())
}

/// Reads the answer to having written `count` entries.
pub(super) fn written(answers: &[Value], count: usize) -> Result<bool, Failure> {
    match answers {
        [Value::Array(written)] if written.len() == count => {
            Ok(written.iter().all(|written| *written == Value::Int(1)))
        }
        [answer] => Err(refusal(answer).unwrap_or(FailureKind::Unexpected.into())),
        _ => Err(FailureKind::Unexpected.into()),
    }
}

/// What Redis holds, as eight bytes each: enough to tell what it lacks.
#[derive(Default)]
struct Known(Vec<u64>);

impl Known {
    fn note(&mut self, fingerprint: Fingerprint, entry: Entry) {
        self.0.push(digest(fingerprint, Some(entry)));
    }

    fn sorted(mut self) -> Self {
        self.0.sort_unstable();
        self
    }

    fn holds(&self, fingerprint: Fingerprint, entry: Entry) -> bool {
        self.0
            .binary_search(&digest(fingerprint, Some(entry)))
            .is_ok()
    }
}

fn digest(fingerprint: Fingerprint, entry: Option<Entry>) -> u64 {
    let (first, last) = halves(fingerprint);
    let entry = entry.map_or(0, |entry| {
        let spread = |instant: i64, by: u64| instant.cast_unsigned().wrapping_mul(by);
        // Odd, and far apart: a change of either instant changes the whole.
        spread(entry.up_to, 0x9e37_79b9_7f4a_7c15) ^ spread(entry.until, 0xc2b2_ae3d_27d4_eb4f)
    });
    first ^ last.rotate_left(fingerprint.kind() as u32) ^ entry
}

fn halves(fingerprint: Fingerprint) -> (u64, u64) {
    let whole = u128::from_be_bytes(fingerprint.octets());
    #[expect(clippy::cast_possible_truncation, reason = "each is one half")]
    let halves = ((whole >> 64) as u64, whole as u64);
    halves
}
