//! `kind = "ssh"`: a user certificate of OpenSSH for each lease.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bailiwick_connect::{Broker, Ssh, SshTarget};
use bailiwick_model::{EnforcedAs, TargetName, format_span};
use toml::Spanned;

use super::{Bears, Home, TargetKind, TargetSettings, said};
use crate::config::Table;

/// Its line in the list.
pub(super) const KIND: TargetKind = TargetKind { name: "ssh", bears: Bears::Nothing, read };

const PORT: u64 = 22;
/// How long a certificate lives: where nobody says it, and at the most.
const LONGEST: Duration = Duration::from_secs(300);
const LONGEST_MAX: Duration = Duration::from_secs(3600);

fn read(table: &Table<'_>, home: &Home<'_>) -> Option<Arc<dyn TargetSettings>> {
    let host = said::required(table, "host");
    let field = table.get("port");
    let port =
        u16::try_from(field.whole().map_or(PORT, Spanned::into_inner)).unwrap_or_else(|_| {
            field.wrong(format!("`port` is at most {}", u16::MAX));
            1
        });
    let host_key = said::text(table, "host_key");
    let [folder, krl] = ["folder", "krl"].map(|key| said::needed_path(table, key, home));
    let principals = said::needed_texts(table, "principals");
    let command = said::text(table, "command");
    let terminal = table.get("terminal").truth().is_some_and(Spanned::into_inner);
    let sources = said::texts(table, "sources");
    let longest = said::longest(table, LONGEST, LONGEST_MAX);
    let end = said::end(table, home);
    let target = SshTarget {
        host: host?,
        port,
        host_key,
        folder: folder?,
        krl: krl?,
        principals: principals?,
        command,
        terminal,
        sources,
        longest,
        end: end?,
    };
    let check = target.check();
    Some(Arc::new(said::checked(table, target, check)?))
}

impl TargetSettings for SshTarget {
    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn wants(&self) -> Option<Vec<String>> {
        Some(self.principals.clone())
    }

    fn private(&self) -> Vec<PathBuf> {
        vec![self.folder.clone()]
    }

    fn told(&self) -> Vec<(&'static str, String)> {
        vec![
            ("host", self.host.clone()),
            ("port", self.port.to_string()),
            ("folder", self.folder.display().to_string()),
            ("krl", self.krl.display().to_string()),
            ("principals", self.principals.join(", ")),
            ("command", self.command.clone().unwrap_or_default()),
            ("terminal", self.terminal.to_string()),
            ("sources", self.sources.join(", ")),
            ("longest", format_span(self.longest)),
        ]
    }

    fn broker(&self, target: &TargetName) -> anyhow::Result<Arc<dyn Broker>> {
        let made = Ssh::new(target.clone(), self.clone(), said::now());
        Ok(Arc::new(made.map_err(anyhow::Error::msg)?))
    }
}
