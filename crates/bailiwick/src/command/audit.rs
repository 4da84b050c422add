//! `audit`: granted against exercised, from files alone. No governor runs, and no configuration is read.

mod csv;
pub(super) mod exclusions;
mod found;
pub(super) mod grants;
mod html;
pub(super) mod ledger;
mod live;
mod ocsf;
mod show;
mod within;

use std::{
    cell::Cell,
    fs::{self, File},
    io::{self, Read},
    ops::ControlFlow,
    path::Path,
    time::Duration,
};

use bailiwick_connect::source::{FileError, Reader, Record, find_files, read_by};
use bailiwick_insight::{
    Audit, Catalogue, DormancyPolicy, Exercised, IntentPolicy, audit_by, judge,
};
use bailiwick_model::Exercise;
use indicatif::{ProgressBar, ProgressStyle};

pub(crate) use self::live::{LiveLog, with_sources};
use self::show::{Asked, Length};
use crate::{
    cli::{AuditFormat, AuditLogs, FailOn},
    config::{read_exclusions, read_intents},
    exit::{CommandError, Exit, Outcome},
    output::{Output, Screen, remark, say},
    page::escape::{begun, plain},
    run::wrong_in,
};

/// How many records that cannot be read are told one by one.
const FAULTS_TOLD: u64 = 10;
/// So many characters of why are told.
pub(super) const FAULT_MAX: usize = 300;

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
    let exclusions =
        read_exclusions(&words.exclude).map_err(|found| wrong_in("the exclusions", &found))?;
    let holders = grants::read(&words.grants)?;
    let (exercised, counts) = exercised(words)?;
    let dormancy = DormancyPolicy { window_days: words.window, exclusions };
    let mut told = audit_by(&exercised, &holders, &dormancy);
    exclusions::remarks(&told);
    let policy = IntentPolicy {
        max_key_age: words.max_key_age,
        // A day without use there must be.
        unused_days: words.unused_after.as_secs().div_ceil(86_400).max(1),
    };
    judge(&exercised, &mut told, &charters, policy);
    (told.summary.records, told.summary.errors) = (counts.records, counts.errors);
    (told.summary.undated, told.summary.left_out) = (counts.undated, counts.left_out);
    keep_named(&mut told, &words.identity);
    if !words.identity.is_empty() && told.identities.is_empty() {
        return Err(nobody(&words.identity));
    }
    // Whoever asks for somebody wants to know all of them.
    let is_whole = words.all || !words.identity.is_empty();
    let asked = Asked {
        length: if is_whole { Length::Whole } else { Length::Short },
        grants: words.grants.len(),
        charters: charters.len(),
    };
    match words.format {
        Some(AuditFormat::Csv) => say(&csv::report(&told)),
        Some(AuditFormat::FindingsCsv) => say(&csv::findings(&told)),
        Some(AuditFormat::Opengraph) => {
            Output::Json.show(&super::chains::of_audit(&told), |_| String::new())?;
        }
        Some(AuditFormat::Html) => say(&html::page(&told, asked)),
        Some(AuditFormat::Ocsf) | None => {
            let screen = Screen::of_output();
            output.show(&told, |it| show::table(it, screen, asked))?;
        }
    }
    Ok(if fails(&told, &words.fail_on) { Exit::No } else { Exit::Done })
}

/// Says that nobody has any of these names.
fn nobody(names: &[String]) -> CommandError {
    let names = names.join("`, `");
    CommandError::Words(format!("nobody in what was read is called `{names}`"))
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
    /// What was not read, or not whole.
    pub(super) left_out: Vec<String>,
}

pub(super) fn exercised(words: &AuditLogs) -> Result<(Exercised, Counts), CommandError> {
    let mut exercised = Exercised::new(Catalogue::carried());
    let counts = each(words, &mut |_, it| {
        exercised.take(it);
        ControlFlow::Continue(())
    })?;
    Ok((exercised, counts))
}

/// Hands on each access that the logs tell of, with the name of the source that read it, until it is told to stop.
fn each(
    words: &AuditLogs,
    take: &mut dyn FnMut(&'static str, &Exercise<'_>) -> ControlFlow<()>,
) -> Result<Counts, CommandError> {
    let stopped = Cell::new(false);
    let mut take = |source: &'static str, it: &Exercise<'_>| {
        if !stopped.get() && take(source, it).is_break() {
            stopped.set(true);
        }
    };
    let (piped, paths): (Vec<_>, Vec<_>) =
        words.logs.iter().cloned().partition(|it| it.as_os_str() == "-");
    let files = find_files(&paths).map_err(|it| CommandError::Words(it.to_string()))?;
    let size = files.iter().filter_map(|it| fs::metadata(it).ok()).map(|it| it.len()).sum();
    let bar = progress(size);
    let mut counts = Counts::default();
    let reader = || Reader::new(words.source).with_prefix(words.pg_prefix.clone());
    if !piped.is_empty() {
        let one = |take: &mut dyn FnMut(Record<'_>)| {
            let input = Until { input: io::stdin().lock(), stopped: &stopped };
            read_by(input, reader(), take, &|_| {})
        };
        read(Path::new("-"), (&mut take, &stopped), &mut counts, &bar, one)?;
    }
    for path in files.iter().take_while(|_| !stopped.get()) {
        let one = |take: &mut dyn FnMut(Record<'_>)| {
            let input = Until { input: File::open(path)?, stopped: &stopped };
            read_by(input, reader(), take, &|it| bar.inc(it))
        };
        read(path, (&mut take, &stopped), &mut counts, &bar, one)?;
    }
    let mut left_out = live::LeftOut::default();
    for source in words.sources.iter().take_while(|_| !stopped.get()) {
        source.each(&mut left_out, &mut |path, file, left_out| {
            let before = file.metadata().ok();
            let (reader, mut is_faulty) =
                (Reader::new(source.only).with_prefix(words.pg_prefix.clone()), false);
            let one = |take: &mut dyn FnMut(Record<'_>)| {
                let mut told = 0_u64;
                let mut counted = |it: Record<'_>| {
                    told = told.saturating_add(1);
                    take(it);
                };
                let input = Until { input: file, stopped: &stopped };
                read_by(input, reader, &mut counted, &|_| {}).or_else(|error| {
                    if !stopped.get() {
                        is_faulty = source.tell(&error, path, (file, before.as_ref()), left_out);
                    }
                    Ok(told)
                })
            };
            read(path, (&mut take, &stopped), &mut counts, &bar, one)?;
            counts.errors = counts.errors.saturating_add(is_faulty.into());
            Ok(())
        })?;
    }
    counts.left_out = left_out.into_told();
    for path in words.ledger.iter().take_while(|_| !stopped.get()) {
        let records = ledger::read(path, &mut |it| take("ledger", it))?;
        counts.records = counts.records.saturating_add(records);
    }
    bar.finish_and_clear();
    if FAULTS_TOLD < counts.errors {
        remark(&format!("{} records could not be read in all", counts.errors));
    }
    Ok(counts)
}

/// Takes an access, with the name of the source that read it.
type Each<'e> = dyn FnMut(&'static str, &Exercise<'_>) + 'e;

/// A log that ends where nobody wants any more of it.
struct Until<'s, R> {
    input: R,
    stopped: &'s Cell<bool>,
}

impl<R: Read> Read for Until<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.stopped.get() { Ok(0) } else { self.input.read(into) }
    }
}

/// Reads one log; what cannot be read of it is told and counted.
fn read(
    path: &Path,
    (each, stopped): (&mut Each<'_>, &Cell<bool>),
    counts: &mut Counts,
    bar: &ProgressBar,
    read: impl FnOnce(&mut dyn FnMut(Record<'_>)) -> Result<u64, FileError>,
) -> Result<(), CommandError> {
    let (mut errors, mut undated) = (counts.errors, counts.undated);
    let mut take = |record: Record<'_>| match record {
        Record::Exercise(source, it) => each(source.name, it),
        Record::Nothing => {}
        Record::Undated => undated = undated.saturating_add(1),
        Record::Error(_) if stopped.get() => {}
        Record::Error(error) => {
            errors = errors.saturating_add(1);
            if errors <= FAULTS_TOLD {
                let why = begun(&error.to_string(), FAULT_MAX);
                bar.suspend(|| remark(&format!("`{}`, {why}", shown(path))));
            }
        }
    };
    let records = match read(&mut take) {
        Ok(records) => records,
        // What is cut off cannot be unpacked to its end.
        Err(_) if stopped.get() => return Ok(()),
        Err(error) => {
            let why = begun(&error.to_string(), FAULT_MAX);
            return Err(CommandError::Words(format!("`{}`: {why}", shown(path))));
        }
    };
    counts.records = counts.records.saturating_add(records);
    (counts.errors, counts.undated) = (errors, undated);
    Ok(())
}

/// Writes what a file is called: its name may be anybody's.
pub(super) fn shown(path: &Path) -> String {
    plain(&path.display().to_string())
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
    if names.is_empty() {
        return;
    }
    // Addresses are told in small letters, whatever letters they are known by.
    let names: Vec<_> = names.iter().map(|it| it.to_lowercase()).collect();
    let is_named = |id: &String| {
        let id = id.to_lowercase();
        names.iter().any(|name| id.contains(name))
    };
    told.identities.retain(|it| is_named(&it.id));
    told.chains.retain(|it| it.path.iter().any(is_named));
    told.findings.retain(|it| is_named(&it.identity));
    told.reach.retain(|it| is_named(&it.identity));
}
