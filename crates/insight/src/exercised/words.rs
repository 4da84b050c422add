//! Texts that come again and again, each kept once under a number.

use std::sync::Arc;

use super::quick::QuickMap;

/// The number of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Word(u32);

impl Word {
    /// The number of no text at all.
    pub(super) const NOTHING: Self = Self(0);
}

/// Texts by number, and numbers by text.
#[derive(Debug)]
pub(super) struct Words {
    numbers: QuickMap<Arc<str>, Word>,
    texts: Vec<Arc<str>>,
}

impl Default for Words {
    /// Begins with the empty text.
    fn default() -> Self {
        let mut words = Self { numbers: QuickMap::default(), texts: Vec::new() };
        words.number("");
        words
    }
}

impl Words {
    /// Gives the number of `text`, a new one if it is new. Beyond four thousand million texts the last number
    /// stands for all that are new.
    pub(super) fn number(&mut self, text: &str) -> Word {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        let word = Word(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, word);
        word
    }

    /// Gives the number of `text`, which often is `last`, the number that was given before.
    pub(super) fn number_after(&mut self, last: &mut Word, text: &str) -> Word {
        if self.text(*last) != text {
            *last = self.number(text);
        }
        *last
    }

    /// Gives the number of `text`, where it has one.
    pub(super) fn find(&self, text: &str) -> Option<Word> {
        self.numbers.get(text).copied()
    }

    /// Gives the text of a number.
    pub(super) fn text(&self, word: Word) -> &str {
        let place = usize::try_from(word.0).unwrap_or(usize::MAX);
        self.texts.get(place).map_or("", |it| it)
    }
}
