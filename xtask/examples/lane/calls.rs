//! Agents that call again and again, alone and together.

use std::{
    net::SocketAddr,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::agent::{Agent, Target};

/// How many calls came back, in which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throughput {
    pub(crate) calls: u32,
    pub(crate) took: Duration,
}

impl Target {
    /// The tool server itself.
    pub(crate) fn direct(address: SocketAddr) -> Self {
        Self::reading(address, "/mcp", None)
    }
}

impl Agent {
    /// Calls `count` times, one call after the other, and gives how long each took.
    pub(crate) fn measure(&mut self, count: usize) -> anyhow::Result<Vec<Duration>> {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let began = Instant::now();
            self.call()?;
            took.push(began.elapsed());
        }
        Ok(took)
    }
}

/// Lets all agents call at once, each as often as it can, until `window` is over.
pub(crate) fn together(agents: &mut [Agent], window: Duration) -> anyhow::Result<Throughput> {
    let start = Barrier::new(agents.len().saturating_add(1));
    thread::scope(|scope| {
        let running: Vec<_> = agents
            .iter_mut()
            .map(|agent| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    call_for(agent, window)
                })
            })
            .collect();
        start.wait();
        let began = Instant::now();
        let mut calls = 0_u32;
        for agent in running {
            let made = agent.join().map_err(|_| anyhow::anyhow!("an agent broke off"))??;
            calls = calls.saturating_add(made);
        }
        Ok(Throughput { calls, took: began.elapsed() })
    })
}

fn call_for(agent: &mut Agent, window: Duration) -> anyhow::Result<u32> {
    let began = Instant::now();
    let mut calls = 0_u32;
    while began.elapsed() < window {
        agent.call()?;
        calls = calls.saturating_add(1);
    }
    Ok(calls)
}
