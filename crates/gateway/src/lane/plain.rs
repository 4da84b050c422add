//! Methods that the operator lets through undecided: who used one is on record before it is sent.

use bailiwick_connect::Verified;
use bailiwick_model::{Finding, Record, ServerName};
use bailiwick_store::LedgerError;
use serde_json::value::RawValue;

use super::Lane;
use crate::upstream::{Reply, UpstreamError};

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
    ) -> Result<Reply, PlainError> {
        let passed = Record::Finding(passed(caller, server, method, self.desk.now()));
        self.desk.ledger().append(vec![passed]).await?;
        Ok(self.upstreams.plain(server, method, params).await?)
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
