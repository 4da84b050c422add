//! The metrics of this process, and what is looked up when somebody reads them.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context;
use bailiwick_gateway::Lane;
use bailiwick_store::LedgerHealth;
use metrics::{describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

const HOLDS: &str = "bailiwick_holds_waiting";
const LEDGER_GOOD: &str = "bailiwick_ledger_good";
const LEDGER_RECORDS: &str = "bailiwick_ledger_records";
const SERVER_UP: &str = "bailiwick_server_up";
const SPANS_LOST: &str = "bailiwick_spans_lost_total";

/// Bounds of the histograms, in seconds: from a decision without a disk to a call that times out.
const BUCKETS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0,
    60.0,
];
/// How often what was counted is put together, so that it takes no more memory the less it is read.
const KEEP: Duration = Duration::from_secs(5);

/// Reads the metrics. A process has one set of them.
#[derive(Clone, Debug)]
pub(crate) struct Meter(PrometheusHandle);

impl Meter {
    /// Begins to count, unless this process does already.
    pub(super) fn start() -> anyhow::Result<Self> {
        static STARTED: OnceLock<PrometheusHandle> = OnceLock::new();
        if let Some(started) = STARTED.get() {
            return Ok(Self(started.clone()));
        }
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS)?;
        let recorder = builder.build_recorder();
        let handle = STARTED.get_or_init(|| recorder.handle()).clone();
        metrics::set_global_recorder(recorder).context("metrics are kept already")?;
        bailiwick_gateway::describe_metrics();
        describe_gauge!(HOLDS, "Calls that wait for a person.");
        describe_gauge!(
            LEDGER_GOOD,
            "1 while evidence can be written; without it nothing goes out."
        );
        describe_gauge!(LEDGER_RECORDS, "The number of the last record on disk.");
        describe_gauge!(SERVER_UP, "1 while a tool server answers, by server.");
        metrics::describe_counter!(SPANS_LOST, "Spans that no collector took in time.");
        Ok(Self(handle))
    }

    /// Puts together what was counted, until `stop`.
    pub(super) async fn keep(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut round = tokio::time::interval(KEEP);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = round.tick() => self.0.run_upkeep(),
            }
        }
    }

    /// Looks up what is not counted, and writes everything as Prometheus reads it.
    pub(crate) async fn read(&self, lane: &Arc<Lane>) -> String {
        let desk = lane.desk();
        let waiting = desk.holds().len().saturating_add(desk.held_evaluations().len());
        gauge!(HOLDS).set(u32::try_from(waiting).map_or(f64::MAX, f64::from));
        let good = matches!(desk.ledger().health(), LedgerHealth::Good);
        gauge!(LEDGER_GOOD).set(f64::from(u8::from(good)));
        gauge!(LEDGER_RECORDS).set(whole(desk.ledger().head().seq));
        for server in lane.upstreams().names() {
            let up = lane.upstreams().catalog(server, Duration::ZERO).await.is_ok();
            gauge!(SERVER_UP, "server" => server.to_string()).set(f64::from(u8::from(up)));
        }
        self.0.render()
    }
}

/// Counts spans that were given up.
pub(crate) fn spans_lost(count: usize) {
    metrics::counter!(SPANS_LOST).increment(u64::try_from(count).unwrap_or(u64::MAX));
}

#[expect(clippy::cast_precision_loss, reason = "a gauge has no more digits than that")]
pub(super) const fn whole(number: u64) -> f64 {
    number as f64
}
