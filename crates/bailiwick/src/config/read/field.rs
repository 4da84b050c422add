//! One value of a table, as what it should be.

use std::{fmt::Display, ops::Range, time::Duration};

use bailiwick_model::{Timestamp, parse_bytes, parse_span};
use toml::{Spanned, de::DeValue};

use super::{Reader, Table, kind};
use crate::config::{Code, nearest::suggestion};

/// A value that may be missing. Each way to read it reports what is wrong and then gives nothing.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    pub(super) reader: &'a Reader,
    pub(super) name: String,
    pub(super) value: Option<&'a Spanned<DeValue<'a>>>,
    pub(super) home: Range<usize>,
}

impl<'a> Field<'a> {
    /// Says whether it is there.
    pub(crate) fn is_given(&self) -> bool {
        self.value.is_some()
    }

    /// Gives its place.
    pub(crate) fn at(&self) -> Option<Range<usize>> {
        self.value.map(Spanned::span)
    }

    /// Gives its full name, such as `listen.http`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Reports it where it is missing.
    #[must_use]
    pub(crate) fn required(self) -> Self {
        if self.value.is_none() {
            let message = format!("`{}` is missing", self.name);
            let error = self.reader.error(Code::MissingKey, self.home.clone(), message);
            self.reader.push(error.label("it belongs here"));
        }
        self
    }

    /// Reports that its value does not fit.
    pub(crate) fn wrong(&self, message: impl Into<String>) {
        self.fault(Code::WrongValue, message, "this does not fit", None);
    }

    /// Reports something about it.
    pub(crate) fn fault(
        &self,
        code: Code,
        message: impl Into<String>,
        label: &str,
        help: Option<&str>,
    ) {
        let at = self.at().unwrap_or_else(|| self.home.clone());
        let error = self.reader.error(code, at, message).label(label);
        self.reader.push(match help {
            Some(help) => error.help(help),
            None => error,
        });
    }

    /// Remarks on something about it.
    pub(crate) fn warn(&self, code: Code, message: impl Into<String>, help: &str) {
        let at = self.at().unwrap_or_else(|| self.home.clone());
        self.reader.push(self.reader.warning(code, at, message).help(help));
    }

    /// Reads text.
    pub(crate) fn text(&self) -> Option<Spanned<String>> {
        let value = self.value?;
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned::new(value.span(), text.clone().into_owned())),
            other @ (DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_)) => self.other_type("text", other),
        }
    }

    /// Reads text as something that is made from it.
    pub(crate) fn made<T, E: Display>(
        &self,
        make: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<Spanned<T>> {
        let text = self.text()?;
        match make(text.get_ref()) {
            Ok(made) => Some(Spanned::new(text.span(), made)),
            Err(error) => {
                self.wrong(error.to_string());
                None
            }
        }
    }

    /// Reads text as a name, an address, a calendar.
    pub(crate) fn parsed<T: std::str::FromStr<Err: Display>>(&self) -> Option<Spanned<T>> {
        self.made(str::parse)
    }

    /// Reads one of a few words.
    pub(crate) fn word<T: Copy>(&self, all: &[T], write: fn(T) -> &'static str) -> Option<T> {
        let text = self.text()?;
        let found = all.iter().copied().find(|it| write(*it) == text.get_ref());
        if found.is_none() {
            let message = format!("`{}` may not be `{}`", self.name, text.get_ref());
            let help = suggestion(text.get_ref(), all.iter().map(|it| write(*it)));
            self.fault(Code::UnknownWord, message, "not one of the known words", help.as_deref());
        }
        found
    }

    /// Reads `true` or `false`.
    pub(crate) fn truth(&self) -> Option<Spanned<bool>> {
        let value = self.value?;
        match value.get_ref().as_bool() {
            Some(truth) => Some(Spanned::new(value.span(), truth)),
            None => self.other_type("`true` or `false`", value.get_ref()),
        }
    }

    /// Reads a whole number from nought up.
    pub(crate) fn whole(&self) -> Option<Spanned<u64>> {
        let value = self.value?;
        let Some(number) = value.get_ref().as_integer() else {
            return self.other_type("a whole number", value.get_ref());
        };
        // TOML allows `1_000` and `+5`; the reader of TOML has taken both away, save the plus.
        let digits = number.as_str().trim_start_matches('+');
        if let Ok(whole) = u64::from_str_radix(digits, number.radix()) {
            return Some(Spanned::new(value.span(), whole));
        }
        self.wrong(format!("`{}` may not be `{number}`: it is a number from 0 up", self.name));
        None
    }

    /// Reads a size, as bytes or like `1 MiB`.
    pub(crate) fn size(&self) -> Option<Spanned<u64>> {
        if self.value.is_some_and(|value| value.get_ref().is_integer()) {
            return self.whole();
        }
        self.made(parse_bytes)
    }

    /// Reads a length of time like `10m`.
    pub(crate) fn length(&self) -> Option<Spanned<Duration>> {
        self.made(parse_span)
    }

    /// Reads a moment, quoted or as TOML writes it.
    pub(crate) fn moment(&self) -> Option<Spanned<Timestamp>> {
        let value = self.value?;
        let Some(moment) = value.get_ref().as_datetime() else { return self.parsed() };
        match moment.to_string().parse() {
            Ok(moment) => Some(Spanned::new(value.span(), moment)),
            Err(error) => {
                let error: bailiwick_model::TimeError = error;
                self.wrong(error.to_string());
                None
            }
        }
    }

    /// Reads a moment, or a day, which begins at midnight in UTC.
    pub(crate) fn moment_or_day(&self) -> Option<Spanned<Timestamp>> {
        let value = self.value?;
        let day = value.get_ref().as_datetime().filter(|it| it.time.is_none());
        match day.and_then(|it| format!("{it}T00:00:00Z").parse().ok()) {
            Some(moment) => Some(Spanned::new(value.span(), moment)),
            None => self.moment(),
        }
    }

    /// Reads a list; each of its values is a field of its own.
    pub(crate) fn items(&self) -> Vec<Field<'a>> {
        let Some(value) = self.value else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.other_type::<()>("a list", value.get_ref());
            return Vec::new();
        };
        let item = |(place, item): (usize, &'a Spanned<DeValue<'a>>)| Field {
            reader: self.reader,
            name: format!("{}[{place}]", self.name),
            value: Some(item),
            home: value.span(),
        };
        array.iter().enumerate().map(item).collect()
    }

    /// Says whether it is a list and holds nothing.
    pub(crate) fn is_empty_list(&self) -> bool {
        let array = self.value.and_then(|value| value.get_ref().as_array());
        array.is_some_and(|array| array.is_empty())
    }

    /// Reads a table, and reports its unknown keys.
    pub(crate) fn table<T>(&self, read: impl FnOnce(&Table<'_>) -> T) -> Option<T> {
        let value = self.value?;
        let Some(entries) = value.get_ref().as_table() else {
            return self.other_type("a table", value.get_ref());
        };
        let table = Table::new(self.reader, entries, self.name.clone(), value.span());
        let made = read(&table);
        table.finish();
        Some(made)
    }

    /// Reads a table whose keys are names that people chose.
    pub(crate) fn named(&self) -> Vec<(Spanned<String>, Field<'a>)> {
        let Some(value) = self.value else { return Vec::new() };
        let Some(entries) = value.get_ref().as_table() else {
            self.other_type::<()>("a table", value.get_ref());
            return Vec::new();
        };
        Table::new(self.reader, entries, self.name.clone(), value.span()).named()
    }

    fn other_type<T>(&self, wanted: &str, found: &DeValue<'_>) -> Option<T> {
        let message = format!("`{}` should be {wanted}", self.name);
        self.fault(Code::WrongType, message, &format!("this is {}", kind(found)), None);
        None
    }
}

/// Takes text that says something.
pub(crate) fn filled(text: &str) -> Result<String, &'static str> {
    const LEN_MAX: usize = 1024;
    if text.trim().is_empty() {
        Err("this may not be empty")
    } else if LEN_MAX < text.len() {
        Err("this may not have more than 1024 characters")
    } else if text.chars().any(char::is_control) {
        Err("this may not hold control characters")
    } else {
        Ok(text.to_owned())
    }
}

/// Takes a name that fits into messages, arguments and policies.
pub(crate) fn plain(text: &str) -> Result<String, String> {
    let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
    if !text.is_empty() && text.len() <= 64 && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        let allowed = "1 to 64 letters, digits, `-`, `_`, `.`";
        Err(format!("`{}` is no name: {allowed}", text.escape_debug()))
    }
}
