//! The real parts: tool servers and clients of others, which the end-to-end tests run against.
//!
//! Versions and digests come from the lock files under `tests/real`; everything lands under
//! `target/real`, nothing elsewhere on the machine. What is there already is left as it is.

mod browser;
mod debian;
mod fixture;
mod node;
mod pgaudit;
mod postgres;
mod python;
mod softhsm;
mod sshd;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::run;

/// The minor versions of Python 3 that the real parts run on.
const PYTHONS: RangeInclusive<u32> = 10..=u32::MAX;

/// Where the parts lie, for everything that starts them.
#[derive(Debug)]
pub(crate) struct Places {
    /// The lock files and the client scripts.
    locks: PathBuf,
    /// What gets installed.
    home: PathBuf,
}

impl Places {
    fn under(root: &Path) -> Self {
        Self { locks: root.join("tests/real"), home: root.join("target/real") }
    }

    /// Installs one part, unless the one that is there came from the same locks.
    fn once(
        &self,
        part: &str,
        locks: &[&str],
        install: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        // Environments remember where they lie, so a moved checkout needs new ones.
        let folder = self.home.join(part);
        let mut wanted = format!("{}\n", folder.display());
        for lock in locks {
            let path = self.locks.join(lock);
            wanted += &std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read the lock `{}`", path.display()))?;
        }
        let stamp = self.home.join(format!("{part}.stamp"));
        if folder.exists() && std::fs::read_to_string(&stamp).is_ok_and(|it| it == wanted) {
            return Ok(());
        }
        run::tell(&format!("    installing {part}"));
        let began = Instant::now();
        // A half-made part must not be taken for a whole one.
        remove(&stamp, |it| std::fs::remove_file(it))?;
        remove(&folder, |it| std::fs::remove_dir_all(it))?;
        std::fs::create_dir_all(&folder)?;
        install(&folder)
            .with_context(|| format!("cannot install {part}: is its registry reachable?"))?;
        std::fs::write(&stamp, wanted)?;
        run::tell(&format!("    {part}: installed in {:.1} s", began.elapsed().as_secs_f32()));
        Ok(())
    }
}

fn remove(path: &Path, how: fn(&Path) -> std::io::Result<()>) -> anyhow::Result<()> {
    match how(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// Installs a peer of the benchmark under `target/peers`, and returns its environment.
pub(crate) fn peer(
    root: &Path,
    name: &str,
    pythons: &RangeInclusive<u32>,
) -> anyhow::Result<PathBuf> {
    let places = Places { locks: root.join("xtask/peers"), home: root.join("target/peers") };
    std::fs::create_dir_all(&places.home)?;
    python::install(&places, name, &format!("{name}.txt"), pythons)
}

/// Installs Cerbos under `target/peers`, and returns its program.
pub(crate) fn cerbos(root: &Path) -> anyhow::Result<PathBuf> {
    let places = Places { locks: root.join("xtask/peers"), home: root.join("target/peers") };
    std::fs::create_dir_all(&places.home)?;
    let installer = node::any(&Places::under(root))?;
    let packages = node::packages(&places, &installer, "cerbos")?;
    Ok(packages.join("node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64"))
}

/// Installs all parts and prints where they are.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let parts = install(root)?;
    run::print(&serde_json::to_string_pretty(&parts)?);
    Ok(())
}

/// Installs all parts; what it returns is also written to `target/real/parts.json`.
pub(crate) fn install(root: &Path) -> anyhow::Result<Value> {
    run::tell("==> real parts (under target/real)");
    let places = Places::under(root);
    std::fs::create_dir_all(&places.home)?;
    let modern = python::install(&places, "python-modern", "python/modern.txt", &PYTHONS)?;
    let older = python::install(&places, "python-older", "python/older.txt", &PYTHONS)?;
    let aws = python::install(&places, "python-aws", "python/aws.txt", &PYTHONS)?;
    let spiffe = python::install(&places, "python-spiffe", "python/spiffe.txt", &PYTHONS)?;
    let oauth = python::install(&places, "python-oauth", "python/oauth.txt", &PYTHONS)?;
    let runtime = node::runtime(&places, &modern)?;
    let packages = node::packages(&places, &runtime, "node")?;
    let suite = node::packages(&places, &runtime, "conformance")?;
    let judges = node::packages(&places, &runtime, "judges")?;
    let provider = node::packages(&places, &runtime, "provider")?;
    let driver = node::packages(&places, &runtime, "browser-driver")?;
    let ocsf = python::install(&places, "python-ocsf", "python/ocsf.txt", &PYTHONS)?;
    let fixture = fixture::build(&places)?;
    let postgres = postgres::install(&places, &modern)?;
    let mut parts = listed(&places, [&modern, &older], &runtime, &packages);
    let entry = "node_modules/@modelcontextprotocol/conformance/dist/index.js";
    if let Some(parts) = parts.as_object_mut() {
        parts.insert("conformance".to_owned(), json!(suite.join(entry)));
        let judge = places.locks.join("clients/aws.py");
        parts.insert("aws".to_owned(), json!([aws.join("bin/python"), judge]));
        let workload = places.locks.join("clients/workload.py");
        parts.insert("workload".to_owned(), json!([spiffe.join("bin/python"), workload]));
        let server = places.locks.join("servers/authorization.py");
        parts.insert("authorization".to_owned(), json!([oauth.join("bin/python"), server]));
        let server = places.locks.join("servers/provider.mjs");
        parts.insert("provider".to_owned(), json!([runtime.node, server, provider]));
        parts.insert("judges".to_owned(), json!(judges));
        let judge = places.locks.join("clients/ocsf.py");
        parts.insert("ocsf".to_owned(), json!([ocsf.join("bin/python"), judge]));
        let script = places.locks.join("clients/page.mjs");
        parts.insert("page".to_owned(), json!([runtime.node, script]));
        parts.insert("browser_driver".to_owned(), json!(driver));
        parts.insert("browser".to_owned(), json!(browser::find(&places)));
        parts.insert("fixture".to_owned(), json!(fixture));
        parts.insert("postgres".to_owned(), json!(postgres));
        parts.insert("pgaudit".to_owned(), json!(pgaudit::unpack(&places)));
        parts.insert("sshd".to_owned(), json!(sshd::unpack(&places)));
        parts.insert("softhsm".to_owned(), json!(softhsm::unpack(&places)));
    }
    std::fs::write(places.home.join("parts.json"), serde_json::to_vec_pretty(&parts)?)?;
    Ok(parts)
}

fn listed(
    places: &Places,
    [modern, older]: [&Path; 2],
    runtime: &node::Runtime,
    packages: &Path,
) -> Value {
    let text = |path: PathBuf| path.display().to_string();
    let node = runtime.node.display().to_string();
    let package =
        |entry: &str| text(packages.join("node_modules/@modelcontextprotocol").join(entry));
    let server = |name: &str| json!([node, package(&format!("server-{name}/dist/index.js"))]);
    let client = |name: &str| text(places.locks.join("clients").join(name));
    let program = |environment: &Path, name: &str| text(environment.join("bin").join(name));
    let python = program(modern, "python");
    json!({
        "node": node,
        "node_packages": packages.display().to_string(),
        "python": python,
        "servers": {
            "filesystem": server("filesystem"),
            "everything": server("everything"),
            "memory": server("memory"),
            "git": [program(modern, "mcp-server-git")],
            "time": [program(modern, "mcp-server-time")],
            "fetch": [program(modern, "mcp-server-fetch")],
            "sqlite": [program(older, "mcp-server-sqlite")],
        },
        "clients": {
            "python": [python, client("mcp_client.py")],
            "typescript": [node, client("mcp_client.mjs")],
            "typescript-2": [node, client("mcp_client.mjs"), "--mode", "legacy"],
            "typescript-2-auto": [node, client("mcp_client.mjs"), "--mode", "auto"],
            "inspector": [node, client("inspector.mjs"), "--mode", "legacy"],
            "inspector-auto": [node, client("inspector.mjs"), "--mode", "auto"],
            "openai-agents": [python, client("openai_agents_client.py")],
            "openai-agents-older": [program(older, "python"), client("openai_agents_client.py")],
            "langchain": [program(older, "python"), client("langchain_client.py")],
        },
        "inspector": package("inspector/clients/launcher/build/index.js"),
        "loopback": client("loopback.mjs"),
        "bearer": client("bearer.mjs"),
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A folder for one test, under the build's own.
    fn places(name: &str) -> Places {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/xtask-tests").join(name);
        remove(&root, |it| std::fs::remove_dir_all(it)).expect("it can be removed");
        let places = Places::under(&root);
        std::fs::create_dir_all(&places.locks).expect("it can be made");
        places
    }

    fn lock(places: &Places, text: &str) {
        std::fs::write(places.locks.join("lock"), text).expect("it can be written");
    }

    #[test]
    fn a_part_is_installed_once_for_each_lock() {
        let places = places("once");
        let runs = Cell::new(0);
        let install = || {
            places.once("part", &["lock"], |_| {
                runs.set(runs.get() + 1);
                Ok(())
            })
        };
        lock(&places, "one");
        install().expect("it installs");
        install().expect("it is there");
        assert_eq!(runs.get(), 1);
        lock(&places, "two");
        install().expect("it installs anew");
        assert_eq!(runs.get(), 2);
    }

    #[test]
    fn a_part_that_failed_half_way_is_made_anew() {
        let places = places("half");
        lock(&places, "one");
        let failed = places.once("part", &["lock"], |folder| {
            std::fs::write(folder.join("half"), "")?;
            anyhow::bail!("no answer")
        });
        let told = format!("{:#}", failed.expect_err("it fails"));
        assert!(
            told.contains("cannot install part: is its registry reachable?: no answer"),
            "{told}"
        );
        places
            .once("part", &["lock"], |folder| {
                assert!(!folder.join("half").exists(), "the half-made part is still there");
                Ok(())
            })
            .expect("it installs");
    }

    #[test]
    fn a_missing_lock_is_named() {
        let failed = places("none").once("part", &["lock"], |_| Ok(()));
        assert!(failed.expect_err("no lock").to_string().contains("lock"));
    }
}
