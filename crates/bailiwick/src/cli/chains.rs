//! The words of `chains`.

use std::path::PathBuf;

use bailiwick_connect::source::Source;
use bailiwick_model::Sensitivity;
use clap::{Args, ValueEnum};

use super::audit::source;

/// What `bailiwick chains` is told.
#[derive(Debug, Args)]
pub(crate) struct ChainWords {
    /// Logs: files, plain or packed (`.gz`, `.zst`), folders of them, or `-` for standard input.
    #[arg(required_unless_present_any = ["grants", "graph"], value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// What systems grant, as they list it.
    #[arg(long, value_name = "FILE")]
    pub(crate) grants: Vec<PathBuf>,
    /// Graphs of others (`OpenGraph`, as `BloodHound` takes it): their edges are possible.
    #[arg(long, value_name = "FILE")]
    pub(crate) graph: Vec<PathBuf>,
    /// Take all logs for those of this source, instead of knowing each by its shape.
    #[arg(long, value_parser = source, value_name = "SOURCE")]
    pub(crate) source: Option<&'static Source>,
    /// From whom: a name, or a part of one.
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
    /// To whom or what: a name, a part of one, or `sensitivity>=confidential`.
    #[arg(long, value_parser = goal, value_name = "NAME")]
    pub(crate) to: Option<Goal>,
    /// Which resources are how sensitive: lines of `"PATTERN" = "public|internal|confidential|restricted"`.
    #[arg(long, value_name = "FILE")]
    pub(crate) sensitivity: Option<PathBuf>,
    /// How many hops far.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=16), value_name = "N")]
    pub(crate) hops: u32,
    /// Write the whole map as this, instead of as `--output` says.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<ChainFormat>,
}

/// A shape that only `chains` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ChainFormat {
    /// A graph for `BloodHound`: what could be, and what was.
    Opengraph,
}

/// Where ways are to lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// To what has this name.
    Named(String),
    /// To what is at least so sensitive.
    AtLeast(Sensitivity),
}

fn goal(text: &str) -> Result<Goal, String> {
    let Some(rest) = text.strip_prefix("sensitivity") else {
        return Ok(Goal::Named(text.to_owned()));
    };
    let Some(word) = rest.trim_start().strip_prefix(">=") else {
        return Ok(Goal::Named(text.to_owned()));
    };
    let words = || Sensitivity::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>().join("`, `");
    Sensitivity::from_word(word.trim())
        .map(Goal::AtLeast)
        .ok_or_else(|| format!("`{}` is none of `{}`", word.trim(), words()))
}
