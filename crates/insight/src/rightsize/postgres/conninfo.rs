//! How `psql` reaches a database: words of libpq, of which none is a password.

use std::fmt;

/// What may be said of a place, in the order in which it is written.
const NAMES: [&str; 7] = ["host", "hostaddr", "port", "dbname", "user", "sslmode", "sslrootcert"];

/// How `psql` reaches a database. What is not said, its environment says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conninfo([Option<String>; NAMES.len()]);

/// It is no such text. No message holds a value that it had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConninfoError {
    /// A secret stands in it.
    #[error("`{0}` is a secret, and none is written into a plan: whoever runs it has `PGPASSFILE`")]
    Secret(String),
    /// It is a URL.
    #[error("this is a URL: say `host=… port=… dbname=… user=…`")]
    Url,
    /// It has something else in it.
    #[error("`{0}` is none of host, hostaddr, port, dbname, user, sslmode, sslrootcert")]
    Stranger(String),
    /// It has no end, or no value.
    #[error(
        "it is not written as `host=… port=… dbname=… user=…`, with `'` around what has blanks"
    )]
    Broken,
    /// A value is more than one line.
    #[error("its {0} has a letter that ends a line, or a text: no command is written with that")]
    Unquotable(&'static str),
    /// A port is a number.
    #[error("its port is no number")]
    Port,
}

impl Conninfo {
    /// Says where a server is.
    #[must_use]
    pub fn at(host: &str, port: u16) -> Self {
        let mut place = Self::default();
        place.put("host", host);
        place.put("port", &port.to_string());
        place
    }

    /// Reads `host=db.example port=5432 dbname='my shop' user=admin`.
    pub fn parse(text: &str) -> Result<Self, ConninfoError> {
        if ["postgres://", "postgresql://"].iter().any(|it| text.trim_start().starts_with(it)) {
            return Err(ConninfoError::Url);
        }
        let mut read = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (name, behind) = rest.split_once('=').ok_or(ConninfoError::Broken)?;
            let name = name.trim();
            let (value, behind) = value(behind.trim_start()).ok_or(ConninfoError::Broken)?;
            rest = behind.trim_start();
            if name.contains("pass") || name == "sslkey" {
                return Err(ConninfoError::Secret(name.to_owned()));
            }
            let is_word =
                !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
            let known = NAMES.into_iter().find(|it| *it == name);
            let strange = || ConninfoError::Stranger(name.to_owned());
            // What is no word may be a piece of a password.
            let name =
                known.ok_or_else(|| if is_word { strange() } else { ConninfoError::Broken })?;
            if value.chars().any(|it| it.is_control() || matches!(it, '\u{2028}' | '\u{2029}')) {
                return Err(ConninfoError::Unquotable(name));
            }
            if name == "port" && value.parse::<u16>().is_err() {
                return Err(ConninfoError::Port);
            }
            read.put(name, &value);
        }
        Ok(read)
    }

    fn put(&mut self, name: &str, value: &str) {
        let place = self.0.iter_mut().zip(NAMES).find(|it| it.1 == name);
        if let Some((place, _)) = place {
            *place = Some(value.to_owned());
        }
    }

    /// Gives the same, in this database where it names none.
    pub(super) fn within(&self, database: &str) -> Self {
        let mut place = self.clone();
        let named = self.0.iter().zip(NAMES).any(|it| it.1 == "dbname" && it.0.is_some());
        if !named {
            place.put("dbname", database);
        }
        place
    }
}

/// Reads a value as libpq does, and gives what is behind it.
fn value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let is_quoted = text.starts_with('\'');
    let mut letters = text.char_indices().skip(usize::from(is_quoted));
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => value.push(letters.next()?.1),
            '\'' if is_quoted => return Some((value, text.get(at.saturating_add(1)..)?)),
            it if it.is_whitespace() && !is_quoted => return Some((value, text.get(at..)?)),
            it => value.push(it),
        }
    }
    (!is_quoted).then_some((value, ""))
}

/// Writes it so that libpq reads each value as it is.
impl fmt::Display for Conninfo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (name, value) in NAMES.iter().zip(&self.0) {
            let Some(value) = value else { continue };
            let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:".contains(it);
            if !value.is_empty() && value.chars().all(is_plain) {
                write!(out, "{between}{name}={value}")?;
            } else {
                let inside = value.replace('\\', "\\\\").replace('\'', "\\'");
                write!(out, "{between}{name}='{inside}'")?;
            }
            between = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(text: &str) -> String {
        Conninfo::parse(text).map_or_else(|it| it.to_string(), |it| it.to_string())
    }

    #[test]
    fn a_place_is_written_as_it_was_said_and_no_secret_with_it() {
        for (text, is) in [
            (
                "host=db.example port=5432 dbname=shop user=admin",
                "host=db.example port=5432 dbname=shop user=admin",
            ),
            ("dbname = 'my shop'  host=/run/pg", "host=/run/pg dbname='my shop'"),
            ("user='O\\'Neil \\\\ x'", "user='O\\'Neil \\\\ x'"),
            ("user=a\\ b", "user='a b'"),
            ("dbname=''", "dbname=''"),
            ("", ""),
        ] {
            assert_eq!(told(text), is, "{text}");
        }
        for (text, says) in [
            ("host=a password=hunter2", "`password` is a secret"),
            ("sslpassword=hunter2", "`sslpassword` is a secret"),
            ("postgres://ann:hunter2@h/d", "this is a URL"),
            ("service=hunter2", "`service` is none of host"),
            ("host=a hunter 2=x", "it is not written as"),
            ("host='hunter2", "it is not written as"),
            ("hunter2", "it is not written as"),
            ("host='a\nhunter2'", "its host has a letter that ends a line"),
            ("port=hunter2", "its port is no number"),
        ] {
            let told = told(text);
            assert!(told.starts_with(says) && !told.contains("hunter2"), "{text}: {told}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_read_as_it_was(host in "[ -~äé]{0,9}", database in "[ -~äé]{0,9}", user in "[ -~]{0,9}") {
            let mut place = Conninfo::default();
            for (name, value) in [("host", &host), ("dbname", &database), ("user", &user)] {
                place.put(name, value);
            }
            prop_assert_eq!(Conninfo::parse(&place.to_string()), Ok(place));
        }
    }
}
