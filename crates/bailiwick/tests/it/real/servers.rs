//! The servers, and what each of them is asked: a file a server, and a test.
//!
//! In the texts `DIR` is the governor's folder, `PAGES` the address of its pages where it has some,
//! and `MARK` tells one call's effect from another's.

mod everything;
mod fetch;
mod filesystem;
mod git;
mod memory;
mod sqlite;
mod time;

use std::{fs, path::Path};

use super::{parts::Parts, scenes::all_scenes, world::World};

pub(super) use everything::{EVERYTHING, EVERYTHING_OVER_HTTP};
pub(super) use fetch::FETCH;
pub(super) use filesystem::FILESYSTEM;
pub(super) use git::GIT;
pub(super) use memory::MEMORY;
pub(super) use sqlite::SQLITE;
pub(super) use time::TIME;

/// How a server gets to run: the words of its command, by where the parts and its things are.
#[derive(Clone, Copy)]
pub(super) enum Launch {
    /// The governor starts it.
    Child(fn(&Parts, &Path) -> Vec<String>),
    /// It runs by itself and speaks over streamable HTTP.
    Http(fn(&Parts, &Path) -> Vec<String>),
}

/// One server, and what it is asked.
pub(super) struct Case {
    pub(super) server: &'static str,
    pub(super) launch: Launch,
    /// The variables it gets besides its home and where programs are.
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// Makes what the server works on.
    pub(super) prepare: fn(&Path),
    /// The operator's words on its tools.
    pub(super) words: &'static str,
    /// What the task may do, and nothing else.
    pub(super) allow: &'static str,
    /// The lines of a task that may only look.
    pub(super) look: &'static str,
    /// What the task is shown of the server's tools.
    pub(super) seen: &'static [&'static str],
    /// A call within the lines, which leaves its mark.
    pub(super) within: &'static str,
    /// What the server answers to it.
    pub(super) says: &'static str,
    /// A call of the same tool outside of them, which would leave its mark too.
    pub(super) outside: &'static str,
    /// A call that only looks.
    pub(super) harmless: &'static str,
    /// What the server answers to it.
    pub(super) shows: &'static str,
    /// Looks past the gateway, or past the task, for a mark.
    pub(super) is_marked: fn(&World<'_>, &str) -> bool,
}

/// Has all that a server is sent noted in a file, where it leaves no trace of its own.
fn noted(command: Vec<String>) -> Vec<String> {
    let noting = ["sh", "-c", r#"tee -a "$SENT" | "$0" "$@""#].map(str::to_owned);
    [noting.to_vec(), command].concat()
}

/// The variable that names this file.
const SENT: (&str, &str) = ("SENT", "DIR/notes/sent");

fn was_noted(world: &World<'_>, mark: &str) -> bool {
    let sent = fs::read_to_string(world.governor.path("notes/sent")).unwrap();
    sent.contains(&format!("\"{mark}\""))
}

#[test]
fn the_filesystem_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&FILESYSTEM);
}

#[test]
fn the_git_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&GIT);
}

#[test]
fn the_sqlite_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&SQLITE);
}

#[test]
fn the_everything_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&EVERYTHING);
}

#[test]
fn the_memory_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&MEMORY);
}

#[test]
fn the_time_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&TIME);
}

#[test]
fn the_fetch_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&FETCH);
}

#[test]
fn the_everything_server_over_http_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&EVERYTHING_OVER_HTTP);
}
