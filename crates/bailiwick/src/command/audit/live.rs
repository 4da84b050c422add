//! `--live`: the logs of a governor's sources, as they lie there now. It may run, and need not.

use std::{
    fs::{File, Metadata},
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_connect::source::{FileError, Lying, Source, Unread};

use crate::{
    cli::{AuditLogs, Common},
    config::{Config, Overrides},
    exit::CommandError,
    output::remark,
    page::escape::plain,
    run::wrong,
};

/// How often a folder is listed, while something in it was not read: logs are renamed while they are read.
const LOOKS: usize = 4;
/// For how long after it changed last a packed file that is cut off may still be written.
const WRITTEN: Duration = Duration::from_secs(60);
/// How much that was left out is told one by one.
const LEFT_OUT_MAX: usize = 100;

/// One folder of a source, and what reads it.
#[derive(Clone, Debug)]
pub(crate) struct LiveLog {
    source: String,
    folder: PathBuf,
    pub(super) only: Option<&'static Source>,
}

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
        let log = |folder| LiveLog { source: source.name.clone(), folder, only: source.only() };
        words.sources.extend(source.folder.clone().into_iter().chain(sent).map(log));
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

/// What was not read, or not whole: whoever looks unused may be used there.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    told: Vec<String>,
    count: usize,
}

impl LeftOut {
    fn add(&mut self, text: String) {
        if self.told.contains(&text) {
            return;
        }
        remark(&plain(&text));
        self.count = self.count.saturating_add(1);
        if self.told.len() < LEFT_OUT_MAX {
            self.told.push(text);
        }
    }

    /// Gives what is told in the report.
    pub(super) fn into_told(mut self) -> Vec<String> {
        let more = self.count.saturating_sub(self.told.len());
        if 0 < more {
            self.told.push(format!("and {more} more"));
        }
        self.told
    }
}

impl LiveLog {
    /// Hands on each of its files once, open, whatever it is called by then. What cannot be read costs itself alone.
    pub(super) fn each(
        &self,
        left_out: &mut LeftOut,
        read: &mut dyn FnMut(&Path, &File, &mut LeftOut) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        let mut lying = Lying::new(self.folder.clone());
        let mut goes_on = true;
        for look in 0..=LOOKS {
            let Unread { files, left_out: strange } = match lying.unread() {
                Ok(unread) => unread,
                Err(error) => {
                    let folder = self.folder.display();
                    left_out.add(format!("source `{}`, `{folder}`: {error}", self.source));
                    return Ok(());
                }
            };
            for (path, why) in strange {
                left_out.add(format!("source `{}`, `{}`: {why}", self.source, path.display()));
            }
            goes_on = false;
            for path in files {
                match lying.open(&path) {
                    Ok(None) => {}
                    Ok(Some(file)) if look < LOOKS => {
                        goes_on = true;
                        read(&path, &file, left_out)?;
                    }
                    Ok(Some(_)) => goes_on = true,
                    Err(error) => {
                        let path = path.display();
                        left_out.add(format!("source `{}`, `{path}`: {error}", self.source));
                    }
                }
            }
            if !goes_on {
                break;
            }
        }
        if goes_on {
            let (source, folder) = (&self.source, self.folder.display());
            left_out.add(format!(
                "source `{source}`, `{folder}`: logs came while it was read, and the last are left out"
            ));
        }
        Ok(())
    }

    /// Tells of a file that cannot be read to its end, and says whether that is a fault of the file: one that is still written
    /// has none.
    pub(super) fn tell(
        &self,
        error: &FileError,
        path: &Path,
        (file, before): (&File, Option<&Metadata>),
        left_out: &mut LeftOut,
    ) -> bool {
        let path = path.display();
        let is_cut = matches!(error, FileError::Packed { is_cut: true, .. });
        if is_cut && is_written(file, before) {
            let says = format!("`{path}` is still written, and is read as far as it is: {error}");
            remark(&plain(&says));
            return false;
        }
        left_out.add(format!("source `{}`, `{path}` is not read whole: {error}", self.source));
        true
    }
}

/// Says whether a file has grown since it was opened, or changed a moment ago.
fn is_written(file: &File, before: Option<&Metadata>) -> bool {
    let Ok(now) = file.metadata() else { return false };
    let has_grown = before.is_some_and(|it| it.len() != now.len());
    let age = now.modified().ok().and_then(|it| it.elapsed().ok());
    has_grown || age.is_some_and(|it| it < WRITTEN)
}
