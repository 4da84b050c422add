//! How long a client is served: until its input ends, a signal comes, or whoever started us is gone.

use std::{fmt, time::Duration};

use rustix::process::{Pid, getppid};

use crate::{
    exit::CommandError,
    serve::{Asked, Signal},
};

/// How often it is looked whether the parent still lives. A signal at its death would be simpler,
/// and comes when the parent's thread ends, which is another thing.
const LOOK: Duration = Duration::from_secs(1);

/// Why the serving ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The client has nothing more to say.
    Input,
    /// Somebody asked for it.
    Signal(Signal),
    /// The process that started this one is gone.
    Parent,
    /// Nobody reads what is answered.
    Deaf,
    /// The client broke the protocol in a way that leaves nothing to go on with.
    Broken(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => out.write_str("the client closed its input"),
            Self::Signal(name) => write!(out, "the signal `{name}` came"),
            Self::Parent => out.write_str("the process that started it is gone"),
            Self::Deaf => out.write_str("the client closed its output"),
            Self::Broken(why) => out.write_str(why),
        }
    }
}

/// Hears from outside that it is time to go.
#[derive(Debug)]
pub(super) struct Until {
    asked: Asked,
    parent: Option<Pid>,
}

impl Until {
    pub(super) fn listen() -> Result<Self, CommandError> {
        let asked = Asked::listen().map_err(|error| {
            CommandError::Fault(anyhow::anyhow!("signals cannot be heard: {error}"))
        })?;
        Ok(Self { asked, parent: getppid() })
    }

    /// Waits until it is time.
    pub(super) async fn wait(&mut self) -> Ending {
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                signal = self.asked.wait() => return Ending::Signal(signal),
                _ = look.tick() => if getppid() != self.parent {
                    return Ending::Parent;
                },
            }
        }
    }
}
