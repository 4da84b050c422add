//! The common form of a file of policies: the one that every tool for Cedar writes.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use cedar_policy_formatter::{Config, policies_str_to_pretty};
use miette::NamedSource;

use crate::{
    PolicyError, PolicySource,
    depth::too_deep,
    hands,
    mistake::{self, Found, Mistake},
};

/// Cedar's own measure, so that an editor that formats with Cedar's tools agrees.
const FORM: Config = Config { line_width: 80, indent_width: 2 };

/// How often a text is formed until it stays as it is.
const ROUNDS: usize = 4;

/// Writes policies in the common form. Each keeps its meaning and its annotations, and every
/// comment is still there; a text that is in the form already comes back as it is.
///
/// Only the words of Cedar are asked for: what `check` would refuse can be formed all the same.
pub fn format(source: &PolicySource) -> Result<String, Vec<PolicyError>> {
    let text = source.text.as_str();
    let fail = |found: Vec<Found>| -> Vec<PolicyError> {
        let named = NamedSource::new(&source.name, text.to_owned()).with_language("cedar");
        let file = Arc::new(named);
        found.into_iter().map(|it| PolicyError::new(it, &file)).collect()
    };
    let formless =
        |why| fail(vec![Found { mistake: Mistake::Formless { why }, at: 0..text.len() }]);

    if let Some(deep) = too_deep(text) {
        return Err(fail(vec![deep]));
    }
    let set: cedar_policy::PolicySet =
        text.parse().map_err(|errors| fail(mistake::of_parser(&errors, text.len())))?;
    // Writing what was read takes more room than reading it.
    let formed = hands::deep(|| formed(text, &set));
    formed.unwrap_or(Err("there is no room to work in")).map_err(formless)
}

/// Forms `text`, which says `set`.
fn formed(text: &str, set: &cedar_policy::PolicySet) -> Result<String, &'static str> {
    let settled =
        settle(text).ok_or("move the comments in the middle of a policy to the lines before it")?;
    let formed: Option<cedar_policy::PolicySet> = settled.parse().ok();
    let meaning = meaning(set);
    if meaning.is_none() || meaning != formed.as_ref().and_then(self::meaning) {
        return Err("its form could not be changed without its meaning");
    }
    if said(text) != said(&settled) {
        return Err("a comment would be lost: put it on a line of its own");
    }
    Ok(settled)
}

/// Forms `text` until it stays as it is.
fn settle(text: &str) -> Option<String> {
    let mut formed = form(text)?;
    for _ in 0..ROUNDS {
        let again = form(&formed)?;
        if again == formed {
            return Some(formed);
        }
        formed = again;
    }
    None
}

/// Forms `text` once. Cedar's formatter takes every empty line away; those that set one paragraph
/// of comments apart from the next are held by a comment of ours until it is done.
fn form(text: &str) -> Option<String> {
    let mut mark = "//~".to_owned();
    while text.contains(&mark) {
        mark.push('~');
    }
    let pretty = policies_str_to_pretty(&marked(text, &mark), &FORM).ok()?;
    let lines = pretty.split('\n').map(|it| if it.trim() == mark { "" } else { it });
    let formed = lines.collect::<Vec<_>>().join("\n");
    Some(formed.trim_start_matches('\n').to_owned())
}

/// Puts `mark` on a line before each paragraph of comments that follows another one, or that ends
/// the file.
fn marked(text: &str, mark: &str) -> String {
    let comments = comments(text);
    let between = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let empty = |it: &str| it.trim().is_empty();
    // From here on nothing but comments follows.
    let mut tail = text.len();
    for comment in comments.iter().rev() {
        if !empty(between(comment.end, tail)) {
            break;
        }
        tail = comment.start;
    }
    let mut out = String::new();
    let mut done = 0;
    let mut last: Option<&Range<usize>> = None;
    for comment in &comments {
        let before = between(0, comment.start);
        let gap = before.len().saturating_sub(before.trim_end().len());
        let lines = before.chars().rev().take(gap).filter(|it| *it == '\n').count();
        let follows =
            last.is_some_and(|it| alone(text, it) && empty(between(it.end, comment.start)));
        let ends = tail <= comment.start && !empty(before);
        if 1 < lines && (follows || ends) {
            out.push_str(between(done, comment.start));
            out.push_str(mark);
            out.push('\n');
            done = comment.start;
        }
        last = Some(comment);
    }
    out.push_str(between(done, text.len()));
    out
}

/// Says whether a comment has its line for itself.
fn alone(text: &str, comment: &Range<usize>) -> bool {
    let before = text.get(..comment.start).unwrap_or_default();
    before.rsplit('\n').next().is_none_or(|it| it.trim().is_empty())
}

/// Finds the comments: from two slashes outside of a text to the end of the line.
fn comments(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut letters = text.char_indices().peekable();
    let mut quoted = false;
    while let Some((at, letter)) = letters.next() {
        match (quoted, letter) {
            (true, '\\') => drop(letters.next()),
            (_, '"') => quoted = !quoted,
            (false, '/') if letters.peek().is_some_and(|(_, it)| *it == '/') => {
                while letters.next_if(|(_, it)| *it != '\n').is_some() {}
                let end = letters.peek().map_or(text.len(), |(at, _)| *at);
                found.push(at..end);
            }
            (true | false, _) => {}
        }
    }
    found
}

/// Gives what the comments say, however they are ordered and indented.
fn said(text: &str) -> Vec<&str> {
    let mut said: Vec<&str> =
        comments(text).into_iter().filter_map(|it| text.get(it)).map(str::trim_end).collect();
    said.sort_unstable();
    said
}

/// Gives each policy without its form.
fn meaning(set: &cedar_policy::PolicySet) -> Option<BTreeMap<String, String>> {
    let policies = set.policies().map(|it| Some((it.id().to_string(), it.to_json().ok()?)));
    let templates = set.templates().map(|it| Some((it.id().to_string(), it.to_json().ok()?)));
    policies.chain(templates).map(|it| it.map(|(id, json)| (id, json.to_string()))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};

    use super::*;

    fn source(text: &str) -> PolicySource {
        PolicySource { name: "policies/any.cedar".to_owned(), text: text.to_owned() }
    }

    fn formed(text: &str) -> String {
        format(&source(text)).unwrap()
    }

    #[test]
    fn paragraphs_of_comments_stay_apart() {
        let text = "\n\n// Of the whole file.\n\n\n// Of the first,\n// in two lines.\n\
            @id(\"a\")   forbid(principal,action,resource)when{context.input has path // why\n\
            &&context.input.path like \"//x \\\"*\"};\n\n// Of the file's end.\n\n\n// Last.";
        insta::assert_snapshot!(formed(text), @r#"
        // Of the whole file.

        // Of the first,
        // in two lines.
        @id("a")
        forbid (principal, action, resource)
        when
        {
          context.input
          has
          path // why
           &&
          context.input.path like "//x \"*"
        };

        // Of the file's end.

        // Last.
        "#);
    }

    #[test]
    fn a_file_without_policies_keeps_its_comments() {
        assert_eq!(formed(""), "");
        assert_eq!(formed("\n\n"), "");
        assert_eq!(formed("  // nothing yet  \n\n"), "// nothing yet\n");
    }

    #[test]
    fn what_is_not_cedar_is_told_with_its_place() {
        let error = format(&source("permit (principal, action, resource) wen { true };"));
        let error = error.unwrap_err();
        let codes: Vec<_> = error.iter().map(PolicyError::code).collect();
        assert_eq!(codes, ["POL-001"]);
    }

    /// A piece of policy, written as nobody would.
    fn policy() -> impl Strategy<Value = String> {
        let gap = prop_oneof![
            Just(" "),
            Just("\n"),
            Just("\n\n\n"),
            Just("\t"),
            Just(" // aside\n"),
            Just("\n// alone\n"),
            Just("\n\n// one\n\n// other\n"),
        ];
        let condition = prop_oneof![
            Just("true"),
            Just("context.input has path && context.input.path like \"/srv // *\""),
            Just("[1,2,3].contains( context.depth )||!(context.granted)"),
            Just(
                "if context.granted then {a:1,\"b c\":2}.a==1 else principal.owner==\"é\\u{1F600}\""
            ),
            Just(
                "context.now>datetime(\"2026-12-31T00:00:00Z\")&&(resource in Server::\"x\"||-1<2*3)"
            ),
        ];
        let word = prop_oneof![Just("when"), Just("unless")];
        let effect = prop_oneof![Just("permit"), Just("forbid")];
        let scope = prop_oneof![
            Just("(principal,action,resource)"),
            Just(
                "(principal == Identity::\"a\" , action in [ Action::\"read\",Action::\"egress\" ],resource is Tool)"
            ),
        ];
        (collection::vec(gap, 8), effect, scope, collection::vec((word, condition), 0..3)).prop_map(
            |(gaps, effect, scope, conditions)| {
                let mut gaps = gaps.into_iter().cycle();
                let mut out = String::new();
                let mut put = |words: &str| {
                    out.push_str(words);
                    out.push_str(gaps.next().unwrap());
                };
                put("");
                put("@id(\"it\")");
                put(effect);
                put(scope);
                for (word, condition) in conditions {
                    put(word);
                    put("{");
                    put(condition);
                    put("}");
                }
                put(";");
                out
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// What comes out is a form of what went in, and the form of itself.
        #[test]
        fn forming_keeps_meaning_and_comments_and_ends(
            policies in collection::vec(policy(), 0..4).prop_map(|it| it.concat()),
        ) {
            let once = formed(&policies);
            prop_assert_eq!(&formed(&once), &once);
            prop_assert_eq!(said(&once), said(&policies));
            let set = |text: &str| meaning(&text.parse().unwrap()).unwrap();
            prop_assert_eq!(set(&once), set(&policies));
        }
    }
}
