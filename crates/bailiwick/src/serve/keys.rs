//! Keeps keys young: ours, which sign tokens, and those of whoever vouches for identities.

use std::{sync::Arc, time::Duration};

use bailiwick_connect::{Attestor, TokenKeys};
use bailiwick_gateway::{Desk, DeskError, Signals};
use tokio_util::sync::CancellationToken;

/// How often it is looked at what is due.
const EVERY: Duration = Duration::from_secs(15);

/// Does what is due until it is told to stop.
pub(super) async fn tend(
    (keys, attestor): (Arc<TokenKeys>, Arc<Attestor>),
    signals: Arc<Signals>,
    desk: Arc<Desk>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut failing = false;
    loop {
        let stale = attestor.tend(desk.now()).await.into_iter().chain(signals.tend().await);
        for written in [ours(&keys, &desk, &mut failing).await?, theirs(stale, &desk).await] {
            if let Err(error) = written {
                tracing::error!(%error, "what became of keys could not be recorded");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Changes the keys that sign tokens where their day is over. One that could not be ended is a finding,
/// and is tried again: the key of before goes on signing.
async fn ours(
    keys: &Arc<TokenKeys>,
    desk: &Desk,
    failing: &mut bool,
) -> anyhow::Result<Result<(), DeskError>> {
    let (its, now) = (Arc::clone(keys), desk.now());
    // A key is made and written, which takes its time.
    let tended = tokio::task::spawn_blocking(move || its.tend(now)).await?;
    let error = match tended {
        Ok(change) => {
            *failing = false;
            let changes: Vec<_> = change.into_iter().collect();
            return Ok(desk.token_keys_changed(&changes, "clock").await);
        }
        Err(error) => error,
    };
    tracing::error!(%error, "the keys that sign tokens could not be changed");
    if std::mem::replace(failing, true) {
        return Ok(Ok(()));
    }
    let text = format!("the keys that sign tokens could not be changed: {error}");
    Ok(desk.notice("token-keys-stay", text, "token-keys").await)
}

/// Keys of others that cannot be read are a finding.
async fn theirs(
    stale: impl Iterator<Item = (String, String)>,
    desk: &Desk,
) -> Result<(), DeskError> {
    for (whose, text) in stale {
        tracing::warn!(whose, text, "keys of somebody else are out of date");
        desk.notice("trust-stale", format!("{whose}: {text}"), &whose).await?;
    }
    Ok(())
}
