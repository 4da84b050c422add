//! Methods that the operator lets through undecided: who used one is on record before it is sent.

use bailiwick_connect::Verified;
use bailiwick_model::{Finding, Record, ServerName};
use bailiwick_store::LedgerError;
use serde_json::value::RawValue;

use super::Lane;
use crate::{
    room::Share,
    upstream::{Reply, UpstreamError},
};

/// The method was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlainError {
    /// It was not sent, as nothing may happen without a record.
    #[error("the evidence cannot be written, so nothing may happen: {0}")]
    Evidence(#[from] LedgerError),
    /// The server did not answer.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

impl Lane {
    /// Passes a method that takes no decision. Whether the server's entry allows it, and whether
    /// the caller reaches the server, was asked before.
    pub(crate) async fn plain(
        &self,
        caller: &Verified,
        server: &ServerName,
        (method, params): (&str, Option<&RawValue>),
        share: Option<&Share>,
    ) -> Result<Reply, PlainError> {
        let passed = Record::Finding(passed(caller, server, method, self.desk.now()));
        self.desk.ledger().append(vec![passed]).await?;
        Ok(self.upstreams.plain(server, (method, params), share).await?)
    }
}

impl Lane {
    /// Takes note that a client answers what a server asked during its call: nothing decides what
    /// it says, so that it said something is on record before the server hears it.
    pub(crate) async fn note_answer(
        &self,
        caller: &Verified,
        (server, method): (&ServerName, &str),
    ) -> Result<(), LedgerError> {
        let who = &caller.identity;
        let finding = Finding {
            code: "answer-passed".to_owned(),
            text: format!(
                "`{who}` answered `{method}` of `{server}`, which its entry lets it ask undecided"
            ),
            at: self.desk.now(),
            task: Some(caller.task.clone()),
            identity: Some(who.clone()),
            subject: server.to_string(),
        };
        self.desk.ledger().append(vec![Record::Finding(finding)]).await?;
        Ok(())
    }
}

fn passed(
    caller: &Verified,
    server: &ServerName,
    method: &str,
    at: bailiwick_model::Timestamp,
) -> Finding {
    let who = &caller.identity;
    Finding {
        code: "method-passed".to_owned(),
        text: format!(
            "`{who}` asked `{server}` for `{method}`, which its entry lets through undecided"
        ),
        at,
        task: Some(caller.task.clone()),
        identity: Some(who.clone()),
        subject: server.to_string(),
    }
}
