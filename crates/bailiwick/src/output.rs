//! How answers are shown: as a table for people, as JSON or YAML for programs.

use std::{
    io::{IsTerminal as _, Write},
    time::Duration,
};

use serde::Serialize;
use serde_json::Value;

use crate::{exit::CommandError, page::escape::lines};

/// The shape of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
}

impl Output {
    /// Shows `answer`; `table` writes it for people.
    pub(crate) fn show<T: Serialize>(
        self,
        answer: &T,
        table: impl FnOnce(&T) -> String,
    ) -> Result<(), CommandError> {
        let text = match self {
            Self::Table => table(answer),
            Self::Json => {
                format!("{}\n", serde_json::to_string_pretty(answer).map_err(anyhow::Error::from)?)
            }
            Self::Yaml => {
                let value = serde_json::to_value(answer).map_err(anyhow::Error::from)?;
                let mut text = String::new();
                yaml(&value, 0, &mut text);
                text
            }
        };
        say(&text);
        Ok(())
    }
}

/// Writes to standard output; a reader that has gone away is no fault.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes to standard error: progress, advice, complaints. They may tell of what others wrote, and what moves a terminal in it is
/// spelled out.
pub(crate) fn remark(text: &str) {
    drawn(&lines(text));
}

/// Writes to standard error what is drawn already, with its colours.
pub(crate) fn drawn(text: &str) {
    let mut out = std::io::stderr().lock();
    let _gone = writeln!(out, "{text}");
}

/// Draws a table without lines; its last column may be as wide as it likes.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return "nothing\n".to_owned();
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(head.to_vec());
    for row in rows {
        table.add_row(row);
    }
    let text = table.to_string();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A terminal is taken to be so wide at least.
const NARROWEST: usize = 40;

/// What standard output is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    /// Whether it has colours, and wants them.
    colours: bool,
    /// How many letters a line of it has; none where nobody looks at it.
    width: Option<usize>,
}

impl Screen {
    /// A file or a pipe: no colours, and lines as long as they are.
    pub(crate) const PLAIN: Self = Self { colours: false, width: None };

    /// A terminal without colours that is so wide.
    #[cfg(test)]
    pub(crate) const fn wide(letters: usize) -> Self {
        Self { colours: false, width: Some(letters) }
    }

    /// Looks at standard output. `NO_COLOR` that is not empty takes colours away (no-color.org); `COLUMNS` says how wide it
    /// is, else the terminal itself.
    pub(crate) fn of_output() -> Self {
        let told = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
        let out = std::io::stdout();
        let wide = rustix::termios::tcgetwinsize(&out).map_or(0, |it| usize::from(it.ws_col));
        Self::known(out.is_terminal().then_some(wide), told)
    }

    /// `wide` is how wide the terminal says that it is; there is none where there is no terminal, and 0 where it does not know.
    fn known(wide: Option<usize>, told: impl Fn(&str) -> Option<String>) -> Self {
        let Some(wide) = wide else { return Self::PLAIN };
        let is_dumb = told("TERM").is_none_or(|it| it == "dumb");
        let wanted = told("COLUMNS").and_then(|it| it.parse().ok()).filter(|it| 0 < *it);
        let width = wanted.or(Some(wide).filter(|it| 0 < *it)).unwrap_or(80).max(NARROWEST);
        Self { colours: told("NO_COLOR").is_none() && !is_dumb, width: Some(width) }
    }

    /// Says whether somebody looks at it.
    pub(crate) fn is_watched(self) -> bool {
        self.width.is_some()
    }

    /// Says whether a line has no room for so many letters.
    pub(crate) fn is_narrower(self, letters: usize) -> bool {
        self.width.is_some_and(|it| it < letters)
    }

    /// Writes a text in a colour, where there are any.
    pub(crate) fn painted(self, ink: Ink, text: &str) -> String {
        if self.colours {
            format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code())
        } else {
            text.to_owned()
        }
    }

    /// Shortens a name in its middle, such that it has room beside `taken` letters.
    pub(crate) fn fitted_beside(self, name: &str, taken: usize) -> String {
        let Some(width) = self.width else { return name.to_owned() };
        let room = width.saturating_sub(taken).max(12);
        let count = name.chars().count();
        if count <= room {
            return name.to_owned();
        }
        // The end of a name tells more of it than its beginning.
        let head = room.saturating_sub(1) / 3;
        let tail = room.saturating_sub(1).saturating_sub(head);
        let begin: String = name.chars().take(head).collect();
        let end: String = name.chars().skip(count.saturating_sub(tail)).collect();
        format!("{begin}…{end}")
    }

    /// Breaks a text at its blanks, such that it fits behind `indent` letters; what has no blanks stays whole.
    pub(crate) fn wrapped(self, text: &str, indent: usize) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        let room = width.saturating_sub(indent);
        let (mut out, mut used) = (String::with_capacity(text.len()), 0_usize);
        for word in text.split(' ') {
            let letters = seen(word);
            if 0 < used && room < used.saturating_add(letters).saturating_add(1) {
                out.truncate(out.trim_end_matches(' ').len());
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                used = 0;
            }
            if 0 < used {
                out.push(' ');
                used = used.saturating_add(1);
            }
            out.push_str(word);
            used = used.saturating_add(letters);
        }
        out
    }
}

/// Counts the letters of a word that are seen: what paints them is not.
fn seen(word: &str) -> usize {
    let mut pieces = word.split('\u{1b}');
    let first = pieces.next().map_or(0, |it| it.chars().count());
    let rest = pieces.map(|it| it.split_once('m').map_or(it, |it| it.1).chars().count());
    rest.fold(first, usize::saturating_add)
}

/// What a colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Look here.
    Alarm,
    /// Look here, too.
    Warn,
    /// This is well.
    Good,
    /// This is aside.
    Dim,
    /// This is a head.
    Head,
}

impl Ink {
    const fn code(self) -> &'static str {
        match self {
            Self::Alarm => "31",
            Self::Warn => "33",
            Self::Good => "32",
            Self::Dim => "2",
            Self::Head => "1",
        }
    }
}

/// Says in a word how long a time is.
pub(crate) fn rough(time: Duration) -> String {
    const HOUR: u64 = 3600;
    const DAY: u64 = 86_400;
    match time.as_secs() {
        it if DAY <= it => format!("{}d", it / DAY),
        it if HOUR <= it => format!("{}h", it / HOUR),
        it => format!("{}m", it / 60),
    }
}

/// Writes block YAML 1.2, every text quoted as JSON quotes it.
fn yaml(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                out.push_str(&format!("{indent}{}:", Value::from(name.as_str())));
                nested(member, depth, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("{indent}-"));
                nested(item, depth, out);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            out.push_str(&format!("{indent}{value}\n"));
        }
    }
}

fn nested(value: &Value, depth: usize, out: &mut String) {
    let block = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if block {
        out.push('\n');
        yaml(value, depth.saturating_add(1), out);
    } else {
        out.push_str(&format!(" {value}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(wide: usize, set: &[(&str, &str)]) -> Screen {
        Screen::known(Some(wide), |name| {
            set.iter().find(|it| it.0 == name).map(|it| it.1.to_owned())
        })
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let bright = screen(80, &[("TERM", "xterm"), ("COLUMNS", "100")]);
        assert_eq!(bright.painted(Ink::Alarm, "x"), "\u{1b}[31mx\u{1b}[0m");
        for set in [&[("TERM", "xterm"), ("NO_COLOR", "1")][..], &[("TERM", "dumb")], &[]] {
            assert_eq!(screen(80, set).painted(Ink::Alarm, "x"), "x", "{set:?}");
        }
        assert_eq!(Screen::known(None, |_| Some("1".to_owned())), Screen::PLAIN);
    }

    #[test]
    fn a_terminal_says_how_wide_it_is_unless_somebody_else_does() {
        let width = |wide, set: &[(&str, &str)]| screen(wide, set).width;
        assert_eq!(width(132, &[]), Some(132));
        assert_eq!(width(132, &[("COLUMNS", "60")]), Some(60));
        assert_eq!(width(132, &[("COLUMNS", "wide")]), Some(132));
        assert_eq!(width(0, &[]), Some(80), "it does not know");
        assert_eq!(width(3, &[]), Some(NARROWEST));
    }

    #[test]
    fn a_long_name_is_shortened_in_its_middle_and_only_for_people() {
        let screen = screen(50, &[]);
        let name = "arn:aws:iam::111122223333:role/deployer-of-everything";
        assert_eq!(screen.fitted_beside(name, 20), "arn:aws:i…ployer-of-everything");
        assert_eq!(screen.fitted_beside("short", 20), "short");
        assert_eq!(Screen::PLAIN.fitted_beside(name, 20), name);
        let letters = "é".repeat(13);
        assert_eq!(screen.fitted_beside(&letters, 99), format!("ééé…{}", "é".repeat(8)));
    }

    #[test]
    fn a_text_is_broken_at_its_blanks() {
        let screen = screen(40, &[]);
        let text = "granted, and no log that was read could show its use anywhere";
        assert_eq!(
            screen.wrapped(text, 4),
            "granted, and no log that was read\n    could show its use anywhere"
        );
        let word = "x".repeat(60);
        assert_eq!(screen.wrapped(&word, 4), word);
        assert_eq!(Screen::PLAIN.wrapped(text, 4), text);
        let twice = text.replace("read could", "read  could");
        assert!(!screen.wrapped(&twice, 4).contains(" \n"), "no line ends with a blank");
        let bright = Screen { colours: true, ..screen };
        let painted = text.replace("granted", &bright.painted(Ink::Alarm, "granted"));
        let plain = |it: String| it.replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain(bright.wrapped(&painted, 4)), screen.wrapped(text, 4));
    }

    #[test]
    fn yaml_nests_blocks_and_quotes_texts() {
        let value = serde_json::json!({"a": [1, {"b": "x: y"}], "c": [], "d": null});
        let mut text = String::new();
        yaml(&value, 0, &mut text);
        insta::assert_snapshot!(text, @r#"
        "a":
          - 1
          -
            "b": "x: y"
        "c": []
        "d": null
        "#);
    }
}
