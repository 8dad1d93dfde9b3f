//! All workers in turn, round by round.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::contender::Contender;
use crate::probe::Probe;
use crate::tokens::{Algorithm, Case, Tokens};
use crate::wire::{Answer, Ask};

/// About how long one batch takes, in nanoseconds: long beside the clock's resolution, short beside the machine's moods.
const BATCH: f64 = 1e6;
const FEWEST: usize = 4;
const MOST: usize = 512;

/// How many rounds, on how many threads.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub rounds: usize,
    pub http_rounds: usize,
    pub http_seconds: usize,
}

/// Everything that was found out about one case of one contender.
#[derive(Clone, Debug)]
pub struct Row {
    pub contender: Contender,
    pub algorithm: Algorithm,
    pub case: Case,
    pub status: u16,
    /// Nanoseconds a call, on one thread: the median.
    pub one: f64,
    /// The same on two threads at once, by wall clock; only where tokens are good.
    pub two: Option<f64>,
    pub allocations: Option<f64>,
}

/// A file that workers read, gone when this is.
pub struct Shared(PathBuf);

impl Shared {
    pub fn new(tokens: &Tokens) -> Self {
        let name = format!("tower-bearer-peers-{}.json", std::process::id());
        let path = std::env::temp_dir().join(name);
        let text = serde_json::to_vec(tokens).expect("tokens are JSON");
        fs::write(&path, text).expect("the folder for temporary files can be written");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn read(path: &Path) -> Tokens {
        let text = fs::read(path).expect("the parent wrote it");
        serde_json::from_slice(&text).expect("tokens are JSON")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A worker, from outside.
struct Worker {
    contender: Contender,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    fn start(binary: &Path, contender: Contender, tokens: &Shared) -> Self {
        let mut child = child(binary, "worker", contender, tokens);
        Self {
            contender,
            input: child.stdin.take().expect("piped"),
            output: BufReader::new(child.stdout.take().expect("piped")),
            child,
        }
    }

    fn ask(&mut self, ask: &Ask) -> Answer {
        let line = serde_json::to_string(ask).expect("a question is JSON");
        let mut answer = String::new();
        let asked =
            writeln!(self.input, "{line}").and_then(|()| self.output.read_line(&mut answer));
        assert!(
            asked.is_ok_and(|read| read > 0),
            "the worker of {} has ended at {line}",
            self.contender.about().name
        );
        serde_json::from_str(&answer).expect("an answer is JSON")
    }

    fn status(&mut self, ask: &Ask) -> u16 {
        match self.ask(ask) {
            Answer::Status(status) => status,
            other => panic!("{other:?} to {ask:?}"),
        }
    }

    fn number(&mut self, ask: &Ask) -> f64 {
        match self.ask(ask) {
            Answer::Nanoseconds(number) | Answer::Allocations(number) => number,
            other @ Answer::Status(_) => panic!("{other:?} to {ask:?}"),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program again, as a worker or a server.
pub fn child(binary: &Path, role: &str, contender: Contender, tokens: &Shared) -> Child {
    let contender = serde_json::to_string(&contender).expect("a name is JSON");
    Command::new(binary)
        .args([role, &contender])
        .arg(tokens.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started again")
}

/// All cases of all contenders: checked, timed, counted.
pub fn measure(plan: Plan, tokens: &Shared) -> Vec<Row> {
    let binary = std::env::current_exe().expect("this program has a path");
    let mut workers: Vec<_> = Contender::all()
        .map(|contender| Worker::start(&binary, contender, tokens))
        .collect();
    let mut rows = Vec::new();
    for algorithm in Algorithm::ALL {
        for case in Case::ALL {
            eprintln!("{}, {}", algorithm.name(), case.name());
            rows.extend(series(plan, &mut workers, algorithm, case));
        }
    }
    drop(workers);
    allocations(&binary, tokens, &mut rows);
    rows
}

/// One case: each contender is asked first what it does, then timed in rounds with all others.
fn series(plan: Plan, workers: &mut [Worker], algorithm: Algorithm, case: Case) -> Vec<Row> {
    struct Entry<'w> {
        worker: &'w mut Worker,
        status: u16,
        calls: usize,
        one: Vec<f64>,
        two: Vec<f64>,
    }
    let workers = workers.iter_mut();
    let workers = workers.filter(|worker| worker.contender.answers(case));
    let mut entries: Vec<_> = workers
        .map(|worker| {
            let status = worker.status(&Ask::Outcome(algorithm, case));
            let expected = worker.contender == Contender::NoAuthentication
                || (status == 200) == case.is_good();
            if !expected {
                let name = worker.contender.about().name;
                eprintln!("NOTE: {name} answers {status} to: {}", case.name());
            }
            let about = worker.number(&Ask::Warm(algorithm, case));
            Entry {
                worker,
                status,
                calls: ((BATCH / about) as usize).clamp(FEWEST, MOST),
                one: Vec::new(),
                two: Vec::new(),
            }
        })
        .collect();
    for _ in 0..plan.rounds {
        for entry in &mut entries {
            let calls = entry.calls;
            let mut time = |threads| {
                entry.worker.number(&Ask::Time {
                    algorithm,
                    case,
                    threads,
                    calls,
                })
            };
            entry.one.push(time(1));
            if case.is_good() {
                entry.two.push(time(2));
            }
        }
    }
    let rows = entries.into_iter().map(|entry| Row {
        contender: entry.worker.contender,
        algorithm,
        case,
        status: entry.status,
        one: median(entry.one).expect("at least one round"),
        two: median(entry.two),
        allocations: None,
    });
    rows.collect()
}

/// Counted by the other binary, whose allocator costs time.
fn allocations(binary: &Path, tokens: &Shared, rows: &mut [Row]) {
    let binary = binary.with_file_name("tower-bearer-peers-allocations");
    if !binary.exists() {
        eprintln!("allocations are not counted: build both binaries");
        return;
    }
    eprintln!("allocations");
    for contender in Contender::all() {
        let mut worker = Worker::start(&binary, contender, tokens);
        for row in rows.iter_mut().filter(|row| row.contender == contender) {
            let counted = worker.number(&Ask::Allocations(row.algorithm, row.case));
            row.allocations = Some(counted);
        }
    }
}

/// The status of each probe, contender by contender; `publish` is called when all have their keys.
pub fn probe(
    tokens: &Shared,
    publish: impl FnOnce() -> Vec<Probe>,
) -> (Vec<Probe>, Vec<(Contender, Vec<u16>)>) {
    eprintln!("probes");
    let binary = std::env::current_exe().expect("this program has a path");
    let who = || Contender::all().filter(|contender| contender.authenticates());
    let mut workers: Vec<_> = who()
        .map(|contender| {
            let mut worker = Worker::start(&binary, contender, tokens);
            worker.status(&Ask::Outcome(Algorithm::RS256, Case::Repeated));
            worker
        })
        .collect();
    let probes = publish();
    let answers = workers.iter_mut().map(|worker| {
        let contender = worker.contender;
        let ask = |probe: &Probe| worker.status(&Ask::Probe(probe.headers.clone()));
        (contender, probes.iter().map(ask).collect())
    });
    let answers = answers.collect();
    (probes, answers)
}

pub fn median(mut values: Vec<f64>) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let (_, median, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}
