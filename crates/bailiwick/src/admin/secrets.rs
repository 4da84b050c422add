//! Secrets: set, rotated, removed, wrapped anew. Each is on record before it happens; no value is
//! ever given back.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
};
use bailiwick_connect::{Secret, Vault, VaultError};
use bailiwick_model::{CommandRecord, SecretChange, SecretName};
use bytes::Bytes;
use http::StatusCode;

use super::{
    Admin, Peer,
    answer::{Answer, Refused, body, json, part},
    wire::{SecretChanged, SecretShown, SecretValue, SecretsRekeyed},
};

/// `GET /api/v1/secrets`
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer {
    let shown: Vec<SecretShown> = admin.vault.list().into_iter().map(SecretShown::of).collect();
    json(&shown)
}

/// `POST /api/v1/secrets/{name}/set`
pub(super) async fn set(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer {
    admin.change_secret(&name, peer, SecretChange::Set, Some(bytes)).await
}

/// `POST /api/v1/secrets/{name}/rotate`
pub(super) async fn rotate(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answer {
    admin.change_secret(&name, peer, SecretChange::Rotated, Some(bytes)).await
}

/// `POST /api/v1/secrets/{name}/remove`
pub(super) async fn remove(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
) -> Answer {
    admin.change_secret(&name, peer, SecretChange::Removed, None).await
}

/// `POST /api/v1/secrets/rekey`
pub(super) async fn rekey(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
) -> Answer {
    let _one_by_one = admin.secrets.lock().await;
    admin.lane.desk().command(CommandRecord::SecretsRekeyed {}, &peer.label()).await?;
    let vault = Arc::clone(&admin.vault);
    let done = tokio::task::spawn_blocking(move || vault.rekey()).await;
    let done = done.map_err(|error| Refused::fault(&error))?.map_err(refused)?;
    json(&SecretsRekeyed { wrapped_by: done.wrapped_by, records: done.records })
}

impl Admin {
    async fn change_secret(
        &self,
        name: &str,
        peer: Peer,
        change: SecretChange,
        bytes: Option<Bytes>,
    ) -> Answer {
        let name: SecretName = part(name)?;
        let value = bytes.map(|it| body_without_words(&it)).transpose()?;
        let _one_by_one = self.secrets.lock().await;
        let version = self.next_version(&name, change, value.as_ref())?;
        let command = CommandRecord::SecretChanged { secret: name.clone(), change, version };
        self.lane.desk().command(command, &peer.label()).await?;
        let (vault, now, of) = (Arc::clone(&self.vault), self.lane.desk().now(), name.clone());
        let changed = tokio::task::spawn_blocking(move || match (change, value) {
            (SecretChange::Set, Some(value)) => vault.set(&of, &value, now).map(drop),
            (SecretChange::Rotated, Some(value)) => vault.rotate(&of, &value, now).map(drop),
            (SecretChange::Removed, _) => vault.remove(&of),
            (SecretChange::Set | SecretChange::Rotated, None) => Err(VaultError::Empty),
        });
        changed.await.map_err(|error| Refused::fault(&error))?.map_err(refused)?;
        json(&SecretChanged { name: name.to_string(), version })
    }

    /// Gives the version that comes of a change, or says why there will be none: what is refused
    /// is no change on record.
    fn next_version(
        &self,
        name: &SecretName,
        change: SecretChange,
        value: Option<&Secret>,
    ) -> Result<u32, Refused> {
        if let Some(value) = value {
            Vault::fits(value).map_err(refused)?;
        }
        match (change, self.vault.get(name)) {
            (SecretChange::Set, Err(VaultError::Unknown { .. })) => Ok(1),
            (SecretChange::Set, _) => Err(refused(VaultError::Exists { name: name.clone() })),
            (SecretChange::Rotated, Ok(now))
                if value.is_some_and(|it| it.matches(now.value.expose())) =>
            {
                Err(refused(VaultError::Same { name: name.clone() }))
            }
            (SecretChange::Rotated, Ok(now)) => Ok(now.version.saturating_add(1)),
            (SecretChange::Removed, Ok(now)) => Ok(now.version),
            // What is broken can be removed, and nothing else.
            (SecretChange::Removed, Err(VaultError::Broken { .. } | VaultError::Private(_))) => {
                Ok(0)
            }
            (SecretChange::Rotated | SecretChange::Removed, Err(error)) => Err(refused(error)),
        }
    }
}

/// Reads the value. What cannot be read is not repeated: it may be the secret.
fn body_without_words(bytes: &Bytes) -> Result<Secret, Refused> {
    let read: Result<SecretValue, Refused> = body(bytes);
    read.map(|mut it| Secret::new(std::mem::take(&mut it.value))).map_err(|_| {
        let text = "the request must be `{\"value\": \"…\"}`";
        Refused::new(StatusCode::BAD_REQUEST, "body", text)
    })
}

fn refused(error: VaultError) -> Refused {
    let clashes = matches!(error, VaultError::Exists { .. } | VaultError::Same { .. });
    let (status, code) = if matches!(error, VaultError::Unknown { .. }) {
        (StatusCode::NOT_FOUND, "unknown")
    } else if clashes {
        (StatusCode::CONFLICT, "secret")
    } else if matches!(error, VaultError::Empty | VaultError::TooLong { .. }) {
        (StatusCode::BAD_REQUEST, "value")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "vault")
    };
    Refused::new(status, code, &error.to_string())
}
