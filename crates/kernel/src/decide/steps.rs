//! The steps of a judgement. Each looks at the request by itself; their order never changes the
//! verdict.

use std::collections::BTreeMap;

use bailiwick_insight::DriftFinding;
use bailiwick_model::{
    ActionKind, ApprovedLine, Budget, CredentialId, DayBudget, Judgement, Layer, Lowered,
    Obligations, Offered, OnWiden, PinStatus, Reason, ReasonCode, Spend, Step, TaskStatus, Verdict,
};
use bailiwick_policy::{Case, Coverage};

use super::{Asked, cost, detector_source, fine};
use crate::{exposed, lowered::only_reads, open::contained_reason};

/// What one step said, before the steps are combined.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) step: Step,
    pub(super) verdict: Verdict,
    /// Said of an allowing step: what allowed.
    allowed_by: Vec<Reason>,
    attributes: BTreeMap<String, String>,
    observed: bool,
    /// What must happen along with the call, whatever the verdict: it may yet be approved.
    pub(super) obligations: Obligations,
}

impl Said {
    pub(super) const fn new(step: Step, verdict: Verdict) -> Self {
        Self {
            step,
            verdict,
            allowed_by: Vec::new(),
            attributes: BTreeMap::new(),
            observed: false,
            obligations: Obligations::NONE,
        }
    }

    fn deny(
        step: Step,
        code: ReasonCode,
        text: impl Into<String>,
        source: impl Into<String>,
    ) -> Self {
        Self::new(step, Verdict::deny(Reason::new(code, text, source)))
    }

    /// Names what allowed.
    pub(super) fn because(mut self, reason: Reason) -> Self {
        self.allowed_by.push(reason);
        self
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    /// Gives what detectors found in a call that is not sent as it came: it is on record, and decides
    /// nothing about the call that is sent.
    pub(super) fn found(self) -> Option<Self> {
        let reasons = self.verdict.reasons();
        if self.step != Step::Drift || reasons.is_empty() {
            return None;
        }
        let found = reasons.into_iter().fold(fine(Step::Drift), Self::because);
        Some(found.with("of", "the call as it came"))
    }

    /// Gives the verdict that counts, where it changes anything: a step that only observes, or that
    /// allows and asks for nothing, does not.
    pub(super) fn enforced(&self) -> Option<&Verdict> {
        match &self.verdict {
            Verdict::Allow(asks) if asks.is_nothing() => None,
            verdict @ (Verdict::Allow(_) | Verdict::Hold(_) | Verdict::Deny(_)) => {
                (!self.observed).then_some(verdict)
            }
        }
    }

    pub(super) fn into_judgement(self) -> Judgement {
        let mut reasons = self.verdict.reasons();
        reasons.extend(self.allowed_by);
        Judgement {
            step: self.step,
            verdict: self.verdict.kind(),
            reasons,
            attributes: self.attributes,
            observed: self.observed,
        }
    }
}

impl Asked<'_> {
    /// Asks every step.
    pub(super) fn judge(&self, findings: &[DriftFinding]) -> Vec<Said> {
        let mut steps =
            vec![self.reading(), self.containment(), self.binding(), self.window(), self.grant()];
        steps.extend(self.policy());
        steps.push(self.pin());
        steps.push(self.drift(findings));
        steps.push(self.budget());
        steps
    }

    /// The call must mean the same to us and to the server.
    fn reading(&self) -> Said {
        let deny = |fault: &String| {
            Verdict::deny(Reason::new(ReasonCode::NotNormal, fault.clone(), "classify"))
        };
        let verdict = self.request.faults.iter().map(deny).fold(Verdict::allow(), Verdict::and);
        Said::new(Step::Reading, verdict)
    }

    fn containment(&self) -> Said {
        let snapshot = &self.snapshot;
        let mut found = snapshot.contained_of_caller(&self.request.caller);
        found.extend(snapshot.contained_of_task(&self.state.task));
        found.extend(snapshot.contained_of_action(&self.request.action));
        if found.is_empty() {
            return self.lowered();
        }
        Said::new(Step::Containment, Verdict::Deny(found.iter().map(contained_reason).collect()))
    }

    /// While the risk of somebody has risen, what does more than read waits for a person.
    fn lowered(&self) -> Said {
        let (request, task) = (self.request, &self.state.task);
        let found = self.snapshot.lowered_of(&request.caller, task, self.now);
        if found.is_empty() || only_reads(&request.facts) {
            return fine(Step::Containment);
        }
        let reason = |it: &Lowered| {
            let (by, whom, until) = (&it.by, it.subject.in_words(), it.until);
            let text = format!(
                "`{by}` says that the risk of {whom} has risen: until {until}, what does more than read waits for a person"
            );
            Reason::new(ReasonCode::ApprovalNeeded, text, format!("signal:{by}"))
        };
        Said::new(Step::Containment, Verdict::Hold(found.into_iter().map(reason).collect()))
    }

    fn binding(&self) -> Said {
        let (caller, task) = (&self.request.caller, &self.state.task);
        let source = task.id.as_str();
        let registered = self.snapshot.charters.contains_key(&caller.identity);
        if caller.task != task.id || caller.identity != task.identity || caller.via != task.via {
            let text = format!("`{}` does not own `{}`", caller.identity, task.id);
            return Said::deny(Step::Binding, ReasonCode::NotTheOwner, text, source);
        }
        if !registered {
            let text = format!("`{}` is no longer registered", caller.identity);
            return Said::deny(Step::Binding, ReasonCode::NotRegistered, text, "registry");
        }
        // Of an ended task the window says more than that its tokens are old.
        if task.is_open() && caller.generation != task.generation {
            let text = "the token is from before the task's authority changed";
            return Said::deny(Step::Binding, ReasonCode::StaleToken, text, source)
                .with("token.generation", caller.generation.to_string())
                .with("task.generation", task.generation.to_string());
        }
        if let Some(reason) = exposed::fault(self.snapshot, task, self.request) {
            return Said::new(Step::Binding, Verdict::deny(reason));
        }
        let shown: Vec<_> = caller.credentials.iter().map(CredentialId::as_str).collect();
        if shown.is_empty() {
            return fine(Step::Binding);
        }
        fine(Step::Binding).with("credentials", shown.join(", "))
    }

    /// The tick before this judgement has ended the task if its window closed.
    fn window(&self) -> Said {
        let task = &self.state.task;
        match task.status {
            TaskStatus::Open => fine(Step::Window)
                .with("task.opened", task.opened.to_string())
                .with("task.deadline", task.deadline.to_string()),
            TaskStatus::Ended { at, cause } => {
                use bailiwick_model::EndCause as Cause;
                let code = match cause {
                    Cause::Deadline => ReasonCode::PastDeadline,
                    Cause::Idle => ReasonCode::Idle,
                    Cause::Calendar => ReasonCode::OutsideCalendar,
                    Cause::Asked
                    | Cause::Parent
                    | Cause::Contained
                    | Cause::Signal
                    | Cause::Lost => ReasonCode::TaskEnded,
                };
                let text = format!("`{}` ended at {at} ({cause})", task.id);
                Said::deny(Step::Window, code, text, task.id.as_str())
            }
        }
    }

    fn grant(&self) -> Said {
        let (server, action) = (&self.request.action.server, &self.request.action);
        // Charters bound the whole line of hands, as they were when it was opened and as they are.
        let reaches = |layer: &Layer| {
            let charter = self.snapshot.charters.get(&layer.identity);
            layer.reaches(action) && charter.is_some_and(|it| it.reaches(action))
        };
        if let Some(layer) = self.state.task.grant.layers.iter().find(|it| !reaches(it)) {
            let who = &layer.identity;
            let now = self.snapshot.charters.get(who).is_some_and(|it| it.servers.contains(server));
            let text = if now {
                format!("what `{who}` was given when its task opened does not reach `{server}`")
            } else {
                format!("the charter of `{who}` does not reach `{server}`")
            };
            let source = format!("charter:{}", layer.identity);
            return Said::deny(Step::Grant, ReasonCode::OutsideCharter, text, source);
        }
        let Some(case) = self.case else { return fine(Step::Grant) };
        let mut judged = match self.state.line_for(self.request, self.now) {
            Some(line) => self.approved_line(line, case),
            None => self.lines(case),
        };
        // What was handed out cannot be watched any more: of a credential nothing is only observed.
        let lease = action.kind == ActionKind::Lease;
        judged.observed = !lease && !self.state.task.grant.mode.enforces(self.now);
        judged
    }

    /// A line that a person added stands for the task's own layer and for no layer above it.
    fn approved_line(&self, line: &ApprovedLine, case: &Case<'_>) -> Said {
        match self.state.program.covers_above(case) {
            Coverage::Covered { errors, .. } => {
                let text = format!("`{}` added this line until {}", line.by, line.until);
                let reason = Reason::new(ReasonCode::Approved, text, line.hold.as_str());
                let mut judged = fine(Step::Grant).because(reason);
                judged.allowed_by.extend(errors);
                judged
            }
            Coverage::Missed { reasons, errors } => {
                let mut judged =
                    Said::new(Step::Grant, Verdict::Deny(reasons.into_iter().collect()));
                judged.allowed_by = errors;
                judged
            }
        }
    }

    /// Asks the grant's lines.
    fn lines(&self, case: &Case<'_>) -> Said {
        let (state, program) = (self.state, &self.state.program);
        match program.covers(case) {
            Coverage::Covered { lines, errors } => {
                let mut judged = fine(Step::Grant).with("lines", lines.join(", "));
                judged.allowed_by = errors;
                judged
            }
            Coverage::Missed { reasons, errors } => {
                // What could not be judged is nothing that a person could approve, and neither is
                // what the task above may not do itself (law 6).
                let fault = reasons.iter().any(|it| it.code == ReasonCode::Fault);
                let within = || matches!(program.covers_above(case), Coverage::Covered { .. });
                let reasons = reasons.into_iter().collect();
                let verdict = match state.task.grant.on_widen {
                    OnWiden::Hold if !fault && within() => Verdict::Hold(reasons),
                    OnWiden::Hold | OnWiden::Deny => Verdict::Deny(reasons),
                };
                let mut judged = Said::new(Step::Grant, verdict);
                judged.allowed_by = errors;
                judged
            }
        }
    }

    /// Asks the organisation's policies as if a line covered the call, so that hold is told from
    /// deny: nobody should be asked to approve what would be denied anyway.
    fn policy(&self) -> Vec<Said> {
        let Some(case) = self.case else { return vec![fine(Step::Policy)] };
        let mut answer = self.snapshot.policies.evaluate(case);
        let approved = self.approval.filter(|it| match &answer.verdict {
            Verdict::Hold(why) => why.is_subset(&it.reasons),
            Verdict::Allow(_) | Verdict::Deny(_) => false,
        });
        if let Some(approval) = approved {
            let held = answer.verdict.clone();
            answer = self.snapshot.policies.evaluate(&case.approved_by(approval));
            // The hold stays in the judgement, so that the approval is seen to be needed.
            answer.verdict = answer.verdict.and(held);
        }
        let mut judged = Said::new(Step::Policy, answer.verdict);
        judged.obligations = answer.obligations;
        judged.allowed_by = answer.allowed_by;
        judged.allowed_by.extend(answer.errors);
        let observed = answer.would.map(|would| {
            let mut judged = Said::new(Step::Policy, would);
            judged.observed = true;
            judged
        });
        std::iter::once(judged).chain(observed).collect()
    }

    fn pin(&self) -> Said {
        let action = &self.request.action;
        let source = action.policy_name();
        let (definition, executable) = match self.request.offered {
            Offered::NotPinned if action.kind != ActionKind::Tool => return fine(Step::Pin),
            Offered::NotPinned | Offered::Nothing => {
                let text = format!("`{}` offers no tool `{}`", action.server, action.name);
                return Said::deny(Step::Pin, ReasonCode::NotOffered, text, source);
            }
            Offered::Tool { definition, executable } => (definition, executable),
        };
        let Some(pin) = self.snapshot.pin(&action.server, &action.name) else {
            let text = format!("`{}` is new and nobody has accepted it yet", action.name);
            return Said::deny(Step::Pin, ReasonCode::NotAccepted, text, source);
        };
        if pin.status == PinStatus::Waiting {
            let text = format!("`{}` waits to be accepted", action.name);
            return Said::deny(Step::Pin, ReasonCode::NotAccepted, text, source);
        }
        let mut changed = Vec::new();
        if pin.digest != definition {
            changed.push(format!(
                "the definition of `{}` is no longer the accepted one: {definition}",
                action.name
            ));
        }
        if pin.executable != executable {
            let program = executable.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
            changed.push(format!(
                "the program of `{}` is no longer the accepted one: {program}",
                action.server
            ));
        }
        if changed.is_empty() {
            return fine(Step::Pin).with("pinned", pin.by.clone());
        }
        // Each by itself, so that a yes to one is no yes to the other.
        let reason = |text| Reason::new(ReasonCode::Changed, text, source.clone());
        Said::new(Step::Pin, Verdict::Hold(changed.into_iter().map(reason).collect()))
            .with("accepted", pin.digest.to_string())
    }

    /// Exceptions soften this step and no other (law 8).
    fn drift(&self, findings: &[DriftFinding]) -> Said {
        let excused = |finding: &DriftFinding| {
            self.snapshot.exceptions.iter().any(|it| {
                it.identity == self.request.caller.identity
                    && it.detector == finding.detector
                    && self.now < it.until
            })
        };
        let (mut verdict, mut softened) = (Verdict::allow(), Vec::new());
        for finding in findings {
            if excused(finding) {
                softened.push(detector_source(finding.detector));
            } else {
                verdict = verdict.and(finding.verdict.clone());
            }
        }
        let judged = Said::new(Step::Drift, verdict);
        if softened.is_empty() { judged } else { judged.with("excused", softened.join(", ")) }
    }

    fn budget(&self) -> Said {
        let state = self.state;
        let used = state.used().plus(cost(self.request));
        let budget = state.task.grant.budget;
        let mut over = Vec::new();
        if !budget.covers(used) {
            let text = format!("the budget is {}", overdrawn(budget, used));
            over.push(Reason::new(ReasonCode::OverBudget, text, state.task.id.as_str()));
        }
        over.extend(state.task.grant.layers.iter().filter_map(|it| self.day(it)));
        let mut judged = if over.is_empty() {
            fine(Step::Budget)
        } else {
            Said::new(Step::Budget, Verdict::Deny(over.into_iter().collect()))
        };
        let lease = self.request.action.kind == ActionKind::Lease;
        judged.observed = !lease && !state.task.grant.mode.enforces(self.now);
        judged
    }
}

impl Asked<'_> {
    /// Says whether the call would be too much for one day of one layer: a fresh task does not
    /// make the day begin anew.
    fn day(&self, layer: &Layer) -> Option<Reason> {
        let DayBudget { limit, .. } = layer.day.as_ref()?;
        let day = layer.day.as_ref()?.day(self.now);
        let account = self.state.day(&(layer.identity.clone(), layer.template.clone()));
        let used = account.spent_on(day).plus(cost(self.request));
        (!limit.covers(used)).then(|| {
            let text = format!(
                "the day of all `{}` tasks of `{}` is {}",
                layer.template,
                layer.identity,
                overdrawn(*limit, used),
            );
            let source = format!("template:{}", layer.template);
            Reason::new(ReasonCode::OverBudget, text, source)
        })
    }
}

/// Says how much there is, and how much it would be.
fn overdrawn(budget: Budget, used: Spend) -> String {
    format!(
        "{} and this call would make it {}",
        shown(budget.calls, budget.bytes_out),
        shown(budget.calls.map(|_| used.calls), budget.bytes_out.map(|_| used.bytes_out)),
    )
}

fn shown(calls: Option<u64>, bytes_out: Option<u64>) -> String {
    let parts =
        [calls.map(|it| format!("{it} calls")), bytes_out.map(|it| format!("{it} bytes out"))];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "not limited".to_owned() } else { parts.join(", ") }
}
