//! The handing out of a credential, judged like a call: decided, on record, and only then done.

use std::{collections::BTreeSet, time::Instant};

use bailiwick_kernel::{Effect, Names, Outcome, Permit, TaskState};
use bailiwick_model::{
    AccessRequest, DecisionId, DecisionRecord, HoldId, OutcomeKind, Reason, Record, Surface,
    Timestamp, VerdictKind,
};

use super::{Lane, Refusal, Sent, denied, record, unrecorded, with_arguments};
use crate::{
    desk::{Slot, Writing},
    meter,
};

/// A credential that may be handed out, once.
#[derive(Debug)]
pub(crate) struct MayLease {
    pub(crate) decision: DecisionId,
    pub(crate) permit: Permit,
    pub(crate) slot: std::sync::Arc<Slot>,
    started: Instant,
}

impl Lane {
    /// Decides whether a credential may be handed out, and records that. `by` says through which door
    /// it was asked for.
    pub(crate) async fn judge_lease(
        &self,
        request: &AccessRequest,
        surface: Surface,
    ) -> Result<MayLease, Refusal> {
        let (started, decision) = (Instant::now(), DecisionId::new(self.desk.ulid()));
        let caller = &request.caller;
        let slot = match self.slot_of(caller) {
            Ok(slot) => slot,
            Err(reason) => {
                return Err(self.refuse_lease(decision, request, (reason, surface)).await);
            }
        };
        let names = Names { decision: decision.clone(), hold: HoldId::of(&decision) };
        let now = self.desk.now();
        let decide = |state: &mut TaskState| {
            // Taken under the lock, as for calls.
            let snapshot = self.desk.snapshot();
            let made = bailiwick_kernel::decide(&snapshot, state, request, names, now);
            (made, state.task().template.clone())
        };
        let (made, template) = slot.decide(decide);
        meter::decided(&request.action.server, made.judged.verdict, started.elapsed());
        let (mut writing, mut over) = (Writing::default(), Writing::default());
        let record = self.decision_record(&decision, request, Some(template), made.judged);
        let record = DecisionRecord { surface, ..record };
        let shown = record.arguments.text();
        let must_end = made.effects.contains(&Effect::MustEnd);
        let effects = made.effects.into_iter().map(|it| with_arguments(it, shown)).collect();
        writing.records.push(Record::Decision(Box::new(record)));
        self.write_up((&mut writing, &mut over), caller, (&decision, effects));
        let recorded = self.record(writing.records).await;
        if let Err(error) = self.desk.owe(over).await {
            tracing::error!(%error, "the end of a task is not on record yet");
        }
        if let Err(error) = recorded {
            self.desk.unmake(&slot, &made.outcome, now);
            return Err(unrecorded(decision, &error.to_string()));
        }
        if must_end {
            self.end(&caller.task).await;
        }
        if !writing.changes.is_empty()
            && let Err(error) = self.desk.registry().write(writing.changes).await
        {
            tracing::error!(%error, "the registry did not take what the ledger took");
        }
        let refusal = |verdict, hold, reasons| Refusal {
            decision: decision.clone(),
            verdict,
            hold,
            reasons,
            explained: None,
        };
        match made.outcome {
            Outcome::Forward(permit, _) => {
                self.check_key_again(&caller.credentials, &slot);
                Ok(MayLease { decision, permit, slot, started })
            }
            Outcome::Hold(hold, why) => {
                let (task, caller) = (&caller.task, &caller.identity);
                tracing::info!(%decision, %hold, %task, %caller, action = %request.action, "a lease waits for a person");
                Err(refusal(VerdictKind::Hold, Some(hold), why))
            }
            Outcome::Refuse(why) => {
                self.desk.was_refused(&caller.identity);
                Err(refusal(VerdictKind::Deny, None, why))
            }
        }
    }

    async fn refuse_lease(
        &self,
        decision: DecisionId,
        request: &AccessRequest,
        (reason, surface): (Reason, Surface),
    ) -> Refusal {
        meter::decided(&request.action.server, VerdictKind::Deny, std::time::Duration::ZERO);
        let judged = record::refusal(&reason, self.desk.snapshot().policies.version());
        let record = self.decision_record(&decision, request, None, judged);
        let record = Record::Decision(Box::new(DecisionRecord { surface, ..record }));
        self.desk.was_refused(&request.caller.identity);
        match self.record(vec![record]).await {
            Ok(()) => denied(decision, reason),
            Err(error) => unrecorded(decision, &error.to_string()),
        }
    }

    /// Records what became of a credential that was allowed.
    pub(crate) async fn leased(&self, lease: &LeaseDone<'_>) {
        let LeaseDone { decision, slot, server, started, came } = lease;
        let sent = Sent { decision, slot, server, started: *started, secret: None };
        let (outcome, detail) = came;
        self.came_to(sent, (*outcome, detail.clone(), 0)).await;
    }
}

/// What became of a credential that was allowed.
pub(crate) struct LeaseDone<'a> {
    pub(crate) decision: &'a DecisionId,
    pub(crate) slot: &'a Slot,
    pub(crate) server: &'a bailiwick_model::ServerName,
    pub(crate) started: Instant,
    pub(crate) came: (OutcomeKind, String),
}

impl MayLease {
    /// Says when it was asked for.
    pub(crate) const fn started(&self) -> Instant {
        self.started
    }
}

/// Says until when a credential for `action` may live: as long as the shortest line that covers it in
/// any layer says, and never longer than its task.
pub(crate) fn until(state: &TaskState, request: &AccessRequest, now: Timestamp) -> Timestamp {
    /// How long where no line says it.
    const USUAL: std::time::Duration = std::time::Duration::from_secs(15 * 60);
    let wants: BTreeSet<&str> = request.action.wants().collect();
    let lines = state.task().grant.layers.iter().flat_map(|it| &it.lines);
    let covering = lines.filter(|it| {
        it.server == request.action.server
            && !it.leases.is_empty()
            && wants.iter().all(|want| it.leases.iter().any(|has| has == want))
    });
    let shortest = covering.map(|it| it.max.unwrap_or(USUAL)).min().unwrap_or(USUAL);
    // What stands on a person's line lives no longer than that.
    let line = state.line_until(request, now).unwrap_or(Timestamp::MAX);
    now.after(shortest).min(state.task().deadline).min(line)
}
