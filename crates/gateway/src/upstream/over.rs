//! The end of a connection: said once, seen by everyone.

use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

/// Whether a connection is over, and why.
#[derive(Debug, Default)]
pub(super) struct Over {
    why: OnceLock<String>,
    token: CancellationToken,
}

impl Over {
    /// Ends it; the first reason stays.
    pub(super) fn end(&self, why: String) {
        if self.why.set(why).is_ok() {
            self.token.cancel();
        }
    }

    /// Waits for the end and gives the reason.
    pub(super) async fn ended(&self) -> String {
        self.token.cancelled().await;
        self.why.get().cloned().unwrap_or_default()
    }
}
