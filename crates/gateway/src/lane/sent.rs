//! A call on its way out, with what must happen along with it.

use std::borrow::Cow;

use bailiwick_model::{Change, DecisionId, Obligations, Offered, OutcomeKind};

use crate::{
    Call, Listener,
    limits::MESSAGE,
    obliged::{About, Owed},
    upstream::Reply,
};

/// One call as it is sent.
#[derive(Debug)]
pub(super) struct AsSent<'c> {
    pub(super) call: Cow<'c, Call>,
    /// What its server offered when it was judged.
    pub(super) offered: &'c Offered,
    pub(super) asks: &'c Obligations,
    came: &'c Call,
}

impl<'c> AsSent<'c> {
    /// Writes `came` as `asks` want it. The permit is for the digest of what was judged: were this
    /// another call, it would not be sent.
    pub(super) fn of(came: &'c Call, offered: &'c Offered, asks: &'c Obligations) -> Self {
        if let Some(request) = came.web() {
            request.owes(asks);
        }
        let limited = came.limited(&asks.arguments, MESSAGE).ok().flatten();
        let call = limited.map_or(Cow::Borrowed(came), Cow::Owned);
        let sent = Self { call, offered, asks, came };
        if asks.is_nothing() || sent.owed().fits() {
            return sent;
        }
        // What no name can hold is answered at once, or not at all.
        match sent.call.at_once() {
            Some(call) => Self { call: Cow::Owned(call), ..sent },
            None => sent,
        }
    }

    /// Gives what of the arguments is sent otherwise than it came.
    fn changes(&self) -> Vec<Change> {
        self.asks.arguments.changes(self.came.arguments()).unwrap_or_default()
    }

    /// Gives what is owed whoever asks for the answer later.
    pub(super) fn owed(&self) -> Owed {
        Owed::of(self.asks, &self.changes())
    }

    /// Says to whoever asked why there is no answer: a server's words may be in the reason.
    pub(super) fn failed(&self, outcome: OutcomeKind, detail: &str) -> String {
        if !self.asks.look_inside() {
            return detail.to_owned();
        }
        match outcome {
            OutcomeKind::None => "no answer; why is on record, and withheld here".to_owned(),
            OutcomeKind::Ok | OutcomeKind::Error => {
                "it failed; why is on record, and withheld here".to_owned()
            }
        }
    }

    /// Gives who hears what the server says beside its answer.
    pub(super) fn heard_by<'l>(&self, listener: &'l Listener) -> Cow<'l, Listener> {
        if self.asks.look_inside() { Cow::Owned(listener.deaf()) } else { Cow::Borrowed(listener) }
    }

    /// Gives the reply as it may go back, and adds to `detail` why it was withheld where it was.
    pub(super) fn obliged(
        &self,
        decision: &DecisionId,
        reply: Reply,
        detail: &mut String,
    ) -> (Reply, Owed) {
        // What is owed of an answer that comes in pieces was done as they came.
        if self.asks.is_nothing() || self.call.web().is_some() {
            return (reply, Owed::default());
        }
        let (method, asks) = (self.call.method(), self.asks);
        let changes = self.changes();
        let about = About { decision, method, asks, changes: &changes };
        let obliged = about.oblige(reply);
        let owed = Owed::of(asks, &changes).withheld(obliged.withheld.is_some());
        if let Some(why) = obliged.withheld {
            let before = if detail.is_empty() { "" } else { "; " };
            detail.push_str(before);
            detail.push_str("its result was withheld: ");
            detail.push_str(&why);
        }
        (obliged.reply, owed)
    }
}
