//! `kind = "postgres"`: a role for each lease.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bailiwick_connect::{Broker, Postgres, PostgresDefaults, PostgresTarget, PostgresTrust};
use bailiwick_model::{EnforcedAs, TargetName, format_span};
use toml::Spanned;

use super::{Bears, Home, TargetKind, TargetSettings, said};
use crate::config::Table;

/// Its line in the list.
pub(super) const KIND: TargetKind = TargetKind { name: "postgres", bears: Bears::Nothing, read };

/// How many sessions a lease may have where nobody says it.
const CONNECTIONS: u64 = 4;
const PORT: u64 = 5432;
/// How long a role may sign in: where nobody says it, and at the most.
const LONGEST: Duration = Duration::from_secs(3600);
const LONGEST_MAX: Duration = Duration::from_secs(12 * 3600);

fn read(table: &Table<'_>, home: &Home<'_>) -> Option<Arc<dyn TargetSettings>> {
    let host = said::required(table, "host");
    let [port, connections] = [("port", PORT), ("connections", CONNECTIONS)].map(|(key, usual)| {
        let field = table.get(key);
        let number = field.whole().map_or(usual, Spanned::into_inner);
        u16::try_from(number).unwrap_or_else(|_| {
            field.wrong(format!("`{key}` is at most {}", u16::MAX));
            1
        })
    });
    let [database, login] = ["database", "login"].map(|key| said::required(table, key));
    let password = said::secret(table, ["password_file", "password_command"], home);
    let groups = said::needed_texts(table, "groups");
    let heir = said::text(table, "heir");
    let [statement, idle_in_transaction] = ["statement_timeout", "idle_in_transaction_timeout"]
        .map(|key| table.get(key).length().map(Spanned::into_inner));
    let search_path = said::texts(table, "search_path");
    let longest = said::longest(table, LONGEST, LONGEST_MAX);
    let prefix = said::text(table, "prefix").unwrap_or_else(|| "bw_".to_owned());
    let encrypted = table.get("tls").truth().map(Spanned::into_inner);
    let authority = said::path(table, "ca", home);
    let host = host?;
    let on_a_socket = host.starts_with('/');
    let trust = match authority {
        _ if on_a_socket || encrypted == Some(false) => None,
        Some(path) => Some(PostgresTrust::File(path)),
        None => Some(PostgresTrust::System),
    };
    let target = PostgresTarget {
        host,
        port,
        trust,
        database: database?,
        login: login?,
        password,
        groups: groups?,
        heir,
        connections,
        defaults: PostgresDefaults { statement, idle_in_transaction, search_path },
        longest,
        prefix,
    };
    let check = target.check();
    Some(Arc::new(said::checked(table, target, check)?))
}

impl TargetSettings for PostgresTarget {
    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn wants(&self) -> Option<Vec<String>> {
        Some(self.groups.clone())
    }

    fn private(&self) -> Vec<PathBuf> {
        said::file(self.password.as_ref())
    }

    fn told(&self) -> Vec<(&'static str, String)> {
        let tls = match &self.trust {
            Some(PostgresTrust::System) => "the system's authorities".to_owned(),
            Some(PostgresTrust::File(path)) => path.display().to_string(),
            None => "no".to_owned(),
        };
        vec![
            ("host", self.host.clone()),
            ("port", self.port.to_string()),
            ("tls", tls),
            ("database", self.database.clone()),
            ("login", self.login.clone()),
            ("groups", self.groups.join(", ")),
            ("heir", self.heir.clone().unwrap_or_default()),
            ("connections", self.connections.to_string()),
            ("longest", format_span(self.longest)),
            ("prefix", self.prefix.clone()),
        ]
    }

    fn broker(&self, target: &TargetName) -> anyhow::Result<Arc<dyn Broker>> {
        Ok(Arc::new(Postgres::new(target.clone(), self.clone())?))
    }
}
