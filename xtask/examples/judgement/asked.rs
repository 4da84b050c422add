//! A real governor that decides for others: its configuration as `init` writes it, and its process.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::{point::Point, processes};

/// The enforcement point that asks.
const PEP: &str = "bench";

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
    /// Writes what `init` writes, with a tool server that is reached over HTTP and an enforcement
    /// point that may ask.
    pub(crate) fn new(program: &Path, folder: &Path, server: SocketAddr) -> anyhow::Result<Self> {
        // Its port is free again before the governor takes it: public_url is part of every token.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        fs::create_dir_all(folder)?;
        let house = Self { program: program.to_owned(), folder: folder.to_owned(), address };
        house.run(&["init"])?;
        house.edit("bailiwick.toml", |text| {
            let text = replaced(text, "127.0.0.1:8470", &address.to_string())?;
            let child = r#"command = ["bailiwick", "demo-server", "notes"]"#;
            let text = replaced(&text, child, &format!("url = \"http://{server}/mcp\""))?;
            Ok(format!("{text}\n[authzen]\npeps = [\"{PEP}\"]\n"))
        })?;
        Ok(house)
    }

    /// Puts files into a folder of the configuration.
    pub(crate) fn write(&self, folder: &str, files: &[(String, String)]) -> anyhow::Result<()> {
        let folder = self.folder.join(folder);
        fs::create_dir_all(&folder)?;
        for (name, text) in files {
            fs::write(folder.join(name), text)?;
        }
        Ok(())
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
    pub(crate) fn run(&self, words: &[&str]) -> anyhow::Result<String> {
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

    /// Says how the enforcement point asks.
    pub(crate) fn point(&self) -> anyhow::Result<Point> {
        let file = self.folder.join(format!("state/authzen/{PEP}.token"));
        let token = fs::read_to_string(file).context("the enforcement point has no token")?;
        Ok(Point { address: self.address, token: Some(token.trim().to_owned()) })
    }

    /// Lets the governor read its configuration again, and waits until that is in force.
    pub(crate) fn reload(&self) -> anyhow::Result<()> {
        let mut stream = UnixStream::connect(self.folder.join("state/admin.sock"))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let head = "POST /api/v1/reload HTTP/1.1\r\nHost: admin.sock\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 4\r\n\r\nnull";
        stream.write_all(head.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if !answer.starts_with("HTTP/1.1 200") {
            bail!("the governor did not read again: {answer}");
        }
        Ok(())
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
