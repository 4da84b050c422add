//! The vault of a running governor, and who looks at how old its secrets are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bailiwick_connect::{Vault, VaultError};
use bailiwick_gateway::Desk;
use bailiwick_model::{SecretName, format_span};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// How often their age is looked at.
const LOOK: Duration = Duration::from_secs(600);

/// Opens the vault.
pub(super) fn open(config: &Config) -> Result<Arc<Vault>, VaultError> {
    let dir = config.state.join("secrets");
    Vault::open(&dir, config.secrets.kek(&config.state)).map(Arc::new)
}

/// Tells of secrets that cannot be opened, and of each that is older than it should be, once.
pub(super) async fn watch(
    (desk, vault): (Arc<Desk>, Arc<Vault>),
    rotate_every: BTreeMap<SecretName, Duration>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    for broken in vault.list().into_iter().filter_map(Result::err) {
        tracing::error!(%broken, "a secret cannot be used");
        tell(&desk, "secret-broken", broken.to_string(), "secrets").await;
    }
    let mut told = BTreeSet::new();
    let mut interval = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = interval.tick() => {}
        }
        for about in vault.list().into_iter().filter_map(Result::ok) {
            let Some(every) = rotate_every.get(&about.name) else { continue };
            let age = desk.now().since(about.rotated);
            if *every < age && told.insert((about.name.clone(), about.version)) {
                let every = format_span(*every);
                let text = format!(
                    "secret `{}` has had its value since {}, and should get another every {every}",
                    about.name, about.rotated
                );
                tell(&desk, "secret-overdue", text, about.name.as_str()).await;
            }
        }
    }
}

async fn tell(desk: &Desk, code: &str, text: String, subject: &str) {
    if let Err(error) = desk.notice(code, text, subject).await {
        tracing::error!(%error, "what was noticed of a secret could not be recorded");
    }
}
