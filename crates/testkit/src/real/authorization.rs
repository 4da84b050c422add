//! An authorization server that others wrote: one stands on Authlib, another on oidc-provider.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use serde_json::{Value, json};

use super::{parts, skipped};

/// It runs until this is dropped.
#[derive(Debug)]
pub struct Authorization {
    child: Child,
    /// It runs as long as this is open.
    words: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    host: String,
}

impl Authorization {
    /// The client that it knows, and its secret.
    pub const CLIENT: [&str; 2] = ["a client", "a secret"];

    /// Starts Authlib's, which trades words for `audience` that `issuer` signed with the key whose public
    /// half this is. Where there is none the test cannot show anything, and says so.
    pub fn start(public: &str, issuer: &str, audience: &str) -> Option<Self> {
        let told = json!({"public": public, "issuer": issuer, "audience": audience});
        Self::of("authorization", "Authlib", &told)
    }

    fn of(part: &str, name: &str, told: &Value) -> Option<Self> {
        let parts = parts();
        let words = parts.as_ref().and_then(|it| it.get(part)?.as_array());
        let words: Vec<_> = words.into_iter().flatten().filter_map(Value::as_str).collect();
        let Some((program, words)) = words.split_first() else {
            skipped(&format!("there is no {name} here: `cargo xtask real` installs it"));
            return None;
        };
        Some(Self::running((program, words), told))
    }

    fn running((program, words): (&str, &[&str]), told: &Value) -> Self {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it can be started");
        let stdin = child.stdin.take().expect("it was asked for");
        let stdout = BufReader::new(child.stdout.take().expect("it was asked for"));
        let words = Mutex::new((stdin, stdout));
        let place = said(&words, &told.to_string());
        let place: Value = serde_json::from_str(&place).expect("it says where it is");
        let port = place.get("port").and_then(Value::as_u64).expect("a port");
        Self { child, words, host: format!("127.0.0.1:{port}") }
    }

    /// Gives where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Asks about a token as a resource does (RFC 7662).
    pub fn introspect(&self, token: &str) -> Value {
        let body = format!("token={token}");
        // `a client:a secret`, each escaped.
        let head = format!(
            "POST /introspect HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Basic YSUyMGNsaWVudDphJTIwc2VjcmV0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len(),
        );
        let mut stream = TcpStream::connect(&self.host).expect("it listens");
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let body = answer.split_once("\r\n\r\n").map(|it| it.1).unwrap_or_default();
        serde_json::from_str(body).expect("it answers with JSON")
    }
}

/// Says a line to it, and gives the line that it answers with.
fn said(words: &Mutex<(ChildStdin, BufReader<ChildStdout>)>, line: &str) -> String {
    let mut words = words.lock().expect("nobody broke off");
    writeln!(words.0, "{line}").expect("it reads what it is told");
    let mut answer = String::new();
    words.1.read_line(&mut answer).expect("it answers");
    answer
}

impl Drop for Authorization {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = (self.child.kill(), self.child.wait());
    }
}

/// The one on oidc-provider, which hangs up for a while when it is told to.
#[derive(Debug)]
pub struct Provider(Authorization);

impl Provider {
    /// A resource whose tokens are signed, of which the server keeps nothing.
    pub const SIGNED: &str = "https://signed.example/";

    /// Starts it as [`Authorization::start`] does. Its tokens have so long to live.
    pub fn start(public: &str, [issuer, audience]: [&str; 2], life: Duration) -> Option<Self> {
        let life = life.as_secs();
        let told = json!({"public": public, "issuer": issuer, "audience": audience, "life": life});
        Authorization::of("provider", "oidc-provider", &told).map(Self)
    }

    /// Gives the server.
    pub const fn server(&self) -> &Authorization {
        &self.0
    }

    /// Has it hang up on whoever comes, or listen again.
    pub fn away(&self, away: bool) {
        let word = if away { "away" } else { "back" };
        assert_eq!(said(&self.0.words, word).trim_end(), word);
    }
}
