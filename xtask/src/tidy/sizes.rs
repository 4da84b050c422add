//! Files stay short: from 400 lines on they are pointed at, past 800 they fail.
//!
//! A file that is longer already stands in the size list with its number of lines.
//! That list only shrinks: no new file, no higher number, no number above the truth.

use std::collections::BTreeMap;

use toml::Table;

use crate::tree::{Fault, RATCHET, Tree};

const LOOK_TWICE: usize = 400;
const STOP: usize = 800;
const COUNTED: &[&str] = &[".rs", ".py", ".mjs", ".ts", ".tsx", ".sql"];

/// Finds files that are too long, and a size list that grew or lies.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let listed = match tree.texts.get(RATCHET).map(|text| sizes_in(text)) {
        None => BTreeMap::new(),
        Some(Ok(listed)) => listed,
        Some(Err(why)) => return vec![Fault::of_file(RATCHET, why)],
    };
    let mut faults = too_long(tree, &listed);
    faults.extend(untrue(tree, &listed));
    faults.extend(grown(tree, &listed));
    faults
}

/// Names files that deserve a second look.
pub(super) fn notes(tree: &Tree) -> Vec<String> {
    let long = lines_of_files(tree).filter(|(_, lines)| (LOOK_TWICE..=STOP).contains(lines));
    long.map(|(path, lines)| format!("{path} has {lines} lines")).collect()
}

fn lines_of_files(tree: &Tree) -> impl Iterator<Item = (&str, usize)> {
    tree.texts
        .iter()
        .filter(|(path, _)| COUNTED.iter().any(|end| path.ends_with(end)))
        .map(|(path, text)| (path.as_str(), text.lines().count()))
}

fn too_long(tree: &Tree, listed: &BTreeMap<String, usize>) -> Vec<Fault> {
    lines_of_files(tree)
        .filter_map(|(path, lines)| {
            let limit = listed.get(path).copied().unwrap_or(STOP).max(STOP);
            let what = format!("has {lines} lines, and {limit} is the limit: split it by meaning");
            (lines > limit).then(|| Fault::of_file(path, what))
        })
        .collect()
}

fn untrue(tree: &Tree, listed: &BTreeMap<String, usize>) -> Vec<Fault> {
    let truth: BTreeMap<&str, usize> = lines_of_files(tree).collect();
    listed
        .iter()
        .filter_map(|(path, limit)| match truth.get(path.as_str()) {
            Some(lines) if *lines <= STOP => Some(format!("`{path}` is short enough now: drop it")),
            Some(lines) if lines < limit => Some(format!("`{path}` has {lines} lines now: say so")),
            Some(_) => None,
            None => Some(format!("`{path}` is no longer there: drop it")),
        })
        .map(|what| Fault::of_file(RATCHET, what))
        .collect()
}

fn grown(tree: &Tree, listed: &BTreeMap<String, usize>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for earlier in tree.earlier_ratchets.iter().filter_map(|text| sizes_in(text).ok()) {
        for (path, limit) in listed {
            if earlier.get(path).is_none_or(|was| was < limit) {
                faults.push(Fault::of_file(
                    RATCHET,
                    format!("`{path}` grew: this list only shrinks"),
                ));
            }
        }
    }
    faults.dedup();
    faults
}

fn sizes_in(text: &str) -> Result<BTreeMap<String, usize>, String> {
    let table = text.parse::<Table>().map_err(|error| error.message().to_owned())?;
    let mut sizes = BTreeMap::new();
    for (path, value) in table {
        let lines = value.as_integer().and_then(|it| usize::try_from(it).ok());
        let lines = lines.ok_or_else(|| format!("`{path}` needs a number of lines"))?;
        sizes.insert(path, lines);
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> String {
        "//!\n".repeat(count)
    }

    #[track_caller]
    fn check(length: usize, ratchet: &str, earlier: &[&str], wanted: &[&str]) {
        let text = lines(length);
        let mut tree = Tree::of(&[("a.rs", &text), (RATCHET, ratchet)]);
        tree.earlier_ratchets = earlier.iter().map(|it| (*it).to_owned()).collect();
        let found: Vec<String> = faults(&tree).into_iter().map(|it| it.what).collect();
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found.contains(wanted), "{found:?} lacks {wanted:?}");
        }
    }

    #[test]
    fn a_file_past_the_limit_is_found() {
        check(800, "", &[], &[]);
        check(801, "", &[], &["has 801 lines"]);
    }

    #[test]
    fn a_listed_file_may_stay_but_not_grow() {
        check(900, "\"a.rs\" = 900", &["\"a.rs\" = 900"], &[]);
        check(901, "\"a.rs\" = 900", &["\"a.rs\" = 900"], &["has 901 lines, and 900"]);
    }

    #[test]
    fn the_list_says_the_truth() {
        check(850, "\"a.rs\" = 900", &[], &["has 850 lines now"]);
        check(700, "\"a.rs\" = 900", &[], &["short enough now"]);
        check(1, "\"b.rs\" = 900", &[], &["no longer there"]);
        check(1, "\"a.rs\" = true", &[], &["needs a number"]);
    }

    #[test]
    fn the_list_only_shrinks() {
        check(900, "\"a.rs\" = 900", &[""], &["only shrinks"]);
        check(900, "\"a.rs\" = 900", &["\"a.rs\" = 850"], &["only shrinks"]);
        check(900, "\"a.rs\" = 900", &["\"a.rs\" = 950"], &[]);
    }

    #[test]
    fn long_files_are_pointed_at() {
        let text = lines(401);
        assert_eq!(notes(&Tree::of(&[("a.rs", &text), ("b.md", &text)])), ["a.rs has 401 lines"]);
    }
}
