//! A real OpenSSH server, and sessions that say the time.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use bailiwick_connect::{Broker, Credential, EndCommand, Ssh as Authority, SshTarget};
use bailiwick_model::Timestamp;
use bailiwick_testkit::real::Sshd;

use crate::sessions::{SESSIONS, Target, clock, field};

/// How many sign in at once: a server turns away who comes when too many do.
const AT_ONCE: usize = 8;
/// What a session does at the server: no program is started for each line, which would be measured, too.
const SAYS: &str =
    "exec python3 -uc 'import time\nwhile True:\n print(int(time.time()*1000))\n time.sleep(0.01)'";

/// The server, and who signs certificates for it.
pub(crate) struct Ssh {
    server: Sshd,
    broker: Authority,
    folder: PathBuf,
}

impl Ssh {
    /// Starts one; nothing where none is installed.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        let folder = folder.join("ssh");
        fs::create_dir(&folder)?;
        let [authority, list] = ["private/ca.pub", "krl"].map(|it| folder.join(it));
        let Some(server) = Sshd::start(&authority, &list) else { return Ok(None) };
        let broker = Authority::new("bench".parse()?, target(&server, &folder)?, clock()?);
        Ok(Some(Self { server, broker: broker.map_err(anyhow::Error::msg)?, folder }))
    }
}

fn target(server: &Sshd, folder: &Path) -> anyhow::Result<SshTarget> {
    Ok(SshTarget {
        host: "127.0.0.1".into(),
        port: 22,
        host_key: None,
        folder: folder.join("private"),
        krl: folder.join("krl"),
        principals: vec![server.account().to_owned()],
        command: None,
        terminal: false,
        sources: vec!["127.0.0.0/8".into()],
        longest: Duration::from_secs(300),
        end: EndCommand::new(&server.end()).context("there is no command")?,
    })
}

impl Target for Ssh {
    const NAME: &'static str = "ssh";
    const LEASES: usize = 2;
    type Open = Vec<Connection>;

    fn broker(&self) -> &dyn Broker {
        &self.broker
    }

    fn wants(&self) -> Vec<String> {
        vec![self.server.account().to_owned()]
    }

    fn open(&mut self, credential: &Credential) -> anyhow::Result<Vec<Connection>> {
        let (key, certificate) = (self.folder.join("key"), self.folder.join("key-cert.pub"));
        for (path, name) in [(&key, "private_key"), (&certificate, "certificate")] {
            fs::write(path, field(credential, name)?)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        }
        let mut open = Vec::new();
        while open.len() < SESSIONS {
            let more = AT_ONCE.min(SESSIONS.saturating_sub(open.len()));
            let begun = (0..more).map(|_| Connection::begin(&self.server, &key, &certificate));
            let mut begun = begun.collect::<anyhow::Result<Vec<_>>>()?;
            for connection in &mut begun {
                connection.first().with_context(|| self.server.said())?;
            }
            open.extend(begun);
        }
        Ok(open)
    }

    fn closed(&mut self, open: Vec<Connection>) -> anyhow::Result<Vec<Timestamp>> {
        open.into_iter().map(Connection::last).collect()
    }
}

/// One connection, in which somebody says the time.
pub(crate) struct Connection {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    first: String,
}

impl Connection {
    fn begin(server: &Sshd, key: &Path, certificate: &Path) -> anyhow::Result<Self> {
        let mut client = server.client(key, certificate);
        client.arg(SAYS).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = client.spawn()?;
        let lines = BufReader::new(child.stdout.take().context("it says nothing")?).lines();
        Ok(Self { child, lines, first: String::new() })
    }

    /// Waits until it is let in.
    fn first(&mut self) -> anyhow::Result<()> {
        self.first = self.lines.next().context("it is not let in")??;
        Ok(())
    }

    /// Reads what it still says, and gives the last: a moment of the server's clock.
    fn last(mut self) -> anyhow::Result<Timestamp> {
        // What is cut in the middle of a line is no line.
        let whole = |it: &String| self.first.len() <= it.len();
        let last = self.lines.by_ref().map_while(Result::ok).filter(whole).last();
        self.child.wait()?;
        let last = last.unwrap_or_else(|| self.first.clone());
        Ok(Timestamp::from_millis(last.parse()?))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = (self.child.kill(), self.child.wait());
    }
}
