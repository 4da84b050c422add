//! The whole judgement of one call, for whoever asks why.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{
    Asked, AskedKind, DecisionId, DecisionRecord, EntityName, EvaluationRecord, JudgedChange,
    Judgement, OutcomeKind, OutcomeRecord, Reason, ReasonCode, SearchRecord, Step, VerdictKind,
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
    let decided_by: BTreeSet<String> = record
        .steps
        .iter()
        .filter(|it| !it.observed && it.verdict == record.verdict)
        .flat_map(|step| deciding(step, &explained.asked))
        .collect();
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

/// Gives where the reasons of a step come from that made its verdict. A step names every policy that
/// could not be evaluated, after what made its verdict; one that denies is named in both places.
fn deciding<'r>(step: &'r Judgement, asked: &'r [Asked]) -> impl Iterator<Item = String> + 'r {
    let stops = |reason: &Reason| {
        let forbids = |it: &Asked| match it.kind {
            AskedKind::Forbid | AskedKind::Hold => !it.observed && it.applies.is_none(),
            AskedKind::Permit | AskedKind::Line => false,
        };
        1 < step.reasons.iter().filter(|it| *it == reason).count()
            || asked.iter().any(|it| it.by == reason.source && forbids(it))
    };
    let decides =
        move |it: &&Reason| could_decide(it, step.verdict) && (!is_broken(it) || stops(it));
    step.reasons.iter().filter(decides).map(|it| it.source.clone())
}

/// Says whether a reason can be one for the verdict: what permits is none for a denial, and a line
/// that cannot be evaluated covers nothing, which is said by itself.
fn could_decide(reason: &Reason, verdict: VerdictKind) -> bool {
    let allows = [ReasonCode::PolicyPermits, ReasonCode::Approved].contains(&reason.code);
    let allowed = verdict == VerdictKind::Allow;
    reason.code != ReasonCode::GrantError
        && (allowed || !allows)
        && (verdict == VerdictKind::Deny || !is_broken(reason))
}

fn is_broken(reason: &Reason) -> bool {
    reason.code == ReasonCode::PolicyError
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
    // What decided comes in order; behind it stand policies that could not be evaluated.
    let ordered = record.reasons.windows(2).take_while(|it| it.first() < it.last()).count();
    let decided_by = record.reasons.iter().take(ordered.saturating_add(1));
    let decided_by = decided_by.filter(|it| could_decide(it, record.verdict));
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
        decided_by: decided_by.map(|it| it.source.clone()).collect(),
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

    #[test]
    fn only_what_made_the_verdict_decided() {
        let broken = |by: &str| Reason::new(ReasonCode::PolicyError, format!("`{by}` broke"), by);
        let mut record = fixture::denied();
        record.steps[1].reasons.push(Reason::new(ReasonCode::GrantError, "no number", "t.toml:7"));
        let forbids = Reason::new(ReasonCode::PolicyForbids, "forbidden", "no-export");
        let reasons = vec![forbids, broken("a-forbid"), broken("a-forbid"), broken("a-permit")];
        (record.steps[2].verdict, record.steps[2].reasons) = (VerdictKind::Deny, reasons);
        let decided = why(&record, None).decided_by;
        assert_eq!(decided, ["a-forbid", "no-export", "ticket-triage"]);
    }

    #[test]
    fn of_an_evaluation_only_what_made_the_verdict_decided() {
        let named = |kind: &str| EntityName { kind: kind.to_owned(), id: "1".to_owned() };
        let broken = |by: &str| Reason::new(ReasonCode::PolicyError, "it broke", by);
        let of = |verdict, reasons| EvaluationRecord {
            decision: fixture::denied().decision,
            time: fixture::denied().time,
            pep: "shop".to_owned(),
            request_id: None,
            subject: named("user"),
            action: "read".to_owned(),
            resource: named("record"),
            said: fixture::denied().arguments,
            verdict,
            would: None,
            approval: None,
            asked: None,
            reasons,
            reasons_in_all: None,
            constraints: BTreeSet::new(),
            policy: "sha256:00".to_owned(),
        };
        let none = Reason::new(ReasonCode::NoPermit, "no policy permits it", "policies");
        let denied = of(VerdictKind::Deny, vec![none, broken("a-permit")]);
        assert_eq!(why_answered(&denied).decided_by, ["policies"]);
        let permits = Reason::new(ReasonCode::PolicyPermits, "permitted", "b-permit");
        let allowed = of(VerdictKind::Allow, vec![permits, broken("a-permit")]);
        assert_eq!(why_answered(&allowed).decided_by, ["b-permit"]);
    }
}
