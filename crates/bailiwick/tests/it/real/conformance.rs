//! The conformance suite of the protocol: what a server passes by itself, it passes through the
//! gateway, check by check.
//!
//! The server is `tests/real/fixture`, which others' SDK makes; the suite is others' too. Both frozen
//! sets of requirements run, each in its own era on both sides of the gateway.

mod client;
mod crossed;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::parts::Parts;
use crate::governor::Governor;

/// What became of each check: `scenario: check` and how often it went well and otherwise.
type Results = BTreeMap<String, BTreeMap<String, usize>>;

/// A check that comes out otherwise through the gateway, and why it must.
type Different = (&'static str, &'static str);

const OLDER: &[Different] = &[];

const NEWER: &[Different] = &[];

/// Scenarios that belong to no requirement; the suite runs them and does not count them.
const NOT_SCORED: &[&str] = &[
    "tasks-",
    "http-custom-header-server-validation",
    "server-session-lifecycle",
    "server-sse-polling",
];

/// What the server offers, all of it allowed.
const TOOLS: &[&str] = &[
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_tool_with_logging",
    "test_tool_with_progress",
    "test_error_handling",
    "test_sampling",
    "test_elicitation",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_logging_tool",
    "test_reconnection",
    "test_streaming_elicitation",
    "test_missing_capability",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
    "json_schema_2020_12_tool",
];
const PROMPTS: &[&str] = &[
    "test_simple_prompt",
    "test_prompt_with_arguments",
    "test_prompt_with_embedded_resource",
    "test_prompt_with_image",
    "test_input_required_result_prompt",
];

#[test]
fn through_the_gateway_the_older_revision_passes_what_it_passes_directly() {
    compare("2025-11-25", "legacy", 30, OLDER);
}

#[test]
fn through_the_gateway_the_newer_revision_passes_what_it_passes_directly() {
    compare("2026-07-28", "modern", 37, NEWER);
}

fn compare(requirements: &str, era: &str, scenarios: usize, different: &[Different]) {
    let Some(parts) = Parts::find() else { return };
    // Each run has a server of its own: what one run changed of it is nothing to the other.
    let alone = fixture(&parts, era);
    let direct = suite(&parts, requirements, &format!("http://{}/mcp", alone.address()));
    let ran: BTreeSet<_> = direct.keys().map(|it| it.split(':').next()).collect();
    assert!(scenarios <= ran.len(), "only {} scenarios ran", ran.len());
    let bad: Vec<_> = direct.iter().filter(|(_, it)| it.contains_key("FAILURE")).collect();
    assert!(bad.is_empty(), "the server itself does not conform: {bad:#?}");
    let through = through(&parts, requirements, era);

    let all: BTreeSet<_> = direct.keys().chain(through.keys()).collect();
    let differ: BTreeSet<_> =
        all.into_iter().filter(|it| direct.get(*it) != through.get(*it)).collect();
    let excused = |it: &str| different.iter().any(|(check, _)| *check == it);
    let unexcused: Vec<_> = differ
        .iter()
        .filter(|it| !excused(it))
        .map(|it| format!("{it}: {:?} directly, {:?} through", direct.get(*it), through.get(*it)))
        .collect();
    assert!(unexcused.is_empty(), "{requirements}: {unexcused:#?}");
    let stale: Vec<_> =
        different.iter().filter(|(check, _)| !differ.iter().any(|it| it == check)).collect();
    assert!(stale.is_empty(), "no difference any more, so take it out: {stale:#?}");
}

fn fixture(parts: &Parts, era: &str) -> Running {
    Running::start(Command::new(parts.path("fixture")).args(["0", era]))
}

/// Runs the suite through the gateway, against a server of one era.
fn through(parts: &Parts, requirements: &str, era: &str) -> Results {
    let behind = fixture(parts, era);
    let governor = governor(behind.address());
    let (_, token) = governor.open("agent", "everything", &[]);
    let mut shim = Command::new(parts.path("node"));
    let url = format!("{}/mcp/fixture", governor.url());
    shim.args([parts.path("bearer"), &url]).env("TOKEN", token);
    let shim = Running::start(&mut shim);
    suite(parts, requirements, &shim.said)
}

/// Runs the suite, and gives what it found.
fn suite(parts: &Parts, requirements: &str, url: &str) -> Results {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(parts.path("node"));
    command.args([parts.path("conformance"), "server", "--url", url]);
    command.args(["--requirements", requirements, "-o"]).arg(folder.path());
    // Its status counts extensions as well, which its own summary does not.
    let _status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let scenarios = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path());
    scenarios
        .flat_map(|it| scenario(&it))
        .filter(|(check, _)| !NOT_SCORED.iter().any(|it| check.starts_with(it)))
        .collect()
}

/// Reads the checks of one scenario, whose folder ends with the time.
fn scenario(folder: &Path) -> Results {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let name = name.strip_prefix("server-").unwrap_or(name);
    let name = name.split_once("-20").map_or(name, |(name, _)| name);
    let checks: Value =
        serde_json::from_slice(&fs::read(folder.join("checks.json")).unwrap()).unwrap();
    let mut results = Results::new();
    for check in checks.as_array().unwrap() {
        let text = |member: &str| check[member].as_str().unwrap_or_default().to_owned();
        let counts = results.entry(format!("{name}: {}", text("id"))).or_default();
        let count: &mut usize = counts.entry(text("status")).or_default();
        *count = count.saturating_add(1);
    }
    results
}

/// A program that says on one line where it is.
struct Running {
    child: Child,
    said: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        Self { child, said: said.trim().to_owned() }
    }

    /// Gives the address that a server said it listens at.
    fn address(&self) -> &str {
        self.said.rsplit(' ').next().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Starts a governor that allows everything the server has.
fn governor(address: &str) -> Governor {
    let mut governor = Governor::prepare(&[]);
    governor.write(
        "bailiwick.toml",
        &format!(
            "[listen]\nhttp = \"127.0.0.1:0\"\n[state]\ndir = \"state\"\n[evidence]\n\
             checkpoints = \"checkpoints\"\n[[server]]\nname = \"fixture\"\n\
             url = \"http://{address}/mcp\"\nmethods = [\"completion/complete\", \
             \"elicitation/create\", \"sampling/createMessage\", \"roots/list\"]\n"
        ),
    );
    governor.write(
        "charters/agent.toml",
        "identity = \"agent\"\nkind = \"agent\"\nclass = \"interactive-agent\"\n\
         owner = \"team-test\"\npurpose = \"Conform\"\nproof = [{ uid = UID }]\n\
         templates = [\"everything\"]\nservers = [\"fixture\"]\n",
    );
    governor.write(
        "templates/everything.toml",
        &format!(
            "name = \"everything\"\nowner = \"team-test\"\npurpose = \"Everything\"\n\
             on_widen = \"deny\"\n[window]\nmax = \"1h\"\n[[allow]]\nserver = \"fixture\"\n\
             tools = {TOOLS:?}\nresources = [\"test://*\"]\nprompts = {PROMPTS:?}\n"
        ),
    );
    governor.serve();
    governor
}
