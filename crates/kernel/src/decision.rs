//! What a decision says, and what the shell must do about it.

use std::collections::BTreeSet;

use bailiwick_model::{
    AccessRequest, DecisionId, Finding, Hold, HoldId, Judgement, Obligations, Reason, Spend,
    TaskStatus, VerdictKind,
};

use bailiwick_insight::Advice;

use crate::Permit;

/// Ids for what a decision may bring forth; the shell draws them, as it owns randomness.
#[derive(Clone, Debug)]
pub struct Names {
    /// For the decision.
    pub decision: DecisionId,
    /// For a hold, should it open one.
    pub hold: HoldId,
}

/// One decision: what may happen, why, and what the shell must do about it.
#[derive(Debug)]
#[must_use = "a decision that is not recorded did not happen"]
pub struct Decision {
    /// What may happen.
    pub outcome: Outcome,
    /// The call as it was judged and will be sent, where that is not as it came.
    pub sent: Option<Box<AccessRequest>>,
    /// Why: for the record.
    pub judged: Judged,
    /// What would have been allowed, and how to ask for it.
    pub advice: Advice,
    /// What the shell must do, in this order, along with the record.
    pub effects: Vec<Effect>,
}

/// What may happen to the call.
#[derive(Debug)]
pub enum Outcome {
    /// It may be sent, once, with this permit, once the obligations are met.
    Forward(Permit, Obligations),
    /// It waits for a person.
    Hold(HoldId, BTreeSet<Reason>),
    /// It may not be sent.
    Refuse(BTreeSet<Reason>),
}

/// The judgement, for the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict that is carried out.
    pub verdict: VerdictKind,
    /// What enforcing everything would have said, where that differs.
    pub would: Option<VerdictKind>,
    /// Every step.
    pub steps: Vec<Judgement>,
    /// What it takes from the budget.
    pub spend: Spend,
    /// The constraints whose rates it counts under.
    pub paced: BTreeSet<String>,
    /// The approval it used up.
    pub approval: Option<HoldId>,
    /// The ticket it opened, or repeats.
    pub hold: Option<HoldId>,
    /// The policies it was made under.
    pub policy: String,
}

/// What the shell must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The task has this status from now on: record it, keep it, end its children.
    TaskStatus(TaskStatus),
    /// A hold was opened: keep it, tell people.
    HoldOpened(Box<Hold>),
    /// An approval was used up by this decision.
    HoldUsed(HoldId),
    /// These holds can no longer be answered, or their approval no longer be used.
    HoldsExpired(Vec<HoldId>),
    /// Something was noticed.
    Noticed(Box<Finding>),
    /// The task must end once this decision is on record, and those below it with it.
    MustEnd,
}
