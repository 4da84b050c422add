//! A real governor for tests: a process of its own, in a directory of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take before a test gives up: it is there for what hangs, so a busy machine must
/// not come near it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// How often whoever waits looks, once it has looked often: who spins takes the time of whom it waits for.
const LOOK: Duration = Duration::from_millis(2);

/// A running governor and its directory.
pub(crate) struct Governor {
    dir: TempDir,
    child: Option<Child>,
    url: String,
}

/// What a command gave back.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What the gateway answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// Gives the answer itself. One that took its time, as any may on a busy machine, is the last event of
    /// a stream.
    pub(crate) fn json(&self) -> Value {
        let streams = self.header("content-type") == Some("text/event-stream");
        let mut events = self.body.lines().filter_map(|it| it.strip_prefix("data: "));
        let text = if streams { events.next_back().unwrap_or_default() } else { &self.body };
        serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Says by which decision it came: in a header, or where it is the last event of a stream, beside it.
    pub(crate) fn decision(&self) -> Option<&str> {
        let beside = || self.body.lines().find_map(|it| it.strip_prefix(": bailiwick-decision "));
        self.header("bailiwick-decision").or_else(beside)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(it, _)| it.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// A configuration for one tool server `notes`, and one agent that may read below `/notes/`.
/// `uid = UID` in any file becomes the account of the test.
pub(crate) const NOTES: &[(&str, &str)] = &[
    (
        "bailiwick.toml",
        r#"
[listen]
http = "127.0.0.1:0"
[state]
dir = "state"
[evidence]
checkpoints = "checkpoints"
[holds]
poll = "0s"
stream = "0s"
[[server]]
name = "notes"
command = ["bailiwick", "demo-server", "notes", "--count", "reached/notes"]
[server.tool.read_note]
resource = "{path}"
[server.tool.write_note]
resource = "{path}"
"#,
    ),
    (
        "charters/reader.toml",
        r#"
identity = "reader"
kind = "agent"
class = "interactive-agent"
owner = "team-test"
purpose = "Read notes"
proof = [{ uid = UID }]
templates = ["reading", "asking"]
servers = ["notes"]
"#,
    ),
    (
        "templates/reading.toml",
        r#"
name = "reading"
owner = "team-test"
purpose = "Read some notes"
on_widen = "deny"
[window]
max = "1h"
[[allow]]
server = "notes"
tools = ["read_note"]
when = 'context.input.path like "/notes/*"'
"#,
    ),
    (
        "templates/asking.toml",
        r#"
name = "asking"
owner = "team-test"
purpose = "Read notes, and ask before writing"
on_widen = "hold"
[window]
max = "1h"
[[allow]]
server = "notes"
tools = ["read_note"]
"#,
    ),
];

impl Governor {
    /// Writes `files` into a new directory and starts a governor there.
    pub(crate) fn start(files: &[(&str, &str)]) -> Self {
        let mut governor = Self::prepare(files);
        governor.serve();
        governor
    }

    /// Writes `files` into a new directory without starting anything.
    pub(crate) fn prepare(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        // A confined child makes files only in folders that were there when it started.
        fs::create_dir(dir.path().join("reached")).unwrap();
        let governor = Self { dir, child: None, url: String::new() };
        for (name, text) in files {
            governor.write(name, text);
        }
        governor
    }

    /// Writes one file of the configuration.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Not `UID` alone: one key in a thousand has these letters.
        let uid = format!("uid = {}", rustix::process::geteuid().as_raw());
        fs::write(path, text.replace("uid = UID", &uid)).unwrap();
    }

    /// Writes the charter of `agent`, who may work at one server.
    pub(crate) fn charter(&self, server: &str) {
        let text = format!(
            "identity = \"agent\"\nkind = \"agent\"\nclass = \"interactive-agent\"\n\
             owner = \"team-test\"\npurpose = \"Work\"\nproof = [{{ uid = UID }}]\n\
             templates = [\"working\"]\nservers = [{server:?}]\n"
        );
        self.write("charters/agent.toml", &text);
    }

    /// Starts the governor, and waits until it says where it governs.
    pub(crate) fn serve(&mut self) {
        self.serve_with(|_| {});
    }

    /// Starts the governor with something changed about its process.
    pub(crate) fn serve_with(&mut self, change: impl FnOnce(&mut Command)) {
        assert!(self.try_serve_with(change), "the governor did not start");
    }

    /// Starts the governor with something changed about its process; says whether it started.
    pub(crate) fn try_serve_with(&mut self, change: impl FnOnce(&mut Command)) -> bool {
        let mut command = self.command(&["serve"]);
        change(&mut command);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("bailiwick governs at ");
        url.unwrap_or_default().clone_into(&mut self.url);
        self.child = Some(child);
        !self.url.is_empty()
    }

    /// Kills the governor as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks the governor to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        if self.child.is_some() {
            self.ask_to_stop();
            assert_eq!(self.ended(), 0);
        }
    }

    /// Asks the governor to stop.
    pub(crate) fn ask_to_stop(&self) {
        let pid = rustix::process::Pid::from_child(self.child.as_ref().unwrap());
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits until the governor has ended by itself, and gives its exit status.
    pub(crate) fn ended(&mut self) -> i32 {
        let mut child = self.child.take().unwrap();
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            if PATIENCE.saturating_mul(2) < started.elapsed() {
                child.kill().unwrap();
                panic!("the governor does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Says whether somebody listens at its address.
    pub(crate) fn is_listening(&self) -> bool {
        TcpStream::connect(self.host()).is_ok()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Gives where it governs: `http://127.0.0.1:…`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Says where it listens, where that is not what it is called outside.
    pub(crate) fn listens_at(&mut self, address: &str) {
        self.url = format!("http://{address}");
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
        command.args(words).current_dir(self.dir.path());
        command.env_remove("BAILIWICK_CONFIG").env("BAILIWICK_LOG", "warn");
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let Output { status, stdout, stderr } =
            self.command(words).stdin(Stdio::null()).output().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed, and gives its JSON.
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let ran = self.run(&[words, &["--output", "json"]].concat());
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// Runs a command that must succeed and prints one JSON value a line, and gives them.
    pub(crate) fn json_lines(&self, words: &[&str]) -> Vec<Value> {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        ran.stdout.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
    }

    /// Opens a task, and gives its id and token.
    pub(crate) fn open(&self, identity: &str, template: &str, params: &[&str]) -> (String, String) {
        let mut words = vec!["task", "open", "--as", identity, "--template", template];
        for param in params {
            words.extend(["--param", param]);
        }
        let opened = self.json(&words);
        let text = |name: &str| opened[name].as_str().unwrap().to_owned();
        (text("task"), text("token"))
    }

    /// Adds a person, with a passphrase that lies in the directory, and gives the words that sign
    /// as that person.
    pub(crate) fn person(&self, name: &str) -> Vec<String> {
        let file = format!("{name}.passphrase");
        fs::write(self.path(&file), "correct horse battery staple").unwrap();
        self.json(&["person", "add", name, "--passphrase-file", &file]);
        ["--by", name, "--passphrase-file", &file].map(str::to_owned).to_vec()
    }

    /// Sends one HTTP request as it is, and reads the answer to its end.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        read_answer(stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Posts `body` with a token and more headers.
    pub(crate) fn post(
        &self,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let host = self.url.strip_prefix("http://").unwrap();
        let more: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nConnection: close\r\nContent-Length: {}\r\n{more}\r\n",
            body.len(),
        );
        self.raw(&[head.as_bytes(), body.as_bytes()].concat())
    }

    /// Makes one request in the legacy way, and gives its result or error.
    pub(crate) fn ask(&self, path: &str, token: &str, method: &str, params: &Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.post(path, token, &[], &body.to_string()).json()
    }

    /// Calls a tool of the server `notes`, and gives the result.
    pub(crate) fn call(&self, token: &str, tool: &str, arguments: &Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.ask("/mcp/notes", token, "tools/call", &params)["result"].clone()
    }

    /// Counts the calls that reached a tool server which counts into `reached/`.
    pub(crate) fn reached(&self) -> usize {
        let files = fs::read_dir(self.path("reached")).unwrap();
        files.map(|it| fs::read_to_string(it.unwrap().path()).unwrap().lines().count()).sum()
    }
}

impl Governor {
    /// Runs a command behind other words: `setsid --wait`, `setpriv --no-new-privs`, …
    pub(crate) fn run_behind(&self, before: &[&str], words: &[&str]) -> Ran {
        let (first, rest) = before.split_first().unwrap();
        let mut command = Command::new(first);
        command.args(rest).arg(env!("CARGO_BIN_EXE_bailiwick")).args(words);
        command.current_dir(self.dir.path()).env_remove("BAILIWICK_CONFIG").stdin(Stdio::null());
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |it: Vec<u8>| String::from_utf8(it).unwrap();
        Ran { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Tries to start a governor that must not start, and gives what it said.
    pub(crate) fn refuses_to_serve(&self) -> Ran {
        let mut command = self.command(&["serve"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if PATIENCE < started.elapsed() {
                child.kill().unwrap();
                panic!("it serves: {:?}", child.wait_with_output().unwrap());
            }
            std::thread::yield_now();
        }
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |it: Vec<u8>| String::from_utf8(it).unwrap();
        Ran { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Runs a command that must fail with `code`, and gives what it says on standard error.
    pub(crate) fn refused(&self, words: &[&str], code: i32) -> String {
        let ran = self.run(words);
        assert_eq!(ran.code, code, "{words:?}: {ran:?}");
        assert!(!ran.stderr.trim().is_empty(), "{words:?} fails without a word");
        ran.stderr
    }

    /// Asks the admin socket by hand, as any process of this account can.
    pub(crate) fn admin(&self, method: &str, path: &str, body: &Value) -> Answer {
        let stream = UnixStream::connect(self.path("state/admin.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let body = body.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: admin.sock\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len(),
        );
        // It may hang up before all is sent.
        let _sent = (&stream).write_all(&[head.as_bytes(), body.as_bytes()].concat());
        try_answer(stream).unwrap()
    }

    /// Reads every record of the ledger, oldest first.
    pub(crate) fn records(&self) -> Vec<Value> {
        let ran = self.run(&["ledger", "export"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let record = |line: &str| serde_json::from_str::<Value>(line).unwrap()["record"].clone();
        ran.stdout.lines().map(record).collect()
    }

    /// Gives the calls that reached a tool server: `TOOL ARGUMENTS`, a line each.
    pub(crate) fn reached_calls(&self) -> Vec<String> {
        let files = fs::read_dir(self.path("reached")).unwrap();
        let texts = files.map(|it| fs::read_to_string(it.unwrap().path()).unwrap());
        texts.flat_map(|it| it.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// Gives the address it listens on.
    pub(crate) fn host(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }
}

/// Reads an answer to its end; none where the other side broke off before that.
pub(crate) fn try_answer(mut stream: impl Read) -> Option<Answer> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(answer) = whole_answer(&bytes) {
            return Some(answer);
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

/// Reads an answer whose length its head gives, or whose chunks end, once all of it is there.
fn whole_answer(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|it| it.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let answer = Answer { status, headers, body: body.to_owned() };
    if answer.header("transfer-encoding").is_some() {
        return body.ends_with("\r\n0\r\n\r\n").then_some(answer);
    }
    let length = answer.header("content-length").map_or(0, |it| it.parse().unwrap());
    (length <= body.len()).then_some(answer)
}

impl Drop for Governor {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

/// Reads an HTTP answer until the other side closes.
pub(crate) fn read_answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|it| it.split(' ').nth(1)).and_then(|it| it.parse().ok());
    let headers = lines.filter_map(|it| it.split_once(':'));
    Answer {
        status: status.unwrap_or(0),
        headers: headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect(),
        body: body.to_owned(),
    }
}

/// Waits until `done` says so; a test that waits in vain fails.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    let mut looks = 0_u32;
    while !done() {
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        looks = looks.saturating_add(1);
        if looks < 100 { std::thread::yield_now() } else { std::thread::sleep(LOOK) }
    }
}
