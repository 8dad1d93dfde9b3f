//! The task that holds the connection, and keeps the copy current.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::redis::{Value, cmd, pipe};
use tokio::time::sleep;

use super::reconciliation::reconcile;
use super::shared::Shared;
use crate::redis::{Failure, FailureKind, Listener, Master, Masters};
use crate::revocation::{RevocationError, RevocationErrorKind};

/// How often the connection has to prove that nothing is missed.
const PERIOD: Duration = Duration::from_millis(300);
/// A connection that has proven nothing for so long is given up; what it last proved counts for a second.
const GIVEN_UP: Duration = Duration::from_millis(900);
/// How soon the next proof is asked for where one failed.
const AGAIN: Duration = Duration::from_millis(50);
/// Between attempts to connect: doubled from the first to the second.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);
/// Where Redis holds more than there is room for, there will not be any at once.
const FULL: Duration = Duration::from_secs(10);
/// Between comparisons that others can cause, at least; and ten times as long as the last one took.
const APART: Duration = Duration::from_secs(2);
/// How often the task shows that it runs.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// Follows until it is dropped.
pub(super) async fn follow(shared: Arc<Shared>) {
    let alive = async {
        loop {
            shared.is_alive();
            sleep(SIGN_OF_LIFE).await;
        }
    };
    tokio::select! {
        never = connect_for_ever(&shared) => match never {},
        () = alive => {}
    }
}

async fn connect_for_ever(shared: &Arc<Shared>) -> Infallible {
    let listener = Shared::listener(shared);
    let mut masters = Masters::of(&shared.redis);
    let mut pause = SHORTEST;
    loop {
        let begun = Instant::now();
        let error = match hold(shared, &mut masters, &listener).await {
            Ok(never) => match never {},
            Err(error) => error,
        };
        let full = error.kind() == RevocationErrorKind::Full;
        shared.is_lost(error);
        if begun.elapsed() > LONGEST {
            pause = SHORTEST;
        }
        // Half of it by chance: the instances of a service lose their Redis at the same moment.
        let jitter = pause.mul_f64(fastrand::f64() / 2.0);
        sleep(if full { FULL } else { pause - jitter }).await;
        pause = (pause * 2).min(LONGEST);
    }
}

/// Holds one connection until it fails.
async fn hold(
    shared: &Shared,
    masters: &mut Masters,
    listener: &Listener,
) -> Result<Infallible, RevocationError> {
    // Here only: while a connection stands, what had no room is missing until all has been read anew.
    shared.begins_anew();
    let listener = shared.keeps_copy.then_some(listener);
    let master = masters.connect(listener).await?;
    // Before all else, so that an emptying from now on is noticed.
    let mark = mark(shared, &master).await?;
    if shared.keeps_copy {
        // In this order: what is written while Redis is read is told.
        master.connection().subscribe(&shared.wire.channel).await?;
        reconcile(shared, master.connection()).await?;
    }
    tokio::select! {
        ended = prove_for_ever(shared, masters, &master, mark) => ended,
        ended = compare_when_in_doubt(shared, &master) => ended,
        () = master.connection().lost() => Err(Failure::from(FailureKind::Lost).into()),
    }
}

/// Has the connection prove again and again that its server is the right one, that it answers, and that it was not emptied.
///
/// Answers and messages come in one order, so with each answer all is known that was told before it was asked for.
async fn prove_for_ever(
    shared: &Shared,
    masters: &Masters,
    master: &Master,
    mut known: Value,
) -> Result<Infallible, RevocationError> {
    let mut read_mark = pipe();
    read_mark.add_command(shared.wire.read(&shared.wire.mark));
    let mut proven = Instant::now();
    loop {
        let asked = Instant::now();
        let answers = master.ask(&read_mark).await;
        match answers.and_then(|answers| masters.confirm(master, answers)) {
            Ok(answers) => {
                proven = answers.asked;
                shared.is_current_since(proven, master);
                if answers.values.first() != Some(&known) {
                    known = mark(shared, master).await?;
                    shared.doubt.notify_one();
                }
            }
            // Redis may have been busy for a moment, or a Sentinel.
            Err(failure) if is_passing(failure.kind()) && proven.elapsed() < GIVEN_UP => {
                sleep(AGAIN).await;
                continue;
            }
            Err(failure) => return Err(failure.into()),
        }
        if shared.is_overfull() {
            return Err(RevocationErrorKind::Full.into());
        }
        tokio::select! {
            () = sleep(PERIOD.saturating_sub(asked.elapsed())) => {}
            () = shared.prove.notified() => {}
        }
    }
}

fn is_passing(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Timeout | FailureKind::NoMajority)
}

async fn compare_when_in_doubt(
    shared: &Shared,
    master: &Master,
) -> Result<Infallible, RevocationError> {
    if !shared.keeps_copy {
        return std::future::pending().await;
    }
    loop {
        shared.doubt.notified().await;
        let begun = Instant::now();
        reconcile(shared, master.connection()).await?;
        sleep(APART.max(begun.elapsed() * 10)).await;
    }
}

/// What tells this life of Redis from the next, made if it is not there.
async fn mark(shared: &Shared, master: &Master) -> Result<Value, Failure> {
    let mut commands = pipe();
    let mut set = cmd("SET");
    set.arg(&shared.wire.mark)
        .arg(format!("{:016x}", fastrand::u64(..)))
        .arg("NX");
    commands.add_command(set);
    commands.add_command(shared.wire.read(&shared.wire.mark));
    // Whatever stands there, an error too, will do as long as it stays.
    let answers = master.connection().ask(&commands).await?;
    answers
        .into_iter()
        .nth(1)
        .ok_or_else(|| FailureKind::Unexpected.into())
}
