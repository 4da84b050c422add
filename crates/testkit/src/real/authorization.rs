//! An authorization server that stands on Authlib.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStdin, Command, Stdio},
};

use serde_json::{Value, json};

use super::{parts, skipped};

/// It runs until this is dropped.
#[derive(Debug)]
pub struct Authorization {
    child: Child,
    /// It runs as long as this is open.
    _words: ChildStdin,
    host: String,
}

impl Authorization {
    /// The client that it knows, and its secret.
    pub const CLIENT: [&str; 2] = ["a client", "a secret"];

    /// Starts one that trades words for `audience` which `issuer` signed with the key whose public half
    /// this is. Where there is none the test cannot show anything, and says so.
    pub fn start(public: &str, issuer: &str, audience: &str) -> Option<Self> {
        let part = parts();
        let words = part.as_ref().and_then(|it| it.get("authorization")?.as_array());
        let words: Vec<_> = words.into_iter().flatten().filter_map(Value::as_str).collect();
        let Some((program, words)) = words.split_first() else {
            skipped("there is no Authlib here: `cargo xtask real` installs it");
            return None;
        };
        let told = json!({"public": public, "issuer": issuer, "audience": audience});
        Some(Self::of((program, words), &told))
    }

    fn of((program, words): (&str, &[&str]), told: &Value) -> Self {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("Authlib can be started");
        let mut stdin = child.stdin.take().expect("it was asked for");
        writeln!(stdin, "{told}").expect("it reads what it is told");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().expect("it was asked for"));
        said.read_line(&mut line).expect("it says where it is");
        let place: Value = serde_json::from_str(&line).expect("it says where it is");
        let port = place.get("port").and_then(Value::as_u64).expect("a port");
        Self { child, _words: stdin, host: format!("127.0.0.1:{port}") }
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

impl Drop for Authorization {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = (self.child.kill(), self.child.wait());
    }
}
