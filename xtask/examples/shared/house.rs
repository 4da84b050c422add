//! A real governor: its configuration as `init` writes it, and its process.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::processes;

/// A configuration in a folder of its own.
#[derive(Debug)]
pub(crate) struct House {
    program: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
}

/// A running governor.
#[derive(Debug)]
pub(crate) struct Governor {
    child: Child,
    /// Kept open, so that the governor can go on saying things.
    said: BufReader<ChildStdout>,
}

impl House {
    /// Writes what `init` writes, with a tool server that is reached over HTTP.
    pub(crate) fn first(program: &Path, folder: &Path, server: SocketAddr) -> anyhow::Result<Self> {
        // Its port is free again before the governor takes it: public_url is part of every token.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        fs::create_dir_all(folder)?;
        let house = Self { program: program.to_owned(), folder: folder.to_owned(), address };
        house.run(&["init"])?;
        house.edit("bailiwick.toml", |text| {
            let text = replaced(text, "127.0.0.1:8470", &address.to_string())?;
            let child = r#"command = ["bailiwick", "demo-server", "notes"]"#;
            replaced(&text, child, &format!("url = \"http://{server}/mcp\""))
        })?;
        Ok(house)
    }

    /// Changes one file of the configuration.
    pub(crate) fn edit(
        &self,
        name: &str,
        change: impl FnOnce(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        let text = fs::read_to_string(&path)?;
        let text = change(&text).with_context(|| format!("`{name}` is not as expected"))?;
        Ok(fs::write(path, text)?)
    }

    /// Runs a command in the house, and gives what it printed.
    fn run(&self, words: &[&str]) -> anyhow::Result<String> {
        let output = self.command(words).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            bail!("`bailiwick {}` failed: {why}", words.join(" "));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(&self.folder);
        command.env_remove("BAILIWICK_CONFIG").env_remove("BAILIWICK_LOG");
        command
    }

    /// Starts a governor, and waits until it says that it governs.
    pub(crate) fn serve(&self) -> anyhow::Result<Governor> {
        let log = File::create(self.folder.join("log"))?;
        let mut child = self.command(&["serve"]).stdout(Stdio::piped()).stderr(log).spawn()?;
        let said = child.stdout.take().context("a piped output is missing")?;
        let mut governor = Governor { child, said: BufReader::new(said) };
        let mut line = String::new();
        governor.said.read_line(&mut line)?;
        if !line.starts_with("bailiwick governs at ") {
            bail!("the governor did not start: {}", fs::read_to_string(self.folder.join("log"))?);
        }
        Ok(governor)
    }

    /// Opens a task, and gives its token.
    pub(crate) fn open_task(&self) -> anyhow::Result<String> {
        let words = ["task", "open", "--template", "keep-notes", "--as", "note-keeper"];
        let more = ["--param", "note=/team/today", "--output", "json"];
        let opened: Value = serde_json::from_str(&self.run(&[&words[..], &more].concat())?)?;
        let token = opened.get("token").and_then(Value::as_str);
        Ok(token.context("the task came without a token")?.to_owned())
    }
}

impl Governor {
    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks the governor to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        processes::terminate(self.child.id())?;
        let ended = self.child.wait()?;
        if !ended.success() {
            bail!("the governor did not stop well: {ended}");
        }
        Ok(())
    }
}

impl Drop for Governor {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Replaces what must be there.
pub(crate) fn replaced(text: &str, from: &str, to: &str) -> anyhow::Result<String> {
    if !text.contains(from) {
        bail!("there is no `{from}` in it");
    }
    Ok(text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_that_finds_nothing_is_an_error() {
        assert_eq!(replaced("a b", "b", "c").unwrap(), "a c");
        assert!(replaced("a b", "x", "c").is_err());
    }
}
