//! Where a configuration keeps its state, its keys and its evidence.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use bailiwick_connect::EvidenceKey;
use bailiwick_gateway::{Evidence, Keep};
use bailiwick_model::{Hold, HoldId, SecretName, Task, TaskId};
use bailiwick_store::{CheckpointPublicKey, HoldFilter, LedgerReader, Registry, TaskFilter};

use crate::{
    config::{ArgumentsKept, Config},
    exit::CommandError,
};

/// The places that commands look at.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The state directory.
    pub(crate) state: PathBuf,
    /// Agents' and people's keys.
    pub(crate) keys: PathBuf,
    /// Whom assertions are made for: the public address.
    pub(crate) issuer: String,
    /// How old each secret may become.
    pub(crate) rotate_every: BTreeMap<SecretName, Duration>,
    /// How much of what was sent may be shown.
    kept: ArgumentsKept,
}

impl Place {
    /// Finds the places of a configuration.
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            state: config.state.clone(),
            keys: config.keys(),
            issuer: issuer(config),
            rotate_every: config.secrets.rotate_every.clone(),
            kept: config.evidence.arguments,
        }
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

    /// Gives what turns what the registry keeps into what people may see.
    fn evidence(&self) -> Result<Evidence, CommandError> {
        let key = EvidenceKey::load_or_create(&self.state.join("keys").join("evidence.key"))
            .context("the evidence key cannot be read")?;
        Ok(Evidence::new(keep(self.kept), Arc::new(key)))
    }

    /// Reads a task as people may see it.
    pub(crate) fn task(&self, task: &TaskId) -> Result<Task, CommandError> {
        let found = self.registry()?.task(task).context("the registry cannot be read")?;
        if let Some(found) = found {
            return Ok(self.evidence()?.task(&found));
        }
        // What ended long ago is in the ledger alone.
        let records = self.ledger()?.task_records(task).context("the ledger cannot be read")?;
        let told = Task::told(task, records.iter().map(|it| &it.record));
        told.ok_or_else(|| CommandError::No(format!("there is no task `{task}`")))
    }

    /// Reads tasks as people may see them.
    pub(crate) fn tasks(&self, filter: TaskFilter) -> Result<Vec<Task>, CommandError> {
        let found = self.registry()?.tasks(filter).context("the registry cannot be read")?;
        let evidence = self.evidence()?;
        Ok(found.iter().map(|it| evidence.task(it)).collect())
    }

    /// Reads a hold as people may see it.
    pub(crate) fn hold(&self, hold: &HoldId) -> Result<Hold, CommandError> {
        let found = self.registry()?.hold(hold).context("the registry cannot be read")?;
        let found = found.ok_or_else(|| CommandError::No(format!("there is no hold `{hold}`")))?;
        Ok(self.evidence()?.hold(found))
    }

    /// Reads holds as people may see them.
    pub(crate) fn holds(&self, filter: HoldFilter) -> Result<Vec<Hold>, CommandError> {
        let found = self.registry()?.holds(filter).context("the registry cannot be read")?;
        let evidence = self.evidence()?;
        Ok(found.into_iter().map(|it| evidence.hold(it)).collect())
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

/// Says how much of what was sent is kept and shown.
pub(crate) const fn keep(kept: ArgumentsKept) -> Keep {
    match kept {
        ArgumentsKept::Full => Keep::Full,
        ArgumentsKept::Redacted => Keep::Redacted,
        ArgumentsKept::Digest => Keep::Digest,
    }
}
