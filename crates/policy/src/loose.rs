//! Permits whose constraints hold for some calls and not for others, while the built-in permit lets
//! through what they do not fit.

use bailiwick_model::Mode;

use crate::{PolicyEffect, PolicySet, PolicySummary, seat::Seat, vocabulary::BUILTIN_PERMIT};

impl PolicySet {
    /// Finds the permits whose constraints a call can get round, each with the reason why.
    pub fn loose(&self) -> Vec<(&PolicySummary, &'static str)> {
        // Without constraints no permit asks for anything.
        if self.constraints().is_empty() || self.bench.called(BUILTIN_PERMIT).is_none() {
            return Vec::new();
        }
        self.bench.all().filter_map(|it| Some((&it.summary, loose(it)?))).collect()
    }
}

fn loose(seat: &Seat) -> Option<&'static str> {
    let PolicySummary { effect, obligations, mode, expires, .. } = &seat.summary;
    if *effect == PolicyEffect::Forbid || obligations.is_nothing() {
        return None;
    }
    if seat.condition.is_some() {
        return Some("a call that its condition does not fit");
    }
    if *mode != Mode::Enforce {
        return Some("every call while it only observes");
    }
    expires.is_some().then_some("every call after it expires")
}
