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

words! {
    /// What sort of template it is.
    #[derive(Default)]
    TemplateKind {
        /// Whoever may, opens tasks of it.
        #[default]
        Ordinary = "ordinary",
        /// For emergencies: two people open a task, for minutes, and it is looked at afterwards.
        BreakGlass = "break-glass",
    }
}

impl TemplateKind {
    /// The longest window of a break-glass template.
    pub const WINDOW_MAX: Duration = Duration::from_secs(60 * 60);
    /// How many people it takes to open a task of it.
    pub const PEOPLE: usize = 2;

    /// Says whether it is for emergencies.
    pub const fn is_break_glass(self) -> bool {
        matches!(self, Self::BreakGlass)
    }

    /// Says whether it is one like any other.
    pub const fn is_ordinary(&self) -> bool {
        matches!(self, Self::Ordinary)
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
    // By itself first: one like `a)|(b` is none, and would undo what is put around it.
    regex::RegexBuilder::new(pattern).size_limit(1 << 20).build()?;
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
    /// What of a target its credentials may be for: here `server` is the target.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<String>,
    /// The longest life of such a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Duration>,
    /// A Cedar condition; none is always true.
    pub when: Option<String>,
    /// Where it is written, for reasons: `ticket-triage.toml:14`.
    pub source: String,
}

words! {
    /// Which calls take a token that is bound to a key or a certificate, where tokens come over a network.
    #[derive(Default)]
    BoundTokens {
        /// Those of high impact.
        #[default]
        HighImpact = "high-impact",
        /// All of them.
        Always = "always",
        /// None: whoever has a token may use it, as the operator said in so many words.
        Waived = "waived",
    }
}

impl BoundTokens {
    /// Says whether it is what counts where nothing is said.
    pub const fn is_usual(&self) -> bool {
        matches!(self, Self::HighImpact)
    }
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
    /// Ordinary, or for emergencies.
    #[serde(default, skip_serializing_if = "TemplateKind::is_ordinary")]
    pub kind: TemplateKind,
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
    /// How much all such tasks of one identity may use in a day, together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Budget>,
    /// How many one identity may have open at once.
    pub max_open: Option<u32>,
    /// Which of its calls take a bound token.
    #[serde(default, skip_serializing_if = "BoundTokens::is_usual")]
    pub bound_tokens: BoundTokens,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shape(pattern: &str) -> ParamShape {
        ParamShape::check(pattern).unwrap();
        ParamShape { pattern: Some(pattern.to_owned()), optional: false }
    }

    #[test]
    fn a_pattern_matches_the_whole_value_with_or_without_anchors() {
        for pattern in ["^[A-Z]+-[0-9]+$", "[A-Z]+-[0-9]+", "(?m)^[A-Z]+-[0-9]+$"] {
            let shape = shape(pattern);
            assert!(shape.admits("T-1"), "{pattern}");
            for value in
                ["", "T-1\n", "\nT-1", "T-1\nT-2", "xT-1", "T-1x", "T-1 ", "T-1\0", "T-1\r"]
            {
                assert!(!shape.admits(value), "{pattern} admits {value:?}");
            }
        }
    }

    #[test]
    fn every_branch_of_a_pattern_matches_the_whole_value() {
        let shape = shape("alpha|beta");
        assert!(shape.admits("alpha") && shape.admits("beta"));
        assert!(!shape.admits("alphabet") && !shape.admits("xbeta") && !shape.admits("alpha|beta"));
    }

    #[test]
    fn a_pattern_cannot_close_what_holds_it() {
        for pattern in ["a)|(?:.*", "a)|(b", "(a", "a)", "[a", "*", "(?x) a # comment"] {
            assert!(ParamShape::check(pattern).is_err(), "{pattern}");
            let shape = ParamShape { pattern: Some(pattern.to_owned()), optional: false };
            assert!(!shape.admits("a") && !shape.admits("anything"), "{pattern}");
        }
    }

    #[test]
    fn a_value_is_bounded_and_so_is_a_pattern() {
        let any = ParamShape::default();
        assert!(any.admits(&"x".repeat(1024)) && !any.admits(&"x".repeat(1025)));
        assert!(!any.admits(&"é".repeat(513)));
        assert!(ParamShape::check("(?:a{1000}){1000}").is_err());
    }

    #[test]
    fn observing_ends_at_its_end() {
        let until = Timestamp::from_millis(1000);
        let mode = Mode::Observe { owner: "team".to_owned(), until };
        assert!(!mode.enforces(Timestamp::from_millis(999)));
        assert!(mode.enforces(until) && Mode::Enforce.enforces(until));
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_value_make_it_panic(pattern in any::<String>(), value in any::<String>()) {
            let shape = ParamShape { pattern: Some(pattern.clone()), optional: false };
            let admitted = shape.admits(&value);
            prop_assert!(!admitted || ParamShape::check(&pattern).is_ok());
        }

        #[test]
        fn a_literal_admits_itself_and_nothing_longer(value in "[a-z]{1,9}", more in "[a-z\n]{1,3}") {
            let shape = shape(&value);
            prop_assert!(shape.admits(&value));
            for longer in [format!("{value}{more}"), format!("{more}{value}")] {
                prop_assert!(!shape.admits(&longer));
            }
        }
    }
}
