//! Who listens while a call is under way: hears what its server says meanwhile, and may cut it.
//!
//! Notes wait for a slow caller in a space of their own, which is bounded in bytes. When it is
//! full, whoever can wait waits, and whoever serves others meanwhile drops the note.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use bailiwick_model::{DecisionId, Digest, TaskId};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    asks::{Asking, Client},
    jsonrpc::raw_of,
    mcp::log_level::Logs,
    room::Share,
    signs::Signs,
    upstream::ServerSpec,
};

/// How many bytes of notes wait for one caller. One note may be larger, and then waits alone.
const ROOM: u32 = 256 << 10;
/// What even the smallest note takes of it.
const LEAST: u32 = 1 << 10;

/// The caller's end that a call takes along.
#[derive(Clone, Debug)]
pub struct Listener {
    notes: mpsc::UnboundedSender<Waiting>,
    room: Arc<Semaphore>,
    cut: CancellationToken,
    /// Whom a server may ask something meanwhile, and which server that is.
    client: Option<Client>,
    at: Option<At>,
    /// Whose call it is, and what of its server's log is heard.
    of: Option<(TaskId, Logs)>,
    /// How far its caller was told that the call is, where it wants to hear that.
    signs: Option<Signs>,
    kept: Option<Arc<dyn Kept>>,
    /// By what it was sent, for whoever asks.
    sent: Option<Arc<OnceLock<Allowed>>>,
    /// What its answer takes of the room for answers.
    share: Option<Share>,
}

/// By what a call was let through.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    /// The decision.
    pub(crate) decision: DecisionId,
    /// What a person had to approve of it.
    pub(crate) approved: Option<Digest>,
}

/// Where a call is under way, until it is over.
#[derive(Clone, Debug)]
struct At {
    server: Arc<ServerSpec>,
    over: CancellationToken,
}

/// Something that lasts as long as the call does.
trait Kept: fmt::Debug + Send + Sync {}

impl<T: fmt::Debug + Send + Sync> Kept for T {}

/// Where the caller takes the notes from. Without it nothing is kept for the caller any more.
#[derive(Debug)]
pub(crate) struct Notes {
    waiting: mpsc::UnboundedReceiver<Waiting>,
    room: Arc<Semaphore>,
}

/// One message for the caller, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note(Box<str>);

#[derive(Debug)]
struct Waiting {
    note: Note,
    _room: OwnedSemaphorePermit,
}

impl Listener {
    /// Makes a listener, and the place where its notes arrive.
    pub(crate) fn new() -> (Self, Notes) {
        let (notes, waiting) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(usize::try_from(ROOM).unwrap_or(usize::MAX)));
        let listener = Self {
            notes,
            room: Arc::clone(&room),
            cut: CancellationToken::new(),
            client: None,
            at: None,
            of: None,
            signs: None,
            kept: None,
            sent: None,
            share: None,
        };
        (listener, Notes { waiting, room })
    }

    /// Passes a note once there is room for it.
    pub(crate) async fn pass(&self, note: Note) {
        if let Ok(room) = Arc::clone(&self.room).acquire_many_owned(note.takes()).await {
            self.put(note, room);
        }
    }

    /// Passes a note if there is room for it now; says whether there was.
    pub(crate) fn try_pass(&self, note: Note) -> bool {
        let room = Arc::clone(&self.room).try_acquire_many_owned(note.takes());
        room.is_ok_and(|room| self.put(note, room))
    }

    /// Keeps `thing` until the call is over, whoever hangs up before; beside what is kept already.
    #[must_use]
    pub(crate) fn keeping(&self, thing: impl fmt::Debug + Send + Sync + 'static) -> Self {
        Self { kept: Some(Arc::new((self.kept.clone(), thing))), ..self.clone() }
    }

    /// Counts the answer as `share`.
    #[must_use]
    pub(crate) fn sharing(self, share: Share) -> Self {
        Self { share: Some(share), ..self }
    }

    /// Gives what the answer takes of the room; none where it is not counted.
    pub(crate) const fn share(&self) -> Option<&Share> {
        self.share.as_ref()
    }

    /// Lets servers ask `client` what it declared.
    #[must_use]
    pub(crate) fn with_client(self, client: Client) -> Self {
        Self { client: Some(client), ..self }
    }

    /// Tells the caller how its call fares, where it wants to hear that.
    #[must_use]
    pub(crate) fn with_signs(self, signs: Option<Signs>) -> Self {
        Self { signs, ..self }
    }

    /// Gives how far the caller was told that its call is, where it wants to hear that.
    pub(crate) const fn signs(&self) -> Option<&Signs> {
        self.signs.as_ref()
    }

    /// Makes the listener of a call whose caller may go and come again: what it hears waits in a place
    /// of its own, and what cuts it is its own. By what it was sent stands in `sent`.
    pub(crate) fn apart(&self, client: Client, sent: &Arc<OnceLock<Allowed>>) -> (Self, Notes) {
        let (own, notes) = Self::new();
        let (of, kept) = (self.of.clone(), self.kept.clone());
        let sent = Some(Arc::clone(sent));
        (Self { client: Some(client), of, kept, sent, ..own }, notes)
    }

    /// Makes one that hears nothing and cannot be asked anything, and is cut with this one: of what a
    /// server says beside its answer nothing may go on. It is of no task, so that what the server says
    /// to nobody in particular now, or a little later, is not taken for another call's either.
    pub(crate) fn deaf(&self) -> Self {
        let (deaf, _nobody_listens) = Self::new();
        let Self { cut, kept, sent, share, .. } = self.clone();
        Self { cut, kept, sent, share, ..deaf }
    }

    /// Takes note of what let the call through.
    pub(crate) fn is_sent_by(&self, allowed: impl FnOnce() -> Allowed) {
        if let Some(sent) = &self.sent {
            let _first = sent.get_or_init(allowed);
        }
    }

    /// Says whose call it is, and which messages of servers' logs are heard during it.
    #[must_use]
    pub(crate) fn of_task(self, task: &TaskId, logs: Logs) -> Self {
        Self { of: Some((task.clone(), logs)), ..self }
    }

    /// Gives whose call it is, where that is known.
    pub(crate) fn task(&self) -> Option<&TaskId> {
        self.of.as_ref().map(|(task, _)| task)
    }

    /// Says whether a message of a server's log is heard.
    pub(crate) fn hears_log(&self, params: Option<&RawValue>) -> bool {
        self.of.as_ref().is_none_or(|(_, logs)| logs.hear(params))
    }

    /// Names the server that is called, until what this gives beside it is dropped.
    pub(crate) fn called_at(&self, server: &Arc<ServerSpec>) -> (Self, DropGuard) {
        let (server, over) = (Arc::clone(server), CancellationToken::new());
        let guard = over.clone().drop_guard();
        (Self { at: Some(At { server, over }), ..self.clone() }, guard)
    }

    /// Takes note that the server asks the client something, and gives what says that the call is
    /// over. It may ask what its entry lets through and the client declared, and nothing else.
    pub(crate) fn ask(&self, method: &str) -> Option<(Asking, CancellationToken)> {
        let (client, At { server, over }) = (self.client.as_ref()?, self.at.as_ref()?);
        if !server.extra_methods.contains(method) || over.is_cancelled() {
            return None;
        }
        Some((client.ask(&server.name, method)?, over.clone()))
    }

    /// Gives what cuts the call: nobody wants its answer any more.
    pub(crate) fn cut(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// Has the call cut by `cut`.
    #[must_use]
    pub(crate) fn cut_by(self, cut: CancellationToken) -> Self {
        Self { cut, ..self }
    }

    /// Cuts the call when what this gives is dropped.
    pub(crate) fn cut_on_drop(&self) -> DropGuard {
        self.cut.clone().drop_guard()
    }

    /// Says whether the call was cut.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.is_cancelled()
    }

    /// Waits until the call is cut.
    pub(crate) async fn was_cut(&self) {
        self.cut.cancelled().await;
    }

    fn put(&self, note: Note, room: OwnedSemaphorePermit) -> bool {
        self.notes.send(Waiting { note, _room: room }).is_ok()
    }
}

impl Notes {
    /// Gives the next note; waits for ever when none can come any more.
    pub(crate) async fn next(&mut self) -> Note {
        match self.waiting.recv().await {
            Some(Waiting { note, .. }) => note,
            None => std::future::pending().await,
        }
    }

    /// Gives the next note where one waits.
    pub(crate) fn waiting(&mut self) -> Option<Note> {
        self.waiting.try_recv().ok().map(|it| it.note)
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        // Whoever waits for room waits for nobody.
        self.room.close();
    }
}

impl Note {
    /// Takes one message of JSON. Between its tokens a line break is a space.
    pub(crate) fn new(message: &str) -> Self {
        Self(message.trim().replace(['\r', '\n'], " ").into())
    }

    /// Writes a question that is answered under `name`.
    pub(crate) fn question(name: &str, method: &str, params: Option<&RawValue>) -> Self {
        #[derive(Serialize)]
        struct Question<'a> {
            jsonrpc: &'static str,
            id: &'a str,
            method: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            params: Option<&'a RawValue>,
        }
        Self::new(raw_of(&Question { jsonrpc: "2.0", id: name, method, params }).get())
    }

    /// Gives the message.
    pub(crate) fn message(&self) -> &str {
        &self.0
    }

    fn takes(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX).clamp(LEAST, ROOM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(len: usize) -> Note {
        Note::new(&"x".repeat(len))
    }

    #[tokio::test]
    async fn notes_arrive_in_the_order_they_were_passed() {
        let (listener, mut notes) = Listener::new();
        listener.pass(Note::new("{\r\n\"a\":1}\n")).await;
        assert!(listener.try_pass(Note::new("2")));
        assert_eq!(notes.next().await.message(), "{  \"a\":1}");
        assert_eq!(notes.next().await.message(), "2");
    }

    #[tokio::test]
    async fn a_caller_that_does_not_read_costs_no_more_than_the_room() {
        let (listener, mut notes) = Listener::new();
        let taken = (0..10_000).filter(|_| listener.try_pass(note(100))).count();
        assert_eq!(taken, 256);
        assert_eq!(notes.next().await, note(100));
        assert!(listener.try_pass(note(100)), "what was read makes room");
        assert!(!listener.try_pass(note(100)));
    }

    #[tokio::test]
    async fn a_note_larger_than_the_room_waits_until_it_is_alone() {
        let (listener, mut notes) = Listener::new();
        listener.pass(note(1)).await;
        let large = tokio::spawn({
            let listener = listener.clone();
            async move { listener.pass(note(1 << 20)).await }
        });
        tokio::task::yield_now().await;
        assert!(!large.is_finished());
        assert_eq!(notes.next().await, note(1));
        assert_eq!(notes.next().await, note(1 << 20));
        large.await.unwrap();
    }

    #[tokio::test]
    async fn nobody_waits_for_a_caller_that_has_left() {
        let (listener, notes) = Listener::new();
        listener.pass(note(1 << 20)).await;
        let waiting = tokio::spawn({
            let listener = listener.clone();
            async move { listener.pass(note(1)).await }
        });
        tokio::task::yield_now().await;
        drop(notes);
        waiting.await.unwrap();
        assert!(!listener.try_pass(note(1)));
    }

    #[tokio::test]
    async fn leaving_cuts_the_call_where_leaving_says_so() {
        let (listener, _notes) = Listener::new();
        let guard = listener.cut_on_drop();
        assert!(!listener.is_cut());
        drop(guard);
        listener.was_cut().await;
        assert!(listener.is_cut());
    }
}
