//! Hands what a server says during one call to the caller it belongs to, and to nobody else.
//!
//! Callers choose their progress tokens without knowing of each other, and share their servers. So
//! a server is given the number of the question as the token, and the caller gets its own back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bailiwick_model::TaskId;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::{incoming, request};
use crate::{
    Listener,
    asks::Asking,
    jsonrpc::{Answer, RawError, RawObject, code},
    listener::Note,
    mcp::tasks,
    signs,
};

/// How a server says that it waits for an answer no more.
pub(super) const CANCELLED: &str = "notifications/cancelled";
/// How a server tells what it logs.
pub(super) const LOGGED: &str = "notifications/message";
const PROGRESS: &str = "notifications/progress";
const TOKEN: &str = "progressToken";

/// The way from a server back to one caller.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    listener: Listener,
    marked: Option<Marked>,
    asked: Arc<Mutex<Vec<Open>>>,
}

/// What the server asked under an id of its own.
#[derive(Debug)]
struct Open {
    id: Box<RawValue>,
    name: String,
    dropped: CancellationToken,
}

/// A question of the server's on its way to the caller.
#[derive(Debug)]
pub(super) struct Asked {
    relay: Relay,
    asking: Asking,
    id: Box<RawValue>,
    dropped: CancellationToken,
}

/// Parameters whose caller wants to hear of progress: its token, and what stands around it.
#[derive(Clone, Debug)]
struct Marked {
    before: Box<str>,
    token: Box<RawValue>,
    after: Box<str>,
}

impl Relay {
    /// Reads which token the caller of a call with `params` has chosen.
    pub(super) fn of(listener: Listener, params: &RawValue) -> Result<Self, RawError> {
        let marked = Marked::read(params.get())?;
        Ok(Self { listener, marked, asked: Arc::default() })
    }

    /// Makes the way to a caller for what is not said on the stream of its call.
    pub(super) fn beside(listener: Listener) -> Self {
        Self { listener, marked: None, asked: Arc::default() }
    }

    /// Gives the task of the caller, where it is known.
    pub(super) fn task(&self) -> Option<&TaskId> {
        self.listener.task()
    }

    /// Gives the way to the same caller for another question about its call.
    pub(super) fn unmarked(&self) -> Self {
        Self { marked: None, ..self.clone() }
    }

    /// Asks the caller what the server asks; none where it cannot be asked that, or does not read.
    pub(super) fn asked(
        &self,
        id: &RawValue,
        (method, params): (&str, Option<&RawValue>),
    ) -> Option<Asked> {
        let (asking, over) = self.listener.ask(method)?;
        let (dropped, name) = (over.child_token(), asking.name().to_owned());
        let unnamed = params.and_then(tasks::unnamed);
        let params = unnamed.as_deref().or(params);
        // At once, so that it is asked before it can be taken back.
        if !self.listener.try_pass(Note::question(&name, method, params)) {
            return None;
        }
        let open = Open { id: id.to_owned(), name, dropped: dropped.clone() };
        self.open().push(open);
        Some(Asked { relay: self.clone(), asking, id: id.to_owned(), dropped })
    }

    /// Hears that the server waits no more for an answer to one of its questions.
    pub(super) fn cancelled(&self, params: Option<&RawValue>) {
        let params = params.and_then(|it| RawObject::read(it.get()).ok());
        let Some(id) = params.and_then(|it| it.get("requestId")) else { return };
        let mut open = self.open();
        let Some(at) = open.iter().position(|it| it.id.get() == id.get()) else { return };
        let gone = open.swap_remove(at);
        drop(open);
        gone.dropped.cancel();
        let told = crate::jsonrpc::raw_of(&serde_json::json!({ "requestId": gone.name }));
        if !self.listener.try_pass(note(CANCELLED, Some(&told))) {
            tracing::debug!("a caller does not keep up: a note was dropped");
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the caller cuts the call.
    pub(super) async fn was_cut(&self) {
        self.listener.was_cut().await;
    }

    /// Writes the parameters for the question `id`; none where they stay as they are.
    pub(super) fn params(&self, id: u64) -> Option<String> {
        let Marked { before, after, .. } = self.marked.as_ref()?;
        Some(format!("{before}{id}{after}"))
    }

    /// Passes what the server says on the stream of the question `id`, at the caller's pace.
    pub(super) async fn told(&self, id: u64, (method, params): (&str, Option<&RawValue>)) {
        let note = match method {
            PROGRESS => self.progress(id, params),
            CANCELLED => {
                self.cancelled(params);
                None
            }
            other if is_for_all(other) => None,
            LOGGED if !self.listener.hears_log(params) => None,
            other => {
                let unnamed = params.and_then(tasks::unnamed);
                Some(note(other, unnamed.as_deref().or(params)))
            }
        };
        if let Some(note) = note {
            self.listener.pass(note).await;
        }
    }

    /// Passes what the server says of its progress with the question `id`, if the caller keeps up.
    pub(super) fn progressed(&self, id: u64, params: Option<&RawValue>) {
        let note = self.progress(id, params);
        if note.is_some_and(|it| !self.listener.try_pass(it)) {
            tracing::debug!(id, "a caller does not keep up: a note was dropped");
        }
    }

    /// Writes news of progress under the token that the caller knows.
    fn progress(&self, id: u64, params: Option<&RawValue>) -> Option<Note> {
        let marked = self.marked.as_ref()?;
        let params = params.filter(|it| question(it) == Some(id))?;
        let unnamed = tasks::unnamed(params);
        let params = RawObject::read(unnamed.as_deref().unwrap_or(params).get()).ok()?;
        if let Some(signs) = self.listener.signs() {
            signs.told(&params);
        }
        let params = params.with(TOKEN, &marked.token).ok()?;
        Some(note(PROGRESS, Some(&params)))
    }
}

impl Asked {
    /// Writes the caller's answer for the server; none where the server or the call waits no more.
    pub(super) async fn answered(mut self) -> Option<Vec<u8>> {
        let answer = tokio::select! {
            answer = self.asking.answered() => answer,
            () = self.dropped.cancelled() => return None,
            never = signs::show(&self.relay.listener, signs::ASKED) => match never {},
        };
        self.relay.open().retain(|it| it.name != self.asking.name());
        let answer = answer.unwrap_or_else(|| {
            Answer::error(code::INTERNAL_ERROR, "the client gave no answer that counts", None)
        });
        Some(incoming::answered(&self.id, &answer))
    }
}

impl Marked {
    fn read(params: &str) -> Result<Option<Self>, RawError> {
        // Whoever wrote such a name into `_meta` was `carried`, in this spelling.
        if !params.contains(TOKEN) {
            return Ok(None);
        }
        let Some(meta) = RawObject::read(params)?.get("_meta") else { return Ok(None) };
        let Some(token) = RawObject::read(meta.get())?.get(TOKEN) else { return Ok(None) };
        // It is part of the text, so it lies within it.
        let at = token.get().as_ptr().addr().saturating_sub(params.as_ptr().addr());
        let after = params.get(at.saturating_add(token.get().len())..);
        let around = params.get(..at).zip(after);
        Ok(around.map(|(before, after)| Self {
            before: before.into(),
            token: token.to_owned(),
            after: after.into(),
        }))
    }
}

/// Says which question a server's news of progress are about, as far as it is one of ours.
pub(super) fn of_progress(method: &str, params: Option<&RawValue>) -> Option<u64> {
    params.filter(|_| method == PROGRESS).and_then(question)
}

/// Says which of our questions a server takes back.
pub(super) fn of_cancelled(params: Option<&RawValue>) -> Option<u64> {
    RawObject::read(params?.get()).ok()?.get("requestId")?.get().parse().ok()
}

fn question(params: &RawValue) -> Option<u64> {
    RawObject::read(params.get()).ok()?.get(TOKEN)?.get().parse().ok()
}

/// Says whether a notification concerns everyone who uses the server, and no call by itself.
fn is_for_all(method: &str) -> bool {
    let name = method.strip_prefix("notifications/").unwrap_or(method);
    name.ends_with("list_changed")
        || name.starts_with("subscriptions/")
        // Whoever waits for a task asks for it, under a name of ours.
        || name.starts_with("tasks")
        || matches!(name, "resources/updated" | "initialized")
}

fn note(method: &str, params: Option<&RawValue>) -> Note {
    Note::new(&String::from_utf8_lossy(&request::notification(method, params)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    /// Gives what arrives at a caller of a call with `params` when its server says these things.
    async fn hears(params: &str, said: &[(&str, &str)]) -> Vec<String> {
        let (listener, mut notes) = Listener::new();
        let relay = Relay::of(listener, &raw(params)).unwrap();
        for (method, params) in said {
            relay.told(7, (method, Some(&raw(params)))).await;
        }
        relay.told(7, ("end", None)).await;
        let mut heard = Vec::new();
        loop {
            let note = notes.next().await.message().to_owned();
            if note == r#"{"jsonrpc":"2.0","method":"end"}"# {
                return heard;
            }
            heard.push(note);
        }
    }

    const MARKED: &str = r#"{"name":"a", "_meta":{ "progressToken" : "mine", "x":1 }}"#;

    #[test]
    fn a_server_gets_the_number_of_the_question_as_the_token() {
        let (listener, _notes) = Listener::new();
        let relay = |params| Relay::of(listener.clone(), &raw(params)).unwrap();
        assert_eq!(
            relay(MARKED).params(7).unwrap(),
            r#"{"name":"a", "_meta":{ "progressToken" : 7, "x":1 }}"#
        );
        for unmarked in ["{}", r#"{"_meta":{}}"#, r#"{"arguments":{"progressToken":1}}"#] {
            assert_eq!(relay(unmarked).params(7), None);
        }
    }

    #[tokio::test]
    async fn a_caller_gets_its_own_token_back_and_nobody_elses_progress() {
        let progress = |token: &str| format!(r#"{{"progressToken":{token},"progress":0.50}}"#);
        let (own, other, text) = (progress("7"), progress("8"), progress(r#""mine""#));
        let said = [(PROGRESS, &*own), (PROGRESS, &*other), (PROGRESS, &*text), (PROGRESS, "{}")];
        assert_eq!(
            hears(MARKED, &said).await,
            [
                r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"mine","progress":0.50}}"#
            ]
        );
        assert!(hears("{}", &said).await.is_empty(), "it asked for none");
    }

    #[tokio::test]
    async fn what_concerns_everyone_is_not_for_the_caller_and_what_nobody_knows_is() {
        let said = [
            ("notifications/tools/list_changed", "{}"),
            ("notifications/resources/updated", "{}"),
            ("notifications/message", r#"{"level":"info","data":"a\nb"}"#),
            ("notifications/of/tomorrow", r#"{"x":1}"#),
        ];
        assert_eq!(
            hears("{}", &said).await,
            [
                r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"a\nb"}}"#,
                r#"{"jsonrpc":"2.0","method":"notifications/of/tomorrow","params":{"x":1}}"#,
            ]
        );
    }
}
