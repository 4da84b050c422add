//! The little of YAML that smaller roles are written in; anything else is refused.

use std::collections::BTreeMap;

use bailiwick_model::{Json, JsonLimits};

use super::policy::NoPolicy;

const BROKEN: NoPolicy = NoPolicy("a document is YAML of another kind than is written here");
const DEPTH_MAX: usize = 16;

struct Lines<'t> {
    all: Vec<(usize, &'t str)>,
    at: usize,
}

/// Reads documents that are maps.
pub(super) fn documents(text: &str) -> Result<Vec<Json>, NoPolicy> {
    text.split("---\n").map(document).collect()
}

fn document(text: &str) -> Result<Json, NoPolicy> {
    let mut all = Vec::new();
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        if !content.is_empty() && !content.starts_with('#') {
            all.push((line.len().saturating_sub(content.len()), content));
        }
    }
    let mut lines = Lines { all, at: 0 };
    let read = lines.map(0, 0)?;
    if lines.at == lines.all.len() { Ok(read) } else { Err(BROKEN) }
}

impl<'t> Lines<'t> {
    fn next(&self) -> Option<(usize, &'t str)> {
        self.all.get(self.at).copied()
    }

    fn map(&mut self, indent: usize, depth: usize) -> Result<Json, NoPolicy> {
        if DEPTH_MAX < depth {
            return Err(BROKEN);
        }
        let mut members = BTreeMap::new();
        while let Some((at, line)) = self.next().filter(|it| it.0 == indent) {
            if line.starts_with("- ") {
                break;
            }
            let (name, value) = parted(line).ok_or(BROKEN)?;
            self.at = self.at.saturating_add(1);
            let value = match (value, self.next()) {
                ("", Some((inside, _))) if at < inside => {
                    self.map(inside, depth.saturating_add(1))?
                }
                ("", Some((inside, item))) if inside == at && item.starts_with("- ") => {
                    self.list(at, depth)?
                }
                ("", _) => return Err(BROKEN),
                (value, _) => plain(value),
            };
            if members.insert(name, value).is_some() {
                return Err(BROKEN);
            }
        }
        if members.is_empty() { Err(BROKEN) } else { Ok(Json::Object(members)) }
    }

    fn list(&mut self, indent: usize, depth: usize) -> Result<Json, NoPolicy> {
        let mut all = Vec::new();
        while let Some((_, item)) =
            self.next().filter(|it| it.0 == indent && it.1.starts_with("- "))
        {
            let inside = indent.saturating_add(2);
            if let Some(line) = self.all.get_mut(self.at) {
                *line = (inside, item.get(2..).unwrap_or_default());
            }
            all.push(self.map(inside, depth.saturating_add(1))?);
        }
        Ok(Json::List(all))
    }
}

/// Parts a line into a name and what stands behind it.
fn parted(line: &str) -> Option<(String, &str)> {
    let end = match line.strip_prefix('"') {
        Some(rest) => closed(rest)?.saturating_add(2),
        None => line.find(':')?,
    };
    let (name, rest) = line.split_at_checked(end)?;
    let Json::Text(name) = plain(name) else { return None };
    let rest = rest.strip_prefix(':')?;
    rest.strip_prefix(' ').or(Some("").filter(|_| rest.is_empty())).map(|it| (name, it))
}

/// Finds the quote that ends a text.
pub(super) fn closed(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.find(|letter| {
        let ends = letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends
    })
}

/// Reads a value in one line: JSON, or a word.
fn plain(text: &str) -> Json {
    let read = Json::parse(text.as_bytes(), JsonLimits::default());
    read.unwrap_or_else(|_| Json::Text(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rightsize::kubernetes::yaml::written;

    fn value() -> impl Strategy<Value = Json> {
        let text = "[ -~äé\u{2028}\n]{0,9}|true|no|1e3|a: b|- a|[a-z]{1,6}";
        let scalar = prop_oneof![
            text.prop_map(Json::Text),
            Just(Json::Bool(true)),
            Just(Json::Null),
            (-9_i128..9).prop_map(Json::Int),
            proptest::collection::vec(text.prop_map(Json::Text), 0..3).prop_map(Json::List),
        ];
        scalar.prop_recursive(3, 12, 3, |inner| {
            let map = proptest::collection::btree_map("[a-zA-Z.:/\" -]{1,5}", inner, 1..4);
            let map = map.prop_map(Json::Object);
            prop_oneof![map.clone(), proptest::collection::vec(map, 1..3).prop_map(Json::List)]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(
            all in proptest::collection::vec(proptest::collection::btree_map("[a-z]{1,4}", value(), 1..4), 1..3),
        ) {
            let all: Vec<_> = all.into_iter().map(Json::Object).collect();
            let text = written(&all);
            let read = documents(&text);
            prop_assert_eq!(read, Ok(all), "{}", text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "([ -]{0,3}[a-z\"\\[:]{0,4}[: ]{0,2}[a-z\"]{0,3}\n){0,6}") {
            let _ = documents(&text).is_ok();
        }
    }

    #[test]
    fn another_kind_of_yaml_is_refused() {
        for text in
            ["", "a:\n", "- a: b", "a: b\n   c: d", "a: b\na: c", "a\n", "a:\n  b: c\n d: e"]
        {
            assert!(documents(text).is_err(), "{text}");
        }
    }
}
