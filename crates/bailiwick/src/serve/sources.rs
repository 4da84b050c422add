//! Logs of other systems that are read while they are written, or are sent: what of them deserves a word is on record.
//!
//! The log itself is the store: a folder stays where it is, and what was sent lies in the state. What is kept besides is up to
//! where a stretch of it was read, and what was told.

mod memory;
mod owed;
mod quiet;
mod room;
mod stretch;
mod watch;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bailiwick_connect::{
    Secret, create_dir_private,
    source::{Source, Spool},
};
use bailiwick_gateway::Desk;
use bailiwick_insight::{Intent, Noticed};
use metrics::{counter, describe_counter, describe_gauge};
use serde::Serialize;
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use self::{
    owed::{Debt, Owed},
    watch::{Turned, Watch},
};
use super::{Front, doors::own_token};
use crate::config::House;

/// How many bodies of one source are taken at once.
const AT_ONCE: usize = 2;
/// How long a round is waited for at least, and at the most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How many times as long as its work took a round is waited for.
const REST: u32 = 20;

const RECORDS: &str = "bailiwick_source_records_total";
const PUSHES: &str = "bailiwick_source_pushes_total";
const FINDINGS: &str = "bailiwick_source_findings_total";
const BEHIND: &str = "bailiwick_source_behind_bytes";
const GOOD: &str = "bailiwick_source_good";
const QUIET: &str = "bailiwick_source_quiet_seconds";
const FULL: &str = "bailiwick_source_findings_full";

/// The sources of a governor, as its ways in see them.
#[derive(Debug)]
pub(crate) struct Sources {
    /// Those that are sent here, by name.
    pub(crate) pushed: BTreeMap<String, Arc<Pushed>>,
    desk: Arc<Desk>,
    meant: Mutex<Arc<[Intent]>>,
    wake: Notify,
    views: Mutex<Vec<SourceView>>,
}

/// One that is sent here.
#[derive(Debug)]
pub(crate) struct Pushed {
    pub(crate) token: Secret,
    pub(crate) only: Option<&'static Source>,
    pub(crate) spool: Mutex<Spool>,
    pub(crate) room: Arc<Semaphore>,
    /// By which moment, in milliseconds, all of what was sent would be paid for.
    paid: Mutex<i64>,
}

/// How a source stands.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SourceView {
    pub(crate) source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<String>,
    pub(crate) push: bool,
    pub(crate) files: usize,
    /// How many bytes are not read yet.
    pub(crate) behind: u64,
    /// How many records were read since the start, and what they were.
    pub(crate) records: u64,
    pub(crate) exercises: u64,
    pub(crate) errors: u64,
    /// For how many seconds nothing has come.
    pub(crate) quiet: u64,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lost: Option<String>,
}

impl Pushed {
    /// Takes so many bytes, or says in how many seconds they may come: 64 MiB at once, and then 8 MiB a second.
    pub(crate) fn pace(&self, bytes: usize, now: i64) -> Result<(), u64> {
        const AHEAD: i64 = 8000;
        let cost = i64::try_from(bytes >> 13).unwrap_or(i64::MAX).max(1);
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let next = (*paid).max(now).saturating_add(cost);
        let over = next.saturating_sub(now).saturating_sub(AHEAD);
        if 0 < over {
            return Err(u64::try_from(over / 1000).unwrap_or(0).saturating_add(1));
        }
        *paid = next;
        Ok(())
    }
}

/// Opens what is sent here, and finds out what is to be read; nothing where no source is configured.
pub(super) fn open(
    front: Front,
    house: &House,
    desk: &Arc<Desk>,
) -> anyhow::Result<Option<(Arc<Sources>, Watch)>> {
    let config = &house.config;
    // Whoever governs for one command alone leaves logs to whoever stays.
    if front == Front::Socket || config.sources.is_empty() {
        return Ok(None);
    }
    describe();
    let home = config.state.join("sources");
    create_dir_private(&home)?;
    let mut pushed = BTreeMap::new();
    for it in config.sources.iter().filter(|it| it.push) {
        let spool = Spool::open(it.kept(&config.state), it.keep)
            .with_context(|| format!("what is sent to source `{}` cannot be kept", it.name))?;
        let one = Pushed {
            token: own_token(&home.join(format!("{}.token", it.name)))?,
            only: it.only(),
            spool: Mutex::new(spool),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            paid: Mutex::default(),
        };
        pushed.insert(it.name.clone(), Arc::new(one));
    }
    let watch = Watch::open(config, desk).context("what was read of sources is not known")?;
    let (meant, views) = (Mutex::new(Arc::clone(&house.intents)), Mutex::new(watch.views()));
    let desk = Arc::clone(desk);
    Ok(Some((Arc::new(Sources { pushed, desk, meant, wake: Notify::new(), views }), watch)))
}

/// Begins to read, where there is anything to.
pub(super) fn follow(
    opened: Option<(Arc<Sources>, Watch)>,
    running: &mut JoinSet<anyhow::Result<()>>,
    stop: &CancellationToken,
) {
    if let Some((sources, watch)) = opened {
        running.spawn(sources.run(watch, stop.clone()));
    }
}

impl Sources {
    /// Takes what charters say from now on.
    pub(super) fn mean(&self, intents: &Arc<[Intent]>) {
        *self.meant.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(intents);
        self.wake.notify_one();
    }

    /// Says that something was sent.
    pub(crate) fn wake(&self, name: &str, outcome: &'static str) {
        counter!(PUSHES, "source" => name.to_owned(), "outcome" => outcome).increment(1);
        if outcome == "taken" {
            self.wake.notify_one();
        }
    }

    /// Tells the time, in milliseconds.
    pub(crate) fn now(&self) -> i64 {
        self.desk.now().millis()
    }

    /// Says how all of them stand.
    pub(crate) fn views(&self) -> Vec<SourceView> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn meant(&self) -> Arc<[Intent]> {
        Arc::clone(&self.meant.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what is new, round by round, until the governor stops.
    pub(super) async fn run(
        self: Arc<Self>,
        mut watch: Watch,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let given_up = watch.stop();
        let (started, mut owed) = (Instant::now(), Owed::default());
        loop {
            let meant = self.meant();
            let begun = Instant::now();
            let mut working = tokio::task::spawn_blocking(move || {
                let turned = watch.turn(&meant);
                (watch, turned)
            });
            let worked = tokio::select! {
                worked = &mut working => worked,
                () = stop.cancelled() => {
                    given_up.store(true, Ordering::Relaxed);
                    drop(working.await);
                    return Ok(());
                }
            };
            let turned = match worked {
                Ok((back, turned)) => {
                    watch = back;
                    turned
                }
                // Calls are decided all the same: reading logs is not what they wait for.
                Err(fault) => {
                    self.give_up(&fault, owed, &stop).await;
                    return Ok(());
                }
            };
            let more = turned.more;
            let told = self.tell(turned, &mut owed, started.elapsed()).await;
            let (is_all, seq) = (told.is_all, self.desk.ledger().last_seq());
            let kept = tokio::task::spawn_blocking(move || {
                let kept = watch.keep((&told.findings, told.full), seq);
                (watch, kept)
            });
            let Ok((back, kept)) = kept.await else {
                anyhow::bail!("what was read of sources could not be kept");
            };
            watch = back;
            if let Err(error) = kept {
                tracing::warn!(%error, "what was read of sources cannot be kept: it is read again after a restart");
            }
            // A ledger that takes nothing now is not asked again at once.
            let more = more && is_all;
            let took = begun.elapsed();
            // Half of the time is left to others, and nobody waits long for what is there already.
            let rest = took.saturating_mul(REST).clamp(PAUSE.0, PAUSE.1);
            let pause = if more { took.min(PAUSE.0) } else { rest };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = self.wake.notified(), if !more => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Ends reading by a fault of ours, and says so as soon as the ledger takes it.
    async fn give_up(
        &self,
        fault: &tokio::task::JoinError,
        mut owed: Owed,
        stop: &CancellationToken,
    ) {
        tracing::error!(%fault, "logs are read no more until the next start");
        let (whose, text) = ("sources".to_owned(), "logs are read no more until the next start");
        let (subject, text) = (whose.clone(), text.to_owned());
        owed.add(Debt { code: "source-fault", whose, subject, text });
        let started = Instant::now();
        loop {
            self.pay(&mut owed, started.elapsed()).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE.0) => {}
            }
        }
    }

    /// Puts on record what was noticed; what cannot be recorded is noticed again.
    async fn tell(&self, turned: Turned, owed: &mut Owed, now: Duration) -> Told {
        for (code, whose) in &turned.over {
            owed.forget(code, whose);
        }
        for debt in turned.owed {
            owed.add(debt);
        }
        let full = self.pay(owed, now).await;
        *self.views.lock().unwrap_or_else(PoisonError::into_inner) = turned.views;
        let mut told = Told { findings: Vec::new(), full, is_all: true };
        for it in turned.noticed {
            told.is_all = self.notice(it.kind.as_str(), &it.text, &it.subject).await;
            if !told.is_all {
                break;
            }
            counter!(FINDINGS, "finding" => it.kind.as_str()).increment(1);
            told.findings.push(it);
        }
        told
    }

    /// Puts on record what is owed, and gives of which ways it is now there that no more of them is told.
    async fn pay(&self, owed: &mut Owed, now: Duration) -> Vec<String> {
        let mut full = Vec::new();
        for debt in owed.due(now) {
            if !self.notice(debt.code, &debt.text, &debt.subject).await {
                owed.refused(now);
                break;
            }
            owed.paid(&debt);
            if debt.code == "source-findings-full" {
                full.push(debt.whose);
            }
        }
        full
    }

    async fn notice(&self, code: &str, text: &str, subject: &str) -> bool {
        let text = self.desk.evidence().phrase(text);
        let written = self.desk.notice(code, text, subject).await;
        if let Err(error) = &written {
            tracing::error!(%error, code, "what was noticed in logs could not be recorded");
        }
        written.is_ok()
    }
}

/// What of a round is on record.
struct Told {
    findings: Vec<Noticed>,
    /// Of which ways it is on record that no more of them is told.
    full: Vec<String>,
    /// Whether that is all that was noticed.
    is_all: bool,
}

fn describe() {
    describe_counter!(RECORDS, "Records of logs that were read, by source and what they were.");
    describe_counter!(PUSHES, "Bodies that were sent to sources, by source and outcome.");
    describe_counter!(FINDINGS, "Findings of logs that were put on record, by sort.");
    describe_gauge!(BEHIND, "Bytes of a source that are not read yet.");
    describe_gauge!(GOOD, "1 while a source can be read.");
    describe_gauge!(QUIET, "For how many seconds nothing has come of a source.");
    describe_gauge!(FULL, "1 once no more findings of a way are put on record.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_much_at_once_and_then_so_much_a_second() {
        let home = tempfile::tempdir().unwrap();
        let pushed = Pushed {
            token: Secret::new("a token of twenty letters"),
            only: None,
            spool: Mutex::new(Spool::open(home.path().join("kept"), 1).unwrap()),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            paid: Mutex::default(),
        };
        let body = 16 << 20;
        let now = 1_000_000;
        let taken = (0..100).filter(|_| pushed.pace(body, now).is_ok()).count();
        assert_eq!(taken, 3, "64 MiB, less than a whole body of them");
        assert_eq!(pushed.pace(body, now), Err(1));
        assert_eq!(pushed.pace(body, now.saturating_add(2000)), Ok(()));
        let small = (0..100_000).filter(|_| pushed.pace(1, now.saturating_add(10_000)).is_ok());
        assert!(small.count() <= 8000, "many small ones are not for nothing");
    }
}
