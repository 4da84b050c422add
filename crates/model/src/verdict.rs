//! Verdicts, and how they combine: the strictest wins, reasons and obligations add up.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{Obligations, action::words};

words! {
    /// The steps of a judgement, in the order they are explained. The order never changes a
    /// verdict.
    Step {
        /// Was the task itself opened rightly?
        Opening = "opening",
        /// Can the call be read in one way only?
        Reading = "reading",
        /// Is anything in it contained?
        Containment = "containment",
        /// Does the caller own the task, and is the token current?
        Binding = "binding",
        /// Is the task open, and is it the hour for it?
        Window = "window",
        /// Does a line of the grant cover it?
        Grant = "grant",
        /// What does the organisation's policy say?
        Policy = "policy",
        /// Is it the tool that was accepted?
        Pin = "pin",
        /// Does it leave the baseline?
        Drift = "drift",
        /// Is there budget for it?
        Budget = "budget",
        /// Can what must happen along with it be done?
        Obligation = "obligation",
        /// What has a person answered to it?
        Answer = "answer",
    }
}

words! {
    /// Why something is held or denied. Stable: programs and approvals name them.
    ReasonCode {
        /// Authority was withdrawn by containment.
        Contained = "contained",
        /// The caller does not own the task.
        NotTheOwner = "not_the_owner",
        /// The token is from before the task's authority changed.
        StaleToken = "stale_token",
        /// The token is bound to nothing, and may be anybody's by now.
        UnboundToken = "unbound_token",
        /// No such task.
        NoSuchTask = "no_such_task",
        /// The identity has no charter.
        NotRegistered = "not_registered",
        /// A break-glass task takes two people.
        TwoPeople = "two_people",
        /// The task has ended.
        TaskEnded = "task_ended",
        /// The task's deadline has passed.
        PastDeadline = "past_deadline",
        /// The task paused for too long.
        Idle = "idle",
        /// Outside the calendar.
        OutsideCalendar = "outside_calendar",
        /// The charter does not name the server, or the template.
        OutsideCharter = "outside_charter",
        /// No line of the grant covers it.
        OutsideGrant = "outside_grant",
        /// A condition of a grant's line could not be evaluated.
        GrantError = "grant_error",
        /// A policy forbids it.
        PolicyForbids = "policy_forbids",
        /// A policy wants a person's approval.
        ApprovalNeeded = "approval_needed",
        /// A policy that forbids could not be evaluated.
        PolicyError = "policy_error",
        /// A policy permits it: why something is allowed.
        PolicyPermits = "policy_permits",
        /// No policy permits it.
        NoPermit = "no_permit",
        /// No server offers such a tool.
        NotOffered = "not_offered",
        /// The tool has not been accepted yet.
        NotAccepted = "not_accepted",
        /// The tool or its server is not the one that was accepted.
        Changed = "changed",
        /// There is not enough budget left.
        OverBudget = "over_budget",
        /// What must happen along with it cannot be done.
        CannotComply = "cannot_comply",
        /// Behaviour left its baseline.
        Drift = "drift",
        /// A path or URL that is not in its normal form.
        NotNormal = "not_normal",
        /// Too many such tasks are open.
        TooManyOpen = "too_many_open",
        /// A parameter is missing, unknown or not as its rule wants it.
        BadParam = "bad_param",
        /// The opener may not hand this authority on.
        MayNotDelegate = "may_not_delegate",
        /// A person said yes.
        Approved = "approved",
        /// A person said no.
        Refused = "refused",
        /// The evidence could not be written.
        NoEvidence = "no_evidence",
        /// The method is not one that this server may be asked.
        UnknownMethod = "unknown_method",
        /// Something of ours failed while deciding.
        Fault = "fault",
    }
}

/// Why a step said what it said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// What programs read.
    pub code: ReasonCode,
    /// What people read.
    pub text: String,
    /// What said it: a template's line, a policy's id, a detector's code.
    pub source: String,
}

impl Reason {
    /// Makes a reason.
    pub fn new(code: ReasonCode, text: impl Into<String>, source: impl Into<String>) -> Self {
        Self { code, text: text.into(), source: source.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.text, self.source)
    }
}

/// What may happen to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may go out once these obligations are met; with none, as it is.
    Allow(Obligations),
    /// A person must answer first, for each of these reasons.
    Hold(BTreeSet<Reason>),
    /// It must not go out, for each of these reasons.
    Deny(BTreeSet<Reason>),
}

words! {
    /// A verdict without its reasons, in order of strictness.
    VerdictKind {
        /// It may go out.
        Allow = "allow",
        /// A person must answer first.
        Hold = "hold",
        /// It must not go out.
        Deny = "deny",
    }
}

impl Verdict {
    /// Allows without any obligation: the verdict that changes nothing when combined.
    pub const fn allow() -> Self {
        Self::Allow(Obligations::NONE)
    }

    /// Holds for one reason.
    pub fn hold(reason: Reason) -> Self {
        Self::Hold(BTreeSet::from([reason]))
    }

    /// Denies for one reason.
    pub fn deny(reason: Reason) -> Self {
        Self::Deny(BTreeSet::from([reason]))
    }

    /// Combines two verdicts: the stricter one wins; equals add up their reasons or obligations.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Deny(mut one), Self::Deny(mut other)) => {
                one.append(&mut other);
                Self::Deny(one)
            }
            (Self::Deny(why), Self::Hold(_) | Self::Allow(_))
            | (Self::Hold(_) | Self::Allow(_), Self::Deny(why)) => Self::Deny(why),
            (Self::Hold(mut one), Self::Hold(mut other)) => {
                one.append(&mut other);
                Self::Hold(one)
            }
            (Self::Hold(why), Self::Allow(_)) | (Self::Allow(_), Self::Hold(why)) => {
                Self::Hold(why)
            }
            (Self::Allow(one), Self::Allow(other)) => Self::Allow(one.and(other)),
        }
    }

    /// Gives the verdict without its reasons.
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Self::Allow(_) => VerdictKind::Allow,
            Self::Hold(_) => VerdictKind::Hold,
            Self::Deny(_) => VerdictKind::Deny,
        }
    }

    /// Gives the reasons of a hold or a denial.
    pub fn reasons(&self) -> Vec<Reason> {
        match self {
            Self::Allow(_) => Vec::new(),
            Self::Hold(why) | Self::Deny(why) => why.iter().cloned().collect(),
        }
    }
}

/// What one step said, with what it looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The step.
    pub step: Step,
    /// What it said.
    pub verdict: VerdictKind,
    /// Why; an allowing step names what allowed, too.
    pub reasons: Vec<Reason>,
    /// What it looked at, for the person who asks why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// True where the step only observed: what it said was recorded, not carried out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observed: bool,
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};

    use super::*;
    use crate::Most;

    fn verdict() -> impl Strategy<Value = Verdict> {
        let reason = || {
            (0_usize..3, 0_u8..3).prop_map(|(code, text)| {
                Reason::new(ReasonCode::ALL[code], text.to_string(), "somewhere")
            })
        };
        prop_oneof![
            crate::obligation::tests::obligations().prop_map(Verdict::Allow),
            collection::btree_set(reason(), 1..3).prop_map(Verdict::Hold),
            collection::btree_set(reason(), 1..3).prop_map(Verdict::Deny),
        ]
    }

    proptest! {
        /// Law 7.
        #[test]
        fn combining_verdicts_is_commutative_associative_and_never_weaker(
            one in verdict(),
            two in verdict(),
            three in verdict(),
        ) {
            let both = one.clone().and(two.clone());
            prop_assert_eq!(&both, &two.clone().and(one.clone()));
            prop_assert_eq!(
                both.clone().and(three.clone()),
                one.clone().and(two.clone().and(three))
            );
            prop_assert_eq!(both.kind(), one.kind().max(two.kind()));
            prop_assert_eq!(one.clone().and(one.clone()), one.clone());
            prop_assert_eq!(one.clone().and(Verdict::allow()), one.clone());
            for part in [&one, &two].into_iter().filter(|it| it.kind() == both.kind()) {
                prop_assert!(part.reasons().iter().all(|it| both.reasons().contains(it)));
            }
        }
    }

    #[test]
    fn strictness_is_allow_hold_deny() {
        assert!(VerdictKind::Allow < VerdictKind::Hold && VerdictKind::Hold < VerdictKind::Deny);
    }

    #[test]
    fn obligations_of_allowing_verdicts_add_up() {
        let rows = |most| Verdict::Allow(Obligations { rows: Most::of(most), ..Obligations::NONE });
        let bytes = Verdict::Allow(Obligations { bytes: Most::of(9), ..Obligations::NONE });
        let Verdict::Allow(both) = rows(5).and(bytes).and(rows(7)) else { panic!("not allowed") };
        assert_eq!((both.rows, both.bytes), (Most::of(5), Most::of(9)));
    }

    #[test]
    fn every_word_reads_back_as_itself_and_is_written_as_programs_read_it() {
        for code in ReasonCode::ALL {
            assert_eq!(ReasonCode::from_word(code.as_str()), Some(*code));
            let written = serde_json::to_string(code).unwrap();
            assert_eq!(written, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<ReasonCode>(&written).unwrap(), *code);
        }
        assert_eq!(ReasonCode::from_word("Contained"), None);
        assert!(Step::ALL.iter().all(|it| Step::from_word(it.as_str()) == Some(*it)));
    }
}
