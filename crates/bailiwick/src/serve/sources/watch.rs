//! One round: what is new is read and folded, and what deserves a word is looked for.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bailiwick_connect::source::{NotRead, Record, Tail, Turn};
use bailiwick_gateway::Desk;
use bailiwick_insight::{Intent, Noticed};
use bailiwick_model::format_span;
use metrics::{counter, gauge};

use super::{
    super::meter::whole,
    BEHIND, FULL, GOOD, QUIET, RECORDS, SourceView,
    memory::Memory,
    owed::Debt,
    quiet::{self, Came, Quiet},
    room::TOLD_MAX,
    stretch::Stretch,
};
use crate::config::Config;

/// A source cannot be read, or nothing comes of it.
const LOST: &str = "source-lost";
const SILENT: &str = "source-silent";
/// How much of a folder is read in a round.
const ROUND: u64 = 4 << 20;
/// How much that was noticed is put on record in a round.
const TOLD_AT_ONCE: usize = 100;
/// How many records that cannot be read are told of in the log, for each source.
const FAULTS_TOLD: u64 = 10;

/// What follows all sources.
#[derive(Debug)]
pub(in crate::serve) struct Watch {
    tails: Vec<Followed>,
    views: Vec<SourceView>,
    /// How long nothing has come of each source.
    quiet: Vec<Quiet>,
    desk: Arc<Desk>,
    stretch: Stretch,
    stop: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Followed {
    /// The place of its source.
    source: usize,
    /// What its places go by.
    name: String,
    tail: Tail,
    lost: Option<String>,
}

/// What came of a round.
#[derive(Debug, Default)]
pub(super) struct Turned {
    pub(super) more: bool,
    pub(super) noticed: Vec<Noticed>,
    /// What is to be on record of sources, and what of that need not be any more: its code, and whose it is.
    pub(super) owed: Vec<Debt>,
    pub(super) over: Vec<(&'static str, String)>,
    pub(super) views: Vec<SourceView>,
}

impl Watch {
    pub(super) fn open(config: &Config, desk: &Arc<Desk>) -> anyhow::Result<Self> {
        let memory = Memory::open(&config.state.join("sources"), desk)?;
        let stop = Arc::<AtomicBool>::default();
        let (mut tails, mut views, mut quiet) = (Vec::new(), Vec::new(), Vec::new());
        for (source, it) in config.sources.iter().enumerate() {
            let kept = it.push.then(|| it.kept(&config.state));
            for (sort, folder) in [("folder", it.folder.clone()), ("push", kept)] {
                let Some(folder) = folder else { continue };
                let name = format!("{}/{sort}", it.name);
                let places = memory.places.get(&name).cloned().unwrap_or_default();
                let tail = Tail::new(folder, it.only(), places).until(Arc::clone(&stop));
                tails.push(Followed { source, name, tail, lost: None });
            }
            let folder = it.folder.as_ref().map(|it| it.display().to_string());
            let (source, push) = (it.name.clone(), it.push);
            views.push(SourceView { source, folder, push, ..SourceView::default() });
            quiet.push(Quiet::new(it.silence));
        }
        let ways = tails.iter().map(|it| it.name.clone()).collect();
        let stretch = Stretch::new(memory, Arc::clone(desk), ways);
        Ok(Self { tails, views, quiet, desk: Arc::clone(desk), stretch, stop })
    }

    /// What has a round end early.
    pub(super) fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Says how all sources stand.
    pub(super) fn views(&self) -> Vec<SourceView> {
        self.views.clone()
    }

    /// Takes a round. Nothing more is read while something is still to be told.
    pub(super) fn turn(&mut self, meant: &Arc<[Intent]>) -> Turned {
        let mut turned = Turned::default();
        if self.stretch.waiting.is_empty() && !self.stretch.is_full() {
            self.read(meant, &mut turned);
        }
        if self.stretch.waiting.is_empty() {
            self.stretch.look_in_time(meant);
        }
        let waiting = &self.stretch.waiting;
        turned.noticed = waiting.iter().take(TOLD_AT_ONCE).cloned().collect();
        turned.owed.extend(self.stretch.full().map(full));
        turned.more |= turned.noticed.len() < waiting.len() || self.stretch.is_full();
        turned.views.clone_from(&self.views);
        turned
    }

    /// Keeps what was told, and up to where all was read where the stretch is at its end.
    pub(super) fn keep(
        &mut self,
        told: (&[Noticed], Vec<String>),
        ledger: u64,
    ) -> anyhow::Result<()> {
        let places = || self.tails.iter().map(|it| (it.name.clone(), it.tail.places())).collect();
        let kept = self.stretch.keep(told, ledger, places);
        for it in &self.tails {
            let is_full = self.stretch.is_told_of(&it.name);
            gauge!(FULL, "way" => it.name.clone()).set(f64::from(u8::from(is_full)));
        }
        kept
    }

    fn read(&mut self, meant: &Arc<[Intent]>, turned: &mut Turned) {
        let now = self.stretch.begun.elapsed();
        for view in &mut self.views {
            (view.files, view.behind) = (0, 0);
        }
        let mut came = vec![Came::default(); self.views.len()];
        for (way, it) in (0_u8..).zip(&mut self.tails) {
            let Some(view) = self.views.get_mut(it.source) else { continue };
            let (stretch, mut counts) = (&mut self.stretch, Counts::of(view));
            let turn = it.tail.turn(now, ROUND, &mut |path, record| {
                counts.take(path, &record);
                if let Record::Exercise(_, it) = record {
                    stretch.take(it, way, meant);
                }
            });
            counts.told(view);
            stretch.bytes = stretch.bytes.saturating_add(turn.bytes);
            turned.more |= turn.more;
            if let Some(came) = came.get_mut(it.source) {
                came.add(&turn);
            }
            it.note(turn, view, turned);
        }
        for (place, view) in self.views.iter_mut().enumerate() {
            let lost = |it: &&Followed| it.source == place && it.lost.is_some();
            view.lost = self.tails.iter().find(lost).and_then(|it| it.lost.clone());
            let name = || view.source.clone();
            gauge!(GOOD, "source" => name()).set(f64::from(u8::from(view.lost.is_none())));
            gauge!(BEHIND, "source" => name()).set(whole(view.behind));
        }
        self.listen(now, &came, turned);
    }

    /// Hears which sources are silent.
    fn listen(&mut self, now: Duration, came: &[Came], turned: &mut Turned) {
        let clock = self.desk.now().millis();
        for ((view, quiet), came) in self.views.iter_mut().zip(&mut self.quiet).zip(came) {
            // One that cannot be looked at is told of as such.
            let Some(stirred) = came.anything() else { continue };
            let age = came.changed.map(|it| clock.saturating_sub(it.saturating_mul(1000)));
            let age = age.map(|it| Duration::from_millis(u64::try_from(it).unwrap_or(0)));
            let source = view.source.clone();
            match quiet.hear(now, stirred, age) {
                quiet::Turned::Nothing => {}
                quiet::Turned::Silent => turned.owed.push(silent(source, quiet.lasts(now))),
                quiet::Turned::Heard => turned.over.push((SILENT, source)),
            }
            view.quiet = quiet.lasts(now).as_secs();
            gauge!(QUIET, "source" => view.source.clone()).set(whole(view.quiet));
        }
    }
}

/// Says that nothing has come of a source for long.
fn silent(source: String, lasts: Duration) -> Debt {
    // Seconds are of no interest to anybody.
    let minutes = lasts.as_secs() / 60;
    let lasts = format_span(Duration::from_secs(minutes.saturating_mul(60)));
    let text = format!("source `{source}`: nothing has come for {lasts}");
    Debt { code: SILENT, subject: format!("source:{source}"), whose: source, text }
}

/// Says that no more of a way is told.
fn full(way: &str) -> Debt {
    let (source, sort) = way.split_once('/').unwrap_or((way, ""));
    let what = if sort == "push" { "what is sent to" } else { "the folder of" };
    let text = format!(
        "{what} source `{source}`: {TOLD_MAX} things were noticed, and no more is put on record"
    );
    Debt {
        code: "source-findings-full",
        subject: format!("source:{source}"),
        whose: way.to_owned(),
        text,
    }
}

impl Followed {
    /// Notes what came of reading it.
    fn note(&mut self, turn: Turn, view: &mut SourceView, turned: &mut Turned) {
        view.files = view.files.saturating_add(turn.files);
        view.behind = view.behind.saturating_add(turn.behind);
        for (path, why) in turn.faults {
            tracing::warn!(source = view.source, file = %path.display(), why, "a log cannot be read");
            view.errors = view.errors.saturating_add(1);
            counter!(RECORDS, "source" => view.source.clone(), "outcome" => "error").increment(1);
        }
        if let Some(why) = turn.lost.as_ref().filter(|_| self.lost.is_none()) {
            tracing::warn!(source = view.source, why, "a log cannot be read");
            let (text, subject) =
                (format!("source `{}`: {why}", view.source), format!("source:{}", view.source));
            turned.owed.push(Debt { code: LOST, whose: self.name.clone(), subject, text });
        }
        if turn.lost.is_none() && self.lost.is_some() {
            tracing::info!(source = view.source, "a log can be read again");
            turned.over.push((LOST, self.name.clone()));
        }
        self.lost = turn.lost;
    }
}

/// What the records of a round were.
#[derive(Default)]
struct Counts {
    source: String,
    exercises: u64,
    nothing: u64,
    errors: u64,
    faults: u64,
}

impl Counts {
    fn of(view: &SourceView) -> Self {
        Self { source: view.source.clone(), faults: view.errors, ..Self::default() }
    }

    fn take(&mut self, path: &Path, record: &Record<'_>) {
        let count = match record {
            Record::Exercise(..) => &mut self.exercises,
            Record::Nothing => &mut self.nothing,
            Record::Undated => &mut self.errors,
            Record::Error(error) => {
                if self.faults < FAULTS_TOLD {
                    let (source, file) = (&self.source, path.display());
                    tracing::warn!(source, %file, why = class(&error.why), "a record cannot be read");
                }
                self.faults = self.faults.saturating_add(1);
                &mut self.errors
            }
        };
        *count = count.saturating_add(1);
    }

    fn told(self, view: &mut SourceView) {
        let all = [("exercise", self.exercises), ("nothing", self.nothing), ("error", self.errors)];
        for (outcome, count) in all.into_iter().filter(|it| 0 < it.1) {
            view.records = view.records.saturating_add(count);
            let source = view.source.clone();
            counter!(RECORDS, "source" => source, "outcome" => outcome).increment(count);
        }
        view.exercises = view.exercises.saturating_add(self.exercises);
        view.errors = view.errors.saturating_add(self.errors);
    }
}

/// Says why a record cannot be read, without a word of it: a log may hold anything.
const fn class(why: &NotRead) -> &'static str {
    match why {
        NotRead::Json(_) => "it is no JSON, or cut off",
        NotRead::Lacks(_) | NotRead::Shape(_) => "it is no record",
        NotRead::Undated | NotRead::Time(_) => "it does not say when",
        NotRead::Stranger => "no source knows it",
    }
}
