//! `[state]`: where registry, ledger and the server's own keys lie.

use std::path::{Path, PathBuf};

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
}

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
        state.not_yet("url", "is not reached yet: state is kept in a folder");
        if let Some(given) = given {
            settings.given("state.dir", given);
            return Some(State { path: PathBuf::from(&given.text) });
        }
        let text = match text {
            Some(text) => text.into_inner(),
            None if dir.is_given() => return None,
            None => "state".to_owned(),
        };
        let path = home.join(text);
        settings.add("state.dir", &path.display(), dir.at());
        Some(State { path })
    })
    .flatten()
}
