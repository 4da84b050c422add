//! The rounds: each measures everything once, and the medians of all of them are the metrics.

use std::{fs, net::SocketAddr, path::Path, thread, time::Duration};

use anyhow::Context as _;

use crate::{
    agent::{Agent, Target},
    calls::together,
    disk::RawFile,
    figures::{micros, per_second, percentile},
    house::{Governor, House},
    ledger, machine,
    measured::Measured,
    peers::{Peers, Wanted},
    tell,
};

const ROUNDS: u32 = 7;
/// Peers are slow: they are measured in the first rounds only.
const ROUNDS_OF_PEERS: u32 = 5;
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

/// Measures everything, in rounds.
pub(crate) fn run(program: &Path, folder: &Path, wanted: &[Wanted]) -> anyhow::Result<Measured> {
    tell(&format!("    {}; load {}", machine::described(folder), machine::load()));
    let server = crate::tool_server::start(0)?;
    let mut measured = Measured::default();
    let bytes = u32::try_from(fs::metadata(program)?.len())?;
    measured.add("binary_mib", f64::from(bytes) / f64::from(1 << 20));
    let mut raw = RawFile::create(&folder.join("raw"))?;
    first_verdicts(program, &folder.join("first"), server, &mut measured)?;
    let mut peers = Peers::start(wanted, &folder.join("peers"), server, &mut measured);
    for number in 1..=ROUNDS {
        tell(&format!("    round {number} of {ROUNDS}; load {}", machine::load()));
        let place = folder.join(number.to_string());
        let house = House::large(program, &place, server)?;
        round(&house, server, &mut raw, &mut measured)
            .with_context(|| fs::read_to_string(place.join("log")).unwrap_or_default())?;
        fs::remove_dir_all(place)?;
        if number <= ROUNDS_OF_PEERS {
            peers.round(server, &mut measured);
        }
    }
    peers.finish(&mut measured);
    measured.costlier();
    for (name, spread) in measured.all() {
        tell(&format!("    {name}: {spread}"));
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
    let token = house.open_task()?;
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
    let gateway = house.target(&house.open_task()?);
    let direct = Target::direct(server);
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
    governor: &Governor,
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
    governor: &Governor,
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
