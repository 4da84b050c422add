//! What the gateway counts and times. Every name stands here.
//!
//! Labels have few values: the servers of the configuration, verdicts, outcomes. Nothing that an
//! agent writes becomes a label.

use std::time::Duration;

use bailiwick_connect::TokenError;
use bailiwick_model::{OutcomeKind, ServerName, VerdictKind};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

const CALLS: &str = "bailiwick_calls_total";
const OUTCOMES: &str = "bailiwick_outcomes_total";
const UNRECORDED: &str = "bailiwick_calls_unrecorded_total";
const TURNED_AWAY: &str = "bailiwick_callers_refused_total";
const DECISION: &str = "bailiwick_decision_seconds";
const RECORD: &str = "bailiwick_record_seconds";
const RECORDING: &str = "bailiwick_recording";
const UPSTREAM: &str = "bailiwick_upstream_seconds";

/// Says what each name means, to whoever reads the metrics.
pub fn describe_metrics() {
    describe_counter!(CALLS, "Calls that were decided, by server and verdict.");
    describe_counter!(OUTCOMES, "Calls that were sent, by server and what became of them.");
    describe_counter!(
        UNRECORDED,
        "Calls that were refused as their decision could not be recorded."
    );
    describe_counter!(TURNED_AWAY, "Callers whose token did not count, by why.");
    describe_histogram!(DECISION, "Seconds from a call's arrival at the lane to its verdict.");
    describe_histogram!(RECORD, "Seconds until a decision was on disk.");
    describe_gauge!(RECORDING, "Decisions that wait to be on disk.");
    describe_histogram!(UPSTREAM, "Seconds that a server took for an allowed call, by server.");
}

/// Counts a decision.
pub(crate) fn decided(server: &ServerName, verdict: VerdictKind, took: Duration) {
    counter!(CALLS, "server" => server.to_string(), "verdict" => verdict.as_str()).increment(1);
    histogram!(DECISION).record(took);
}

/// A decision that waits to be on disk, as long as this lives.
#[derive(Debug)]
pub(crate) struct Recording(std::time::Instant);

impl Recording {
    pub(crate) fn begin() -> Self {
        gauge!(RECORDING).increment(1);
        Self(std::time::Instant::now())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        gauge!(RECORDING).decrement(1);
        histogram!(RECORD).record(self.0.elapsed());
    }
}

/// Counts a call that was refused for want of a record.
pub(crate) fn unrecorded() {
    counter!(UNRECORDED).increment(1);
}

/// Counts what became of a call that was sent.
pub(crate) fn answered(server: &ServerName, outcome: OutcomeKind, took: Duration) {
    let name = server.to_string();
    counter!(OUTCOMES, "server" => name.clone(), "outcome" => outcome.as_str()).increment(1);
    histogram!(UPSTREAM, "server" => name).record(took);
}

/// Counts a caller whose token did not count.
pub(crate) fn turned_away(error: Option<&TokenError>) {
    counter!(TURNED_AWAY, "why" => error.map_or("no_token", why)).increment(1);
}

fn why(error: &TokenError) -> &'static str {
    match error {
        TokenError::Expired(_) => "expired",
        TokenError::Stale(_) | TokenError::NoTask => "revoked",
        TokenError::UnknownKey | TokenError::BadSignature | TokenError::WrongIssuer => "foreign",
        TokenError::WrongAudience | TokenError::OtherServer => "elsewhere",
        // Every other way in which a text is no token of ours.
        TokenError::Shape(_)
        | TokenError::NoKeyId
        | TokenError::Bound
        | TokenError::NotYet
        | TokenError::TooLongLived
        | _ => "malformed",
    }
}
