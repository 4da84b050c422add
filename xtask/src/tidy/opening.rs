//! Every Rust file opens with one sentence that says what it is for, and none is called `mod.rs`.

use crate::tree::{Fault, Tree};

/// Finds files without an opening sentence, and files with a name that says nothing.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let opening = text.lines().next().and_then(|it| it.strip_prefix("//!"));
        if opening.is_none_or(|it| it.trim().is_empty()) {
            faults.push(Fault::of_line(path, 0, "opens without a `//!` sentence"));
        }
        if path == "mod.rs" || path.ends_with("/mod.rs") {
            faults
                .push(Fault::of_file(path, "name it after what is in it: `foo.rs` beside `foo/`"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        faults(&Tree::of(&[(path, text)])).into_iter().map(|it| it.what).collect()
    }

    #[test]
    fn a_file_that_opens_with_a_sentence_is_fine() {
        assert!(found("src/lane.rs", "//! The lane.\nfn it() {}\n").is_empty());
    }

    #[test]
    fn a_file_without_an_opening_sentence_is_found() {
        for text in ["", "//!\n", "use std::fmt;\n//! Late.\n", "/// Not of the file.\n"] {
            assert_eq!(found("src/lane.rs", text), ["opens without a `//!` sentence"], "{text:?}");
        }
    }

    #[test]
    fn a_file_called_mod_is_found() {
        assert_eq!(found("src/lane/mod.rs", "//! The lane.\n").len(), 1);
        assert!(found("src/lane/demod.rs", "//! The lane.\n").is_empty());
    }

    #[test]
    fn other_kinds_of_files_open_as_they_like() {
        assert!(found("README.md", "# Hello\n").is_empty());
    }
}
