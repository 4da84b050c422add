//! `kind = "program"`: credentials that a program of the operator's makes and ends.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use bailiwick_connect::{Broker, EnforcedAs, ProgramBroker, ProgramSpec};
use bailiwick_model::{TargetName, format_span};
use toml::Spanned;

use super::{Bears, Home, TargetKind, TargetSettings};
use crate::config::Table;

/// Its line in the list.
pub(super) const KIND: TargetKind = TargetKind { name: "program", bears: Bears::Text, read };

/// How long it may take where nobody says it.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What its table says.
#[derive(Clone)]
struct Settings {
    command: Vec<String>,
    env: BTreeMap<String, String>,
    dir: PathBuf,
    timeout: Duration,
}

// Variables often hold secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, env, dir, timeout } = self;
        let names: Vec<_> = env.keys().collect();
        write!(out, "program {command:?} with {names:?} in {dir:?} within {timeout:?}")
    }
}

fn read(table: &Table<'_>, home: &Home<'_>) -> Option<Arc<dyn TargetSettings>> {
    let command = table.get("command").required().command(home.home);
    let env = table.get("env").variables();
    let timeout = table.get("timeout");
    let span = timeout.length().map_or(TIMEOUT, Spanned::into_inner);
    if span.is_zero() || Duration::from_secs(45) < span {
        timeout.wrong("a program is waited for between 1 and 45 seconds");
    }
    let dir = home.home.to_path_buf();
    Some(Arc::new(Settings { command: command?, env, dir, timeout: span }))
}

impl TargetSettings for Settings {
    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn private(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    fn told(&self) -> Vec<(&'static str, String)> {
        // What follows the program may be a secret.
        let program = self.command.first().cloned().unwrap_or_default();
        vec![("command", program), ("timeout", format_span(self.timeout))]
    }

    fn broker(&self, target: &TargetName) -> anyhow::Result<Arc<dyn Broker>> {
        let Self { command, env, dir, timeout } = self.clone();
        let target = target.clone();
        Ok(Arc::new(ProgramBroker::new(ProgramSpec { target, command, env, dir, timeout })))
    }
}
