//! When to stop: the signals that ask for it.

use std::fmt;

use tokio::signal::unix::{self, SignalKind, signal};

/// Hears the signals that ask the program to stop. It is made before anybody is told that the
/// governor runs: whoever was told may ask at once.
#[derive(Debug)]
pub(crate) struct Asked {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

/// A signal that asks for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Somebody at a terminal.
    Interrupt,
    /// Whoever looks after services.
    Terminate,
}

impl Signal {
    /// Gives the exit status of a program that did not wait for its end: 128 and the signal's
    /// number, as shells have it.
    pub(crate) const fn status(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Interrupt => "interrupt",
            Self::Terminate => "terminate",
        })
    }
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
    pub(crate) async fn wait(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}
