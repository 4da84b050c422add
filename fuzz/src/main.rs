//! One libFuzzer program for every parser of foreign bytes: `BAILIWICK_PARSER` names the one that
//! this run is about. `cargo xtask fuzz` builds and starts it.
#![no_main]

// The program is no library, so what reads its configuration is taken in by its path.
#[path = "../../crates/bailiwick/src"]
#[expect(dead_code, unused_imports, reason = "only what reads is used here")]
mod bailiwick {
    pub(crate) mod config;
}

use std::sync::LazyLock;

use bailiwick::config;

/// The tables of all crates.
const TABLES: [&[(&str, config::foreign::Read)]; 6] = [
    config::foreign::PARSERS,
    bailiwick_connect::foreign::PARSERS,
    bailiwick_gateway::foreign::PARSERS,
    bailiwick_model::foreign::PARSERS,
    bailiwick_policy::foreign::PARSERS,
    bailiwick_store::foreign::PARSERS,
];

static READ: LazyLock<config::foreign::Read> = LazyLock::new(|| {
    let name = std::env::var("BAILIWICK_PARSER").unwrap_or_default();
    let found = TABLES.iter().copied().flatten().find(|(it, _)| *it == name);
    found.unwrap_or_else(|| panic!("BAILIWICK_PARSER names no parser: `{name}`")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| READ(bytes));
