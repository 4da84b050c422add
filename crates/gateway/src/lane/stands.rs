//! Whether a call that was let through would be let through still, as long as it goes on.

use std::collections::BTreeSet;

use bailiwick_connect::Verified;
use bailiwick_kernel::{Judged, Lapsed, Rewritable as _};
use bailiwick_model::{
    AccessRequest, DecisionId, Digest, Obligations, Reason, ReasonCode, Record, Step, TemplateName,
    VerdictKind,
};

use super::{Lane, Refusal, record, unrecorded};
use crate::Call;

/// A call that would not be let through now.
#[derive(Debug)]
pub(super) struct Fell {
    request: AccessRequest,
    template: Option<TemplateName>,
    lapsed: Lapsed,
}

impl Fell {
    /// Says why, for a record.
    pub(super) fn why(&self) -> String {
        let texts: Vec<_> = self.lapsed.reasons.iter().map(|it| it.text.as_str()).collect();
        texts.join("; ")
    }
}

impl Lane {
    /// Judges again a call that was let through, and gives what must happen along with it now.
    /// `approved` is what a person had to approve then.
    pub(super) async fn stands(
        &self,
        caller: &Verified,
        call: &Call,
        approved: Option<&Digest>,
    ) -> Result<Obligations, Box<Fell>> {
        let around = self.around(caller, call).await;
        let reading = around.reading(caller, call);
        let request = reading.request().clone();
        let Some(slot) = self.desk.slot(&caller.task) else {
            let text = format!("there is no open task `{}`", caller.task);
            let reason = Reason::new(ReasonCode::NoSuchTask, text, caller.task.as_str());
            let judged = record::refusal(&reason, self.desk.snapshot().policies.version());
            let lapsed = Lapsed { judged, reasons: BTreeSet::from([reason]) };
            return Err(Box::new(Fell { request, template: None, lapsed }));
        };
        let now = self.desk.now();
        let same = |why: &BTreeSet<Reason>| approved == Some(&digest(why));
        let (judged, template) = slot.decide(|state| {
            let snapshot = self.desk.snapshot();
            let judged = bailiwick_kernel::still_stands(&snapshot, state, &reading, same, now);
            (judged, state.task().template.clone())
        });
        judged
            .map_err(|lapsed| Box::new(Fell { request, template: Some(template), lapsed: *lapsed }))
    }

    /// Asks whether `caller` may hear what became of a call that was let through, and under which
    /// obligations. A yes is no news; a no is a decision, and on record before it is told.
    pub(crate) async fn may_hear(
        &self,
        caller: &Verified,
        call: &Call,
        approved: Option<&Digest>,
    ) -> Result<Obligations, Refusal> {
        let fell = match self.stands(caller, call, approved).await {
            Ok(obligations) => return Ok(obligations),
            Err(fell) => fell,
        };
        let Fell { request, template, lapsed } = *fell;
        let decision = DecisionId::new(self.desk.ulid());
        let record = self.decision_record(&decision, &request, template, lapsed.judged);
        let refused = match self.record(vec![Record::Decision(Box::new(record))]).await {
            Ok(()) => {
                let (verdict, reasons) = (VerdictKind::Deny, lapsed.reasons);
                Refusal { decision, verdict, hold: None, reasons, explained: None }
            }
            Err(error) => unrecorded(decision, &error.to_string()),
        };
        self.desk.was_refused(&caller.identity);
        Err(refused)
    }
}

/// Digests what a person had to approve of a call that was let through; none where nobody had to.
pub(super) fn approved(judged: &Judged) -> Option<Digest> {
    judged.approval.as_ref()?;
    let held = judged
        .steps
        .iter()
        .filter(|it| it.verdict == VerdictKind::Hold && !it.observed && it.step != Step::Answer);
    Some(digest(&held.flat_map(|it| it.reasons.iter().cloned()).collect()))
}

/// Digests reasons that a person may approve.
pub(crate) fn digest(reasons: &BTreeSet<Reason>) -> Digest {
    // Texts are always written.
    Digest::of(&serde_json::to_vec(reasons).unwrap_or_default())
}
