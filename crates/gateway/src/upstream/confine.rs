//! Keeps a child's hands off the gateway's own files and off its processes, where the kernel can
//! (Landlock).
//!
//! Landlock knows only what is allowed, and whatever is allowed for a folder is allowed for all
//! that is in it. So everything beside the way from `/` to a forbidden path is allowed, and nothing
//! on the way itself. Two consequences: a child cannot list the folders that the way leads through,
//! and what is put directly into them after its start is out of its reach until it starts again.
//! Kernels up to ABI 8 do not see connections to sockets that have a path.

use std::{
    collections::BTreeSet,
    fs, io,
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
};

use landlock::{
    ABI, Access as _, AccessFs, LandlockStatus, PathBeneath, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use rustix::fs::{FileType, Mode, OFlags};
use tokio::{process::Command, runtime::Handle};

/// The newest set of rights that this was tested with; older kernels enforce what they know.
const RIGHTS: ABI = ABI::V10;
/// From here on a file that cannot be written cannot be truncated either.
const ENOUGH: ABI = ABI::V3;
/// From here on a child cannot signal anyone but what it has started itself.
const SIGNALS: ABI = ABI::V6;

/// A child, and why it is not confined if it is not.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: tokio::process::Child,
    pub(super) unconfined: Option<String>,
}

/// Starts `command` so that it and its children can neither read nor write `forbidden`, nor send
/// a signal to anyone but themselves.
///
/// A confinement can never be taken off again, so a thread of its own puts it on, starts the
/// child, which inherits it, and ends.
pub(super) async fn start(mut command: Command, forbidden: &[PathBuf]) -> io::Result<Started> {
    if forbidden.is_empty() {
        return Ok(Started { child: command.spawn()?, unconfined: None });
    }
    let forbidden = forbidden.to_vec();
    let runtime = Handle::current();
    let (sender, started) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("confined start".to_owned()).spawn(move || {
        let unconfined = confine_this_thread(&forbidden).err();
        let _inside = runtime.enter();
        let started = command.spawn().map(|child| Started { child, unconfined });
        // If nobody waits any more the child is dropped here, and that kills it.
        let _nobody_waits = sender.send(started);
    })?;
    started.await.map_err(|_| io::Error::other("the thread that starts it broke off"))?
}

/// Says why a child could not be kept from `forbidden`; a thread that ends at once shows it.
pub fn try_confine(forbidden: &[PathBuf]) -> Result<(), String> {
    let forbidden = forbidden.to_vec();
    let confined = std::thread::spawn(move || confine_this_thread(&forbidden)).join();
    confined.unwrap_or_else(|_| Err("trying it broke off".to_owned()))
}

fn confine_this_thread(forbidden: &[PathBuf]) -> Result<(), String> {
    let forbidden: BTreeSet<_> = forbidden
        .iter()
        .map(|it| places(it))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|it| it.to_string())?
        .into_iter()
        .flatten()
        .collect();
    if forbidden.contains(Path::new("/")) {
        return Err("`/` cannot be forbidden: no program could run".to_owned());
    }
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(RIGHTS))
        .and_then(|it| it.scope(Scope::from_all(RIGHTS)))
        .and_then(Ruleset::create)
        .map_err(|it| it.to_string())?;
    for folder in on_the_way(&forbidden) {
        rules = allow_beside(rules, folder, &forbidden)?;
    }
    let status = rules.restrict_self().map_err(|it| it.to_string())?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Err("this kernel has no Landlock".to_owned()),
        (_, LandlockStatus::Available { effective_abi, .. }) if effective_abi < ENOUGH => {
            Err(format!("this kernel's Landlock (ABI {effective_abi}) does not stop truncating"))
        }
        (_, LandlockStatus::Available { effective_abi, .. }) if effective_abi < SIGNALS => {
            tracing::warn!("this kernel's Landlock (ABI {effective_abi}) does not stop signals");
            Ok(())
        }
        (_, _) => Ok(()),
    }
}

/// Gives every folder that a way to a forbidden path leads through, save those that lie behind
/// another forbidden one.
fn on_the_way(forbidden: &BTreeSet<PathBuf>) -> BTreeSet<&Path> {
    forbidden
        .iter()
        .flat_map(|it| it.ancestors().skip(1))
        .filter(|folder| !folder.ancestors().any(|it| forbidden.contains(it)))
        .collect()
}

/// Allows everything in `folder` that no way to a forbidden path leads through.
fn allow_beside(
    mut rules: RulesetCreated,
    folder: &Path,
    forbidden: &BTreeSet<PathBuf>,
) -> Result<RulesetCreated, String> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // A way may end where nothing is yet.
        Err(error) if is_missing(&error) => return Ok(rules),
        Err(error) => return Err(format!("`{}` cannot be listed: {error}", folder.display())),
    };
    for entry in entries {
        let path = entry.map_err(|it| it.to_string())?.path();
        if forbidden.iter().any(|it| it.starts_with(&path)) {
            continue;
        }
        if let Some((file, rights)) = open(&path) {
            rules = rules.add_rule(PathBeneath::new(file, rights)).map_err(|it| it.to_string())?;
        }
    }
    Ok(rules)
}

/// Takes hold of what may be touched. A symbolic link is skipped: where it leads is allowed or
/// not by its own path. What cannot be opened stays out of reach.
fn open(path: &Path) -> Option<(OwnedFd, landlock::BitFlags<AccessFs>)> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).ok()?;
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file).ok()?.st_mode);
    match kind {
        FileType::Symlink => None,
        FileType::Directory => Some((file, AccessFs::from_all(RIGHTS))),
        FileType::RegularFile
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Some((file, AccessFs::from_file(RIGHTS))),
    }
}

/// Gives the path without links, and every link that leads there: whoever could exchange one of
/// them would exchange what lies behind it.
fn places(path: &Path) -> io::Result<Vec<PathBuf>> {
    let path = std::path::absolute(path)?;
    let mut places = vec![real(&path)?];
    for it in path.ancestors().filter(|it| it.is_symlink()) {
        if let (Some(folder), Some(name)) = (it.parent(), it.file_name()) {
            places.push(real(folder)?.join(name));
        }
    }
    Ok(places)
}

/// Says whether there is nothing under a path; what lies below a file is nothing.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Gives the path without links, also of something that does not exist yet.
fn real(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut missing = Vec::new();
    let mut there = path.as_path();
    loop {
        match fs::canonicalize(there) {
            Ok(found) => {
                return Ok(missing.into_iter().rev().fold(found, |at, name| at.join(name)));
            }
            Err(error) if is_missing(&error) => {
                match there.components().next_back() {
                    Some(Component::Normal(name)) => missing.push(name.to_owned()),
                    _ => return Err(error),
                }
                there = there.parent().ok_or(error)?;
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use landlock::{CompatLevel, Compatible as _};

    use super::*;

    /// Runs `script` in a shell that may not touch `forbidden`; gives what it says, or none where
    /// the kernel cannot confine.
    async fn run(script: &str, forbidden: &[PathBuf]) -> Option<String> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let started = start(command, forbidden).await.unwrap();
        if let Some(why) = started.unconfined {
            println!("SKIPPED, NOTHING WAS SHOWN: not confined: {why}");
            return None;
        }
        let output = started.child.wait_with_output().await.unwrap();
        Some(String::from_utf8(output.stdout).unwrap())
    }

    #[tokio::test]
    async fn a_child_is_refused_what_is_forbidden_and_reads_what_lies_beside() {
        let dir = tempfile::tempdir().unwrap();
        let (state, data) = (dir.path().join("state"), dir.path().join("data"));
        fs::create_dir(&state).unwrap();
        fs::create_dir(&data).unwrap();
        fs::write(state.join("registry"), "secret").unwrap();
        fs::write(data.join("note"), "open").unwrap();
        fs::write(dir.path().join("beside"), "near").unwrap();
        std::os::unix::fs::symlink(&state, dir.path().join("link")).unwrap();
        let root = dir.path().display();
        let script = format!(
            "cat {root}/data/note; cat {root}/beside; echo new > {root}/data/new && cat {root}/data/new
             cat {root}/state/registry; cat {root}/link/registry; cat {root}/data/../state/registry
             ls {root}/state && echo listed; echo x > {root}/state/registry && echo written
             true > {root}/state/made && echo made; rm {root}/state/registry && echo removed
             mv {root}/state/registry {root}/data/ && echo moved
             ln {root}/state/registry {root}/data/hard && cat {root}/data/hard; echo end"
        );
        let Some(said) = run(&script, std::slice::from_ref(&state)).await else { return };
        assert_eq!(said, "opennearnew\nend\n");
        assert_eq!(fs::read_to_string(state.join("registry")).unwrap(), "secret");
    }

    #[tokio::test]
    async fn what_is_forbidden_stays_so_when_it_appears_later() {
        let dir = tempfile::tempdir().unwrap();
        let later = dir.path().join("deep/er/checkpoints");
        let script = "read line < /proc/self/fd/0; cat \"$0\"";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).arg(later.join("head"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut started = start(command, std::slice::from_ref(&later)).await.unwrap();
        if let Some(why) = &started.unconfined {
            println!("SKIPPED, NOTHING WAS SHOWN: not confined: {why}");
            return;
        }
        fs::create_dir_all(&later).unwrap();
        fs::write(later.join("head"), "signed").unwrap();
        let mut input = started.child.stdin.take().unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut input, b"go\n").await.unwrap();
        drop(input);
        let output = started.child.wait_with_output().await.unwrap();
        assert!(output.stdout.is_empty(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("denied"), "{output:?}");
    }

    #[tokio::test]
    async fn a_child_can_neither_read_nor_exchange_a_file_or_a_link_that_is_forbidden() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::create_dir(dir.path().join("policies")).unwrap();
        fs::write(dir.path().join("policies/own"), "permit").unwrap();
        fs::write(home.join("bailiwick.toml"), "secret").unwrap();
        fs::write(home.join("beside"), "near").unwrap();
        std::os::unix::fs::symlink(dir.path().join("policies"), home.join("policies")).unwrap();
        let forbidden =
            ["bailiwick.toml", "policies", "missing", "beside/below"].map(|it| home.join(it));
        let home = home.display();
        let script = format!(
            "cat {home}/bailiwick.toml; echo x > {home}/bailiwick.toml && echo written
             echo x > {home}/new && mv {home}/new {home}/bailiwick.toml && echo moved
             cat {home}/policies/own; echo x > {home}/policies/more && echo added
             rm {home}/policies && echo removed; mkdir {home}/missing && echo made
             ln -s /tmp {home}/missing && echo linked; echo end"
        );
        let Some(said) = run(&script, &forbidden).await else { return };
        assert_eq!(said, "end\n");
    }

    #[tokio::test]
    async fn a_child_can_signal_its_own_children_and_not_the_gateway() {
        let dir = tempfile::tempdir().unwrap();
        let strict = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        if strict.scope(Scope::Signal).is_err() {
            println!("SKIPPED, NOTHING WAS SHOWN: this kernel's Landlock knows no signals");
            return;
        }
        let script = "kill -0 $PPID && echo reached; sleep 60 & kill $! && echo own; echo end";
        let state = [dir.path().join("state")];
        assert_eq!(run(script, &state).await.unwrap(), "own\nend\n");
        assert_eq!(run(script, &[]).await.unwrap(), "reached\nown\nend\n");
    }

    #[tokio::test]
    async fn the_gateway_itself_is_not_confined() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        fs::create_dir(&state).unwrap();
        run("true", std::slice::from_ref(&state)).await;
        fs::write(state.join("own"), "own").unwrap();
        assert_eq!(fs::read_to_string(state.join("own")).unwrap(), "own");
    }

    #[test]
    fn the_way_leads_from_the_root_to_what_is_forbidden_and_not_beyond() {
        let forbidden = ["/a/b/state", "/a/keys", "/a/b/state/inner"].map(PathBuf::from);
        let forbidden = BTreeSet::from(forbidden);
        let way: Vec<_> = on_the_way(&forbidden).into_iter().collect();
        assert_eq!(way, [Path::new("/"), Path::new("/a"), Path::new("/a/b")]);
    }

    #[test]
    fn a_path_loses_its_links_also_where_its_end_does_not_exist() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir(root.join("real")).unwrap();
        std::os::unix::fs::symlink(root.join("real"), root.join("link")).unwrap();
        assert_eq!(real(&root.join("link/not/there")).unwrap(), root.join("real/not/there"));
    }
}
