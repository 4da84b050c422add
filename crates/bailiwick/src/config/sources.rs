//! `[[source]]`: logs of other systems that are read while they are written, or are sent.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_connect::source::{SOURCES, Source};
use bailiwick_model::format_span;
use toml::Spanned;

use super::{
    Code,
    origin::Settings,
    read::{Field, Table, filled},
    signals::called,
};

/// How many sources there may be.
const MOST: usize = 64;
/// How many bytes of what was sent are kept, where nothing is said; and between what.
const KEEP: u64 = 1 << 30;
const KEEPS: (u64, u64) = (32 << 20, 1 << 40);
/// Between what a silence is that is worth a word.
const SILENCES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(90 * 86_400));

/// One log of another system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSource {
    /// What it is called here.
    pub(crate) name: String,
    /// What kind of log it is; each record is known by its shape where nothing is said.
    pub(crate) kind: Option<LogKind>,
    /// The folder that is watched.
    pub(crate) folder: Option<PathBuf>,
    /// Whether it is sent here.
    pub(crate) push: bool,
    /// How many bytes of what was sent are kept.
    pub(crate) keep: u64,
    /// After how long without anything it is told of as silent.
    pub(crate) silence: Option<Duration>,
}

/// A kind of log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogKind(pub(crate) &'static Source);

impl PartialEq for LogKind {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for LogKind {}

impl LogSource {
    /// Gives what reads its records, where that is said.
    pub(crate) fn only(&self) -> Option<&'static Source> {
        self.kind.map(|it| it.0)
    }

    /// Gives where what was sent is kept, in a state.
    pub(crate) fn kept(&self, state: &Path) -> PathBuf {
        state.join("sources").join(&self.name)
    }
}

/// Reads all of them.
pub(super) fn read(
    root: &Table<'_>,
    (home, state): (&Path, Option<&Path>),
    settings: &mut Settings<'_>,
) -> Vec<LogSource> {
    let (field, mut names) = (root.get("source"), BTreeSet::new());
    let items = field.items();
    if MOST < items.len() {
        field.wrong(format!("`{}` is there {MOST} times at most", field.name()));
    }
    let read = items.iter().filter_map(|item| {
        item.table(|table| source(table, (home, state), (&mut names, settings))).flatten()
    });
    read.collect()
}

fn source(
    table: &Table<'_>,
    (home, state): (&Path, Option<&Path>),
    (names, settings): (&mut BTreeSet<String>, &mut Settings<'_>),
) -> Option<LogSource> {
    let name = table.get("name").required();
    let (kind, folder) = (table.get("kind"), table.get("folder"));
    let (push, keep) = (table.get("push"), table.get("keep"));
    let only = kind.word(SOURCES, |it| it.name);
    let path = folder.made(filled).map(|it| home.join(it.into_inner()));
    let pushed = push.truth().is_some_and(Spanned::into_inner);
    let kept = if keep.is_given() { keep.size().map(Spanned::into_inner) } else { Some(KEEP) };
    if kept.is_some_and(|it| it < KEEPS.0 || KEEPS.1 < it) {
        keep.wrong(format!("`{}` is between 32 MiB and 1 TiB", keep.name()));
    }
    if keep.is_given() && !pushed {
        keep.wrong(format!("`{}` is for a source with `push = true`", keep.name()));
    }
    let silence = silence(&table.get("silence"));
    let inside = |it: &&Path| path.as_ref().is_some_and(|p| p.starts_with(it) || it.starts_with(p));
    if state.as_ref().is_some_and(inside) {
        let message = "the folder of a source and the state lie inside each other";
        let help = "what is ours is no log of others: give it a folder of its own";
        folder.fault(Code::Overlap, message, "this one", Some(help));
    }
    let called = name.made(called)?;
    if !names.insert(called.get_ref().clone()) {
        let message = format!("source `{}` is given twice", called.get_ref());
        name.fault(Code::Twice, message, "once more here", None);
    }
    if !folder.is_given() && !pushed {
        let message = format!("source `{}` has no log", called.get_ref());
        let help = "give it the `folder` that its log lies in, or `push = true` to have it sent";
        name.fault(Code::MissingKey, message, "nothing would ever be read", Some(help));
    }
    if kind.is_given() && only.is_none() || folder.is_given() && path.is_none() {
        return None;
    }
    let name = called.into_inner();
    let key = |what: &str| format!("source.{name}.{what}");
    if let Some(only) = only {
        settings.add(key("kind"), &only.name, kind.at());
    }
    if let Some(path) = &path {
        settings.add(key("folder"), &path.display(), folder.at());
    }
    settings.add(key("push"), &pushed, push.at());
    if let Some(silence) = silence {
        let at = table.get("silence").at();
        settings.add(key("silence"), &format_span(silence), at);
    }
    let kind = only.map(|it| SOURCES.iter().find(|known| known.name == it.name));
    let kind = kind.flatten().map(LogKind);
    Some(LogSource { kind, folder: path, push: pushed, keep: kept?, silence, name })
}

/// Reads after how long without anything a source is silent.
fn silence(field: &Field<'_>) -> Option<Duration> {
    let length = field.length().map(Spanned::into_inner)?;
    let is_good = (SILENCES.0..=SILENCES.1).contains(&length);
    if !is_good {
        field.wrong(format!("`{}` is between 1m and 90d", field.name()));
    }
    is_good.then_some(length)
}
