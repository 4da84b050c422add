//! The files that the design shows are read, and what is for later says so.

use super::{Files, KEY};

const CONFIG: &str = r#"# bailiwick.toml
[listen]
http = "127.0.0.1:8470"
public_url = "http://127.0.0.1:8470"
[state]
dir = "state"
[evidence]
arguments = "redacted"
retain = "400d"
checkpoints = "checkpoints"
[[server]]
name = "files"
command = ["node_modules/.bin/mcp-server-filesystem", "/srv/data"]
environment = "production"
env = { LANG = "C.UTF-8" }
[server.tool.write_file]
effects = ["write"]
resource = "{path}"
destinations = []
sensitivity = "internal"
results = "untrusted"
reversible = true
reach = "internal"
[[server]]
name = "tickets"
url = "http://127.0.0.1:9000/mcp"
[[fact]]
name = "change-freeze"
until = "2026-12-27T06:00:00Z"
"#;

const CHARTER: &str = r#"identity = "triage-agent"
kind = "agent"
class = "interactive-agent"
owner = "team-support"
purpose = "Triage support tickets"
proof = [{ key = "keys/triage-agent.pub.pem" }, { spiffe = "spiffe://example.org/agents/triage" }, { oidc = { issuer = "https://example.org", subject = "triage" } }, { uid = 1000 }]
templates = ["ticket-triage"]
servers = ["files", "tickets"]
delegates_to = ["summary-agent"]
"#;

const TEMPLATE: &str = r#"name = "ticket-triage"
owner = "team-support"
purpose = "Triage one support ticket"
on_widen = "hold"
[params.ticket]
pattern = "^[A-Z]+-[0-9]+$"
[window]
max = "1h"
idle = "10m"
calendar = "Mon-Fri 06:00-22:00 Europe/Berlin"
[[allow]]
server = "tickets"
tools = ["get_ticket", "add_comment"]
when = 'context.input.ticket == context.task.params.ticket'
[[allow]]
server = "files"
tools = ["read_text_file"]
when = 'context.input.path like "/srv/data/runbooks/*"'
[budget]
calls = 200
bytes_out = "1 MiB"
"#;

const SEQUENCE: &str = r#"[[sequence]]
name = "no-export-after-secret"
forbid = "secret then egress within task"
"#;

const THRESHOLDS: &str = r#"[[cell]]
class = "batch"
sensitivity = "internal"
radius = "internal"
verdict = "record"
alpha = 0.001
"#;

const GUARDRAILS: &str = r#"@id("export-needs-approval")
@hold("external export of confidential data")
forbid (principal, action in Action::"egress", resource)
when { resource.sensitivity_rank >= 2 }
unless { context.approval.granted };
"#;

fn design(charter: &str, template: &str) -> Files {
    Files::good()
        .with("bailiwick.toml", CONFIG)
        .with("charters/triage-agent.toml", charter)
        .with("keys/triage-agent.pub.pem", KEY)
        .with("templates/ticket-triage.toml", template)
        .with("policies/guardrails.cedar", GUARDRAILS)
}

/// What takes keys of others, which no file of the design has.
const VOUCHED: &str = r#"{ spiffe = "spiffe://example.org/agents/triage" }, { oidc = { issuer = "https://example.org", subject = "triage" } }, "#;

#[test]
fn the_files_of_the_design_are_read_without_what_is_for_later() {
    let files = design(&CHARTER.replace(VOUCHED, ""), TEMPLATE);
    let (house, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    assert_eq!(house.config.servers.len(), 2);
    assert_eq!(house.config.facts.len(), 1);
}

#[test]
fn what_is_for_later_is_said_to_be() {
    let files = design(&CHARTER.replace(VOUCHED, ""), &format!("{TEMPLATE}{SEQUENCE}"))
        .with("thresholds.toml", THRESHOLDS);
    let found = files.load().unwrap_err();
    let told: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    `thresholds.toml` is not enforced yet: no detector raises a verdict
    `sequence` is not enforced yet: the order of calls is not judged
    ");
    let codes = found.errors.iter().map(|it| it.code().unwrap().to_string());
    assert!(codes.into_iter().all(|it| it == "CFG-009"));
}
