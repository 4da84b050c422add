//! Sets how the program is linked: with packed relocations, where the C library here can read them, and with what tells
//! its allocator to keep nothing that is free.

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
    give_memory_back();
}

/// The version of the C library that programs built here are linked with: `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?.stdout;
    let said = String::from_utf8(said).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Links what tells the allocator so. As an object, not a library: nothing calls it by name.
fn give_memory_back() {
    println!("cargo::rerun-if-changed=src/memory.c");
    let mut c = cc::Build::new();
    c.file("src/memory.c").include(env::var_os("DEP_MIMALLOC_INCLUDE_DIR").unwrap_or_default());
    for object in c.compile_intermediates() {
        println!("cargo::rustc-link-arg-bins={}", object.display());
    }
}
