//! How answers are shown: as a table for people, as JSON or YAML for programs.

use std::{
    io::{IsTerminal as _, Write},
    time::Duration,
};

use serde::Serialize;
use serde_json::Value;

use crate::exit::CommandError;

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

/// Writes to standard error: progress, advice, complaints.
pub(crate) fn remark(text: &str) {
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

    /// Looks at standard output. `NO_COLOR` that is not empty takes colours away (no-color.org), `COLUMNS` says how wide
    /// it is.
    pub(crate) fn of_output() -> Self {
        let told = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
        Self::known(std::io::stdout().is_terminal(), told)
    }

    fn known(is_terminal: bool, told: impl Fn(&str) -> Option<String>) -> Self {
        if !is_terminal {
            return Self::PLAIN;
        }
        let is_dumb = told("TERM").is_none_or(|it| it == "dumb");
        let width = told("COLUMNS").and_then(|it| it.parse().ok()).filter(|it| 40 <= *it);
        Self { colours: told("NO_COLOR").is_none() && !is_dumb, width: Some(width.unwrap_or(120)) }
    }

    /// Writes a text in a colour, where there are any.
    pub(crate) fn painted(self, ink: Ink, text: &str) -> String {
        if self.colours {
            format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code())
        } else {
            text.to_owned()
        }
    }

    /// Shortens a name in its middle, such that `share` of a hundred of a line has room for it.
    pub(crate) fn fitted(self, name: &str, share: usize) -> String {
        let Some(width) = self.width else { return name.to_owned() };
        let room = width.saturating_mul(share).checked_div(100).unwrap_or(width).max(12);
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

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        let terminal = |set: &'static [(&str, &str)]| {
            Screen::known(true, move |name| {
                set.iter().find(|it| it.0 == name).map(|it| it.1.to_owned())
            })
        };
        let bright = terminal(&[("TERM", "xterm"), ("COLUMNS", "100")]);
        assert_eq!(bright.painted(Ink::Alarm, "x"), "\u{1b}[31mx\u{1b}[0m");
        for set in [&[("TERM", "xterm"), ("NO_COLOR", "1")][..], &[("TERM", "dumb")], &[]] {
            assert_eq!(terminal(set).painted(Ink::Alarm, "x"), "x", "{set:?}");
        }
        assert_eq!(Screen::known(false, |_| Some("1".to_owned())), Screen::PLAIN);
    }

    #[test]
    fn a_long_name_is_shortened_in_its_middle_and_only_for_people() {
        let screen = Screen { colours: false, width: Some(100) };
        let name = "arn:aws:iam::111122223333:role/deployer-of-everything";
        assert_eq!(screen.fitted(name, 30), "arn:aws:i…ployer-of-everything");
        assert_eq!(screen.fitted(name, 60), name);
        assert_eq!(Screen::PLAIN.fitted(name, 1), name);
        assert_eq!(screen.fitted(&"é".repeat(13), 1), format!("ééé…{}", "é".repeat(8)));
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
