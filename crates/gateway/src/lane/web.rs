//! What a request to an HTTP API came to, for the record.

use bailiwick_model::OutcomeKind;

use crate::upstream::{Reply, SendError, web::summary};

/// Says what became of a request, in the words of the record.
pub(super) fn outcome_of(sent: &Result<Reply, SendError>) -> (OutcomeKind, String, u64) {
    match sent {
        Ok(Reply::Result(raw) | Reply::Error(raw)) => match summary(raw) {
            Some(it) if it.status < 400 => (OutcomeKind::Ok, String::new(), it.bytes),
            Some(it) => (OutcomeKind::Error, format!("the API answered {}", it.status), it.bytes),
            None => (OutcomeKind::None, "nobody knows what it answered".to_owned(), 0),
        },
        Err(SendError::NotSent { why }) => (OutcomeKind::Error, format!("not sent: {why}"), 0),
        Err(SendError::Unknown { why }) => {
            (OutcomeKind::None, format!("no whole answer: {why}"), 0)
        }
    }
}
