//! The command line.

use std::fs;
use std::path::PathBuf;

use tower_bearer::testing::TestIssuer;

use crate::contender::Contender;
use crate::round::{Plan, Shared};
use crate::tokens::{Algorithm, Tokens};
use crate::worker::Count;
use crate::{chart, load, peer, probe, report, round, server, worker};

const USAGE: &str = "\
tower-bearer-peers [--smoke] [--out FOLDER]

  --smoke       tiny rounds: whether everything runs, not how fast
  --out FOLDER  where peers.md and peers.svg are written; default the present folder";

/// The final run, and the one that only shows that everything runs.
const FINAL: Plan = Plan {
    rounds: 301,
    http_rounds: 7,
    http_seconds: 4,
};
const SMOKE: Plan = Plan {
    rounds: 3,
    http_rounds: 1,
    http_seconds: 1,
};

pub fn main(count: Option<Count>) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["worker", contender, path] => {
            let contender = known(contender);
            worker::work(contender, Shared::read(path.as_ref()), count);
        }
        ["serve", contender, path] => {
            let contender = known(contender);
            server::serve(contender, Shared::read(path.as_ref()));
        }
        arguments => run(arguments),
    }
}

fn known(contender: &str) -> Contender {
    let contender = serde_json::from_str(contender).expect("a contender");
    peer::install_cryptography(contender);
    contender
}

fn run(arguments: &[&str]) {
    let mut plan = FINAL;
    let mut folder = PathBuf::from(".");
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match (*argument, arguments.as_slice()) {
            ("--smoke", _) => plan = SMOKE,
            ("--out", [path, ..]) => {
                folder = path.into();
                arguments.next();
            }
            _ => {
                eprintln!("{USAGE}");
                std::process::exit(2);
            }
        }
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let issuer = runtime.block_on(TestIssuer::serve());
    issuer.publish(&Algorithm::ALL.map(Algorithm::ours));
    eprintln!("minting");
    let tokens = Tokens::mint(&issuer);
    let shared = Shared::new(&tokens);

    let rows = round::measure(plan, &shared);
    let throughput = load::measure(plan, &tokens, &shared);
    let (probes, outcomes) = round::probe(&shared, || probe::probes(&issuer));

    let report = report::Report {
        plan,
        token: tokens.of(Algorithm::RS256).repeated.len() - "Bearer ".len(),
        rows,
        throughput,
        probes,
        outcomes,
    };
    let markdown = report.markdown();
    println!("{markdown}");
    fs::create_dir_all(&folder).expect("the folder can be made");
    fs::write(folder.join("peers.md"), markdown).expect("the folder can be written");
    fs::write(folder.join("peers.svg"), chart::svg(&report)).expect("the folder can be written");
}
