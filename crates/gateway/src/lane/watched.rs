//! What logs and traces tell of a call. They show what the evidence shows, and no more.

use bailiwick_connect::Verified;
use bailiwick_model::{AccessRequest, DecisionId, VerdictKind};
use tracing::{Span, field};

use super::Lane;
use crate::Call;

impl Lane {
    /// Gives the span of a call; it continues the caller's trace. It is made where somebody traces
    /// or looks closely: a line of the log names its decision by itself.
    pub(super) fn span(&self, decision: &DecisionId, caller: &Verified, call: &Call) -> Span {
        tracing::debug_span!(
            "call",
            task = %caller.task,
            caller = %caller.identity,
            action = %self.desk.evidence().action(call.action()),
            %decision,
            resource = field::Empty,
            verdict = field::Empty,
            outcome = field::Empty,
            traceparent = call.trace(),
        )
    }

    /// Tells what a call touches, and how it was decided.
    pub(super) fn tell_decided(&self, request: &AccessRequest, verdict: VerdictKind) {
        let span = Span::current();
        if span.is_disabled() {
            return;
        }
        let evidence = self.desk.evidence();
        let touched: Vec<_> = request.resources.iter().map(|it| evidence.text(it)).collect();
        span.record("resource", touched.join(" "));
        span.record("verdict", verdict.as_str());
    }
}
