//! Why a call was not let through, part by part: what each condition asked, what it saw, and which
//! changes were judged to make a difference.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Json, JsonLimits, VerdictKind, action::words};

words! {
    /// What a condition belongs to.
    AskedKind {
        /// A policy that permits.
        Permit = "permit",
        /// A policy that forbids.
        Forbid = "forbid",
        /// A policy that forbids until a person approves.
        Hold = "hold",
        /// An authority line of the task's grant.
        Line = "line",
    }
}

words! {
    /// What one part of a condition said.
    PartSaid {
        /// It holds.
        Holds = "holds",
        /// It does not hold.
        Fails = "fails",
        /// It could not be evaluated.
        Breaks = "breaks",
        /// Cedar asks no more after a part that does not hold, and this one could not be evaluated.
        NotAsked = "not_asked",
    }
}

/// Everything that is known of why a call was held or denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The policies and lines that could have had a say, the most telling first.
    pub asked: Vec<Asked>,
    /// How many more there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
    /// Changes that were made to the question and judged; what a line comes to is inferred.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<JudgedChange>,
}

/// One policy or line, asked part by part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Its `@id`, or where the line is written.
    pub by: String,
    /// What it is.
    pub kind: AskedKind,
    /// The file it is written in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line on which it begins there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Of which resource it was asked, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What all of it said together; none where it could not be evaluated.
    pub applies: Option<bool>,
    /// True where it is not carried out: it only observes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observed: bool,
    /// What must hold together, in its order.
    pub parts: Vec<AskedPart>,
}

/// One part of a condition, and what it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedPart {
    /// It, as its author wrote it.
    pub text: String,
    /// True where it must not hold: it stands behind `unless`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unless: bool,
    /// The line of its file on which it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Its first byte and the one behind its last, in its file or in the line's condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<(usize, usize)>,
    /// What it said, `unless` taken in.
    pub said: PartSaid,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub saw: Vec<Saw>,
}

/// One value that a condition looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saw {
    /// As what the condition knows it.
    pub name: String,
    /// What it was, as canonical JSON; none where there was nothing of this name.
    pub value: Option<String>,
    /// True where the value is not kept, and its keyed digest or its length stands for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// Changes that were made to a question together, and what was then decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JudgedChange {
    /// What was decided.
    pub verdict: VerdictKind,
    /// What was changed.
    pub changes: Vec<Otherwise>,
}

/// One thing that could be otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Otherwise {
    /// An argument has this value.
    Argument {
        /// Which, from the outside in.
        path: Vec<String>,
        /// Its value, as canonical JSON.
        value: String,
        /// What the value was taken from; none where it stands in a condition, and so tells
        /// nothing of the call. It is kept where the value is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// True where the value is not kept, and its keyed digest stands for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        hidden: bool,
    },
    /// An argument is left out.
    LeftOut {
        /// Which, from the outside in.
        path: Vec<String>,
    },
    /// The task was opened with this parameter.
    Param {
        /// Which.
        name: String,
        /// Its value.
        value: String,
        /// What the value was taken from; none where it stands in a condition. It is kept where the
        /// value is not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// True where the value is not kept, and its keyed digest stands for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        hidden: bool,
    },
    /// A fact holds, or no longer does.
    Fact {
        /// Which.
        name: String,
        /// Whether it holds.
        holds: bool,
    },
    /// A person said yes to exactly this call.
    Approval,
    /// The task's template has a line that covers the call.
    Line {
        /// Which template.
        template: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Asked {
    /// Counts the parts that do not hold.
    pub fn missing(&self) -> usize {
        let missing = |it: &&AskedPart| match it.said {
            PartSaid::Fails | PartSaid::Breaks => true,
            PartSaid::Holds | PartSaid::NotAsked => false,
        };
        self.parts.iter().filter(missing).count()
    }
}

impl fmt::Display for Saw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(value) = &self.value else { return write!(out, "there is no {}", self.name) };
        // A thing is written as conditions name it.
        match Json::parse(value.as_bytes(), JsonLimits::default()) {
            Ok(Json::Text(thing)) if thing.contains("::\"") => {
                write!(out, "{} = {thing}", self.name)?;
            }
            Ok(_) | Err(_) => write!(out, "{} = {value}", self.name)?,
        }
        match (self.hidden, value.contains("hmac:")) {
            (true, true) => out.write_str(" (not kept: a digest stands for it)"),
            (true, false) => out.write_str(" (not kept: it is too long)"),
            (false, _) => Ok(()),
        }
    }
}

impl fmt::Display for Otherwise {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What is not there cannot be said to be allowed: whose value it is can.
            Self::Argument { path, hidden: true, from, .. } => {
                write!(out, "with `{}` as {}", path.join("."), not_kept(from.as_deref()))
            }
            Self::Param { name, hidden: true, from, .. } => {
                let value = not_kept(from.as_deref());
                write!(out, "in a task whose parameter `{name}` is {value}")
            }
            Self::Argument { path, value, .. } => {
                write!(out, "with `{}` = {value}", path.join("."))
            }
            Self::LeftOut { path } => write!(out, "without `{}`", path.join(".")),
            Self::Param { name, value, .. } => {
                write!(out, "in a task whose parameter `{name}` is `{value}`")
            }
            Self::Fact { name, holds: true } => write!(out, "while `{name}` holds"),
            Self::Fact { name, holds: false } => write!(out, "once `{name}` no longer holds"),
            Self::Approval => out.write_str("once a person approves it"),
            Self::Line { template } => {
                write!(out, "once a line of template `{template}` covers it")
            }
        }
    }
}

fn not_kept(from: Option<&str>) -> String {
    from.map_or_else(
        || "a value that is not kept".to_owned(),
        |it| format!("the value of {it}, which is not kept"),
    )
}

/// Says it in a sentence: what, and what would become of it. A line that nobody wrote is judged by
/// nothing: of it is said what the other steps say.
impl fmt::Display for JudgedChange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the same call")?;
        for (place, change) in self.changes.iter().enumerate() {
            out.write_str(if place == 0 { " " } else { ", " })?;
            write!(out, "{change}")?;
        }
        let a_line = |it: &Otherwise| matches!(it, Otherwise::Line { .. });
        if self.changes.iter().any(a_line) {
            return out.write_str(match self.verdict {
                VerdictKind::Allow => " (nothing else stops it)",
                VerdictKind::Hold => " (a person is asked even then)",
                VerdictKind::Deny => " (it is denied even then)",
            });
        }
        match self.verdict {
            VerdictKind::Allow => out.write_str(" (judged: allowed)"),
            VerdictKind::Hold => out.write_str(" (judged: held for a person)"),
            VerdictKind::Deny => out.write_str(" (judged: denied)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(change: Otherwise) -> String {
        JudgedChange { verdict: VerdictKind::Allow, changes: vec![change] }.to_string()
    }

    #[test]
    fn of_a_value_that_is_not_kept_is_said_whose_it_is_and_never_that_its_digest_is_allowed() {
        let (value, from) = ("\"hmac:00\"".to_owned(), Some("context.task.params.note".to_owned()));
        let path = vec!["path".to_owned()];
        let argument = Otherwise::Argument { path, value, from: from.clone(), hidden: true };
        assert_eq!(
            change(argument),
            "the same call with `path` as the value of context.task.params.note, which is not kept \
             (judged: allowed)"
        );
        let (name, value) = ("note".to_owned(), "hmac:00".to_owned());
        let param = change(Otherwise::Param { name, value, from, hidden: true });
        assert!(!param.contains("hmac:") && param.contains("context.task.params.note"), "{param}");
    }

    #[test]
    fn a_line_is_not_said_to_be_judged() {
        let line = change(Otherwise::Line { template: "reading".to_owned() });
        let told = "the same call once a line of template `reading` covers it";
        assert_eq!(line, format!("{told} (nothing else stops it)"));
    }

    #[test]
    fn what_was_too_long_says_so() {
        let value = Some("\"(a text of 5000 bytes)\"".to_owned());
        let saw = Saw { name: "context.input.text".to_owned(), value, hidden: true };
        let told = "context.input.text = \"(a text of 5000 bytes)\" (not kept: it is too long)";
        assert_eq!(saw.to_string(), told);
    }
}
