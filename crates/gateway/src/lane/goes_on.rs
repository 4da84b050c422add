//! A call that goes on at its server after it was answered, as a task of the protocol: followed until
//! it is over, so that it has the one outcome that every call has, and called off as soon as it would
//! not be let through any more.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_connect::Verified;
use bailiwick_model::{DecisionId, Digest, Obligations, OutcomeKind, ServerName};
use serde_json::value::RawValue;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Answered, Lane, Sent, says_error};
use crate::{
    Call,
    caught::{self, BrokeOff},
    desk::{Changed, Slot},
    jsonrpc::RawObject,
    mcp::{
        bridge::ResultKind,
        client::{ClientCapabilities, ClientFacts},
        tasks::{self, Status, Told},
    },
    obliged::{About, Owed},
    places::Place,
    upstream::{Reply, SendError},
};

/// How many calls of one task go on at once, and how many of all.
pub(super) const EACH: usize = 32;
pub(super) const ALL: usize = 1024;
/// How long one is followed, whatever its server keeps.
const FOLLOWED_MAX: Duration = Duration::from_secs(24 * 3600);
/// How often in a row its server may fail to say where it stands.
const MISSES_MAX: u32 = 10;

/// A call that goes on after its answer.
#[derive(Clone, Debug)]
pub struct GoesOn {
    /// The decision that let it through.
    pub(crate) decision: DecisionId,
    /// What its server said of it.
    pub(crate) told: Told,
    /// What a person had to approve of it.
    pub(crate) approved: Option<Digest>,
    /// What is owed whoever asks for its answer.
    pub(crate) owed: Owed,
}

/// Reads what a server says of a call that goes on; none where it does not, or where its client did
/// not say that it can wait for it.
pub(super) fn told(call: &Call, sent: &Result<Reply, SendError>) -> Option<Told> {
    let Ok(Reply::Result(result)) = sent else { return None };
    // What the client says is shorter than what the server answers, and was `carried` here in this
    // spelling.
    let goes_on = call.params().get().contains(tasks::EXTENSION)
        && tasks::are_declared(call.params())
        && ResultKind::of(result).is_ok_and(|it| it == ResultKind::Task);
    goes_on.then(|| Told::read(result)).flatten()
}

/// Follows one call.
struct Follower {
    lane: Lane,
    caller: Arc<Verified>,
    call: Call,
    slot: Arc<Slot>,
    goes_on: GoesOn,
    started: Instant,
    _place: Place,
}

/// What a call came to: for its record.
type Came = (OutcomeKind, String, u64);

impl Lane {
    /// Follows a call if it goes on, or calls it off where too many do.
    pub(super) async fn follow(
        &self,
        answered: Answered,
        approved: Option<Digest>,
        (caller, call): (&Arc<Verified>, &Call),
        (slot, started): (Arc<Slot>, Instant),
    ) -> Answered {
        let Answered::GoesOn(goes_on) = answered else { return answered };
        let goes_on = GoesOn { approved, ..*goes_on };
        let server = &call.action().server;
        let Some(place) = self.going.take(&caller.task) else {
            self.call_off(caller, server, &goes_on.told.task_id).await;
            let why = format!("{EACH} calls of one task may go on at once, and this was one more");
            let sent =
                Sent { decision: &goes_on.decision, slot: &slot, server, started, secret: None };
            self.came_to(sent, (OutcomeKind::None, why.clone(), 0)).await;
            return Answered::Failed(goes_on.decision, why);
        };
        let follower = Follower {
            lane: self.clone(),
            caller: Arc::clone(caller),
            call: call.clone(),
            slot,
            goes_on: goes_on.clone(),
            started,
            _place: place,
        };
        self.following.spawn(follower.run());
        Answered::GoesOn(Box::new(goes_on))
    }

    /// Tells a server that nobody wants what it does for a call any more.
    async fn call_off(&self, caller: &Arc<Verified>, server: &ServerName, theirs: &str) {
        let told = self.ask_of_task(caller, server, ("tasks/cancel", theirs)).await;
        if !matches!(told, Ok(Reply::Result(_))) {
            tracing::warn!(%server, "it did not take that a call of its is called off");
        }
    }

    /// Asks a server about one of its own tasks, as whoever looks after a call.
    async fn ask_of_task(
        &self,
        caller: &Arc<Verified>,
        server: &ServerName,
        (method, theirs): (&str, &str),
    ) -> Result<Reply, crate::UpstreamError> {
        let capabilities = ClientCapabilities::default().with_tasks();
        let client = ClientFacts { capabilities, ..ClientFacts::default() };
        let (params, share) =
            (tasks::asking(theirs, None, &client), self.upstreams.room().share(caller));
        self.upstreams.plain(server, (method, Some(&params)), Some(&share)).await
    }
}

impl Follower {
    async fn run(self) {
        let (decision, server) = (&self.goes_on.decision, &self.call.action().server);
        let came = match caught::whole(self.over()).await {
            Ok(came) => came,
            Err(BrokeOff) => {
                tracing::error!(%decision, "following a call broke off");
                // Nobody looks after it any more.
                self.lane.call_off(&self.caller, server, &self.goes_on.told.task_id).await;
                without("something of ours failed while it was followed")
            }
        };
        let sent = Sent { decision, slot: &self.slot, server, started: self.started, secret: None };
        self.lane.came_to(sent, came).await;
    }

    /// Waits until the call is over, and says what it came to.
    async fn over(&self) -> Came {
        // What its server says meanwhile to nobody in particular may be about it.
        let _silent = self.lane.upstreams.goes_on_at(&self.call.action().server);
        let (mut changes, mut misses) = (self.lane.desk.changes(), 0_u32);
        let (server, told) = (&self.call.action().server, &self.goes_on.told);
        let kept = told.kept().unwrap_or(FOLLOWED_MAX).min(FOLLOWED_MAX);
        loop {
            tokio::select! {
                () = self.lane.upstreams.stopping() => {
                    return without("the gateway stopped before it was over");
                }
                () = tokio::time::sleep(told.pause()) => {}
                () = self.news(&mut changes) => {}
            }
            let approved = self.goes_on.approved.as_ref();
            let now = match self.lane.stands(&self.caller, &self.call, approved).await {
                Ok(now) => now,
                Err(fell) => {
                    self.lane.call_off(&self.caller, server, &told.task_id).await;
                    return without(&format!("called off: {}", fell.why()));
                }
            };
            match self.look(&self.goes_on.owed.with(&now)).await {
                Ok(Some(came)) => return came,
                Ok(None) => misses = 0,
                Err(why) => {
                    misses = misses.saturating_add(1);
                    if MISSES_MAX <= misses {
                        return without(&format!(
                            "its server does not say what became of it: {why}"
                        ));
                    }
                }
            }
            if kept <= self.started.elapsed() {
                return without("its server did not say in time what became of it");
            }
        }
    }

    /// Waits for news that concern this call.
    async fn news(&self, changes: &mut Receiver<Changed>) {
        loop {
            match changes.recv().await {
                Ok(Changed::Task(task)) if task != self.caller.task => {}
                Ok(Changed::Task(_) | Changed::Everything) | Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Asks where the call stands; gives what it came to where it is over, and why that is withheld
    /// where `asks` do.
    async fn look(&self, asks: &Obligations) -> Result<Option<Came>, String> {
        let (server, theirs) = (&self.call.action().server, &self.goes_on.told.task_id);
        let reply = self.lane.ask_of_task(&self.caller, server, ("tasks/get", theirs)).await;
        match reply.map_err(|error| error.to_string())? {
            Reply::Result(result) => {
                let told = Told::read(&result).ok_or("its words cannot be read")?;
                let about = About {
                    decision: &self.goes_on.decision,
                    method: "tools/call",
                    asks,
                    changes: &[],
                };
                Ok(told.status.is_last().then(|| came_to(told.status, &result, &about)))
            }
            Reply::Error(_) => Err("it answered with an error".to_owned()),
        }
    }
}

/// Says what a call came to whose server says that it is over.
fn came_to(status: Status, result: &RawValue, about: &About<'_>) -> Came {
    let size = u64::try_from(result.get().len()).unwrap_or(u64::MAX);
    let inner = RawObject::read(result.get()).ok().and_then(|it| it.get("result"));
    let (outcome, detail) = match status {
        Status::Completed if inner.is_some_and(|it| says_error(it.get())) => {
            (OutcomeKind::Error, "the tool says that it failed")
        }
        Status::Completed => (OutcomeKind::Ok, ""),
        Status::Cancelled => (OutcomeKind::Error, "it was cancelled"),
        Status::Failed | Status::Working | Status::InputRequired => {
            (OutcomeKind::Error, "the server says that it failed")
        }
    };
    let mut detail = detail.to_owned();
    let looks = inner.filter(|_| status == Status::Completed && about.asks.touch_results());
    let obliged = looks.map(|it| about.oblige(Reply::Result(it.to_owned())));
    if let Some(why) = obliged.and_then(|it| it.withheld) {
        let before = if detail.is_empty() { "" } else { "; " };
        detail = format!("{detail}{before}its result is withheld: {why}");
    }
    (outcome, detail, size)
}

fn without(why: &str) -> Came {
    (OutcomeKind::None, why.to_owned(), 0)
}
