//! Keys that machines bring in: codes for them, what came of them, and an end of them.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{Path, State},
};
use bailiwick_connect::{CODE_LIFE_MAX, EnrolError, EnrolledKey, WaitingCode};
use bailiwick_model::{CommandRecord, CredentialId, format_span};
use bytes::Bytes;
use http::StatusCode;

use super::{
    Admin, Peer,
    answer::{Answer, Refused, body, json, part},
    wire::{EnrolWish, EnrolledShown, Enrolment, EnrolmentsShown, WaitingShown},
};

/// `GET /api/v1/enrolments`
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer {
    json(&admin.enrolled())
}

/// `POST /api/v1/enrolments`: makes a code, which is told once and kept nowhere.
pub(super) async fn offer(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    bytes: Bytes,
) -> Answer {
    let wish: EnrolWish = body(&bytes)?;
    let desk = admin.lane.desk();
    let life = wish.seconds.map_or(CODE_LIFE_MAX, Duration::from_secs);
    if life.is_zero() || CODE_LIFE_MAX < life {
        let most = format_span(CODE_LIFE_MAX);
        let text = format!("a code counts for {most} at the most");
        return Err(Refused::new(StatusCode::BAD_REQUEST, "span", &text));
    }
    let charter = admin.charter(&wish.identity)?;
    if !charter.takes_enrolled() {
        let text = format!(
            "the charter of `{}` takes no keys that are brought in: write `proof = [{{ enrolled = true }}]` into it, and reload",
            wish.identity
        );
        return Err(Refused::new(StatusCode::FORBIDDEN, "charter", &text));
    }
    let (now, by) = (desk.now(), peer.label());
    let command = CommandRecord::EnrolmentChanged {
        identity: wish.identity.clone(),
        change: "offered".to_owned(),
        key: None,
        expires: Some(now.after(life)),
    };
    desk.command(command, &by).await?;
    let (enrolments, identity) = (Arc::clone(&admin.enrolments), wish.identity.clone());
    let made = tokio::task::spawn_blocking(move || enrolments.offer(&identity, life, &by, now));
    let (code, expires) = made.await.map_err(|error| Refused::fault(&error))?.map_err(refused)?;
    let issuer = admin.mint.issuer().as_str().to_owned();
    json(&Enrolment { identity: wish.identity, code: code.expose().to_owned(), expires, issuer })
}

/// `POST /api/v1/enrolments/{key}/withdraw`: from now on it proves nobody, and tokens that were asked
/// for with it count no more.
pub(super) async fn withdraw(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    Path(key): Path<String>,
) -> Answer {
    let key: CredentialId = part(key.strip_prefix("credential:").unwrap_or(&key))?;
    let desk = admin.lane.desk();
    let now = desk.now();
    let (known, _) = admin.enrolments.list(now);
    let Some(enrolled) = known.into_iter().find(|it| it.key == key) else {
        return Err(refused(EnrolError::Unknown { key }));
    };
    admin.end_key(enrolled, &peer.label()).await?;
    json(&admin.enrolled())
}

impl Admin {
    /// Ends the keys of identities that have no charter any more: whoever is given such a name later is not
    /// who made them.
    pub(crate) async fn end_keys_without_charter(&self, by: &str) -> Result<(), Refused> {
        let desk = self.lane.desk();
        let (snapshot, (keys, _)) = (desk.snapshot(), self.enrolments.list(desk.now()));
        for key in keys.into_iter().filter(|it| !snapshot.charters.contains_key(&it.identity)) {
            self.end_key(key, by).await?;
        }
        Ok(())
    }

    /// Ends a key. First it is so, then it is said: what is on record as withdrawn proves nobody.
    async fn end_key(&self, enrolled: EnrolledKey, by: &str) -> Result<(), Refused> {
        let (desk, EnrolledKey { key, identity, .. }) = (self.lane.desk(), enrolled);
        let (enrolments, gone, now) = (Arc::clone(&self.enrolments), key.clone(), desk.now());
        let done = tokio::task::spawn_blocking(move || enrolments.withdraw(&gone, now)).await;
        done.map_err(|error| Refused::fault(&error))?.map_err(refused)?;
        desk.shut_out([key.clone()]);
        let change = "withdrawn".to_owned();
        let command =
            CommandRecord::EnrolmentChanged { identity, change, key: Some(key), expires: None };
        desk.command(command, by).await?;
        Ok(())
    }

    fn enrolled(&self) -> EnrolmentsShown {
        let (keys, waiting) = self.enrolments.list(self.lane.desk().now());
        EnrolmentsShown {
            keys: keys.into_iter().map(EnrolledShown::from).collect(),
            waiting: waiting.into_iter().map(WaitingShown::from).collect(),
        }
    }
}

impl From<EnrolledKey> for EnrolledShown {
    fn from(it: EnrolledKey) -> Self {
        Self { key: it.key, identity: it.identity, since: it.since, by: it.by }
    }
}

impl From<WaitingCode> for WaitingShown {
    fn from(it: WaitingCode) -> Self {
        Self { identity: it.identity, expires: it.expires, by: it.by }
    }
}

fn refused(error: EnrolError) -> Refused {
    match error {
        EnrolError::Unknown { .. } => {
            Refused::new(StatusCode::NOT_FOUND, "unknown", &error.to_string())
        }
        EnrolError::TooMany { .. } | EnrolError::Full { .. } => {
            Refused::new(StatusCode::CONFLICT, "full", &error.to_string())
        }
        EnrolError::NoCode
        | EnrolError::Known
        | EnrolError::Key(_)
        | EnrolError::Random(_)
        | EnrolError::Private(_)
        | EnrolError::Damaged { .. } => Refused::fault(&error),
    }
}
