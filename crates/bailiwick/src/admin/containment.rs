//! Containment: anybody at the admin socket withdraws authority, a person alone gives it back.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
};
use bailiwick_model::Subject;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json as value;

use super::{
    Admin, Peer,
    answer::{Answer, Refused, body, json, part},
    wire::{Contain, Contained, SignedWord},
};

/// `GET /api/v1/containment`
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer {
    let contained = admin.lane.desk().registry().contained();
    json(&Contained { contained: contained.map_err(|error| Refused::fault(&error))? })
}

/// `POST /api/v1/containment/{subject}`: what was decided and not sent by now is not sent either.
pub(super) async fn contain(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    Path(subject): Path<String>,
    bytes: Bytes,
) -> Answer {
    let subject: Subject = part(&subject)?;
    let wish: Contain = body(&bytes)?;
    admin.check_known(&subject)?;
    admin.lane.desk().contain(&subject, &wish.why, &peer.label()).await?;
    json(&value!({"subject": subject, "contained": true}))
}

/// `POST /api/v1/containment/{subject}/release`
pub(super) async fn release(
    State(admin): State<Arc<Admin>>,
    Path(subject): Path<String>,
    bytes: Bytes,
) -> Answer {
    let subject: Subject = part(&subject)?;
    let word: SignedWord = body(&bytes)?;
    admin.signed(&word, (&["release"], &subject.to_string()))?;
    if !admin.lane.desk().snapshot().contained.contains(&subject) {
        let text = format!("{} is not contained", subject.in_words());
        return Err(Refused::new(StatusCode::NOT_FOUND, "unknown", &text));
    }
    let by = format!("person:{}", word.by);
    admin.lane.desk().release(&subject, &by, word.signed).await?;
    json(&value!({"subject": subject, "contained": false}))
}

impl Admin {
    /// A name that was mistyped in a hurry must not pass for a containment. What credentials there
    /// are nobody but their holders knows.
    fn check_known(&self, subject: &Subject) -> Result<(), Refused> {
        let snapshot = self.lane.desk().snapshot();
        let known = match subject {
            Subject::Identity(it) => snapshot.charters.contains_key(it),
            Subject::Credential(_) | Subject::Everyone => true,
            Subject::Task(it) => return self.task(it).map(|_| ()),
            Subject::Server(it) => {
                let target = |name: &str| self.leases.targets().any(|(at, _)| at.as_str() == name);
                self.lane.upstreams().spec(it).is_some() || target(it.as_str())
            }
            Subject::Tool(server, tool) => snapshot.pin(server, tool.as_str()).is_some(),
            Subject::Class(it) => snapshot.charters.values().any(|charter| charter.class == *it),
            Subject::Owner(it) => snapshot.charters.values().any(|charter| charter.owner == *it),
        };
        let name = format!("{} here: nothing was contained", subject.in_words());
        if known { Ok(()) } else { Err(Refused::unknown(&name)) }
    }
}
