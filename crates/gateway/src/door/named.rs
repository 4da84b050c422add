//! Held calls of clients that wait by themselves (`io.modelcontextprotocol/tasks`): they get a name
//! instead of rounds, and the call is made once a person has said yes and they ask again.
//!
//! The ticket is on record before the name goes out, and the name holds the call, so both outlive
//! this gateway. A call is made once under each name: by the decision whose id the name holds.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_model::{DecisionId, HoldId};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::{
    ask::Asked,
    kept::{Begun, Course},
    task::Wish,
};
use crate::{
    Call, Listener,
    jsonrpc::{Answer, code, raw_of},
    lane::{Answered, Recorded, Refusal, digest_of},
    mcp::{
        Era, answers,
        task_handle::{TaskHandle, Waits},
        tasks::{self, Shown, Status, Told},
    },
};

/// A held call that its client asks for.
pub(super) struct Waiting<'a> {
    pub(super) handle: &'a TaskHandle,
    pub(super) call: &'a Call,
    /// The name as the client knows it.
    pub(super) name: &'a str,
    pub(super) hold: &'a HoldId,
    /// By which decision it is made.
    pub(super) run: &'a DecisionId,
}

impl Asked<'_> {
    /// Gives a held call a name, where its client can wait by itself.
    pub(super) fn named(
        &self,
        call: &Call,
        (hold, refusal): (&HoldId, &Refusal),
    ) -> Option<Answer> {
        // Only tools are called so, and only of small calls was this left in.
        if call.method() != "tools/call" || !tasks::are_declared(call.params()) {
            return None;
        }
        let desk = self.door.lane.desk();
        let (now, run) = (desk.now(), DecisionId::new(desk.ulid()));
        let approved = digest_of(&refusal.reasons);
        let waits = Waits::Person { hold: hold.clone(), run, approved, since: now };
        let decided = (refusal.decision.clone(), waits);
        let handle = TaskHandle::of((self.caller, call), decided, (None, now))?;
        let name = handle.close(self.state_key())?;
        let told = Told::ours(Status::Working, &waiting_for(hold), (now, now));
        Some(Answer::Result(told.created(Shown { handle: &name, life: handle.life(now) })))
    }

    /// Answers what a client wants of its held call.
    pub(super) async fn at_person(&self, wish: Wish, waiting: &Waiting<'_>) -> Answer {
        let kept = &self.door.kept;
        let id = waiting.handle.id();
        match wish {
            // Nothing was asked.
            Wish::Update => Answer::Result(answers::empty(Era::Modern)),
            Wish::Cancel => {
                let until = (self.door.lane.desk().now(), waiting.handle.expires());
                let course = self.called_off(waiting).await;
                match kept.begin((&self.caller.task, id), course, until) {
                    Begun::Before(Course::UnderWay(_)) => kept.call_off(id),
                    Begun::Now
                    | Begun::Before(Course::CalledOff | Course::Over(_) | Course::Forgotten) => {}
                    // It would be made at the next question.
                    Begun::Full => return full(),
                }
                Answer::Result(answers::empty(Era::Modern))
            }
            Wish::Get => match kept.course(id) {
                Some(course) => self.course(waiting, course).await,
                None => self.not_begun(waiting).await,
            },
        }
    }

    /// Gives the course of a call that was not begun here, and is called off: what was made before this
    /// gateway was started is not called off any more.
    async fn called_off(&self, waiting: &Waiting<'_>) -> Course {
        match self.door.lane.recorded(waiting.run).await {
            Ok(Recorded::Nothing) => Course::CalledOff,
            Ok(_) | Err(_) => Course::Forgotten,
        }
    }

    /// Looks whether a call that was not begun here waits still, and begins it where it does not.
    async fn not_begun(&self, waiting: &Waiting<'_>) -> Answer {
        let Waiting { handle, call, hold, run, .. } = waiting;
        let lane = &self.door.lane;
        if lane.waits_still((self.caller, call), hold).await {
            return self.stands(waiting, (Status::Working, &waiting_for(hold)), None);
        }
        match lane.recorded(run).await.map(|it| it.said_of(run)) {
            Ok(None) => {}
            // Whether it was made is not known where that cannot be read, so it is not made.
            Ok(Some(said)) | Err(said) => return self.failed(waiting, &said),
        }
        let cut = CancellationToken::new();
        let until = (lane.desk().now(), handle.expires());
        let name = (&self.caller.task, handle.id());
        match self.door.kept.begin(name, Course::UnderWay(cut.clone()), until) {
            Begun::Now => self.begin(waiting, cut),
            Begun::Before(course) => return self.course(waiting, course).await,
            Begun::Full => return full(),
        }
        self.stands(waiting, (Status::Working, "under way"), None)
    }

    /// Makes the call, whoever hangs up.
    fn begin(&self, waiting: &Waiting<'_>, cut: CancellationToken) {
        let (listener, _nobody_listens) = Listener::new();
        let (lane, kept) = (Arc::clone(&self.door.lane), Arc::clone(&self.door.kept));
        let (caller, call) = (Arc::clone(self.caller), waiting.call.clone());
        let (run, id) = (waiting.run.clone(), waiting.handle.id().to_owned());
        let listener = listener.cut_by(cut).sharing(lane.upstreams().room().share(&caller));
        tokio::spawn(async move {
            let answered = lane.call_as(run, caller, call, listener).await;
            kept.over(&id, answered);
        });
    }

    async fn course(&self, waiting: &Waiting<'_>, course: Course) -> Answer {
        match course {
            Course::UnderWay(_) => self.stands(waiting, (Status::Working, "under way"), None),
            Course::CalledOff => self.stands(waiting, (Status::Cancelled, "called off"), None),
            Course::Over(answered) => self.over(waiting, &answered).await,
            Course::Forgotten => self.forgotten(waiting).await,
        }
    }

    /// Says what is on record of a call that was over, and whose answer had to make room.
    async fn forgotten(&self, waiting: &Waiting<'_>) -> Answer {
        let said = match self.door.lane.recorded(waiting.run).await {
            Ok(recorded) => recorded.said_of(waiting.run),
            Err(error) => Some(error),
        };
        self.failed(waiting, said.as_deref().unwrap_or("its answer is not kept"))
    }

    async fn over(&self, waiting: &Waiting<'_>, answered: &Answered) -> Answer {
        let (handle, call) = (waiting.handle, waiting.call);
        let answer = match answered {
            Answered::Reply(_, reply, owed) => {
                // What must be hidden since then is hidden as well.
                let asks = match self.hears(Wish::Get, (handle, call)).await {
                    Ok(asks) => asks,
                    Err(refused) => return refused,
                };
                let about = (waiting.run, call.method());
                let reply = owed.further(about, reply.clone(), &asks);
                self.back(&handle.server, call.method(), reply).await
            }
            Answered::Refused(refusal) => self.refused(refusal.clone(), call.method(), call).await,
            Answered::Failed(decision, why) | Answered::Cut(decision, why) => {
                return self.failed(waiting, &format!("{why} ({decision})"));
            }
            // It was not said that anybody waits.
            Answered::GoesOn(_) => return self.failed(waiting, "the server goes on by itself"),
        };
        match answer {
            Answer::Result(it) => {
                self.stands(waiting, (Status::Completed, "over"), Some(("result", &it)))
            }
            Answer::Error(it) => {
                self.stands(waiting, (Status::Failed, "over"), Some(("error", &it)))
            }
        }
    }

    fn failed(&self, waiting: &Waiting<'_>, text: &str) -> Answer {
        let Answer::Error(error) = Answer::error(code::INTERNAL_ERROR, text, None) else {
            return Answer::error(code::INTERNAL_ERROR, text, None);
        };
        self.stands(waiting, (Status::Failed, "over"), Some(("error", &error)))
    }

    /// Writes where a held call stands.
    fn stands(
        &self,
        waiting: &Waiting<'_>,
        (status, words): (Status, &str),
        came: Option<(&str, &RawValue)>,
    ) -> Answer {
        let now = self.door.lane.desk().now();
        let since = match &waiting.handle.waits {
            Waits::Person { since, .. } => *since,
            Waits::Server { .. } => now,
        };
        let members: BTreeMap<&str, &RawValue> = came.into_iter().collect();
        let life = waiting.handle.life(now);
        Told::ours(status, words, (since, now))
            .detailed(Shown { handle: waiting.name, life }, &raw_of(&members))
            .map_or_else(
                |error| Answer::error(code::INTERNAL_ERROR, &error.to_string(), None),
                Answer::Result,
            )
    }
}

fn full() -> Answer {
    let text = "so many calls are kept that one more cannot be: ask again later";
    Answer::error(code::INTERNAL_ERROR, text, None)
}

fn waiting_for(hold: &HoldId) -> String {
    format!("waiting for a person: {hold}")
}
