//! A peer's process: started, waited for, looked at and stopped.

use std::{
    fs::File,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::{
    agent::{Agent, Target},
    processes,
};

/// How long a peer may take until it answers.
const START: Duration = Duration::from_secs(120);
/// How long it may take to end; after that it is made to.
const END: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// A running peer; it ends with this.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    began: Instant,
}

/// Where a peer writes what it says.
pub(super) fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

impl Process {
    /// Starts it.
    pub(super) fn start(mut command: Command, folder: &Path) -> anyhow::Result<Self> {
        let log = File::create(log(folder))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let began = Instant::now();
        let child = command.spawn().context("it cannot be started")?;
        Ok(Self { child, began })
    }

    /// Waits until it takes connections.
    pub(super) fn listening(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        self.until(|| Ok(TcpStream::connect(address).map(drop)?)).map(drop)
    }

    /// Waits until it answers a call, and gives how long that took from its start.
    pub(super) fn answering(&mut self, target: &Target) -> anyhow::Result<Duration> {
        self.until(|| Agent::open(target)?.call())
    }

    fn until(&mut self, attempt: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
        loop {
            let Err(error) = attempt() else { return Ok(self.began.elapsed()) };
            if let Some(ended) = self.child.try_wait()? {
                bail!("it ended: {ended}");
            }
            if START < self.began.elapsed() {
                return Err(error).context("it does not answer");
            }
            thread::sleep(LOOK);
        }
    }

    /// Gives the processor time that it has used so far, its children's too.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        processes::cpu(self.child.id())
    }

    /// Gives how much memory it takes, its children too.
    pub(super) fn rss_mib(&self) -> anyhow::Result<f64> {
        processes::rss_mib(self.child.id())
    }

    /// Asks it to end, and waits for that.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() && asked.elapsed() < END {
            thread::sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
