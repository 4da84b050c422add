//! Has the linker pack the program's relocations, where the C library here can read them.

use std::{env, process::Command};

/// The first glibc whose loader reads packed relocations (`DT_RELR`).
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let at_home = env::var("HOST").ok() == env::var("TARGET").ok();
    let gnu = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|it| it == "linux")
        && env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|it| it == "gnu");
    if at_home && gnu && glibc().is_some_and(|it| it >= PACKED_SINCE) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of the C library that programs built here are linked with: `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?.stdout;
    let said = String::from_utf8(said).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
