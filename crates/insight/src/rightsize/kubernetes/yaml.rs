//! YAML, as plain as it can be: maps in blocks, lists of plain values in one line, and quotes around what could be read as
//! something else.

use std::fmt::Write as _;

use bailiwick_model::Json;

/// Writes documents, one after the other.
pub(in crate::rightsize) fn written(documents: &[Json]) -> String {
    let mut text = String::new();
    for (place, document) in documents.iter().enumerate() {
        if place != 0 {
            text.push_str("---\n");
        }
        block(document, 0, &mut text);
    }
    text
}

fn block(value: &Json, indent: usize, text: &mut String) {
    let Json::Object(members) = value else { return };
    for (name, value) in members {
        let _ = write!(text, "{:indent$}{}:", "", scalar(&Json::Text(name.clone())));
        match value {
            Json::Object(inside) if !inside.is_empty() => {
                text.push('\n');
                block(value, indent.saturating_add(2), text);
            }
            Json::List(all) if all.iter().any(|it| matches!(it, Json::Object(_))) => {
                text.push('\n');
                for one in all {
                    let mut item = String::new();
                    block(one, indent.saturating_add(2), &mut item);
                    let _ = write!(text, "{:indent$}- {}", "", item.trim_start());
                }
            }
            Json::List(_) | Json::Object(_) => {
                let _ = writeln!(text, " {}", quoted(value));
            }
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) | Json::Text(_) => {
                let _ = writeln!(text, " {}", scalar(value));
            }
        }
    }
}

/// Writes a plain value: a word that nothing else is read from stands without quotes.
fn scalar(value: &Json) -> String {
    const READ_AS_OTHERS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let Some(word) = value.as_text() else { return quoted(value) };
    let is_plain = word.starts_with(|it: char| it.is_ascii_alphabetic())
        && word.ends_with(|it: char| it.is_ascii_alphanumeric())
        && word.chars().all(|it| it.is_ascii_alphanumeric() || "-./".contains(it))
        && !READ_AS_OTHERS.contains(&word.to_ascii_lowercase().as_str());
    if is_plain { word.to_owned() } else { quoted(value) }
}

/// Writes a value as JSON does, and what YAML may take for the end of a line by its number.
fn quoted(value: &Json) -> String {
    let mut text = String::new();
    for it in value.canonical().chars() {
        if matches!(it, '\u{7f}'..='\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}') {
            let _ = write!(text, "\\u{:04x}", u32::from(it));
        } else {
            text.push(it);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_ends_its_line() {
        let name = Json::Text("a\u{85}b\u{2028}c\u{7f}".to_owned());
        assert_eq!(scalar(&name), r#""a\u0085b\u2028c\u007f""#);
        let list = Json::List(vec![name.clone()]);
        assert_eq!(
            written(&[Json::Object([("of".to_owned(), list)].into())]),
            "of: [\"a\\u0085b\\u2028c\\u007f\"]\n"
        );
    }
}
