//! A token of an open task: minted, and on record before anybody has it.

use bailiwick_connect::{Audience, MintError, Secret, TaskClaims, TokenMint};
use bailiwick_model::{Digest, Task};

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
    /// It could not be written down.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// Mints a token of `task` for `audience`, and records that; never past the task's deadline.
pub async fn mint_on_record(
    desk: &Desk,
    mint: &TokenMint,
    task: &Task,
    audience: Audience,
    by: &str,
) -> Result<Minted, MintingError> {
    let snapshot = desk.snapshot();
    let claims = TaskClaims::of(task, audience, snapshot.policies.version(), desk.now())?;
    let token = mint.mint(&claims)?;
    let digest = Digest::of(token.expose().as_bytes()).to_string();
    desk.token_minted(task, (digest, claims.expires), by).await?;
    Ok(Minted { token, claims })
}
