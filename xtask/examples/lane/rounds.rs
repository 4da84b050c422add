//! The rounds: each measures everything once, and the medians of all of them are the metrics.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, thread, time::Duration};

use anyhow::Context as _;

use crate::{
    agent::{Agent, Target, together},
    disk::RawFile,
    figures::{Spread, micros, per_second, percentile},
    governor::{Governor, House},
    ledger, machine, tell,
};

const ROUNDS: u32 = 7;
const MANY: usize = 64;
/// Calls before any that are measured, on each connection.
const WARM: usize = 10;
/// Calls of one agent alone go in turns, to the gateway and past it.
const TURNS: usize = 4;
const CALLS_A_TURN: usize = 250;
const PROBES_A_TURN: usize = 50;
const WINDOW: Duration = Duration::from_secs(2);
const WARM_WINDOW: Duration = Duration::from_millis(250);
const LEDGER_WINDOW: Duration = Duration::from_millis(1500);
/// How long a governor is left alone before its memory is looked at.
const REST: Duration = Duration::from_secs(1);

/// The names of the metrics, in the order in which they are explained.
const METRICS: [&str; 11] = [
    "cpu_us_per_call",
    "overhead_p50_us",
    "overhead_p99_us",
    "fdatasync_p50_us",
    "calls_per_s_64",
    "direct_calls_per_s_64",
    "rss_idle_mib",
    "first_verdict_ms",
    "binary_mib",
    "ledger_appends_per_s_64",
    "ledger_ratio_raw_file",
];

/// What the rounds measured, by name; some of it only explains a metric.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    runs: BTreeMap<&'static str, Vec<f64>>,
}

impl Measured {
    fn add(&mut self, name: &'static str, number: f64) {
        self.runs.entry(name).or_default().push(number);
    }

    fn spread(&self, name: &str) -> Option<Spread> {
        Spread::of(self.runs.get(name)?)
    }

    /// Processor time of a call: the costlier of one connection and many.
    fn costlier(&mut self) {
        let alone = self.runs.get("cpu_us_per_call_1").cloned().unwrap_or_default();
        let many = self.runs.get("cpu_us_per_call_64").cloned().unwrap_or_default();
        let median = |runs: &[f64]| Spread::of(runs).map_or(0.0, |it| it.median);
        let costlier = if median(&alone) < median(&many) { many } else { alone };
        self.runs.insert("cpu_us_per_call", costlier);
    }

    /// Gives the metrics, those that were measured.
    pub(crate) fn metrics(&self) -> Vec<(&'static str, Spread)> {
        METRICS.iter().filter_map(|name| Some((*name, self.spread(name)?))).collect()
    }
}

/// Measures everything, in rounds.
pub(crate) fn run(program: &Path, folder: &Path) -> anyhow::Result<Measured> {
    tell(&format!("    {}; load {}", machine::described(folder), machine::load()));
    let server = crate::tool_server::start()?;
    let mut measured = Measured::default();
    let bytes = u32::try_from(fs::metadata(program)?.len())?;
    measured.add("binary_mib", f64::from(bytes) / f64::from(1 << 20));
    let mut raw = RawFile::create(&folder.join("raw"))?;
    first_verdicts(program, &folder.join("first"), server, &mut measured)?;
    for number in 1..=ROUNDS {
        tell(&format!("    round {number} of {ROUNDS}; load {}", machine::load()));
        let place = folder.join(number.to_string());
        let house = House::large(program, &place, server)?;
        round(&house, server, &mut raw, &mut measured)
            .with_context(|| fs::read_to_string(place.join("log")).unwrap_or_default())?;
        fs::remove_dir_all(place)?;
    }
    measured.costlier();
    for name in measured.runs.keys() {
        if let Some(spread) = measured.spread(name) {
            tell(&format!("    {name}: {spread}"));
        }
    }
    tell(&format!("    load {}", machine::load()));
    Ok(measured)
}

/// Starts a governor again and again, and measures until its first decided answer.
fn first_verdicts(
    program: &Path,
    folder: &Path,
    server: SocketAddr,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let house = House::first(program, folder, server)?;
    let governor = house.serve()?;
    let token = governor.open_task()?;
    governor.stop()?;
    for _ in 0..ROUNDS {
        let (governor, took) = house.first_verdict(&token)?;
        measured.add("first_verdict_ms", micros(took) / 1000.0);
        governor.stop()?;
    }
    Ok(())
}

fn round(
    house: &House,
    server: SocketAddr,
    raw: &mut RawFile,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let governor = house.serve()?;
    let gateway = house.target(&governor.open_task()?);
    let direct = Target { address: server, path: "/mcp".to_owned(), token: None };
    Agent::connect(&gateway)?.call()?;
    thread::sleep(REST);
    measured.add("rss_idle_mib", governor.rss_mib()?);
    alone(&governor, (&gateway, &direct), raw, measured)?;
    many(&governor, &gateway, &direct, measured)?;
    measured.add("rss_after_load_mib", governor.rss_mib()?);
    governor.stop()?;
    ledger_alone(house, raw, measured)
}

/// One agent, one call after the other: past the gateway, then through it, and the bare disk
/// between them, in turns.
fn alone(
    governor: &Governor<'_>,
    (gateway, direct): (&Target, &Target),
    raw: &mut RawFile,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let (mut through, mut past) = (Agent::open(gateway)?, Agent::open(direct)?);
    through.measure(WARM)?;
    past.measure(WARM)?;
    let (mut governed, mut bare, mut synced) = (Vec::new(), Vec::new(), Vec::new());
    let mut cpu = Duration::ZERO;
    for _ in 0..TURNS {
        bare.extend(past.measure(CALLS_A_TURN)?);
        synced.extend(raw.probe(PROBES_A_TURN)?);
        let before = governor.cpu()?;
        governed.extend(through.measure(CALLS_A_TURN)?);
        cpu = cpu.saturating_add(governor.cpu()?.saturating_sub(before));
    }
    let calls = u32::try_from(governed.len())?;
    measured.add("cpu_us_per_call_1", micros(cpu) / f64::from(calls));
    let at = |it: &[Duration], permille| percentile(it, permille).context("nothing was timed");
    for (name, permille) in [("overhead_p50_us", 500), ("overhead_p99_us", 990)] {
        measured.add(name, at(&governed, permille)? - at(&bare, permille)?);
    }
    measured.add("direct_p50_us", at(&bare, 500)?);
    measured.add("fdatasync_p50_us", at(&synced, 500)?);
    measured.add("fdatasync_p99_us", at(&synced, 990)?);
    Ok(())
}

/// Many agents at once, past the gateway and then through it.
fn many(
    governor: &Governor<'_>,
    gateway: &Target,
    direct: &Target,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    for (name, target) in [("direct_calls_per_s_64", direct), ("calls_per_s_64", gateway)] {
        let agents: anyhow::Result<Vec<Agent>> = (0..MANY).map(|_| Agent::open(target)).collect();
        let mut agents = agents?;
        together(&mut agents, WARM_WINDOW)?;
        let before = governor.cpu()?;
        let done = together(&mut agents, WINDOW)?;
        let cpu = governor.cpu()?.saturating_sub(before);
        measured.add(name, per_second(done.calls, done.took));
        if name == "calls_per_s_64" {
            measured.add("cpu_us_per_call_64", micros(cpu) / f64::from(done.calls.max(1)));
        }
    }
    Ok(())
}

/// The ledger without a governor, in turns with a plain file that takes the same bytes.
fn ledger_alone(house: &House, raw: &mut RawFile, measured: &mut Measured) -> anyhow::Result<()> {
    let samples = ledger::samples(&house.folder.join("state/ledger"))?;
    let bodies = ledger::bodies(&samples)?;
    let taken = ledger::together(&house.folder.join("alone"), MANY, &samples, LEDGER_WINDOW)?;
    let bare = raw.together(MANY, &bodies, LEDGER_WINDOW)?;
    measured.add("ledger_appends_per_s_64", per_second(taken, LEDGER_WINDOW));
    measured.add("raw_file_appends_per_s_64", per_second(bare, LEDGER_WINDOW));
    measured.add("ledger_ratio_raw_file", f64::from(taken) / f64::from(bare.max(1)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_are_the_contracts_and_each_is_printed_once_it_is_measured() {
        let mut measured = Measured::default();
        assert!(measured.metrics().is_empty());
        for name in METRICS {
            measured.add(name, 1.0);
        }
        measured.add("raw_file_appends_per_s_64", 2.0);
        let names: Vec<&str> = measured.metrics().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, METRICS);
    }

    #[test]
    fn a_call_costs_what_it_costs_where_it_costs_more() {
        let mut measured = Measured::default();
        for (alone, many) in [(1.0, 4.0), (5.0, 4.5), (9.0, 20.0)] {
            measured.add("cpu_us_per_call_1", alone);
            measured.add("cpu_us_per_call_64", many);
        }
        measured.costlier();
        assert_eq!(measured.spread("cpu_us_per_call").map(|it| it.median), Some(5.0));
    }
}
