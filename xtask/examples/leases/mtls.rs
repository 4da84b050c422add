//! A server of OpenSSL's that wants certificates and honours our list, and connections that ask it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use bailiwick_connect::{Broker, Credential, EndCommand, X509, X509Target};
use bailiwick_model::Timestamp;

use crate::{
    sessions::{SESSIONS, Target, clock, field},
    tell,
};

/// The server, its clients, and the command that ends connections.
const REPORTS: &str = include_str!("reports.py");

/// The server, and who signs certificates for it.
pub(crate) struct Mtls {
    folder: PathBuf,
    broker: X509,
    port: String,
    serial: String,
    _server: Running,
}

/// A program that is ended with what it is part of.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = (self.0.kill(), self.0.wait());
    }
}

impl Mtls {
    /// Starts one; nothing where there is no Python with OpenSSL, or no OpenSSL.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        let there = |program: &str, words: &[&str]| {
            let mut command = Command::new(program);
            command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|it| it.success())
        };
        if !there("python3", &["-c", "import ssl"]) || !there("openssl", &["version"]) {
            tell(
                "    connections of client certificates are left out: they want python3 and openssl",
            );
            return Ok(None);
        }
        let folder = folder.join("mtls");
        fs::create_dir(&folder)?;
        fs::write(folder.join("reports.py"), REPORTS)?;
        let made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                    -subj /CN=localhost -addext subjectAltName=DNS:localhost \
                    -keyout server.key -out server.pem";
        let mut openssl = Command::new("openssl");
        openssl.args(made.split_whitespace()).current_dir(&folder).stderr(Stdio::null());
        anyhow::ensure!(openssl.status()?.success(), "openssl makes no certificate");
        // The authority and its list are there before the server reads them.
        let broker = X509::new("reports".parse()?, target(&folder)?, clock()?);
        let broker = broker.map_err(anyhow::Error::msg)?;
        let (server, mut said) = reports(&folder, &["serve", "."])?;
        let mut port = String::new();
        said.read_line(&mut port)?;
        let port = port.trim().to_owned();
        anyhow::ensure!(!port.is_empty(), "the server does not listen");
        Ok(Some(Self { folder, broker, port, serial: String::new(), _server: server }))
    }
}

fn target(folder: &Path) -> anyhow::Result<X509Target> {
    let home = folder.display().to_string();
    let end = ["env", "-C", &home, "python3", "-B", "reports.py", "end", "."].map(str::to_owned);
    Ok(X509Target {
        folder: folder.join("private"),
        crl: folder.join("crl.pem"),
        trust_domain: "example.org".into(),
        paths: vec!["/reports/{identity}".into()],
        longest: Duration::from_secs(3600),
        end: EndCommand::new(&end).context("there is no command")?,
    })
}

fn reports(folder: &Path, words: &[&str]) -> anyhow::Result<(Running, BufReader<ChildStdout>)> {
    let mut command = Command::new("python3");
    command.args(["-B", "reports.py"]).args(words).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let said = child.stdout.take().context("it says nothing")?;
    Ok((Running(child), BufReader::new(said)))
}

impl Target for Mtls {
    const NAME: &'static str = "mtls";
    const LEASES: usize = 5;
    type Open = (Running, BufReader<ChildStdout>);

    fn broker(&self) -> &dyn Broker {
        &self.broker
    }

    fn wants(&self) -> Vec<String> {
        vec!["/reports/{identity}".into()]
    }

    fn open(&mut self, credential: &Credential) -> anyhow::Result<Self::Open> {
        fs::write(self.folder.join("client.pem"), field(credential, "certificate")?)?;
        fs::write(self.folder.join("client.key"), field(credential, "private_key")?)?;
        self.serial = serial(&self.folder)?;
        let words = ["ask", ".", &self.port, &SESSIONS.to_string()];
        let (client, mut said) = reports(&self.folder, &words)?;
        let mut line = String::new();
        said.read_line(&mut line)?;
        anyhow::ensure!(line == "open\n", "not every connection is answered");
        Ok((client, said))
    }

    fn closed(&mut self, open: Self::Open) -> anyhow::Result<Vec<Timestamp>> {
        let (_client, mut said) = open;
        // It ends when the last of its connections is closed.
        said.read_to_end(&mut Vec::new())?;
        let mut control = UnixStream::connect(self.folder.join("control"))?;
        control.write_all(format!("last {}\n", self.serial).as_bytes())?;
        let mut line = String::new();
        BufReader::new(control).read_line(&mut line)?;
        let moments: Vec<i64> = serde_json::from_str(&line)?;
        Ok(moments.into_iter().map(Timestamp::from_millis).collect())
    }
}

/// Asks OpenSSL for the serial of the certificate.
fn serial(folder: &Path) -> anyhow::Result<String> {
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-in", "client.pem", "-noout", "-serial"]).current_dir(folder);
    let said = String::from_utf8(openssl.output()?.stdout)?;
    let serial = said.trim().strip_prefix("serial=").context("the certificate has no serial")?;
    Ok(serial.to_owned())
}
