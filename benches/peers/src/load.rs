//! wrk against all servers in turn, round by round.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command};

use crate::contender::Contender;
use crate::round::{Plan, Shared, child, median};
use crate::tokens::{Algorithm, Case, Tokens};

pub const CONNECTIONS: usize = 32;
pub const THREADS: usize = 2;

/// One server under load.
#[derive(Clone, Debug)]
pub struct Throughput {
    pub contender: Contender,
    /// Requests a second: the median.
    pub requests: f64,
    /// The time within which 99 of 100 were answered, in milliseconds: the median.
    pub p99: f64,
}

struct Server {
    contender: Contender,
    child: Child,
    port: u16,
    requests: Vec<f64>,
    p99: Vec<f64>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A repeated RS256 token against each server; nothing where there is no wrk.
pub fn measure(plan: Plan, tokens: &Tokens, shared: &Shared) -> Vec<Throughput> {
    if Command::new("wrk").arg("--version").output().is_err() {
        eprintln!("no HTTP run: wrk is not installed (apt-get install wrk)");
        return Vec::new();
    }
    let binary = std::env::current_exe().expect("this program has a path");
    let of = tokens.of(Algorithm::RS256);
    let mut servers: Vec<_> = Contender::all()
        .filter(|contender| *contender != Contender::Bare)
        .map(|contender| Server::start(&binary, contender, shared))
        .collect();
    for server in &servers {
        server.until_ready(&of.repeated);
        let name = server.contender.about().name;
        for (case, credential) in [
            (Case::BadSignature, Some(&of.bad_signature)),
            (Case::Expired, Some(&of.expired)),
            (Case::Garbage, Some(&of.garbage)),
            (Case::NoToken, None),
        ] {
            let status = server.status(credential.map(String::as_str));
            if (status == 200) == server.contender.authenticates() {
                eprintln!("NOTE: {name} answers {status} to: {}", case.name());
            }
        }
    }
    for round in 1..=plan.http_rounds {
        eprintln!("HTTP, round {round} of {}", plan.http_rounds);
        for server in &mut servers {
            server.load(plan.http_seconds, &of.repeated);
        }
    }
    servers.iter().map(Server::throughput).collect()
}

impl Server {
    fn start(binary: &std::path::Path, contender: Contender, tokens: &Shared) -> Self {
        let mut child = child(binary, "serve", contender, tokens);
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("piped");
        let read = BufReader::new(output).read_line(&mut line);
        assert!(read.is_ok(), "the server names its port");
        Self {
            contender,
            child,
            port: line.trim().parse().expect("a port"),
            requests: Vec::new(),
            p99: Vec::new(),
        }
    }

    /// Some fetch their keys in the background.
    fn until_ready(&self, good: &str) {
        for _ in 0..200 {
            if self.status(Some(good)) == 200 {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{} refuses a good token", self.contender.about().name);
    }

    fn status(&self, credential: Option<&str>) -> u16 {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = stream.expect("the server listens");
        let credential = credential
            .map(|credential| format!("authorization: {credential}\r\n"))
            .unwrap_or_default();
        let request =
            format!("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{credential}\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        status.expect("a status line")
    }

    fn load(&mut self, seconds: usize, credential: &str) {
        let name = self.contender.about().name;
        let mut text = self.wrk(seconds, credential);
        if text.contains("Socket errors") {
            eprintln!("NOTE: once more, for socket errors at {name}");
            text = self.wrk(seconds, credential);
        }
        assert!(!text.contains("Non-2xx"), "{name}: {text}");
        let after = |label: &str| {
            let line = text
                .lines()
                .find_map(|line| line.trim().strip_prefix(label));
            line.unwrap_or_else(|| panic!("no {label} in {text}"))
                .trim()
        };
        let requests = after("Requests/sec:").parse();
        self.requests.push(requests.expect("a number"));
        self.p99.push(milliseconds(after("99%")));
    }

    fn wrk(&self, seconds: usize, credential: &str) -> String {
        let output = Command::new("wrk")
            .arg(format!("-t{THREADS}"))
            .arg(format!("-c{CONNECTIONS}"))
            .arg(format!("-d{seconds}s"))
            .args(["--latency", "-H", &format!("Authorization: {credential}")])
            .arg(format!("http://127.0.0.1:{}/", self.port))
            .output();
        String::from_utf8_lossy(&output.expect("wrk runs").stdout).into_owned()
    }

    fn throughput(&self) -> Throughput {
        let of = |values: &Vec<f64>| median(values.clone()).expect("at least one round");
        Throughput {
            contender: self.contender,
            requests: of(&self.requests),
            p99: of(&self.p99),
        }
    }
}

/// wrk writes `830.00us`, `1.20ms`, `1.01s`.
fn milliseconds(text: &str) -> f64 {
    let (number, factor) = match text {
        text if text.ends_with("us") => (text.trim_end_matches("us"), 1e-3),
        text if text.ends_with("ms") => (text.trim_end_matches("ms"), 1.0),
        text => (text.trim_end_matches('s'), 1e3),
    };
    number.parse::<f64>().expect("a number") * factor
}
