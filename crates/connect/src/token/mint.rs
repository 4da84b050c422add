//! Mints task tokens.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_model::{CredentialId, TaskId, Timestamp};

use super::{Audience, Issuer, KIND, TASK_TOKEN_LIFE, TaskClaims, TokenKeys, VIA_MAX};
use crate::{
    es256::KeyError,
    jws,
    random::{RandomError, random_text},
    secret::Secret,
};

/// The longest token we mint.
const OURS_MAX: usize = 2 << 10;
/// What the signature and its dot add.
const SIGNATURE_LEN: usize = 87;

/// Why no token was minted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The task has ended, or ends within this second.
    #[error("`{task}` is over")]
    TaskOver {
        /// The task.
        task: TaskId,
    },
    /// The authority went through too many hands.
    #[error("`{task}` was handed on {depth} times, {VIA_MAX} at most")]
    TooDeep {
        /// The task.
        task: TaskId,
        /// How many times.
        depth: usize,
    },
    /// The names it would carry are too long together.
    #[error("a token for `{task}` would have {len} bytes, {OURS_MAX} at most")]
    TooLong {
        /// The task.
        task: TaskId,
        /// How long it would be.
        len: usize,
    },
    /// It would live longer than a task token may.
    #[error("a token for `{task}` would live longer than 5 minutes")]
    TooLongLived {
        /// The task.
        task: TaskId,
    },
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The key could not be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Mints task tokens under one issuer's name.
#[derive(Clone, Debug)]
pub struct TokenMint {
    keys: Arc<TokenKeys>,
    issuer: Issuer,
}

impl TokenMint {
    /// Makes the mint.
    pub const fn new(keys: Arc<TokenKeys>, issuer: Issuer) -> Self {
        Self { keys, issuer }
    }

    /// Says under which name it mints.
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Mints a token for `task` that is good for every server.
    pub fn mint_for(
        &self,
        task: &bailiwick_model::Task,
        policy: &str,
        now: Timestamp,
    ) -> Result<Secret, MintError> {
        self.mint(&TaskClaims::of(task, Audience::All, policy, now)?)
    }

    /// Mints a token that says `claims`.
    pub fn mint(&self, claims: &TaskClaims) -> Result<Secret, MintError> {
        self.mint_named(claims).map(|(_, token)| token)
    }

    /// Mints a token that says `claims`, and gives its own id beside it.
    pub fn mint_named(&self, claims: &TaskClaims) -> Result<(CredentialId, Secret), MintError> {
        let task = || claims.task.clone();
        if VIA_MAX < claims.via.len() {
            return Err(MintError::TooDeep { task: task(), depth: claims.via.len() });
        }
        // Tokens count whole seconds: what is left of the last one is not given away.
        if claims.expires.seconds() <= claims.issued.seconds() {
            return Err(MintError::TaskOver { task: task() });
        }
        if claims.issued.after(TASK_TOKEN_LIFE) < claims.expires {
            return Err(MintError::TooLongLived { task: task() });
        }
        let key = self.keys.signing();
        let id: CredentialId = random_text()?.parse().map_err(|_| RandomError)?;
        let signed = self.text(claims, &id, &key.name)?;
        Ok((id, Secret::new(format!("{signed}.{}", key.key.sign(&signed)?))))
    }

    /// Writes header and claims. A grant of many tools leaves their names out: they inform, and
    /// the record decides.
    fn text(
        &self,
        claims: &TaskClaims,
        id: &CredentialId,
        key_id: &str,
    ) -> Result<String, MintError> {
        let header = jws::header(KIND, key_id.to_owned());
        let id = id.as_str();
        let write = |it: &TaskClaims| jws::signing_text(&header, &it.to_json(&self.issuer, id));
        let fits = |it: &String| it.len().saturating_add(SIGNATURE_LEN) <= OURS_MAX;
        let whole = write(claims);
        if fits(&whole) {
            return Ok(whole);
        }
        let mut lean = claims.clone();
        lean.intent.actions = BTreeSet::new();
        let lean = write(&lean);
        if fits(&lean) {
            Ok(lean)
        } else {
            let len = lean.len().saturating_add(SIGNATURE_LEN);
            Err(MintError::TooLong { task: claims.task.clone(), len })
        }
    }
}
