//! What an event led to, as a scenario's line compares it.

use std::{collections::BTreeSet, fmt};

use bailiwick_model::{Budget, EndCause, ReasonCode};

/// What an event led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// `allow`, `hold`, `deny`; of other events `done`, or `nothing` where nothing came of it.
    pub word: &'static str,
    /// Why.
    pub codes: BTreeSet<ReasonCode>,
    /// The ticket it opened or repeats, counted from 1.
    pub hold: Option<usize>,
    /// Tasks that ended.
    pub ended: BTreeSet<(String, EndCause)>,
    /// What is left of the task's budget.
    pub left: Option<Budget>,
}

impl Seen {
    pub(crate) fn word(word: &'static str) -> Self {
        Self { word, ..Self::default() }
    }

    /// Says whether a scenario's line that expects `text` is met: its words are the verdict and
    /// reason codes; a ticket and ended tasks are compared where they are named.
    pub fn meets(&self, text: &str) -> bool {
        let expected: BTreeSet<&str> = text.split_whitespace().collect();
        let names = |fits: fn(&str) -> bool| expected.iter().any(|it| fits(it));
        let mut seen: BTreeSet<String> = self.codes.iter().map(ToString::to_string).collect();
        seen.insert(self.word.to_owned());
        if names(is_ticket) {
            seen.extend(self.hold.map(|it| format!("h{it}")));
        }
        if names(|it| it.contains(':')) {
            seen.extend(self.ended.iter().map(|(label, cause)| format!("{label}:{cause}")));
        }
        seen.iter().map(String::as_str).eq(expected)
    }
}

fn is_ticket(word: &str) -> bool {
    word.strip_prefix('h')
        .is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
}

impl fmt::Display for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word)?;
        self.codes.iter().try_for_each(|it| write!(out, " {it}"))?;
        if let Some(hold) = self.hold {
            write!(out, " h{hold}")?;
        }
        self.ended.iter().try_for_each(|(label, cause)| write!(out, " {label}:{cause}"))
    }
}
