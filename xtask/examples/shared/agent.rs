//! An agent: one connection that stays open, one tool called again and again.

use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, bail};

use crate::{
    tool_server::NOTE,
    wire::{Message, Wire},
};

/// What a call to the tool asks for where nothing is in between, `{note}` being a number.
const READ: &str = r#"{"name":"read_note","arguments":{"path":"/team/note-{note}"}}"#;

/// Whom an agent calls: the gateway, a peer, or the tool server itself.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Under which path.
    pub(crate) path: String,
    /// The task's token, where one is asked for.
    pub(crate) token: Option<String>,
    /// What a call asks for: its parameters, with `{note}` where the number of a note belongs.
    pub(crate) asked: &'static str,
}

impl Target {
    /// A gateway that passes calls on under the tool's own name.
    pub(crate) fn reading(address: SocketAddr, path: &str, token: Option<String>) -> Self {
        Self { address, path: path.to_owned(), token, asked: READ }
    }
}

/// An agent with an open connection.
#[derive(Debug)]
pub(crate) struct Agent {
    wire: Wire,
    head: String,
    asked: &'static str,
    calls: u32,
}

impl Agent {
    /// Connects, and opens a session as clients of revision 2025-11-25 do.
    pub(crate) fn open(target: &Target) -> anyhow::Result<Self> {
        let mut agent = Self::connect(target)?;
        let about = r#"{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}"#;
        let opened = agent.ask(&request(0, "initialize", about))?;
        agent.head.push_str("MCP-Protocol-Version: 2025-11-25\r\n");
        if let Some(id) = opened.header("mcp-session-id") {
            agent.head.push_str(&format!("Mcp-Session-Id: {id}\r\n"));
        }
        agent.ask(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
        Ok(agent)
    }

    /// Connects and opens nothing.
    pub(crate) fn connect(target: &Target) -> anyhow::Result<Self> {
        let Target { address, path, token, asked } = target;
        let stream = TcpStream::connect(address).with_context(|| format!("no one at {address}"))?;
        let bearer = token.as_ref().map(|it| format!("Authorization: Bearer {it}\r\n"));
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n{}",
            bearer.unwrap_or_default(),
        );
        Ok(Self { wire: Wire::new(stream)?, head, asked, calls: 0 })
    }

    /// Calls the tool; anything but the note is an error.
    pub(crate) fn call(&mut self) -> anyhow::Result<()> {
        self.calls = self.calls.wrapping_add(1);
        let note = self.calls % 64;
        let params = self.asked.replace("{note}", &note.to_string());
        let answer = self.ask(&request(self.calls, "tools/call", &params))?;
        let body = String::from_utf8_lossy(&answer.body);
        if !body.contains(NOTE) {
            bail!("a call was not answered with the note: {} {body}", answer.first);
        }
        Ok(())
    }

    /// Sends one message, and gives the answer; one that is no success is an error.
    pub(crate) fn ask(&mut self, body: &str) -> anyhow::Result<Message> {
        let (head, len) = (&self.head, body.len());
        self.wire.send(format!("{head}Content-Length: {len}\r\n\r\n{body}").as_bytes())?;
        let answer = self.wire.receive()?.context("the connection was closed")?;
        if !answer.first.starts_with("HTTP/1.1 20") {
            let body = String::from_utf8_lossy(&answer.body);
            bail!("a call was refused: {} {body}", answer.first);
        }
        Ok(answer)
    }
}

fn request(id: u32, method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
}
