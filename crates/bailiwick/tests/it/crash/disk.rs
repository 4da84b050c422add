//! A full disk: nothing goes out that cannot be written down.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES, until};

/// A small disk of its own, gone when dropped.
struct Disk(PathBuf);

impl Disk {
    /// Mounts one; none where this account may not.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=3m,mode=0700", "bailiwick-test"])
            .arg(at)
            .output();
        mounted.is_ok_and(|it| it.status.success()).then(|| Self(at.to_owned()))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file = fs::File::create(self.filler()).unwrap();
        for size in [4096, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _gone = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

fn read(governor: &Governor, token: &str, path: &str) -> (String, Value) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "read_note", "arguments": {"path": path}}});
    let answer = governor.post("/mcp/notes", token, &[], &body.to_string());
    let decision = answer.decision().unwrap().to_owned();
    (decision, answer.json()["result"].clone())
}

#[test]
fn on_a_full_disk_nothing_is_sent_and_nothing_acknowledged_is_lost() {
    let mut governor = Governor::prepare(NOTES);
    let Some(disk) = Disk::mount(&governor.path("disk")) else {
        eprintln!("SKIPPED: this account may not mount a small disk to fill up");
        return;
    };
    let config = NOTES[0].1.replace("dir = \"state\"", "dir = \"disk/state\"");
    governor.write("bailiwick.toml", &config);
    governor.serve();
    governor.write("bailiwick.toml", &config.replace("127.0.0.1:0", governor.host()));
    let (task, token) = governor.open("reader", "reading", &[]);
    let (first, allowed) = read(&governor, &token, "/notes/first");
    assert_eq!(allowed["isError"], false, "{allowed}");
    assert_eq!(health(&governor), (200, "ok".to_owned()));

    // A signed head must lie elsewhere before the disk is full, to compare with afterwards.
    let copies = governor.path("checkpoints");
    until("a signed head was copied", || {
        fs::read_dir(&copies).is_ok_and(|all| {
            all.filter_map(Result::ok).any(|it| it.metadata().is_ok_and(|it| 0 < it.len()))
        })
    });

    // What was set aside before may still be used up; then every call is refused.
    disk.fill();
    let mut acknowledged = vec![first];
    let mut calls = 0;
    until("the disk is full for the ledger", || {
        calls += 1;
        let (decision, answer) = read(&governor, &token, &format!("/notes/{calls}"));
        let refused = answer["structuredContent"]["code"] == "no_evidence";
        if !refused {
            acknowledged.push(decision);
        }
        refused
    });
    let reached = governor.reached();
    assert_eq!(reached, acknowledged.len());
    for number in 0..10 {
        let (_, answer) = read(&governor, &token, &format!("/notes/after-{number}"));
        assert_eq!(answer["structuredContent"]["verdict"], "deny", "{answer}");
        assert_eq!(answer["structuredContent"]["code"], "no_evidence", "{answer}");
    }
    let (status, why) = health(&governor);
    assert_eq!(status, 503);
    assert!(why.contains("evidence cannot be written") && why.contains("full"), "{why}");
    governor.refused(&["task", "open", "--as", "reader", "--template", "reading"], 3);
    governor.refused(&["task", "end", &task], 3);
    assert_eq!(governor.reached(), reached);

    // Space alone heals nothing: a restart reads what is really there.
    fs::remove_file(disk.filler()).unwrap();
    assert_eq!(health(&governor).0, 503);
    governor.kill();
    governor.serve();
    assert_eq!(health(&governor).0, 200);
    let verified = governor.json(&["ledger", "verify", "--against", "checkpoints"]);
    assert_eq!(verified["ok"], true, "{verified}");
    for decision in &acknowledged {
        assert_eq!(governor.json(&["why", decision])["verdict"], "allow");
    }
    let (_, answer) = read(&governor, &token, "/notes/again");
    assert_eq!(answer["isError"], false, "{answer}");
    assert_eq!(governor.reached(), reached + 1);
    governor.stop();
}

/// Asks `/healthz`: the status, and why.
fn health(governor: &Governor) -> (u16, String) {
    let request =
        format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", governor.host());
    let answer = governor.raw(request.as_bytes());
    let body = answer.json();
    let why = body.get("why").unwrap_or(&body["status"]);
    (answer.status, why.as_str().unwrap().to_owned())
}
