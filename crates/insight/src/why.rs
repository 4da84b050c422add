//! The whole judgement of one call, for whoever asks why.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{
    Asked, DecisionId, DecisionRecord, EntityName, EvaluationRecord, JudgedChange, Judgement,
    OutcomeKind, OutcomeRecord, Reason, SearchRecord, Step, VerdictKind,
};
use serde::{Deserialize, Serialize};

use crate::{advice::advise_judged, path::reasons};

/// Why a call was allowed, held or denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The decision.
    pub decision: DecisionId,
    /// What was decided.
    pub verdict: VerdictKind,
    /// What enforcing everything would have said, where that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<VerdictKind>,
    /// The reasons that decided, by where they come from: policies by their ids.
    #[serde(default)]
    pub decided_by: Vec<String>,
    /// Every step.
    pub steps: Vec<WhyStep>,
    /// The policies and lines that had a say, part by part, where it was not let through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// How many more there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
    /// Changed questions, and what was judged of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<JudgedChange>,
    /// What would have been allowed, as far as it is known: what was judged says so.
    pub would_allow: Vec<String>,
    /// How to ask for it, in one sentence.
    pub how_to_ask: String,
    /// What became of the call, where it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeKind>,
}

/// What one step said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyStep {
    /// The step.
    pub step: Step,
    /// What it said.
    pub verdict: VerdictKind,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What it looked at.
    pub attributes: BTreeMap<String, String>,
    /// True where it was recorded and not carried out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observed: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Explains a decision by its record, and by its outcome's where there is one.
pub fn why(record: &DecisionRecord, outcome: Option<&OutcomeRecord>) -> Why {
    let explained = record.explained.as_deref().cloned().unwrap_or_default();
    let (told, hold) = (reasons(record), record.hold.as_ref());
    let advice = advise_judged(record.verdict, &told, hold, &explained.judged);
    let decided_by = record
        .steps
        .iter()
        .filter(|it| !it.observed && it.verdict == record.verdict)
        .flat_map(|it| it.reasons.iter().map(|it| it.source.clone()))
        .collect::<BTreeSet<_>>();
    Why {
        decided_by: decided_by.into_iter().collect(),
        asked: explained.asked,
        more: explained.more,
        judged: explained.judged,
        decision: record.decision.clone(),
        verdict: record.verdict,
        would: record.would,
        steps: record.steps.iter().map(shown).collect(),
        would_allow: advice.would_allow,
        how_to_ask: advice.how_to_ask,
        outcome: outcome.filter(|it| it.decision == record.decision).map(|it| it.outcome),
    }
}

/// Explains an answer to an enforcement point elsewhere by its record: policy is all that was asked.
pub fn why_answered(record: &EvaluationRecord) -> Why {
    let count = record.reasons_in_all.map(|it| ("reasons in all", it.to_string()));
    let asked = [
        ("asked by", record.pep.clone()),
        ("subject", named(&record.subject)),
        ("action", record.action.clone()),
        ("resource", named(&record.resource)),
    ];
    let step = WhyStep {
        step: Step::Policy,
        verdict: record.verdict,
        reasons: record.reasons.clone(),
        attributes: asked
            .into_iter()
            .chain(count)
            .map(|(name, it)| (name.to_owned(), it))
            .collect(),
        observed: false,
    };
    Why {
        decision: record.decision.clone(),
        verdict: record.verdict,
        would: record.would,
        decided_by: record.reasons.iter().map(|it| it.source.clone()).collect(),
        steps: vec![step],
        asked: Vec::new(),
        more: 0,
        judged: Vec::new(),
        would_allow: Vec::new(),
        how_to_ask: String::new(),
        outcome: None,
    }
}

/// Tells of a page of a search by its record: what was looked for, and how much of it was found.
pub fn why_found(record: &SearchRecord) -> Why {
    let some = if record.found == 0 { VerdictKind::Deny } else { VerdictKind::Allow };
    let kind = record.kind.iter().map(|it| format!(" of type {it}"));
    let sought = kind.fold(record.sought.as_str().to_owned(), |sought, kind| sought + &kind);
    let attributes = [
        ("asked by", Some(record.pep.clone())),
        ("looked for", Some(sought)),
        ("subject", record.subject.as_ref().map(named)),
        ("action", record.action.clone()),
        ("resource", record.resource.as_ref().map(named)),
        ("passed before", Some(record.from.to_string()).filter(|it| it != "0")),
        ("limit", record.limit.map(|it| it.to_string())),
        ("found", Some(record.found.to_string())),
        ("found which", record.names.as_ref().map(|it| it.text().to_owned())),
        ("looked at", Some(record.looked_at.to_string())),
        ("could not be evaluated", Some(record.unclear.to_string()).filter(|it| it != "0")),
    ];
    let attributes = attributes.into_iter().filter_map(|(name, it)| Some((name.to_owned(), it?)));
    let step = WhyStep {
        step: Step::Policy,
        verdict: some,
        reasons: Vec::new(),
        attributes: attributes.collect(),
        observed: false,
    };
    Why {
        decision: record.decision.clone(),
        verdict: some,
        would: None,
        decided_by: Vec::new(),
        steps: vec![step],
        asked: Vec::new(),
        more: 0,
        judged: Vec::new(),
        would_allow: Vec::new(),
        how_to_ask: String::new(),
        outcome: None,
    }
}

fn named(it: &EntityName) -> String {
    format!("{}::{}", it.kind, it.id)
}

fn shown(judgement: &Judgement) -> WhyStep {
    WhyStep {
        step: judgement.step,
        verdict: judgement.verdict,
        reasons: judgement.reasons.clone(),
        attributes: judgement.attributes.clone(),
        observed: judgement.observed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_denial_is_explained_step_by_step_with_what_to_do_about_it() {
        let shown = serde_json::to_string_pretty(&why(&fixture::denied(), None)).unwrap();
        insta::assert_snapshot!(shown, @r#"
        {
          "decision": "dec_01JD8X00000000000000000002",
          "verdict": "deny",
          "decided_by": [
            "ticket-triage"
          ],
          "steps": [
            {
              "step": "window",
              "verdict": "allow",
              "reasons": [],
              "attributes": {}
            },
            {
              "step": "grant",
              "verdict": "deny",
              "reasons": [
                {
                  "code": "outside_grant",
                  "text": "`export` of `tickets` is in no line of template `ticket-triage`",
                  "source": "ticket-triage"
                }
              ],
              "attributes": {}
            },
            {
              "step": "policy",
              "verdict": "allow",
              "reasons": [
                {
                  "code": "policy_permits",
                  "text": "permitted by policy `bailiwick:granted`",
                  "source": "bailiwick:granted"
                }
              ],
              "attributes": {}
            }
          ],
          "would_allow": [
            "what the grant covers: `export` of `tickets` is in no line of template `ticket-triage` (ticket-triage)"
          ],
          "how_to_ask": "ask the template's owner to add a line"
        }
        "#);
    }

    #[test]
    fn an_allowed_call_shows_what_became_of_it() {
        let record = fixture::allowed();
        let outcome = fixture::outcome(&record, OutcomeKind::Ok);
        let why = why(&record, Some(&outcome));
        assert_eq!((why.outcome, why.would_allow.len()), (Some(OutcomeKind::Ok), 0));
    }

    #[test]
    fn the_outcome_of_another_call_is_not_this_ones() {
        let other = fixture::outcome(&fixture::denied(), OutcomeKind::Ok);
        assert_eq!(why(&fixture::allowed(), Some(&other)).outcome, None);
    }

    #[test]
    fn a_held_call_names_its_ticket() {
        let hold = "hold_01JD8X00000000000000000000".parse().unwrap();
        let held =
            DecisionRecord { verdict: VerdictKind::Hold, hold: Some(hold), ..fixture::denied() };
        assert!(why(&held, None).how_to_ask.contains("hold show hold_01JD8X00000000000000000000"));
    }
}
