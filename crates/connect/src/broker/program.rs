//! A broker that asks a program of the operator's: one JSON object in, one out, one start for each
//! question.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use bailiwick_model::{EnforcedAs, IdentityId, LeaseId, TargetName, TaskId, Timestamp};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Deserializer, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::{Attempt, Broker, BrokerError, Credential, EndedLease, Issued, LeaseOrder};
use crate::Secret;

/// A program and what it started, for as long as somebody waits for it.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _gone_already = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The longest answer that is read.
const ANSWER_MAX: u64 = 4 << 20;
/// How many leases an answer may name.
const FOUND_MAX: usize = 100_000;
/// What a credential's fields may be called.
const NAMES: &[&str] = &[
    "user",
    "password",
    "token",
    "key",
    "certificate",
    "chain",
    "host",
    "port",
    "database",
    "url",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "kubeconfig",
    "region",
    "account",
];
/// A program's word for "later" (`EX_TEMPFAIL`).
const LATER: i32 = 75;
/// A program's word for "no" (`EX_NOPERM`).
const NO: i32 = 77;

/// Which program, and how it is started.
#[derive(Clone)]
pub struct ProgramSpec {
    /// The target that it stands for.
    pub target: TargetName,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// All the variables it gets, besides `PATH`.
    pub env: BTreeMap<String, String>,
    /// Where it runs.
    pub dir: PathBuf,
    /// How long it may take.
    pub timeout: Duration,
}

// Arguments and variables may hold secrets.
impl fmt::Debug for ProgramSpec {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (program, more) = (self.command.first(), self.command.len().saturating_sub(1));
        write!(out, "ProgramSpec({}, {program:?} and {more} arguments)", self.target)
    }
}

/// Asks a program.
#[derive(Debug)]
pub struct ProgramBroker(ProgramSpec);

/// What the program is asked.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
enum Question<'a> {
    Issue {
        lease: &'a LeaseId,
        task: &'a TaskId,
        identity: &'a IdentityId,
        wants: &'a [String],
        until: Timestamp,
    },
    Revoke {
        lease: &'a LeaseId,
        #[serde(skip_serializing_if = "Option::is_none")]
        called: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        keepsake: Option<&'a str>,
    },
    Found {},
}

/// What it says that it made. Texts that are wiped hold what may be secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    called: String,
    #[serde(default)]
    until: Option<Timestamp>,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    #[serde(default)]
    secrets: BTreeMap<String, Wiped>,
    #[serde(default)]
    keepsake: Option<Wiped>,
}

/// Text that is wiped from memory.
struct Wiped(Secret);

impl<'de> Deserialize<'de> for Wiped {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input).map(|it| Self(Secret::new(it)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Has {
    leases: Vec<LeaseId>,
}

impl ProgramBroker {
    /// Makes the broker.
    pub const fn new(spec: ProgramSpec) -> Self {
        Self(spec)
    }

    fn away(&self, why: impl Into<String>) -> BrokerError {
        BrokerError::Away { target: self.0.target.clone(), why: why.into() }
    }

    /// Asks, and gives what the program wrote. What it writes to its standard error is nobody's: it
    /// may hold anything.
    async fn ask(&self, question: &Question<'_>) -> Result<Zeroizing<Vec<u8>>, BrokerError> {
        let asking = self.run(question);
        let late = |_| self.away("the program did not end in time, and was ended");
        let (status, answer) =
            tokio::time::timeout(self.0.timeout, asking).await.map_err(late)??;
        let target = || self.0.target.clone();
        match status.code() {
            Some(0) => Ok(answer),
            Some(LATER) => {
                let why = "the program says that it is to be asked later".to_owned();
                Err(BrokerError::Busy { target: target(), why, after: None })
            }
            Some(NO) => {
                let why = "the program says no; its own log says why".to_owned();
                Err(BrokerError::Refused { target: target(), why })
            }
            Some(_) | None => Err(self.away(format!("the program failed: {status}"))),
        }
    }

    async fn run(
        &self,
        question: &Question<'_>,
    ) -> Result<(ExitStatus, Zeroizing<Vec<u8>>), BrokerError> {
        let failed = |what: &str, error: &std::io::Error| {
            self.away(format!("the program {what}: {}", error.kind()))
        };
        let (program, arguments) =
            self.0.command.split_first().ok_or_else(|| self.away("there is no program"))?;
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).env_clear().envs(&self.0.env).current_dir(&self.0.dir);
        if let (Some(path), false) = (std::env::var_os("PATH"), self.0.env.contains_key("PATH")) {
            command.env("PATH", path);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed("cannot be started", &error))?;
        // Nobody waits any more: what it started ends with it.
        let mut group = Group(child.id().and_then(|it| Pid::from_raw(i32::try_from(it).ok()?)));
        let asked = serde_json::to_vec(question).map_err(|_| self.away("it cannot be asked"))?;
        let asked = Zeroizing::new(asked);
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let telling = async {
            if let Some(mut stdin) = stdin {
                // Who does not read what it is asked says so by how it ends.
                drop(stdin.write_all(&asked).await);
            }
        };
        let hearing = async {
            let mut answer = Zeroizing::new(Vec::with_capacity(4096));
            if let Some(stdout) = stdout {
                stdout.take(ANSWER_MAX.saturating_add(1)).read_to_end(&mut answer).await?;
            }
            Ok::<_, std::io::Error>(answer)
        };
        let ((), answer) = tokio::join!(telling, hearing);
        let answer = answer.map_err(|error| failed("cannot be read", &error))?;
        if ANSWER_MAX < u64::try_from(answer.len()).unwrap_or(u64::MAX) {
            return Err(self.away(format!("the program says more than {ANSWER_MAX} bytes")));
        }
        let status = child.wait().await.map_err(|error| failed("cannot be awaited", &error))?;
        group.0 = None;
        Ok((status, answer))
    }

    async fn make(&self, order: &LeaseOrder) -> Result<Issued, BrokerError> {
        let LeaseOrder { lease, task, identity, wants, until, .. } = order;
        let question = Question::Issue { lease, task, identity, wants, until: *until };
        let answer = self.ask(&question).await?;
        // Where it stands in the answer would quote the answer, so nothing is said of that.
        self.read(&answer, *until)
    }

    /// Reads what the program says that it made.
    fn read(&self, answer: &[u8], until: Timestamp) -> Result<Issued, BrokerError> {
        let made: Made = serde_json::from_slice(answer)
            .map_err(|_| self.away("the program's answer to `issue` is not what one looks like"))?;
        let mut credential = Credential::default();
        for (name, text) in made.fields {
            credential = credential.with(self.named(&name)?, text);
        }
        for (name, secret) in made.secrets {
            credential = credential.with_secret(self.named(&name)?, secret.0);
        }
        if made.called.is_empty() || 256 < made.called.len() {
            return Err(self.away("the program gives its credential no name of 1 to 256 bytes"));
        }
        Ok(Issued {
            credential,
            called: made.called,
            until: made.until.unwrap_or(until),
            keepsake: made.keepsake.map(|it| it.0),
            unfit: None,
        })
    }

    fn has(&self, answer: &[u8]) -> Result<Vec<LeaseId>, BrokerError> {
        let has: Has = serde_json::from_slice(answer)
            .map_err(|_| self.away("the program's answer to `found` is not what one looks like"))?;
        if FOUND_MAX < has.leases.len() {
            return Err(self.away(format!("the program names more than {FOUND_MAX} leases")));
        }
        Ok(has.leases)
    }

    fn named(&self, name: &str) -> Result<&'static str, BrokerError> {
        let known = NAMES.iter().copied().find(|it| *it == name);
        known.ok_or_else(|| {
            self.away(format!("a field of a credential is called one of: {}", NAMES.join(", ")))
        })
    }
}

impl Broker for ProgramBroker {
    fn target(&self) -> &TargetName {
        &self.0.target
    }

    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn issue<'a>(&'a self, order: &'a LeaseOrder) -> Attempt<'a, Issued> {
        Box::pin(self.make(order))
    }

    fn revoke<'a>(&'a self, ended: &'a EndedLease) -> Attempt<'a, ()> {
        Box::pin(async move {
            let question = Question::Revoke {
                lease: &ended.lease,
                called: ended.called.as_deref(),
                keepsake: ended.keepsake.as_ref().map(Secret::expose),
            };
            self.ask(&question).await.map(drop)
        })
    }

    fn found(&self) -> Attempt<'_, Vec<LeaseId>> {
        Box::pin(async {
            let answer = self.ask(&Question::Found {}).await?;
            self.has(&answer)
        })
    }
}

/// A program's answers as foreign bytes: nothing of them is quoted where they cannot be read.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let Ok(target) = "fuzzed".parse() else { return };
    let broker = ProgramBroker::new(ProgramSpec {
        target,
        command: Vec::new(),
        env: BTreeMap::new(),
        dir: PathBuf::new(),
        timeout: Duration::ZERO,
    });
    if let Ok(issued) = broker.read(bytes, Timestamp::default()) {
        let shown = format!("{issued:?}");
        for secret in issued.credential.secrets().chain(&issued.keepsake) {
            let known = 16 <= secret.expose().len() && !issued.called.contains(secret.expose());
            let plain = issued.credential.fields().any(|(_, it)| match it {
                super::Field::Plain(text) => text.contains(secret.expose()),
                super::Field::Secret(_) => false,
            });
            assert!(!known || plain || !shown.contains(secret.expose()), "a secret is printed");
        }
    }
    let _leases_or_not = broker.has(bytes).map(|it| it.len());
}
