//! Where the parts of others are that `cargo xtask real` installed.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// What `target/real/parts.json` says.
#[derive(Debug)]
pub(crate) struct Parts(Value);

impl Parts {
    /// Finds the parts. Where there are none the test cannot show anything, and says so past the
    /// capture of the test runner.
    pub(crate) fn find() -> Option<Self> {
        let file = root().join("target/real/parts.json");
        let Ok(text) = fs::read_to_string(&file) else {
            skipped("the real parts are missing: `cargo xtask real` installs them");
            return None;
        };
        Some(Self(serde_json::from_str(&text).unwrap()))
    }

    /// Gives one path.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("`{name}` is no part"))
    }

    /// Gives a part that not every machine can have.
    pub(crate) fn where_there_is(&self, name: &str) -> Option<&Value> {
        Some(&self.0[name]).filter(|it| !it.is_null())
    }

    /// Gives the words of one command.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        let words = self.0[name].as_array().unwrap_or_else(|| panic!("`{name}` is no part"));
        words.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    }

    /// Gives the command of a server or a client.
    pub(crate) fn command(&self, kind: &str, name: &str) -> Vec<String> {
        let words = self.0[kind][name].as_array().unwrap_or_else(|| panic!("no part `{name}`"));
        words.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    }
}

/// Gives the folder of the whole checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Says that a test shows nothing, where it is seen also when the test passes.
pub(crate) fn skipped(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _unheard = writeln!(std::io::stderr(), "!!! SKIPPED, NOTHING WAS SHOWN: {name}: {why}");
}
