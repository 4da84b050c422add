//! Logs, on standard error: lines for a terminal, JSON for whatever collects them.

use std::io::IsTerminal;

use tracing::{Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterFn, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{
    config::{Log, LogFormat},
    telemetry::Traces,
};

/// Begins to log for a command that has nothing configured.
pub(crate) fn plainly(usual: &str) {
    begin(None, &std::env::var("BAILIWICK_LOG").unwrap_or_else(|_| usual.to_owned()), None);
}

/// Begins to log as the configuration says, and to trace, where it says so.
pub(crate) fn as_configured(log: &Log, traces: Option<Traces>) {
    begin(log.format, &log.level, traces);
}

fn begin(format: Option<LogFormat>, level: &str, traces: Option<Traces>) {
    let terminal = std::io::stderr().is_terminal();
    let usual = if terminal { LogFormat::Text } else { LogFormat::Json };
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer::<Registry>().with_writer(std::io::stderr);
    let lines = match format.unwrap_or(usual) {
        LogFormat::Text => lines.with_ansi(terminal).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let traces = traces.map(|it| it.with_filter(calls()));
    // Whoever began before goes on.
    let _already =
        tracing_subscriber::registry().with(lines.with_filter(filter)).with(traces).try_init();
}

/// Traces hold the spans of calls, whatever is logged.
fn calls() -> FilterFn {
    fn of_a_call(metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("bailiwick_gateway::lane")
    }
    let of_a_call: fn(&Metadata<'_>) -> bool = of_a_call;
    filter_fn(of_a_call).with_max_level_hint(LevelFilter::DEBUG)
}
