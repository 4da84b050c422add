//! `[evidence]`: how much is kept, how long, and where its signed heads are copied to.

use std::{
    ffi::OsString,
    ops::Range,
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use bailiwick_model::format_span;
use toml::Spanned;

use super::{
    Code,
    origin::Settings,
    read::{Reader, Table, filled},
};

/// How much of a call's arguments is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentsKept {
    /// All of them.
    Full,
    /// Sensitive and secret-shaped values as keyed digests.
    Redacted,
    /// A keyed digest only.
    Digest,
}

impl ArgumentsKept {
    const ALL: &'static [Self] = &[Self::Full, Self::Redacted, Self::Digest];

    /// Gives the word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Redacted => "redacted",
            Self::Digest => "digest",
        }
    }
}

/// What becomes of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// How much of the arguments is kept.
    pub(crate) arguments: ArgumentsKept,
    /// How long it is kept; none is for ever.
    pub(crate) retain: Option<Duration>,
    /// Where the signed heads are copied to.
    pub(crate) checkpoints: Option<PathBuf>,
}

/// `[evidence]` and where it says what.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) evidence: Evidence,
    checkpoints: Range<usize>,
}

/// Reads `[evidence]`.
pub(super) fn read(root: &Table<'_>, home: &Path, settings: &mut Settings<'_>) -> Option<Read> {
    root.section("evidence", |evidence| {
        let arguments = evidence.get("arguments");
        let kept = arguments.word(ArgumentsKept::ALL, ArgumentsKept::as_str);
        let retain = evidence.get("retain").length();
        let checkpoints = evidence.get("checkpoints");
        let path = checkpoints.made(filled).map(|it| home.join(it.into_inner()));

        let kept = kept.unwrap_or(ArgumentsKept::Redacted);
        settings.add("evidence.arguments", &kept.as_str(), arguments.at());
        if let Some(path) = &path {
            settings.add("evidence.checkpoints", &path.display(), checkpoints.at());
        } else if !checkpoints.is_given() {
            no_checkpoints(evidence);
        }
        if let Some(retain) = &retain {
            let text = format_span(*retain.get_ref());
            settings.add("evidence.retain", &text, Some(retain.span()));
            short_retain(evidence.reader(), retain);
        }
        let retain = retain.map(Spanned::into_inner);
        Read {
            checkpoints: checkpoints.at().unwrap_or_default(),
            evidence: Evidence { arguments: kept, retain, checkpoints: path },
        }
    })
}

fn no_checkpoints(evidence: &Table<'_>) {
    let message = "signed heads of the ledger are copied nowhere";
    let help = "with `checkpoints = \"…\"` on another machine or volume, a cut or rewritten ledger is noticed";
    let warning = evidence.reader().warning(Code::NoCheckpoints, evidence.at(), message);
    evidence.reader().push(warning.help(help));
}

/// Warns where evidence is gone before anyone looks: most findings are noticed within weeks.
fn short_retain(reader: &Reader, retain: &Spanned<Duration>) {
    const MONTH: Duration = Duration::from_secs(30 * 86_400);
    if MONTH <= *retain.get_ref() {
        return;
    }
    let text = format_span(*retain.get_ref());
    let message = format!("evidence is kept for {text} only");
    let warning = reader.warning(Code::ShortRetain, retain.span(), message);
    reader.push(
        warning
            .label("less than 30 days")
            .help("reviews look back a month and more; `400d` covers a year"),
    );
}

/// Reports state and checkpoints that lie inside each other, and remarks on one disk for both.
pub(super) fn apart(reader: &Reader, state: &Path, read: &Read) {
    let Some(checkpoints) = &read.evidence.checkpoints else { return };
    let (one, other) = (resolved(state), resolved(checkpoints));
    if one.starts_with(&other) || other.starts_with(&one) {
        let message = "state and checkpoints lie inside each other";
        let error = reader.error(Code::Overlap, read.checkpoints.clone(), message);
        reader.push(error.label(format!("and the state is `{}`", state.display())).help(
            "whoever can rewrite the ledger must not reach its signed heads: keep them apart",
        ));
    } else if device(&one).is_some_and(|disk| device(&other) == Some(disk)) {
        let message = "checkpoints lie on the same disk as the state";
        let warning = reader.warning(Code::SameDisk, read.checkpoints.clone(), message);
        reader.push(warning.help("best is another machine or volume: a lost disk takes both"));
    }
}

/// Follows links as far as the path exists, and takes `.` and `..` out of the rest.
fn resolved(path: &Path) -> PathBuf {
    let mut rest: Vec<OsString> = Vec::new();
    let plain = plain(path);
    let mut existing = plain.as_path();
    loop {
        if let Ok(real) = existing.canonicalize() {
            return rest.into_iter().rev().fold(real, |path, name| path.join(name));
        }
        let (Some(name), Some(parent)) = (existing.file_name(), existing.parent()) else {
            return plain;
        };
        rest.push(name.to_owned());
        existing = parent;
    }
}

fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
        plain
    })
}

/// Gives the disk that the nearest existing folder lies on.
fn device(path: &Path) -> Option<u64> {
    path.ancestors().find_map(|it| std::fs::metadata(it).ok()).map(|it| it.dev())
}
