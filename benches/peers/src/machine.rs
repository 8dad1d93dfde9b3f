//! Where it ran: nothing that names the host or its paths.

use std::fs;

const LOCK: &str = include_str!("../Cargo.lock");

pub fn description() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("an unknown CPU", |(_, model)| model.trim());
    let family = |name: &str| {
        let found = cpu
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_once(':'));
        found.map_or("?", |(_, value)| value.trim()).to_owned()
    };
    format!(
        "{cores} cores, {model} (family {}, model {}), {} {}; {}; release profile with thin LTO and one codegen unit",
        family("cpu family"),
        family("model\t"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        env!("PEERS_RUSTC"),
    )
}

/// The version that was built, by Cargo.lock; the newest where there are several.
pub fn version(package: &str) -> &'static str {
    let name = format!("name = \"{package}\"");
    let versions = LOCK
        .split("[[package]]")
        .filter(|entry| entry.lines().any(|line| line == name))
        .filter_map(|entry| {
            entry
                .lines()
                .find_map(|line| line.strip_prefix("version = "))
        });
    versions
        .last()
        .map_or("", |version| version.trim_matches('"'))
}
