//! Measures the product in groups and prints one JSON object.

mod judgement;
mod lane;
mod leases;
mod permissions;
mod program;

use std::path::Path;

use anyhow::bail;
use serde_json::{Map, Value};

use crate::run;

/// One group of measurements.
struct Group {
    name: &'static str,
    /// Builds what it needs, measures, and returns each metric's number.
    measure: fn(&Path, Peers) -> anyhow::Result<Map<String, Value>>,
}

/// Every group there is; a new one is a file under `bench/` and a line here.
const GROUPS: &[Group] = &[
    Group { name: "lane", measure: lane::measure },
    Group { name: "judgement", measure: judgement::measure },
    Group { name: "leases", measure: leases::measure },
    Group { name: "permissions", measure: permissions::measure },
];

/// Whether programs of others are installed and measured beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peers {
    Beside,
    LeftOut,
}

/// Measures the named group, or all of them.
pub(crate) fn run(root: &Path, words: &[&str]) -> anyhow::Result<bool> {
    let peers = if words.contains(&"--no-peers") { Peers::LeftOut } else { Peers::Beside };
    let words: Vec<&str> = words.iter().copied().filter(|it| *it != "--no-peers").collect();
    let chosen = match words.as_slice() {
        ["--output", "json"] => GROUPS.iter().collect(),
        [name, "--output", "json"] | ["--output", "json", name] => vec![named(name)?],
        _ => bail!("say `cargo xtask bench [GROUP] [--no-peers] --output json`; {}", offered()),
    };
    if chosen.is_empty() {
        bail!("nothing to measure; {}", offered());
    }
    let mut printed = Map::new();
    for group in chosen {
        run::tell(&format!("==> measuring {}", group.name));
        printed.insert(group.name.to_owned(), Value::Object((group.measure)(root, peers)?));
    }
    run::print(&Value::Object(printed).to_string());
    Ok(true)
}

fn named(name: &str) -> anyhow::Result<&'static Group> {
    match GROUPS.iter().find(|it| it.name == name) {
        Some(group) => Ok(group),
        None => bail!("no such group `{name}`; {}", offered()),
    }
}

fn offered() -> String {
    let names: Vec<&str> = GROUPS.iter().map(|it| it.name).collect();
    if names.is_empty() {
        "there are no groups yet".into()
    } else {
        format!("there are: {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_group_is_refused_and_the_known_ones_are_named() {
        let error = run(Path::new("."), &["no-such", "--output", "json"]).expect_err("unknown");
        assert!(error.to_string().contains("no such group `no-such`; there are"), "{error}");
    }

    #[test]
    fn peers_can_be_left_out_wherever_that_is_said() {
        for words in [
            ["--no-peers", "no-such", "--output", "json"],
            ["no-such", "--output", "json", "--no-peers"],
        ] {
            let error = run(Path::new("."), &words).expect_err("unknown");
            assert!(error.to_string().contains("no such group `no-such`"), "{error}");
        }
    }

    #[test]
    fn the_output_must_be_asked_for_as_json() {
        assert!(run(Path::new("."), &["lane"]).is_err());
    }
}
