//! PostgreSQL: every version that is there.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::Mutex,
};

use bailiwick_connect::{Broker, Credential, Postgres};
use bailiwick_model::Timestamp;
use bailiwick_testkit::{
    broker::{Limit, Stay, Trial, Waited, conforms},
    real::Postgres as Server,
};

use super::until;
use crate::real::{
    now,
    postgres::{broker, each, psql, used},
};

pub(super) const LIMITS: &[Limit] = &[];

struct Tried<'a>(Mutex<&'a mut Server>, Postgres);

impl Trial for Tried<'_> {
    fn broker(&self) -> &dyn Broker {
        &self.1
    }

    fn limits(&self) -> &'static [Limit] {
        LIMITS
    }

    fn wants(&self) -> Vec<String> {
        vec!["readers".into()]
    }

    fn unfit(&self) -> Option<String> {
        Some("owners".into())
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool> {
        Box::pin(async { psql(&self.0.lock().unwrap(), credential, "SELECT 1").status.success() })
    }

    fn stays<'a>(&'a self, credential: &'a Credential) -> Waited<'a, Option<Box<dyn Stay>>> {
        Box::pin(async {
            let mut command = used(&self.0.lock().unwrap(), "psql", credential);
            command.args(["-XAtq"]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.stderr(Stdio::null()).spawn().unwrap();
            let words = child.stdin.take().unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let stays: Box<dyn Stay> = Box::new(SignedIn { child, words, lines });
            Some(stays)
        })
    }

    fn away(&self, away: bool) -> Waited<'_, ()> {
        Box::pin(async move {
            let mut server = self.0.lock().unwrap();
            if away { server.stop() } else { server.resume() }
        })
    }

    fn late(&self, at: Timestamp) -> Waited<'_, ()> {
        Box::pin(until(at))
    }
}

/// Somebody who signed in and asks on.
struct SignedIn {
    child: Child,
    words: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Stay for SignedIn {
    fn goes_on(&mut self) -> Waited<'_, bool> {
        Box::pin(async {
            // Whose session is ended hears nothing more.
            self.words.write_all(b"SELECT id FROM orders;\n").is_ok()
                && self.lines.next().is_some_and(|it| it.is_ok_and(|it| it == "7"))
        })
    }
}

impl Drop for SignedIn {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = (self.child.kill(), self.child.wait());
    }
}

#[test]
fn the_broker_conforms_at_each_postgresql() {
    each(async |server| {
        let broker = broker(server);
        conforms(&Tried(Mutex::new(server), broker)).await;
    });
}
