//! A soak: an issuer's bad days in minutes, with figures. Keys come over a real socket, with the default client.
//!
//! `cargo run --release --example soak -- --seconds 120`. In turn: a crowd of first requests; a rotation every second
//! under load; an issuer that takes requests and never answers; a flood of made-up keys. Good tokens are sent all the
//! while, and none may fail. Ends by itself, with status 1 if a demand is missed. `--check` takes some ten seconds and
//! demands counts only, no times.

use std::convert::Infallible;
use std::future::ready;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::testing::{Behaviour, Endpoint, TestIssuer};
use tower_bearer::{Algorithm, AuthenticateLayer, Authenticator};

const AUDIENCE: &str = "https://api.example.com";

/// One good token is sent this often when times are measured.
const PACE: Duration = Duration::from_millis(2);

/// 10 000 in half a minute.
const MADE_UP: Duration = Duration::from_millis(3);

fn main() -> ExitCode {
    let plan = match Plan::from_arguments(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    // The issuer has threads of its own: its work and its tasks are not the service's.
    let issuers = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let service = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let (Ok(issuers), Ok(service)) = (issuers, service) else {
        eprintln!("no runtime");
        return ExitCode::from(2);
    };
    let issuer = issuers.block_on(TestIssuer::serve());
    issuer.publish(&[Algorithm::EdDSA]);
    let report = service.block_on(soak(&plan, &issuer, &issuers));
    println!(
        "\n{}",
        if report.missed == 0 {
            "every demand is met"
        } else {
            "DEMANDS ARE MISSED"
        }
    );
    ExitCode::from(u8::from(report.missed > 0))
}

struct Plan {
    whole: Duration,
    /// Whether times are demanded, and not only counts.
    timed: bool,
}

impl Plan {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self, &'static str> {
        const USAGE: &str =
            "usage: soak [--check | --seconds NUMBER], with a NUMBER of at least 10";
        match (arguments.next().as_deref(), arguments.next()) {
            (None, None) => Ok(Self::of(30, true)),
            (Some("--check"), None) => Ok(Self::of(10, false)),
            (Some("--seconds"), Some(number)) => match number.parse() {
                Ok(seconds @ 10..) => Ok(Self::of(seconds, true)),
                _ => Err(USAGE),
            },
            _ => Err(USAGE),
        }
    }

    fn of(seconds: u64, timed: bool) -> Self {
        let whole = Duration::from_secs(seconds);
        Self { whole, timed }
    }

    /// Long enough for a request to be kept waiting as long as it may.
    fn silence(&self) -> Duration {
        self.whole.mul_f64(0.1).max(Duration::from_secs(6))
    }

    /// A part of what is left: of two minutes, one is for rotations and half of one for the flood.
    fn rest(&self, part: f64) -> Duration {
        self.whole.saturating_sub(self.silence()).mul_f64(part)
    }

    fn rotations(&self) -> Duration {
        self.rest(0.556)
    }

    fn flood(&self) -> Duration {
        self.rest(0.278)
    }

    fn quiet(&self) -> Duration {
        self.rest(0.04)
    }
}

/// What was demanded, and how often in vain.
#[derive(Default)]
struct Report {
    missed: u32,
}

impl Report {
    fn demand(&mut self, met: bool, what: &str) {
        println!("  {} {what}", if met { "ok    " } else { "MISSED" });
        self.missed += u32::from(!met);
    }
}

/// The service, and the issuer that it trusts.
#[derive(Clone)]
struct Site {
    issuer: TestIssuer,
    auth: Authenticator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Accepted,
    Refused,
    /// 503 with `Retry-After`.
    CannotTell,
    Other,
}

impl Site {
    fn new(issuer: &TestIssuer) -> Self {
        let auth = Authenticator::builder(issuer.url(), AUDIENCE).build();
        Self {
            issuer: issuer.clone(),
            auth: auth.expect("a sound configuration"),
        }
    }

    /// Another service with keys and a budget of its own, of which nothing is spent.
    async fn warmed(issuer: &TestIssuer) -> Self {
        let site = Self::new(issuer);
        site.auth.warm().await.expect("the issuer is up");
        site
    }

    fn token(&self) -> String {
        self.issuer.token().audience(AUDIENCE).sign()
    }

    fn made_up(&self, number: u64) -> String {
        let key_id = format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let token = self.issuer.token().audience(AUDIENCE);
        token.key_id(key_id).sign()
    }

    async fn ask(&self, token: &str) -> Answer {
        let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(()))));
        let service = AuthenticateLayer::new(self.auth.clone()).layer(inner);
        let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}"));
        let request = request.body(()).expect("a request");
        let response = service.oneshot(request).await.expect("infallible");
        let later = response.headers().contains_key(RETRY_AFTER);
        match response.status() {
            StatusCode::OK => Answer::Accepted,
            StatusCode::UNAUTHORIZED => Answer::Refused,
            StatusCode::SERVICE_UNAVAILABLE if later => Answer::CannotTell,
            _ => Answer::Other,
        }
    }

    fn downloads(&self) -> usize {
        self.issuer.downloads().key_set
    }

    /// Sends a good token every few milliseconds for so long; the time of each, and how many failed.
    async fn send_good_tokens(&self, lasting: Duration) -> Times {
        let token = self.token();
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut times = Times::default();
        let begun = Instant::now();
        while begun.elapsed() < lasting {
            pace.tick().await;
            let sent = Instant::now();
            times.failures += u64::from(self.ask(&token).await != Answer::Accepted);
            times.spans.push(sent.elapsed());
        }
        times
    }
}

/// How long good tokens took.
#[derive(Default)]
struct Times {
    spans: Vec<Duration>,
    failures: u64,
}

impl Times {
    fn and(mut self, mut other: Self) -> Self {
        self.spans.append(&mut other.spans);
        self.failures += other.failures;
        self
    }

    /// In microseconds, below which so many of a hundred lie.
    fn percentile(&mut self, percent: usize) -> f64 {
        self.spans.sort_unstable();
        let at = self.spans.len() * percent / 100;
        let at = at.min(self.spans.len().saturating_sub(1));
        let span = self.spans.get(at).copied().unwrap_or_default();
        span.as_secs_f64() * 1e6
    }

    fn print(&mut self, when: &str) {
        let (p50, p99) = (self.percentile(50), self.percentile(99));
        let (sent, failures) = (self.spans.len(), self.failures);
        println!("  {when}: {sent}, failures {failures}, p50 {p50:.0} µs, p99 {p99:.0} µs");
    }
}

async fn soak(plan: &Plan, issuer: &TestIssuer, issuers: &Runtime) -> Report {
    let mut report = Report::default();
    let site = Site::new(issuer);

    println!("1 000 concurrent first requests");
    crowd(&site, &mut report).await;
    let memory = resident();

    println!("a rotation every second, under load");
    rotations(&site, plan.rotations(), issuers, &mut report).await;
    let known = site.ask(&site.token()).await == Answer::Accepted;
    report.demand(known, "the newest key is known");
    let quiet = site.send_good_tokens(plan.quiet()).await;

    println!("an issuer that takes requests and never answers");
    let mut silent = silence(&Site::warmed(issuer).await, plan, &mut report).await;
    let quiet = quiet.and(site.send_good_tokens(plan.quiet()).await);

    println!("a flood of made-up keys");
    let mut flooded = flood(&Site::warmed(issuer).await, plan.flood(), &mut report).await;
    let mut quiet = quiet.and(site.send_good_tokens(plan.quiet()).await);

    println!("good tokens all the while");
    quiet.print("in quiet");
    flooded.print("during the flood");
    silent.print("while the issuer is silent");
    let failures = quiet.failures + flooded.failures + silent.failures;
    report.demand(failures == 0, "no good token failed");
    for (times, when) in [(&mut flooded, "the flood"), (&mut silent, "the silence")] {
        let ratio = times.percentile(99) / quiet.percentile(99);
        let what = format!("p99 during {when} is {ratio:.2} × that in quiet, at most 2 wanted");
        if plan.timed {
            report.demand(ratio <= 2.0, &what);
        } else {
            println!("  {what}, not demanded");
        }
    }

    println!("the end");
    if let (Some(before), Some(after)) = (memory, resident()) {
        let grown = after.saturating_sub(before);
        println!("  resident memory: {before} KiB before, {after} KiB after");
        report.demand(grown <= 16 << 10, "at most 16 MiB more");
    }
    drop(site);
    // The task that downloads is told to end, and does so in its own time.
    let alive = || Handle::current().metrics().num_alive_tasks();
    let begun = Instant::now();
    while alive() > 0 && begun.elapsed() < Duration::from_secs(2) {
        sleep(Duration::from_millis(5)).await;
    }
    report.demand(alive() == 0, &format!("tasks that are left: {}", alive()));
    report
}

async fn crowd(site: &Site, report: &mut Report) {
    site.issuer.behave(Behaviour::Held);
    let mut requests = JoinSet::new();
    for _ in 0..1000 {
        let (site, token) = (site.clone(), site.token());
        requests.spawn(async move { site.ask(&token).await });
    }
    site.issuer
        .until_requests(Endpoint::OpenIdConfiguration, 1)
        .await;
    site.issuer.behave(Behaviour::Normal);
    let answers = requests.join_all().await;
    let accepted = answers
        .iter()
        .filter(|answer| **answer == Answer::Accepted)
        .count();
    let downloads = site.issuer.downloads();
    let (discoveries, key_sets) = (downloads.discovery, downloads.key_set);
    report.demand(accepted == 1000, &format!("accepted: {accepted}"));
    let once = (discoveries, key_sets) == (1, 1);
    report.demand(
        once,
        &format!("downloads: {discoveries} of discovery, {key_sets} of keys"),
    );
}

/// Keys are published for one round after theirs; tokens are used for as long.
async fn rotations(site: &Site, lasting: Duration, issuers: &Runtime, report: &mut Report) {
    const CLIENTS: usize = 8;
    let before = site.downloads();
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let site = site.clone();
        clients.spawn(async move {
            let (mut sent, mut failures) = (0_u64, 0_u64);
            // A token is used until it is 900 ms old, so at times with the key of the round before.
            let (mut token, mut minted) = (site.token(), Instant::now());
            while begun.elapsed() < lasting {
                if minted.elapsed() > Duration::from_millis(900) {
                    (token, minted) = (site.token(), Instant::now());
                }
                for token in [&token, &site.token()] {
                    sent += 1;
                    failures += u64::from(site.ask(token).await != Answer::Accepted);
                }
                sleep(PACE).await;
            }
            (sent, failures)
        });
    }
    let issuer = site.issuer.clone();
    let rotating = issuers.spawn(async move {
        let mut rounds = 0_u64;
        let mut second = interval(Duration::from_secs(1));
        while begun.elapsed() < lasting {
            second.tick().await;
            issuer.rotate();
            rounds += 1;
        }
        rounds
    });
    let counts = clients.join_all().await;
    let rounds = rotating.await.unwrap_or_default();
    let sent: u64 = counts.iter().map(|(sent, _)| sent).sum();
    let failures: u64 = counts.iter().map(|(_, failures)| failures).sum();
    println!(
        "  requests: {sent}, rotations: {rounds}, downloads: {}",
        site.downloads() - before
    );
    report.demand(failures == 0, &format!("failures: {failures}"));
}

/// Strangers come with well-formed tokens and good claims, each with another `kid`, 10 000 in half a minute.
async fn flood(site: &Site, lasting: Duration, report: &mut Report) -> Times {
    let before = site.downloads();
    let begun = Instant::now();
    let strangers = {
        let site = site.clone();
        tokio::spawn(async move {
            let mut pace = interval(MADE_UP);
            let (mut sent, mut refused) = (0, 0);
            while begun.elapsed() < lasting {
                pace.tick().await;
                sent += 1;
                refused += u64::from(site.ask(&site.made_up(sent)).await == Answer::Refused);
            }
            (sent, refused)
        })
    };
    let times = site.send_good_tokens(lasting).await;
    let (sent, refused) = strangers.await.unwrap_or_default();
    let caused = site.downloads() - before;
    let allowed = 2 + usize::try_from(begun.elapsed().as_secs() / 30).unwrap_or(usize::MAX);
    report.demand(
        refused == sent,
        &format!("made-up keys: {sent}, refused: {refused}"),
    );
    report.demand(
        caused <= allowed,
        &format!("downloads: {caused}, at most {allowed} allowed"),
    );
    times
}

/// The issuer takes requests and never answers; meanwhile unknown keys are asked for without pause.
async fn silence(site: &Site, plan: &Plan, report: &mut Report) -> Times {
    let lasting = plan.silence();
    site.issuer.behave(Behaviour::Hang);
    let begun = Instant::now();
    let mut waiting = JoinSet::new();
    for number in 0..4 {
        let site = site.clone();
        waiting.spawn(async move {
            let (mut answers, mut longest) = (Vec::new(), Duration::ZERO);
            let mut round = 0;
            while begun.elapsed() < lasting {
                let asked = Instant::now();
                round += 1;
                let key_id = u64::MAX - number - 4 * round;
                answers.push(site.ask(&site.made_up(key_id)).await);
                longest = longest.max(asked.elapsed());
                sleep(PACE * 50).await;
            }
            (answers, longest)
        });
    }
    let times = site.send_good_tokens(lasting).await;
    let told = waiting.join_all().await;
    site.issuer.behave(Behaviour::Normal);
    let longest = told
        .iter()
        .map(|(_, longest)| *longest)
        .max()
        .unwrap_or_default();
    let answers: Vec<_> = told.into_iter().flat_map(|(answers, _)| answers).collect();
    let honest = answers
        .iter()
        .filter(|answer| **answer == Answer::CannotTell)
        .count();
    let what = format!(
        "unknown keys: {}, 503 with Retry-After: {honest}",
        answers.len()
    );
    report.demand(honest == answers.len(), &what);
    let what = format!("the longest wait: {longest:.1?}, at most 5.5 s wanted");
    if plan.timed {
        report.demand(longest <= Duration::from_millis(5_500), &what);
    } else {
        println!("  {what}, not demanded");
    }
    recovery(site, report).await;
    times
}

/// All is well with the issuer again, and it rotates: how soon is that known?
async fn recovery(site: &Site, report: &mut Report) {
    site.issuer.rotate();
    let token = site.token();
    let begun = Instant::now();
    let mut accepted = false;
    while !accepted && begun.elapsed() < Duration::from_secs(45) {
        accepted = site.ask(&token).await == Answer::Accepted;
        if !accepted {
            sleep(Duration::from_millis(100)).await;
        }
    }
    let what = format!(
        "a new key is accepted {:.1?} after the outage",
        begun.elapsed()
    );
    report.demand(accepted, &what);
}

/// Resident memory of this process in KiB, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
