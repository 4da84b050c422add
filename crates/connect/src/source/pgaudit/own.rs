//! A prefix that whoever runs the server says: `log_line_prefix` as the server has it, in place of the shapes that are
//! guessed.

use std::str::FromStr;

/// Parts that a prefix may have, by the manual of PostgreSQL 18 (chapter 19.8.3).
const PARTS: &str = "audrhLbpPtmnieclsvxqQ%";
/// Parts that may be of any letters, or of none: where they end only what follows says.
const FREE: &str = "audrhLbiPQv";

/// What stands before the message of each line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinePrefix(String);

/// The text is no prefix by which a log could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinePrefixError {
    /// Nobody would be named.
    #[error("it has no `%u`: who did what would not be in the log")]
    Nobody,
    /// No day would be named.
    #[error("it has none of `%m`, `%t` and `%n`: when it was would not be in the log")]
    Undated,
    /// PostgreSQL has no such part.
    #[error("`%{0}` is no part of a `log_line_prefix`")]
    Part(String),
    /// It is filled up with blanks.
    #[error("`%{0}…` is filled up with blanks, which is not read")]
    Padded(char),
    /// Two parts of any length touch each other.
    #[error("nothing parts `%{0}` from `%{1}`")]
    Joined(char, char),
}

impl LinePrefix {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LinePrefix {
    type Err = LinePrefixError;

    fn from_str(text: &str) -> Result<Self, LinePrefixError> {
        let (mut has, mut before) = (String::new(), None);
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                before = None;
                continue;
            }
            let part = letters.next();
            match part {
                Some(part) if PARTS.contains(part) => {
                    let is_free = FREE.contains(part);
                    if let Some(before) = before.filter(|_| is_free) {
                        return Err(LinePrefixError::Joined(before, part));
                    }
                    before = Some(part).filter(|_| is_free);
                    has.push(part);
                }
                Some(part) if part == '-' || part.is_ascii_digit() => {
                    return Err(LinePrefixError::Padded(part));
                }
                _ => return Err(LinePrefixError::Part(part.map(String::from).unwrap_or_default())),
            }
        }
        if !has.contains('u') {
            return Err(LinePrefixError::Nobody);
        }
        if !has.contains(['m', 't', 'n']) {
            return Err(LinePrefixError::Undated);
        }
        Ok(Self(text.to_owned()))
    }
}

#[test]
fn a_prefix_that_names_nobody_and_no_day_is_refused_in_words() {
    for (text, said) in [
        ("%m [%p] %q%u@%d ", ""),
        ("%n|100%%|%u|%d|", ""),
        ("%m [%p] ", "it has no `%u`: who did what would not be in the log"),
        ("%u@%d ", "it has none of `%m`, `%t` and `%n`: when it was would not be in the log"),
        ("%m %u%d ", "nothing parts `%u` from `%d`"),
        ("%m %-10u ", "`%-…` is filled up with blanks, which is not read"),
        ("%m %y %u", "`%y` is no part of a `log_line_prefix`"),
        ("%m %u %", "`%` is no part of a `log_line_prefix`"),
    ] {
        let read = text.parse::<LinePrefix>();
        assert_eq!(read.err().map(|it| it.to_string()).unwrap_or_default(), said, "{text}");
    }
}
