//! A house whose governor decides for others, and how it is asked and changed.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::SocketAddr,
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};

use crate::{
    agent::{Agent, Target},
    house::House,
    point::Point,
};

/// The enforcement point that asks.
const PEP: &str = "bench";

impl House {
    /// Writes a house with an enforcement point that may ask.
    pub(crate) fn asked(program: &Path, folder: &Path, server: SocketAddr) -> anyhow::Result<Self> {
        let house = Self::first(program, folder, server)?;
        let point = format!("[authzen]\npeps = [\"{PEP}\"]\n");
        house.edit("bailiwick.toml", |text| Ok(format!("{text}\n{point}")))?;
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

    /// Says how the enforcement point asks.
    pub(crate) fn point(&self) -> anyhow::Result<Point> {
        let file = self.folder.join(format!("state/authzen/{PEP}.token"));
        let token = fs::read_to_string(file).context("the enforcement point has no token")?;
        Ok(Point { address: self.address, token: Some(token.trim().to_owned()) })
    }

    /// Reads a note as an agent of a new task does: the governor learns what its server offers.
    pub(crate) fn call(&self) -> anyhow::Result<()> {
        let token = self.open_task()?;
        Agent::open(&Target::reading(self.address, "/mcp/notes", Some(token)))?.call()?;
        Ok(())
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
}
