//! Carries messages: a line in, a message to the governor, its answers out as lines.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bailiwick_gateway::Lines;
use bailiwick_model::{ServerName, TaskId};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::{
    fs::File,
    io::AsyncWriteExt as _,
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

use super::{
    governed::Governed,
    message::{Look, failure},
    post::{Begun, PostError, send},
    tickets::Tickets,
    until::{Ending, Until},
};
use crate::{
    admin::wire::{MintToken, MintedToken, OpenedTask},
    command::task::assertion,
    exit::CommandError,
    output::remark,
};

/// How long a line may be; the door takes no longer message.
const LINE_MAX: usize = 4 << 20;
/// How many messages are under way at once.
const AT_ONCE: usize = 256;
/// How many answers wait to be read.
const WAITING: usize = 64;
/// How long what is under way may take to its end once the client has said all.
const DRAIN: Duration = Duration::from_secs(10);
/// After how long a call that is not answered is looked up among the held ones, and how often.
const SLOW: Duration = Duration::from_secs(1);

/// Messages between one client and its governor.
#[derive(Debug)]
pub(super) struct Relay(Arc<Line>);

/// What all messages share.
#[derive(Debug)]
struct Line {
    governed: Governed,
    server: ServerName,
    task: TaskId,
    key: Option<PathBuf>,
    identity: bailiwick_model::IdentityId,
    token: Mutex<String>,
    session: Mutex<Option<HeaderValue>>,
    tickets: Tickets,
}

impl Relay {
    pub(super) fn new(
        governed: Governed,
        server: ServerName,
        opened: OpenedTask,
        (identity, key): (bailiwick_model::IdentityId, Option<PathBuf>),
    ) -> Self {
        Self(Arc::new(Line {
            governed,
            server,
            task: opened.task,
            key,
            identity,
            token: Mutex::new(opened.token),
            session: Mutex::new(None),
            tickets: Tickets::default(),
        }))
    }

    /// Carries messages until the client goes.
    pub(super) async fn run(&self, until: &mut Until) -> Ending {
        let (input, output) = match (file(std::io::stdin()), file(std::io::stdout())) {
            (Ok(input), Ok(output)) => (input, output),
            (Err(error), _) | (_, Err(error)) => return Ending::Broken(error.to_string()),
        };
        let (answers, written) = mpsc::channel(WAITING);
        let mut writing = tokio::spawn(write_all(output, written));
        let mut under_way = UnderWay::default();
        let mut lines = Lines::new(input, LINE_MAX);
        let ending = loop {
            // A line that was read in part is lost with the wait for it, and only an end cuts that.
            let line = tokio::select! {
                line = lines.strict() => line,
                ending = until.wait() => break ending,
                _ = &mut writing => break Ending::Deaf,
            };
            match line {
                Ok(Some(line)) if line.iter().all(u8::is_ascii_whitespace) => {}
                Ok(Some(line)) => self.begin(line, &mut under_way, &answers).await,
                Ok(None) => break Ending::Input,
                Err(error) => {
                    let _deaf = answers.send(failure("null", &error.to_string())).await;
                    break Ending::Broken(format!("standard input: {error}"));
                }
            }
        };
        if ending == Ending::Input {
            tokio::select! {
                _ = tokio::time::timeout(DRAIN, under_way.all_done()) => {}
                _ = until.wait() => {}
            }
        }
        drop(under_way);
        drop(answers);
        if ending != Ending::Deaf {
            let _in_time = tokio::time::timeout(SLOW, writing).await;
        }
        ending
    }

    async fn begin(
        &self,
        line: Vec<u8>,
        under_way: &mut UnderWay,
        answers: &mpsc::Sender<Vec<u8>>,
    ) {
        let look = Look::at(&line);
        let id = look.as_ref().and_then(Look::asks).map(str::to_owned);
        if let Some(cancelled) = look.as_ref().and_then(Look::cancels) {
            under_way.cancel(cancelled);
        }
        let opens = look.as_ref().is_some_and(|it| it.method() == "notifications/initialized");
        if under_way.is_full() {
            if let Some(id) = id {
                let _deaf = answers.send(failure(&id, "too many calls at once")).await;
            }
            return;
        }
        let (relay, answers) = (Arc::clone(&self.0), answers.clone());
        if opens {
            let (relay, answers) = (Arc::clone(&relay), answers.clone());
            under_way.aside.spawn(async move { relay.listen(&answers).await });
        }
        under_way.add(id.clone(), async move {
            relay.carry(id.as_deref(), line.into(), &answers).await;
        });
    }

    /// Gives whoever governs.
    pub(super) fn governed(&self) -> &Governed {
        &self.0.governed
    }
}

impl Line {
    /// Carries one message, and its answers back.
    async fn carry(&self, id: Option<&str>, message: Bytes, answers: &mpsc::Sender<Vec<u8>>) {
        let carried = self.exchange(message, answers);
        let mut carried = std::pin::pin!(carried);
        let mut slow = tokio::time::interval(SLOW);
        slow.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        slow.reset();
        let done = loop {
            tokio::select! {
                done = carried.as_mut() => break done,
                _ = slow.tick() => self.tell_tickets().await,
            }
        };
        match done {
            Ok(()) => {}
            Err(error) => match id {
                Some(id) => {
                    let _deaf = answers.send(failure(id, &error.to_string())).await;
                }
                None => remark(&format!("bailiwick: a message was lost: {error}")),
            },
        }
    }

    async fn exchange(
        &self,
        message: Bytes,
        answers: &mpsc::Sender<Vec<u8>>,
    ) -> Result<(), CommandError> {
        let mut begun = self.post(message.clone()).await?;
        if begun.status() == StatusCode::UNAUTHORIZED && self.renew().await.is_ok() {
            // The token had run out; nothing was asked with it.
            begun = self.post(message).await?;
        }
        if let Some(session) = begun.header("mcp-session-id") {
            *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        }
        // What was decided may have been held; an answer that took long may tell so only at its end.
        let decided = begun.header("bailiwick-decision").is_some() || begun.is_stream();
        let passed = begun.pass_on(answers).await.map_err(lost);
        if decided {
            self.tell_tickets().await;
        }
        passed
    }

    /// Posts a message. One that could not be sent at all is sent to whoever governs now.
    async fn post(&self, message: Bytes) -> Result<Begun, CommandError> {
        match self.send(Method::POST, message.clone()).await {
            Err(PostError::NotSent(_)) => {
                self.governed.reach().await?;
                self.send(Method::POST, message).await.map_err(lost)
            }
            sent => sent.map_err(lost),
        }
    }

    async fn send(&self, method: Method, message: Bytes) -> Result<Begun, PostError> {
        let path = match method {
            Method::GET => format!("/mcp/{}", self.server),
            _ => format!("/lines/{}", self.server),
        };
        let socket = self.governed.socket();
        send(&socket, (method, &path), self.headers(), message).await
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let issuer = self.governed.place().issuer;
        let host = issuer.split("://").nth(1).unwrap_or(&issuer);
        let host = host.split('/').next().unwrap_or(host);
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        headers.extend(HeaderValue::try_from(host).ok().map(|it| (header::HOST, it)));
        if let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {token}")) {
            bearer.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, bearer);
        }
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(session) = session {
            headers.insert("mcp-session-id", session);
        }
        headers
    }

    /// Listens to what a server says by itself to a legacy client, where the governor passes it.
    async fn listen(&self, answers: &mpsc::Sender<Vec<u8>>) {
        while let Ok(stream) = self.send(Method::GET, Bytes::new()).await {
            if stream.status() != StatusCode::OK || !stream.is_stream() {
                return;
            }
            if let Err(error) = stream.pass_on(answers).await {
                tracing::debug!(%error, "a stream broke off");
            }
            tokio::time::sleep(SLOW).await;
        }
    }

    /// Gets a new token for the task, with the proof that opened it.
    async fn renew(&self) -> Result<(), CommandError> {
        let client = self.governed.reach().await?;
        let proof = assertion(&self.governed.place(), &self.identity, self.key.as_deref())?;
        let path = format!("/api/v1/tasks/{}/token", self.task);
        let minted: MintedToken = client.post(&path, &MintToken { assertion: proof }).await?;
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = minted.token;
        Ok(())
    }

    async fn tell_tickets(&self) {
        if let Ok(client) = self.governed.reach().await {
            self.tickets.tell(&client, &self.task).await;
        }
    }
}

fn lost(error: PostError) -> CommandError {
    CommandError::Unreachable(error.to_string())
}

/// The messages that are under way.
#[derive(Debug, Default)]
struct UnderWay {
    all: JoinSet<()>,
    /// What nobody waits for.
    aside: JoinSet<()>,
    requests: BTreeMap<String, AbortHandle>,
}

impl UnderWay {
    fn is_full(&mut self) -> bool {
        while self.all.try_join_next().is_some() {}
        self.requests.retain(|_, it| !it.is_finished());
        AT_ONCE <= self.all.len()
    }

    fn add(&mut self, id: Option<String>, carried: impl Future<Output = ()> + Send + 'static) {
        let begun = self.all.spawn(carried);
        self.requests.extend(id.map(|id| (id, begun)));
    }

    /// Stops waiting for a request that the client took back.
    fn cancel(&mut self, id: &str) {
        if let Some(begun) = self.requests.remove(id) {
            begun.abort();
        }
    }

    async fn all_done(&mut self) {
        while self.all.join_next().await.is_some() {}
    }
}

/// Opens a standard stream a second time, for reading or writing without holding anybody up.
fn file(stream: impl std::os::fd::AsFd) -> std::io::Result<File> {
    Ok(File::from_std(stream.as_fd().try_clone_to_owned()?.into()))
}

/// Writes answers to standard output, a line each, until there are none or nobody reads them.
async fn write_all(mut out: File, mut answers: mpsc::Receiver<Vec<u8>>) {
    while let Some(mut line) = answers.recv().await {
        line.push(b'\n');
        let written = async {
            out.write_all(&line).await?;
            out.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
}
