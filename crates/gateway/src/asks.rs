//! What servers ask of legacy clients during a call, until it is answered.
//!
//! A client sees a name that nobody can guess in place of the server's own id. What it answers
//! under that name counts once, from the task and session that were asked, while the call lasts.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_model::{ServerName, TaskId};
use tokio::sync::oneshot;

use crate::{jsonrpc::Answer, mcp::askable::Askable};

/// How much may be asked of the clients of one task at once.
const EACH: usize = 32;

/// What was asked and not answered yet.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    tasks: Mutex<HashMap<TaskId, Vec<Ask>>>,
}

/// One thing that was asked.
#[derive(Debug)]
pub(crate) struct Ask {
    name: Box<str>,
    session: Option<Box<str>>,
    /// Which server asks.
    pub(crate) server: ServerName,
    /// What for.
    pub(crate) method: Box<str>,
    /// Where the answer is waited for.
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// A client that servers may ask during its call.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) asks: Arc<Asks>,
    pub(crate) task: TaskId,
    pub(crate) session: Option<Box<str>>,
    pub(crate) askable: Askable,
}

/// An answer that is waited for; whoever drops it waits no more.
#[derive(Debug)]
pub(crate) struct Asking {
    name: Box<str>,
    asks: Arc<Asks>,
    task: TaskId,
    answer: oneshot::Receiver<Answer>,
}

impl Client {
    /// Takes note that `server` asks it something; none where it did not declare that it can be
    /// asked this, or where too much is asked at once.
    pub(crate) fn ask(&self, server: &ServerName, method: &str) -> Option<Asking> {
        let name = name().filter(|_| self.askable.covers(method))?;
        let (answer, waiting) = oneshot::channel();
        let mut tasks = self.asks.lock();
        let open = tasks.entry(self.task.clone()).or_default();
        if EACH <= open.len() {
            return None;
        }
        open.push(Ask {
            name: name.clone(),
            session: self.session.clone(),
            server: server.clone(),
            method: method.into(),
            answer,
        });
        let (asks, task) = (Arc::clone(&self.asks), self.task.clone());
        Some(Asking { name, asks, task, answer: waiting })
    }
}

impl Asks {
    /// Takes what was asked of this task's client in this session, so that it is answered once.
    pub(crate) fn take(&self, task: &TaskId, session: Option<&str>, name: &str) -> Option<Ask> {
        let mut tasks = self.lock();
        let open = tasks.get_mut(task)?;
        let meant = |it: &Ask| *it.name == *name && it.session.as_deref() == session;
        let at = open.iter().position(meant)?;
        let ask = open.swap_remove(at);
        if open.is_empty() {
            tasks.remove(task);
        }
        Some(ask)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Vec<Ask>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking {
    /// Gives the name under which the client answers.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the answer; none where none will come.
    pub(crate) async fn answered(&mut self) -> Option<Answer> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut tasks = self.asks.lock();
        let Some(open) = tasks.get_mut(&self.task) else { return };
        open.retain(|it| it.name != self.name);
        if open.is_empty() {
            tasks.remove(&self.task);
        }
    }
}

/// Makes a name that nobody can guess; none without randomness.
fn name() -> Option<Box<str>> {
    let mut name = "ask_".to_owned();
    for byte in bailiwick_connect::random_bytes::<16>().ok()? {
        // Writing into a text does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    Some(name.into())
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    const ONE: &str = "task_01JD8X0000000000000000000A";
    const OTHER: &str = "task_01JD8X0000000000000000000B";

    fn client(asks: &Arc<Asks>) -> Client {
        Client {
            asks: Arc::clone(asks),
            task: ONE.parse().unwrap(),
            session: Some("s".into()),
            askable: Askable::from_word("-e").unwrap(),
        }
    }

    fn answer() -> Answer {
        Answer::Result(RawValue::from_string("{}".to_owned()).unwrap())
    }

    #[tokio::test]
    async fn what_was_asked_is_answered_once_and_by_whom_it_was_asked() {
        let asks = Arc::new(Asks::default());
        let server = "files".parse().unwrap();
        let mut asking = client(&asks).ask(&server, "elicitation/create").unwrap();
        let name = asking.name().to_owned();
        let take =
            |task: &str, session, name: &str| asks.take(&task.parse().unwrap(), session, name);
        assert!(take(OTHER, Some("s"), &name).is_none());
        assert!(take(ONE, Some("t"), &name).is_none());
        assert!(take(ONE, None, &name).is_none());
        assert!(take(ONE, Some("s"), "ask_0").is_none());
        let ask = take(ONE, Some("s"), &name).unwrap();
        assert_eq!((ask.server, &*ask.method), (server, "elicitation/create"));
        ask.answer.send(answer()).unwrap();
        assert!(matches!(asking.answered().await, Some(Answer::Result(_))));
        assert!(take(ONE, Some("s"), &name).is_none(), "an answer counts once");
    }

    #[tokio::test]
    async fn nothing_is_kept_of_what_nobody_waits_for() {
        let asks = Arc::new(Asks::default());
        let server = "files".parse().unwrap();
        let mut asking: Vec<_> =
            (0..100).filter_map(|_| client(&asks).ask(&server, "elicitation/create")).collect();
        assert_eq!(asking.len(), EACH);
        drop(asking.pop());
        assert!(client(&asks).ask(&server, "elicitation/create").is_some());
        drop(asking);
        assert!(asks.lock().is_empty());
    }
}
