//! Where a configuration keeps its state, its keys and its evidence.

use std::path::{Path, PathBuf};

use anyhow::Context;
use bailiwick_store::{CheckpointPublicKey, LedgerReader, Registry};

use crate::{config::Config, exit::CommandError};

/// The places that commands look at.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The state directory.
    pub(crate) state: PathBuf,
    /// Agents' and people's keys.
    pub(crate) keys: PathBuf,
    /// Whom assertions are made for: the public address.
    pub(crate) issuer: String,
}

impl Place {
    /// Finds the places of a configuration.
    pub(crate) fn of(config: &Config) -> Self {
        Self { state: config.state.clone(), keys: config.keys(), issuer: issuer(config) }
    }

    /// Gives the ledger's directory.
    pub(crate) fn ledger_dir(&self) -> PathBuf {
        self.state.join("ledger")
    }

    /// Opens the registry for reading.
    pub(crate) fn registry(&self) -> Result<Registry, CommandError> {
        self.exists()?;
        Ok(Registry::open_read_only(&self.state.join("registry.db"))
            .context("the registry cannot be read")?)
    }

    /// Opens the ledger for reading.
    pub(crate) fn ledger(&self) -> Result<LedgerReader, CommandError> {
        self.exists()?;
        Ok(LedgerReader::open(&self.ledger_dir()).context("the ledger cannot be read")?)
    }

    /// Reads the public half of the key that signs checkpoints.
    pub(crate) fn checkpoint_key(&self) -> Result<CheckpointPublicKey, CommandError> {
        self.exists()?;
        Ok(CheckpointPublicKey::load(&checkpoint_public(&self.state))
            .context("the checkpoint key cannot be read")?)
    }

    fn exists(&self) -> Result<(), CommandError> {
        if self.state.is_dir() {
            return Ok(());
        }
        Err(CommandError::Unreachable(format!(
            "there is no state in `{}` yet: start it with `bailiwick serve`",
            self.state.display()
        )))
    }
}

/// Gives whom assertions are made for: what the running server calls itself, else what the
/// configuration says.
fn issuer(config: &Config) -> String {
    let told = std::fs::read_to_string(config.state.join("issuer")).ok();
    told.or_else(|| config.listen.public_url.clone())
        .unwrap_or_else(|| format!("http://{}", config.listen.http))
}

/// Where the checkpoint key's public half lies.
pub(crate) fn checkpoint_public(state: &Path) -> PathBuf {
    state.join("keys").join("checkpoint.pub")
}
