//! A server up to 2025-11-25 that asks something in the middle of a call, and a client that is asked in
//! rounds (2026-07-28): its question ends the round, the call stays under way, and the next round brings
//! the answers to it. The call is decided once, sent once, and has one outcome.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use bailiwick_model::DecisionId;
use http::StatusCode;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;

use super::{
    ask::{Asked, bad},
    hold::{Came, Coming},
    parking::Parked,
};
use crate::{
    Listener,
    asks::Client,
    jsonrpc::{Answer, RawObject, Refused, code, raw_of},
    lane::{Answered, Stayed},
    listener::Note,
    mcp::{
        Era,
        askable::Askable,
        client::ClientCapabilities,
        input_required::{self, Question},
        request_state::{AskedFor, ParkedAt, RequestState},
        waiting::progress_token,
    },
};

/// What was said to the caller of a call.
enum Said {
    /// A question under this name.
    Asks(String, Box<RawValue>),
    /// The question under this name is asked no more.
    TakesBack(String),
    /// News of progress.
    Progress,
    /// Anything else.
    Tells,
}

impl Asked<'_> {
    /// Begins what `begin` runs with a listener of its own, where the server may ask the client something
    /// in the middle of it; gives `begin` back where it may not.
    pub(super) async fn apart<R, F>(&self, coming: &Coming<'_>, begin: F) -> Result<Parked, F>
    where
        F: FnOnce(Listener) -> R,
        R: Future<Output = Stayed> + Send + 'static,
    {
        let Some(declared) = self.asked_in_rounds(coming).await else { return Err(begin) };
        let place = self.door.parking.place(&self.caller.task);
        let name = bailiwick_connect::random_text().ok();
        let Some((place, name)) = place.zip(name) else { return Err(begin) };
        let (sent, name) = (Arc::new(OnceLock::new()), Box::<str>::from(name));
        let client = Client {
            asks: Arc::clone(&self.door.asks),
            task: self.caller.task.clone(),
            session: Some(name.clone()),
            askable: Askable::of(&declared),
        };
        let (listener, notes) = coming.listener.apart(client, &sent);
        // Its answer may have to wait longer than this request.
        let share = self.door.lane.upstreams().room().share(self.caller);
        let listener = listener.sharing(share.clone());
        let kept = (listener.cut_on_drop(), place, share);
        let (running, open) = (tokio::spawn(begin(listener)), BTreeMap::new());
        Ok(Parked { name, running, notes, sent, open, _kept: kept })
    }

    /// Gives what a client can be asked for by a server that knows no rounds; none where it is nothing.
    async fn asked_in_rounds(&self, coming: &Coming<'_>) -> Option<ClientCapabilities> {
        let server = &coming.call.action().server;
        let spec = self.door.lane.upstreams().spec(server);
        // Mostly a server may ask for nothing.
        if self.era == Era::Legacy || spec.is_none_or(|it| it.extra_methods.is_empty()) {
            return None;
        }
        let declared = self.client_facts(server, self.params()?).capabilities;
        let asks = declared.can_be_asked() && self.era_of(server).await == Era::Legacy;
        asks.then_some(declared)
    }

    /// Stays with a call until it is over or its client is to be asked something.
    pub(super) async fn attend(
        &self,
        coming: &Coming<'_>,
        (mut parked, last): (Parked, Option<&RequestState>),
    ) -> Result<Stayed, Came> {
        loop {
            let note = tokio::select! {
                // What was said before the answer is heard before it.
                biased;
                note = parked.notes.next() => Some(note),
                () = std::future::ready(()), if !parked.open.is_empty() => None,
                stayed = over(&mut parked.running) => {
                    while let Some(note) = parked.notes.waiting() {
                        self.hear(coming, &mut parked, note).await;
                    }
                    return Ok(stayed);
                }
            };
            match note {
                Some(note) => self.hear(coming, &mut parked, note).await,
                None => match self.put(coming, &parked, last) {
                    Some(came) => {
                        self.park(coming, parked);
                        return Err(came);
                    }
                    None => self.leave_open(&mut parked),
                },
            }
        }
    }

    /// Takes what is said to the caller: questions wait for the end of the round.
    async fn hear(&self, coming: &Coming<'_>, parked: &mut Parked, note: Note) {
        match Said::read(&note) {
            Said::Asks(name, question) => match self.may_be_asked(coming, (&name, &question)) {
                Ok(()) => drop(parked.open.insert(name, question)),
                Err(why) => {
                    let error = Answer::error(code::INVALID_PARAMS, &why, None);
                    self.answers_under(parked, &name, error);
                }
            },
            Said::TakesBack(name) => drop(parked.open.remove(&name)),
            Said::Progress => {
                // Each round has a token of its own.
                let own = progress_token(coming.call.params());
                if let Some(told) = own.and_then(|own| under(&own, &note)) {
                    coming.listener.pass(told).await;
                }
            }
            Said::Tells => coming.listener.pass(note).await,
        }
    }

    /// Says why a client cannot be asked this, where it cannot.
    fn may_be_asked(
        &self,
        coming: &Coming<'_>,
        (name, question): (&str, &RawValue),
    ) -> Result<(), String> {
        let server = &coming.call.action().server;
        let client = self.params().map(|it| self.client_facts(server, it)).unwrap_or_default();
        let asks = raw_of(&BTreeMap::from([("inputRequests", BTreeMap::from([(name, question)]))]));
        let asks = RawObject::read(asks.get()).map_err(|error| error.to_string())?;
        let asked = AskedFor::read(&asks, &client.capabilities);
        asked.map(drop).map_err(|why| why.to_string())
    }

    /// Writes what is asked as the end of a round; none where there is no round any more.
    fn put(
        &self,
        coming: &Coming<'_>,
        parked: &Parked,
        last: Option<&RequestState>,
    ) -> Option<Came> {
        let decision = parked.sent.get()?.decision.clone();
        let gateway = self.door.parking.gateway()?.to_owned();
        let place = parked.name.to_string();
        let at = ParkedAt { gateway, decision: decision.clone(), place };
        let policy = self.policy();
        let next = RequestState::next(self.asking(coming.call, &policy), last)?;
        let state = next.parked(at).close(self.state_key())?;
        let result = input_required::asks(&parked.open, &state, &decision);
        Some(Came::Asked(decision, Answer::Result(result)))
    }

    fn park(&self, coming: &Coming<'_>, parked: Parked) {
        let spec = self.door.lane.upstreams().spec(&coming.call.action().server);
        let wait = spec.map(|it| it.call_timeout).unwrap_or_default();
        self.door.parking.park(parked, (wait, self.stop().clone()));
    }

    /// Tells a server that nobody answers what it asked.
    fn leave_open(&self, parked: &mut Parked) {
        for name in std::mem::take(&mut parked.open).into_keys() {
            let error = Answer::error(code::INTERNAL_ERROR, "the client is not asked again", None);
            self.answers_under(parked, &name, error);
        }
    }

    fn answers_under(&self, parked: &Parked, name: &str, answer: Answer) {
        if let Some(ask) = self.door.asks.take(&self.caller.task, Some(&parked.name), name) {
            // Whoever waited may have left meanwhile.
            let _left = ask.answer.send(answer);
        }
    }

    /// Goes on with a call whose client brings answers.
    pub(super) async fn comes_again(
        &self,
        coming: &Coming<'_>,
        (last, at): (&RequestState, &ParkedAt),
        answers: Option<&RawValue>,
    ) -> Result<Came, Refused> {
        if self.door.parking.gateway() != Some(&at.gateway) {
            let why = "this call waits for its answers at another gateway, or waited at this one \
                       before it was started again";
            return Err(self.lost(&at.decision, why).await);
        }
        let Some(parked) = self.door.parking.take(&at.place) else {
            let why = "this call waited for its answers as long as it may";
            return Err(self.lost(&at.decision, why).await);
        };
        let approved = parked.sent.get().and_then(|it| it.approved);
        let hears = self.door.lane.may_hear(self.caller, coming.call, approved.as_ref()).await;
        let now = match hears {
            Ok(now) => now,
            Err(refusal) => return Ok(Came::Answered(Answered::Refused(refusal))),
        };
        let parked = self.bring(parked, answers).await?;
        Ok(match self.attend(coming, (parked, Some(last))).await {
            Ok(stayed) => {
                let answered = match stayed.answered() {
                    // What must be hidden since then is hidden as well.
                    Answered::Reply(decision, reply, owed) => {
                        let reply = owed.further((&decision, coming.call.method()), reply, &now);
                        Answered::Reply(decision, reply, owed)
                    }
                    other @ (Answered::GoesOn(_)
                    | Answered::Refused(_)
                    | Answered::Failed(..)
                    | Answered::Cut(..)) => other,
                };
                self.further(coming, Some(last), answered).await
            }
            Err(came) => came,
        })
    }

    /// Says why a call that was sent cannot go on, and what is on record of it: whoever makes it again
    /// must know that its server may have done it.
    async fn lost(&self, decision: &DecisionId, why: &str) -> Refused {
        let recorded = self.door.lane.recorded(decision).await;
        let said = recorded.ok().and_then(|it| it.said_of(decision)).unwrap_or_else(|| {
            format!("the call was sent ({decision}), and what came of it is not known here")
        });
        bad(format!("{why}: {said}"))
    }

    /// Brings a server what its client answers, as far as it asked. Nothing decides what that says, so
    /// that it says something is on record before the server hears it.
    async fn bring(
        &self,
        mut parked: Parked,
        answers: Option<&RawValue>,
    ) -> Result<Parked, Refused> {
        // Whoever asked is not answered by what nobody can read, and asks again.
        let Some(answers) = answers.and_then(|it| RawObject::read(it.get()).ok()) else {
            return Ok(parked);
        };
        for (name, answer) in answers.members().filter(|(_, it)| it.get().starts_with('{')) {
            if parked.open.remove(name).is_none() {
                continue;
            }
            let ask = self.door.asks.take(&self.caller.task, Some(&parked.name), name);
            let Some(ask) = ask else { continue };
            let noted = self.door.lane.note_answer(self.caller, (&ask.server, &ask.method)).await;
            noted.map_err(|error| {
                let text =
                    format!("the evidence cannot be written, so nothing may happen: {error}");
                Refused::new(StatusCode::SERVICE_UNAVAILABLE, code::INTERNAL_ERROR, text)
            })?;
            // Whoever waited may have left meanwhile.
            let _left = ask.answer.send(Answer::Result(answer.to_owned()));
        }
        Ok(parked)
    }
}

impl Said {
    fn read(note: &Note) -> Self {
        let Ok(message) = RawObject::read(note.message()) else { return Self::Tells };
        let (id, params) = (message.text("id"), message.get("params"));
        match (message.text("method"), id) {
            (Some(method), Some(name)) => Self::Asks(name, Question { method, params }.written()),
            // Nothing else is taken back towards a caller than what it was asked.
            (Some(method), None) if method == "notifications/cancelled" => {
                let params = params.and_then(|it| RawObject::read(it.get()).ok());
                let name = params.and_then(|it| it.text("requestId"));
                name.map_or(Self::Tells, Self::TakesBack)
            }
            (Some(method), None) if method == "notifications/progress" => Self::Progress,
            (Some(_) | None, _) => Self::Tells,
        }
    }
}

/// Waits until a call is over. It is caught where it runs, so what is left is a fault of this request.
async fn over(running: &mut JoinHandle<Stayed>) -> Stayed {
    match running.await {
        Ok(stayed) => stayed,
        Err(fault) if fault.is_panic() => std::panic::resume_unwind(fault.into_panic()),
        // Where nothing runs any more, the process ends.
        Err(_) => std::future::pending().await,
    }
}

/// Writes news of progress under another token.
fn under(token: &RawValue, note: &Note) -> Option<Note> {
    let message = RawObject::read(note.message()).ok()?;
    let params = RawObject::read(message.get("params")?.get()).ok()?;
    let params = params.with("progressToken", token).ok()?;
    Some(Note::new(message.with("params", &params).ok()?.get()))
}
