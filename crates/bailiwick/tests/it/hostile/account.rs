//! Loose permissions, other accounts, confined processes.

use std::{
    fs::{Permissions, set_permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use crate::governor::{Governor, NOTES};

fn loosen(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn loose_permissions_are_refused_at_the_start_with_the_command_that_mends_them() {
    let mut governor = Governor::start(NOTES);
    governor.person("ada");
    governor.stop();
    governor.json(&["identity", "add", "reader", "--generate-key"]);
    for (name, loose, tight) in [
        ("state", 0o755, 0o700),
        ("state/keys", 0o750, 0o700),
        ("state/keys/checkpoint.key", 0o640, 0o600),
        ("state/registry.db", 0o604, 0o600),
        ("state/ledger/00000001.segment", 0o644, 0o600),
        ("state/admin.token", 0o644, 0o600),
        ("keys", 0o755, 0o700),
        ("keys/reader.pem", 0o644, 0o600),
        ("keys/people/ada.key", 0o640, 0o600),
    ] {
        let path = governor.path(name);
        loosen(&path, loose);
        let ran = governor.refuses_to_serve();
        assert_eq!(ran.code, 3, "{name}: {ran:?}");
        let wanted = format!("chmod {tight:o} {}", path.display());
        assert!(ran.stderr.contains(&wanted), "{name}: {}", ran.stderr);
        loosen(&path, tight);
    }
    governor.serve();
}

#[test]
fn what_a_governor_makes_is_for_its_account_alone() {
    let governor = Governor::start(NOTES);
    governor.person("ada");
    let mut waiting =
        vec![governor.path("state"), governor.path("keys"), governor.path("checkpoints")];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        let Ok(found) = std::fs::symlink_metadata(&path) else { continue };
        assert_eq!(found.permissions().mode() & 0o077, 0, "{}", path.display());
        seen += 1;
        if found.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|it| it.unwrap().path()));
        }
    }
    assert!(15 < seen, "{seen}");
}

#[test]
fn another_account_gets_no_answer_on_the_admin_socket() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can act as another account");
        return;
    }
    let governor = Governor::start(NOTES);
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    // It cannot even reach the socket; nor the state.
    loosen(governor.folder(), 0o755);
    let program = env!("CARGO_BIN_EXE_bailiwick");
    let runs = Command::new(nobody[0]).args(&nobody[1..]).args([program, "--version"]).output();
    if !runs.is_ok_and(|it| it.status.success()) {
        eprintln!("SKIPPED: another account cannot run `setpriv` and `{program}`");
        return;
    }
    let ran = governor.run_behind(&nobody, &["task", "list"]);
    assert_ne!(ran.code, 0, "{ran:?}");
    // Somebody opens the way for it: the kernel still says who is on the other end.
    loosen(&governor.path("state"), 0o755);
    loosen(&governor.path("state/admin.sock"), 0o666);
    for words in [
        vec!["task", "list"],
        vec!["hold", "list"],
        vec!["task", "open", "--as", "reader", "--template", "reading"],
        vec!["contain", "reader", "--why", "for fun"],
        vec!["reload"],
    ] {
        let ran = governor.run_behind(&nobody, &words);
        assert_eq!(ran.code, 1, "{words:?}: {ran:?}");
        assert!(ran.stderr.contains("may not use the admin socket"), "{words:?}: {}", ran.stderr);
    }
    assert_eq!(governor.run(&["task", "list"]).code, 0);
}

#[test]
fn a_process_that_is_confined_as_tool_servers_are_gets_no_answer_on_the_admin_socket() {
    let governor = Governor::start(NOTES);
    let confined = ["setpriv", "--no-new-privs"];
    for words in [
        vec!["task", "list"],
        vec!["task", "open", "--as", "reader", "--template", "reading"],
        vec!["reload"],
    ] {
        let ran = governor.run_behind(&confined, &words);
        assert_eq!(ran.code, 1, "{words:?}: {ran:?}");
        assert!(ran.stderr.contains("confined"), "{words:?}: {}", ran.stderr);
    }
}

#[test]
fn a_tool_server_reads_neither_state_nor_keys() {
    let mut governor = Governor::prepare(NOTES);
    governor.json(&["identity", "add", "writer", "--generate-key"]);
    // A server that tries at its start, before it says a word.
    let script = "for it in state/keys/checkpoint.key state/admin.token state/registry.db keys/writer.pem; do if cat $it; then echo $it; else echo kept; fi; done > reached/tried 2>/dev/null; env > reached/env; exec \"$0\" demo-server notes --count reached/notes";
    let config = NOTES[0].1.replace(
        "[\"bailiwick\", \"demo-server\", \"notes\", \"--count\", \"reached/notes\"]",
        &format!("[\"/bin/sh\", \"-c\", '''{script}''', \"{}\"]", env!("CARGO_BIN_EXE_bailiwick")),
    );
    governor.write("bailiwick.toml", &config);
    governor.serve();
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = governor.call(&token, "read_note", &serde_json::json!({"path": "/notes/today"}));
    assert_eq!(read["isError"], false, "{read}");
    if governor.records().iter().any(|it| it["code"] == "server-not-confined") {
        eprintln!("SKIPPED: this kernel confines no process, and the record says so");
        return;
    }
    let tried = std::fs::read_to_string(governor.path("reached/tried")).unwrap();
    assert_eq!(tried, "kept\n".repeat(4));
    let environment = std::fs::read_to_string(governor.path("reached/env")).unwrap();
    for line in environment.lines() {
        let name = line.split('=').next().unwrap();
        assert!(["PWD", "SHLVL", "_", "OLDPWD", "PATH"].contains(&name), "{line}");
    }
}
