//! The reviewed shape of a kind of task.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Budget, Calendar, ServerName, TemplateName, Timestamp, ToolName, action::words};

words! {
    /// What happens to an action that no line of the grant covers.
    OnWiden {
        /// It is denied.
        Deny = "deny",
        /// A person is asked.
        Hold = "hold",
    }
}

/// Whether a verdict is carried out, or only recorded as what would have happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Carried out.
    #[default]
    Enforce,
    /// Only recorded, until its end; then it is carried out.
    Observe {
        /// Who answers for it.
        owner: String,
        /// When it ends.
        until: Timestamp,
    },
}

impl Mode {
    /// Says whether a verdict is carried out at `now`.
    pub fn enforces(&self, now: Timestamp) -> bool {
        match self {
            Self::Enforce => true,
            Self::Observe { until, .. } => *until <= now,
        }
    }
}

/// What a parameter's value must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParamShape {
    /// A regular expression that the whole value matches.
    pub pattern: Option<String>,
    /// May it be left out?
    pub optional: bool,
}

impl ParamShape {
    /// The longest value of a parameter.
    pub const LEN_MAX: usize = 1024;

    /// Reads a pattern, or says what is wrong with it.
    pub fn check(pattern: &str) -> Result<(), String> {
        whole(pattern).map(drop).map_err(|error| error.to_string())
    }

    /// Says whether `value` may be given.
    pub fn admits(&self, value: &str) -> bool {
        value.len() <= Self::LEN_MAX
            && self
                .pattern
                .as_ref()
                .is_none_or(|pattern| whole(pattern).is_ok_and(|pattern| pattern.is_match(value)))
    }
}

/// Matches the whole value, with or without `^` and `$` around the pattern.
fn whole(pattern: &str) -> Result<regex::Regex, regex::Error> {
    // By itself first: `a)|(b` would break out of the group below.
    regex::Regex::new(pattern)?;
    regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build()
}

/// When such a task may run, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The longest life.
    pub max: Duration,
    /// The longest pause between two calls.
    pub idle: Option<Duration>,
    /// Days and hours.
    pub calendar: Option<Calendar>,
}

/// One authority line: these tools of this server, under this condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowLine {
    /// The server.
    pub server: ServerName,
    /// Its tools, by name.
    #[serde(default)]
    pub tools: Vec<ToolName>,
    /// Its resources, by URI; a `*` at the end covers what follows.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Its prompts, by name; a `*` at the end covers what follows.
    #[serde(default)]
    pub prompts: Vec<String>,
    /// A Cedar condition; none is always true.
    pub when: Option<String>,
    /// Where it is written, for reasons: `ticket-triage.toml:14`.
    pub source: String,
}

/// The reviewed shape of a kind of task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its name.
    pub name: TemplateName,
    /// Who answers for it.
    pub owner: String,
    /// What such a task is for.
    pub purpose: String,
    /// What happens outside the grant.
    pub on_widen: OnWiden,
    /// Whether the grant and the budget are enforced.
    pub mode: Mode,
    /// Parameters that a task is opened with.
    pub params: BTreeMap<String, ParamShape>,
    /// When and how long.
    pub window: Window,
    /// What it may do.
    pub allow: Vec<AllowLine>,
    /// How much it may use.
    pub budget: Budget,
    /// How many one identity may have open at once.
    pub max_open: Option<u32>,
}
