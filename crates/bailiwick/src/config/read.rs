//! Reads TOML with its places: every mistake is collected, none stops the reading.
//!
//! A table remembers which keys were asked for, asked for in vain too, so what is left over at
//! the end is what nobody knows. Ask for every key before giving up on any.

mod field;
mod json;
mod program;

use std::{cell::RefCell, collections::BTreeSet, ops::Range, sync::Arc};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

pub(crate) use self::field::{Field, filled, plain};
use super::{Code, ConfigError, Source, error::File, nearest::suggestion};

/// Collects what is wrong with one file.
#[derive(Debug)]
pub(crate) struct Reader {
    file: File,
    found: RefCell<Vec<ConfigError>>,
}

impl Reader {
    /// Starts on a file.
    pub(crate) fn new(source: &Source) -> Self {
        Self { file: Arc::clone(&source.file), found: RefCell::default() }
    }

    /// Reads the file's table with `make`, unless it is not TOML.
    pub(crate) fn read<T>(&self, make: impl FnOnce(&Table<'_>) -> T) -> Option<T> {
        let text = self.file.inner();
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            for error in &errors {
                self.syntax(error);
            }
            return None;
        }
        let table = Table::new(self, root.get_ref(), String::new(), 0..0);
        let made = make(&table);
        table.finish();
        Some(made)
    }

    fn syntax(&self, error: &toml::de::Error) {
        let end = self.file.inner().len();
        let at = error.span().unwrap_or(end..end);
        self.push(self.error(Code::Syntax, at, format!("not TOML: {}", error.message())));
    }

    /// Begins a mistake at a place in this file.
    pub(crate) fn error(
        &self,
        code: impl Into<&'static str>,
        at: Range<usize>,
        message: impl Into<String>,
    ) -> ConfigError {
        ConfigError::new(code, message).at(&self.file, at)
    }

    /// Begins a remark at a place in this file.
    pub(crate) fn warning(
        &self,
        code: Code,
        at: Range<usize>,
        message: impl Into<String>,
    ) -> ConfigError {
        ConfigError::warning(code, message).at(&self.file, at)
    }

    /// Adds what was found.
    pub(crate) fn push(&self, error: ConfigError) {
        self.found.borrow_mut().push(error);
    }

    /// Gives the file's text.
    pub(crate) fn text(&self) -> &str {
        self.file.inner()
    }

    /// Gives all that was found.
    pub(crate) fn found(self) -> Vec<ConfigError> {
        self.found.into_inner()
    }
}

/// One table, of which keys are asked.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    reader: &'a Reader,
    entries: &'a DeTable<'a>,
    name: String,
    at: Range<usize>,
    asked: RefCell<BTreeSet<&'static str>>,
    later: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Table<'a> {
    fn new(reader: &'a Reader, entries: &'a DeTable<'a>, name: String, at: Range<usize>) -> Self {
        let (asked, later) = (RefCell::default(), RefCell::default());
        Self { reader, entries, name, at, asked, later }
    }

    /// Gives who collects the mistakes.
    pub(crate) fn reader(&self) -> &'a Reader {
        self.reader
    }

    /// Gives the place of its header, or of the whole where it is written inline.
    pub(crate) fn at(&self) -> Range<usize> {
        self.at.clone()
    }

    /// Asks for a key.
    pub(crate) fn get(&self, key: &'static str) -> Field<'a> {
        self.asked.borrow_mut().insert(key);
        let value = self.entries.get(key);
        Field { reader: self.reader, name: self.below(key), value, home: self.at() }
    }

    /// Asks for a table below this one; where there is none, an empty one is read, so that
    /// missing keys are noticed.
    pub(crate) fn section<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&Table<'_>) -> T,
    ) -> Option<T> {
        let field = self.get(key);
        if field.is_given() {
            return field.table(read);
        }
        let empty = DeTable::new();
        let table = Table::new(self.reader, &empty, field.name, self.at());
        Some(read(&table))
    }

    /// Says that what a key asks for does nothing yet: `is not verified yet`.
    pub(crate) fn not_yet(&self, key: &'static str, what: &str) {
        let field = self.get(key);
        self.later.borrow_mut().insert(key);
        if let Some(at) = field.at() {
            let message = format!("`{}` {what}", field.name);
            self.reader.push(
                self.reader
                    .error(Code::NotYet, at, message)
                    .label("this would change nothing")
                    .help("take it out: what is written and not enforced would be believed"),
            );
        }
    }

    /// Gives all keys and values, for tables whose keys are names that people chose.
    fn named(&self) -> Vec<(Spanned<String>, Field<'a>)> {
        let named = self.entries.iter().map(|(key, value)| {
            let name = Spanned::new(key.span(), key.get_ref().clone().into_owned());
            let field = Field {
                reader: self.reader,
                name: self.below(key.get_ref()),
                value: Some(value),
                home: self.at(),
            };
            (name, field)
        });
        named.collect()
    }

    fn below(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Reports the keys that nobody asked for.
    fn finish(&self) {
        let (asked, later) = (self.asked.borrow(), self.later.borrow());
        let known = || asked.difference(&later).copied();
        for key in self.entries.keys().filter(|key| !asked.contains(key.get_ref().as_ref())) {
            let message = format!("unknown key `{}`", self.below(key.get_ref()));
            let error = self.reader.error(Code::UnknownKey, key.span(), message);
            let error = error.label("nothing reads this");
            self.reader.push(match suggestion(key.get_ref(), known()) {
                Some(help) => error.help(help),
                None => error,
            });
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a moment",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests;
