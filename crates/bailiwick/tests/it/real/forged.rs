//! Tokens that somebody made who must not: each says what a good one says.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bailiwick_connect::{
    Audience, Intent, Issuer, TASK_TOKEN_LIFE, TaskClaims, TokenKeys, TokenMint,
};
use bailiwick_model::{Digest, Timestamp};

use crate::governor::Governor;

/// Makes a token for `task` under the governor's name, with another key than the governor's.
pub(super) fn by_another_key(url: &str, task: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    signed(&folder.path().join("keys"), (url, task), now())
}

/// Makes a token that was good until a minute ago, with the governor's own key.
pub(super) fn expired(governor: &Governor, task: &str) -> String {
    let issued = Timestamp::from_millis(now().millis().saturating_sub(6 * 60_000));
    signed(&governor.path("state/keys"), (governor.url(), task), issued)
}

fn signed(keys: &Path, (url, task): (&str, &str), issued: Timestamp) -> String {
    let keys = TokenKeys::load_or_create(keys, now()).unwrap();
    let mint = TokenMint::new(Arc::new(keys), Issuer::new(url));
    let expires = issued.after(TASK_TOKEN_LIFE);
    let intent = Intent {
        class: "working".to_owned(),
        purpose: Digest::of(b"work"),
        actions: BTreeSet::new(),
        deadline: expires,
    };
    let claims = TaskClaims {
        audience: Audience::All,
        task: task.parse().unwrap(),
        identity: "agent".parse().unwrap(),
        via: Vec::new(),
        generation: 1,
        policy: "none".to_owned(),
        asked_with: None,
        bound: None,
        intent,
        issued,
        expires,
    };
    mint.mint(&claims).unwrap().expose().to_owned()
}

/// Puts the signature of one good token under what another says.
pub(super) fn with_the_signature_of(token: &str, other: &str) -> String {
    let (said, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    format!("{said}.{signature}")
}

fn now() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Timestamp::from_millis(i64::try_from(millis).unwrap())
}
