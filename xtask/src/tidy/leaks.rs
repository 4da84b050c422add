//! No file names a place on somebody's machine, or a host that packages come from.

use crate::tree::{Fault, Tree};

/// What only a path on one machine has.
const MACHINE: &[&str] =
    &["/.cargo/registry", "/.rustup/", "/.pyenv/", "/.npm/", "/site-packages/"];

/// The start of an address that packages come from, and the settings that hold one.
const PACKAGES: &[&str] = &[
    "://registry.",
    "://pypi.",
    "://files.python",
    "://index.crates",
    "://static.crates",
    "://deb.",
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--trusted-host",
    "\"resolved\":",
];

/// Files that must name such things.
const EXCUSED: &[&str] = &["xtask/src/tidy/leaks.rs", "Cargo.lock"];

/// Finds lines that name a machine's place or a packages' host.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    // A root such as `/src` is too short to tell anything.
    let root = Some(tree.root.as_str()).filter(|it| it.matches('/').count() > 1);
    let mut faults = Vec::new();
    for (path, text) in tree.texts.iter().filter(|(path, _)| !EXCUSED.contains(&path.as_str())) {
        for (index, line) in text.lines().enumerate() {
            if let Some(found) = MACHINE.iter().copied().chain(root).find(|it| line.contains(it)) {
                faults.push(Fault::of_line(
                    path,
                    index,
                    format!("names a machine's place: `{found}`"),
                ));
            }
            if let Some(found) = PACKAGES.iter().find(|it| line.contains(**it)) {
                faults.push(Fault::of_line(
                    path,
                    index,
                    format!("names where packages come from: `{found}`"),
                ));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, line: &str) -> usize {
        let mut tree = Tree::of(&[(path, line)]);
        tree.root = "/home/ada/bailiwick".into();
        faults(&tree).len()
    }

    #[test]
    fn a_place_on_a_machine_is_found() {
        assert_eq!(found("a.md", "see /home/ada/bailiwick/target"), 1);
        assert_eq!(found("a.toml", "path = \"/home/bob/.cargo/registry/src\""), 1);
    }

    #[test]
    fn a_host_of_packages_is_found() {
        assert_eq!(
            found("package-lock.json", "\"resolved\": \"https://registry.example/a.tgz\""),
            1
        );
        assert_eq!(found("requirements.txt", "--index-url https://mirror.example/simple"), 1);
    }

    #[test]
    fn paths_that_a_test_makes_up_are_fine() {
        assert_eq!(found("a.rs", "read(\"/srv/data/../../root/.ssh/id\")"), 0);
        assert_eq!(found("Cargo.lock", "source = \"https://registry.example\""), 0);
    }

    #[test]
    fn a_short_root_is_not_taken_for_a_leak() {
        let mut tree = Tree::of(&[("a.rs", "open(\"/src/lane.rs\")")]);
        tree.root = "/src".into();
        assert!(faults(&tree).is_empty());
    }
}
