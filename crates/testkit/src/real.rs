//! Real systems of others, started for one test and gone with it.

mod authorization;
mod aws;
mod postgres;
mod softhsm;
mod sshd;

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
};

pub use authorization::{Authorization, Provider};
pub use aws::Aws;
pub use postgres::Postgres;
use serde_json::Value;
pub use softhsm::{PIN, SoftHsm};
pub use sshd::Sshd;

/// What `cargo xtask real` wrote down of the parts that it installed; nothing where it never ran.
pub(crate) fn parts() -> Option<Value> {
    let file = root().join("target/real/parts.json");
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Says that a test shows nothing, where it is seen also when the test passes.
pub(crate) fn skipped(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _unheard = writeln!(std::io::stderr(), "!!! SKIPPED, NOTHING WAS SHOWN: {name}: {why}");
}

/// A port of this machine that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it has an address").port()
}
