//! What policy is asked, and what it answers.

use std::collections::BTreeSet;

use bailiwick_model::{
    AccessRequest, Action, ActionFacts, ApprovedCall, Charter, Fact, Obligations, Reason,
    ReasonCode, Task, Timestamp, Verdict,
};

use crate::{PolicySummary, judge::Findings, view::ViewError};

/// One request put to policy, with all that policy may look at.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is asked.
    pub request: &'a AccessRequest,
    /// For which task.
    pub task: &'a Task,
    /// The charter of whoever asks.
    pub charter: &'a Charter,
    /// What is said of the world; those past their end are left out.
    pub facts: &'a [Fact],
    /// The moment.
    pub now: Timestamp,
    /// Does the task's grant cover it?
    pub granted: bool,
    /// A person's yes to exactly this call; only the kernel hands one in.
    pub approval: Option<&'a ApprovedCall>,
}

/// What the policies say of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyAnswer {
    /// What the enforcing policies say.
    pub verdict: Verdict,
    /// What they would say if the observing policies were enforced, too, where that differs.
    pub would: Option<Verdict>,
    /// What the permits ask for that hold for it, whatever the verdict: it may yet be approved.
    pub obligations: Obligations,
    /// The permits that allowed it, where it is allowed or held.
    pub allowed_by: Vec<Reason>,
    /// Policies that could not be evaluated. One that forbids has already made the verdict deny.
    pub errors: Vec<Reason>,
}

impl PolicyAnswer {
    /// Makes one answer of what policies say of each of several resources: the strictest wins.
    pub(crate) fn of(all: Vec<Findings<'_>>, now: Timestamp) -> Self {
        let lives = |it: &PolicySummary| it.expires.is_none_or(|end| now < end);
        let enforced = |it: &PolicySummary| lives(it) && it.mode.enforces(now);
        let (mut verdict, mut would) = (Verdict::allow(), Verdict::allow());
        let (mut permits, mut errors) = (BTreeSet::new(), BTreeSet::new());
        let (mut obligations, mut beyond) = (Obligations::NONE, Obligations::NONE);
        for findings in all {
            let said = findings.verdict(enforced);
            would = would.and(if findings.any(|it| enforced(it) != lives(it)) {
                findings.verdict(lives)
            } else {
                said.clone()
            });
            verdict = verdict.and(said);
            obligations = obligations.and(findings.obligations(enforced));
            beyond = beyond.and(findings.obligations(lives));
            permits.extend(findings.permits(enforced));
            errors.extend(findings.errors(lives));
        }
        match &mut verdict {
            Verdict::Allow(asked) => asked.clone_from(&obligations),
            Verdict::Hold(_) => {}
            Verdict::Deny(_) => permits.clear(),
        }
        let differs = match (&mut would, &verdict) {
            (Verdict::Allow(_), Verdict::Allow(_)) => false,
            (Verdict::Allow(asked), Verdict::Hold(_) | Verdict::Deny(_)) => {
                *asked = beyond;
                true
            }
            (Verdict::Hold(_) | Verdict::Deny(_), _) => would != verdict,
        };
        Self {
            would: differs.then_some(would),
            verdict,
            obligations,
            allowed_by: permits.into_iter().collect(),
            errors: errors.into_iter().collect(),
        }
    }

    /// Denies what cannot be shown to policies.
    pub(crate) fn cannot_be_asked(error: ViewError) -> Self {
        let text = format!("the request cannot be put to policy: {error}");
        let reason = Reason::new(ReasonCode::Fault, text, "policies");
        Self {
            verdict: Verdict::deny(reason.clone()),
            would: None,
            obligations: Obligations::NONE,
            allowed_by: Vec::new(),
            errors: vec![reason],
        }
    }
}

/// Which policies apply to one resource of a case, before anything is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applying {
    /// The ids of those that are satisfied, permits and forbids alike.
    pub satisfied: BTreeSet<String>,
    /// The ids of those that could not be evaluated.
    pub errors: BTreeSet<String>,
}

/// One action of a listing, whose arguments, resource and moment are not known yet.
#[derive(Clone, Copy, Debug)]
pub struct ListQuestion<'a> {
    /// What is listed.
    pub action: &'a Action,
    /// What is known of it.
    pub facts_of_action: &'a ActionFacts,
    /// For which task.
    pub task: &'a Task,
    /// The charter of whoever lists.
    pub charter: &'a Charter,
    /// What is said of the world: those that hold at the moment of listing.
    pub facts: &'a [Fact],
}

/// Whether the lines of a grant cover a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Every layer has a line that covers it.
    Covered {
        /// Where these lines are written, one or more a layer.
        lines: Vec<String>,
        /// Lines whose condition could not be evaluated; they cover nothing.
        errors: Vec<Reason>,
    },
    /// Some layer has none.
    Missed {
        /// What was tried, and why it missed.
        reasons: Vec<Reason>,
        /// Lines whose condition could not be evaluated; they cover nothing.
        errors: Vec<Reason>,
    },
}

impl Coverage {
    /// Says whether every layer covers it.
    pub const fn is_covered(&self) -> bool {
        matches!(self, Self::Covered { .. })
    }
}
