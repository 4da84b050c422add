//! What goes on beside the calls, until the governor is told to stop.

use std::{sync::Arc, time::Duration};

use bailiwick_connect::{Attestor, TokenKeys, Vault};
use bailiwick_gateway::{Desk, Outward, Signals, UpstreamEvent};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Meter, Reload, keys, secrets, workload};
use crate::config::{Config, Pinning};

/// How often time passes for tasks: how late a window may close on screens. Calls see it at once.
const TICK: Duration = Duration::from_millis(500);

/// Those who do it, and what they need for it.
pub(super) struct Work {
    pub(super) desk: Arc<Desk>,
    pub(super) reload: Arc<Reload>,
    /// What servers say of what they offer.
    pub(super) heard: mpsc::Receiver<UpstreamEvent>,
    pub(super) vault: Arc<Vault>,
    pub(super) meter: Meter,
    pub(super) keys: (Arc<TokenKeys>, Arc<Attestor>),
    pub(super) signals: (Arc<Signals>, Option<Arc<Outward>>),
    /// Where local processes are told who they are.
    pub(super) workloads: Option<workload::Served>,
}

impl Work {
    /// Starts all of it.
    pub(super) fn start(
        self,
        config: &Config,
        stop: &CancellationToken,
    ) -> JoinSet<anyhow::Result<()>> {
        let Self { desk, reload, heard, vault, meter, keys, signals, workloads } = self;
        let (taking, telling) = signals;
        let rotate_every = config.secrets.rotate_every.clone();
        let (desk, stop) = (|| Arc::clone(&desk), || stop.clone());
        let mut running = JoinSet::new();
        running.spawn(pins((desk(), reload), heard, review(config), stop()));
        running.spawn(meter.keep(stop()));
        running.spawn(secrets::watch((desk(), vault), rotate_every, stop()));
        running.spawn(ticks(desk(), stop()));
        running.spawn(workload::run(workloads, keys.1.clone(), desk(), stop()));
        running.spawn(keys::tend(keys, taking, desk(), stop()));
        running.spawn(tell_others(telling, stop()));
        running
    }
}

/// Tells others what happens here. What happens after the stop is told after the next start.
async fn tell_others(outward: Option<Arc<Outward>>, stop: CancellationToken) -> anyhow::Result<()> {
    match outward {
        Some(outward) => outward.run(stop).await,
        None => stop.cancelled().await,
    }
    Ok(())
}

/// Names the servers whose tools wait for a person before they are accepted.
fn review(config: &Config) -> Vec<bailiwick_model::ServerName> {
    let reviewed = config.servers.iter().filter(|it| it.pin == Pinning::Review);
    reviewed.map(|it| it.name.clone()).collect()
}

/// Lets time pass for tasks.
async fn ticks(desk: Arc<Desk>, stop: CancellationToken) -> anyhow::Result<()> {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = interval.tick() => {
                if let Err(error) = desk.tick().await {
                    tracing::error!(%error, "time passed and could not be recorded");
                }
            }
        }
    }
}

/// Hears what servers offer, and pins it.
async fn pins(
    (desk, reload): (Arc<Desk>, Arc<Reload>),
    mut heard: mpsc::Receiver<UpstreamEvent>,
    review: Vec<bailiwick_model::ServerName>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            event = heard.recv() => event,
        };
        let Some(event) = event else { break };
        let written = match event {
            UpstreamEvent::CatalogChanged { server, catalog, noted: _noted } => {
                let offer =
                    bailiwick_gateway::offer_of(&server, &catalog, review.contains(&server));
                let written = desk.offered(&offer).await;
                if written.is_ok() {
                    reload.offered(&desk, (&server, &catalog)).await;
                }
                written
            }
            UpstreamEvent::Down { server, why } => {
                tracing::warn!(%server, why, "a server is down");
                Ok(())
            }
            UpstreamEvent::NotConfined { server, why } => {
                tracing::warn!(%server, why, "a server runs unconfined");
                let text = format!("`{server}` runs unconfined: {why}");
                desk.notice("server-not-confined", text, server.as_str()).await
            }
            _ => Ok(()),
        };
        if let Err(error) = written {
            tracing::error!(%error, "what a server offers could not be recorded");
        }
    }
    // Without servers there is nothing to hear, and everything else goes on.
    stop.cancelled().await;
    Ok(())
}
