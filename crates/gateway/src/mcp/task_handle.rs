//! The name under which a client asks for a call that goes on: sealed, so that any gateway can serve
//! it, none has to remember it, and nobody can make one up.
//!
//! It holds the call itself, as the call is judged again before anything is told of it. It is also
//! repeated in a header, so a call with many parameters does not go on: its server answers at once.

use std::time::Duration;

use bailiwick_connect::{StateKey, Verified, random_text};
use bailiwick_model::{DecisionId, Digest, HoldId, IdentityId, ServerName, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Call,
    jsonrpc::{RawError, RawObject},
    obliged::Owed,
};

/// How many bytes of parameters a call may have that goes on.
const PARAMS_MAX: usize = 2 << 10;
/// How long one can be asked for, whatever its server keeps.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3600);

/// One call that goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskHandle {
    /// Makes each its own.
    id: String,
    /// The task of ours.
    task: TaskId,
    caller: IdentityId,
    via: Vec<IdentityId>,
    /// Whose tool it is.
    pub(crate) server: ServerName,
    /// The call's parameters.
    pub(crate) params: Box<RawValue>,
    /// The decision that let it through, or held it.
    pub(crate) decision: DecisionId,
    /// What it is waited for.
    pub(crate) waits: Waits,
    /// What its answer owes since it was let through.
    #[serde(default, skip_serializing_if = "Owed::is_nothing")]
    pub(crate) owed: Owed,
    expires: Timestamp,
}

/// What a call that goes on waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Waits {
    /// Its server.
    Server {
        /// What the server calls it.
        theirs: String,
        /// What a person approved when it was let through, if one had to.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        approved: Option<Digest>,
    },
    /// A person.
    Person {
        /// The ticket.
        hold: HoldId,
        /// The decision by which the call is made: it is made once.
        run: DecisionId,
        /// What the person is asked to approve.
        approved: Digest,
        /// When it began to wait.
        since: Timestamp,
    },
}

impl TaskHandle {
    /// Names a call of `caller` that goes on since `now`; none where its parameters are too many, or
    /// no name can be drawn.
    pub(crate) fn of(
        (caller, call): (&Verified, &Call),
        (decision, waits): (DecisionId, Waits),
        (life, now): (Option<Duration>, Timestamp),
    ) -> Option<Self> {
        let params = bare(call.params()).ok().filter(|it| it.get().len() <= PARAMS_MAX)?;
        let life = life.unwrap_or(LIFE_MAX).min(LIFE_MAX);
        Some(Self {
            id: random_text().ok()?,
            task: caller.task.clone(),
            caller: caller.identity.clone(),
            via: caller.via.clone(),
            server: call.action().server.clone(),
            params,
            decision,
            waits,
            owed: Owed::default(),
            expires: now.after(life),
        })
    }

    /// Has it hold what the call's answer owes; none where that is too much.
    pub(crate) fn owing(self, owed: Owed) -> Option<Self> {
        owed.fits().then_some(Self { owed, ..self })
    }

    /// Says whether a call with these parameters could be named.
    pub(crate) fn names(params: &RawValue) -> bool {
        bare(params).is_ok_and(|it| it.get().len() <= PARAMS_MAX)
    }

    /// Closes it for its way to the client and back.
    pub(crate) fn close(&self, key: &StateKey) -> Option<String> {
        key.close(&serde_json::to_string(self).ok()?).ok()
    }

    /// Opens what `caller` asks for; none where nobody here named it so, for this caller, or it is
    /// too old.
    pub(crate) fn open(
        closed: &str,
        caller: &Verified,
        (key, now): (&StateKey, Timestamp),
    ) -> Option<Self> {
        let handle: Self = serde_json::from_str(&key.open(closed)?).ok()?;
        let same = handle.task == caller.task
            && handle.caller == caller.identity
            && handle.via == caller.via;
        (same && now < handle.expires).then_some(handle)
    }

    /// Gives what makes it its own.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Gives until when it can be asked for.
    pub(crate) const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Gives what a person had to approve of the call, or has to.
    pub(crate) const fn approved(&self) -> Option<&Digest> {
        match &self.waits {
            Waits::Server { approved, .. } => approved.as_ref(),
            Waits::Person { approved, .. } => Some(approved),
        }
    }

    /// Gives how long it can be asked for still.
    pub(crate) fn life(&self, now: Timestamp) -> Duration {
        self.expires.since(now)
    }
}

/// Gives the parameters without what the protocol carries along.
fn bare(params: &RawValue) -> Result<Box<RawValue>, RawError> {
    RawObject::read(params.get())?.without("_meta")
}

#[cfg(test)]
mod tests {
    use bailiwick_connect::Audience;
    use bailiwick_model::{Change, JsonLimits, Most, Obligations, Redact, Ulid};
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds.saturating_mul(1000))
    }

    fn caller(task: u8, identity: &str, via: &[&str]) -> Verified {
        Verified {
            bound: None,
            exposed: false,
            task: TaskId::new(Ulid::new(at(0), [task; 10])),
            identity: identity.parse().unwrap(),
            via: via.iter().map(|it| it.parse().unwrap()).collect(),
            generation: 1,
            policy: "p1".to_owned(),
            audience: Audience::All,
            issued: at(0),
            expires: at(300),
            credentials: std::collections::BTreeSet::new(),
        }
    }

    fn call(params: &str) -> Call {
        let params = RawValue::from_string(params.to_owned()).unwrap();
        let server = "files".parse().unwrap();
        Call::read(server, "tools/call", params, JsonLimits::default()).unwrap()
    }

    fn key() -> StateKey {
        let root = tempfile::tempdir().unwrap();
        StateKey::load_or_create(&root.path().join("state.key")).unwrap()
    }

    fn named(caller: &Verified, call: &Call, life: Option<Duration>) -> Option<TaskHandle> {
        let decision = DecisionId::new(Ulid::new(at(0), [9; 10]));
        let waits = Waits::Server { theirs: "theirs".to_owned(), approved: None };
        TaskHandle::of((caller, call), (decision, waits), (life, at(0)))
    }

    const PARAMS: &str = r#"{"name":"t","arguments":{ "n":1.50 },"_meta":{"progressToken":1}}"#;

    #[test]
    fn a_name_is_opened_by_whom_it_was_made_for_and_holds_the_very_call() {
        let (key, ann, call) = (key(), caller(1, "ann", &["lead"]), call(PARAMS));
        let closed = named(&ann, &call, None).unwrap().close(&key).unwrap();
        let opened = TaskHandle::open(&closed, &ann, (&key, at(1))).unwrap();
        assert_eq!(opened.params.get(), r#"{"name":"t","arguments":{ "n":1.50 }}"#);
        assert!(closed.len() < 8 << 10 && !closed.contains("theirs"));
        for other in
            [caller(2, "ann", &["lead"]), caller(1, "bob", &["lead"]), caller(1, "ann", &[])]
        {
            assert!(TaskHandle::open(&closed, &other, (&key, at(1))).is_none());
        }
        assert_ne!(named(&ann, &call, None).unwrap().close(&key).unwrap(), closed);
    }

    #[test]
    fn a_name_lives_as_long_as_its_server_keeps_the_task_and_a_day_at_most() {
        let (key, ann, call) = (key(), caller(1, "ann", &[]), call(PARAMS));
        let day = 24 * 3600;
        for (life, ends) in [(Some(60), 60), (None, day), (Some(u64::MAX), day)] {
            let named = named(&ann, &call, life.map(Duration::from_secs)).unwrap();
            let closed = named.close(&key).unwrap();
            let open = |now| TaskHandle::open(&closed, &ann, (&key, at(now))).is_some();
            assert!(open(ends - 1) && !open(ends), "{life:?}");
        }
    }

    #[test]
    fn a_call_that_is_too_large_for_a_header_has_none() {
        let large = format!(r#"{{"name":"t","arguments":{{"x":"{}"}}}}"#, "x".repeat(PARAMS_MAX));
        let call = call(&large);
        assert!(named(&caller(1, "ann", &[]), &call, None).is_none());
        assert!(!TaskHandle::names(call.params()));
    }

    #[test]
    fn what_an_answer_owes_is_in_its_name_and_what_is_too_much_has_none() {
        let (key, ann, call) = (key(), caller(1, "ann", &[]), call(PARAMS));
        let asks = |names: usize| Obligations {
            from: ["private@1".to_owned()].into(),
            redact: Redact::of((0..names).map(|it| format!("$.a.field{it}").parse().unwrap())),
            rows: Most::of(3),
            ..Obligations::NONE
        };
        let change = Change { path: "limit".parse().unwrap(), value: "5".to_owned() };
        let owed = Owed::of(&asks(2), std::slice::from_ref(&change));
        let named = |owed: Owed| named(&ann, &call, None).unwrap().owing(owed);
        let closed = named(owed.clone()).unwrap().close(&key).unwrap();
        let opened = TaskHandle::open(&closed, &ann, (&key, at(1))).unwrap();
        assert_eq!(opened.owed, owed);
        assert_eq!(opened.owed.with(&Obligations::NONE), asks(2));
        assert_eq!(opened.owed.changes(), [change]);
        assert!(named(Owed::of(&asks(200), &[])).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_a_panic(text in "\\PC{0,80}", closed in any::<bool>()) {
            let key = key();
            let text = if closed { key.close(&text).unwrap() } else { text };
            prop_assert!(TaskHandle::open(&text, &caller(1, "ann", &[]), (&key, at(0))).is_none());
        }
    }
}
