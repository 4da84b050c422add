//! Every code has a snapshot of what its reader sees.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// These are not drawn: a certificate's message is that of the TLS library, no input of ours makes
/// `CFG-112`, a start alone says `CFG-018`, part by part in its own test, and so is what `CFG-116`
/// says of somebody else's document.
const ELSEWHERE: [&str; 7] =
    ["CFG-014", "CFG-015", "CFG-018", "CFG-107", "CFG-108", "CFG-112", "CFG-116"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn codes() -> BTreeSet<String> {
    let pages = fs::read_dir(root().join("docs/errors")).unwrap();
    let names = pages.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter_map(|it| it.strip_suffix(".md").map(str::to_owned)).collect()
}

/// Gives every test and snapshot of every crate.
fn texts() -> Vec<String> {
    let mut texts = Vec::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs" || it == "snap") {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    texts
}

/// Gives the codes whose drawing stands in a text: the code, nothing, and what is said.
fn drawn(text: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for three in lines.windows(3) {
        if let [code, "", said] = three
            && (said.starts_with("x ") || said.starts_with("! "))
        {
            found.push(*code);
        }
    }
    found.into_iter()
}

#[test]
fn every_code_is_drawn_in_a_snapshot() {
    let texts = texts();
    let seen: BTreeSet<&str> = texts.iter().flat_map(|it| drawn(it)).collect();
    let missing: Vec<String> = codes()
        .into_iter()
        .filter(|it| !ELSEWHERE.contains(&it.as_str()) && !seen.contains(it.as_str()))
        .collect();
    assert_eq!(missing, Vec::<String>::new(), "nobody would notice that what is told has changed");
}

#[test]
fn a_code_that_is_only_named_is_not_drawn() {
    assert_eq!(drawn("CFG-001\nx no blank line\n").count(), 0);
    assert_eq!(drawn("see CFG-001\n\nx of something else\n").collect::<Vec<_>>(), ["see CFG-001"]);
    assert_eq!(drawn("   CFG-001\n\n   x it\n").collect::<Vec<_>>(), ["CFG-001"]);
}
