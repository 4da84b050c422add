//! What receivers are told of what is on record, and in which words (CAEP 1.0).

use bailiwick_model::{
    CommandRecord, CredentialId, Digest, IdentityId, Record, SignalEvent, Subject, TaskId,
    TaskStatus, Timestamp,
};
use bailiwick_store::LedgerError;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::Desk;

/// Something that receivers are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tidings {
    /// Its place in the ledger; none of what is in none.
    pub(super) seq: Option<u64>,
    /// Its name: told again, it has the same.
    pub(super) jti: String,
    /// When it happened.
    pub(super) at: Timestamp,
    pub(super) what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A task ended, or was contained.
    Session { identity: IdentityId, task: TaskId, by: String, why: String },
    /// Everything of an identity was contained.
    Identity { identity: IdentityId, by: String },
    /// A credential was contained, or a key withdrawn.
    Credential { name: String, kind: &'static str, by: String },
    /// A receiver asked whether anything arrives.
    Verification(Option<String>),
}

impl What {
    pub(super) const fn event(&self) -> SignalEvent {
        match self {
            Self::Session { .. } | Self::Identity { .. } => SignalEvent::SessionRevoked,
            Self::Credential { .. } => SignalEvent::CredentialChange,
            Self::Verification(_) => SignalEvent::Verification,
        }
    }

    /// Reads what a record says that others should hear: with the task where it is about one below that
    /// of the record. Blocks on the disk where a task is long over.
    pub(super) fn of(
        record: &Record,
        desk: &Desk,
    ) -> Result<Vec<(Option<TaskId>, Self)>, LedgerError> {
        let Record::Command { by, command, .. } = record else { return Ok(Vec::new()) };
        let one = |it: Option<Self>| it.into_iter().map(|it| (None, it)).collect();
        if let CommandRecord::TaskEnded { task, status: TaskStatus::Ended { cause, .. } } = command
        {
            return session(desk, task, by, &format!("the task ended ({cause})")).map(one);
        }
        if let CommandRecord::TokenKeyChanged { key, change, .. } = command {
            let gone =
                || Self::Credential { name: key.clone(), kind: "signing-key", by: by.clone() };
            return Ok(one((change == "withdrawn").then(gone)));
        }
        let CommandRecord::Contained { subject, contained: true, .. } = command else {
            return Ok(Vec::new());
        };
        match subject {
            Subject::Identity(it) => {
                Ok(one(Some(Self::Identity { identity: it.clone(), by: by.clone() })))
            }
            Subject::Task(it) => contained_task(desk, it, by),
            Subject::Credential(it) => Ok(one(Some(Self::contained(it, by)))),
            // Whose tasks these are is told one by one, as they end.
            Subject::Class(_)
            | Subject::Owner(_)
            | Subject::Everyone
            | Subject::Server(_)
            | Subject::Tool(..) => Ok(Vec::new()),
        }
    }

    fn contained(credential: &CredentialId, by: &str) -> Self {
        Self::Credential { name: credential.to_string(), kind: "credential", by: by.to_owned() }
    }

    /// Writes the token's claims.
    pub(super) fn claims(
        &self,
        (issuer, audience): (&str, &str),
        (jti, at, now): (&str, Timestamp, Timestamp),
    ) -> Value {
        let user = |it: &IdentityId| json!({"format": "iss_sub", "iss": issuer, "sub": it});
        let entity = |by: &str| {
            let kind = by.split(':').next().unwrap_or_default();
            match kind {
                "person" | "uid" | "admin-token" => "admin",
                "identity" => "user",
                "clock" | "governor" => "system",
                _ => "policy",
            }
        };
        let told = |by: &str, why: &str| {
            let seconds = at.seconds();
            json!({"event_timestamp": seconds, "initiating_entity": entity(by), "reason_admin": {"en": why}})
        };
        let mut txn = None;
        let (subject, event) = match self {
            Self::Session { identity, task, by, why } => {
                txn = Some(task);
                let session = json!({"format": "opaque", "id": task});
                let subject =
                    json!({"format": "complex", "user": user(identity), "session": session});
                (subject, told(by, why))
            }
            Self::Identity { identity, by } => (
                json!({"format": "complex", "user": user(identity)}),
                told(by, "the identity was contained"),
            ),
            Self::Credential { name, kind, by } => {
                let event = json!({
                    "event_timestamp": at.seconds(), "initiating_entity": entity(by),
                    "reason_admin": {"en": "it counts no more"},
                    "credential_type": kind, "change_type": "revoke",
                });
                (json!({"format": "opaque", "id": name}), event)
            }
            Self::Verification(state) => {
                let event = state.as_ref().map_or_else(|| json!({}), |it| json!({"state": it}));
                (json!({"format": "opaque", "id": audience}), event)
            }
        };
        let mut claims = json!({
            "iss": issuer, "aud": audience, "iat": now.seconds(), "jti": jti,
            "sub_id": subject, "events": {self.event().uri(): event},
        });
        if let (Some(task), Some(members)) = (txn, claims.as_object_mut()) {
            members.insert("txn".to_owned(), json!(task));
        }
        claims
    }
}

/// Names a task that was contained, and those below it, which are with it.
fn contained_task(
    desk: &Desk,
    task: &TaskId,
    by: &str,
) -> Result<Vec<(Option<TaskId>, What)>, LedgerError> {
    let own = session(desk, task, by, "the task was contained")?.map(|it| (None, it));
    let mut all: Vec<_> = own.into_iter().collect();
    let below = desk.below(task).into_iter().filter(|it| it != task);
    for below in below.filter(|it| desk.task(it).is_some_and(|it| it.is_open())) {
        let what = session(desk, &below, by, "a task above it was contained")?;
        all.extend(what.map(|it| (Some(below), it)));
    }
    Ok(all)
}

/// Names the task of somebody, wherever it is known.
fn session(desk: &Desk, task: &TaskId, by: &str, why: &str) -> Result<Option<What>, LedgerError> {
    let opened = |record: Record| {
        let Record::Command { command, .. } = record else { return None };
        let CommandRecord::TaskOpened { task, .. } = command else { return None };
        task.map(|it| it.identity)
    };
    let identity = match desk.task(task) {
        Some(task) => Some(task.identity),
        None => {
            let records = desk.ledger().task_records(task)?;
            records.into_iter().find_map(|it| opened(it.record))
        }
    };
    Ok(identity.map(|identity| What::Session {
        identity,
        task: task.clone(),
        by: by.to_owned(),
        why: why.to_owned(),
    }))
}

/// Names what is told: the same each time that it is read of the ledger, and another for each receiver,
/// and for each task `below` that of the record.
pub(super) fn name(issuer: &str, receiver: &str, seq: u64, below: Option<&TaskId>) -> String {
    let seq = seq.to_be_bytes();
    let mut parts: Vec<&[u8]> = vec![b"signal", issuer.as_bytes(), receiver.as_bytes(), &seq];
    parts.extend(below.map(|it| it.as_str().as_bytes()));
    URL_SAFE_NO_PAD.encode(Digest::of_parts(&parts).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_task_is_told_as_caep_wants_it() {
        let task = "task_01JD8X00000000000000000000";
        let what = What::Session {
            identity: "reader".parse().unwrap(),
            task: task.parse().unwrap(),
            by: "uid:1000".to_owned(),
            why: "the task ended (asked)".to_owned(),
        };
        let at = Timestamp::from_millis(1_800_000_000_000);
        let claims = what.claims(("https://us.example", "https://siem.example"), ("j", at, at));
        let wanted = json!({
            "iss": "https://us.example", "aud": "https://siem.example", "iat": 1_800_000_000,
            "jti": "j", "txn": task,
            "sub_id": {"format": "complex",
                "user": {"format": "iss_sub", "iss": "https://us.example", "sub": "reader"},
                "session": {"format": "opaque", "id": task}},
            "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {
                "event_timestamp": 1_800_000_000, "initiating_entity": "admin",
                "reason_admin": {"en": "the task ended (asked)"}}},
        });
        assert_eq!(claims, wanted);
        assert!(claims.get("exp").is_none() && claims.get("sub").is_none());
    }

    #[test]
    fn a_name_is_the_same_again_and_another_for_another() {
        let (task, other) = ("task_01JD8X00000000000000000000", "task_01JD8X00000000000000000001");
        let (task, other): (TaskId, TaskId) = (task.parse().unwrap(), other.parse().unwrap());
        let names = [
            name("i", "r", 7, None),
            name("i", "r", 8, None),
            name("i", "q", 7, None),
            name("i", "r", 7, Some(&task)),
            name("i", "r", 7, Some(&other)),
        ];
        assert_eq!(name("i", "r", 7, Some(&task)), names[3]);
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
    }
}
