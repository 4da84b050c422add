//! Each error code that the sources use has its page, and each page has its code.

use std::collections::BTreeMap;

use crate::tree::{Fault, Tree};

const FAMILIES: &[&str] = &["POL", "CFG", "TPL", "CHR", "TST", "ENV"];
const PAGES: &str = "docs/errors/";

/// Finds codes without a page and pages without a code.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let used = used_codes(tree);
    let mut faults = Vec::new();
    for (code, (path, index)) in &used {
        let page = format!("{PAGES}{code}.md");
        if !tree.paths.contains(&page) {
            faults.push(Fault::of_line(path, *index, format!("`{code}` has no page `{page}`")));
        }
    }
    for path in &tree.paths {
        let name = path.strip_prefix(PAGES).and_then(|it| it.strip_suffix(".md"));
        if name.is_some_and(|it| codes_in(it) == [it] && !used.contains_key(it)) {
            faults.push(Fault::of_file(path, "no source uses this code"));
        }
    }
    faults
}

/// Each code → where it is used first.
fn used_codes(tree: &Tree) -> BTreeMap<String, (String, usize)> {
    let mut used = BTreeMap::new();
    // The chores' own tests make codes up.
    for (path, text) in tree.ending(".rs").filter(|(path, _)| !path.starts_with("xtask/")) {
        for (index, line) in text.lines().enumerate() {
            for code in codes_in(line) {
                used.entry(code.to_owned()).or_insert_with(|| (path.to_owned(), index));
            }
        }
    }
    used
}

/// The codes in a text: a family, a dash and three digits, standing alone.
fn codes_in(text: &str) -> Vec<&str> {
    let pieces = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '-' && it != '_');
    pieces.filter(|piece| is_code(piece)).collect()
}

fn is_code(piece: &str) -> bool {
    piece.split_once('-').is_some_and(|(family, number)| {
        FAMILIES.contains(&family)
            && number.len() == 3
            && number.bytes().all(|it| it.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "//! It.\n#[diagnostic(code(\"POL-001\"))]\n";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        faults(&Tree::of(files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_code_with_its_page_is_fine() {
        assert!(found(&[("a.rs", SOURCE), ("docs/errors/POL-001.md", "")]).is_empty());
    }

    #[test]
    fn a_code_without_a_page_is_found() {
        assert_eq!(
            found(&[("a.rs", SOURCE)]),
            ["a.rs:2: `POL-001` has no page `docs/errors/POL-001.md`"]
        );
    }

    #[test]
    fn a_page_without_a_code_is_found() {
        assert_eq!(
            found(&[("docs/errors/CFG-009.md", "")]),
            ["docs/errors/CFG-009.md: no source uses this code"]
        );
        assert!(found(&[("docs/errors/README.md", "")]).is_empty());
    }

    #[test]
    fn what_only_looks_like_a_code_is_none() {
        assert_eq!(codes_in("POL-01 POL-0011 XPOL-001 POL-001-a POL-00x ABC-001 ENV"), [""; 0]);
        assert_eq!(
            codes_in("see CFG-001, (TPL-002) and \"CHR-003\""),
            ["CFG-001", "TPL-002", "CHR-003"]
        );
    }

    #[test]
    fn the_chores_may_make_codes_up() {
        assert!(found(&[("xtask/src/a.rs", SOURCE)]).is_empty());
    }
}
