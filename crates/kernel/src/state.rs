//! What is known of one task while it lives.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_model::{
    AccessRequest, Action, ApprovedCall, ApprovedLine, Budget, CallDigest, DayAccount, Hold,
    HoldId, IdentityId, PersonName, Reason, Spend, Task, TaskId, TemplateName, Timestamp,
};
use bailiwick_policy::{Briefs, GrantProgram};

use crate::{Paced, lateral::Lateral};

/// One task and everything its decisions depend on. Sharded by task: no decision needs two.
#[derive(Clone, Debug)]
pub struct TaskState {
    pub(crate) task: Task,
    pub(crate) program: Arc<GrantProgram>,
    pub(crate) spent: Spend,
    pub(crate) carved: BTreeMap<TaskId, Budget>,
    pub(crate) approvals: Vec<ApprovedCall>,
    /// Shared with copies, as what is asked for may be long.
    pub(crate) lines: Vec<Arc<ApprovedLine>>,
    /// Shared with copies, too.
    pub(crate) waiting: Vec<Arc<Waiting>>,
    pub(crate) refusals: Vec<RefusedCall>,
    pub(crate) paced: Paced,
    pub(crate) in_flight: u32,
    pub(crate) lateral: Lateral,
    pub(crate) active: Timestamp,
    pub(crate) latest: Timestamp,
    pub(crate) authority: u64,
    pub(crate) days: BTreeMap<DayKey, DayAccount>,
    /// What its calls share: made of the task and what decisions look at, and good for nothing
    /// else, so that no answer depends on it.
    pub(crate) briefs: Briefs,
}

/// Whose day it is: all tasks of one identity and template share one.
pub type DayKey = (IdentityId, TemplateName);

/// A hold that nobody has answered yet, as it was asked: what people are shown of it may be
/// redacted, and what was shown matches no call.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) hold: HoldId,
    pub(crate) call: CallDigest,
    pub(crate) action: Action,
    pub(crate) resources: BTreeSet<String>,
    pub(crate) destinations: BTreeSet<String>,
    pub(crate) reasons: BTreeSet<Reason>,
    pub(crate) policy: String,
    pub(crate) expires: Timestamp,
}

/// A call that a person said no to.
#[derive(Clone, Debug)]
pub(crate) struct RefusedCall {
    pub(crate) hold: HoldId,
    pub(crate) call: CallDigest,
    pub(crate) by: PersonName,
    pub(crate) until: Timestamp,
}

/// What is remembered of a task across a restart, besides the task itself.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What its own decisions spent, and those of children that have ended, down to the last
    /// grandchild: the sum over the ledger.
    pub spent: Spend,
    /// What its open children were given out of its budget.
    pub carved: BTreeMap<TaskId, Budget>,
    /// Approvals that were not used.
    pub approvals: Vec<ApprovedCall>,
    /// Lines that people added.
    pub lines: Vec<ApprovedLine>,
    /// Holds that nobody answered, or that were refused.
    pub holds: Vec<Hold>,
    /// How often it did what rates bound.
    pub paced: Paced,
    /// When it last did something.
    pub active: Option<Timestamp>,
}

/// A task's grant can no longer be read: the task cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the grant of `{task}` can no longer be read: {why}")]
pub struct RestoreError {
    task: TaskId,
    why: String,
}

impl TaskState {
    /// Takes up a task that lives already.
    pub fn resume(task: Task, program: Arc<GrantProgram>, memory: Memory) -> Self {
        let active = memory.active.unwrap_or(task.opened);
        let mut state = Self {
            program,
            spent: memory.spent,
            carved: memory.carved,
            approvals: memory.approvals,
            lines: memory.lines.into_iter().map(Arc::new).collect(),
            waiting: Vec::new(),
            refusals: Vec::new(),
            paced: memory.paced,
            in_flight: 0,
            lateral: Lateral::default(),
            active,
            latest: active,
            authority: 0,
            days: BTreeMap::new(),
            briefs: Briefs::default(),
            task,
        };
        for hold in &memory.holds {
            state.remember(hold);
        }
        state
    }

    /// Takes up a task that lives already, compiling its grant anew.
    pub fn restore(task: Task, memory: Memory) -> Result<Self, RestoreError> {
        let program = GrantProgram::compile(&task.grant).map_err(|errors| RestoreError {
            task: task.id.clone(),
            why: errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        })?;
        Ok(Self::resume(task, Arc::new(program), memory))
    }

    /// Takes note of a hold that waits, or that a person refused.
    pub(crate) fn remember(&mut self, hold: &Hold) {
        use bailiwick_model::HoldStatus;
        match &hold.status {
            HoldStatus::Waiting => self.waiting.push(Arc::new(Waiting {
                hold: hold.id.clone(),
                call: hold.call,
                action: hold.action.clone(),
                resources: hold.resources.clone(),
                destinations: hold.destinations.clone(),
                reasons: hold.reasons.clone(),
                policy: hold.policy.clone(),
                expires: hold.expires,
            })),
            HoldStatus::Refused { by, .. } => self.refusals.push(RefusedCall {
                hold: hold.id.clone(),
                call: hold.call,
                by: by.clone(),
                until: hold.expires,
            }),
            HoldStatus::Approved { .. } | HoldStatus::Used { .. } | HoldStatus::Expired => {}
        }
    }

    /// Gives the task.
    pub const fn task(&self) -> &Task {
        &self.task
    }

    /// Counts how often its authority changed: permits of before are worthless.
    pub const fn authority(&self) -> u64 {
        self.authority
    }

    /// Makes every permit worthless that was not spent yet.
    pub const fn withdraw_permits(&mut self) {
        self.authority = self.authority.saturating_add(1);
    }

    /// Names the days that its calls count in, its own and its ancestors'; none where nothing
    /// limits a day.
    pub fn day_keys(&self) -> BTreeSet<DayKey> {
        let layers = self.task.grant.layers.iter().filter(|it| it.day.is_some());
        layers.map(|it| (it.identity.clone(), it.template.clone())).collect()
    }

    /// Gives what was used of a day, as far as this task knows.
    pub fn day(&self, key: &DayKey) -> DayAccount {
        self.days.get(key).copied().unwrap_or_default()
    }

    /// Tells what was used of a day. Other tasks use it, too: it is told before each decision and
    /// asked for after it, while nobody else decides by it.
    pub fn tell_day(&mut self, key: DayKey, account: DayAccount) {
        self.days.insert(key, account);
    }

    /// Takes `cost` from every day that it counts in, once from each.
    pub(crate) fn take_days(&mut self, cost: Spend, now: Timestamp) {
        let mut taken = BTreeSet::new();
        for layer in &self.task.grant.layers {
            let key = (layer.identity.clone(), layer.template.clone());
            if let Some(limit) = layer.day.as_ref().filter(|_| taken.insert(key.clone())) {
                self.days.entry(key).or_default().take(limit.day(now), cost);
            }
        }
    }

    /// Gives what its own calls spent.
    pub const fn spent(&self) -> Spend {
        self.spent
    }

    /// Gives what is gone from its budget: its own calls' and its open children's shares.
    pub fn used(&self) -> Spend {
        self.carved.values().fold(self.spent, |all, share| {
            all.plus(Spend {
                calls: share.calls.unwrap_or(0),
                bytes_out: share.bytes_out.unwrap_or(0),
            })
        })
    }

    /// Gives what is left of its budget.
    pub fn left(&self) -> Budget {
        self.task.grant.budget.less(self.used())
    }

    /// Takes the share of a child that ended back, less what the child spent. Until now its parent
    /// was not idle.
    pub fn take_back(&mut self, child: &TaskId, spent: Spend, now: Timestamp) {
        let Some(share) = self.carved.remove(child) else { return };
        if self.task.is_open() {
            self.active = self.see(now);
        }
        let counted = |limit: Option<u64>, used: u64| if limit.is_some() { used } else { 0 };
        self.spent = self.spent.plus(Spend {
            calls: counted(share.calls, spent.calls),
            bytes_out: counted(share.bytes_out, spent.bytes_out),
        });
    }

    /// Notes that time is `now`; a clock that runs backwards stands still here.
    pub(crate) fn see(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Finds the unused approvals for exactly this call, under these policies.
    pub(crate) fn approvals_for(
        &self,
        request: &AccessRequest,
        policy: &str,
        now: Timestamp,
    ) -> impl Iterator<Item = &ApprovedCall> {
        self.approvals.iter().filter(move |it| {
            it.call == request.call
                && it.caller == request.caller.identity
                && it.via == request.caller.via
                && it.policy == policy
                && now < it.expires
        })
    }

    /// Gives the end of the line of a person's that covers `request`, where that is all that covers it.
    pub fn line_until(&self, request: &AccessRequest, now: Timestamp) -> Option<Timestamp> {
        self.line_for(request, now).map(|it| it.until)
    }

    /// Finds a line that a person added and that covers `request`. What names no resource is
    /// covered by none: there the line would be the tool with every argument.
    pub(crate) fn line_for(
        &self,
        request: &AccessRequest,
        now: Timestamp,
    ) -> Option<&ApprovedLine> {
        self.lines.iter().map(Arc::as_ref).find(|it| {
            now < it.until
                && it.action == request.action
                && !request.resources.is_empty()
                && request.resources.is_subset(&it.resources)
                && request.destinations.is_subset(&it.destinations)
                // A destination that is left out is one that the server chooses.
                && request.destinations.is_empty() == it.destinations.is_empty()
        })
    }
}
