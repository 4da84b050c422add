//! A small MCP server over HTTP, revision 2025-11-25, that answers as fast as it can.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::wire::{Message, Wire};

/// What every note says; an answer without it did not come from here.
pub(crate) const NOTE: &str = "Milk, bread, and a word with the landlord about the window.";

/// Starts the server on a port of its own, for as long as the process lives. Beside those of notes
/// it has that many `more` tools.
pub(crate) fn start(more: usize) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // A peer that goes away in the middle of something fails the measurement there.
                let _gone = serve(stream, more);
            });
        }
    });
    Ok(address)
}

fn serve(stream: TcpStream, more: usize) -> anyhow::Result<()> {
    let mut wire = Wire::new(stream)?;
    while let Some(message) = wire.receive()? {
        wire.send(&answer(&message, more))?;
    }
    Ok(())
}

fn answer(message: &Message, more: usize) -> Vec<u8> {
    if !message.first.starts_with("POST ") {
        let status = if message.first.starts_with("DELETE ") { "200 OK" } else { "405 No" };
        return reply(status, "");
    }
    let Ok(asked) = serde_json::from_slice::<Value>(&message.body) else {
        return reply("400 Bad Request", "");
    };
    let Some(id) = asked.get("id") else { return reply("202 Accepted", "") };
    let method = asked.get("method").and_then(Value::as_str).unwrap_or_default();
    let answer = match result(method, more) {
        Some(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        None => {
            let error = json!({ "code": -32601, "message": "no such method" });
            json!({ "jsonrpc": "2.0", "id": id, "error": error })
        }
    };
    reply("200 OK", &answer.to_string())
}

fn result(method: &str, more: usize) -> Option<Value> {
    match method {
        "initialize" => Some(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "notes", "version": "1" },
        })),
        "ping" => Some(json!({})),
        "tools/list" => {
            let mut tools = vec![tool("read_note"), tool("write_note")];
            tools.extend((0..more).map(|it| tool(&format!("tool_{it}"))));
            Some(json!({ "tools": tools }))
        }
        "tools/call" => Some(json!({ "content": [{ "type": "text", "text": NOTE }] })),
        _ => None,
    }
}

fn tool(name: &str) -> Value {
    let path = json!({ "type": "string" });
    let schema = json!({ "type": "object", "properties": { "path": path }, "required": ["path"] });
    json!({ "name": name, "description": "Reads or writes one note.", "inputSchema": schema })
}

fn reply(status: &str, body: &str) -> Vec<u8> {
    let len = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nMcp-Session-Id: one\r\nContent-Length: {len}\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Agent, Target};

    #[test]
    fn an_agent_and_the_server_understand_each_other() {
        let address = start(0).unwrap();
        let mut agent = Agent::open(&Target::reading(address, "/mcp", None)).unwrap();
        agent.call().unwrap();
        agent.call().unwrap();
    }

    #[test]
    fn a_method_it_does_not_know_is_an_error() {
        assert_eq!(result("tools/none", 0), None);
    }
}
