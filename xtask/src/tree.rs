//! The repository's files as text, so that every check is a plain function over them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::run;

/// Files larger than this are data, not text that someone reads.
const TEXT_MAX: u64 = 1024 * 1024;

/// All files that are tracked, or would be after `git add`.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Every path, from the root, with `/` between its parts.
    pub(crate) paths: BTreeSet<String>,
    /// The text of those that are text.
    pub(crate) texts: BTreeMap<String, String>,
    /// The size list as earlier commits had it, newest first.
    pub(crate) earlier_ratchets: Vec<String>,
    /// Where the repository lies on this machine.
    pub(crate) root: String,
}

impl Tree {
    /// Reads the repository at `root`.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let listed = run::quietly(git(root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))
        .context("cannot list the repository's files")?;
        let mut tree = Self { root: root.display().to_string(), ..Self::default() };
        for path in listed.split('\0').filter(|it| !it.is_empty()) {
            tree.take(root, path)?;
        }
        for commit in ["HEAD", "HEAD^"] {
            // The first commits have no such file yet, and a shallow clone no such commit.
            let earlier = run::quietly(git(root).args(["show", &format!("{commit}:{RATCHET}")]));
            tree.earlier_ratchets.extend(earlier.ok());
        }
        Ok(tree)
    }

    fn take(&mut self, root: &Path, path: &str) -> anyhow::Result<()> {
        let file = root.join(path);
        let Ok(facts) = std::fs::symlink_metadata(&file) else {
            return Ok(()); // deleted, and the deletion not yet committed
        };
        self.paths.insert(path.to_owned());
        if !facts.is_file() || facts.len() > TEXT_MAX {
            return Ok(());
        }
        let bytes = std::fs::read(&file).with_context(|| format!("cannot read `{path}`"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            self.texts.insert(path.to_owned(), text);
        }
        Ok(())
    }

    /// The text files whose name ends so.
    pub(crate) fn ending(&self, end: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .filter(move |(path, _)| path.ends_with(end))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// A tree of the given files, for a check's own tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let texts: BTreeMap<String, String> =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { paths: texts.keys().cloned().collect(), texts, ..Self::default() }
    }
}

/// The list of files that were too long when the limit came; it may only shrink.
pub(crate) const RATCHET: &str = "xtask/ratchet.toml";

fn git(root: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(root);
    command
}

/// One thing that is not as the house wants it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    pub(crate) file: String,
    pub(crate) line: Option<usize>,
    pub(crate) what: String,
}

impl Fault {
    /// A fault of a whole file.
    pub(crate) fn of_file(file: &str, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, what: what.into() }
    }

    /// A fault at a line, counted from 0 as iterators do.
    pub(crate) fn of_line(file: &str, index: usize, what: impl Into<String>) -> Self {
        let line = Some(index.saturating_add(1));
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}
