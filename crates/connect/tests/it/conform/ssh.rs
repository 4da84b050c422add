//! SSH: a real OpenSSH server.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::atomic::{AtomicU8, Ordering},
};

use bailiwick_connect::{Broker, Credential, EndCommand, Ssh, SshTarget};
use bailiwick_model::Timestamp;
use bailiwick_testkit::broker::{Limit, Stay, Trial, Waited, conforms};

use super::until;
use crate::real::{now, ssh::Stage};

pub(super) const LIMITS: &[Limit] = &[Limit::NothingIsListed, Limit::MadeAlone];

struct Tried {
    stage: Stage,
    broker: Ssh,
    clients: AtomicU8,
}

impl Tried {
    fn client(&self, credential: &Credential) -> std::process::Command {
        self.stage.client(self.clients.fetch_add(1, Ordering::Relaxed), credential)
    }
}

impl Trial for Tried {
    fn broker(&self) -> &dyn Broker {
        &self.broker
    }

    fn limits(&self) -> &'static [Limit] {
        LIMITS
    }

    fn wants(&self) -> Vec<String> {
        vec![self.stage.server.account().to_owned()]
    }

    fn unfit(&self) -> Option<String> {
        Some("root".into())
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool> {
        Box::pin(async {
            let mut client = self.client(credential);
            client.arg("true").stdin(Stdio::null()).output().unwrap().status.success()
        })
    }

    fn stays<'a>(&'a self, credential: &'a Credential) -> Waited<'a, Option<Box<dyn Stay>>> {
        Box::pin(async {
            let mut client = self.client(credential);
            client.arg("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = client.spawn().unwrap();
            let words = child.stdin.take().unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let stays: Box<dyn Stay> = Box::new(Connection { child, words, lines });
            Some(stays)
        })
    }

    /// What is away is whatever ends connections.
    fn away(&self, away: bool) -> Waited<'_, ()> {
        Box::pin(async move {
            let file = self.stage.place("away");
            if away { fs::write(file, "") } else { fs::remove_file(file) }.unwrap();
        })
    }

    fn late(&self, at: Timestamp) -> Waited<'_, ()> {
        Box::pin(until(at))
    }
}

/// A connection in which a command answers what it is told.
struct Connection {
    child: Child,
    words: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Stay for Connection {
    fn goes_on(&mut self) -> Waited<'_, bool> {
        Box::pin(async {
            self.words.write_all(b"still here\n").is_ok()
                && self.lines.next().is_some_and(|it| it.is_ok_and(|it| it == "still here"))
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = (self.child.kill(), self.child.wait());
    }
}

#[tokio::test]
async fn the_broker_conforms_at_openssh() {
    let Some(stage) = Stage::new() else { return };
    let there = format!("test ! -e {} && \"$@\"", stage.place("away").display());
    let words = ["sh", "-c", &there, "end"].map(str::to_owned);
    let end = EndCommand::new(&[&words[..], &stage.server.end()].concat()).unwrap();
    let target = SshTarget { end, ..stage.target() };
    let broker = Ssh::new("build-host".parse().unwrap(), target, now()).unwrap();
    conforms(&Tried { stage, broker, clients: AtomicU8::new(0) }).await;
}
