//! A client that others wrote, driven step by step.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

pub(super) use super::kind::Kind;
use super::parts::Parts;

/// A running client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) kind: Kind,
    child: Child,
    steps: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Client {
    /// Starts a client that connects to `url` with `token`.
    pub(super) fn start(kind: Kind, parts: &Parts, url: &str, token: &str) -> Self {
        Self::spawn(kind, parts, &["--url", url], token)
    }

    /// Starts a client that starts its server itself, and speaks to it over standard input and
    /// output.
    pub(super) fn with_server(kind: Kind, parts: &Parts, server: &[String]) -> Self {
        Self::spawn(kind, parts, &["--stdio", &Value::from(server).to_string()], "")
    }

    fn spawn(kind: Kind, parts: &Parts, to: &[&str], token: &str) -> Self {
        let words = parts.command("clients", kind.name());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(to).env("TOKEN", token);
        command.env("PARTS", parts.path("node_packages")).env("INSPECTOR", parts.path("inspector"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (steps, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { kind, child, steps, answers: BufReader::new(answers) }
    }

    /// Takes one step, and waits for what came of it.
    pub(super) fn step(&mut self, step: &Value) -> Value {
        self.say(step);
        self.hear()
    }

    /// Begins a step.
    pub(super) fn say(&mut self, step: &Value) {
        writeln!(self.steps, "{step}").unwrap();
    }

    /// Waits for what came of a step that was begun. The client itself waits for nothing longer
    /// than two minutes: so long only on a busy machine.
    pub(super) fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{} said `{line}`", self.kind.name()))
    }

    /// Connects anew with another token.
    pub(super) fn connect(&mut self, token: &str) -> Value {
        self.step(&json!({"op": "connect", "token": token}))
    }

    /// Connects anew with a token that must be good.
    pub(super) fn use_token(&mut self, token: &str) {
        let connected = self.connect(token);
        assert_eq!(connected["ok"], true, "{}: {connected}", self.kind.name());
    }

    pub(super) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.step(&json!({"op": "call_tool", "name": tool, "arguments": arguments}))
    }

    /// Lists the names of something.
    pub(super) fn names(&mut self, op: &str) -> Vec<String> {
        let listed = self.step(&json!({"op": op}));
        assert_eq!(listed["ok"], true, "{}: {listed}", self.kind.name());
        let names = listed["names"].as_array().unwrap().iter();
        names.map(|it| it.as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Says whether a step did what it was to do: the tool ran, and well.
pub(super) fn went_well(answer: &Value) -> bool {
    answer["ok"] == true && answer["isError"] != true
}

/// Gives what a refused client was told for its program: in the result, beside it where the tool
/// has a shape of its own for results, or in the error.
pub(super) fn reason(answer: &Value) -> &Value {
    let places =
        [&answer["structured"], &answer["meta"]["dev.bailiwick/reason"], &answer["error"]["data"]];
    let told = places.into_iter().find(|it| it["verdict"].is_string());
    told.unwrap_or_else(|| panic!("no refusal: {answer}"))
}
