//! A process for one test alone, as what looks at the memory of its process must have.

use std::process::Command;

/// Whether this is a process for this test alone. If not, such a process is started, with these variables of the environment, and must
/// end well.
pub(crate) fn alone(test: &str, environment: &[(&str, &str)]) -> bool {
    const ALONE: &str = "TOWER_BEARER_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let this = std::env::current_exe().expect("the path of the tests");
    let output = Command::new(this)
        .args(["--exact", test, "--include-ignored", "--nocapture"])
        .env(ALONE, "1")
        .envs(environment.iter().copied())
        .output()
        .expect("a process");
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{errors}");
    println!("{told}");
    false
}
