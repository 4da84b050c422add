//! Reads the words of a scenario's line: plain ones, and `name=value` ones.

use std::{collections::BTreeSet, str::FromStr};

/// The words of one line, taken off the front.
pub(crate) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub(crate) const fn of(line: &'a str) -> Self {
        Self { rest: line.trim_ascii() }
    }

    /// Takes the next word; `what` says what it should have been.
    pub(crate) fn word(&mut self, what: &str) -> Result<&'a str, String> {
        self.next().ok_or_else(|| format!("{what} is missing"))
    }

    /// Takes the next word and reads it.
    pub(crate) fn read<T: FromStr>(&mut self, what: &str) -> Result<T, String>
    where
        T::Err: std::fmt::Display,
    {
        read(self.word(what)?)
    }

    /// Takes the next word if it is `word`.
    pub(crate) fn passes(&mut self, word: &str) -> bool {
        let mut ahead = Words { rest: self.rest };
        let found = ahead.next() == Some(word);
        if found {
            self.rest = ahead.rest;
        }
        found
    }

    /// Takes everything that is left.
    pub(crate) fn rest(self) -> &'a str {
        self.rest
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (word, rest) = self.rest.split_once(char::is_whitespace).unwrap_or((self.rest, ""));
        self.rest = rest.trim_ascii_start();
        Some(word)
    }
}

/// Reads one word.
pub(crate) fn read<T: FromStr>(word: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    word.parse().map_err(|error: T::Err| error.to_string())
}

/// Reads `a,b,c`.
pub(crate) fn list<T: FromStr + Ord>(word: &str) -> Result<BTreeSet<T>, String>
where
    T::Err: std::fmt::Display,
{
    word.split(',').filter(|it| !it.is_empty()).map(read).collect()
}

/// Writes `a,b,c`.
pub(crate) fn joined<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|it| it.to_string()).collect::<Vec<_>>().join(",")
}

/// Splits `name=value`.
pub(crate) fn pair(word: &str) -> Result<(&str, &str), String> {
    word.split_once('=').ok_or_else(|| format!("`{word}` is not name=value"))
}
