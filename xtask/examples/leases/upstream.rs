//! What stands behind the governor: an API that answers at once, and a tool that never does. Both note
//! when they saw whom.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::wire::{Message, Wire};

/// Where the API's items lie.
pub(crate) const ITEMS: &str = "/items/";

/// What was seen since this was asked last.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Requests of items: which, and when it was there whole.
    pub(crate) items: Vec<(usize, Instant)>,
    /// How many calls wait for the tool.
    pub(crate) waiting: usize,
    /// When calls that waited were hung up.
    pub(crate) hung_up: Vec<Instant>,
}

/// A server that notes what it sees.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Upstream {
    /// Starts it on a port of its own, for as long as the process lives.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
        let upstream = Self { address: listener.local_addr()?, seen: Arc::default() };
        let serving = upstream.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || {
                    // Whoever goes away in the middle of something is seen by whoever counts.
                    let _gone = serving.serve(stream);
                });
            }
        });
        Ok(upstream)
    }

    /// Looks at what was seen.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self, stream: TcpStream) -> anyhow::Result<()> {
        let mut wire = Wire::new(stream)?;
        while let Some(message) = wire.receive()? {
            let at = Instant::now();
            if let Some(number) = item(&message.first) {
                self.look(|it| it.items.push((number, at)));
                wire.send(&reply("200 OK", "{}"))?;
                continue;
            }
            let asked: Value = serde_json::from_slice(&message.body).unwrap_or_default();
            if asked.get("method").and_then(Value::as_str) == Some("tools/call") {
                self.look(|it| it.waiting = it.waiting.saturating_add(1));
                let next = wire.receive();
                self.look(|it| it.hung_up.push(Instant::now()));
                anyhow::ensure!(next?.is_none(), "another request came before the answer");
                return Ok(());
            }
            wire.send(&answer(&message, &asked))?;
        }
        Ok(())
    }
}

/// Reads which item is asked for.
fn item(first: &str) -> Option<usize> {
    let (path, _) = first.strip_prefix("GET ")?.split_once(' ')?;
    path.strip_prefix(ITEMS)?.parse().ok()
}

fn answer(message: &Message, asked: &Value) -> Vec<u8> {
    if !message.first.starts_with("POST ") {
        let status = if message.first.starts_with("DELETE ") { "200 OK" } else { "405 No" };
        return reply(status, "");
    }
    let Some(id) = asked.get("id") else { return reply("202 Accepted", "") };
    let result = match asked.get("method").and_then(Value::as_str).unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "notes", "version": "1" },
        }),
        "ping" => json!({}),
        "tools/list" => json!({ "tools": [tool("read_note"), tool("write_note")] }),
        _ => {
            let error = json!({ "code": -32601, "message": "no such method" });
            let answer = json!({ "jsonrpc": "2.0", "id": id, "error": error });
            return reply("200 OK", &answer.to_string());
        }
    };
    reply("200 OK", &json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string())
}

fn tool(name: &str) -> Value {
    let path = json!({ "type": "string" });
    let schema = json!({ "type": "object", "properties": { "path": path }, "required": ["path"] });
    json!({ "name": name, "description": "Reads or writes one note.", "inputSchema": schema })
}

fn reply(status: &str, body: &str) -> Vec<u8> {
    let len = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len}\r\n");
    format!("{head}\r\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn until(what: impl Fn() -> bool) {
        let began = Instant::now();
        while !what() {
            assert!(began.elapsed() < Duration::from_secs(30), "it does not come");
            thread::yield_now();
        }
    }

    #[test]
    fn an_item_is_answered_and_noted() {
        let upstream = Upstream::start().unwrap();
        let mut wire = Wire::new(TcpStream::connect(upstream.address).unwrap()).unwrap();
        wire.send(b"GET /items/7 HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(wire.receive().unwrap().unwrap().body, b"{}");
        assert_eq!(upstream.look(|it| it.items.iter().map(|it| it.0).collect::<Vec<_>>()), [7]);
        assert_eq!(item("GET /items/x HTTP/1.1"), None);
        assert_eq!(item("POST /items/7 HTTP/1.1"), None);
    }

    #[test]
    fn a_call_waits_until_it_is_hung_up() {
        let upstream = Upstream::start().unwrap();
        let mut wire = Wire::new(TcpStream::connect(upstream.address).unwrap()).unwrap();
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#;
        let head = format!("POST /mcp HTTP/1.1\r\nContent-Length: {}\r\n\r\n", call.len());
        wire.send([head.as_bytes(), call.as_bytes()].concat().as_slice()).unwrap();
        until(|| upstream.look(|it| it.waiting) == 1);
        assert!(upstream.look(|it| it.hung_up.is_empty()));
        drop(wire);
        until(|| upstream.look(|it| it.hung_up.len()) == 1);
    }
}
