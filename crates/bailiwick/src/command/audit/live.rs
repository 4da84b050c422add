//! `--live`: the logs of a governor's sources, as they lie there now. It may run, and need not.

use std::fs;

use bailiwick_connect::source::{FileError, Source, find_files};

use crate::{
    cli::{AuditLogs, Common},
    config::{Config, Overrides},
    exit::CommandError,
    output::remark,
    run::wrong,
};

/// Adds what the configuration's sources hold, the governor's own ledger, and its charters, where `--live` asks for that.
pub(crate) fn with_sources(
    mut words: AuditLogs,
    common: &Common,
) -> Result<AuditLogs, CommandError> {
    if !words.live {
        return Ok(words);
    }
    let overrides = Overrides::new(None, None, &|it| std::env::var(it).ok())
        .map_err(|it| CommandError::Words(format!("the current folder cannot be found: {it}")))?;
    let config = Config::load(&common.config, &overrides).map_err(|found| wrong(&found))?;
    if config.sources.is_empty() {
        let why =
            format!("`{}` has no `[[source]]`: `--live` reads those", common.config.display());
        return Err(CommandError::Words(why));
    }
    for source in &config.sources {
        let sent = source.push.then(|| source.kept(&config.state));
        for folder in source.folder.clone().into_iter().chain(sent) {
            match find_files(std::slice::from_ref(&folder)) {
                Ok(files) => words.sources.extend(files.into_iter().map(|it| (it, source.only()))),
                Err(error) => remark(&format!("source `{}`: {error}", source.name)),
            }
        }
    }
    if config.state.join("ledger").is_dir() && !words.ledger.contains(&config.state) {
        words.ledger.push(config.state);
    }
    let charters = config.home.join("charters");
    if words.charters.is_empty() && charters.is_dir() {
        words.charters.push(charters);
    }
    Ok(words)
}

/// Says whether a log may be left out: it is still written, or went since it was found.
pub(super) fn is_passing(error: &FileError, path: &std::path::Path) -> bool {
    match error {
        FileError::Io(_) => fs::symlink_metadata(path).is_err(),
        FileError::Packed(_) => true,
        FileError::Line | FileError::Document => false,
    }
}

/// One log of a source, and what reads it.
pub(crate) type LiveLog = (std::path::PathBuf, Option<&'static Source>);
