//! Cerbos, with the same policies in its own words, its decision log on, and nothing else changed.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::{point::Point, policies::Question, processes};

/// How long it may take to start: it took 43 s with 10,000 rules on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Where it works, with that many policies.
#[derive(Debug)]
pub(crate) struct Place {
    program: PathBuf,
    folder: PathBuf,
    pub(crate) point: Point,
}

/// A running one.
#[derive(Debug)]
pub(crate) struct Cerbos {
    child: Child,
}

impl Place {
    /// Writes its configuration and policies.
    pub(crate) fn new(
        program: &Path,
        folder: &Path,
        files: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let [http, grpc] = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let (http, grpc) = (http.local_addr()?, grpc.local_addr()?);
        let policies = folder.join("policies");
        fs::create_dir_all(&policies)?;
        for (name, text) in files {
            fs::write(policies.join(name), text)?;
        }
        let shown = |name: &str| folder.join(name).display().to_string();
        let text = format!(
            "server:\n  httpListenAddr: \"{http}\"\n  grpcListenAddr: \"{grpc}\"\naudit:\n  enabled: true\n  accessLogsEnabled: false\n  decisionLogsEnabled: true\n  backend: file\n  file:\n    path: \"{}\"\ntelemetry:\n  disabled: true\nstorage:\n  driver: disk\n  disk:\n    directory: \"{}\"\n    watchForChanges: false\n",
            shown("decisions.log"),
            shown("policies"),
        );
        fs::write(folder.join("cerbos.yaml"), text)?;
        let point = Point { address: http, token: None };
        Ok(Self { program: program.to_owned(), folder: folder.to_owned(), point })
    }

    /// Starts it, waits until it answers `question`, and gives how long that took.
    pub(crate) fn start(&self, question: &Question) -> anyhow::Result<(Cerbos, Duration)> {
        let log = File::create(self.folder.join("log"))?;
        let mut command = Command::new(&self.program);
        command.args(["server", "--config", "cerbos.yaml"]).current_dir(&self.folder).env_clear();
        command.env("HOME", &self.folder).env("PATH", "/usr/bin:/bin");
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let mut cerbos = Cerbos { child: child.context("cerbos cannot be started")? };
        let asked = self.point.singles(std::slice::from_ref(question));
        loop {
            let answered = self
                .point
                .open()
                .and_then(|mut wire| asked.iter().try_for_each(|it| it.ask(&mut wire)));
            match answered {
                Ok(()) => return Ok((cerbos, began.elapsed())),
                Err(_) if began.elapsed() < PATIENCE && cerbos.child.try_wait()?.is_none() => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(error) => {
                    let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                    bail!("cerbos does not answer: {error:#}\n{log}");
                }
            }
        }
    }
}

impl Cerbos {
    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        processes::terminate(self.child.id())?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Cerbos {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
