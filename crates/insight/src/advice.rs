//! What would have been allowed instead, and how to ask for it: one wording for people and agents.

use std::collections::BTreeSet;

use bailiwick_model::{HoldId, JudgedChange, Reason, ReasonCode, VerdictKind};
use serde::Serialize;

/// What someone whose call did not go out can do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What would have been allowed, as far as it is known, one entry a reason.
    pub would_allow: Vec<String>,
    /// How to ask for it, in one sentence.
    pub how_to_ask: String,
}

/// Gives advice about a call that was judged `verdict` for `reasons`, and waits under `hold`.
pub fn advise<'a>(
    verdict: VerdictKind,
    reasons: impl IntoIterator<Item = &'a Reason>,
    hold: Option<&HoldId>,
) -> Advice {
    let reasons: Vec<&Reason> = reasons.into_iter().collect();
    let would_allow = match verdict {
        VerdictKind::Allow => BTreeSet::new(),
        VerdictKind::Hold | VerdictKind::Deny => {
            reasons.iter().filter_map(|it| would_allow(it)).collect::<BTreeSet<_>>()
        }
    };
    Advice {
        would_allow: would_allow.into_iter().collect(),
        how_to_ask: how_to_ask(verdict, &reasons, hold),
    }
}

/// Gives advice where changed questions were judged: what these came to is said before, and in
/// place of, what can only be said in words.
pub fn advise_judged<'a>(
    verdict: VerdictKind,
    reasons: impl IntoIterator<Item = &'a Reason>,
    hold: Option<&HoldId>,
    judged: &[JudgedChange],
) -> Advice {
    let reasons: Vec<&Reason> = reasons.into_iter().collect();
    let advice = advise(verdict, reasons.iter().copied(), hold);
    if judged.is_empty() {
        return advice;
    }
    // A line says in its own words what it covers.
    let lines = reasons.iter().filter(|it| it.code == ReasonCode::OutsideGrant);
    let words: BTreeSet<String> = lines.filter_map(|it| would_allow(it)).collect();
    let judged = judged.iter().map(ToString::to_string);
    Advice { would_allow: judged.chain(words).collect(), ..advice }
}

fn how_to_ask(verdict: VerdictKind, reasons: &[&Reason], hold: Option<&HoldId>) -> String {
    match (verdict, hold) {
        (VerdictKind::Allow, _) => "there is nothing to ask for: it was allowed".to_owned(),
        (VerdictKind::Hold, Some(hold)) => format!(
            "a person has to answer: `bailiwick hold show {hold}`; after a yes, make the same call again"
        ),
        (VerdictKind::Hold, None) => {
            "a person has to answer: `bailiwick hold list`; after a yes, make the same call again"
                .to_owned()
        }
        // The reason that is hardest to lift decides whom to ask: lifting another changes nothing.
        (VerdictKind::Deny, _) => reasons.iter().max_by_key(|it| hardness(it.code)).map_or_else(
            || "show the decision to whoever runs this governor".to_owned(),
            |it| ask_about(it),
        ),
    }
}

/// Says what would have been allowed instead of what `reason` stopped; none where it stopped
/// nothing.
fn would_allow(reason: &Reason) -> Option<String> {
    let (text, source) = (&reason.text, &reason.source);
    Some(match reason.code {
        ReasonCode::Contained => format!("nothing, until containment is lifted: {text}"),
        ReasonCode::NotTheOwner => "the same call by the task's own identity".to_owned(),
        ReasonCode::StaleToken => "the same call with a token minted now".to_owned(),
        ReasonCode::UnboundToken => {
            "the same call with a token that is bound to a key or a certificate".to_owned()
        }
        ReasonCode::NotRegistered => format!("nothing, until there is a charter: {text}"),
        ReasonCode::NoSuchTask
        | ReasonCode::TaskEnded
        | ReasonCode::PastDeadline
        | ReasonCode::Idle => "the same call in a new task".to_owned(),
        ReasonCode::OutsideCalendar => "the same call in a task inside its hours".to_owned(),
        ReasonCode::TwoPeople => "the same, by the word of two people".to_owned(),
        ReasonCode::OutsideCharter => format!("what the charter names: {text}"),
        ReasonCode::OutsideGrant => format!("what the grant covers: {text} ({source})"),
        ReasonCode::GrantError => format!("a call that the line can be asked about: {text}"),
        ReasonCode::PolicyForbids => format!("nothing, while policy `{source}` stands"),
        ReasonCode::ApprovalNeeded => "the same call, once a person approves it".to_owned(),
        ReasonCode::PolicyError => format!("nothing, until policy `{source}` is mended"),
        ReasonCode::NoPermit => "a call that some policy permits".to_owned(),
        ReasonCode::NotOffered => "a tool that the server offers".to_owned(),
        ReasonCode::NotAccepted | ReasonCode::Changed => {
            "the same call, once the tool is accepted".to_owned()
        }
        ReasonCode::OverBudget => {
            "the same call in a new task, with a budget of its own".to_owned()
        }
        ReasonCode::CannotComply => format!("a call that can be made as it must be: {text}"),
        ReasonCode::Drift => "a call like those before it".to_owned(),
        ReasonCode::NotNormal => {
            "the same call with every path and address in normal form".to_owned()
        }
        ReasonCode::TooManyOpen => "the same, once an open task has ended".to_owned(),
        ReasonCode::BadParam => format!("parameters as the template wants them: {text}"),
        ReasonCode::MayNotDelegate => format!("a task that its own identity opens: {text}"),
        ReasonCode::Refused => "another call: a person said no to this one".to_owned(),
        ReasonCode::NoEvidence => "the same call, once evidence can be written again".to_owned(),
        ReasonCode::UnknownMethod => "a method that the server's entry allows".to_owned(),
        ReasonCode::Fault => "the same call, later".to_owned(),
        // Says what allowed, so it stopped nothing.
        ReasonCode::PolicyPermits | ReasonCode::Approved => return None,
    })
}

/// Says whom to ask, and with which words, about `reason`.
fn ask_about(reason: &Reason) -> String {
    let source = &reason.source;
    match reason.code {
        ReasonCode::Contained => {
            "ask a person to lift the containment: `bailiwick release`".to_owned()
        }
        ReasonCode::NotTheOwner => {
            "use the token of your own task: `bailiwick task open`".to_owned()
        }
        ReasonCode::StaleToken => "mint a new token: `bailiwick task token`".to_owned(),
        ReasonCode::UnboundToken => {
            "ask for a token with a DPoP proof, or over a connection with a client certificate, and show it in the same way".to_owned()
        }
        ReasonCode::NotRegistered => {
            "ask whoever runs this governor to add a charter for the identity".to_owned()
        }
        ReasonCode::NoSuchTask
        | ReasonCode::TaskEnded
        | ReasonCode::PastDeadline
        | ReasonCode::Idle
        | ReasonCode::OverBudget => "open a new task: `bailiwick task open`".to_owned(),
        ReasonCode::OutsideCalendar => {
            "open a new task inside its hours: `bailiwick task open`".to_owned()
        }
        ReasonCode::TwoPeople => {
            "ask two people: `bailiwick task open --by PERSON`, then `bailiwick hold approve`"
                .to_owned()
        }
        ReasonCode::OutsideCharter => "ask the charter's owner to extend it".to_owned(),
        ReasonCode::OutsideGrant | ReasonCode::GrantError => {
            "ask the template's owner to add a line".to_owned()
        }
        ReasonCode::PolicyForbids | ReasonCode::PolicyError => {
            format!("ask the owner of policy `{source}` to change it")
        }
        ReasonCode::ApprovalNeeded => {
            "ask a person to approve it: `bailiwick hold list`".to_owned()
        }
        ReasonCode::NoPermit => "ask whoever writes the policies to permit it".to_owned(),
        ReasonCode::NotOffered => "look at what is offered: `bailiwick server list`".to_owned(),
        ReasonCode::NotAccepted | ReasonCode::Changed => {
            format!("ask a person to accept the tool: `bailiwick server accept {}`", tool(source))
        }
        ReasonCode::CannotComply => {
            format!("ask the owner of constraint `{source}` whether it can be met otherwise")
        }
        ReasonCode::Drift => "ask the identity's owner to look at what it is doing".to_owned(),
        ReasonCode::NotNormal => {
            "make the call again with its paths and addresses in normal form".to_owned()
        }
        ReasonCode::TooManyOpen => "end a task first: `bailiwick task end`".to_owned(),
        ReasonCode::BadParam => "open it again with other parameters".to_owned(),
        ReasonCode::MayNotDelegate => {
            "ask the charter's owner to name whom it delegates to".to_owned()
        }
        ReasonCode::Refused => {
            "ask the person who said no; the answer stands until the hold would have ended"
                .to_owned()
        }
        ReasonCode::NoEvidence | ReasonCode::Fault => {
            "ask whoever runs this governor to look at its health".to_owned()
        }
        ReasonCode::UnknownMethod => {
            "ask whoever runs this governor to allow the method for this server".to_owned()
        }
        ReasonCode::PolicyPermits | ReasonCode::Approved => {
            "show the decision to whoever runs this governor".to_owned()
        }
    }
}

/// Says how hard a reason is to lift, by who has to act: nobody, a person with a key, the owner
/// of something written, or the asker alone.
const fn hardness(code: ReasonCode) -> u8 {
    match code {
        ReasonCode::PolicyPermits | ReasonCode::Approved => 0,
        ReasonCode::StaleToken
        | ReasonCode::UnboundToken
        | ReasonCode::NotNormal
        | ReasonCode::BadParam
        | ReasonCode::TooManyOpen
        | ReasonCode::NotOffered => 1,
        ReasonCode::NoSuchTask
        | ReasonCode::TaskEnded
        | ReasonCode::PastDeadline
        | ReasonCode::Idle
        | ReasonCode::OutsideCalendar
        | ReasonCode::OverBudget
        | ReasonCode::NotTheOwner => 2,
        ReasonCode::ApprovalNeeded
        | ReasonCode::TwoPeople
        | ReasonCode::NotAccepted
        | ReasonCode::Changed
        | ReasonCode::Drift
        | ReasonCode::Refused => 3,
        ReasonCode::OutsideGrant
        | ReasonCode::GrantError
        | ReasonCode::CannotComply
        | ReasonCode::UnknownMethod => 4,
        ReasonCode::OutsideCharter | ReasonCode::MayNotDelegate | ReasonCode::NoPermit => 5,
        ReasonCode::PolicyForbids | ReasonCode::PolicyError => 6,
        ReasonCode::NotRegistered | ReasonCode::NoEvidence | ReasonCode::Fault => 7,
        ReasonCode::Contained => 8,
    }
}

/// Writes `server__tool` as the command takes it.
fn tool(source: &str) -> String {
    source.replacen("__", " ", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(verdict: VerdictKind, reasons: &[Reason], hold: Option<&HoldId>) -> String {
        let advice = advise(verdict, reasons, hold);
        format!("{}\n=> {}", advice.would_allow.join("\n"), advice.how_to_ask)
    }

    fn outside_grant() -> Reason {
        let text = "`export` of `tickets` is in no line of template `ticket-triage`";
        Reason::new(ReasonCode::OutsideGrant, text, "ticket-triage")
    }

    #[test]
    fn a_call_outside_the_grant_is_told_what_the_grant_covers_and_who_can_add_a_line() {
        insta::assert_snapshot!(advice(VerdictKind::Deny, &[outside_grant()], None), @r"
        what the grant covers: `export` of `tickets` is in no line of template `ticket-triage` (ticket-triage)
        => ask the template's owner to add a line
        ");
    }

    #[test]
    fn a_held_call_is_told_its_ticket() {
        let hold: HoldId = "hold_01JD8X00000000000000000000".parse().unwrap();
        let needed =
            Reason::new(ReasonCode::ApprovalNeeded, "export of customer data", "export-needs-yes");
        insta::assert_snapshot!(advice(VerdictKind::Hold, &[needed], Some(&hold)), @r"
        the same call, once a person approves it
        => a person has to answer: `bailiwick hold show hold_01JD8X00000000000000000000`; after a yes, make the same call again
        ");
    }

    #[test]
    fn the_hardest_reason_decides_whom_to_ask() {
        let reasons = [
            Reason::new(ReasonCode::OverBudget, "the budget is 2 calls", "task_1"),
            Reason::new(ReasonCode::PolicyForbids, "forbidden by policy `no-export`", "no-export"),
            outside_grant(),
        ];
        insta::assert_snapshot!(advice(VerdictKind::Deny, &reasons, None), @r"
        nothing, while policy `no-export` stands
        the same call in a new task, with a budget of its own
        what the grant covers: `export` of `tickets` is in no line of template `ticket-triage` (ticket-triage)
        => ask the owner of policy `no-export` to change it
        ");
    }

    #[test]
    fn a_tool_that_is_not_accepted_names_the_command_that_accepts_it() {
        let new = Reason::new(ReasonCode::NotAccepted, "`rm__all` is new", "files__rm__all");
        insta::assert_snapshot!(advice(VerdictKind::Deny, &[new], None), @r"
        the same call, once the tool is accepted
        => ask a person to accept the tool: `bailiwick server accept files rm__all`
        ");
    }

    #[test]
    fn an_allowed_call_has_nothing_to_ask_for() {
        let permits = Reason::new(ReasonCode::PolicyPermits, "permitted", "bailiwick:granted");
        let advice = advise(VerdictKind::Allow, &[permits], None);
        assert_eq!(advice.would_allow, Vec::<String>::new());
        assert_eq!(advice.how_to_ask, "there is nothing to ask for: it was allowed");
    }

    #[test]
    fn every_reason_that_stops_a_call_says_what_would_be_allowed_and_how_to_ask() {
        let allowing = [ReasonCode::PolicyPermits, ReasonCode::Approved];
        for code in ReasonCode::ALL.iter().filter(|it| !allowing.contains(it)) {
            let advice = advise(VerdictKind::Deny, &[Reason::new(*code, "why", "where")], None);
            assert_eq!(advice.would_allow.len(), 1, "{code}");
            assert!(!advice.how_to_ask.is_empty(), "{code}");
            assert!(!advice.how_to_ask.contains('\n'), "{code}");
        }
    }
}
