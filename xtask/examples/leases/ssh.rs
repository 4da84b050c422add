//! How long a real OpenSSH server still lets a lease work that is being ended, while sixty-four sessions of
//! it say the time without a pause.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, ChildStdout, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bailiwick_connect::{
    Broker as _, Credential, EndCommand, EndedLease, Field, LeaseOrder, Ssh, SshTarget,
};
use bailiwick_model::{LeaseId, TaskId, Ulid};
use bailiwick_testkit::real::Sshd;

use crate::{
    figures::{Spread, percentile},
    postgres::clock,
    tell,
};

const RUNS: usize = 3;
/// How many leases are ended in a run.
const LEASES: usize = 3;
const SESSIONS: usize = 64;
/// What a session does at the server: no program is started for each line, which would be measured, too.
const SAYS: &str = "exec python3 -uc 'import time\nwhile True:\n print(int(time.time()*1000))\n time.sleep(0.005)'";

/// Measures from the word to the broker until the last line that any session said, by the server's clock,
/// and until the broker says that all is gone. Without an OpenSSH server there is nothing to measure.
pub(crate) async fn measure(folder: &Path) -> anyhow::Result<Vec<(String, Spread)>> {
    let folder = folder.join("ssh");
    fs::create_dir(&folder)?;
    let [authority, list] = ["private/ca.pub", "krl"].map(|it| folder.join(it));
    let Some(server) = Sshd::start(&authority, &list) else { return Ok(Vec::new()) };
    let broker = Ssh::new("bench".parse()?, target(&server, &folder)?, clock()?)
        .map_err(anyhow::Error::msg)?;
    let mut all: [Vec<f64>; 4] = Default::default();
    // Each has a number of its own: by it the server knows which it was told of.
    let mut numbers = 0..u8::MAX;
    for _ in 0..RUNS {
        let (mut last, mut told) = (Vec::new(), Vec::new());
        for number in numbers.by_ref().take(LEASES) {
            let (said, answer) = once(&server, &broker, &folder, number).await?;
            last.extend(said);
            told.push(answer);
        }
        let figures = [(&last, 500), (&last, 990), (&last, 1000), (&told, 500)];
        for (into, (of, permille)) in all.iter_mut().zip(figures) {
            into.push(percentile(of, permille).context("nothing was measured")? / 1000.0);
        }
    }
    let names =
        ["revoke_ssh_ms_p50", "revoke_ssh_ms_p99", "revoke_ssh_ms_max", "revoke_ssh_gone_ms_p50"];
    let mut metrics = Vec::new();
    for (name, runs) in names.into_iter().zip(&all) {
        let spread = Spread::of(runs).context("nothing was measured")?;
        tell(&format!("    {name}: {spread}"));
        metrics.push((name.to_owned(), spread));
    }
    Ok(metrics)
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

/// Gives how long after the word each session still said something, and when the broker was done.
async fn once(
    server: &Sshd,
    broker: &Ssh,
    folder: &Path,
    number: u8,
) -> anyhow::Result<(Vec<Duration>, Duration)> {
    let now = clock()?;
    let ulid = Ulid::new(now, [number; 10]);
    let order = LeaseOrder {
        lease: LeaseId::new(ulid),
        task: TaskId::new(ulid),
        identity: "bench".parse()?,
        on_behalf: None,
        wants: vec![server.account().to_owned()],
        until: now.after(Duration::from_secs(300)),
        now,
    };
    let issued = broker.issue(&order).await?;
    let (key, certificate) = (folder.join("key"), folder.join("key-cert.pub"));
    for (path, name) in [(&key, "private_key"), (&certificate, "certificate")] {
        fs::write(path, field(&issued.credential, name).context("it lacks a field")?)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        sessions.push(Connection::open(server, &key, &certificate)?);
    }
    let (asked, began) = (clock()?, Instant::now());
    let ended = EndedLease {
        lease: order.lease,
        called: Some(issued.called),
        keepsake: None,
        enforced: bailiwick_connect::EnforcedAs::Session,
        until: order.until,
        now: asked,
    };
    broker.revoke(&ended).await?;
    let told = began.elapsed();
    let last = sessions.into_iter().map(Connection::last).collect::<anyhow::Result<Vec<i64>>>()?;
    let late = |it: i64| u64::try_from(it.saturating_sub(asked.millis())).unwrap_or(0);
    Ok((last.into_iter().map(|it| Duration::from_millis(late(it))).collect(), told))
}

fn field(credential: &Credential, wanted: &str) -> Option<String> {
    let mut fields = credential.fields();
    fields.find(|(name, _)| *name == wanted).map(|(_, field)| match field {
        Field::Plain(text) => text.clone(),
        Field::Secret(secret) => secret.expose().to_owned(),
    })
}

/// One connection, in which somebody says the time.
struct Connection {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Connection {
    /// Opens it, and comes back when the first word was said.
    fn open(server: &Sshd, key: &Path, certificate: &Path) -> anyhow::Result<Self> {
        let mut client = server.client(key, certificate);
        client.arg(SAYS).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = client.spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("it says nothing")?).lines();
        lines.next().context("it is not let in")??;
        Ok(Self { child, lines })
    }

    /// Reads what it still says, and gives the last: a moment of the server's clock.
    fn last(mut self) -> anyhow::Result<i64> {
        let last = self.lines.by_ref().map_while(Result::ok).filter(|it| !it.is_empty()).last();
        self.child.wait()?;
        Ok(last.and_then(|it| it.parse().ok()).unwrap_or(0))
    }
}
