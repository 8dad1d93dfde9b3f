//! The compiler's version, for the description of the machine.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").expect("cargo names the compiler");
    let version = Command::new(rustc).arg("--version").output();
    let version = version.expect("the compiler runs").stdout;
    let version = String::from_utf8(version).expect("the version is text");
    println!("cargo:rustc-env=PEERS_RUSTC={}", version.trim());
    println!("cargo:rerun-if-changed=build.rs");
}
