//! A start with 10,000 policies over 250 tools that were accepted: each policy is held against what
//! these take, strictly, before the governor governs.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;

use crate::{
    figures::micros,
    house::{House, replaced},
    listing::MORE_TOOLS,
    machine,
    measured::Measured,
    outside::Places,
    processes, tell,
};

const POLICIES: usize = 10_000;
/// Those of `init` are among them.
const OF_INIT: usize = 3;
const IN_A_FILE: usize = 1000;
const STARTS: usize = 5;
/// How long the governor may take to keep what it accepted.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures how long it takes until a governor with an earlier start's state governs.
pub(crate) fn run(places: &Places<'_>, measured: &mut Measured) -> anyhow::Result<()> {
    tell(&format!("    {POLICIES} policies over tools; load {}", machine::load()));
    let folder = places.folder.join("validated");
    let house = House::asked(places.program, &folder, places.server)?;
    let more: String = (0..MORE_TOOLS).map(|it| format!(", \"tool_{it}\"")).collect();
    house.edit("templates/keep-notes.toml", |text| {
        replaced(text, r#"tools = ["read_note"]"#, &format!("tools = [\"read_note\"{more}]"))
    })?;
    // What the server offers is learnt by the first call, and accepted.
    let governor = house.serve()?;
    house.call()?;
    all_accepted(&folder.join("state/tools"))?;
    governor.stop()?;
    house.write("policies", &policies()?)?;
    house.serve()?.stop()?;
    for _ in 0..STARTS {
        let began = Instant::now();
        let governor = house.serve()?;
        measured.add("load_validated_ms_10k", micros(began.elapsed()) / 1000.0);
        measured.add("load_validated_cpu_ms_10k", micros(processes::cpu(governor.id())?) / 1000.0);
        governor.stop()?;
    }
    if let Some(theirs) = measured.median("cerbos_start_ms_10k") {
        let ours = measured.median("load_validated_ms_10k").unwrap_or_default();
        measured.add_ratio("load_validated_10k_ratio_cerbos", ours, theirs);
    }
    Ok(())
}

/// Waits until the definitions of all tools are kept.
fn all_accepted(kept: &Path) -> anyhow::Result<()> {
    let began = Instant::now();
    while fs::read_dir(kept).map_or(0, Iterator::count) <= MORE_TOOLS {
        ensure!(began.elapsed() < PATIENCE, "not every tool was accepted");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Writes policies as files by name. Of eight, five let one agent use one tool on some notes, two
/// are about a kind of deed, and one is about all there is.
fn policies() -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for first in (0..POLICIES).step_by(IN_A_FILE) {
        let mut text = String::new();
        for number in (first..first.saturating_add(IN_A_FILE)).filter(|it| OF_INIT <= *it) {
            let (agent, tool) = (number / 16, number % MORE_TOOLS);
            let (effect, head, when) = match number % 8 {
                0..5 => (
                    "permit",
                    format!("action == Action::\"notes__tool_{tool}\""),
                    format!(
                        "context.task.template == \"keep-notes\" && context.input.path like \"/team/{tool}/*\""
                    ),
                ),
                5 | 6 => (
                    "forbid",
                    "action in [Action::\"write\", Action::\"delete\"]".to_owned(),
                    "resource.sensitivity_rank >= 2 && context.server == \"notes\"".to_owned(),
                ),
                _ => (
                    "forbid",
                    "action".to_owned(),
                    format!(
                        "context.input has path && context.input.path like \"/private/{number}/*\""
                    ),
                ),
            };
            writeln!(
                text,
                "@id(\"agent-{agent}-{number}\")\n{effect} (principal == Identity::\"agent-{agent}\", {head}, resource)\nwhen {{ {when} }};"
            )?;
        }
        files.push((format!("agents-{}.cedar", first / IN_A_FILE), text));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_policies_as_promised_and_all_of_them_are_read() {
        let files = policies().unwrap();
        let count: usize = files.iter().map(|(_, text)| text.matches("@id(").count()).sum();
        assert_eq!(count + OF_INIT, POLICIES);
        let source = |(name, text): (String, String)| bailiwick_policy::PolicySource { name, text };
        let sources: Vec<_> = files.into_iter().take(1).map(source).collect();
        let options = bailiwick_policy::PolicyOptions::default();
        bailiwick_policy::PolicySet::compile(&sources, options).unwrap();
    }
}
