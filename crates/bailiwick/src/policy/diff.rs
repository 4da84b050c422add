//! `bailiwick policy diff`: which decisions change between two sets of policies.

mod ledger;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::IsTerminal as _,
    path::PathBuf,
    sync::Arc,
};

use anyhow::Context as _;
use bailiwick_model::VerdictKind;
use bailiwick_policy::{PolicyOptions, PolicySet, PolicySource};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{
    case::{Asked, Case},
    files,
    names::Names,
    rehearsal::{Came, Rehearsal},
    report::counted,
    test::cases,
};
use crate::{
    cli::{Common, DiffPolicies},
    config::{Found, House, Overrides},
    exit::{CommandError, Exit, Outcome},
    run::{wrong, wrong_in},
};

/// What two sets of policies say otherwise.
#[derive(Debug, Serialize)]
struct Diff {
    /// How many decisions were judged by both.
    judged: usize,
    /// How many of these have another verdict, by what became of what.
    counts: BTreeMap<String, usize>,
    /// How many have the same verdict by other policies.
    otherwise_decided: usize,
    /// Those with another verdict.
    changed: Vec<Changed>,
    /// Recorded decisions that could not be judged anew, by why.
    skipped: BTreeMap<&'static str, usize>,
}

/// One decision with another verdict.
#[derive(Debug, Serialize)]
struct Changed {
    /// The case, or the recorded decision.
    what: String,
    /// The file of the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    old: Said,
    new: Said,
}

/// What one set says of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Said {
    verdict: VerdictKind,
    /// What enforcing everything would say, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    would: Option<VerdictKind>,
    /// The reasons that decided, by where they come from: policies by their ids.
    decided_by: BTreeSet<String>,
}

/// Judges cases, and recorded decisions where that is asked for, by both sets.
pub(crate) fn diff(common: &Common, overrides: &Overrides, words: &DiffPolicies) -> Outcome {
    let (house, _) = House::load(&common.config, overrides).map_err(|found| wrong(&found))?;
    let home = files::home(&common.config).context("the current folder cannot be found")?;
    let old = set(&house, &words.old, &home, "the old policies")?;
    let new = set(&house, &words.new, &home, "the new policies")?;
    let mut diff = Diff::nothing();
    let usual = home.join("tests");
    let paths = match (words.cases.as_slice(), usual.is_dir()) {
        ([], true) => vec![usual],
        (given, _) => given.to_vec(),
    };
    let files =
        files::read(&paths, &home, "toml").map_err(|found| wrong_in("the cases", &found))?;
    let cases = cases(&files, &Names::of(&house)).map_err(|found| wrong_in("the cases", &found))?;
    // Those of enforcement points elsewhere are judged by other policies.
    let of_calls = |it: &Case| matches!(it.asked, Asked::Call(_));
    let cases: Vec<Case> = cases.into_iter().filter(of_calls).collect();
    let (by_old, by_new) =
        (Rehearsal::by(&house, Arc::clone(&old)), Rehearsal::by(&house, Arc::clone(&new)));
    let progress = progress(cases.len());
    for case in &cases {
        let [old, new] = [&by_old, &by_new].map(|it| Said::of(&it.judge(case)));
        let (what, file) = (case.name.clone(), Some(case.file.clone()));
        diff.take(Changed { what, file, line: Some(case.line), old, new });
        progress.inc(1);
    }
    progress.finish_and_clear();
    if words.ledger {
        ledger::judge(&house, (&old, &new), &mut diff)?;
    }
    if diff.judged == 0 {
        let text =
            "nothing was judged: there is no `[[case]]`, and no recorded decision that could be";
        return Err(CommandError::Words(text.to_owned()));
    }
    common.output.show(&diff, Diff::text)?;
    Ok(if diff.changed.is_empty() { Exit::Done } else { Exit::No })
}

/// Compiles the policies at `path` as those of this house.
fn set(
    house: &House,
    path: &PathBuf,
    home: &std::path::Path,
    which: &str,
) -> Result<Arc<PolicySet>, CommandError> {
    let read = files::read(std::slice::from_ref(path), home, "cedar");
    let read = read.map_err(|found| wrong_in(which, &found))?;
    let source = |it: &files::Read| PolicySource {
        name: it.source.name.clone(),
        text: it.source.text().to_owned(),
    };
    let sources: Vec<PolicySource> = read.iter().map(source).collect();
    let options = PolicyOptions { builtin_permit: house.config.builtin_permit };
    PolicySet::compile_with(&house.constraints, None, &sources, options).map(Arc::new).map_err(
        |errors| {
            let errors = errors.into_iter().map(miette::Report::new).collect();
            wrong_in(which, &Found { errors, ..Found::default() })
        },
    )
}

/// Shows how far it is to whoever watches, where there is much to do.
fn progress(count: usize) -> ProgressBar {
    const MUCH: usize = 500;
    if count < MUCH || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("judged {pos} of {len}, {eta} to go");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

/// Shows how many there were to whoever watches, where nobody knows how many there are.
fn counting() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("judged {pos} decisions on record");
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

impl Said {
    fn of(came: &Came) -> Self {
        Self {
            verdict: came.verdict,
            would: came.would,
            decided_by: came.deciding().map(|(_, it)| it.source.clone()).collect(),
        }
    }

    fn text(&self) -> String {
        let would = self.would.map(|it| format!(", would {it}")).unwrap_or_default();
        let by: Vec<String> = self.decided_by.iter().map(|it| format!("`{it}`")).collect();
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
        format!("{}{would}{by}", self.verdict)
    }
}

impl Diff {
    const fn nothing() -> Self {
        Self {
            judged: 0,
            counts: BTreeMap::new(),
            otherwise_decided: 0,
            changed: Vec::new(),
            skipped: BTreeMap::new(),
        }
    }

    /// Takes what both said of one decision.
    fn take(&mut self, both: Changed) {
        self.judged = self.judged.saturating_add(1);
        let (old, new) = (&both.old, &both.new);
        if (old.verdict, old.would) != (new.verdict, new.would) {
            let turn = if old.verdict == new.verdict {
                format!("{} would be otherwise", old.verdict)
            } else {
                format!("{} to {}", old.verdict, new.verdict)
            };
            let count = self.counts.entry(turn).or_default();
            *count = count.saturating_add(1);
            self.changed.push(both);
        } else if old.decided_by != new.decided_by {
            self.otherwise_decided = self.otherwise_decided.saturating_add(1);
        }
    }

    fn skip(&mut self, why: &'static str) {
        let count = self.skipped.entry(why).or_default();
        *count = count.saturating_add(1);
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for it in &self.changed {
            let place = match (&it.file, it.line) {
                (Some(file), Some(line)) => format!(" ({file}:{line})"),
                (None, _) | (_, None) => String::new(),
            };
            text.push_str(&format!("{}{place}\n", it.what));
            text.push_str(&format!("  old  {}\n  new  {}\n", it.old.text(), it.new.text()));
        }
        let judged = counted(self.judged, "decision", "decisions");
        let changed = self.changed.len();
        text.push_str(&format!("{changed} of {judged} changed\n"));
        for (turn, count) in &self.counts {
            text.push_str(&format!("  {count} {turn}\n"));
        }
        if self.otherwise_decided != 0 {
            text.push_str(&format!("{} as before, by other policies\n", self.otherwise_decided));
        }
        for (why, count) in &self.skipped {
            text.push_str(&format!("{count} recorded not judged: {why}\n"));
        }
        text
    }
}
