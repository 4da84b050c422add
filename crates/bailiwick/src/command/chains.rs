//! `chains`: who came by which way to what, and who could, from files alone.

mod opengraph;
mod show;

use std::{fs, path::Path};

use bailiwick_connect::opengraph::OpenGraph;
use bailiwick_insight::{AccessMap, Labels, MapBuilder, Wish};
use bailiwick_model::Sensitivity;

pub(super) use self::opengraph::of_audit;
use super::audit;
use crate::{
    cli::{AuditLogs, ChainWords, Goal},
    exit::{CommandError, Exit, Outcome},
    output::{Output, Screen},
};

/// Draws the map of logs, grants and graphs, and shows the ways that were asked for.
pub(crate) fn run(words: &ChainWords, output: Output) -> Outcome {
    let labels = words.sensitivity.as_deref().map_or_else(|| Ok(Labels::new()), labels)?;
    let (to, at_least) = match &words.to {
        Some(Goal::Named(name)) => (Some(name.clone()), None),
        Some(Goal::AtLeast(_)) if labels.is_empty() => {
            let why =
                "which resources are how sensitive is in no file: name one with `--sensitivity`";
            return Err(CommandError::Words(why.to_owned()));
        }
        Some(Goal::AtLeast(least)) => (None, Some(*least)),
        None => (None, None),
    };
    let map = map(words, labels)?;
    if words.format.is_some() {
        Output::Json.show(&opengraph::of_map(&map), |_| String::new())?;
        return Ok(Exit::Done);
    }
    for name in words.from.iter().chain(&to) {
        if map.named(Some(name)).is_empty() {
            return Err(CommandError::Words(format!("nothing that was read names `{name}`")));
        }
    }
    let wish = Wish { from: words.from.clone(), to, at_least, far: words.hops };
    output.show(&map.reach(&wish), |it| show::table(it, &wish, Screen::of_output()))?;
    Ok(Exit::Done)
}

fn map(words: &ChainWords, labels: Labels) -> Result<AccessMap, CommandError> {
    let holders = audit::grants::read(&words.grants)?;
    let graphs: Result<Vec<_>, _> = words.graph.iter().map(|it| graph(it)).collect();
    let graphs = graphs?;
    let logs = AuditLogs { logs: words.logs.clone(), source: words.source, ..AuditLogs::default() };
    let (exercised, _) = audit::exercised(&logs)?;
    let mut map = MapBuilder::new(labels).granted(&holders).walked(&exercised);
    for graph in graphs {
        for (id, kind) in graph.nodes() {
            map.foreign_place(&id, &kind);
        }
        for edge in graph.edges() {
            map.foreign_hop(&edge.from, &edge.to, &edge.kind, edge.traversable);
        }
    }
    Ok(map.map())
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    fs::read(path).map_err(|it| wrong(path, &it))
}

fn graph(path: &Path) -> Result<OpenGraph, CommandError> {
    OpenGraph::read(&read(path)?).map_err(|it| wrong(path, &it))
}

/// Reads `"PATTERN" = "SENSITIVITY"`, line by line.
fn labels(path: &Path) -> Result<Labels, CommandError> {
    let text = String::from_utf8(read(path)?).map_err(|it| wrong(path, &it))?;
    let table: toml::Table = text.parse().map_err(|it: toml::de::Error| wrong(path, &it))?;
    let label = |(pattern, value): (String, toml::Value)| {
        let known = value.as_str().and_then(Sensitivity::from_word);
        let known = known.map(|it| (pattern.clone(), it));
        known.ok_or_else(|| {
            let words: Vec<_> = Sensitivity::ALL.iter().map(|it| it.as_str()).collect();
            wrong(
                path,
                &format!("`{pattern}` is {value}, which is none of `{}`", words.join("`, `")),
            )
        })
    };
    table.into_iter().map(label).collect()
}

fn wrong(path: &Path, why: &dyn std::fmt::Display) -> CommandError {
    CommandError::Words(format!("`{}`: {why}", path.display()))
}
