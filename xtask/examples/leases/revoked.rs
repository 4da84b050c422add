//! How long a task's authority outlives the word that ends it, in the same process.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use anyhow::Context as _;
use bailiwick_model::EndCause;
use bailiwick_testkit::broker::ScriptedTarget;

use crate::{
    figures::{Spread, percentile},
    governor::Governor,
    tell,
};

const TASKS: usize = 400;
const RUNS: usize = 5;

/// Measures from the call of `end` to the last look at which the task's authority still counted, by
/// somebody who looks without a pause.
pub(crate) async fn measure(folder: &Path) -> anyhow::Result<Vec<(String, Spread)>> {
    let folder = folder.join("revoked");
    std::fs::create_dir(&folder)?;
    let governor = Governor::start(&folder, &ScriptedTarget::new("orders-db")).await?;
    let mut runs: [Vec<f64>; 3] = Default::default();
    for _ in 0..RUNS {
        let mut all = Vec::new();
        for _ in 0..TASKS {
            all.push(one(&governor).await?);
        }
        for (into, permille) in runs.iter_mut().zip([500, 990, 1000]) {
            into.push(percentile(&all, permille).context("nothing was measured")?);
        }
    }
    governor.stop().await;
    let names = ["revoke_process_us_p50", "revoke_process_us_p99", "revoke_process_us_max"];
    let mut metrics = Vec::new();
    for (name, runs) in names.into_iter().zip(&runs) {
        let spread = Spread::of(runs).context("nothing was measured")?;
        tell(&format!("    {name}: {spread}"));
        metrics.push((name.to_owned(), spread));
    }
    Ok(metrics)
}

async fn one(governor: &Governor) -> anyhow::Result<std::time::Duration> {
    let task = governor.open().await?;
    let desk = Arc::clone(governor.engine.desk());
    let looking = Arc::new(AtomicBool::new(false));
    let (looks, id, generation) = (Arc::clone(&looking), task.id.clone(), task.generation);
    let watched = Arc::clone(&desk);
    let watcher = std::thread::spawn(move || {
        let mut last = Instant::now();
        // What every call is judged by: one load, and no lock.
        while watched.generation(&id) == Some(generation) {
            last = Instant::now();
            looks.store(true, Ordering::Release);
        }
        last
    });
    while !looking.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    let asked = Instant::now();
    desk.end(&task.id, EndCause::Asked, "uid:0").await?;
    let last = watcher.join().ok().context("whoever looked broke off")?;
    Ok(last.saturating_duration_since(asked))
}
