//! What becomes of calls before they are made, as people and programs read it.

use serde::{Deserialize, Serialize};

/// What becomes of the calls of one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prospect {
    /// Every call is let through, as long as the window is open and the budget lasts.
    Always,
    /// It depends on the call.
    Depends,
    /// No call goes out before a person approves it.
    Held,
    /// No call goes out.
    Never,
}

impl Prospect {
    /// Gives the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Depends => "depends",
            Self::Held => "held",
            Self::Never => "never",
        }
    }
}

/// What an identity can do with one action, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Can {
    /// What: `server__tool`.
    pub action: String,
    /// To what, where an argument names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// What becomes of its calls.
    pub prospect: Prospect,
    /// Why, by who says so.
    pub because: Vec<Because>,
}

/// What one policy, line, charter, pin or containment has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// What it comes to by itself.
    pub prospect: Prospect,
    /// Who says so: a policy's `@id`, a line, a charter, a pin.
    pub source: String,
    /// What it says.
    pub text: String,
    /// What must hold for it, all of these together, in their author's words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
}

impl Because {
    /// Makes one without conditions.
    pub fn new(prospect: Prospect, source: impl Into<String>, text: impl Into<String>) -> Self {
        Self { prospect, source: source.into(), text: text.into(), when: Vec::new() }
    }

    /// Says when.
    #[must_use]
    pub fn when(mut self, when: &[String]) -> Self {
        self.when = when.to_vec();
        self
    }
}
