//! What an agent is told when its call does not go out, in a form that its model can read.

use bailiwick_model::{Asked, DecisionId, HoldId, Reason, ReasonCode, TaskId};
use serde::Serialize;

use super::era::Era;
use crate::jsonrpc::{Answer, raw_of};

/// Our own error codes: outside the range that JSON-RPC and MCP keep for themselves.
pub(crate) mod code {
    /// Denied.
    pub(crate) const DENIED: i64 = 4030;
    /// Held for a person.
    pub(crate) const HELD: i64 = 4031;
    /// It was made, and what came back is withheld.
    pub(crate) const WITHHELD: i64 = 4032;
    /// The evidence could not be written.
    pub(crate) const NO_EVIDENCE: i64 = 5030;
}

/// Why the call does not go out now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It must not go out.
    Deny,
    /// A person must answer this ticket first.
    Hold(HoldId),
}

/// A decision as the agent may see it.
#[derive(Clone, Debug)]
pub(crate) struct RefusalView {
    /// Denied or held.
    pub(crate) stop: Stop,
    /// The decision.
    pub(crate) decision: DecisionId,
    /// Why, the most telling first.
    pub(crate) reasons: Vec<Reason>,
    /// What would have been allowed.
    pub(crate) would_allow: Vec<String>,
    /// How to ask for it; empty where asking is no use.
    pub(crate) how_to_ask: String,
    /// What it came to grief on, part by part.
    pub(crate) asked: Vec<Asked>,
    /// What the task is for.
    pub(crate) purpose: String,
    /// The task.
    pub(crate) task: TaskId,
}

/// The shape in which a client takes a refusal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefusalForm<'a> {
    /// The client's era.
    pub(crate) era: Era,
    /// What was asked.
    pub(crate) method: &'a str,
    /// Whether the tool says what its structured results look like: then ours must not stand there.
    pub(crate) output_schema: bool,
}

#[derive(Clone, Serialize)]
struct ReasonObject<'a> {
    verdict: &'static str,
    code: &'static str,
    why: String,
    reasons: &'a [Reason],
    would_allow: &'a [String],
    how_to_ask: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    asked: &'a [Asked],
    decision: &'a DecisionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<&'a HoldId>,
    task: &'a TaskId,
    purpose: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolResult<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    is_error: bool,
    content: [Text<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<&'a ReasonObject<'a>>,
    #[serde(rename = "_meta")]
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct Text<'a> {
    r#type: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Meta<'a> {
    #[serde(rename = "dev.bailiwick/decision")]
    decision: &'a DecisionId,
    #[serde(rename = "dev.bailiwick/reason", skip_serializing_if = "Option::is_none")]
    reason: Option<&'a ReasonObject<'a>>,
}

impl RefusalView {
    /// Writes the answer to the call.
    pub(crate) fn answer(&self, form: RefusalForm<'_>) -> Answer {
        let text = self.text();
        let reason = self.reason();
        if form.method != "tools/call" {
            // Only the results of tools can say that they are errors.
            return Answer::error(self.code(), &text, Some(&raw_of(&reason)));
        }
        let (inside, beside) =
            if form.output_schema { (None, Some(&reason)) } else { (Some(&reason), None) };
        Answer::Result(raw_of(&ToolResult {
            result_type: match form.era {
                Era::Legacy => None,
                Era::Modern => Some("complete"),
            },
            is_error: true,
            content: [Text { r#type: "text", text: &text }],
            structured_content: inside,
            meta: Meta { decision: &self.decision, reason: beside },
        }))
    }

    /// Writes the answer to a request that is no message of MCP's.
    pub(crate) fn body(&self) -> Vec<u8> {
        raw_of(&self.reason()).get().as_bytes().to_vec()
    }

    fn code(&self) -> i64 {
        match self.stop {
            Stop::Deny if self.reasons.iter().any(|it| it.code == ReasonCode::NoEvidence) => {
                code::NO_EVIDENCE
            }
            Stop::Deny => code::DENIED,
            Stop::Hold(_) => code::HELD,
        }
    }

    fn why(&self) -> String {
        let texts: Vec<&str> = self.reasons.iter().map(|it| it.text.as_str()).collect();
        if texts.is_empty() { "no reason was given".to_owned() } else { texts.join("; ") }
    }

    /// Gives the sentence that a model reads.
    fn text(&self) -> String {
        let Self { purpose, task, .. } = self;
        let why = self.why();
        match &self.stop {
            Stop::Deny => {
                let ask = match self.how_to_ask.as_str() {
                    "" => String::new(),
                    how => format!(" To ask for it: {how}"),
                };
                format!("Denied: {why}. This is {task}, opened for: {purpose}.{ask}")
            }
            Stop::Hold(hold) => format!(
                "Held: waiting for a person, because {why}. This is {task}, opened for: {purpose}. \
                 The ticket is {hold}. Retry the same call after approval."
            ),
        }
    }

    fn reason(&self) -> ReasonObject<'_> {
        let (verdict, hold) = match &self.stop {
            Stop::Deny => ("deny", None),
            Stop::Hold(hold) => ("hold", Some(hold)),
        };
        ReasonObject {
            verdict,
            code: self.reasons.first().map_or("fault", |it| it.code.as_str()),
            why: self.why(),
            reasons: &self.reasons,
            would_allow: &self.would_allow,
            how_to_ask: &self.how_to_ask,
            asked: &self.asked,
            decision: &self.decision,
            hold,
            task: &self.task,
            purpose: &self.purpose,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: RefusalForm<'_> =
        RefusalForm { era: Era::Legacy, method: "tools/call", output_schema: false };

    fn denied() -> RefusalView {
        RefusalView {
            stop: Stop::Deny,
            decision: "dec_01JD90000000000000000000AA".parse().unwrap(),
            reasons: vec![Reason::new(
                ReasonCode::OutsideGrant,
                "no line of the grant covers `tickets__export`",
                "template ticket-triage",
            )],
            would_allow: vec!["tickets__get_ticket".to_owned()],
            how_to_ask: "bailiwick request dec_01JD90000000000000000000AA".to_owned(),
            asked: Vec::new(),
            purpose: "Triage one support ticket".to_owned(),
            task: "task_01JD8X00000000000000000000".parse().unwrap(),
        }
    }

    fn held() -> RefusalView {
        let stop = Stop::Hold("hold_01JD9100000000000000000000".parse().unwrap());
        let reason = Reason::new(ReasonCode::ApprovalNeeded, "external export", "export");
        RefusalView { stop, reasons: vec![reason], ..denied() }
    }

    /// Shows the answer with a line for each member, as an eye wants it.
    fn shown(view: &RefusalView, form: RefusalForm<'_>) -> String {
        let body = String::from_utf8(view.answer(form).body(None)).unwrap();
        body.replace(",\"", ",\n\"")
    }

    #[test]
    fn a_denied_call_is_a_result_that_a_model_reads() {
        insta::assert_snapshot!(shown(&denied(), TOOL), @r#"
        {"jsonrpc":"2.0",
        "result":{"isError":true,
        "content":[{"type":"text",
        "text":"Denied: no line of the grant covers `tickets__export`. This is task_01JD8X00000000000000000000, opened for: Triage one support ticket. To ask for it: bailiwick request dec_01JD90000000000000000000AA"}],
        "structuredContent":{"verdict":"deny",
        "code":"outside_grant",
        "why":"no line of the grant covers `tickets__export`",
        "reasons":[{"code":"outside_grant",
        "text":"no line of the grant covers `tickets__export`",
        "source":"template ticket-triage"}],
        "would_allow":["tickets__get_ticket"],
        "how_to_ask":"bailiwick request dec_01JD90000000000000000000AA",
        "decision":"dec_01JD90000000000000000000AA",
        "task":"task_01JD8X00000000000000000000",
        "purpose":"Triage one support ticket"},
        "_meta":{"dev.bailiwick/decision":"dec_01JD90000000000000000000AA"}}}
        "#);
    }

    #[test]
    fn a_modern_client_hears_that_the_result_is_complete() {
        let form = RefusalForm { era: Era::Modern, ..TOOL };
        insta::assert_snapshot!(shown(&denied(), form), @r#"
        {"jsonrpc":"2.0",
        "result":{"resultType":"complete",
        "isError":true,
        "content":[{"type":"text",
        "text":"Denied: no line of the grant covers `tickets__export`. This is task_01JD8X00000000000000000000, opened for: Triage one support ticket. To ask for it: bailiwick request dec_01JD90000000000000000000AA"}],
        "structuredContent":{"verdict":"deny",
        "code":"outside_grant",
        "why":"no line of the grant covers `tickets__export`",
        "reasons":[{"code":"outside_grant",
        "text":"no line of the grant covers `tickets__export`",
        "source":"template ticket-triage"}],
        "would_allow":["tickets__get_ticket"],
        "how_to_ask":"bailiwick request dec_01JD90000000000000000000AA",
        "decision":"dec_01JD90000000000000000000AA",
        "task":"task_01JD8X00000000000000000000",
        "purpose":"Triage one support ticket"},
        "_meta":{"dev.bailiwick/decision":"dec_01JD90000000000000000000AA"}}}
        "#);
    }

    #[test]
    fn a_tool_with_an_output_schema_keeps_its_structured_content_to_itself() {
        let form = RefusalForm { output_schema: true, ..TOOL };
        insta::assert_snapshot!(shown(&denied(), form), @r#"
        {"jsonrpc":"2.0",
        "result":{"isError":true,
        "content":[{"type":"text",
        "text":"Denied: no line of the grant covers `tickets__export`. This is task_01JD8X00000000000000000000, opened for: Triage one support ticket. To ask for it: bailiwick request dec_01JD90000000000000000000AA"}],
        "_meta":{"dev.bailiwick/decision":"dec_01JD90000000000000000000AA",
        "dev.bailiwick/reason":{"verdict":"deny",
        "code":"outside_grant",
        "why":"no line of the grant covers `tickets__export`",
        "reasons":[{"code":"outside_grant",
        "text":"no line of the grant covers `tickets__export`",
        "source":"template ticket-triage"}],
        "would_allow":["tickets__get_ticket"],
        "how_to_ask":"bailiwick request dec_01JD90000000000000000000AA",
        "decision":"dec_01JD90000000000000000000AA",
        "task":"task_01JD8X00000000000000000000",
        "purpose":"Triage one support ticket"}}}}
        "#);
    }

    #[test]
    fn a_held_call_names_its_ticket() {
        insta::assert_snapshot!(shown(&held(), TOOL), @r#"
        {"jsonrpc":"2.0",
        "result":{"isError":true,
        "content":[{"type":"text",
        "text":"Held: waiting for a person, because external export. This is task_01JD8X00000000000000000000, opened for: Triage one support ticket. The ticket is hold_01JD9100000000000000000000. Retry the same call after approval."}],
        "structuredContent":{"verdict":"hold",
        "code":"approval_needed",
        "why":"external export",
        "reasons":[{"code":"approval_needed",
        "text":"external export",
        "source":"export"}],
        "would_allow":["tickets__get_ticket"],
        "how_to_ask":"bailiwick request dec_01JD90000000000000000000AA",
        "decision":"dec_01JD90000000000000000000AA",
        "hold":"hold_01JD9100000000000000000000",
        "task":"task_01JD8X00000000000000000000",
        "purpose":"Triage one support ticket"},
        "_meta":{"dev.bailiwick/decision":"dec_01JD90000000000000000000AA"}}}
        "#);
    }

    #[test]
    fn what_is_no_tool_is_refused_with_an_error() {
        let form = RefusalForm { method: "resources/read", ..TOOL };
        insta::assert_snapshot!(shown(&denied(), form), @r#"
        {"jsonrpc":"2.0",
        "error":{"code":4030,
        "message":"Denied: no line of the grant covers `tickets__export`. This is task_01JD8X00000000000000000000, opened for: Triage one support ticket. To ask for it: bailiwick request dec_01JD90000000000000000000AA",
        "data":{"verdict":"deny",
        "code":"outside_grant",
        "why":"no line of the grant covers `tickets__export`",
        "reasons":[{"code":"outside_grant",
        "text":"no line of the grant covers `tickets__export`",
        "source":"template ticket-triage"}],
        "would_allow":["tickets__get_ticket"],
        "how_to_ask":"bailiwick request dec_01JD90000000000000000000AA",
        "decision":"dec_01JD90000000000000000000AA",
        "task":"task_01JD8X00000000000000000000",
        "purpose":"Triage one support ticket"}}}
        "#);
        insta::assert_snapshot!(shown(&held(), RefusalForm { method: "prompts/get", ..TOOL }), @r#"
        {"jsonrpc":"2.0",
        "error":{"code":4031,
        "message":"Held: waiting for a person, because external export. This is task_01JD8X00000000000000000000, opened for: Triage one support ticket. The ticket is hold_01JD9100000000000000000000. Retry the same call after approval.",
        "data":{"verdict":"hold",
        "code":"approval_needed",
        "why":"external export",
        "reasons":[{"code":"approval_needed",
        "text":"external export",
        "source":"export"}],
        "would_allow":["tickets__get_ticket"],
        "how_to_ask":"bailiwick request dec_01JD90000000000000000000AA",
        "decision":"dec_01JD90000000000000000000AA",
        "hold":"hold_01JD9100000000000000000000",
        "task":"task_01JD8X00000000000000000000",
        "purpose":"Triage one support ticket"}}}
        "#);
    }

    #[test]
    fn missing_evidence_has_a_code_of_its_own_and_no_way_to_ask() {
        let reason =
            Reason::new(ReasonCode::NoEvidence, "the evidence cannot be written", "ledger");
        let view = RefusalView {
            reasons: vec![reason],
            how_to_ask: String::new(),
            would_allow: Vec::new(),
            ..denied()
        };
        insta::assert_snapshot!(shown(&view, RefusalForm { method: "resources/read", ..TOOL }), @r#"
        {"jsonrpc":"2.0",
        "error":{"code":5030,
        "message":"Denied: the evidence cannot be written. This is task_01JD8X00000000000000000000, opened for: Triage one support ticket.",
        "data":{"verdict":"deny",
        "code":"no_evidence",
        "why":"the evidence cannot be written",
        "reasons":[{"code":"no_evidence",
        "text":"the evidence cannot be written",
        "source":"ledger"}],
        "would_allow":[],
        "how_to_ask":"",
        "decision":"dec_01JD90000000000000000000AA",
        "task":"task_01JD8X00000000000000000000",
        "purpose":"Triage one support ticket"}}}
        "#);
    }
}
