//! From a body to an answer: judged, written down, and only then told.

use axum::body::{Body, Bytes};
use bailiwick_kernel::{Snapshot, evaluate};
use bailiwick_model::{
    DecisionId, EntityName, Evaluation, EvaluationRecord, Reason, Record, Sensitivity, Timestamp,
};
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use super::{
    answer,
    arap::{self, Judged},
    limits::{QUESTION, WAIT},
    read::{Asked, Batch},
    refusal::{Code, Refusal},
};
use crate::{Desk, evidence::MANY, meter};

/// Takes the body of a question.
pub(super) async fn body(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let sent = types.next().and_then(|it| it.to_str().ok()).unwrap_or_default();
    let sent = sent.split(';').next().unwrap_or_default().trim();
    if !sent.eq_ignore_ascii_case("application/json") || types.next().is_some() {
        return Err(Code::BadRequest.says("the body must be sent as `application/json`"));
    }
    let arriving = tokio::time::timeout(WAIT, Limited::new(body, QUESTION.bytes).collect()).await;
    match arriving {
        Err(_) => Err(Code::BadRequest.says("the body did not arrive in time")),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Code::TooLarge.says(format!("the body has {} bytes at most", QUESTION.bytes)))
        }
        Ok(Err(_)) => Err(Code::BadRequest.says("the body did not arrive whole")),
    }
}

/// Who asks, and what it is answered by.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    pub(super) desk: &'a Desk,
    pub(super) pep: &'a str,
    pub(super) request_id: Option<&'a str>,
    pub(super) public_url: &'a str,
}

impl Asker<'_> {
    /// Judges what is asked, writes all of it down at once, and gives the answer.
    pub(super) async fn ask(&self, asked: Asked) -> Result<Value, Refusal> {
        // One question is judged by one set of policies.
        let snapshot = self.desk.snapshot();
        let (answer, records) = match asked {
            Asked::One(evaluation) => {
                let (answer, record) = self.judge(&snapshot, &evaluation);
                (answer, vec![record])
            }
            Asked::Several(batch) => self.several(&snapshot, &batch).await,
        };
        self.keep(&records).await?;
        for record in &records {
            if let Record::Evaluation(it) = record {
                meter::evaluated(self.pep, it.verdict);
            }
        }
        Ok(answer)
    }

    /// Writes down what is about to be answered; what cannot be written is not answered.
    pub(super) async fn keep(&self, records: &[Record]) -> Result<(), Refusal> {
        let Err(error) = self.desk.ledger().append(records).await else { return Ok(()) };
        tracing::error!(%error, pep = self.pep, "an evaluation could not be written down");
        for record in records {
            if let Record::Evaluation(it) = record
                && let Some(approval) = &it.approval
            {
                self.desk.unuse_approval(approval);
            }
        }
        Err(Code::NoEvidence.says("the evidence cannot be written, so nothing is answered"))
    }

    async fn several(&self, snapshot: &Snapshot, batch: &Batch) -> (Value, Vec<Record>) {
        let (mut answers, mut records) = (Vec::new(), Vec::new());
        for evaluation in batch.evaluations() {
            let answer = match evaluation {
                Ok(evaluation) => {
                    let (answer, record) = self.judge(snapshot, &evaluation);
                    records.push(record);
                    answer
                }
                Err(why) => answer::unreadable(&why),
            };
            let decision = answer.get("decision") == Some(&Value::Bool(true));
            answers.push(answer);
            if batch.semantic.ends_with(decision) {
                break;
            }
            // Others have their turn, too.
            tokio::task::yield_now().await;
        }
        (answer::several(answers), records)
    }

    fn judge(&self, snapshot: &Snapshot, evaluation: &Evaluation) -> (Value, Record) {
        let now = self.desk.now();
        let evaluated = evaluate(snapshot, evaluation, now);
        let mut judged = arap::judged(self, (snapshot, evaluation), evaluated, now);
        let decision = DecisionId::new(self.desk.ulid());
        let mut answer = answer::of(&decision, &judged.evaluated);
        judged.tell(&mut answer);
        (answer, self.record((decision, now), evaluation, judged))
    }

    /// Makes the record; nothing secret-shaped passes into it.
    fn record(
        &self,
        (decision, time): (DecisionId, Timestamp),
        asked: &Evaluation,
        judged: Judged,
    ) -> Record {
        let Judged { evaluated, approval, asked: bound, .. } = judged;
        let evidence = self.desk.evidence();
        let named =
            |kind: &str, id: &str| EntityName { kind: evidence.text(kind), id: evidence.text(id) };
        let shown = |it: Reason| Reason { text: evidence.phrase(&it.text), ..it };
        let count = evaluated.reasons.len().saturating_add(evaluated.errors.len());
        let reasons = evaluated.reasons.into_iter().chain(evaluated.errors);
        Record::Evaluation(Box::new(EvaluationRecord {
            decision,
            time,
            pep: self.pep.to_owned(),
            request_id: self.request_id.map(|it| evidence.text(it)),
            subject: named(&asked.subject.kind, &asked.subject.id),
            action: evidence.text(&asked.action.name),
            resource: named(&asked.resource.kind, &asked.resource.id),
            said: evidence.arguments(&asked.said(), Sensitivity::Internal),
            verdict: evaluated.verdict,
            would: evaluated.would,
            approval,
            asked: bound,
            constraints: evaluated.obligations.from,
            reasons: reasons.take(MANY).map(shown).collect(),
            reasons_in_all: (MANY < count).then_some(count),
            policy: evaluated.policy,
        }))
    }
}
