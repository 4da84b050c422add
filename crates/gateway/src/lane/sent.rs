//! A call on its way out, with what must happen along with it.

use std::borrow::Cow;

use bailiwick_model::{DecisionId, Obligations, Offered};

use crate::{Call, Listener, limits::MESSAGE, obliged::About, upstream::Reply};

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
        let limited = came.limited(&asks.arguments, MESSAGE).ok().flatten();
        let call = limited.map_or(Cow::Borrowed(came), Cow::Owned);
        Self { call, offered, asks, came }
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
    ) -> Reply {
        if self.asks.is_nothing() {
            return reply;
        }
        let (method, asks) = (self.call.method(), self.asks);
        let changes = asks.arguments.changes(self.came.arguments()).unwrap_or_default();
        let about = About { decision, method, asks, changes: &changes };
        let obliged = about.oblige(reply);
        if let Some(why) = obliged.withheld {
            let before = if detail.is_empty() { "" } else { "; " };
            detail.push_str(before);
            detail.push_str("its result was withheld: ");
            detail.push_str(&why);
        }
        obliged.reply
    }
}
