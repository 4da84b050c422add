//! A small database server of the demonstration's own: sessions that stay open and are asked without
//! pause, and the program that makes and ends the users who may open them.
//!
//! It speaks lines over TCP. What it answers last, and when, is its own word.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader as LineReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream as Line},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use bailiwick_connect::{Secret, random_text};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

/// How long ending sessions may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The variable by which the program gets the key of the server.
pub(super) const KEY: &str = "SESSIONS_KEY";

/// The server, on a port of its own.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    pub(super) address: SocketAddr,
    /// What makes users and ends them.
    pub(super) key: Secret,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    users: BTreeMap<String, Account>,
    /// The sessions that are open, also those of users who are gone.
    open: BTreeMap<String, usize>,
    answered: u64,
    last: Option<Instant>,
}

#[derive(Debug)]
struct Account {
    password: Secret,
    gone: CancellationToken,
}

/// What the server says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) open: usize,
    pub(super) answered: u64,
    /// When it last answered a query.
    pub(super) last: Option<Instant>,
}

impl Sessions {
    /// Starts it. Each user that is made is appended to `count`.
    pub(super) async fn start(count: PathBuf) -> anyhow::Result<Self> {
        let key = Secret::new(format!("{}{}", random_text()?, random_text()?));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = Self { address: listener.local_addr()?, key, kept: Arc::default() };
        let (serving, count) = (server.clone(), Arc::new(count));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, count) = (serving.clone(), Arc::clone(&count));
                tokio::spawn(async move { server.serve(stream, &count).await });
            }
        });
        Ok(server)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what it has seen.
    pub(super) fn seen(&self) -> Seen {
        let kept = self.lock();
        Seen { open: kept.open.values().sum(), answered: kept.answered, last: kept.last }
    }

    async fn serve(&self, stream: TcpStream, count: &PathBuf) -> anyhow::Result<()> {
        stream.set_nodelay(true)?;
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        let first = lines.next_line().await?.unwrap_or_default();
        let words: Vec<&str> = first.split(' ').collect();
        let answer = match words.as_slice() {
            ["control", key, rest @ ..] if self.key.matches(key) => {
                self.control(rest, count).await?
            }
            ["login", user, password] => {
                let Some(gone) = self.enter(user, password) else {
                    writer.write_all(b"no such user\n").await?;
                    return Ok(());
                };
                writer.write_all(b"welcome\n").await?;
                loop {
                    let asked = tokio::select! {
                        biased;
                        () = gone.cancelled() => break,
                        asked = lines.next_line() => asked,
                    };
                    let Ok(Some(_query)) = asked else { break };
                    let Some(row) = self.answer(user) else { break };
                    if writer.write_all(format!("row {row}\n").as_bytes()).await.is_err() {
                        break;
                    }
                }
                self.leave(user);
                return Ok(());
            }
            _ => "no".to_owned(),
        };
        writer.write_all(format!("{answer}\n").as_bytes()).await?;
        Ok(())
    }

    fn enter(&self, user: &str, password: &str) -> Option<CancellationToken> {
        let mut kept = self.lock();
        let known = kept.users.get(user).filter(|it| it.password.matches(password))?;
        let gone = known.gone.clone();
        let open = kept.open.entry(user.to_owned()).or_default();
        *open = open.saturating_add(1);
        Some(gone)
    }

    fn leave(&self, user: &str) {
        let mut kept = self.lock();
        let left = kept.open.get(user).map_or(0, |it| it.saturating_sub(1));
        if left == 0 {
            kept.open.remove(user);
        } else {
            kept.open.insert(user.to_owned(), left);
        }
    }

    /// Answers a query of somebody who is a user still.
    fn answer(&self, user: &str) -> Option<u64> {
        let mut kept = self.lock();
        kept.users.get(user)?;
        kept.answered = kept.answered.saturating_add(1);
        kept.last = Some(Instant::now());
        Some(kept.answered)
    }

    async fn control(&self, words: &[&str], count: &PathBuf) -> anyhow::Result<String> {
        Ok(match words {
            ["create", user, password] => {
                let file = std::fs::OpenOptions::new().create(true).append(true).open(count);
                writeln!(file?, "lease {}", json!({"wants": ["readers"]}))?;
                let (password, gone) = (Secret::new(*password), CancellationToken::new());
                self.lock().users.insert((*user).to_owned(), Account { password, gone });
                "ok".to_owned()
            }
            ["drop", user] => {
                if let Some(user) = self.lock().users.remove(*user) {
                    user.gone.cancel();
                }
                let since = Instant::now();
                while self.lock().open.contains_key(*user) {
                    if PATIENCE < since.elapsed() {
                        return Ok("sessions are open still".to_owned());
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                "ok".to_owned()
            }
            ["list"] => {
                let names: Vec<_> = self.lock().users.keys().cloned().collect();
                format!("ok {}", names.join(" "))
            }
            _ => "no".to_owned(),
        })
    }
}

/// Opens a session and asks without pause until it is cut; gives how much was answered.
pub(super) async fn query(address: SocketAddr, user: &str, password: &str) -> anyhow::Result<u64> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(format!("login {user} {password}\n").as_bytes()).await?;
    let welcome = lines.next_line().await?;
    anyhow::ensure!(welcome.as_deref() == Some("welcome"), "the credential opens nothing");
    let mut answered = 0_u64;
    while writer.write_all(b"query\n").await.is_ok() {
        let Ok(Some(_row)) = lines.next_line().await else { break };
        answered = answered.saturating_add(1);
    }
    Ok(answered)
}

/// The program that stands between the governor and the server: one question, one answer.
pub(crate) fn broker(address: SocketAddr) -> anyhow::Result<()> {
    let key = std::env::var(KEY).context("the server's key is not there")?;
    let mut asked = String::new();
    std::io::stdin().take(64 << 10).read_to_string(&mut asked)?;
    let asked: Value = serde_json::from_str(&asked)?;
    let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let user = text("lease").to_lowercase();
    match text("do").as_str() {
        "issue" => {
            let password = random_text()?;
            say(address, &format!("control {key} create {user} {password}"))?;
            let (host, port) = (address.ip().to_string(), address.port().to_string());
            let made = json!({
                "called": user, "fields": {"user": user, "host": host, "port": port},
                "secrets": {"password": password},
            });
            crate::output::say(&format!("{made}\n"));
        }
        "revoke" => drop(say(address, &format!("control {key} drop {user}"))?),
        "found" => {
            let names = say(address, &format!("control {key} list"))?;
            let leases = names.split(' ').skip(1).filter_map(|it| {
                let (kind, id) = it.split_once('_')?;
                Some(format!("{kind}_{}", id.to_uppercase()))
            });
            let leases: Vec<_> = leases.collect();
            crate::output::say(&format!("{}\n", json!({"leases": leases})));
        }
        other => anyhow::bail!("nothing is called `{other}`"),
    }
    Ok(())
}

/// Says one line to the server, and gives its answer where that is a yes.
fn say(address: SocketAddr, line: &str) -> anyhow::Result<String> {
    let mut stream = Line::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE.saturating_mul(2)))?;
    writeln!(stream, "{line}")?;
    let mut answer = String::new();
    LineReader::new(stream).read_line(&mut answer)?;
    let answer = answer.trim_end().to_owned();
    anyhow::ensure!(answer == "ok" || answer.starts_with("ok "), "the server says no");
    Ok(answer)
}
