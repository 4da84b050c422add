//! `audit`: granted against exercised, from files alone. No governor runs, and no configuration is read.

mod found;
pub(super) mod grants;
mod html;
mod ledger;
mod ocsf;
mod show;

use std::{fs, io, path::Path, time::Duration};

use bailiwick_connect::source::{FileError, Record, find_files, read_file, read_from};
use bailiwick_insight::{Audit, Catalogue, Exercised, IntentPolicy, audit, judge};
use bailiwick_model::Exercise;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::{AuditFormat, AuditLogs, FailOn},
    config::read_intents,
    exit::{CommandError, Exit, Outcome},
    output::{Output, Screen, remark, say},
    run::wrong_in,
};

/// How many records that cannot be read are told one by one.
const FAULTS_TOLD: u64 = 10;

/// Reads the logs and the grants, and shows the one beside the other.
pub(crate) fn run(words: &AuditLogs, output: Output) -> Outcome {
    if words.format == Some(AuditFormat::Ocsf) {
        if !words.fail_on.is_empty() {
            let why = "`--fail-on` judges a report, and `--format ocsf` writes none: leave one out";
            return Err(CommandError::Words(why.to_owned()));
        }
        return ocsf::run(words);
    }
    let charters =
        read_intents(&words.charters).map_err(|found| wrong_in("the charters", &found))?;
    let holders = grants::read(&words.grants)?;
    let (exercised, counts) = exercised(words)?;
    let mut told = audit(&exercised, &holders);
    let policy = IntentPolicy {
        max_key_age: words.max_key_age,
        // A day without use there must be.
        unused_days: words.unused_after.as_secs().div_ceil(86_400).max(1),
    };
    judge(&exercised, &mut told, &charters, policy);
    (told.summary.records, told.summary.errors) = (counts.records, counts.errors);
    told.summary.undated = counts.undated;
    keep_named(&mut told, &words.identity);
    if !words.identity.is_empty() && told.identities.is_empty() {
        remark(&format!("nobody here is called `{}`", words.identity.join("`, `")));
    }
    match words.format {
        Some(AuditFormat::Csv) => say(&show::csv(&told)),
        Some(AuditFormat::FindingsCsv) => say(&found::csv(&told)),
        Some(AuditFormat::Opengraph) => {
            Output::Json.show(&super::chains::of_audit(&told), |_| String::new())?;
        }
        Some(AuditFormat::Html) => say(&html::page(&told, charters.len())),
        Some(AuditFormat::Ocsf) | None => {
            let screen = Screen::of_output();
            output.show(&told, |it| show::table(it, screen))?;
        }
    }
    Ok(if fails(&told, &words.fail_on) { Exit::No } else { Exit::Done })
}

/// Says whether the report has what is not to be.
fn fails(told: &Audit, on: &[FailOn]) -> bool {
    told.findings
        .iter()
        .any(|it| on.contains(&FailOn::Any) || on.contains(&FailOn::Kind(it.finding)))
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) records: u64,
    pub(super) errors: u64,
    pub(super) undated: u64,
}

pub(super) fn exercised(words: &AuditLogs) -> Result<(Exercised, Counts), CommandError> {
    let mut exercised = Exercised::new(Catalogue::carried());
    let counts = each(words, &mut |_, it| {
        exercised.take(it);
    })?;
    Ok((exercised, counts))
}

/// Hands on each access that the logs tell of, with the name of the source that read it.
fn each(
    words: &AuditLogs,
    take: &mut dyn FnMut(&'static str, &Exercise<'_>),
) -> Result<Counts, CommandError> {
    let (piped, paths): (Vec<_>, Vec<_>) =
        words.logs.iter().cloned().partition(|it| it.as_os_str() == "-");
    let files = find_files(&paths).map_err(|it| CommandError::Words(it.to_string()))?;
    let size = files.iter().filter_map(|it| fs::metadata(it).ok()).map(|it| it.len()).sum();
    let bar = progress(size);
    let mut counts = Counts::default();
    if !piped.is_empty() {
        let one = |take: &mut dyn FnMut(Record<'_>)| {
            read_from(io::stdin().lock(), words.source, take, &|_| {})
        };
        read(Path::new("-"), take, &mut counts, &bar, one)?;
    }
    for path in &files {
        let one = |take: &mut dyn FnMut(Record<'_>)| {
            read_file(path, words.source, take, &|it| bar.inc(it))
        };
        read(path, take, &mut counts, &bar, one)?;
    }
    for path in &words.ledger {
        let records = ledger::read(path, &mut |it| take("ledger", it))?;
        counts.records = counts.records.saturating_add(records);
    }
    bar.finish_and_clear();
    if FAULTS_TOLD < counts.errors {
        remark(&format!("{} records could not be read in all", counts.errors));
    }
    Ok(counts)
}

/// Reads one log; what cannot be read of it is told and counted.
fn read(
    path: &Path,
    each: &mut dyn FnMut(&'static str, &Exercise<'_>),
    counts: &mut Counts,
    bar: &ProgressBar,
    read: impl FnOnce(&mut dyn FnMut(Record<'_>)) -> Result<u64, FileError>,
) -> Result<(), CommandError> {
    let (mut errors, mut undated) = (counts.errors, counts.undated);
    let mut take = |record: Record<'_>| match record {
        Record::Exercise(source, it) => each(source.name, it),
        Record::Nothing => {}
        Record::Undated => undated = undated.saturating_add(1),
        Record::Error(error) => {
            errors = errors.saturating_add(1);
            if errors <= FAULTS_TOLD {
                bar.suspend(|| remark(&format!("`{}`, {error}", path.display())));
            }
        }
    };
    let records =
        read(&mut take).map_err(|it| CommandError::Words(format!("`{}`: {it}", path.display())))?;
    counts.records = counts.records.saturating_add(records);
    (counts.errors, counts.undated) = (errors, undated);
    Ok(())
}

fn progress(size: u64) -> ProgressBar {
    let bar = ProgressBar::new(size);
    let shape = "{bar:30} {bytes} of {total_bytes}, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(shape) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Keeps the identities that somebody asked for.
fn keep_named(told: &mut Audit, names: &[String]) {
    if !names.is_empty() {
        told.identities.retain(|it| names.iter().any(|name| it.id.contains(name)));
        told.chains
            .retain(|it| it.path.iter().any(|id| names.iter().any(|name| id.contains(name))));
        told.findings.retain(|it| names.iter().any(|name| it.identity.contains(name)));
        told.reach.retain(|it| names.iter().any(|name| it.identity.contains(name)));
    }
}
