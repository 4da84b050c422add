//! A token of an open task: minted, and on record before anybody has it.

use bailiwick_connect::{Audience, Binding, MintError, Secret, TaskClaims, TokenMint};
use bailiwick_model::{CredentialId, Digest, Subject, Task, Timestamp};

use crate::{Desk, DeskError};

/// A token, and what it says.
#[derive(Debug)]
pub struct Minted {
    /// The token.
    pub token: Secret,
    /// What it says.
    pub claims: TaskClaims,
}

/// No token was given.
#[derive(Debug, thiserror::Error)]
pub enum MintingError {
    /// None can be minted.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// Whoever asks, or what they ask for, is contained: the token would be refused everywhere.
    #[error("{} is contained", .0.in_words())]
    Contained(Subject),
    /// It could not be written down.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// What a token is asked for with.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whom it is for.
    pub audience: Audience,
    /// The key that proved who asks; none where an account or a person did.
    pub key: Option<CredentialId>,
    /// What it is bound to; none where it is to nothing.
    pub bound: Option<Binding>,
    /// When the token that it is traded for ends; none where there is none.
    pub until: Option<Timestamp>,
}

/// Mints a token of `task` for an audience on the word of a key, and records that; never past the
/// task's deadline, and never for what is contained.
pub async fn mint_on_record(
    desk: &Desk,
    mint: &TokenMint,
    task: &Task,
    Asked { audience, key, bound, until }: Asked,
    by: &str,
) -> Result<Minted, MintingError> {
    let snapshot = desk.snapshot();
    let shown = key.iter().cloned().collect();
    let mut contained = snapshot.contained_of_task(task);
    contained.extend(snapshot.contained_of_identity(&task.identity, &shown));
    if let Some(first) = contained.pop_first() {
        return Err(MintingError::Contained(first));
    }
    let version = snapshot.policies.version();
    let claims = TaskClaims::of(task, audience, version, desk.now())?;
    let claims = claims.asked_with(key).bound_to(bound).until(until);
    let (id, token) = mint.mint_named(&claims)?;
    let digest = Digest::of(token.expose().as_bytes()).to_string();
    desk.token_minted(task, (digest, id, claims.expires), by).await?;
    Ok(Minted { token, claims })
}
