//! A child that speaks JSON-RPC, one message a line, on its standard input and output.

mod hearing;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bailiwick_model::{Digest, ServerName};
use serde_json::value::RawValue;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    process::{ChildStderr, Command},
    sync::mpsc,
    task::JoinSet,
};

use super::{
    confine,
    error::SendError,
    executable::{self, DEFAULT_PATH},
    group::Group,
    incoming::{self, Incoming, Reply},
    last_words::LastWords,
    lines::Lines,
    news::Changes,
    over::Over,
    pending::{Pending, Turn},
    relay,
    request::{self, CUT, Request, Still, WITHDRAWN},
    why::Why,
};
use crate::mcp::Era;

const LINE_MAX: usize = 8 << 20;
const WORDS_MAX: usize = 4 << 10;
const QUEUE: usize = 64;
/// How long the last answers and last words of a child that ended may take to be read.
const LAST: Duration = Duration::from_millis(200);
/// How many unreadable lines of one child are worth a warning each.
const WARNINGS: u32 = 20;

/// What is started, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    pub(super) server: &'a ServerName,
    pub(super) command: &'a [String],
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) dir: Option<&'a PathBuf>,
    pub(super) forbidden: &'a [PathBuf],
}

/// A running child.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) link: Arc<Link>,
    pub(super) executable: Option<Digest>,
    pub(super) unconfined: Option<String>,
    group: Group,
    words: Arc<LastWords>,
    tasks: JoinSet<()>,
}

/// The way to a running child: many callers at once.
#[derive(Debug)]
pub(super) struct Link {
    server: ServerName,
    /// How the child speaks: found out once for each of its lives.
    era: OnceLock<Era>,
    pending: Arc<Pending>,
    lines: mpsc::Sender<Queued>,
    pub(super) changed: Changes,
    over: Over,
}

/// One line that waits to be written.
#[derive(Debug)]
struct Queued {
    bytes: Vec<u8>,
    /// Whoever asked may give up until it is begun.
    turn: Option<Arc<Turn>>,
    /// A decided call is only begun while it is permitted; under this id it is taken back.
    still: Option<(u64, Still)>,
}

impl Running {
    /// Starts the child in a process group of its own, with the variables it is given and no
    /// others.
    pub(super) async fn start(start: Start<'_>) -> Result<Self, String> {
        let (program, arguments) =
            start.command.split_first().ok_or_else(|| "the command is empty".to_owned())?;
        let dir = start.dir.map(PathBuf::as_path);
        let path = executable::find(program, start.env, dir)?;
        let digest = digest(path.clone(), arguments.to_vec(), start.dir.cloned()).await;
        if let Err(why) = &digest {
            tracing::warn!(server = %start.server, why, "the program cannot be digested");
        }

        let mut command = Command::new(&path);
        command.args(arguments).env_clear().env("PATH", DEFAULT_PATH).envs(start.env);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        if let Some(dir) = dir {
            command.current_dir(dir);
        }
        let started = confine::start(command, start.forbidden)
            .await
            .map_err(|error| format!("`{}` cannot be started: {error}", path.display()))?;
        Self::talk(start.server, started, digest.ok())
    }

    fn talk(
        server: &ServerName,
        started: confine::Started,
        executable: Option<Digest>,
    ) -> Result<Self, String> {
        let confine::Started { mut child, unconfined } = started;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = Group::new(child);
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err("it has no standard input and output".to_owned());
        };
        let (lines, queue) = mpsc::channel(QUEUE);
        let link = Arc::new(Link {
            server: server.clone(),
            era: OnceLock::new(),
            pending: Arc::default(),
            lines,
            changed: Changes::default(),
            over: Over::default(),
        });
        let words = Arc::new(LastWords::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(write(queue, input, Arc::clone(&link)));
        tasks.spawn(read(output, Arc::clone(&link)));
        tasks.spawn(hear(errors, server.clone(), Arc::clone(&words)));
        Ok(Self { link, executable, unconfined, group, words, tasks })
    }

    /// Waits until the child cannot be used any more, and says why.
    pub(super) async fn ended(&mut self) -> Why {
        let why = tokio::select! {
            why = self.link.over.ended() => {
                // How it ended says more, if it ends soon.
                match tokio::time::timeout(LAST, self.group.ended()).await {
                    Ok(how) => format!("{why} and {how}"),
                    Err(_) => why,
                }
            }
            why = self.group.ended() => {
                // What it wrote before its end still counts.
                let _read_or_held_open_by_others =
                    tokio::time::timeout(LAST, self.link.over.ended()).await;
                why
            }
        };
        self.words.after(&why)
    }

    /// Adds the child's last words to a reason.
    pub(super) fn explain(&self, why: &str) -> Why {
        self.words.after(why)
    }

    /// Tells all who wait that no answer will come.
    pub(super) fn abandon(&self, why: &str) {
        self.link.pending.close(why);
    }

    /// Ends the child with everything it has started.
    pub(super) async fn end(mut self) {
        self.tasks.abort_all();
        while self.tasks.join_next().await.is_some() {}
        self.group.end().await;
    }
}

async fn digest(
    program: PathBuf,
    arguments: Vec<String>,
    dir: Option<PathBuf>,
) -> Result<Digest, String> {
    let digested = tokio::task::spawn_blocking(move || {
        executable::digest(&program, &arguments, dir.as_deref())
    });
    match digested.await {
        Ok(digest) => digest.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

impl Link {
    /// Gives how the child speaks.
    pub(super) fn era(&self) -> Era {
        self.era.get().copied().unwrap_or(Era::Legacy)
    }

    /// Says that the child speaks as servers do since 2026-07-28.
    pub(super) fn is_modern(&self) {
        self.era.get_or_init(|| Era::Modern);
    }

    /// Asks, and waits for the answer at most `within`.
    pub(super) async fn ask(
        &self,
        request: &Request<'_>,
        within: Duration,
    ) -> Result<Reply, SendError> {
        let mut place = self.pending.place(request.relay(), request.share())?;
        let queued = Queued {
            bytes: request.line(place.id(), self.era()),
            turn: Some(Arc::clone(place.turn())),
            still: request.still().map(|it| (place.id(), it.clone())),
        };
        let answered = async {
            if self.lines.send(queued).await.is_err() {
                return Err(place.give_up("it takes no more questions".to_owned()));
            }
            place.answer().await
        };
        let why = tokio::select! {
            answered = tokio::time::timeout(within, answered) => match answered {
                Ok(answered) => return answered,
                Err(_) => format!("no answer within {within:?}"),
            },
            () = request.was_cut() => CUT.to_owned(),
        };
        let left = place.give_up(why);
        if matches!(left, SendError::Unknown { .. }) {
            self.tell(request::cancelled(place.id()));
        }
        Err(left)
    }

    /// Sends a line that needs no answer, unless too many wait already.
    pub(super) fn tell(&self, bytes: Vec<u8>) {
        if self.lines.try_send(Queued { bytes, turn: None, still: None }).is_err() {
            tracing::debug!(server = %self.server, "it does not read: a message was dropped");
        }
    }

    fn take(self: &Arc<Self>, line: &[u8]) -> Result<(), String> {
        match Incoming::read(line)? {
            Incoming::Answer { id, reply } => {
                if !self.pending.answer(id, reply) {
                    tracing::debug!(server = %self.server, id, "an answer that nobody waits for");
                }
            }
            Incoming::Request { id, method, params } => self.asked(id, &method, params.as_deref()),
            Incoming::Notification { method, params } => self.told(&method, params.as_deref()),
            Incoming::Stray => {
                tracing::debug!(server = %self.server, "an answer to nothing that was asked");
            }
        }
        Ok(())
    }
}

impl Link {
    /// Takes a question of the child's. Several callers share the child: what it asks can only be
    /// meant for one where only one waits, or for a client that just told it of a change.
    fn asked(self: &Arc<Self>, id: &RawValue, method: &str, params: Option<&RawValue>) {
        let asked = (method, params);
        let asked = match self.pending.only() {
            Some(only) if self.changed.under_way.may_be_for_another(method, only.task()) => None,
            Some(only) => only.asked(id, asked),
            None => self.changed.under_way.asked_after(id, asked),
        };
        let Some(asked) = asked else {
            self.tell(incoming::answer(id, method));
            return;
        };
        let link = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(bytes) = asked.answered().await {
                let line = Queued { bytes, turn: None, still: None };
                // Without the child nobody waits for it.
                let _gone = link.lines.send(line).await;
            }
        });
    }

    /// Takes note of what the child says by itself. What cannot be attributed to one caller is
    /// nobody's: all of them share the child.
    fn told(&self, method: &str, params: Option<&RawValue>) {
        if self.changed.told(method, params) {
            return;
        }
        if let Some(id) = relay::of_progress(method, params)
            && let Some(relay) = self.pending.relay(id)
        {
            relay.progressed(id, params);
        } else if method == relay::CANCELLED && self.era() == Era::Modern {
            // It asks nothing that it could take back: it ends what it was asked to tell.
            if let Some(id) = relay::of_cancelled(params) {
                self.pending.take_back(id);
            }
        } else if method == relay::CANCELLED
            && let Some(relay) = self.pending.only()
        {
            relay.cancelled(params);
        } else if method == relay::LOGGED {
            self.changed.under_way.logged(params);
        } else {
            tracing::trace!(server = %self.server, method, "a notification was dropped");
        }
    }
}

async fn write<W: AsyncWrite + Unpin>(
    mut queue: mpsc::Receiver<Queued>,
    mut input: W,
    link: Arc<Link>,
) {
    while let Some(Queued { bytes, turn, still }) = queue.recv().await {
        if let Some((id, _)) = still.filter(|(_, it)| !it.permitted()) {
            // Its turn is not taken, so whoever asked knows that nothing was written.
            link.pending.answer(id, Err(WITHDRAWN));
            continue;
        }
        if turn.is_some_and(|it| !it.take()) {
            continue;
        }
        let written = async {
            input.write_all(&bytes).await?;
            input.flush().await
        };
        if let Err(error) = written.await {
            link.over.end(format!("it closed its input: {error}"));
            return;
        }
    }
}

async fn read<R: AsyncRead + Unpin>(output: R, link: Arc<Link>) {
    let mut lines = Lines::new(output, LINE_MAX);
    let mut unreadable = 0_u32;
    let why = loop {
        let line = match lines.strict().await {
            Ok(Some(line)) => line,
            Ok(None) => break "it closed its output".to_owned(),
            Err(error) => break format!("its output cannot be read: {error}"),
        };
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if let Err(error) = link.take(&line) {
            unreadable = unreadable.saturating_add(1);
            if unreadable <= WARNINGS {
                tracing::warn!(server = %link.server, error, "a line that is no message was skipped");
            }
        }
    };
    link.over.end(why);
}

async fn hear(errors: ChildStderr, server: ServerName, words: Arc<LastWords>) {
    let mut lines = Lines::new(errors, WORDS_MAX);
    while let Ok(Some(line)) = lines.cut().await {
        let line = words.hear(&line);
        tracing::debug!(%server, line, "standard error");
    }
}
