//! Has the keys that sign tokens change every day.

use std::{sync::Arc, time::Duration};

use bailiwick_connect::TokenKeys;
use bailiwick_gateway::Desk;
use tokio_util::sync::CancellationToken;

/// How often it is looked at what is due.
const EVERY: Duration = Duration::from_secs(20);

/// Does what is due until it is told to stop. A day that could not be ended is a finding, and is
/// tried again: the key of before goes on signing.
pub(super) async fn tend(
    keys: Arc<TokenKeys>,
    desk: Arc<Desk>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut failing = false;
    loop {
        let (its, now) = (Arc::clone(&keys), desk.now());
        // A key is made and written, which takes its time.
        let tended = tokio::task::spawn_blocking(move || its.tend(now)).await?;
        let written = match tended {
            Ok(change) => {
                failing = false;
                let changes: Vec<_> = change.into_iter().collect();
                desk.token_keys_changed(&changes, "clock").await
            }
            Err(error) => {
                tracing::error!(%error, "the keys that sign tokens could not be changed");
                let first = !std::mem::replace(&mut failing, true);
                let text = format!("the keys that sign tokens could not be changed: {error}");
                if first {
                    desk.notice("token-keys-stay", text, "token-keys").await
                } else {
                    Ok(())
                }
            }
        };
        if let Err(error) = written {
            tracing::error!(%error, "a change of the token keys could not be recorded");
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
