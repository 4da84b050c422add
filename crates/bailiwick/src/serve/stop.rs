//! When to stop: the signals that ask for it.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears the signals that ask the program to stop. It is made before anybody is told that the
/// governor runs: whoever was told may ask at once.
#[derive(Debug)]
pub(crate) struct Asked {
    interrupt: Signal,
    terminate: Signal,
}

impl Asked {
    /// Begins to listen.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits until somebody asks, and says how.
    pub(crate) async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupt",
            _ = self.terminate.recv() => "terminate",
        }
    }
}
