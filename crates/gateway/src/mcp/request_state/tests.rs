//! States that come back, and those that a call cannot go on with.

use bailiwick_connect::Audience;
use bailiwick_model::{Action, ActionKind, Json, Ulid};
use proptest::prelude::*;

use super::*;
use crate::{jsonrpc::RawObject, mcp::client::ClientCapabilities};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000_i64.saturating_add(seconds.saturating_mul(1000)))
}

fn ulid(number: u8) -> Ulid {
    Ulid::new(at(0), [number; 10])
}

fn caller(task: u8, identity: &str, via: &[&str]) -> Verified {
    Verified {
        bound: None,
        exposed: false,
        task: TaskId::new(ulid(task)),
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

fn call(name: &str, arguments: &str) -> CallDigest {
    let (server, name) = ("files".parse().unwrap(), name.to_owned());
    let action = Action { server, kind: ActionKind::Tool, name };
    CallDigest::of(&action, &Json::parse(arguments.as_bytes(), <_>::default()).unwrap())
}

fn key() -> StateKey {
    let root = tempfile::tempdir().unwrap();
    StateKey::load_or_create(&root.path().join("state.key")).unwrap()
}

fn ticket() -> Ticket {
    Ticket { hold: HoldId::new(ulid(8)), decision: DecisionId::new(ulid(9)) }
}

/// One gateway's memory, and a call that it holds.
struct Held {
    key: StateKey,
    spent: Spent,
    caller: Verified,
    call: CallDigest,
}

impl Held {
    fn new() -> Self {
        let (caller, call) = (caller(1, "agent", &["lead"]), call("rm", r#"{"path":"/a"}"#));
        Self { key: key(), spent: Spent::default(), caller, call }
    }

    fn asking(&self, now: Timestamp) -> Asking<'_> {
        Asking { caller: &self.caller, call: &self.call, policy: "p1", now }
    }

    fn state(&self) -> RequestState {
        RequestState::next(self.asking(at(0)), None).unwrap().waiting_for(ticket())
    }

    fn closed(&self) -> String {
        self.state().close(&self.key).unwrap()
    }

    fn open(&self, closed: &str, asking: Asking<'_>) -> Result<RequestState, StateError> {
        RequestState::open(closed, asking, (&self.key, &self.spent))
    }
}

#[test]
fn a_state_comes_back_as_it_went_out_and_only_once() {
    let held = Held::new();
    let state = held.state();
    let closed = state.close(&held.key).unwrap();
    assert_eq!(held.open(&closed, held.asking(at(1))), Ok(state));
    assert_eq!(held.open(&closed, held.asking(at(1))), Err(StateError::Used));
}

#[test]
fn another_task_identity_or_chain_cannot_go_on_with_it() {
    let held = Held::new();
    let closed = held.closed();
    for other in [
        caller(2, "agent", &["lead"]),
        caller(1, "other", &["lead"]),
        caller(1, "agent", &[]),
        caller(1, "agent", &["lead", "lead"]),
    ] {
        let asking = Asking { caller: &other, ..held.asking(at(1)) };
        assert_eq!(held.open(&closed, asking), Err(StateError::OtherCaller), "{other:?}");
    }
    held.open(&closed, held.asking(at(1))).expect("a refusal spends nothing");
}

#[test]
fn changed_arguments_and_another_tool_are_another_call() {
    let held = Held::new();
    let closed = held.closed();
    for other in [call("rm", r#"{"path":"/b"}"#), call("mv", r#"{"path":"/a"}"#)] {
        let asking = Asking { call: &other, ..held.asking(at(1)) };
        assert_eq!(held.open(&closed, asking), Err(StateError::OtherCall));
    }
}

#[test]
fn an_old_state_is_refused_whatever_else_is_right() {
    let held = Held::new();
    let closed = held.closed();
    let life = i64::try_from(LIFE.as_secs()).unwrap();
    assert_eq!(held.open(&closed, held.asking(at(life))), Err(StateError::Expired));
    held.open(&closed, held.asking(at(life.saturating_sub(1)))).unwrap();
}

#[test]
fn what_another_key_closed_or_somebody_cut_is_not_ours() {
    let held = Held::new();
    let closed = held.closed();
    let theirs = held.state().close(&key()).unwrap();
    let other_text = held.key.close(r#"{"id":"x","round":1}"#).unwrap();
    let cut = closed.get(..closed.len().saturating_sub(2)).unwrap();
    for forged in [theirs.as_str(), &other_text, cut, "", "v1..", "v2.a.b"] {
        assert_eq!(held.open(forged, held.asking(at(1))), Err(StateError::NotOurs), "{forged}");
    }
}

#[test]
fn there_are_so_many_rounds_and_no_more() {
    let held = Held::new();
    let mut last = held.state();
    for round in 2..=ROUNDS_MAX {
        last = RequestState::next(held.asking(at(1)), Some(&last)).unwrap();
        assert_eq!(last.round, round);
        held.open(&last.close(&held.key).unwrap(), held.asking(at(1))).unwrap();
    }
    assert_eq!(RequestState::next(held.asking(at(1)), Some(&last)), None);
    for round in [0, ROUNDS_MAX.saturating_add(1), u8::MAX] {
        let beyond = RequestState { round, ..held.state() }.close(&held.key).unwrap();
        assert_eq!(held.open(&beyond, held.asking(at(1))), Err(StateError::PastTheLast));
    }
}

#[test]
fn a_servers_own_state_is_carried_from_round_to_round() {
    let held = Held::new();
    let result = RawObject::read(r#"{"requestState":"theirs"}"#).unwrap();
    let asked = AskedFor::read(&result, &ClientCapabilities::default()).unwrap();
    let first = held.state().asked_for(asked);
    let next = RequestState::next(held.asking(at(1)), Some(&first)).unwrap();
    let theirs = next.upstream.as_ref().and_then(|it| it.state().map(str::to_owned));
    assert_eq!((theirs.as_deref(), &next.ticket), (Some("theirs"), &None));
    let opened = held.open(&next.close(&held.key).unwrap(), held.asking(at(1))).unwrap();
    assert_eq!(opened, next);
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,80}", closed in any::<bool>()) {
        let held = Held::new();
        let text = if closed { held.key.close(&text).unwrap() } else { text };
        prop_assert_eq!(held.open(&text, held.asking(at(1))), Err(StateError::NotOurs));
    }
}
