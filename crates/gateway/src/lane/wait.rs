//! A held call whose caller stays: it is decided again when there is something new to decide by.

use std::{sync::Arc, time::Duration};

use bailiwick_connect::Verified;
use bailiwick_kernel::Names;
use bailiwick_model::{DecisionId, Finding, HoldId, Record, VerdictKind};
use serde_json::value::RawValue;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{Answered, Lane, Refusal};
use crate::{Call, Listener, desk::NoPlace, mcp::waiting};

/// How often a call is decided in one round: news that never end must not fill the record.
const DECISIONS_MAX: usize = 8;

/// How often a caller hears that its call waits.
const TELL_EVERY: Duration = Duration::from_secs(15);

/// How long a caller stays.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    /// Until then.
    pub(crate) until: Instant,
    /// Or until the gateway goes.
    pub(crate) stop: CancellationToken,
    /// Whether the caller hears meanwhile that its call waits, where it asked for progress.
    pub(crate) tells: bool,
}

impl Patience {
    fn teller<'a>(&self, call: &Call, hold: &'a HoldId) -> Teller<'a> {
        let token = if self.tells { waiting::progress_token(call.params()) } else { None };
        let mut every = tokio::time::interval(TELL_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Teller { token, hold, until: self.until, every }
    }
}

/// Tells a caller that its call waits.
struct Teller<'a> {
    token: Option<Box<RawValue>>,
    hold: &'a HoldId,
    until: Instant,
    every: Interval,
}

impl Teller<'_> {
    /// Tells on as long as it is let: it never ends. A caller that does not read misses some.
    async fn tell(&mut self, listener: &Listener) {
        let Some(token) = &self.token else { return std::future::pending().await };
        loop {
            self.every.tick().await;
            let left = self.until.saturating_duration_since(Instant::now());
            listener.try_pass(waiting::still_waiting(token, self.hold, left));
        }
    }
}

/// What becomes of a call whose caller stayed.
#[derive(Debug)]
pub(crate) enum Stayed {
    /// It was decided otherwise.
    Settled(Answered),
    /// A person has still to answer.
    Held(Refusal),
    /// So many callers stay that this one cannot.
    Full(Refusal),
}

impl Stayed {
    /// Gives the answer of whoever does not stay any longer.
    pub(crate) fn answered(self) -> Answered {
        match self {
            Self::Settled(answered) => answered,
            Self::Held(refusal) | Self::Full(refusal) => Answered::Refused(refusal),
        }
    }
}

impl Lane {
    /// Stays with a call that waits for `hold`, as `refused` says where it was just refused. Where
    /// nothing changes nothing is decided, so nothing is written either: one round more or less is
    /// not to be seen in the ledger.
    pub(crate) async fn stay(
        self: &Arc<Self>,
        (caller, call, listener): (&Arc<Verified>, &Call, &Listener),
        (hold, refused): (HoldId, Option<Refusal>),
        patience: &Patience,
    ) -> Stayed {
        // An equal call that opened the ticket may not have brought it to the desk yet.
        let (mut held, mut decisions) = (self.ticket(hold).or(refused), 0_usize);
        loop {
            if let Some(refusal) = held
                && let Some(hold) = &refusal.hold
            {
                match self.waits((caller, call, listener), hold, patience).await {
                    Waited::Decide => {}
                    Waited::Over => return Stayed::Held(refusal),
                    Waited::Full => return Stayed::Full(refusal),
                }
            }
            decisions = decisions.saturating_add(1);
            match self.call(Arc::clone(caller), call.clone(), listener.clone()).await {
                Answered::Refused(refusal) if refusal.hold.is_some() => {
                    if DECISIONS_MAX <= decisions {
                        return Stayed::Held(refusal);
                    }
                    held = Some(refusal);
                }
                settled @ (Answered::Reply(..)
                | Answered::GoesOn(_)
                | Answered::Failed(..)
                | Answered::Cut(..)
                | Answered::Refused(_)) => {
                    return Stayed::Settled(settled);
                }
            }
        }
    }

    /// Waits until deciding again would say something new.
    async fn waits(
        &self,
        (caller, call, listener): (&Verified, &Call, &Listener),
        hold: &HoldId,
        patience: &Patience,
    ) -> Waited {
        let mut place = match self.desk.place_at(&caller.task, hold) {
            Ok(place) => place,
            Err(NoPlace::Gone) => return Waited::Decide,
            Err(NoPlace::Full) => return Waited::Full,
        };
        let mut teller = patience.teller(call, hold);
        loop {
            let waits = self.still_waits((caller, call), hold).await;
            // The servers of a gateway that goes are gone before it: what it finds is not so.
            if patience.stop.is_cancelled() {
                return Waited::Over;
            }
            if !waits {
                return Waited::Decide;
            }
            tokio::select! {
                () = place.news() => {}
                () = teller.tell(listener) => {}
                () = tokio::time::sleep_until(patience.until) => return Waited::Over,
                () = patience.stop.cancelled() => return Waited::Over,
                () = listener.was_cut() => return Waited::Over,
            }
        }
    }

    /// Says whether a call waits for `hold` still. Whoever asks is at work, so its task is not idle.
    pub(crate) async fn waits_still(
        &self,
        (caller, call): (&Verified, &Call),
        hold: &HoldId,
    ) -> bool {
        if let Some(slot) = self.desk.slot(&caller.task) {
            let now = self.desk.now();
            slot.with(|state| {
                bailiwick_kernel::stay(state);
                bailiwick_kernel::observe(state, now);
            });
        }
        self.still_waits((caller, call), hold).await
    }

    async fn still_waits(&self, (caller, call): (&Verified, &Call), hold: &HoldId) -> bool {
        if self.desk.has_lost_key(&caller.credentials) {
            return false;
        }
        let around = self.around(caller, call).await;
        let reading = around.reading(caller, call);
        let Some(slot) = self.desk.slot(&caller.task) else { return false };
        let decision = DecisionId::new(self.desk.ulid());
        let names = Names { hold: HoldId::of(&decision), decision };
        let now = self.desk.now();
        slot.decide(|state| {
            let snapshot = self.desk.snapshot();
            bailiwick_kernel::still_waits(&snapshot, state, &reading, (hold, names), now)
        })
    }

    /// Gives what is known of a ticket that can still be answered or used, as a refusal.
    fn ticket(&self, id: HoldId) -> Option<Refusal> {
        let hold = self.desk.hold(&id)?;
        let verdict = VerdictKind::Hold;
        Some(Refusal {
            decision: hold.decision,
            verdict,
            explained: None,
            hold: Some(id),
            reasons: hold.reasons,
        })
    }

    /// Records that somebody came with a `requestState` that no honest client has.
    pub(crate) async fn misused(&self, caller: &Verified, why: &str) {
        let who = &caller.identity;
        let finding = Finding {
            code: "request-state-misused".to_owned(),
            text: format!("`{who}` was refused: {why}"),
            at: self.desk.now(),
            task: Some(caller.task.clone()),
            identity: Some(who.clone()),
            subject: caller.task.to_string(),
        };
        if let Err(error) = self.desk.ledger().append(vec![Record::Finding(finding)]).await {
            tracing::error!(%error, "a misused state could not be recorded");
        }
        self.desk.was_refused(who);
    }
}

/// How waiting for one ticket ended.
enum Waited {
    Decide,
    Over,
    Full,
}
