//! The demonstration's configuration, and what its tool servers counted.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::sessions::Sessions;

const FILES: &[(&str, &str)] = &[
    ("bailiwick.toml", include_str!("house/bailiwick.toml")),
    ("policies/guardrails.cedar", include_str!("house/guardrails.cedar")),
    ("charters/billing-agent.toml", include_str!("house/billing-agent.charter.toml")),
    ("templates/dunning.toml", include_str!("house/dunning.template.toml")),
    ("charters/build-agent.toml", include_str!("house/build-agent.charter.toml")),
    ("charters/triage-agent.toml", include_str!("house/triage-agent.charter.toml")),
    ("charters/summary-agent.toml", include_str!("house/summary-agent.charter.toml")),
    ("charters/report-job.toml", include_str!("house/report-job.charter.toml")),
    ("charters/ops-agent.toml", include_str!("house/ops-agent.charter.toml")),
    ("templates/night-fix.toml", include_str!("house/night-fix.template.toml")),
    ("templates/release.toml", include_str!("house/release.template.toml")),
    ("templates/ticket-triage.toml", include_str!("house/ticket-triage.template.toml")),
    ("templates/summary.toml", include_str!("house/summary.template.toml")),
    ("templates/orders-report.toml", include_str!("house/orders-report.template.toml")),
    ("templates/nightly-report.toml", include_str!("house/nightly-report.template.toml")),
];

/// Gives where requests are counted that reach the server or application `name`.
pub(super) fn count_of(folder: &Path, name: &str) -> PathBuf {
    folder.join("reached").join(name)
}

/// Makes the folders of the configuration.
pub(super) fn prepare(folder: &Path) -> anyhow::Result<()> {
    bailiwick_connect::create_dir_private(folder)?;
    for sub in ["policies", "charters", "templates", "reached"] {
        std::fs::create_dir_all(folder.join(sub))?;
    }
    Ok(())
}

/// Writes the configuration below `folder`, for an application at `legacy` and a database; every
/// identity proves itself by this account.
pub(super) fn write(
    folder: &Path,
    legacy: SocketAddr,
    database: &Sessions,
) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("this program does not know its own path")?;
    let texts = [
        ("LEGACY", legacy.to_string()),
        ("KEY_OF_SESSIONS", database.key.expose().to_owned()),
        ("\"SESSIONS\"", format!("{:?}", database.address.to_string())),
        ("\"OWN\"", format!("{:?}", own.display().to_string())),
    ];
    let uid = rustix::process::geteuid().as_raw().to_string();
    for (name, text) in FILES {
        let all =
            texts.iter().fold(text.replace("UID", &uid), |all, (word, it)| all.replace(word, it));
        std::fs::write(folder.join(name), all)?;
    }
    Ok(folder.join("bailiwick.toml"))
}

/// Counts the calls that reached a tool server, by the servers' own word.
pub(super) fn reached(folder: &Path) -> anyhow::Result<u64> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder.join("reached"))? {
        let lines = std::fs::read_to_string(entry?.path())?.lines().count();
        count = u64::try_from(lines)?.saturating_add(count);
    }
    Ok(count)
}
