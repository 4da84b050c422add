//! A real browser for our pages: the machine's Chromium, else Debian's, unpacked with what it needs and not installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::Places;
use crate::run;

/// What it is called, by where it comes from.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Finds it, and says where it and its libraries are; nothing where there is none, which is no fault.
pub(super) fn find(places: &Places) -> Option<Value> {
    if let Some(program) = of_machine() {
        return Some(json!({ "program": program, "libraries": "" }));
    }
    let folder = unpack(places)?;
    let below = folder.join("usr/lib");
    let libraries: Vec<_> = [format!("{}-linux-gnu", std::env::consts::ARCH)]
        .iter()
        .flat_map(|it| [below.join(it), below.join(it).join("pulseaudio")])
        .map(|it| it.display().to_string())
        .collect();
    let (program, libraries) = (below.join("chromium/chromium"), libraries.join(":"));
    works(&program, &libraries).then(|| json!({ "program": program, "libraries": libraries }))
}

fn of_machine() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places: Vec<_> = std::env::split_paths(&path).collect();
    let all = NAMES.iter().flat_map(|name| places.iter().map(move |it| it.join(name)));
    all.filter(|it| it.is_file()).find(|it| works(it, ""))
}

/// Says whether it starts: its libraries may be missing, or it may be a word for how to install it.
fn works(program: &Path, libraries: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version");
    if !libraries.is_empty() {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    run::quietly(&mut command).is_ok_and(|it| it.contains('.'))
}

fn unpack(places: &Places) -> Option<PathBuf> {
    if !run::answers("dpkg", &["--version"]) {
        return None;
    }
    let unpacked = places.once("browser", &[], |folder| {
        let archives = folder.join("archives");
        std::fs::create_dir_all(archives.join("partial"))?;
        // What the machine has already is not fetched.
        let into = format!("Dir::Cache::archives={}", archives.display());
        let words = ["-qq", "-y", "--no-install-recommends", "--download-only"];
        let mut fetch = Command::new("apt-get");
        fetch.args(words).args(["-o", "Debug::NoLocking=true", "-o", &into]);
        run::quietly(fetch.args(["install", "chromium"]))?;
        for file in std::fs::read_dir(&archives)? {
            let file = file?.path();
            if file.extension().is_some_and(|it| it == "deb") {
                run::quietly(Command::new("dpkg").arg("-x").arg(file).arg(folder))?;
            }
        }
        std::fs::remove_dir_all(archives)?;
        Ok(())
    });
    if let Err(error) = unpacked {
        run::tell(&format!("    the browser is left out: {error:#}"));
        return None;
    }
    Some(places.home.join("browser"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_start_or_says_no_version_is_no_browser() {
        assert!(!works(Path::new("/no/such/program"), ""));
        assert!(!works(Path::new("/bin/false"), ""));
        assert!(!works(Path::new("/bin/test"), ""), "it says nothing");
    }
}
