//! What the ledger is told of a decision.

use bailiwick_kernel::{CAME, Judged};
use bailiwick_model::{
    AccessRequest, DecisionId, DecisionRecord, Json, Judgement, Reason, Spend, Step, Surface,
    TemplateName, VerdictKind,
};

use super::Lane;
use crate::{evidence::MANY, limits::MESSAGE};

impl Lane {
    /// Makes the record of a decision; nothing secret-shaped passes into it.
    pub(super) fn decision_record(
        &self,
        decision: &DecisionId,
        request: &AccessRequest,
        template: Option<TemplateName>,
        judged: Judged,
    ) -> DecisionRecord {
        let evidence = self.desk.evidence();
        DecisionRecord {
            decision: decision.clone(),
            time: self.desk.now(),
            surface: if self.upstreams.web(&request.action.server).is_some() {
                Surface::Http
            } else {
                Surface::Mcp
            },
            task: request.caller.task.clone(),
            template,
            caller: request.caller.identity.clone(),
            via: request.caller.via.clone(),
            action: evidence.action(&request.action),
            privileged: request.facts.privileged(),
            facts: request.facts.clone(),
            resources: evidence.texts(&request.resources),
            call: request.call,
            arguments: evidence.arguments(&request.arguments, request.facts.sensitivity),
            verdict: judged.verdict,
            would: judged.would,
            steps: judged.steps.into_iter().map(|it| self.shown(it, request)).collect(),
            spend: judged.spend,
            paced: judged.paced,
            approval: judged.approval,
            hold: judged.hold,
            policy: judged.policy,
            explained: None,
        }
    }

    fn shown(&self, judgement: Judgement, request: &AccessRequest) -> Judgement {
        let (evidence, action) = (self.desk.evidence(), &request.action);
        let kept = judgement.reasons.iter().take(MANY);
        let reasons = kept.map(|it| evidence.reason(it, action)).collect();
        let mut attributes = judgement.attributes;
        // What came is kept as what is sent: it may be no less secret.
        if let Some(came) = attributes.get_mut(CAME) {
            let read = Json::parse(came.as_bytes(), MESSAGE).unwrap_or(Json::Null);
            let kept = evidence.arguments(&read, request.facts.sensitivity);
            kept.text().clone_into(came);
        }
        if MANY < judgement.reasons.len() {
            let count = judgement.reasons.len().to_string();
            attributes.insert("reasons in all".to_owned(), count);
        }
        Judgement { reasons, attributes, ..judgement }
    }
}

/// Makes the judgement of a call that could not be put to the kernel.
pub(super) fn refusal(reason: &Reason, policy: &str) -> Judged {
    Judged {
        verdict: VerdictKind::Deny,
        would: None,
        steps: vec![Judgement {
            step: Step::Binding,
            verdict: VerdictKind::Deny,
            reasons: vec![reason.clone()],
            attributes: std::collections::BTreeMap::new(),
            observed: false,
        }],
        spend: Spend::default(),
        paced: std::collections::BTreeSet::new(),
        approval: None,
        hold: None,
        policy: policy.to_owned(),
    }
}
