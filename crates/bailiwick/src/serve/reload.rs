//! Putting files in force: at the start, and when asked to read them again.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use bailiwick_connect::ListenerTls;
use bailiwick_gateway::{Active, Catalog, Desk, reloaded};
use bailiwick_model::{Activation, Digest, ServerName};
use bailiwick_policy::Schema;
use miette::Report;

use super::Sources;
use crate::{
    accepted,
    config::{Against, Before, Config, Found, Group, House, Overrides, Place, Warning, place},
};

/// Reads the configuration again and puts it in force, whole or not at all.
#[derive(Debug)]
pub(crate) struct Reload {
    file: PathBuf,
    overrides: Overrides,
    /// The configuration that the parts of this process were made from.
    started: Config,
    /// What the listener shows, where it speaks TLS.
    tls: Option<Arc<ListenerTls>>,
    /// What is in force; held while it changes, so that two readings never mix.
    active: tokio::sync::Mutex<BTreeMap<&'static str, Group>>,
    /// The tools that were accepted, as they were found last.
    tools: accepted::Found,
    /// What policies were held against last.
    schema: std::sync::Mutex<Option<Arc<Schema>>>,
    /// What reads logs of other systems by what charters say.
    sources: Option<Arc<Sources>>,
    /// What was said last of policies that no longer fit.
    told: std::sync::Mutex<String>,
}

/// Policies or authority lines do not fit the tools that were accepted.
#[derive(Debug, thiserror::Error)]
#[error(
    "nothing was changed: what is written does not fit the accepted tools: {0}; `bailiwick check` shows where"
)]
pub(crate) struct Misfits(String);

impl Reload {
    pub(super) fn new(
        file: PathBuf,
        overrides: Overrides,
        house: &House,
        tls: Option<Arc<ListenerTls>>,
        sources: Option<Arc<Sources>>,
    ) -> Self {
        let active = tokio::sync::Mutex::new(house.groups.clone());
        let told = std::sync::Mutex::default();
        let (started, schema) = (house.config.clone(), house.schema.clone().into());
        let tools = accepted::Found::default();
        Self { file, overrides, started, tls, active, tools, schema, sources, told }
    }

    /// Puts the files of the start in force. What differs from the last start is on record, and
    /// so an edit that nobody announced shows.
    pub(super) async fn first(&self, desk: &Desk, house: &House) -> anyhow::Result<()> {
        let last = last_activations(desk)?;
        if !house.misfits.is_empty() {
            // What was in force before goes on: the tool has changed, and nobody edited a file.
            let same = |(what, group): (&&str, &Group)| {
                *what == "charters" || last.get(*what) == Some(&group.digest)
            };
            if !house.groups.iter().all(same) {
                return Err(Misfits(listed(&house.misfits)).into());
            }
            self.tell(desk, &house.misfits).await;
        }
        let activations = house
            .groups
            .iter()
            .filter(|(what, group)| last.get(**what) != Some(&group.digest))
            .map(|(what, group)| Activation {
                what: (*what).to_owned(),
                digest: group.digest,
                before: last.get(*what).copied(),
                changed: group.files.keys().cloned().collect(),
            })
            .collect();
        desk.activate(active(house, activations), "files").await?;
        Ok(())
    }

    /// Reads everything again; a mistake anywhere leaves everything as it is. Gives what changed. What
    /// is refused is on record, too: somebody believes that it is in force.
    pub(crate) async fn run(&self, desk: &Desk, by: &str) -> anyhow::Result<Vec<String>> {
        let taken = self.take(desk, by).await;
        reloaded(taken.is_ok());
        if let Err(error) = &taken {
            // It quotes what stands in the files, and evidence shows no secret of these.
            let text = desk.evidence().phrase(&format!("{error:#}"));
            tracing::warn!(by, error = text, "the files are not put in force");
            if let Err(error) = desk.notice("reload-refused", text, by).await {
                tracing::error!(%error, "that files were refused could not be recorded");
            }
        }
        taken
    }

    async fn take(&self, desk: &Desk, by: &str) -> anyhow::Result<Vec<String>> {
        let mut before = self.active.lock().await;
        let old = in_force(desk);
        let (house, warnings) = self.read(desk).map_err(|found| {
            anyhow::anyhow!(
                "nothing was changed: {}; `bailiwick check` shows where",
                listed(&found.errors)
            )
        })?;
        if !house.misfits.is_empty() {
            return Err(Misfits(listed(&house.misfits)).into());
        }
        let restart = self.started.needs_restart(&house.config);
        if !restart.is_empty() {
            anyhow::bail!("nothing was changed: it needs a restart: {}", restart.join(", "));
        }
        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let activations: Vec<_> = house
            .groups
            .iter()
            .filter(|(what, group)| before.get(*what) != Some(*group))
            .map(|(what, group)| activation(what, group, before.get(what)))
            .collect();
        let mut changed: Vec<_> = activations.iter().flat_map(|it| it.changed.clone()).collect();
        if self.exchange_certificate(desk).await? {
            changed.push("listen.tls".to_owned());
        }
        desk.activate(active(&house, activations), by).await?;
        if let Some(sources) = &self.sources {
            sources.mean(&house.intents);
        }
        before.clone_from(&house.groups);
        // Letting go of thousands of policies takes its time, and nobody is to wait for it.
        drop(tokio::task::spawn_blocking(move || drop(old)));
        Ok(changed)
    }

    /// Takes note of what a server offers, after it was pinned or accepted. Where that tells more of
    /// the tools that policies meet, the policies in force are held against them: what no longer
    /// fits is a finding, and stays in force.
    pub(crate) async fn offered(&self, desk: &Desk, (server, catalog): (&ServerName, &Catalog)) {
        match accepted::keep(&self.started, desk, (server, catalog)) {
            Ok(true) => self.look_again(desk).await,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%server, %error, "the definitions of tools cannot be kept");
            }
        }
    }

    async fn look_again(&self, desk: &Desk) {
        let active = self.active.lock().await;
        // Files that were edited since are looked at when they are put in force.
        let Ok((house, _)) = self.read(desk) else { return };
        if house.groups == *active {
            self.tell(desk, &house.misfits).await;
        }
    }

    /// Reads the house, and holds it against the tools that are accepted now.
    fn read(&self, desk: &Desk) -> Result<(House, Vec<Warning>), Found> {
        let tools = |config: &Config| Some(self.tools.offering(config, desk));
        let known = || self.schema.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let before = Before { schema: known().clone(), ..in_force(desk) };
        let against = Against { tools: &tools, before: &before };
        let read = House::load_against(against, &self.file, &self.overrides)?;
        known().clone_from(&read.0.schema);
        Ok(read)
    }

    /// Puts on record what no longer fits, unless just that was said last.
    async fn tell(&self, desk: &Desk, misfits: &[Report]) {
        let text = listed(misfits);
        {
            let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if *told == text {
                return;
            }
            told.clone_from(&text);
        }
        if misfits.is_empty() {
            return;
        }
        tracing::warn!(misfits = text, "policies do not fit the accepted tools, and stay in force");
        let text = format!(
            "what is in force does not fit the accepted tools: {text}; `bailiwick check` shows where"
        );
        if let Err(error) = desk.notice("policies-misfit", text, "policies").await {
            tracing::error!(%error, "that policies do not fit could not be recorded");
        }
    }
}

/// Names a few mistakes with their places.
fn listed(misfits: &[Report]) -> String {
    const SHOWN: usize = 5;
    /// So much of a message is told: it quotes what somebody wrote.
    const LEN_MAX: usize = 400;
    let one = |it: &Report| {
        let said: String = it.to_string().chars().take(LEN_MAX).collect();
        let said = match it.code() {
            Some(code) => format!("{code}: {said}"),
            None => said,
        };
        match place(it.as_ref()) {
            Place { file: Some(file), line, .. } => format!("{said} at {file}:{line}"),
            Place { file: None, .. } => said,
        }
    };
    let shown: Vec<String> = misfits.iter().take(SHOWN).map(one).collect();
    match misfits.len().checked_sub(shown.len()) {
        Some(more) if 0 < more => format!("{}; and {more} more", shown.join("; ")),
        Some(_) | None => shown.join("; "),
    }
}

impl Reload {
    /// Puts the listener's certificate in force as it lies on disk now. Says whether it is another.
    async fn exchange_certificate(&self, desk: &Desk) -> anyhow::Result<bool> {
        let Some(tls) = &self.tls else { return Ok(false) };
        let other =
            tls.reload(desk.now()).map_err(|it| anyhow::anyhow!("nothing was changed: {it}"))?;
        if other {
            let text = "the listener has new certificates, its own or those of clients".to_owned();
            desk.notice("listener-certificate", text, "listen.tls").await?;
        }
        Ok(other)
    }
}

fn in_force(desk: &Desk) -> Before {
    let snapshot = desk.snapshot();
    let (policies, access) = (Arc::clone(&snapshot.policies), Arc::clone(&snapshot.access));
    Before { policies: Some(policies), access: Some(access), ..Before::NOTHING }
}

fn active(house: &House, activations: Vec<Activation>) -> Active {
    Active { snapshot: super::parts::snapshot(house), activations }
}

fn activation(what: &str, group: &Group, before: Option<&Group>) -> Activation {
    let old = |name: &String| before.and_then(|it| it.files.get(name));
    let added = group.files.iter().filter(|(name, digest)| old(name) != Some(*digest));
    let removed = before
        .into_iter()
        .flat_map(|it| it.files.keys())
        .filter(|it| !group.files.contains_key(*it));
    let mut changed: Vec<_> = added.map(|(name, _)| name.clone()).chain(removed.cloned()).collect();
    changed.sort();
    Activation {
        what: what.to_owned(),
        digest: group.digest,
        before: before.map(|it| it.digest),
        changed,
    }
}

/// Finds what the ledger says was active last.
fn last_activations(desk: &Desk) -> anyhow::Result<BTreeMap<String, Digest>> {
    use bailiwick_model::{CommandRecord, Record};
    let mut last = BTreeMap::new();
    desk.ledger().scan(0, &mut |it| {
        if let Record::Command { command: CommandRecord::Activated(activation), .. } = it.record {
            last.insert(activation.what, activation.digest);
        }
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(last)
}
