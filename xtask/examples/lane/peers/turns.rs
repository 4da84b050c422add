//! One peer's turn in a round: one connection beside the tool server itself, then many.

use std::{net::SocketAddr, thread, time::Duration};

use anyhow::Context as _;

use super::{Kind, Place, process::Process};
use crate::{
    agent::{Agent, Target, Throughput, together},
    figures::{micros, per_second, percentile},
    measured::{Measured, of_peer},
    tell,
};

/// Calls before any that are measured.
const WARM: usize = 5;
/// Calls of one agent alone go in turns, to the peer and past it.
const TURNS: usize = 2;
const CALLS_A_TURN: usize = 50;
const BARE_A_TURN: usize = 250;
/// How many connections a peer is first asked with.
const MANY: usize = 64;
/// How long each connection sends new calls; what is on its way then is waited for and counts.
const WINDOW: Duration = Duration::from_secs(3);
/// Long enough for one call of each connection.
const WARM_WINDOW: Duration = Duration::from_millis(1);
/// How long a peer that was asked for too much is left alone.
const REST: Duration = Duration::from_secs(2);

/// What is measured of many connections: it starts anew when they become fewer.
const OF_MANY: [&str; 5] =
    ["calls_per_s", "calls_ratio", "cpu_us_per_call_many", "cpu_ratio_many", "concurrency"];

/// A peer that runs.
pub(super) struct Peer {
    pub(super) kind: &'static Kind,
    pub(super) place: Place,
    target: Target,
    process: Process,
    /// How many connections it answers without an error, as far as is known.
    many: usize,
}

impl Peer {
    pub(super) fn new(kind: &'static Kind, place: Place, target: Target, process: Process) -> Self {
        Self { kind, place, target, process, many: MANY }
    }

    /// Measures it once, right after the governor was measured.
    pub(super) fn round(
        &mut self,
        server: SocketAddr,
        measured: &mut Measured,
    ) -> anyhow::Result<()> {
        self.alone(server, measured).context("with one connection")?;
        self.together(measured)
    }

    fn alone(&self, server: SocketAddr, measured: &mut Measured) -> anyhow::Result<()> {
        let mut through = Agent::open(&self.target)?;
        let mut past = Agent::open(&Target::direct(server))?;
        through.measure(WARM)?;
        past.measure(WARM)?;
        let (mut governed, mut bare) = (Vec::new(), Vec::new());
        let mut cpu = Duration::ZERO;
        for _ in 0..TURNS {
            bare.extend(past.measure(BARE_A_TURN)?);
            let before = self.process.cpu()?;
            governed.extend(through.measure(CALLS_A_TURN)?);
            cpu = cpu.saturating_add(self.process.cpu()?.saturating_sub(before));
        }
        let calls = u32::try_from(governed.len())?;
        self.times(measured, ["cpu_us_per_call_1", "cpu_ratio_1"], micros(cpu) / f64::from(calls));
        let at = |it: &[Duration], permille| percentile(it, permille).context("nothing was timed");
        for (names, permille) in [
            (["overhead_p50_us", "overhead_p50_ratio"], 500),
            (["overhead_p99_us", "overhead_p99_ratio"], 990),
        ] {
            self.times(measured, names, at(&governed, permille)? - at(&bare, permille)?);
        }
        Ok(())
    }

    /// Many connections at once; half as many where an answer is not the tool's.
    fn together(&mut self, measured: &mut Measured) -> anyhow::Result<()> {
        let (done, cpu) = loop {
            match self.at_once() {
                Ok(done) => break done,
                Err(error) if 1 < self.many => {
                    let (name, many) = (self.kind.name, self.many);
                    tell(&format!("    {name} fails with {many} connections: {error:#}"));
                    self.many = many / 2;
                    for it in OF_MANY {
                        measured.forget(&of_peer(it, name));
                    }
                    thread::sleep(REST);
                }
                Err(error) => return Err(error),
            }
        };
        let cpu = micros(cpu) / f64::from(done.calls.max(1));
        self.times(measured, ["cpu_us_per_call_many", "cpu_ratio_many"], cpu);
        let rate = per_second(done.calls, done.took);
        measured.add(&of_peer("calls_per_s", self.kind.name), rate);
        if let Some(ours) = measured.latest("calls_per_s_64") {
            measured.add_ratio(&of_peer("calls_ratio", self.kind.name), ours, rate);
        }
        let many = u32::try_from(self.many)?;
        measured.add(&of_peer("concurrency", self.kind.name), f64::from(many));
        Ok(())
    }

    fn at_once(&self) -> anyhow::Result<(Throughput, Duration)> {
        let agents = (0..self.many).map(|_| Agent::open(&self.target));
        let mut agents = agents.collect::<anyhow::Result<Vec<Agent>>>()?;
        together(&mut agents, WARM_WINDOW)?;
        let before = self.process.cpu()?;
        let done = together(&mut agents, WINDOW)?;
        Ok((done, self.process.cpu()?.saturating_sub(before)))
    }

    /// Adds what was measured, and how many times ours of this round it is.
    fn times(&self, measured: &mut Measured, [name, ratio]: [&str; 2], number: f64) {
        // With many connections ours is that with 64.
        let ours = name.replace("_many", "_64");
        if let Some(ours) = measured.latest(&ours) {
            measured.add_ratio(&of_peer(ratio, self.kind.name), number, ours);
        }
        measured.add(&of_peer(name, self.kind.name), number);
    }
}
