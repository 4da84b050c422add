//! When to stop: the signals that ask for it.

use tokio::signal::unix::{SignalKind, signal};

/// Waits until somebody asks the program to stop, and says how.
pub(super) async fn asked() -> &'static str {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without signals only the end of the process stops it.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => "interrupt",
        _ = terminate.recv() => "terminate",
    }
}
