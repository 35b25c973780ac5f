//! Tells the program which compiler built it.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let version = Command::new(std::env::var_os("RUSTC").expect("cargo sets RUSTC"))
        .arg("--version")
        .output()
        .expect("rustc says its version");
    println!("cargo::rustc-env=RUSTC_VERSION={}", String::from_utf8_lossy(&version.stdout).trim());
}
