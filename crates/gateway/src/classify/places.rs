//! Which arguments name paths or URLs, and whether each is written in its normal form.
//!
//! An argument is checked when its name ends like that of a place, when its schema says it is a
//! URI, or when the operator or some condition treats it as one. Text that is merely written or
//! sent (`content`, `text`, …) is not, even inside an argument that is.

use std::collections::BTreeSet;

use bailiwick_model::Json;

use super::words::words;
use crate::path;

/// More faults of one call than these help nobody.
pub(super) const FAULTS_MAX: usize = 20;

const PLACES: &[&str] = &[
    "path",
    "paths",
    "file",
    "files",
    "filename",
    "filenames",
    "directory",
    "directories",
    "dir",
    "dirs",
    "folder",
    "folders",
    "source",
    "sources",
    "destination",
    "destinations",
    "url",
    "urls",
    "uri",
    "uris",
    "href",
    "hrefs",
    "root",
    "roots",
    "cwd",
];

/// Words that are written together with what comes before: `filepath`, `baseurl`.
const ENDINGS: &[&str] = &["path", "paths", "url", "urls", "uri", "uris", "dir", "filename"];

/// Queries into a document, and a program, that only end like places.
const NO_PLACES: &[&str] = &["xpath", "jsonpath", "curl"];

const CONTENT: &[&str] = &[
    "content",
    "contents",
    "text",
    "body",
    "data",
    "message",
    "description",
    "title",
    "code",
    "diff",
    "patch",
    "comment",
    "markdown",
    "html",
];

/// Says what keeps the arguments from naming places in one way only. `named` holds the arguments
/// that the operator or a condition treats as places.
pub(super) fn faults(
    arguments: &Json,
    schema: Option<&Json>,
    named: &BTreeSet<String>,
) -> Vec<String> {
    let mut walk = Walk { named, faults: Vec::new(), names: Vec::new() };
    walk.visit(arguments, &schema.into_iter().collect::<Vec<_>>(), false);
    walk.faults
}

struct Walk<'a> {
    named: &'a BTreeSet<String>,
    faults: Vec<String>,
    /// The names that lead to where the walk stands.
    names: Vec<String>,
}

impl Walk<'_> {
    fn visit(&mut self, value: &Json, schemas: &[&Json], checked: bool) {
        match value {
            Json::Text(text) if checked || schemas.iter().any(|it| wants_uri(it)) => {
                self.check(text);
            }
            Json::List(items) => {
                let inner = below(schemas, |schema| schema.get("items"));
                for item in items {
                    self.visit(item, &inner, checked);
                }
            }
            Json::Object(members) => {
                for (name, member) in members {
                    self.visit_member(name, member, schemas, checked);
                }
            }
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) | Json::Text(_) => {}
        }
    }

    fn visit_member(&mut self, name: &str, value: &Json, schemas: &[&Json], checked: bool) {
        self.names.push(name.to_owned());
        if checked {
            // Below a place the names may be places themselves: `{"files": {"a/b": …}}`.
            self.check(name);
        }
        let inner = below(schemas, |schema| schema.get("properties")?.get(name));
        let words = words(name);
        let inherits = (checked || names_a_place(&words)) && !names_content(&words);
        let checked = inherits || self.is_named(name);
        self.visit(value, &inner, checked);
        self.names.pop();
    }

    fn is_named(&self, name: &str) -> bool {
        self.named.contains(name) || self.named.contains(&self.names.join("."))
    }

    fn check(&mut self, text: &str) {
        if self.faults.len() < FAULTS_MAX
            && let Some(fault) = path::faults(text)
        {
            self.faults.push(format!("argument `{}`: {fault}", self.names.join(".")));
        }
    }
}

/// Goes one step down in each schema, through those that it is put together from.
fn below<'s>(schemas: &[&'s Json], step: impl Fn(&'s Json) -> Option<&'s Json>) -> Vec<&'s Json> {
    let mut found = Vec::new();
    for schema in schemas.iter().copied().filter_map(step) {
        gather(schema, &mut found);
    }
    found
}

fn gather<'s>(schema: &'s Json, found: &mut Vec<&'s Json>) {
    found.push(schema);
    for word in ["anyOf", "oneOf", "allOf"] {
        if let Some(Json::List(parts)) = schema.get(word) {
            for part in parts {
                gather(part, found);
            }
        }
    }
}

fn wants_uri(schema: &Json) -> bool {
    let format = schema.get("format").and_then(Json::as_text);
    matches!(format, Some("uri" | "uri-reference" | "iri" | "iri-reference"))
}

fn names_a_place(words: &[String]) -> bool {
    let Some(last) = words.last().map(String::as_str) else { return false };
    let before = words.len().checked_sub(2).and_then(|it| words.get(it)).map(String::as_str);
    let query =
        NO_PLACES.contains(&last) || (last == "path" && matches!(before, Some("json" | "x")));
    !query && (PLACES.contains(&last) || ENDINGS.iter().any(|it| last.ends_with(it)))
}

fn names_content(words: &[String]) -> bool {
    words.last().is_some_and(|last| CONTENT.contains(&last.as_str()))
}

#[cfg(test)]
mod tests {
    use bailiwick_model::JsonLimits;

    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes(), JsonLimits::default()).unwrap()
    }

    fn found(arguments: &str) -> usize {
        faults(&json(arguments), None, &BTreeSet::new()).len()
    }

    #[test]
    fn arguments_are_checked_by_their_names() {
        for name in [
            "path",
            "repo_path",
            "filePath",
            "sourceDirectory",
            "filepath",
            "workdir",
            "url",
            "baseUrl",
            "CWD",
            "targetURI",
        ] {
            assert_eq!(found(&format!(r#"{{"{name}":"/a/../b"}}"#)), 1, "{name}");
        }
        for name in [
            "query",
            "profile",
            "xpath",
            "jsonPath",
            "json_path",
            "curl",
            "resource",
            "content",
            "pathology",
            "",
        ] {
            assert_eq!(found(&format!(r#"{{"{name}":"/a/../b"}}"#)), 0, "{name}");
        }
    }

    #[test]
    fn all_text_below_a_place_is_checked_but_content_is_not() {
        assert_eq!(found(r#"{"paths":["/a","/b/../c","./d"]}"#), 2);
        assert_eq!(found(r#"{"files":[{"path":"../x","content":"a // b","newText":"../"}]}"#), 1);
        assert_eq!(found(r#"{"options":{"deep":[{"cwd":"/a//b"}]}}"#), 1);
        assert_eq!(found(r#"{"files":{"a/../b":true}}"#), 1);
        assert_eq!(found(r#"{"path":7,"url":null}"#), 0);
    }

    #[test]
    fn a_schema_can_say_that_an_argument_is_a_uri() {
        let schema = json(
            r#"{"properties":{"where":{"anyOf":[{"type":"string","format":"uri"},{"type":"null"}]},
            "all":{"type":"array","items":{"format":"uri-reference"}},"other":{"type":"string"}}}"#,
        );
        let arguments = json(r#"{"where":"HTTP://example.org","all":["../x"],"other":"../x"}"#);
        assert_eq!(faults(&arguments, Some(&schema), &BTreeSet::new()).len(), 2);
    }

    #[test]
    fn an_argument_that_a_condition_compares_is_checked_whatever_its_name() {
        let liked = BTreeSet::from(["content".to_owned(), "a.b".to_owned()]);
        let arguments = json(r#"{"content":"/a/../b","a":{"b":"../x","c":"../x"}}"#);
        let faults = faults(&arguments, None, &liked);
        insta::assert_snapshot!(faults.join("\n"), @r#"
        argument `a.b`: `../x` is not in normal form: it has a `..` segment
        argument `content`: `/a/../b` is not in normal form: it has a `..` segment; write `/b`
        "#);
    }

    #[test]
    fn a_call_with_very_many_faults_names_some() {
        let many = vec![r#""../x""#; 500].join(",");
        assert_eq!(found(&format!(r#"{{"paths":[{many}]}}"#)), FAULTS_MAX);
    }
}
