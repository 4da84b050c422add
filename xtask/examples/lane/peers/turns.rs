//! One peer's turn in a round: one connection beside the tool server itself, then many.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use super::{Kind, Place, process::Process};
use crate::{
    agent::{Agent, Target},
    calls::Throughput,
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
/// How long answers are counted, once every connection has had one: until there are as many more
/// as connections, and no less than this.
const WINDOW: Duration = Duration::from_secs(4);
const LONGEST: Duration = Duration::from_secs(30);
/// How long that may take.
const WARM_UP: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
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

/// What many connections that call at once share.
#[derive(Debug, Default)]
struct Crowd {
    warm: AtomicUsize,
    answers: AtomicU32,
    over: AtomicBool,
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
        let cpu = micros(cpu) / f64::from(done.calls);
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
        let crowd = Crowd::default();
        thread::scope(|scope| {
            let call = || crowd.call(&self.target);
            let agents: Vec<_> = (0..self.many).map(|_| scope.spawn(call)).collect();
            let counted = self.count(&crowd);
            crowd.over.store(true, Relaxed);
            for agent in agents {
                agent.join().map_err(|_| anyhow::anyhow!("an agent broke off"))??;
            }
            counted
        })
    }

    /// Counts the answers of a while in which every connection waits for one.
    fn count(&self, crowd: &Crowd) -> anyhow::Result<(Throughput, Duration)> {
        let warm = |it: &Crowd| it.warm.load(Relaxed) == self.many;
        crowd.wait(WARM_UP, warm);
        let (began, answers) = (Instant::now(), crowd.answers.load(Relaxed));
        let cpu = self.process.cpu()?;
        let calls = |it: &Crowd| it.answers.load(Relaxed).saturating_sub(answers);
        let many = u32::try_from(self.many)?;
        // Some answer all at once, after a long time: part of that would tell nothing.
        crowd.wait(LONGEST, |it| WINDOW < began.elapsed() && many <= calls(it));
        let calls = calls(crowd);
        let took = began.elapsed();
        if !warm(crowd) || calls < many {
            bail!("not every connection had an answer in time");
        }
        Ok((Throughput { calls, took }, self.process.cpu()?.saturating_sub(cpu)))
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

impl Crowd {
    /// Calls until it is over; a connection never lies idle, so none is closed for that.
    fn call(&self, target: &Target) -> anyhow::Result<()> {
        let called = self.call_on(target);
        if called.is_err() {
            self.over.store(true, Relaxed);
        }
        called
    }

    fn call_on(&self, target: &Target) -> anyhow::Result<()> {
        let mut agent = Agent::open(target)?;
        agent.call()?;
        self.warm.fetch_add(1, Relaxed);
        while !self.over.load(Relaxed) {
            agent.call()?;
            self.answers.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Waits until it is `enough`, or over, or too long.
    fn wait(&self, longest: Duration, enough: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !enough(self) && !self.over.load(Relaxed) && began.elapsed() < longest {
            thread::sleep(LOOK);
        }
    }
}
