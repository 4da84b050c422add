//! Whether tool servers, which run as the governor's account, are kept from the governor's files.

use std::path::Path;

use super::finding::{Finding, Severity};
use crate::{
    admin::gains_none,
    config::{Config, Transport},
};

pub(super) fn look(config: &Config, serves: bool) -> Vec<Finding> {
    let children = config.servers.iter().any(|it| match it.transport {
        Transport::Child { .. } => true,
        Transport::Http { .. } | Transport::Route(_) => false,
    });
    if !children {
        return Vec::new();
    }
    let unconfined = bailiwick_gateway::try_confine(&config.private()).err().map(|why| Finding {
        severity: Severity::Open,
        code: "unconfined-children",
        subject: "tool servers".to_owned(),
        found: format!("the kernel does not confine them: {why}"),
        means: "a tool server can read the governor's keys and change its state and configuration",
        mend: "use a kernel with Landlock (Linux 6.2 or newer), or run tool servers elsewhere and name their `url`".to_owned(),
    });
    let alike = (serves && cannot_tell(&config.state)).then(|| Finding {
        severity: Severity::Open,
        code: "admin-socket-open",
        subject: "admin.sock".to_owned(),
        found: "the governor cannot gain privileges, as its tool servers cannot".to_owned(),
        means: "nothing tells a tool server that asks the admin socket from a person who does",
        mend: "start it without `NoNewPrivileges`; its children get that by themselves".to_owned(),
    });
    unconfined.into_iter().chain(alike).collect()
}

/// Asks whether the process that holds the state looks as its confined children do.
pub(super) fn cannot_tell(state: &Path) -> bool {
    let holder = std::fs::read_to_string(state.join("lock")).unwrap_or_default();
    gains_none(holder.trim()) == Some(true)
}
