//! `[state]`: where registry, ledger and the server's own keys lie.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::{
    Given,
    origin::Settings,
    read::{Table, filled},
};

/// Where the state lies.
#[derive(Debug)]
pub(super) struct State {
    /// The folder, from the root.
    pub(super) path: PathBuf,
    /// How many tasks that have ended the registry keeps.
    pub(super) ended_tasks: u32,
}

/// How many tasks that have ended are kept where nothing is said.
const ENDED: u64 = 10_000;
/// How many may be: a start reads all of them.
const ENDED_MAX: u64 = 1_000_000;

/// Reads `[state]`.
pub(super) fn read(
    root: &Table<'_>,
    home: &Path,
    given: Option<&Given>,
    settings: &mut Settings<'_>,
) -> Option<State> {
    root.section("state", |state| {
        let dir = state.get("dir");
        let text = dir.made(filled);
        let ended_tasks = ended_tasks(state, settings);
        state.not_yet("url", "is not reached yet: state is kept in a folder");
        if let Some(given) = given {
            settings.given("state.dir", given);
            return Some(State { path: PathBuf::from(&given.text), ended_tasks });
        }
        let text = match text {
            Some(text) => text.into_inner(),
            None if dir.is_given() => return None,
            None => "state".to_owned(),
        };
        let path = home.join(text);
        settings.add("state.dir", &path.display(), dir.at());
        Some(State { path, ended_tasks })
    })
    .flatten()
}

fn ended_tasks(state: &Table<'_>, settings: &mut Settings<'_>) -> u32 {
    let field = state.get("ended_tasks");
    let number = field.whole().map_or(ENDED, Spanned::into_inner);
    if !(1..=ENDED_MAX).contains(&number) {
        field.wrong(format!("between 1 and {ENDED_MAX} tasks that have ended are kept"));
    }
    if let Some(at) = field.at() {
        settings.add("state.ended_tasks", &number, Some(at));
    }
    u32::try_from(number).unwrap_or(u32::MAX)
}
