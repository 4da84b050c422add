//! A client on standard input and output, that says exactly what it is told to.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, PipeWriter, Read as _, Seek as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::governor::{Governor, Ran};

/// What a modern request says of its sender.
pub(crate) const MODERN: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"}}"#;

/// A running `bailiwick wrap`.
pub(crate) struct Wrapped {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    remarks: File,
    asked: u64,
}

impl Wrapped {
    pub(crate) fn start(governor: &Governor, words: &[&str]) -> Self {
        Self::spawn(governor.command(words))
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let remarks = tempfile::tempfile().unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(remarks.try_clone().unwrap());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output), remarks, asked: 0 }
    }

    /// Starts it behind a process that dies at once, and keeps its input open.
    pub(crate) fn orphan(governor: &Governor, words: &[&str]) -> PipeWriter {
        let program = env!("CARGO_BIN_EXE_bailiwick");
        // It is given the time to look who its parent is.
        let script = "exec 3<&0; \"$@\" <&3 2>told & until grep -q 'is open' told; do :; done";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh", program]).args(words).current_dir(governor.folder());
        let (theirs, kept) = std::io::pipe().unwrap();
        shell.stdin(theirs).stdout(Stdio::null());
        assert!(shell.status().unwrap().success());
        kept
    }

    pub(crate) fn say(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// Says something that the other side may stop reading.
    pub(crate) fn say_in_vain(&mut self, line: &str) {
        let _unheard = self.input.as_mut().unwrap().write_all(line.as_bytes());
    }

    pub(crate) fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("`{line}`: {}", self.told()))
    }

    /// Asks, without waiting for the answer.
    pub(crate) fn begin(&mut self, method: &str, params: &Value) -> u64 {
        self.asked = self.asked.saturating_add(1);
        let id = self.asked;
        let asked = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.say(&asked.to_string());
        id
    }

    /// Asks, and gives the answer.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.begin(method, params);
        let answer = self.hear();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// Opens a session in the legacy way.
    pub(crate) fn open(&mut self) -> Value {
        let info = json!({"name": "test", "version": "1"});
        let opened = self.ask(
            "initialize",
            &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}),
        );
        self.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        opened
    }

    /// Gives what it told the terminal so far.
    pub(crate) fn told(&mut self) -> String {
        let mut text = String::new();
        // The file's place is shared with whoever writes to it, so it is left at its end.
        self.remarks.rewind().unwrap();
        self.remarks.read_to_string(&mut text).unwrap();
        text
    }

    /// Closes its input, and waits for its end.
    pub(crate) fn close(mut self) -> Ran {
        drop(self.input.take());
        self.wait()
    }

    pub(crate) fn signal(mut self, signal: Signal) -> Ran {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.wait()
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn wait(&mut self) -> Ran {
        let status = self.child.wait().unwrap();
        let mut stdout = String::new();
        self.output.read_to_string(&mut stdout).unwrap();
        Ran { code: status.code().unwrap_or(-1), stdout, stderr: self.told() }
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
