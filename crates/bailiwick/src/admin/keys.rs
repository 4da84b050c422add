//! The keys that sign task tokens: listed, changed before their day is over, withdrawn.

use std::sync::Arc;

use axum::{Extension, extract::State};
use bailiwick_connect::{TokenKeyChange, TokenKeyState, TokenKeyView, TokenKeysError};
use bytes::Bytes;
use http::StatusCode;

use super::{
    Admin, Peer,
    answer::{Answer, Refused, body, json},
    wire::{KeyView, Keys, WithdrawKey},
};

/// `GET /api/v1/keys`
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer {
    json(&admin.shown())
}

/// `POST /api/v1/keys/rotate`: the next key is published now, and signs in five minutes.
pub(super) async fn rotate(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
) -> Answer {
    let (keys, now) = (Arc::clone(&admin.keys), admin.lane.desk().now());
    let before = keys.list(now);
    let change = admin.on_disk(move || keys.rotate(now).map(|it| vec![it])).await?;
    // What was published before is on record already.
    let new = |it: &TokenKeyChange| match it {
        TokenKeyChange::Published { key, .. } => !before.iter().any(|it| it.name == *key),
        TokenKeyChange::Signs { .. } | TokenKeyChange::Withdrawn { .. } => true,
    };
    let change: Vec<_> = change.into_iter().filter(new).collect();
    admin.lane.desk().token_keys_changed(&change, &peer.label()).await?;
    json(&admin.shown())
}

/// `POST /api/v1/keys/withdraw`: from the moment this is asked, not from when it is answered, no
/// token of the key counts.
pub(super) async fn withdraw(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    bytes: Bytes,
) -> Answer {
    let wish: WithdrawKey = body(&bytes)?;
    if let Some(outward) = &admin.outward {
        let own = wish.key.as_ref().is_some_and(|it| *it == outward.key_name());
        if own || wish.key.is_none() {
            let made = outward.withdraw_key(&peer.label()).await;
            made.map_err(|error| Refused::fault(&error))?;
        }
        if own {
            return json(&admin.shown());
        }
    }
    let (keys, now) = (Arc::clone(&admin.keys), admin.lane.desk().now());
    let changes = admin.on_disk(move || keys.withdraw(wish.key.as_deref(), now)).await?;
    admin.lane.desk().token_keys_changed(&changes, &peer.label()).await?;
    json(&admin.shown())
}

impl Admin {
    fn shown(&self) -> Keys {
        let all = self.keys.list(self.lane.desk().now());
        let signals = self.outward.as_ref().map(|it| KeyView {
            key: it.key_name(),
            state: "signals".to_owned(),
            signs_from: None,
            counts_until: None,
        });
        Keys { keys: all.into_iter().map(KeyView::from).chain(signals).collect() }
    }

    async fn on_disk(
        &self,
        change: impl FnOnce() -> Result<Vec<TokenKeyChange>, TokenKeysError> + Send + 'static,
    ) -> Result<Vec<TokenKeyChange>, Refused> {
        let changed = tokio::task::spawn_blocking(change).await;
        let changed = changed.map_err(|error| Refused::fault(&error))?;
        changed.map_err(|error| {
            if matches!(error, TokenKeysError::Unknown { .. }) {
                Refused::new(StatusCode::NOT_FOUND, "unknown", &error.to_string())
            } else {
                Refused::fault(&error)
            }
        })
    }
}

impl From<TokenKeyView> for KeyView {
    fn from(key: TokenKeyView) -> Self {
        let (state, from, until) = match key.state {
            TokenKeyState::Next(from) => ("next", Some(from), None),
            TokenKeyState::Current(since) => ("current", Some(since), None),
            TokenKeyState::Previous(until) => ("previous", None, Some(until)),
        };
        Self { key: key.name, state: state.to_owned(), signs_from: from, counts_until: until }
    }
}
