//! STS and IAM as moto has them, and a judge of signed requests that asks botocore.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdin, Command, Stdio},
};

use serde_json::Value;

use super::{parts, skipped};

/// Both run until this is dropped.
#[derive(Debug)]
pub struct Aws {
    child: Child,
    /// They run as long as this is open.
    _words: ChildStdin,
    /// Where STS and IAM are.
    pub services: String,
    /// Where a signed request is looked at: what is thought of it comes back as JSON.
    pub judge: String,
}

impl Aws {
    /// Starts them. Where there are none the test cannot show anything, and says so.
    pub fn start() -> Option<Self> {
        let part = parts();
        let words = part.as_ref().and_then(|it| it.get("aws")?.as_array());
        let words: Vec<_> = words.into_iter().flatten().filter_map(Value::as_str).collect();
        let Some((program, words)) = words.split_first() else {
            skipped("there is no moto here: `cargo xtask real` installs it");
            return None;
        };
        Some(Self::of(program, words))
    }

    fn of(program: &str, words: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("moto can be started");
        let stdin = child.stdin.take().expect("it was asked for");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("it was asked for"));
        said.read_line(&mut line).expect("moto says where it is");
        let places: Value = serde_json::from_str(&line).expect("moto says where it is");
        let place = |name: &str| {
            let port = places.get(name).and_then(Value::as_u64).expect("a port");
            format!("http://127.0.0.1:{port}")
        };
        let (services, judge) = (place("moto"), place("judge"));
        Self { child, _words: stdin, services, judge }
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = (self.child.kill(), self.child.wait());
    }
}
