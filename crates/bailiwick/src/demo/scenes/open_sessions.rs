//! Scene 13: a task ends, and what its credential opened is closed, as the database itself saw it.

use std::time::{Duration, Instant};

use anyhow::Context;
use bailiwick_model::Lease;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::{Acting, Stage, Told, agent, past};
use crate::demo::sessions;

/// How many sessions are open when the task ends.
const SESSIONS: usize = 8;
/// How long they are asked before it does.
const ASKED_FOR: Duration = Duration::from_millis(500);
const TARGET: &str = "orders-db";

pub(super) async fn open_sessions(stage: Stage, progress: ProgressBar) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let database = stage.database.clone().context("there is no database")?;
    let task = stage.open(&mut told, ("report-job", "orders-report"), &[], None).await?;
    let mut act = stage.acting(&mut told, &task, &progress);
    act.lease("admins", "deny").await?;
    let got = act.lease("readers", "allow").await?;
    let field = |name: &str| {
        let found = got.pointer(&format!("/credential/{name}")).and_then(Value::as_str);
        found.map(str::to_owned).context("the credential is not whole")
    };
    let (user, password) = (field("user")?, field("password")?);
    let open = |_| {
        let (user, password) = (user.clone(), password.clone());
        tokio::spawn(async move { sessions::query(database.address, &user, &password).await })
    };
    let clients: Vec<_> = (0..SESSIONS).map(open).collect();
    progress.set_message(format!("{SESSIONS} sessions query without pause"));
    tokio::time::sleep(ASKED_FOR).await;
    let before = database.seen();
    told.lines.push(format!(
        "{} sessions of `{user}` query without pause: {} answered so far",
        before.open, before.answered
    ));

    let asked = Instant::now();
    let path = format!("/api/v1/tasks/{}/end", task.task);
    let ended: Value = stage.client.post(&path, &json!({})).await?;
    let took = asked.elapsed();
    let mut answered = 0_u64;
    for client in clients {
        answered = answered.saturating_add(client.await??);
    }
    let after = database.seen();
    let last = after.last.and_then(|it| it.checked_duration_since(asked)).unwrap_or_default();
    told.lines.push(format!(
        "the task ends: the last of {answered} queries is answered {:.1} ms after that, and all {SESSIONS} sessions are closed",
        millis(last)
    ));
    let leases: Vec<Lease> =
        serde_json::from_value(ended.get("leases").cloned().unwrap_or_default())?;
    for lease in &leases {
        let accepted = lease.ended.map(|it| it.at.to_string()).unwrap_or_default();
        let enforced = lease.gone.map_or_else(|| "not yet".to_owned(), |it| it.to_string());
        told.lines.push(format!(
            "{} is {}: revoke accepted {accepted}, enforced {enforced}",
            lease.id, lease.state
        ));
    }
    told.lines.push(format!("the database said that it is gone within {:.1} ms", millis(took)));
    if leases.len() != 1 || leases.iter().any(Lease::is_open) || 0 < after.open {
        told.surprises.push("a lease outlived its task".to_owned());
    }
    if before.open != SESSIONS || sessions::query(database.address, &user, &password).await.is_ok()
    {
        told.surprises.push("the sessions are not what they should be".to_owned());
    }
    let mut act = stage.acting(&mut told, &task, &progress);
    act.lease("readers", "deny").await?;
    Ok(told)
}

fn millis(it: Duration) -> f64 {
    it.as_secs_f64() * 1000.0
}

impl Acting<'_> {
    /// Asks for a credential, and gives what came back.
    async fn lease(&mut self, wants: &str, expected: &str) -> anyhow::Result<Value> {
        let wish = json!({"wants": [wants]});
        let shown = format!("{TARGET}__lease {wish}");
        self.progress.set_message(shown.clone());
        let at = (self.address, self.token.as_str());
        let (status, text, decision) =
            agent::post(at, &format!("/leases/{TARGET}"), wish.to_string()).await?;
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let verdict = if status.is_success() { "allow" } else { "deny" };
        let word = |name: &str| answer.pointer(name).and_then(Value::as_str).unwrap_or_default();
        let why = if status.is_success() { word("/called") } else { word("/reasons/0/text") };
        self.told.lines.push(format!("{:<7} {shown}\n            {why}", past(verdict)));
        let counter =
            if verdict == "allow" { &mut self.told.allowed } else { &mut self.told.stopped };
        *counter = counter.saturating_add(1);
        if verdict != expected {
            self.told.surprises.push(format!("{shown} should have been {}", past(expected)));
        }
        self.told.decisions.push(decision);
        Ok(answer)
    }
}
