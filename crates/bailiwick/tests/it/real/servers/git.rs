//! A server whose tools work on a repository.

use std::{fs, path::Path, process::Command};

use super::{Case, Launch};

pub(in crate::real) const GIT: Case = Case {
    server: "repository",
    launch: Launch::Child(|parts, folder| {
        let repository = folder.join("repo").display().to_string();
        [parts.command("servers", "git"), vec!["--repository".to_owned(), repository]].concat()
    }),
    variables: &[],
    prepare: |folder| {
        let repository = folder.join("repo");
        fs::create_dir(&repository).unwrap();
        fs::write(repository.join("readme"), "read me").unwrap();
        let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
        git(&repository, &["init", "--quiet", "--initial-branch", "main"]);
        git(&repository, &["add", "readme"]);
        git(&repository, &[&author[..], &["commit", "--quiet", "-m", "begin"]].concat());
    },
    words: r#"
[server.tool.git_create_branch]
effects = ["write"]
resource = "{branch_name}"
"#,
    allow: r#"
[[allow]]
server = "SERVER"
tools = ["git_create_branch"]
when = 'context.input.repo_path == "DIR/repo" && context.input.branch_name like "agent/*"'
[[allow]]
server = "SERVER"
tools = ["git_log", "git_status"]
when = 'context.input.repo_path == "DIR/repo"'
"#,
    look: r#"
[[allow]]
server = "SERVER"
tools = ["git_log"]
when = 'context.input.repo_path == "DIR/repo"'
"#,
    seen: &["git_create_branch", "git_log", "git_status"],
    within: r#"{"op": "call_tool", "name": "git_create_branch",
        "arguments": {"repo_path": "DIR/repo", "branch_name": "agent/MARK"}}"#,
    says: "Created branch",
    outside: r#"{"op": "call_tool", "name": "git_create_branch",
        "arguments": {"repo_path": "DIR/repo", "branch_name": "release/MARK"}}"#,
    harmless: r#"{"op": "call_tool", "name": "git_log", "arguments": {"repo_path": "DIR/repo"}}"#,
    shows: "begin",
    is_marked: |world, mark| {
        let is_in = |it| world.governor.path(&format!("repo/.git/refs/heads/{it}/{mark}")).exists();
        is_in("agent") || is_in("release")
    },
};

fn git(repository: &Path, words: &[&str]) {
    let done = Command::new("git").arg("-C").arg(repository).args(words).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}
