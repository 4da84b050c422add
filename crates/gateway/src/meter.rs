//! What the gateway counts and times. Every name stands here.
//!
//! Labels have few values: the servers and enforcement points of the configuration, verdicts,
//! outcomes. Nothing that an agent writes becomes a label.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, PoisonError, RwLock},
    time::Duration,
};

use bailiwick_connect::TokenError;
use bailiwick_model::{LeaseState, OutcomeKind, ServerName, Sought, TargetName, VerdictKind};
use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};

const CALLS: &str = "bailiwick_calls_total";
const EVALUATIONS: &str = "bailiwick_evaluations_total";
const SEARCHES: &str = "bailiwick_searches_total";
const OUTCOMES: &str = "bailiwick_outcomes_total";
const UNRECORDED: &str = "bailiwick_calls_unrecorded_total";
const TURNED_AWAY: &str = "bailiwick_callers_refused_total";
const DECISION: &str = "bailiwick_decision_seconds";
const RECORD: &str = "bailiwick_record_seconds";
const RECORDING: &str = "bailiwick_recording";
const UPSTREAM: &str = "bailiwick_upstream_seconds";
const LEASES_MADE: &str = "bailiwick_leases_made_total";
const LEASES_TOLD: &str = "bailiwick_leases_told_total";
const LEASES_FOUND: &str = "bailiwick_leases_orphaned_total";
const LEASE_GONE: &str = "bailiwick_lease_revoke_seconds";
const LEASES: &str = "bailiwick_leases";
const CANARIES: &str = "bailiwick_canaries_total";
const CANARY_FAILING: &str = "bailiwick_canary_failing";
const SIGNALS: &str = "bailiwick_signals_total";
const SIGNALS_SENT: &str = "bailiwick_signals_sent_total";
const SIGNALS_WAIT: &str = "bailiwick_signals_waiting";
const SIGNAL_TOLD: &str = "bailiwick_signal_seconds";
const RELOADS: &str = "bailiwick_reloads_total";

/// What each call is counted by. To find it costs more than to count, and whoever reads the metrics
/// is there before the first call is.
static DECIDED: Of<Counter> = Of::nothing();
static CAME_TO: Of<Counter> = Of::nothing();
static ANSWERED: Of<Histogram> = Of::nothing();
static DECIDING: LazyLock<Histogram> = LazyLock::new(|| histogram!(DECISION));
static RECORDED: LazyLock<Histogram> = LazyLock::new(|| histogram!(RECORD));
static TO_RECORD: LazyLock<Gauge> = LazyLock::new(|| gauge!(RECORDING));

/// What was found once, by a server of the configuration and one of our words.
struct Of<T>(RwLock<BTreeMap<(ServerName, &'static str), T>>);

impl<T: Clone> Of<T> {
    const fn nothing() -> Self {
        Self(RwLock::new(BTreeMap::new()))
    }

    fn get(&self, server: &ServerName, word: &'static str, find: impl FnOnce(String) -> T) -> T {
        let by = (server.clone(), word);
        if let Some(found) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&by) {
            return found.clone();
        }
        let found = find(server.to_string());
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(by, found.clone());
        found
    }
}

/// Says what each name means, to whoever reads the metrics.
pub fn describe_metrics() {
    describe_counter!(CALLS, "Calls that were decided, by server and verdict.");
    describe_counter!(
        EVALUATIONS,
        "Evaluations for enforcement points elsewhere, by who asked and verdict."
    );
    describe_counter!(
        SEARCHES,
        "Pages of searches for enforcement points elsewhere, by who asked and what for."
    );
    describe_counter!(OUTCOMES, "Calls that were sent, by server and what became of them.");
    describe_counter!(
        UNRECORDED,
        "Calls that were refused as their decision could not be recorded."
    );
    describe_counter!(SIGNALS, "Signals that other systems sent, by who and what became of them.");
    describe_counter!(SIGNALS_SENT, "Signals for receivers, by whom and what became of them.");
    describe_gauge!(SIGNALS_WAIT, "Signals that a receiver does not have yet, by receiver.");
    describe_histogram!(
        SIGNAL_TOLD,
        "Seconds from what happened until its receiver had it, by receiver."
    );
    describe_counter!(RELOADS, "Readings of the files anew, by whether they were put in force.");
    describe_counter!(TURNED_AWAY, "Callers whose token did not count, by why.");
    describe_histogram!(DECISION, "Seconds from a call's arrival at the lane to its verdict.");
    describe_histogram!(RECORD, "Seconds until a decision was on disk.");
    describe_gauge!(RECORDING, "Decisions that wait to be on disk.");
    describe_counter!(LEASES_MADE, "Credentials that were ordered, by target and outcome.");
    describe_counter!(
        LEASES_TOLD,
        "Times that a target was told that a lease ended, by target and outcome."
    );
    describe_counter!(
        LEASES_FOUND,
        "Leases that their target still had though they should be gone, by target."
    );
    describe_histogram!(
        LEASE_GONE,
        "Seconds from the end of a lease until its target said that it is gone, by target."
    );
    describe_gauge!(LEASES, "Leases of which something may be alive, by state.");
    describe_counter!(CANARIES, "Canaries that were sent, by target and outcome.");
    describe_gauge!(CANARY_FAILING, "Whether the last canary of a target failed, by target.");
    describe_histogram!(UPSTREAM, "Seconds that a server took for an allowed call, by server.");
}

/// Counts that the files were read anew, and whether they were put in force.
pub fn reloaded(taken: bool) {
    let outcome = if taken { "taken" } else { "refused" };
    counter!(RELOADS, "outcome" => outcome).increment(1);
}

/// Counts a signal that another system sent.
pub(crate) fn signalled(transmitter: &str, outcome: &'static str) {
    counter!(SIGNALS, "transmitter" => transmitter.to_owned(), "outcome" => outcome).increment(1);
}

/// Counts what became of a signal for a receiver.
pub(crate) fn signal_sent(receiver: &str, outcome: &'static str) {
    counter!(SIGNALS_SENT, "receiver" => receiver.to_owned(), "outcome" => outcome).increment(1);
}

/// Tells how many signals a receiver does not have yet.
pub(crate) fn signals_waiting(receiver: &str, count: usize) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    gauge!(SIGNALS_WAIT, "receiver" => receiver.to_owned()).set(f64::from(count));
}

/// Times how long it took until a receiver had a signal.
pub(crate) fn signal_told(receiver: &str, took: Duration) {
    histogram!(SIGNAL_TOLD, "receiver" => receiver.to_owned()).record(took);
}

/// Counts a decision.
pub(crate) fn decided(server: &ServerName, verdict: VerdictKind, took: Duration) {
    let verdict = verdict.as_str();
    let count = |server| counter!(CALLS, "server" => server, "verdict" => verdict);
    DECIDED.get(server, verdict, count).increment(1);
    DECIDING.record(took);
}

/// Counts an evaluation that is answered.
pub(crate) fn evaluated(pep: &str, verdict: VerdictKind) {
    counter!(EVALUATIONS, "pep" => pep.to_owned(), "verdict" => verdict.as_str()).increment(1);
}

/// Counts a page of a search that is answered.
pub(crate) fn searched(pep: &str, sought: Sought) {
    counter!(SEARCHES, "pep" => pep.to_owned(), "sought" => sought.as_str()).increment(1);
}

/// A decision that waits to be on disk, as long as this lives.
#[derive(Debug)]
pub(crate) struct Recording(std::time::Instant);

impl Recording {
    pub(crate) fn begin() -> Self {
        TO_RECORD.increment(1);
        Self(std::time::Instant::now())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        TO_RECORD.decrement(1);
        RECORDED.record(self.0.elapsed());
    }
}

/// Counts a call that was refused for want of a record.
pub(crate) fn unrecorded() {
    counter!(UNRECORDED).increment(1);
}

/// Counts what became of a call that was sent.
pub(crate) fn answered(server: &ServerName, outcome: OutcomeKind, took: Duration) {
    let outcome = outcome.as_str();
    let count = |server| counter!(OUTCOMES, "server" => server, "outcome" => outcome);
    CAME_TO.get(server, outcome, count).increment(1);
    ANSWERED.get(server, "", |server| histogram!(UPSTREAM, "server" => server)).record(took);
}

/// Counts a credential that was ordered.
pub(crate) fn lease_made(target: &TargetName, made: bool) {
    let outcome = if made { "made" } else { "failed" };
    counter!(LEASES_MADE, "target" => target.to_string(), "outcome" => outcome).increment(1);
}

/// Counts that a target was told that a lease ended.
pub(crate) fn lease_told(target: &TargetName, gone: bool) {
    let outcome = if gone { "gone" } else { "failed" };
    counter!(LEASES_TOLD, "target" => target.to_string(), "outcome" => outcome).increment(1);
}

/// Counts a lease that its target still had.
pub(crate) fn lease_orphan(target: &TargetName) {
    counter!(LEASES_FOUND, "target" => target.to_string()).increment(1);
}

/// Times how long a lease outlived its end.
pub(crate) fn lease_gone(target: &TargetName, took: Duration) {
    histogram!(LEASE_GONE, "target" => target.to_string()).record(took);
}

/// Counts a canary, and says whether its target is proven by it.
pub(crate) fn canary(target: &TargetName, proven: bool) {
    let outcome = if proven { "proven" } else { "failed" };
    counter!(CANARIES, "target" => target.to_string(), "outcome" => outcome).increment(1);
    let failing = if proven { 0.0 } else { 1.0 };
    gauge!(CANARY_FAILING, "target" => target.to_string()).set(failing);
}

/// Tells how many leases are in a state.
pub(crate) fn leases(state: LeaseState, count: usize) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    gauge!(LEASES, "state" => state.as_str()).set(f64::from(count));
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
        | TokenError::NotBound
        | TokenError::OtherKey
        | TokenError::OtherCertificate
        | TokenError::Proof(_)
        | TokenError::NotYet
        | TokenError::TooLongLived
        | _ => "malformed",
    }
}
