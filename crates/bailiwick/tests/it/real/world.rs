//! One tool server of others behind a governor, and what it works on.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::Pid;
use serde_json::Value;

use super::{
    client::{Client, Kind},
    pages,
    parts::Parts,
    process::{Inbox, Process},
    servers::{Case, Launch},
};
use crate::governor::{Governor, until};

/// How long a call may take before the gateway gives it up.
pub(super) const TIMEOUT: &str = "15s";

/// How long a server of others may take to start.
const START: Duration = Duration::from_secs(90);

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// How long a held call keeps its caller.
    pub(super) wait: &'static str,
    /// How long a call may take before the gateway gives it up.
    pub(super) timeout: &'static str,
}

/// A governor with one server.
pub(super) struct World<'a> {
    pub(super) parts: &'a Parts,
    pub(super) case: &'a Case,
    pub(super) governor: Governor,
    /// The server, where it is not the governor that starts it.
    served: Option<Served>,
}

/// A server that runs by itself and is reached over HTTP.
struct Served {
    child: Child,
    port: u16,
}

impl<'a> World<'a> {
    /// Prepares what the server works on, writes a configuration and starts it all.
    pub(super) fn start(parts: &'a Parts, case: &'a Case) -> Self {
        Self::with_waits(parts, case, "0s")
    }

    /// Starts one whose held calls keep their callers for so long.
    pub(super) fn with_waits(parts: &'a Parts, case: &'a Case, wait: &'static str) -> Self {
        Self::with(parts, case, Times { wait, timeout: TIMEOUT })
    }

    /// Starts one where things may take so long.
    pub(super) fn with(parts: &'a Parts, case: &'a Case, times: Times) -> Self {
        let mut governor = Governor::prepare(&[]);
        (case.prepare)(governor.folder());
        let mut served = None;
        let reached = match case.launch {
            Launch::Child(command) => {
                child(&command(parts, governor.folder()), case.variables, governor.folder())
            }
            Launch::Http(command) => {
                let port = free_port();
                served = Some(Served::start(&command(parts, governor.folder()), port));
                format!("url = \"http://127.0.0.1:{port}/mcp\"\n")
            }
        };
        write(&governor, case, &reached, times);
        governor.serve();
        Self { parts, case, governor, served }
    }

    /// Waits until the server is there. On a busy machine that takes longer than clients wait for it,
    /// and what they are told meanwhile they take for an answer.
    pub(super) fn is_up(&self) {
        let began = Instant::now();
        while self.governor.json(&["server", "list"])["servers"][0]["status"] != "up" {
            assert!(began.elapsed() < START, "the server does not start");
            std::thread::yield_now();
        }
    }

    /// Gives a text of the table with the folder and the mark in their places.
    pub(super) fn text(&self, text: &str, mark: &str) -> String {
        placed(text, self.governor.folder()).replace("MARK", mark)
    }

    /// Gives a step of the table.
    pub(super) fn step(&self, text: &str, mark: &str) -> Value {
        serde_json::from_str(&self.text(text, mark)).unwrap_or_else(|_| panic!("no step: {text}"))
    }

    /// Opens a task, and gives its id and token.
    pub(super) fn open(&self, template: &str) -> (String, String) {
        self.governor.open("agent", template, &[])
    }

    pub(super) fn url(&self) -> String {
        format!("{}/mcp/{}", self.governor.url(), self.case.server)
    }

    pub(super) fn client(&self, kind: Kind, token: &str) -> Client {
        Client::start(kind, self.parts, &self.url(), token)
    }

    /// Gives the server's process as it is now.
    pub(super) fn process(&self) -> Process {
        if let Some(served) = &self.served {
            return Process {
                pid: Pid::from_child(&served.child),
                inbox: Inbox::Port(served.port),
            };
        }
        let mut found = None;
        until("the server runs", || {
            found = Process::child_of(&self.governor);
            found.is_some()
        });
        found.unwrap()
    }

    /// Brings back a server that died, where the governor does not do so itself.
    pub(super) fn bring_back(&mut self) {
        let Launch::Http(command) = self.case.launch else { return };
        let Some(dead) = self.served.take() else { return };
        let port = dead.port;
        drop(dead);
        self.served = Some(Served::start(&command(self.parts, self.governor.folder()), port));
    }

    /// Gives what the ledger tells of a task: verdict and outcome of each step.
    pub(super) fn steps(&self, task: &str) -> Vec<(String, String)> {
        let path = self.governor.json(&["path", task]);
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let steps = path["steps"].as_array().unwrap().iter();
        steps.map(|it| (text(&it["verdict"]), text(&it["outcome"]))).collect()
    }

    /// Gives what is on record of how a task's last call ended, once it has.
    pub(super) fn last_outcome(&self, task: &str) -> Option<Value> {
        let records = self.governor.records();
        records.into_iter().rfind(|it| it["kind"] == "outcome" && it["task"] == task)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

impl Served {
    fn start(command: &[String], port: u16) -> Self {
        let mut server = Command::new(&command[0]);
        server.args(&command[1..]).env("PORT", port.to_string()).process_group(0);
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = server.spawn().unwrap();
        until("the server listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { child, port }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Puts the governor's folder, and the address of its pages, in their places.
fn placed(text: &str, folder: &Path) -> String {
    let pages = pages::address(folder).unwrap_or_default();
    text.replace("DIR", &folder.display().to_string()).replace("PAGES", &pages)
}

fn child(command: &[String], variables: &[(&str, &str)], folder: &Path) -> String {
    // Git asks who commits, and must not ask this machine.
    let home = folder.join("home");
    fs::create_dir_all(&home).unwrap();
    let home = home.display();
    let path = std::env::var("PATH").unwrap();
    let more: String =
        variables.iter().map(|(name, value)| format!(", {name} = {value:?}")).collect();
    let command = quoted(command);
    format!("command = {command}\nenv = {{ HOME = \"{home}\", PATH = {path:?}{more} }}\n")
}

/// Writes the configuration: one agent, and templates that differ in what lies outside their
/// lines and in how long they last.
fn write(governor: &Governor, case: &Case, reached: &str, Times { wait, timeout }: Times) {
    let put = |name: &str, text: &str| {
        let text = placed(text, governor.folder()).replace("SERVER", case.server);
        governor.write(name, &text);
    };
    let words = case.words;
    put(
        "bailiwick.toml",
        &format!(
            "[listen]\nhttp = \"127.0.0.1:0\"\n[state]\ndir = \"state\"\n[evidence]\n\
             checkpoints = \"checkpoints\"\n[holds]\npoll = \"{wait}\"\nstream = \"{wait}\"\n[[server]]\nname = \"SERVER\"\n{reached}\
             timeout = \"{timeout}\"\n{words}\n"
        ),
    );
    put(
        "charters/agent.toml",
        "identity = \"agent\"\nkind = \"agent\"\nclass = \"interactive-agent\"\n\
         owner = \"team-test\"\npurpose = \"Work\"\nproof = [{ uid = UID }]\n\
         templates = [\"working\", \"asking\", \"brief\", \"looking\", \"hasty\"]\nservers = [\"SERVER\"]\n",
    );
    let template = |name: &str, on_widen: &str, max: &str, allow: &str| {
        let head = format!(
            "name = \"{name}\"\nowner = \"team-test\"\npurpose = \"Work a little\"\n\
             on_widen = \"{on_widen}\"\n[window]\nmax = \"{max}\"\n"
        );
        put(&format!("templates/{name}.toml"), &format!("{head}{allow}"));
    };
    template("working", "deny", "1h", case.allow);
    template("asking", "hold", "1h", case.look);
    template("looking", "deny", "1h", case.look);
    template("brief", "deny", "3s", case.allow);
    template("hasty", "hold", "4s", case.look);
}

/// Writes the words of a command as a configuration has them.
pub(super) fn quoted(command: &[String]) -> String {
    // Both quote texts alike where there are no control characters.
    format!("{command:?}")
}
