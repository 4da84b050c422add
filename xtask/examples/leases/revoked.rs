//! How long a task's authority outlives the word that ends it, in the same process, while sixty-four that
//! work in it look whether it still counts.

use std::{path::Path, sync::Arc, time::Instant};

use anyhow::Context as _;
use bailiwick_gateway::Desk;
use bailiwick_model::{EndCause, TaskId};
use bailiwick_testkit::broker::ScriptedTarget;
use tokio::{sync::Barrier, task::JoinSet};

use crate::{figures::Spread, governor::Governor, rows::Rows, sessions::SESSIONS};

const TASKS: usize = 400;
const RUNS: usize = 5;

/// Measures from the call of `end` to the last look at which the task's authority still counted. A look
/// that begins when the call has returned and finds that it counts is no figure but a fault.
pub(crate) async fn measure(folder: &Path) -> anyhow::Result<Vec<(String, Spread)>> {
    let folder = folder.join("revoked");
    std::fs::create_dir(&folder)?;
    let governor = Governor::start(&folder, &ScriptedTarget::new("orders-db")).await?;
    let mut rows = Rows::default();
    for _ in 0..RUNS {
        let mut all = Vec::new();
        for _ in 0..TASKS {
            all.push(one(&governor).await?);
        }
        rows.add_shares("revoke_process_us", &all)?;
    }
    governor.stop().await;
    rows.told()
}

async fn one(governor: &Governor) -> anyhow::Result<std::time::Duration> {
    let task = governor.open().await?;
    let desk = Arc::clone(governor.engine.desk());
    let all_look = Arc::new(Barrier::new(SESSIONS.saturating_add(1)));
    let mut looking = JoinSet::new();
    for _ in 0..SESSIONS {
        let (desk, all_look) = (Arc::clone(&desk), Arc::clone(&all_look));
        looking.spawn(look(desk, (task.id.clone(), task.generation), all_look));
    }
    all_look.wait().await;
    let asked = Instant::now();
    desk.end(&task.id, EndCause::Asked, "uid:0").await?;
    let returned = Instant::now();
    let mut last = asked;
    while let Some(looks) = looking.join_next().await {
        let looks = looks.context("whoever looked broke off")?;
        let late = looks.began.is_some_and(|it| returned < it);
        anyhow::ensure!(!late, "authority counted after the call had returned");
        last = last.max(looks.ended);
    }
    Ok(last.saturating_duration_since(asked))
}

/// The last look at which authority counted.
struct Look {
    began: Option<Instant>,
    ended: Instant,
}

/// Looks again and again, as each call does: one load, and no lock. In between it lets others look.
async fn look(desk: Arc<Desk>, (task, generation): (TaskId, u64), all_look: Arc<Barrier>) -> Look {
    all_look.wait().await;
    let mut last = Look { began: None, ended: Instant::now() };
    loop {
        let began = Instant::now();
        if desk.generation(&task) != Some(generation) {
            return last;
        }
        last = Look { began: Some(began), ended: Instant::now() };
        tokio::task::yield_now().await;
    }
}
