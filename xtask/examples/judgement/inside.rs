//! In process: one judgement after the other on one thread, with plain Cedar in turns.

mod house;
mod plain;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bailiwick_kernel::{Names, Outcome, decide, observe};
use bailiwick_model::{AccessRequest, DecisionId, HoldId, ReasonCode, Ulid, VerdictKind};
use bailiwick_policy::{Case, Question};

use self::{
    house::{CALLS, House, NOTES, changed, compiled},
    plain::{Plain, Said},
};
use crate::{
    clock::timed,
    figures::{micros, percentile},
    measured::Measured,
    tell,
};

/// How often ours is asked in a round.
const ASKED: usize = 4000;
/// Plain Cedar asks every policy: it is asked as often as takes a while.
const POLICIES_ASKED: usize = 200_000;

/// A house, and the same for plain Cedar.
struct Pair {
    name: &'static str,
    policies: usize,
    house: House,
    plain: Plain,
}

/// Measures in rounds.
pub(crate) fn run(rounds: usize, measured: &mut Measured) -> anyhow::Result<()> {
    let pairs = [Pair::of("1k", 1000)?, Pair::of("10k", 10_000)?];
    for number in 1..=rounds {
        tell(&format!("    in process, round {number} of {rounds}"));
        pairs.iter().try_for_each(|it| it.round(measured))?;
    }
    Ok(())
}

impl Pair {
    fn of(name: &'static str, policies: usize) -> anyhow::Result<Self> {
        tell(&format!("    in process: {policies} policies"));
        let house = House::of(policies)?;
        let pair = Self { name, policies, plain: Plain::of(&house)?, house };
        pair.agree()?;
        Ok(pair)
    }

    /// Makes sure that both say the same of each request, and that some are allowed, some not.
    fn agree(&self) -> anyhow::Result<()> {
        let mut allowed = 0_usize;
        for number in 0..CALLS {
            let theirs = Plain::said(&self.plain.ask(number).context("no such request")?);
            let ours = self.ours(number)?;
            if ours != theirs {
                bail!("request {number}: ours says {ours:?}, Cedar {theirs:?}");
            }
            allowed = allowed.saturating_add(usize::from(ours.allowed));
        }
        if allowed < NOTES || CALLS.saturating_sub(NOTES) < allowed {
            bail!("{allowed} of {CALLS} requests are allowed: that is no mixture");
        }
        Ok(())
    }

    fn request(&self, number: usize) -> anyhow::Result<&AccessRequest> {
        self.house.requests.get(number % CALLS).context("no such request")
    }

    /// Makes one request ready for policy, as the kernel does that knows nothing of its task yet.
    fn case(&self, number: usize) -> anyhow::Result<Case<'_>> {
        let (house, request) = (&self.house, self.request(number)?);
        let task = house.state.task();
        let charter = house.snapshot.charters.get(&task.identity).context("no charter")?;
        let (facts, now) = (&house.snapshot.facts, task.opened);
        Ok(Case::of(Question { request, task, charter, facts, now, granted: true, approval: None }))
    }

    fn ours(&self, number: usize) -> anyhow::Result<Said> {
        let answer = self.house.snapshot.policies.evaluate(&self.case(number)?);
        let allowed = answer.verdict.kind() == VerdictKind::Allow;
        let because = if allowed {
            answer.allowed_by.into_iter().collect()
        } else {
            answer.verdict.reasons()
        };
        let named = because.into_iter().filter(|it| it.code != ReasonCode::NoPermit);
        Ok(Said { allowed, because: named.map(|it| it.source).collect() })
    }

    fn round(&self, measured: &mut Measured) -> anyhow::Result<()> {
        let name = self.name;
        let ours = self.evaluations()?;
        let theirs = self.evaluations_of_cedar()?;
        measured.add(format!("eval_cpu_us_{name}"), ours);
        measured.add(format!("cedar_eval_cpu_us_{name}"), theirs);
        measured.add_ratio(format!("ratio_cedar_{name}"), theirs, ours);
        measured.add(format!("decide_cpu_us_{name}"), self.decisions(false)?);
        measured.add(format!("decide_again_cpu_us_{name}"), self.decisions(true)?);
        let began = Instant::now();
        let (made, cpu) = timed(|| compiled(&self.house.text));
        drop(made?);
        measured.add(format!("compile_ms_{name}"), micros(began.elapsed()) / 1000.0);
        measured.add(format!("compile_thread_cpu_ms_{name}"), micros(cpu) / 1000.0);
        let began = Instant::now();
        drop(changed(&self.house)?);
        measured.add(format!("compile_change_ms_{name}"), micros(began.elapsed()) / 1000.0);
        Ok(())
    }

    /// Evaluation alone: every request is ready, and nothing is known of its task.
    fn evaluations(&self) -> anyhow::Result<f64> {
        let cases: Vec<Case<'_>> = (0..CALLS).map(|it| self.case(it)).collect::<Result<_, _>>()?;
        let policies = &self.house.snapshot.policies;
        let took = cases.iter().cycle().take(ASKED).map(|it| timed(|| policies.evaluate(it)).1);
        median(&took.collect::<Vec<_>>())
    }

    fn evaluations_of_cedar(&self) -> anyhow::Result<f64> {
        let often = POLICIES_ASKED.div_ceil(self.policies);
        let took = (0..often).map(|it| timed(|| self.plain.ask(it % CALLS)).1);
        median(&took.collect::<Vec<_>>())
    }

    /// The whole judgement of allowed calls: of a task that does this for the first time, or
    /// `again`.
    fn decisions(&self, again: bool) -> anyhow::Result<f64> {
        let (snapshot, mut state) = (&self.house.snapshot, self.house.state.clone());
        let now = state.task().opened;
        let names = || {
            let ulid = Ulid::new(now, [7; 10]);
            Names { decision: DecisionId::new(ulid), hold: HoldId::new(ulid) }
        };
        let mut took = Vec::with_capacity(ASKED);
        for number in 0..ASKED {
            let (request, names) = (self.request(number % NOTES)?, names());
            if !again {
                state = self.house.state.clone();
            }
            let (made, cpu) = timed(|| decide(snapshot, &mut state, request, names, now));
            took.push(cpu);
            if !matches!(made.outcome, Outcome::Forward(..)) {
                bail!("a call was not allowed: {:?}", made.judged);
            }
            observe(&mut state, now);
        }
        median(&took)
    }
}

fn median(took: &[Duration]) -> anyhow::Result<f64> {
    percentile(took, 500).context("nothing was timed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_and_cedar_say_the_same_of_what_is_measured() {
        Pair::of("some", 100).unwrap();
    }
}
