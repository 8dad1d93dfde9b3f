//! What was found, as Markdown.

use std::fmt::Write;

use crate::contender::Contender;
use crate::load::{CONNECTIONS, THREADS, Throughput};
use crate::machine;
use crate::probe::{Probe, Wanted};
use crate::round::{Plan, Row};
use crate::tokens::{Algorithm, Case};

pub struct Report {
    pub plan: Plan,
    /// Bytes of the RS256 token.
    pub token: usize,
    pub rows: Vec<Row>,
    pub throughput: Vec<Throughput>,
    pub probes: Vec<Probe>,
    pub outcomes: Vec<(Contender, Vec<u16>)>,
}

impl Report {
    pub fn row(&self, contender: Contender, algorithm: Algorithm, case: Case) -> Option<&Row> {
        self.rows.iter().find(|row| {
            row.contender == contender && row.algorithm == algorithm && row.case == case
        })
    }

    /// Nanoseconds of the bare check of a new token of this algorithm.
    pub fn bare(&self, algorithm: Algorithm) -> f64 {
        let bare = self.row(Contender::Bare, algorithm, Case::New);
        bare.map_or(f64::NAN, |row| row.one)
    }

    /// By the bare RS256 check, unless the token is of another algorithm: then by that one's.
    pub fn ratio(&self, contender: Contender, algorithm: Algorithm, case: Case) -> Option<f64> {
        let row = self.row(contender, algorithm, case)?;
        Some(row.one / self.bare(algorithm))
    }

    pub fn unauthenticated(&self) -> Option<f64> {
        let found = self.throughput.iter();
        let mut found = found.filter(|one| one.contender == Contender::NoAuthentication);
        found.next().map(|one| one.requests)
    }

    pub fn requests(&self, contender: Contender) -> Option<f64> {
        let mut found = self
            .throughput
            .iter()
            .filter(|one| one.contender == contender);
        found.next().map(|one| one.requests)
    }

    pub fn markdown(&self) -> String {
        let sections = [
            self.head(),
            self.table(),
            self.times(),
            self.http(),
            self.checks(),
            about(),
        ];
        sections.concat()
    }

    fn head(&self) -> String {
        let versions: Vec<_> = {
            let mut packages: Vec<_> = Contender::all().map(|one| one.about().package).collect();
            packages.retain(|package| !package.is_empty());
            packages.sort_unstable();
            packages.dedup();
            let named = |package: &str| format!("{package} {}", machine::version(package));
            packages.into_iter().map(named).collect()
        };
        format!(
            "# tower-bearer beside its peers\n\n\
             One run of `benches/peers`; made by its one command, not by hand. Machine: {}.\n\
             Versions: {}.\n\n\
             ![Bar chart of the table below](peers.svg)\n\n\
             Each contender is a process of its own; all stand ready, and one at a time answers a batch, {} rounds of them. Every figure is the median of its rounds. \
             The tokens are the same for all: {} bytes (RS256), 14 claims, typ `at+jwt`; so are the handler behind the layer and the claims type it is given (`sub`, `scope`). A request is \
             made before the clock starts and dropped while it runs. Which cases were accepted and which refused was asked before each was timed.\n\n",
            machine::description(),
            versions.join(", "),
            self.plan.rounds,
            self.token,
        )
    }

    /// The one table: all that the goals of the crate speak of.
    fn table(&self) -> String {
        let mut text = format!(
            "## In one table\n\n\
             Time as a ratio: 1.00 is the bare signature check of the same algorithm with a prepared key (RS256-2048 {:.1} µs, ES256 {:.1} µs, EdDSA {:.1} µs). Where no algorithm is \
             named it is RS256. *Two threads* is how many times the throughput of one thread; *allocations* are those of a call, claims type included.\n\n\
             | | new RS256 | new ES256 | new EdDSA | repeated token | 10 000 tokens in turn | bad signature | expired | garbage | no token | two threads: 10 000 / one token | allocations: new / repeated / garbage / no token | HTTP, over no authentication |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
            self.bare(Algorithm::RS256) / 1e3,
            self.bare(Algorithm::ES256) / 1e3,
            self.bare(Algorithm::EdDSA) / 1e3,
        );
        for contender in Contender::all() {
            let ratio = |algorithm, case| {
                let row = self.row(contender, algorithm, case);
                let ratio = self.ratio(contender, algorithm, case);
                ratio.zip(row).map_or_else(dash, |(ratio, row)| {
                    format!("{}{}", significant(ratio), surprise(contender, row))
                })
            };
            let rs256 = |case| ratio(Algorithm::RS256, case);
            let two = |case| {
                let row = self.row(contender, Algorithm::RS256, case);
                row.and_then(|row| Some(row.one / row.two?))
                    .map_or_else(dash, |factor| format!("{factor:.2}"))
            };
            let counted = |case| {
                let row = self.row(contender, Algorithm::RS256, case);
                row.and_then(|row| row.allocations).map_or_else(dash, whole)
            };
            let http = self.requests(contender).zip(self.unauthenticated());
            let http = http.map_or_else(dash, |(one, none)| format!("{:.2}", one / none));
            let name = emphasis(contender);
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} / {} | {} / {} / {} / {} | {http} |",
                rs256(Case::New),
                ratio(Algorithm::ES256, Case::New),
                ratio(Algorithm::EdDSA, Case::New),
                rs256(Case::Repeated),
                rs256(Case::Distinct),
                rs256(Case::BadSignature),
                rs256(Case::Expired),
                rs256(Case::Garbage),
                rs256(Case::NoToken),
                two(Case::Distinct),
                two(Case::Repeated),
                counted(Case::New),
                counted(Case::Repeated),
                counted(Case::Garbage),
                counted(Case::NoToken),
            );
        }
        text.push_str(&self.surprises());
        text.push('\n');
        text
    }

    /// Timed all the same, and said.
    fn surprises(&self) -> String {
        let mut text = String::new();
        for contender in Contender::all() {
            for case in Case::ALL {
                let rows = Algorithm::ALL.map(|algorithm| self.row(contender, algorithm, case));
                let rows = rows.into_iter().flatten();
                let rows: Vec<_> = rows
                    .filter(|row| !surprise(contender, row).is_empty())
                    .map(|row| format!("{} ({})", row.status, row.algorithm.name()))
                    .collect();
                if !rows.is_empty() {
                    let (name, rows) = (contender.about().name, rows.join(", "));
                    let _ = writeln!(text, "\n\\* {name} answers {rows} to: {}.", case.name());
                }
            }
        }
        text
    }

    fn times(&self) -> String {
        let mut text = String::from(
            "## Times\n\nMicroseconds a call on one thread; in brackets on two threads at once, by wall clock, where the token is good.\n\n",
        );
        for algorithm in Algorithm::ALL {
            let _ = write!(text, "| {} |", algorithm.name());
            for case in Case::ALL {
                let _ = write!(text, " {} |", case.name());
            }
            let _ = writeln!(text, "\n|---|{}", "---|".repeat(Case::ALL.len()));
            for contender in Contender::all() {
                let _ = write!(text, "| {} |", emphasis(contender));
                for case in Case::ALL {
                    let Some(row) = self.row(contender, algorithm, case) else {
                        text.push_str(" – |");
                        continue;
                    };
                    let _ = write!(text, " {}", significant(row.one / 1e3));
                    if let Some(two) = row.two {
                        let _ = write!(text, " ({})", significant(two / 1e3));
                    }
                    text.push_str(" |");
                }
                text.push('\n');
            }
            text.push('\n');
        }
        text
    }

    fn http(&self) -> String {
        let Some(unauthenticated) = self.unauthenticated() else {
            return String::from("## HTTP\n\nNot run: no wrk.\n\n");
        };
        let mut text = format!(
            "## HTTP\n\nHTTP/1.1 on loopback, hyper, the same handler behind each layer; wrk with {THREADS} threads and {CONNECTIONS} connections on the same cores, one RS256 token again and again; the median of \
             {} rounds of {} s, server by server in each round.\n\n\
             | | requests a second | over no authentication | 99 % within |\n|---|---|---|---|\n",
            self.plan.http_rounds, self.plan.http_seconds,
        );
        for one in &self.throughput {
            let _ = writeln!(
                text,
                "| {} | {:.0} | {:.2} | {:.2} ms |",
                emphasis(one.contender),
                one.requests,
                one.requests / unauthenticated,
                one.p99,
            );
        }
        text.push('\n');
        text
    }

    fn checks(&self) -> String {
        let mut text = String::from(
            "## What each lets through\n\nTried in the same run, with RS256. **Bold** is what the standards do not have: a request accepted that is to be refused, refused that is to be accepted, or answered as \
             if the server were at fault (5xx). Where a verifier may choose, nothing is bold.\n\n| request |",
        );
        for (contender, _) in &self.outcomes {
            let _ = write!(text, " {} |", contender.about().name);
        }
        let _ = writeln!(text, "\n|---|{}", "---|".repeat(self.outcomes.len()));
        for (index, probe) in self.probes.iter().enumerate() {
            let wanted = match probe.wanted {
                Wanted::Refused => "refuse",
                Wanted::Accepted => "accept",
                Wanted::Either => "either",
            };
            let _ = write!(text, "| {wanted}: {} |", probe.name);
            for (_, statuses) in &self.outcomes {
                let status = statuses.get(index).copied().unwrap_or_default();
                let said = match status {
                    200 => "accepted".to_owned(),
                    status => status.to_string(),
                };
                let said = if probe.wanted.is_met_by(status) {
                    said
                } else {
                    format!("**{said}**")
                };
                let _ = write!(text, " {said} |");
            }
            text.push('\n');
        }
        text.push('\n');
        text
    }
}

fn about() -> String {
    let mut text = String::from(
        "## Who they are\n\n| | version | cryptography | built as | does not check, by its source |\n|---|---|---|---|---|\n",
    );
    for contender in Contender::all() {
        let about = contender.about();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            about.name,
            machine::version(about.package),
            about.cryptography,
            about.configuration,
            about.unchecked
        );
    }
    text
}

/// A mark on what was accepted or refused against expectation, or blamed on the server.
fn surprise(contender: Contender, row: &Row) -> &'static str {
    let expected = (row.status == 200) == row.case.is_good() && row.status < 500;
    if expected || contender == Contender::NoAuthentication {
        ""
    } else {
        " \\*"
    }
}

fn emphasis(contender: Contender) -> String {
    let name = contender.about().name;
    if contender.is_ours() {
        format!("**{name}**")
    } else {
        name.to_owned()
    }
}

fn dash() -> String {
    "–".to_owned()
}

/// Two digits at least that say something.
pub fn significant(number: f64) -> String {
    match number {
        number if number < 0.1 => format!("{number:.4}"),
        number if number < 1.0 => format!("{number:.3}"),
        number if number < 100.0 => format!("{number:.2}"),
        number => format!("{number:.0}"),
    }
}

fn whole(number: f64) -> String {
    if (number - number.round()).abs() < 0.01 {
        format!("{number:.0}")
    } else {
        format!("{number:.1}")
    }
}
