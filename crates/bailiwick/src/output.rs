//! How answers are shown: as a table for people, as JSON or YAML for programs.

use std::{io::Write, time::Duration};

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
