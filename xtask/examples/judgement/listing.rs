//! What a list of 250 tools costs beside 1,000 policies: the first of a task, and each one after it.

use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::{
    agent::{Agent, Target},
    figures::{micros, percentile},
    house::{Governor, House, replaced},
    measured::Measured,
};

/// Tools beside the two of notes.
pub(crate) const MORE_TOOLS: usize = 248;
const POLICIES: usize = 1000;
/// Those of `init` are among them.
const OF_INIT: usize = 3;
/// Tools that nobody may use, whatever the arguments.
const FORBIDDEN: usize = 10;
const LISTS: usize = 50;
const LIST: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","params":{}}"#;

/// A governor with one server of many tools.
pub(crate) struct Listing {
    house: House,
    _governor: Governor,
}

impl Listing {
    /// Starts the governor, and lets it learn its tools.
    pub(crate) fn start(
        program: &Path,
        folder: &Path,
        server: std::net::SocketAddr,
    ) -> anyhow::Result<Self> {
        let house = House::asked(program, folder, server)?;
        let more: String = (0..MORE_TOOLS).map(|it| format!(", \"tool_{it}\"")).collect();
        house.edit("templates/keep-notes.toml", |text| {
            replaced(text, r#"tools = ["read_note"]"#, &format!("tools = [\"read_note\"{more}]"))
        })?;
        house.write("policies", &[("thousand.cedar".to_owned(), policies()?)])?;
        let governor = house.serve()?;
        let listing = Self { house, _governor: governor };
        // The first call learns what the server offers.
        listing.agent()?.0.call()?;
        Ok(listing)
    }

    fn agent(&self) -> anyhow::Result<Lister> {
        let token = self.house.open_task()?;
        Ok(Lister(Agent::open(&Target::reading(self.house.address, "/mcp/notes", Some(token)))?))
    }

    /// Lists for a new task, and then again and again.
    pub(crate) fn round(&self, measured: &mut Measured) -> anyhow::Result<()> {
        let mut agent = self.agent()?;
        measured.add("tools_list_cold_ms", micros(agent.list()?) / 1000.0);
        let took: Vec<Duration> = (0..LISTS).map(|_| agent.list()).collect::<Result<_, _>>()?;
        let median = percentile(&took, 500).context("nothing was timed")?;
        measured.add("tools_list_cached_ms", median / 1000.0);
        Ok(())
    }
}

/// An agent that lists.
struct Lister(Agent);

impl Lister {
    /// Lists, and makes sure that what may be used is there, and nothing else.
    fn list(&mut self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let answer = self.0.ask(LIST)?;
        let took = began.elapsed();
        let answer: Value = serde_json::from_slice(&answer.body)?;
        let tools = answer.pointer("/result/tools").and_then(Value::as_array);
        let wanted = MORE_TOOLS.saturating_add(2).saturating_sub(FORBIDDEN);
        let listed = tools.map_or(0, Vec::len);
        ensure!(listed == wanted, "{listed} tools are listed in place of {wanted}");
        Ok(took)
    }
}

/// Writes policies about each tool and about other callers.
fn policies() -> anyhow::Result<String> {
    let mut text = String::new();
    for number in OF_INIT..POLICIES {
        let id = format!("@id(\"bench-{number}\")");
        match number.checked_sub(OF_INIT) {
            Some(tool) if tool < FORBIDDEN => writeln!(
                text,
                "{id} forbid (principal, action == Action::\"notes__tool_{tool}\", resource);"
            )?,
            Some(tool) if tool < MORE_TOOLS => writeln!(
                text,
                "{id} forbid (principal, action == Action::\"notes__tool_{tool}\", resource)
                 when {{ context.input has amount && context.input.amount > 100 }};"
            )?,
            Some(_) | None => writeln!(
                text,
                "{id} forbid (principal == Identity::\"other-{number}\", action, resource)
                 when {{ resource.sensitivity_rank >= 2 }};"
            )?,
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_policies_as_promised() {
        assert_eq!(policies().unwrap().matches("@id(").count() + OF_INIT, POLICIES);
    }
}
