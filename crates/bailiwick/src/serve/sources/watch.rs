//! One round: what is new is read and folded, and what deserves a word is looked for.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use bailiwick_connect::source::{NotRead, Record, Tail, Turn};
use bailiwick_gateway::Desk;
use bailiwick_insight::{Intent, Noticed};
use metrics::{counter, gauge};

use super::{
    super::meter::whole,
    BEHIND, GOOD, RECORDS, SourceView,
    memory::Memory,
    stretch::{Stretch, TOLD_MAX},
};
use crate::config::Config;

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
    /// Whether no more than that is told.
    pub(super) is_full: bool,
    /// Which sources cannot be read since this round, and why.
    pub(super) lost: Vec<(String, String)>,
    pub(super) views: Vec<SourceView>,
}

impl Watch {
    pub(super) fn open(config: &Config, desk: &Arc<Desk>) -> anyhow::Result<Self> {
        let memory = Memory::open(&config.state.join("sources"), desk)?;
        let stop = Arc::<AtomicBool>::default();
        let (mut tails, mut views) = (Vec::new(), Vec::new());
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
        }
        let stretch = Stretch::new(memory, Arc::clone(desk));
        Ok(Self { tails, views, stretch, stop })
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
        let told = self.stretch.memory.told.len().saturating_add(turned.noticed.len());
        turned.is_full = TOLD_MAX <= told;
        turned.more |= turned.noticed.len() < waiting.len() || self.stretch.is_full();
        turned.views.clone_from(&self.views);
        turned
    }

    /// Keeps what was told, and up to where all was read where the stretch is at its end.
    pub(super) fn keep(&mut self, told: &[Noticed], ledger: u64) -> anyhow::Result<()> {
        let places = || self.tails.iter().map(|it| (it.name.clone(), it.tail.places())).collect();
        self.stretch.keep(told, ledger, places)
    }

    fn read(&mut self, meant: &Arc<[Intent]>, turned: &mut Turned) {
        let now = self.stretch.begun.elapsed();
        for view in &mut self.views {
            (view.files, view.behind) = (0, 0);
        }
        for it in &mut self.tails {
            let Some(view) = self.views.get_mut(it.source) else { continue };
            let (stretch, mut counts) = (&mut self.stretch, Counts::of(view));
            let turn = it.tail.turn(now, ROUND, &mut |path, record| {
                counts.take(path, &record);
                if let Record::Exercise(_, it) = record {
                    stretch.take(it, meant);
                }
            });
            counts.told(view);
            stretch.bytes = stretch.bytes.saturating_add(turn.bytes);
            turned.more |= turn.more;
            it.note(turn, view, turned);
        }
        for (place, view) in self.views.iter_mut().enumerate() {
            let lost = |it: &&Followed| it.source == place && it.lost.is_some();
            view.lost = self.tails.iter().find(lost).and_then(|it| it.lost.clone());
            let name = || view.source.clone();
            gauge!(GOOD, "source" => name()).set(f64::from(u8::from(view.lost.is_none())));
            gauge!(BEHIND, "source" => name()).set(whole(view.behind));
        }
    }
}

impl Followed {
    /// Notes what came of reading it.
    fn note(&mut self, turn: Turn, view: &mut SourceView, turned: &mut Turned) {
        view.files = view.files.saturating_add(turn.files);
        view.behind = view.behind.saturating_add(turn.behind);
        for (path, why) in turn.faults {
            tracing::warn!(source = view.source, file = %path.display(), why, "a log cannot be read");
        }
        if let Some(why) = turn.lost.as_ref().filter(|_| self.lost.is_none()) {
            turned.lost.push((view.source.clone(), why.clone()));
        }
        if turn.lost.is_none() && self.lost.is_some() {
            tracing::info!(source = view.source, "a log can be read again");
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
