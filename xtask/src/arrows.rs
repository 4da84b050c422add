//! Which crate may use which: reads the manifests and finds arrows that the house does not have.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::tree::{Fault, Tree};

/// Who may use what of ours, as `ARCHITECTURE.md` draws it.
const ARROWS: &[(&str, &[&str])] = &[
    ("bailiwick-model", &[]),
    ("bailiwick-policy", &["bailiwick-model"]),
    ("bailiwick-insight", &["bailiwick-model"]),
    ("bailiwick-kernel", &["bailiwick-model", "bailiwick-policy", "bailiwick-insight"]),
    ("bailiwick-store", &["bailiwick-model"]),
    ("bailiwick-connect", &["bailiwick-model"]),
    (
        "bailiwick-gateway",
        &["bailiwick-model", "bailiwick-kernel", "bailiwick-store", "bailiwick-connect"],
    ),
    (
        "bailiwick",
        &[
            "bailiwick-model",
            "bailiwick-policy",
            "bailiwick-insight",
            "bailiwick-kernel",
            "bailiwick-store",
            "bailiwick-connect",
            "bailiwick-gateway",
        ],
    ),
];

/// Crates that only tests and chores use; they may use anything.
const BESIDE: &[&str] =
    &["bailiwick-testkit", "bailiwick-hostile", "bailiwick-fuzz", "conformance-fixture", "xtask"];
/// What tests, and only they, may use of these.
const FOR_TESTS: &[&str] = &["bailiwick-testkit", "bailiwick-hostile"];

/// Foreign crates that stay in a few of ours: the start of their names, where they may be, and why.
const KEPT: &[(&[&str], &[&str], &str)] = &[
    (
        &["tokio", "axum", "hyper", "tower"],
        &["bailiwick-store", "bailiwick-connect", "bailiwick-gateway", "bailiwick"],
        "nothing waits on the ground floor",
    ),
    (&["cedar"], &["bailiwick-policy"], "one crate names the policy language"),
    (&["rusqlite", "libsqlite3"], &["bailiwick-store"], "one crate has record formats"),
];

/// Finds every arrow that the tables above do not have.
pub(crate) fn faults(tree: &Tree) -> Vec<Fault> {
    let (shared, mut faults) = match parsed(tree, "Cargo.toml") {
        Ok(workspace) => (shared_names(&workspace), Vec::new()),
        Err(fault) => (BTreeMap::new(), vec![fault]),
    };
    for (path, _) in tree.ending("/Cargo.toml") {
        match parsed(tree, path) {
            Ok(manifest) => faults.extend(faults_of(path, &manifest, &shared)),
            Err(fault) => faults.push(fault),
        }
    }
    faults
}

fn parsed(tree: &Tree, path: &str) -> Result<Table, Fault> {
    let text = tree.texts.get(path).ok_or_else(|| Fault::of_file(path, "is missing"))?;
    text.parse::<Table>().map_err(|error| Fault::of_file(path, error.message()))
}

/// What the workspace calls a dependency → the package it means.
fn shared_names(workspace: &Table) -> BTreeMap<String, String> {
    let shared = workspace.get("workspace").and_then(|it| it.get("dependencies"));
    shared
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), package_of(key, value)))
        .collect()
}

fn package_of(key: &str, value: &Value) -> String {
    value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()
}

fn faults_of(path: &str, manifest: &Table, shared: &BTreeMap<String, String>) -> Vec<Fault> {
    let name = manifest.get("package").and_then(|it| it.get("name")).and_then(Value::as_str);
    let Some(name) = name else {
        return vec![Fault::of_file(path, "names no package")];
    };
    if BESIDE.contains(&name) {
        return Vec::new();
    }
    let Some((_, may_use)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
        return vec![Fault::of_file(path, format!("`{name}` has no place in the table of arrows"))];
    };
    let used = used_packages(manifest, shared);
    used.iter().filter_map(|arrow| fault_of(path, name, may_use, arrow)).collect()
}

/// One dependency, and whether only tests have it.
#[derive(Debug)]
struct Arrow {
    to: String,
    in_tests: bool,
}

fn used_packages(manifest: &Table, shared: &BTreeMap<String, String>) -> Vec<Arrow> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let tables = std::iter::once(manifest).chain(targets.filter_map(|(_, it)| it.as_table()));
    let mut arrows = Vec::new();
    for table in tables {
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let listed = table.get(kind).and_then(Value::as_table).into_iter().flatten();
            arrows.extend(listed.map(|(key, value)| Arrow {
                to: meant(key, value, shared),
                in_tests: kind == "dev-dependencies",
            }));
        }
    }
    arrows
}

fn meant(key: &str, value: &Value, shared: &BTreeMap<String, String>) -> String {
    let inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
    match shared.get(key) {
        Some(package) if inherited => package.clone(),
        _ => package_of(key, value),
    }
}

fn fault_of(path: &str, name: &str, may_use: &[&str], arrow: &Arrow) -> Option<Fault> {
    let to = arrow.to.as_str();
    let ours = to == "bailiwick" || to.starts_with("bailiwick-") || to == "xtask";
    if ours {
        let allowed = may_use.contains(&to) || (arrow.in_tests && FOR_TESTS.contains(&to));
        let what = format!("`{name}` may not use `{to}`: the table of arrows does not have it");
        return (!allowed).then(|| Fault::of_file(path, what));
    }
    if arrow.in_tests {
        return None;
    }
    let (_, _, why) = KEPT.iter().find(|(starts, places, _)| {
        starts.iter().any(|start| to.starts_with(start)) && !places.contains(&name)
    })?;
    Some(Fault::of_file(path, format!("`{name}` may not use `{to}`: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "
        [workspace.dependencies]
        bailiwick-model = { path = \"crates/model\" }
        bailiwick-store = { path = \"crates/store\" }
        records = { path = \"crates/store\", package = \"bailiwick-store\" }
        tokio = \"1\"
    ";

    #[track_caller]
    fn check(package: &str, rest: &str, wanted: &[&str]) {
        let manifest = format!("[package]\nname = \"{package}\"\n{rest}");
        let tree = Tree::of(&[("Cargo.toml", WORKSPACE), ("crates/it/Cargo.toml", &manifest)]);
        let found: Vec<String> = faults(&tree).into_iter().map(|it| it.what).collect();
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for (found, wanted) in found.iter().zip(wanted) {
            assert!(found.contains(wanted), "{found:?} lacks {wanted:?}");
        }
    }

    #[test]
    fn the_repository_has_only_the_arrows_of_the_table() {
        let root = crate::root().expect("the package lies in the repository");
        let tree = Tree::read(&root).expect("the repository can be read");
        assert_eq!(faults(&tree), []);
    }

    #[test]
    fn an_arrow_of_the_table_is_fine() {
        check("bailiwick-policy", "[dependencies]\nbailiwick-model.workspace = true", &[]);
        check("bailiwick-gateway", "[dependencies]\nbailiwick-store.workspace = true", &[]);
    }

    #[test]
    fn an_arrow_that_the_table_lacks_is_found_however_it_is_written() {
        let wanted = ["`bailiwick-policy` may not use `bailiwick-store`"];
        for written in [
            "[dependencies]\nbailiwick-store.workspace = true",
            "[dependencies]\nbailiwick-store = { path = \"../store\" }",
            "[dependencies]\nrecords.workspace = true",
            "[dependencies]\nother = { package = \"bailiwick-store\", path = \"../store\" }",
            "[build-dependencies]\nbailiwick-store.workspace = true",
            "[dev-dependencies]\nbailiwick-store.workspace = true",
            "[target.'cfg(unix)'.dependencies]\nbailiwick-store.workspace = true",
        ] {
            check("bailiwick-policy", written, &wanted);
        }
    }

    #[test]
    fn tests_may_use_the_testkit_and_nothing_else_may() {
        let used = "bailiwick-testkit = { path = \"../testkit\" }";
        check("bailiwick-model", &format!("[dev-dependencies]\n{used}"), &[]);
        check("bailiwick-model", &format!("[dependencies]\n{used}"), &["bailiwick-testkit"]);
    }

    #[test]
    fn the_testkit_may_use_anything() {
        check(
            "bailiwick-testkit",
            "[dependencies]\nbailiwick-store.workspace = true\ntokio = \"1\"",
            &[],
        );
    }

    #[test]
    fn waiting_stays_upstairs() {
        check("bailiwick-kernel", "[dependencies]\ntokio.workspace = true", &["nothing waits"]);
        check("bailiwick-kernel", "[dependencies]\nhyper-util = \"0.1\"", &["nothing waits"]);
        check("bailiwick-gateway", "[dependencies]\ntokio.workspace = true", &[]);
    }

    #[test]
    fn the_policy_language_and_the_database_have_one_place_each() {
        check("bailiwick-kernel", "[dependencies]\ncedar-policy = \"4\"", &["one crate names"]);
        check("bailiwick", "[dependencies]\nrusqlite = \"0.43\"", &["record formats"]);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        check("bailiwick-utilities", "", &["has no place"]);
    }

    #[test]
    fn a_manifest_that_cannot_be_read_is_a_fault() {
        let tree = Tree::of(&[("Cargo.toml", WORKSPACE), ("crates/it/Cargo.toml", "[package")]);
        assert_eq!(faults(&tree).len(), 1);
    }
}
