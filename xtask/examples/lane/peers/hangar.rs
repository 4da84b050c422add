//! MCP Hangar: one process, its rate limit lifted.
//!
//! It asks for no token on loopback and has no policy; the governor is measured with both.

use std::{fs, process::Command};

use super::{Kind, Place};

pub(super) const KIND: Kind = Kind {
    name: "hangar",
    path: "/mcp",
    asked: READ,
    prepare,
    command,
    // Its configuration names the tool server.
    register: |_, _| Ok(()),
};

/// Tools are reached through a tool of its own.
const READ: &str = r#"{"name":"hangar_call","arguments":{"calls":[{"mcp_server":"notes","tool":"read_note","arguments":{"path":"/team/note-{note}"}}]}}"#;

fn prepare(place: &Place) -> anyhow::Result<Option<String>> {
    let server = place.server;
    // Ten calls a second are its default.
    let config = format!(
        "\
mcp_servers:
  notes: {{ mode: remote, endpoint: \"http://{server}/mcp\" }}
rate_limit: {{ rps: 1000000, burst: 1000000 }}
"
    );
    fs::write(place.folder.join("config.yaml"), config)?;
    Ok(None)
}

fn command(place: &Place) -> Command {
    let port = place.address.port().to_string();
    let mut command = place.command("mcp-hangar");
    command.args(["serve", "--http", "--host", "127.0.0.1", "--port", &port]);
    command.args(["--config", "config.yaml"]);
    command
}
