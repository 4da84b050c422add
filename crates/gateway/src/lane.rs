//! The lane of one call, in one direction: classify, decide, record, send, record.

mod around;
mod explained;
mod goes_on;
mod leased;
mod plain;
mod prospects;
mod record;
mod recorded;
mod sent;
mod stands;
mod wait;
mod watched;
mod web;
mod whole;
mod withdrawn;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bailiwick_connect::Verified;
use bailiwick_kernel::{Effect, Names, Outcome, Permit, Rewritable as _, TaskState};
use bailiwick_model::{
    AccessRequest, Caller, DecisionId, DecisionRecord, EndCause, Explanation, HoldId, LeaseId,
    OutcomeKind, OutcomeRecord, Reason, ReasonCode, Record, SecretUse, ServerName, TaskId,
    VerdictKind,
};
use bailiwick_store::LedgerError;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::{
    Call, Desk, Listener,
    call::Errand,
    caught::{self, BrokeOff},
    desk::{Slot, Writing},
    listener::Allowed,
    meter::{self, Recording},
    obliged::Owed,
    places::Places,
    seam,
    upstream::{Reply, SendError, Upstreams},
};

use around::Around;
use sent::AsSent;

use explained::Stood;
pub(crate) use explained::shortened;
pub use goes_on::GoesOn;
pub(crate) use leased::{LeaseDone, MayLease, until as lease_until};
pub(crate) use recorded::Recorded;
pub(crate) use stands::digest as digest_of;
pub(crate) use wait::{Patience, Stayed};

/// How long a call waits for a server that is starting.
const START_WAIT: Duration = Duration::from_secs(10);

/// The lane: everything between a verified caller's call and its answer.
#[derive(Clone, Debug)]
pub struct Lane {
    desk: Arc<Desk>,
    upstreams: Arc<Upstreams>,
    /// The calls that go on after their answers.
    going: Places,
    /// The calls that are under way, whoever waits for them.
    under_way: TaskTracker,
    /// Those who follow calls that go on.
    following: TaskTracker,
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub enum Answered {
    /// The server answered; what is owed where the answer is shown later.
    Reply(DecisionId, Reply, Box<Owed>),
    /// The server goes on with it, and is asked again later.
    GoesOn(Box<GoesOn>),
    /// It was not sent.
    Refused(Refusal),
    /// It was allowed, and the server could not be reached or did not answer.
    Failed(DecisionId, String),
    /// It was allowed and sent, and cut in the middle: its authority was withdrawn.
    Cut(DecisionId, String),
}

/// Why a call was not sent.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The decision.
    pub decision: DecisionId,
    /// Held or denied.
    pub verdict: VerdictKind,
    /// The ticket, where it is held.
    pub hold: Option<HoldId>,
    /// Why.
    pub reasons: BTreeSet<Reason>,
    /// Why, part by part, as the caller may see it.
    pub explained: Option<Box<Explanation>>,
}

/// A call that was sent.
#[derive(Clone, Copy)]
struct Sent<'a> {
    decision: &'a DecisionId,
    slot: &'a Slot,
    server: &'a ServerName,
    started: Instant,
    /// With which secret, where with one.
    secret: Option<&'a SecretUse>,
}

/// How far a call has come, for whoever cleans up after a panic.
#[derive(Debug, Default)]
struct Progress {
    decided: AtomicBool,
    /// Whether it was allowed, so that the task counts it as under way.
    sent: AtomicBool,
}

impl Lane {
    /// Joins the desk and the servers.
    pub fn new(desk: Arc<Desk>, upstreams: Arc<Upstreams>) -> Self {
        let going = Places::new(goes_on::EACH, goes_on::ALL);
        let (under_way, following) = (TaskTracker::new(), TaskTracker::new());
        Self { desk, upstreams, going, under_way, following }
    }

    /// Waits until no call is under way, and every outcome is on its way to the ledger. It is for a
    /// gateway that takes no more.
    pub async fn settled(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }

    /// Waits until no call is followed any more, either: with the servers those end that go on.
    pub async fn left(&self) {
        self.settled().await;
        self.following.close();
        self.following.wait().await;
    }

    /// Gives the desk.
    pub const fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Gives the servers.
    pub const fn upstreams(&self) -> &Arc<Upstreams> {
        &self.upstreams
    }

    /// Takes one call through the lane. It runs to its end even when nobody waits for the answer
    /// any more: what was decided is recorded, and what was sent gets its outcome.
    pub async fn call(
        self: &Arc<Self>,
        caller: Arc<Verified>,
        call: Call,
        listener: Listener,
    ) -> Answered {
        self.call_as(DecisionId::new(self.desk.ulid()), caller, call, listener).await
    }

    /// Takes one call through the lane, by the decision of this id.
    pub(crate) async fn call_as(
        self: &Arc<Self>,
        decision: DecisionId,
        caller: Arc<Verified>,
        call: Call,
        listener: Listener,
    ) -> Answered {
        let lane = Arc::clone(self);
        let span = self.span(&decision, &caller, &call);
        let whole = async move {
            let progress = Progress::default();
            let run = lane.run(decision.clone(), &progress, (&caller, &listener), &call);
            let answered = match caught::whole(run).await {
                Ok(answered) => answered,
                Err(BrokeOff) => {
                    tracing::error!(%decision, "a call broke off");
                    lane.broke_off(decision, &progress, &caller, &call).await
                }
            };
            if let Answered::Refused(_) = answered {
                lane.desk.was_refused(&caller.identity);
            }
            answered
        };
        whole::ToTheEnd::new(self.under_way.track_future(whole.instrument(span))).await
    }

    /// Goes to the end of `work` whatever becomes of whoever waits for it.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        whole::ToTheEnd::new(self.under_way.track_future(work)).await
    }

    async fn run(
        &self,
        decision: DecisionId,
        progress: &Progress,
        (caller, listener): (&Arc<Verified>, &Listener),
        call: &Call,
    ) -> Answered {
        seam::pass("lane");
        let started = Instant::now();
        let around = self.around(caller, call).await;
        let reading = around.reading(caller, call);
        let slot = match self.slot_of(&reading.request().caller) {
            Ok(slot) => slot,
            Err(why) => {
                return self.refuse_unjudged(decision, reading.request(), why, progress).await;
            }
        };

        let names = Names { decision: decision.clone(), hold: HoldId::of(&decision) };
        let now = self.desk.now();
        let deciding = tracing::debug_span!("decide").entered();
        let decide = |state: &mut TaskState| {
            // Taken under the lock: whoever contains something swaps the snapshot first, and then
            // makes what was decided by the old one worthless.
            let snapshot = self.desk.snapshot();
            let made = bailiwick_kernel::decide(&snapshot, state, &reading, names.clone(), now);
            (made, snapshot)
        };
        let (made, template, stood) = slot.decide_then(decide, Stood::after);
        drop(deciding);
        // It was judged as it will be sent.
        let request = made.sent.as_deref().unwrap_or_else(|| reading.request());
        meter::decided(&request.action.server, made.judged.verdict, started.elapsed());
        self.tell_decided(request, made.judged.verdict);

        progress.sent.store(matches!(made.outcome, Outcome::Forward(..)), Ordering::Release);

        let approved = stands::approved(&made.judged);
        let (mut writing, mut over) = (Writing::default(), Writing::default());
        let asked = (caller, call, request);
        let explained = self.explained(asked, &around, (&made, &names), stood.zip(Some(now)));
        let record = self.decision_record(&decision, request, Some(template), made.judged);
        let record = DecisionRecord { explained: explained.clone(), ..record };
        let shown = record.arguments.text();
        let must_end = made.effects.contains(&Effect::MustEnd);
        let effects = made.effects.into_iter().map(|it| with_arguments(it, shown)).collect();
        writing.records.push(Record::Decision(Box::new(record)));
        self.write_up((&mut writing, &mut over), &request.caller, (&decision, effects));
        let recorded = self.record(writing.records).await;
        if let Err(error) = self.desk.owe(over).await {
            tracing::error!(%error, "the end of a task is not on record yet");
        }
        if let Err(error) = recorded {
            self.desk.unmake(&slot, &made.outcome, now);
            return Answered::Refused(unrecorded(decision, &error.to_string()));
        }
        progress.decided.store(true, Ordering::Release);
        if must_end {
            self.end(&caller.task).await;
        }
        // The ledger is the truth: what the registry misses it is told again at the next start.
        if !writing.changes.is_empty()
            && let Err(error) = self.desk.registry().write(writing.changes).await
        {
            tracing::error!(%error, "the registry did not take what the ledger took");
        }

        match made.outcome {
            Outcome::Forward(permit, asks) => {
                let sent = AsSent::of(call, &request.offered, &asks);
                listener.is_sent_by(|| Allowed { decision: decision.clone(), approved });
                let answered =
                    self.forward(decision, permit, (caller, &slot), (&sent, listener)).await;
                self.follow(answered, approved, (caller, &sent.call), (slot, started)).await
            }
            Outcome::Hold(hold, why) => {
                self.tell_held((&decision, &hold), caller, call);
                explained::refused(decision, (VerdictKind::Hold, Some(hold), why), explained)
            }
            Outcome::Refuse(why) => {
                explained::refused(decision, (VerdictKind::Deny, None, why), explained)
            }
        }
    }

    /// Writes up what a decision brought with it, and apart from that what is over whatever becomes of
    /// the call: a window that closed is noticed here before the clock's next round.
    fn write_up(
        &self,
        (writing, over): (&mut Writing, &mut Writing),
        caller: &Caller,
        (decision, effects): (&DecisionId, Vec<Effect>),
    ) {
        let by = format!("identity:{}", caller.identity);
        for (task, effects) in self.desk.spread(&caller.task, effects) {
            let (ends, own): (Vec<_>, Vec<_>) = effects.into_iter().partition(is_an_end);
            self.desk.write_up(over, &task, ends, ("clock", None));
            self.desk.write_up(writing, &task, own, (&by, Some(decision)));
        }
    }

    /// Ends a task for what a decision noticed. It holds in memory whatever the disk says.
    async fn end(&self, task: &TaskId) {
        if let Err(error) = self.desk.end(task, EndCause::Contained, "detector").await {
            tracing::error!(%task, %error, "the end of a task is not on record yet");
        }
    }

    /// Writes a decision down; nothing goes on before it is on disk.
    async fn record(&self, records: Vec<Record>) -> Result<(), LedgerError> {
        let waits = Recording::begin();
        let appending = self.desk.ledger().append(records);
        let recorded = appending.instrument(tracing::debug_span!("append")).await;
        drop(waits);
        recorded.map(drop).inspect_err(|_| meter::unrecorded())
    }

    /// Sends a call that was allowed, and records what became of it.
    async fn forward(
        &self,
        decision: DecisionId,
        permit: Permit,
        (caller, slot): (&Verified, &Slot),
        (call, listener): (&AsSent<'_>, &Listener),
    ) -> Answered {
        let started = Instant::now();
        let now = self.desk.now();
        let server = call.call.action().server.clone();
        let (judged, listener) = ((&*call.call, call.offered), call.heard_by(listener));
        self.check_key_again(&caller.credentials, slot);
        call.call.used().sent_for(Errand {
            decision: decision.clone(),
            task: caller.task.clone(),
            identity: caller.identity.clone(),
            shown: caller.credentials.clone(),
        });
        let sending = self.upstreams.send(permit, slot.authority(), judged, (&listener, now));
        let sending = sending.instrument(tracing::debug_span!("send", %server));
        let holder = (caller, call.call.action());
        let (sent, cut) = self.unless_withdrawn(sending, slot, holder, &listener).await;
        seam::pass("sent");
        if let Some(told) = goes_on::told(&call.call, &sent) {
            let told = if call.asks.look_inside() { told.wordless() } else { told };
            let (approved, owed) = (None, call.owed());
            return Answered::GoesOn(Box::new(GoesOn { decision, told, approved, owed }));
        }
        let mut came =
            call.call.web().map_or_else(|| outcome_of(&sent), |_| web::outcome_of(&sent));
        let used = call.call.used().get();
        let sent = sent.map(|reply| call.obliged(&decision, reply, &mut came.1));
        let detail = call.failed(came.0, &came.1);
        let sending =
            Sent { decision: &decision, slot, server: &server, started, secret: used.as_ref() };
        self.came_to(sending, came).await;
        if let Some(why) = cut {
            return Answered::Cut(decision, why);
        }
        match sent {
            Ok((reply, owed)) => Answered::Reply(decision, reply, Box::new(owed)),
            Err(_) => Answered::Failed(decision, detail),
        }
    }

    /// Records what became of a call that was sent.
    async fn came_to(
        &self,
        sent: Sent<'_>,
        (outcome, detail, bytes_in): (OutcomeKind, String, u64),
    ) {
        let Sent { decision, slot, server, started, secret } = sent;
        let now = self.desk.now();
        let task = slot.with(|state| {
            bailiwick_kernel::observe(state, now);
            state.task().id.clone()
        });
        meter::answered(server, outcome, started.elapsed());
        tracing::Span::current().record("outcome", outcome.as_str());
        let record = OutcomeRecord {
            decision: decision.clone(),
            task,
            time: now,
            outcome,
            // A lease is named by its id, which looks like a secret and is none.
            detail: match detail.parse::<LeaseId>() {
                Ok(lease) => lease.to_string(),
                Err(_) => self.desk.evidence().text(&detail),
            },
            bytes_in,
            millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            secret: secret.cloned(),
        };
        // What has happened is not undone by a disk that fails now: the answer does not wait.
        if let Err(error) = self.desk.ledger().append_soon(vec![Record::Outcome(record)]).await {
            tracing::error!(%decision, %error, "the outcome of a call could not be recorded");
        }
    }

    /// Answers for a call whose run broke off: it is refused, and that is on record.
    async fn broke_off(
        &self,
        decision: DecisionId,
        progress: &Progress,
        caller: &Verified,
        call: &Call,
    ) -> Answered {
        let text = "something of ours failed";
        if let Some(slot) =
            self.desk.slot(&caller.task).filter(|_| progress.sent.load(Ordering::Acquire))
        {
            let now = self.desk.now();
            slot.with(|state| bailiwick_kernel::observe(state, now));
        }
        if progress.decided.load(Ordering::Acquire) {
            let record = OutcomeRecord {
                decision: decision.clone(),
                task: caller.task.clone(),
                time: self.desk.now(),
                outcome: OutcomeKind::None,
                detail: text.to_owned(),
                bytes_in: 0,
                millis: 0,
                secret: None,
            };
            if let Err(error) = self.desk.ledger().append(vec![Record::Outcome(record)]).await {
                tracing::error!(%decision, %error, "the outcome of a call could not be recorded");
            }
            return Answered::Failed(decision, text.to_owned());
        }
        let around = Around::nothing();
        let reading = around.reading(caller, call);
        let reason = Reason::new(ReasonCode::Fault, text, "gateway");
        self.refuse_unjudged(decision, reading.request(), reason, progress).await
    }

    /// Refuses a call that could not be put to the kernel, and records that.
    async fn refuse_unjudged(
        &self,
        decision: DecisionId,
        request: &AccessRequest,
        reason: Reason,
        progress: &Progress,
    ) -> Answered {
        meter::decided(&request.action.server, VerdictKind::Deny, Duration::ZERO);
        self.tell_decided(request, VerdictKind::Deny);
        let judged = record::refusal(&reason, self.desk.snapshot().policies.version());
        let record = self.decision_record(&decision, request, None, judged);
        let record = Record::Decision(Box::new(record));
        if let Err(error) = self.record(vec![record]).await {
            return Answered::Refused(unrecorded(decision, &error.to_string()));
        }
        progress.decided.store(true, Ordering::Release);
        Answered::Refused(denied(decision, reason))
    }
}

/// Says whether an effect must be on record whatever becomes of the call that noticed it.
fn is_an_end(effect: &Effect) -> bool {
    match effect {
        Effect::TaskStatus(_) | Effect::HoldsExpired(_) => true,
        Effect::HoldOpened(_) | Effect::HoldUsed(_) | Effect::Noticed(_) | Effect::MustEnd => false,
    }
}

/// Refuses a call whose decision could not be written down.
fn unrecorded(decision: DecisionId, error: &str) -> Refusal {
    let text = format!("the evidence cannot be written, so nothing may happen: {error}");
    denied(decision, Reason::new(ReasonCode::NoEvidence, text, "ledger"))
}

fn denied(decision: DecisionId, reason: Reason) -> Refusal {
    let (verdict, reasons) = (VerdictKind::Deny, BTreeSet::from([reason]));
    Refusal { decision, verdict, hold: None, reasons, explained: None }
}

pub(crate) fn caller_of(verified: &Verified) -> Caller {
    Caller {
        identity: verified.identity.clone(),
        via: verified.via.clone(),
        task: verified.task.clone(),
        generation: verified.generation,
        credentials: verified.credentials.clone(),
        exposed: verified.exposed,
    }
}

/// A hold shows its call's arguments as the evidence shows them.
fn with_arguments(effect: Effect, shown: &str) -> Effect {
    match effect {
        Effect::HoldOpened(mut hold) => {
            shown.clone_into(&mut hold.arguments);
            Effect::HoldOpened(hold)
        }
        Effect::TaskStatus(_)
        | Effect::HoldUsed(_)
        | Effect::HoldsExpired(_)
        | Effect::Noticed(_)
        | Effect::MustEnd => effect,
    }
}

/// Says what became of a call, in the words of the record.
fn outcome_of(sent: &Result<Reply, SendError>) -> (OutcomeKind, String, u64) {
    let size =
        |raw: &serde_json::value::RawValue| u64::try_from(raw.get().len()).unwrap_or(u64::MAX);
    match sent {
        Ok(Reply::Result(raw)) if says_error(raw.get()) => {
            (OutcomeKind::Error, "the tool says that it failed".to_owned(), size(raw))
        }
        Ok(Reply::Result(raw)) => (OutcomeKind::Ok, String::new(), size(raw)),
        Ok(Reply::Error(raw)) => {
            (OutcomeKind::Error, "the server answered with an error".to_owned(), size(raw))
        }
        Err(SendError::NotSent { why }) => (OutcomeKind::Error, format!("not sent: {why}"), 0),
        Err(SendError::Unknown { why }) => (OutcomeKind::None, format!("no answer: {why}"), 0),
    }
}

/// Says whether a tool's result calls itself an error.
fn says_error(result: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Result {
        #[serde(rename = "isError", default)]
        is_error: bool,
    }
    serde_json::from_str::<Result>(result).is_ok_and(|it| it.is_error)
}
