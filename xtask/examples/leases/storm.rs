//! A hundred thousand leases whose time is over in the same moment.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use bailiwick_model::{EnforcedAs, Lease, LeaseId, LeaseState, TaskId, Ulid};
use bailiwick_store::{Change, KeptLease, Registry};
use bailiwick_testkit::broker::ScriptedTarget;

use crate::{
    figures::{Spread, per_second},
    governor::{self, Governor, START},
    rows::Rows,
    tell,
};

const LEASES: u32 = 100_000;
const RUNS: u32 = 5;
/// How long the storm may take before it counts as a stall.
const STALL: Duration = Duration::from_secs(300);

/// Measures how long it takes until each is known to be gone, and by how much memory grows meanwhile.
pub(crate) async fn measure(folder: &Path) -> anyhow::Result<Vec<(String, Spread)>> {
    let mut rows = Rows::default();
    for run in 0..RUNS {
        let folder = folder.join(format!("storm-{run}"));
        std::fs::create_dir(&folder)?;
        fill(&folder).await?;
        let (took, grew) = one(&folder).await?;
        rows.add("storm_100k_s", took);
        rows.add("storm_rss_mib", grew);
        std::fs::remove_dir_all(&folder)?;
    }
    rows.told()
}

/// Writes the leases as a governor left them.
async fn fill(folder: &Path) -> anyhow::Result<()> {
    let registry = Registry::open(&governor::registry(folder))?;
    let mut changes = Vec::new();
    for number in 0..LEASES {
        changes.push(Change::Lease(Box::new(KeptLease { lease: lease(number)?, keepsake: None })));
        if changes.len() == 1000 {
            registry.write(std::mem::take(&mut changes)).await?;
        }
    }
    registry.write(changes).await?;
    registry.close();
    Ok(())
}

fn lease(number: u32) -> anyhow::Result<Lease> {
    let mut random = [0; 10];
    random.iter_mut().zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    // Each in a task of its own, as a storm of short tasks would leave them.
    let ulid = Ulid::new(START, random);
    let id = LeaseId::new(ulid);
    Ok(Lease {
        called: Some(id.as_str().to_lowercase()),
        id,
        task: TaskId::new(ulid),
        identity: "reporter".parse()?,
        target: "orders-db".parse()?,
        wants: vec!["readers".to_owned()],
        decision: None,
        shown: std::collections::BTreeSet::new(),
        enforced: EnforcedAs::Session,
        state: LeaseState::Active,
        until: START,
        opened: START,
        issued: Some(START),
        used: Some(START),
        ended: None,
        gone: None,
        tries: 0,
        why: String::new(),
    })
}

/// Starts over them: all are due at once.
async fn one(folder: &Path) -> anyhow::Result<(f64, f64)> {
    let target = ScriptedTarget::new("orders-db");
    let before = rss_mib()?;
    let began = Instant::now();
    let governor = Governor::start(folder, &target).await?;
    let mut most = before;
    while governor.engine.open_leases() != 0 {
        if STALL < began.elapsed() {
            bail!("{} leases are open after {STALL:?}", governor.engine.open_leases());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        most = most.max(rss_mib()?);
    }
    governor.stop().await;
    // Until the last of them is on disk as gone.
    let took = began.elapsed();
    tell(&format!("    {:.0} leases ended in a second", per_second(LEASES, took)));
    Ok((took.as_secs_f64(), most - before))
}

/// How much memory this process has.
fn rss_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let kib = line.and_then(|it| it.trim().strip_suffix(" kB")).context("no memory is told")?;
    Ok(kib.trim().parse::<f64>()? / 1024.0)
}
