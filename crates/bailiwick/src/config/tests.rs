//! What is said about each mistake, and the laws of reading.

mod across;
mod charter;
mod constraint;
mod day;
mod design;
mod entities;
mod kek;
mod laws;
mod pinned;
mod questions;
mod rendered;
mod restart;
mod route;
mod server;
mod settings;
mod signals;
mod sources;
mod target;
mod template;
mod whole;

use std::fs;

use tempfile::TempDir;

use super::{Found, House, Overrides};
use crate::check::Look;

/// A house of files; it starts as one without mistakes.
pub(super) struct Files {
    folder: TempDir,
}

const CONFIG: &str = r#"
[evidence]
checkpoints = "../elsewhere"
[[server]]
name = "files"
command = ["files-server"]
"#;

const CHARTER: &str = r#"
identity = "triage-agent"
kind = "agent"
class = "interactive-agent"
owner = "team-support"
purpose = "Triage support tickets"
proof = [{ uid = 1000 }]
templates = ["ticket-triage"]
servers = ["files"]
"#;

const TEMPLATE: &str = r#"
name = "ticket-triage"
owner = "team-support"
purpose = "Triage one support ticket"
[window]
max = "1h"
[[allow]]
server = "files"
tools = ["read_text_file"]
"#;

/// A public key in the shape of one.
pub(super) const KEY: &str =
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAAAA\n-----END PUBLIC KEY-----\n";

impl Files {
    /// Writes a house without mistakes.
    pub(super) fn good() -> Self {
        // The configuration lies one folder down, so that checkpoints can lie outside it.
        let files = Self { folder: tempfile::tempdir().unwrap() };
        files
            .with("bailiwick.toml", CONFIG)
            .with("charters/triage-agent.toml", CHARTER)
            .with("templates/ticket-triage.toml", TEMPLATE)
    }

    /// Writes a file, in place of one of the same name.
    pub(super) fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Writes text at the end of `bailiwick.toml`.
    pub(super) fn config(self, more: &str) -> Self {
        self.with("bailiwick.toml", format!("{}{more}", CONFIG.trim_start()))
    }

    /// Writes the charter with one line in place of another.
    pub(super) fn charter(self, line: &str, other: &str) -> Self {
        self.with("charters/triage-agent.toml", replaced(CHARTER, line, other))
    }

    /// Writes the template with one line in place of another.
    pub(super) fn template(self, line: &str, other: &str) -> Self {
        self.with("templates/ticket-triage.toml", replaced(TEMPLATE, line, other))
    }

    /// Gives the path of a file.
    pub(super) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("home").join(name)
    }

    /// Reads the house.
    pub(super) fn load(&self) -> Result<(House, Vec<super::Warning>), Found> {
        self.load_with(&Overrides::default())
    }

    /// Reads the house with flags or environment.
    pub(super) fn load_with(
        &self,
        overrides: &Overrides,
    ) -> Result<(House, Vec<super::Warning>), Found> {
        House::load(&self.path("bailiwick.toml"), overrides)
    }

    /// Draws every mistake.
    pub(super) fn mistakes(&self) -> String {
        self.mistakes_with(&Overrides::default())
    }

    /// Draws every mistake that there is with flags or environment.
    pub(super) fn mistakes_with(&self, overrides: &Overrides) -> String {
        let errors = self.load_with(overrides).expect_err("there are mistakes").errors;
        let drawn: Vec<String> =
            errors.iter().map(|it| Look::plain(78).draw(it.as_ref())).collect();
        self.anonymous(&drawn.join("\n"))
    }

    /// Draws the remarks with this code.
    pub(super) fn remarks(&self, code: &str) -> String {
        let (_, warnings) = self.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
        let drawn: Vec<String> = warnings
            .iter()
            .filter(|it| miette::Diagnostic::code(*it).is_some_and(|it| it.to_string() == code))
            .map(|it| Look::plain(78).draw(it))
            .collect();
        self.anonymous(&drawn.join("\n"))
    }

    /// Lines without their ends' spaces, and without the place of the moment.
    fn anonymous(&self, text: &str) -> String {
        let place = self.folder.path().to_string_lossy().into_owned();
        let text = text.replace(&place, "PLACE");
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}

fn replaced(text: &str, line: &str, other: &str) -> String {
    assert!(text.contains(line), "`{line}` is there to be replaced");
    text.trim_start().replacen(line, other, 1)
}

#[test]
fn a_good_house_loads() {
    let (house, _) = Files::good().load().unwrap();
    assert_eq!(house.config.servers.len(), 1);
    assert_eq!(house.charters.len(), 1);
    assert_eq!(house.templates.len(), 1);
    let groups: Vec<_> = house.groups.keys().copied().collect();
    assert_eq!(groups, ["charters", "configuration", "policies", "templates"]);
}
