//! Keys and files that say what is allowed: who else may read or change them.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{
    finding::{Finding, Severity},
    others,
};
use crate::config::{Config, Transport};

/// Gives the account that governs: the one that the state belongs to, or would belong to.
pub(super) fn account(config: &Config) -> u32 {
    let ours = || rustix::process::geteuid().as_raw();
    fs::metadata(&config.state).map_or_else(|_| ours(), |it| it.uid())
}

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let keys = files(&config.keys());
    let state = ["keys", "ledger", "secrets"].map(|it| files(&config.state.join(it)));
    let private: Vec<_> = keys.iter().chain(state.iter().flatten()).collect();
    let readable = private.iter().filter(|it| !is_public(it)).filter_map(|it| readable(it));
    let written = said(config);
    let changeable = written.iter().filter_map(|it| changeable(it));
    let mut found: Vec<_> = readable.chain(changeable).collect();
    found.extend(variables(config));
    found.extend(of_people(&config.keys()));
    found.extend(of_agents(&keys));
    found
}

/// Lists the files below a folder; what cannot be listed holds nothing to see.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|it| {
            let path = it.path();
            if path.is_dir() { files(&path) } else { vec![path] }
        })
        .collect()
}

fn is_public(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with(".pub.pem") || name.ends_with(".pub")
}

/// Gives the files that say what is allowed.
fn said(config: &Config) -> Vec<PathBuf> {
    let folders =
        ["charters", "templates", "policies", "authzen"].map(|it| files(&config.home.join(it)));
    let mut said: Vec<_> = folders.into_iter().flatten().collect();
    said.push(config.file.clone());
    said
}

fn readable(path: &Path) -> Option<Finding> {
    let why = bailiwick_connect::check_private(path).err()?;
    Some(Finding {
        severity: Severity::Open,
        code: "readable-key",
        subject: path.display().to_string(),
        found: "it is not for its owner alone".to_owned(),
        means: "whoever reads a key can act with it, and nothing shows that it was not its owner",
        mend: format!("{why}, and make a new key: the old one may be known"),
    })
}

fn changeable(path: &Path) -> Option<Finding> {
    others::may_write(path).then(|| Finding {
        severity: Severity::Open,
        code: "changeable-configuration",
        subject: path.display().to_string(),
        found: "other accounts may change it, or put another in its place".to_owned(),
        means: "whoever changes it says what is allowed, from the next start or reload on",
        mend: format!("chmod go-w {} and the folders above it", path.display()),
    })
}

/// Variables of a child often hold the secrets that its server works with.
fn variables(config: &Config) -> Option<Finding> {
    let gives = |it: &&crate::config::Server| match &it.transport {
        Transport::Child { env, .. } => !it.is_given() && !env.is_empty(),
        Transport::Http { .. } | Transport::Route(_) => false,
    };
    let server = config.servers.iter().find(gives)?;
    others::may_read(&config.file).then(|| Finding {
        severity: Severity::Weak,
        code: "readable-variables",
        subject: config.file.display().to_string(),
        found: format!("it gives variables to `{}`, and other accounts may read it", server.name),
        means: "a credential among them is known to every account of this machine",
        mend: format!("chmod 600 {}", config.file.display()),
    })
}

fn of_people(keys: &Path) -> Option<Finding> {
    let people = files(&keys.join("people"));
    let names: Vec<_> = people
        .iter()
        .filter_map(|it| it.file_stem())
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    (!names.is_empty()).then(|| Finding {
        severity: Severity::Weak,
        code: "peoples-keys",
        subject: keys.join("people").display().to_string(),
        found: format!("the keys of {} lie on the governor's machine", names.join(", ")),
        means: "they are sealed; whoever takes this machine over can try passphrases, and hear one being typed here",
        mend: "people keep their keys, and approve, on machines of their own".to_owned(),
    })
}

fn of_agents(keys: &[PathBuf]) -> Option<Finding> {
    let named = |it: &&PathBuf| it.extension().is_some_and(|it| it == "pem") && !is_public(it);
    let names: Vec<_> = keys
        .iter()
        .filter(named)
        .filter_map(|it| it.file_stem())
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    (!names.is_empty()).then(|| Finding {
        severity: Severity::Weak,
        code: "agents-keys",
        subject: names.join(", "),
        found: "their private keys lie beside the governor's configuration".to_owned(),
        means: "whoever runs as the governor's account can open tasks in their names",
        mend: "move each private key to where its agent runs; the governor needs the `.pub.pem`"
            .to_owned(),
    })
}
