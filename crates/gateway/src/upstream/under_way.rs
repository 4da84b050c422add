//! Whose calls are under way at one server, so that what it says to nobody in particular reaches the
//! one caller whom it can concern, where there is just one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bailiwick_model::TaskId;
use serde_json::value::RawValue;
use tokio::time::sleep;
use tokio_util::sync::DropGuard;

use super::{
    relay::{Asked, LOGGED, Relay},
    request,
    spec::ServerSpec,
};
use crate::{Listener, listener::Note};

/// How long after its end what a server says may still be about a call.
const LINGERS: Duration = Duration::from_secs(10);

/// How long a server may ask a client that told it of a change.
const ASKS_WITHIN: Duration = Duration::from_secs(10);
/// How often a client that tells on and on is counted anew.
const ANEW: Duration = Duration::from_secs(1);
/// What such a server may ask.
const EXPECTED: &str = "roots/list";

/// The calls that are under way, and who left lately.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    next: u64,
    callers: BTreeMap<u64, Listener>,
    left: BTreeMap<Option<TaskId>, Instant>,
    /// Who told of a change and may be asked about that while no call is under way.
    expecting: BTreeMap<TaskId, Expecting>,
}

/// A client that waits to be asked.
#[derive(Debug)]
struct Expecting {
    since: Instant,
    /// Where it hears what it is asked; nowhere where it has no stream open.
    listener: Option<Listener>,
    /// Whether it told of a change once more.
    again: bool,
    /// Whether it was asked, so that what the server says next may be about that.
    asked: bool,
}

/// A client that may be asked, until it is dropped.
#[derive(Debug)]
pub(super) struct Expected {
    under_way: UnderWay,
    task: TaskId,
    since: Instant,
    _over: Option<DropGuard>,
}

/// One call, until it is over.
#[derive(Debug)]
pub(crate) struct Here {
    under_way: UnderWay,
    number: u64,
}

impl UnderWay {
    /// Takes note of a call that begins.
    pub(super) fn enter(&self, listener: &Listener) -> Here {
        let mut memory = self.lock();
        let number = memory.next;
        memory.next = number.wrapping_add(1);
        memory.callers.insert(number, listener.clone());
        Here { under_way: self.clone(), number }
    }

    /// Hands a message of the server's log, which says by itself to nobody whom it concerns, to the
    /// only caller whom it can: one whose call is under way alone, and was not preceded by another
    /// task's just now.
    pub(super) fn logged(&self, params: Option<&RawValue>) {
        let Some(listener) = self.only(Instant::now()).filter(|it| it.hears_log(params)) else {
            return;
        };
        let line = request::notification(LOGGED, params);
        if !listener.try_pass(Note::new(&String::from_utf8_lossy(&line))) {
            tracing::debug!("a caller does not keep up: a note was dropped");
        }
    }

    /// Hands a question of the server's, which says by itself to nobody whom it is for, to the same
    /// caller; none where there is none, or where it cannot be asked that.
    pub(super) fn asked(&self, id: &RawValue, asked: (&str, Option<&RawValue>)) -> Option<Asked> {
        match self.only(Instant::now()) {
            Some(only) if self.may_be_for_another(asked.0, only.task()) => None,
            Some(only) => Relay::beside(only).asked(id, asked),
            None => self.asked_after(id, asked),
        }
    }

    /// Says whether another task than this one told of a change that `method` may be about: it is not
    /// answered for it, whoever's call is under way.
    pub(super) fn may_be_for_another(&self, method: &str, task: Option<&TaskId>) -> bool {
        method == EXPECTED && self.lock().expecting.keys().any(|it| Some(it) != task)
    }

    /// Hands what the server asks after a client told it of a change to that client; none where there is
    /// none, or where it may be meant for others.
    pub(super) fn asked_after(
        &self,
        id: &RawValue,
        asked: (&str, Option<&RawValue>),
    ) -> Option<Asked> {
        let (method, _) = asked;
        let expecting = self.expecting(Instant::now()).filter(|_| method == EXPECTED)?;
        let task = expecting.task().cloned();
        let handed = Relay::beside(expecting).asked(id, asked)?;
        let mut memory = self.lock();
        if let Some(it) = task.and_then(|it| memory.expecting.get_mut(&it)) {
            it.asked = true;
        }
        drop(memory);
        Some(handed)
    }

    /// Takes note that the client of a task told of a change, and lets the server ask it on what `listener`
    /// hears for as long as what this gives is kept. One that tells on and on is told of later.
    pub(super) fn expect(
        &self,
        (task, since): (&TaskId, Instant),
        (listener, spec): (Option<&Listener>, &Arc<ServerSpec>),
    ) -> Option<Expected> {
        let (listener, over) = listener.map(|it| it.called_at(spec)).unzip();
        let mut memory = self.lock();
        if let Some(before) = memory.expecting.get_mut(task)
            && since.saturating_duration_since(before.since) < ANEW
        {
            before.again = true;
            return None;
        }
        memory
            .expecting
            .insert(task.clone(), Expecting { since, listener, again: false, asked: false });
        Some(Expected { under_way: self.clone(), task: task.clone(), since, _over: over })
    }

    /// Gives the only client that can be meant while no call is under way.
    fn expecting(&self, now: Instant) -> Option<Listener> {
        let memory = self.lock();
        let mut waiting = memory.expecting.iter();
        let (task, only) = waiting.next().filter(|_| waiting.next().is_none())?;
        let lately = |at: &Instant| now.saturating_duration_since(*at) < LINGERS;
        let strangers = memory.left.iter().any(|(it, at)| it.as_ref() != Some(task) && lately(at));
        if memory.callers.is_empty() && !strangers { only.listener.clone() } else { None }
    }

    fn only(&self, now: Instant) -> Option<Listener> {
        let memory = self.lock();
        let mut callers = memory.callers.values();
        let only = callers.next().filter(|_| callers.next().is_none())?;
        let own = Some(only.task()?.clone());
        let lately = |at: &Instant| now.saturating_duration_since(*at) < LINGERS;
        let strangers = memory.left.iter().any(|(task, at)| *task != own && lately(at));
        (!strangers).then(|| only.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Expected {
    /// Waits as long as the client may be asked, and tells of what it told meanwhile.
    pub(super) async fn lasts(self, tell: impl FnOnce()) {
        sleep(ANEW).await;
        if self.own(|it| std::mem::take(&mut it.again)).unwrap_or(false) {
            tell();
        }
        sleep(ASKS_WITHIN.saturating_sub(ANEW)).await;
    }

    /// Looks at what is kept of it, unless something newer took its place.
    fn own<T>(&self, look: impl FnOnce(&mut Expecting) -> T) -> Option<T> {
        let mut memory = self.under_way.lock();
        memory.expecting.get_mut(&self.task).filter(|it| it.since == self.since).map(look)
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        let (mut memory, now) = (self.under_way.lock(), Instant::now());
        // Something newer of the same task stays.
        let own = memory.expecting.get(&self.task).filter(|it| it.since == self.since);
        let Some(asked) = own.map(|it| it.asked) else { return };
        memory.expecting.remove(&self.task);
        if asked {
            memory.left.retain(|_, at| now.saturating_duration_since(*at) < LINGERS);
            memory.left.insert(Some(self.task.clone()), now);
        }
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let (mut memory, now) = (self.under_way.lock(), Instant::now());
        let Some(listener) = memory.callers.remove(&self.number) else { return };
        memory.left.retain(|_, at| now.saturating_duration_since(*at) < LINGERS);
        memory.left.insert(listener.task().cloned(), now);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bailiwick_model::Environment;

    use super::*;
    use crate::{
        mcp::log_level::Logs,
        upstream::{Confine, Transport},
    };

    fn of(task: &str) -> Listener {
        let task = format!("task_01JD8X0000000000000000000{task}");
        Listener::new().0.of_task(&task.parse().unwrap(), Logs::Everything)
    }

    fn spec() -> Arc<ServerSpec> {
        Arc::new(ServerSpec {
            name: "files".parse().unwrap(),
            transport: Transport::Http { url: http::Uri::from_static("http://127.0.0.1/mcp") },
            trust: None,
            environment: Environment::Development,
            confine: Confine::default(),
            extra_methods: BTreeSet::new(),
            call_timeout: Duration::from_secs(1),
            tools: BTreeMap::new(),
            credential: None,
        })
    }

    #[test]
    fn whoever_told_of_a_change_is_asked_while_nobody_else_can_be_meant() {
        let (under_way, spec, now) = (UnderWay::default(), spec(), Instant::now);
        let began = now();
        let expect =
            |it: &Listener| under_way.expect((it.task().unwrap(), began), (Some(it), &spec));
        assert!(under_way.expecting(now()).is_none());
        let one = expect(&of("A")).unwrap();
        assert!(under_way.expecting(now()).is_some());
        let call = under_way.enter(&of("A"));
        assert!(under_way.expecting(now()).is_none(), "a call of its own is asked");
        drop(call);
        assert!(under_way.expecting(now()).is_some());
        let other = expect(&of("B")).unwrap();
        assert!(under_way.expecting(now()).is_none(), "it may be for either");
        let a = of("A");
        assert!(under_way.may_be_for_another(EXPECTED, a.task()), "it may be for B");
        assert!(!under_way.may_be_for_another("sampling/createMessage", a.task()));
        assert!(other.own(|it| it.asked = true).is_some());
        drop(other);
        assert!(under_way.expecting(now()).is_none(), "it may be for the one before");
        assert!(!under_way.may_be_for_another(EXPECTED, a.task()));
        assert!(under_way.expecting(now().checked_add(LINGERS).unwrap()).is_some());
        assert!(expect(&of("A")).is_none(), "it told just before");
        assert!(one.own(|it| it.again).unwrap(), "and is told of later");
        drop(one);
        assert!(under_way.lock().expecting.is_empty());
        let later = now().checked_add(LINGERS).unwrap();
        let _call = under_way.enter(&of("C"));
        drop(expect(&of("D")));
        assert!(under_way.only(later).is_some(), "whoever was not asked silences nobody");
    }

    #[test]
    fn what_is_said_to_nobody_is_for_the_only_one_whom_it_can_concern() {
        let (under_way, now) = (UnderWay::default(), Instant::now);
        assert!(under_way.only(now()).is_none());
        let one = under_way.enter(&of("A"));
        assert!(under_way.only(now()).is_some());
        let other = under_way.enter(&of("B"));
        assert!(under_way.only(now()).is_none(), "it may be for either");
        drop(other);
        assert!(under_way.only(now()).is_none(), "it may be for the one that left");
        let later = now().checked_add(LINGERS).unwrap();
        assert!(under_way.only(later).is_some());
        drop(one);
        let again = under_way.enter(&of("A"));
        drop(under_way.enter(&of("A")));
        assert!(under_way.only(later).is_some(), "its own task's calls are no strangers");
        drop(again);
        let _nobody = under_way.enter(&Listener::new().0);
        assert!(under_way.only(later).is_none(), "of this one no task is known");
    }
}
