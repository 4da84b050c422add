//! Evaluations that wait for a person: asked for, answered, taken back, and used once.
//!
//! The ledger alone keeps them. What a yes is bound to is kept as a digest, so nothing has to be
//! remembered that the ledger may not show.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_kernel::{Shown, Standing, Unfit, answer_held, cancel_held, fits, standing};
use bailiwick_model::{CommandRecord, HeldEvaluation, HoldId, PersonName, Timestamp};

use super::{AnswerError, Desk, DeskError, Writing};

/// How many may wait of one enforcement point.
const WAITING: usize = 1000;
/// How long it is known what became of one.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Those that are known.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<BTreeMap<HoldId, Entry>>);

#[derive(Clone, Debug)]
struct Entry {
    held: HeldEvaluation,
    /// Whether its yes was used.
    used: bool,
}

/// Nobody was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The same name, or the same evaluation, with another request.
    #[error("a person was asked for this already, and in other words")]
    Twice,
    /// So many wait already.
    #[error("{WAITING} requests of this enforcement point wait for a person already")]
    TooMany,
    /// It could not be written down.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// It was not taken back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CancelError {
    /// There is none, for whoever asks.
    #[error("there is no such request")]
    Unknown,
    /// It does not wait.
    #[error("it no longer waits")]
    Over,
    /// It could not be written down.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// Says whether it is known yet what became of one.
pub(super) fn is_known(held: &HeldEvaluation, now: Timestamp) -> bool {
    now < held.expires.after(KEPT)
}

impl Asked {
    /// Takes up those of before, and which of them were used.
    pub(super) fn of(
        all: BTreeMap<HoldId, HeldEvaluation>,
        used: &BTreeSet<HoldId>,
        now: Timestamp,
    ) -> Self {
        let entry = |(id, held): (HoldId, HeldEvaluation)| {
            let used = used.contains(&id);
            (id, Entry { held, used })
        };
        let kept = all.into_iter().filter(|(_, it)| is_known(it, now));
        Self(Mutex::new(kept.map(entry).collect()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<HoldId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: &HoldId) -> Option<HeldEvaluation> {
        self.lock().get(id).map(|it| it.held.clone())
    }

    fn put(&self, held: HeldEvaluation) {
        self.lock().insert(held.id.clone(), Entry { held, used: false });
    }
}

impl Desk {
    /// Lists the evaluations that wait for an answer or whose yes was not used yet, oldest first.
    pub fn held_evaluations(&self) -> Vec<HeldEvaluation> {
        let now = self.now();
        let live = |it: &&Entry| match standing(&it.held, now) {
            Standing::Pending => true,
            Standing::Approved { until, .. } => !it.used && now < until,
            Standing::Denied | Standing::Expired | Standing::Cancelled => false,
        };
        let mut all: Vec<_> =
            self.asked.lock().values().filter(live).map(|it| it.held.clone()).collect();
        all.sort_by(|one, other| (one.opened, &one.id).cmp(&(other.opened, &other.id)));
        all
    }

    /// Finds an evaluation for which a person was asked, whatever became of it since.
    pub fn held_evaluation(&self, id: &HoldId) -> Option<HeldEvaluation> {
        self.asked.get(id)
    }

    /// Asks for a person. Whoever asks again in the same words is given what there is.
    pub(crate) async fn ask_for_person(
        &self,
        held: HeldEvaluation,
    ) -> Result<(HeldEvaluation, bool), AskError> {
        let _one_by_one = self.answering.lock().await;
        if let Some(found) = self.asked_before(&held)? {
            return Ok((found, false));
        }
        self.keep_held(&held, &format!("pep:{}", held.pep), None).await?;
        Ok((held, true))
    }

    /// Finds what was asked for under the same name, or of the same evaluation.
    fn asked_before(&self, held: &HeldEvaluation) -> Result<Option<HeldEvaluation>, AskError> {
        let all = self.asked.lock();
        let mut own = all.values().map(|it| &it.held).filter(|it| it.pep == held.pep);
        let same = |it: &&HeldEvaluation| {
            it.decision == held.decision || (held.key.is_some() && it.key == held.key)
        };
        if let Some(found) = own.clone().find(same) {
            let again = found.request == held.request && found.key == held.key;
            return if again { Ok(Some(found.clone())) } else { Err(AskError::Twice) };
        }
        let waiting = own.by_ref().filter(|it| standing(it, held.opened) == Standing::Pending);
        if WAITING <= waiting.count() { Err(AskError::TooMany) } else { Ok(None) }
    }

    /// Brings a person's answer. `statement` is their signed word, which was verified before.
    pub async fn answer_evaluation(
        &self,
        id: &HoldId,
        (by, yes): (&PersonName, bool),
        statement: String,
    ) -> Result<HeldEvaluation, AnswerError> {
        let _one_by_one = self.answering.lock().await;
        let held = self.asked.get(id).ok_or_else(|| AnswerError::Unknown(id.clone()))?;
        let over = "it was answered, taken back, or its time ran out";
        let answered = answer_held(&held, (by, yes), self.now())
            .ok_or_else(|| AnswerError::NotWaiting { hold: id.clone(), state: over })?;
        self.keep_held(&answered, &format!("person:{by}"), Some(statement)).await?;
        Ok(answered)
    }

    /// Takes back what `pep` asked for.
    pub(crate) async fn cancel_evaluation(
        &self,
        id: &HoldId,
        pep: &str,
    ) -> Result<HeldEvaluation, CancelError> {
        let _one_by_one = self.answering.lock().await;
        let held = self.asked.get(id).filter(|it| it.pep == pep).ok_or(CancelError::Unknown)?;
        let cancelled = cancel_held(&held, self.now()).ok_or(CancelError::Over)?;
        self.keep_held(&cancelled, &format!("pep:{pep}"), None).await?;
        Ok(cancelled)
    }

    /// Writes down how one stands, and only then lets it stand so.
    async fn keep_held(
        &self,
        held: &HeldEvaluation,
        by: &str,
        statement: Option<String>,
    ) -> Result<(), DeskError> {
        let mut writing = Writing::default();
        let command = CommandRecord::EvaluationHeld { held: Box::new(held.clone()), statement };
        writing.command(self.now(), by, command);
        self.record(writing).await?;
        self.asked.put(held.clone());
        Ok(())
    }

    /// Says who said yes to what is shown, or why the approval is no help.
    pub(crate) fn approval(&self, id: &HoldId, shown: &Shown<'_>) -> Result<PersonName, Unfit> {
        let all = self.asked.lock();
        let entry = all.get(id).ok_or(Unfit::Unknown)?;
        let by = fits(&entry.held, shown)?;
        if entry.used { Err(Unfit::Over) } else { Ok(by) }
    }

    /// Uses an approval up. The record that says so is still to be written.
    pub(crate) fn use_approval(
        &self,
        id: &HoldId,
        shown: &Shown<'_>,
    ) -> Result<HeldEvaluation, Unfit> {
        let mut all = self.asked.lock();
        let entry = all.get_mut(id).ok_or(Unfit::Unknown)?;
        fits(&entry.held, shown)?;
        if std::mem::replace(&mut entry.used, true) {
            return Err(Unfit::Over);
        }
        Ok(entry.held.clone())
    }

    /// Gives an approval back, as what used it is not on record and was not answered.
    pub(crate) fn unuse_approval(&self, id: &HoldId) {
        if let Some(entry) = self.asked.lock().get_mut(id) {
            entry.used = false;
        }
    }

    /// Forgets what is long over.
    pub(super) fn forget_evaluations(&self, now: Timestamp) {
        self.asked.lock().retain(|_, it| now < it.held.expires.after(KEPT));
    }
}
