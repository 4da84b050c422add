//! Held calls at the door: their callers wait in rounds, each below what a client puts up with.

use std::{sync::Arc, time::Duration};

use bailiwick_connect::StateKey;
use bailiwick_model::{DecisionId, HoldId};
use http::StatusCode;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ask::Asked;
use crate::{
    Call, Listener,
    jsonrpc::{Answer, Refused, code},
    lane::{Answered, Patience, Refusal, Stayed},
    mcp::{
        Era,
        input_required::{ComeAgain, Echoed},
        request_state::{Asking, RequestState, Spent, StateError, Ticket},
        waiting,
    },
};

/// How a held call keeps its caller.
#[derive(Debug)]
pub struct HoldParts {
    /// How long one round of a client of 2026-07-28 lasts; nothing is not waiting at all.
    pub poll: Duration,
    /// How long an answer to an older client is held open; nothing is not waiting at all.
    pub stream: Duration,
    /// What closes the state that such a client brings back.
    pub key: StateKey,
    /// What links to tickets start with: the gateway's address outside.
    pub public_url: String,
    /// When the gateway goes, nobody stays: the next one takes up the round.
    pub stop: CancellationToken,
}

/// Held calls at this door.
#[derive(Debug)]
pub(super) struct Holds {
    parts: HoldParts,
    spent: Spent,
}

/// What a call came to.
#[derive(Debug)]
pub(super) enum Came {
    /// An answer.
    Answered(Answered),
    /// One more round.
    Again(Refusal, Box<RawValue>),
    /// A link for a person, and then the same call again; or a name to ask under.
    Link(Refusal, Answer),
    /// A question of the server's, for the client to answer.
    Asked(DecisionId, Answer),
}

/// Whether a call was held, and its caller stays.
enum Held {
    Stays(HoldId, Refusal),
    Not(Answered),
}

impl Holds {
    pub(super) fn new(parts: HoldParts) -> Self {
        Self { parts, spent: Spent::default() }
    }

    /// Waits until the gateway is to stop: whoever stays is told, and goes.
    pub(super) async fn stopping(&self) {
        self.parts.stop.cancelled().await;
    }
}

/// A call, and who asks for it.
#[derive(Debug)]
pub(super) struct Coming<'a> {
    /// The call.
    pub(super) call: &'a Call,
    /// Who listens while it is under way.
    pub(super) listener: Listener,
    /// Whether the client opens links for its reader.
    pub(super) opens_links: bool,
}

impl Asked<'_> {
    /// Takes a call to the lane, or goes on with one, and keeps the caller while it is held.
    pub(super) async fn come(
        &self,
        coming: &Coming<'_>,
        echoed: Option<Echoed>,
    ) -> Result<Came, Refused> {
        let call = coming.call;
        let mut last = match &echoed {
            Some(echoed) => Some(self.reopen(call, echoed).await?),
            None => None,
        };
        let answers = echoed.as_ref().and_then(|it| it.answers.as_deref());
        if let Some(last) = &last
            && let Some(at) = &last.parked
        {
            return self.comes_again(coming, (last, at), answers).await;
        }
        let sent = Self::answering(call, last.as_mut(), answers)?;
        let ticket = last.as_ref().and_then(|it| it.ticket.clone());
        let held = match ticket {
            Some(ticket) => (ticket.hold, None),
            None => {
                let first = match self.first(coming, (&sent, last.as_ref())).await {
                    Ok(answered) => self.held(answered),
                    Err(came) => return Ok(came),
                };
                match first {
                    Held::Stays(hold, refusal)
                        if let Some(named) = self.named(call, (&hold, &refusal)) =>
                    {
                        return Ok(Came::Link(refusal, named));
                    }
                    // A person has the link at once, and whoever comes again waits.
                    Held::Stays(hold, refusal)
                        if coming.opens_links && self.links(&hold, &refusal) =>
                    {
                        return Ok(self.linked(call, (hold, refusal), last.as_ref()));
                    }
                    Held::Stays(hold, refusal) => (hold, Some(refusal)),
                    Held::Not(answered) => {
                        return Ok(self.further(coming, last.as_ref(), answered).await);
                    }
                }
            }
        };
        let stayed = match self.longer(coming, (&sent, last.as_ref()), held).await {
            Ok(stayed) => stayed,
            Err(came) => return Ok(came),
        };
        Ok(match stayed {
            Stayed::Settled(answered) => self.further(coming, last.as_ref(), answered).await,
            Stayed::Held(refusal) if self.era == Era::Modern => {
                self.again(call, refusal, (last.as_ref(), None))
            }
            Stayed::Held(refusal) | Stayed::Full(refusal) => {
                Came::Answered(Answered::Refused(refusal))
            }
        })
    }

    /// Goes on where the server of a call asks for something first, as this client can be asked.
    pub(super) async fn further(
        &self,
        coming: &Coming<'_>,
        last: Option<&RequestState>,
        answered: Answered,
    ) -> Came {
        match self.era {
            Era::Modern => self.asked_for_more(coming.call, last, answered),
            Era::Legacy => self.answered_directly(coming, answered).await,
        }
    }

    /// Has a call decided, and keeps its caller while it is held.
    pub(super) async fn stays(&self, coming: &Coming<'_>, sent: &Call) -> Answered {
        let caller = Arc::clone(self.caller);
        let answered = self.door.lane.call(caller, sent.clone(), coming.listener.clone()).await;
        let held = match self.held(answered) {
            Held::Stays(hold, refusal) => (hold, Some(refusal)),
            Held::Not(answered) => return answered,
        };
        let asked = (self.caller, sent, &coming.listener);
        self.door.lane.stay(asked, held, &self.patience()).await.answered()
    }

    /// Says whether a link is due. An older client comes again with nothing that says so, and is
    /// known by its ticket: an earlier decision opened it.
    fn links(&self, hold: &HoldId, refusal: &Refusal) -> bool {
        match self.era {
            Era::Modern => true,
            Era::Legacy => {
                let found = self.door.lane.desk().hold(hold);
                found.is_some_and(|it| it.decision == refusal.decision)
            }
        }
    }

    /// Gives out the link to a ticket. It proves nothing and lets nobody in.
    fn linked(
        &self,
        call: &Call,
        (hold, refusal): (HoldId, Refusal),
        last: Option<&RequestState>,
    ) -> Came {
        let url = format!("{}/approve/{hold}", self.door.holds.parts.public_url);
        match self.era {
            Era::Modern => self.again(call, refusal, (last, Some(&url))),
            Era::Legacy => Came::Link(refusal, waiting::link_needed(&hold, &url)),
        }
    }

    /// Has a call decided for the first time; gives what its client is asked where its server asks in the
    /// middle of it.
    async fn first(
        &self,
        coming: &Coming<'_>,
        (sent, last): (&Call, Option<&RequestState>),
    ) -> Result<Answered, Came> {
        let (lane, caller, call) = (&self.door.lane, Arc::clone(self.caller), sent.clone());
        let begin = |listener| {
            let lane = Arc::clone(lane);
            async move { Stayed::Settled(lane.call(caller, call, listener).await) }
        };
        match self.apart(coming, begin).await {
            Ok(parked) => self.attend(coming, (parked, last)).await.map(Stayed::answered),
            Err(begin) => Ok(begin(coming.listener.clone()).await.answered()),
        }
    }

    /// Keeps a held call's caller; gives what its client is asked where its server asks in the middle
    /// of it.
    async fn longer(
        &self,
        coming: &Coming<'_>,
        (sent, last): (&Call, Option<&RequestState>),
        held: (HoldId, Option<Refusal>),
    ) -> Result<Stayed, Came> {
        let (lane, caller, call) = (&self.door.lane, Arc::clone(self.caller), sent.clone());
        let patience = self.patience();
        let begin = |listener| {
            let lane = Arc::clone(lane);
            async move { lane.stay((&caller, &call, &listener), held, &patience).await }
        };
        match self.apart(coming, begin).await {
            Ok(parked) => self.attend(coming, (parked, last)).await,
            Err(begin) => Ok(begin(coming.listener.clone()).await),
        }
    }

    /// Says whether a call is held and its caller stays.
    fn held(&self, answered: Answered) -> Held {
        let stays = !self.span().is_zero();
        match answered {
            Answered::Refused(refusal) if stays => match refusal.hold.clone() {
                Some(hold) => Held::Stays(hold, refusal),
                None => Held::Not(Answered::Refused(refusal)),
            },
            answered @ (Answered::Reply(..)
            | Answered::GoesOn(_)
            | Answered::Failed(..)
            | Answered::Cut(..)
            | Answered::Refused(_)) => Held::Not(answered),
        }
    }

    /// Gives how long this client stays for one answer.
    const fn span(&self) -> Duration {
        let parts = &self.door.holds.parts;
        match self.era {
            Era::Modern => parts.poll,
            Era::Legacy => parts.stream,
        }
    }

    fn patience(&self) -> Patience {
        let now = Instant::now();
        let until = now.checked_add(self.span()).unwrap_or(now);
        let stop = self.door.holds.parts.stop.clone();
        Patience { until, stop, tells: self.era == Era::Legacy }
    }

    /// Opens the state that a retry brings.
    async fn reopen(&self, call: &Call, echoed: &Echoed) -> Result<RequestState, Refused> {
        let Holds { parts, spent } = &self.door.holds;
        let policy = self.policy();
        let opened =
            RequestState::open(&echoed.state, self.asking(call, &policy), (&parts.key, spent));
        match opened {
            Ok(state) => Ok(state),
            Err(error) => {
                if error.is_misuse() {
                    self.door.lane.misused(self.caller, &error.to_string()).await;
                }
                Err(refused(error))
            }
        }
    }

    /// Asks for one more round, unless this was the last.
    fn again(
        &self,
        call: &Call,
        refusal: Refusal,
        (last, link): (Option<&RequestState>, Option<&str>),
    ) -> Came {
        let parts = &self.door.holds.parts;
        let (decision, policy) = (&refusal.decision, self.policy());
        let written = refusal.hold.as_ref().and_then(|hold| {
            let ticket = Ticket { hold: hold.clone(), decision: decision.clone() };
            let next = RequestState::next(self.asking(call, &policy), last)?.waiting_for(ticket);
            let state = next.close(&parts.key)?;
            Some(ComeAgain { state: &state, hold, decision, link }.result())
        });
        match written {
            Some(result) => Came::Again(refusal, result),
            None => Came::Answered(Answered::Refused(refusal)),
        }
    }

    pub(super) fn state_key(&self) -> &StateKey {
        &self.door.holds.parts.key
    }

    pub(super) fn stop(&self) -> &CancellationToken {
        &self.door.holds.parts.stop
    }

    pub(super) fn asking<'s>(&'s self, call: &'s Call, policy: &'s str) -> Asking<'s> {
        let now = self.door.lane.desk().now();
        Asking { caller: self.caller, call: call.digest(), policy, now }
    }

    pub(super) fn policy(&self) -> String {
        self.door.lane.desk().snapshot().policies.version().to_owned()
    }
}

fn refused(error: StateError) -> Refused {
    let text = format!("{error}: make the call again without it");
    Refused::new(StatusCode::OK, code::INVALID_PARAMS, text)
}
