//! Break-glass at night: an agent alone, one person alone, then two.

use std::collections::BTreeMap;

use anyhow::Context;
use bailiwick_model::{HeldOpening, HoldId, Task, TaskId};
use indicatif::ProgressBar;
use serde_json::json;

use super::{
    people::Actor,
    scenes::{Stage, Told},
};
use crate::admin::{
    emergency::opening_details,
    wire::{AnsweredOpening, MintToken, MintedToken, OpenTask, Opening, ReviewDone, Reviews},
};

pub(super) async fn break_glass(stage: Stage, progress: ProgressBar) -> anyhow::Result<Told> {
    let mut told = Told::default();
    let (ada, bob) = (&stage.people.0, &stage.people.1);
    match stage.client.post::<_, Opening>("/api/v1/tasks", &wish(None)?).await {
        Ok(_) => told.surprises.push("ops-agent broke the glass alone".to_owned()),
        Err(_) => told.lines.push("ops-agent asks for `night-fix` alone: refused".to_owned()),
    }
    let hold = match stage.client.post("/api/v1/tasks", &wish(Some(ada))?).await? {
        Opening::Held { held, .. } => held,
        Opening::Opened(_) => anyhow::bail!("one person opened it alone"),
    };
    told.lines.push(format!("ada asks for it: {hold} waits for another person"));
    match answer(&stage, &hold, ada).await {
        Ok(_) => told.surprises.push("ada agreed with herself".to_owned()),
        Err(_) => told.lines.push("ada approves it herself: refused".to_owned()),
    }
    let answered = answer(&stage, &hold, bob).await?;
    let task = answered.task.context("two people are not enough")?;
    told.lines.push("bob approves it".to_owned());
    told.lines.push(format!("ops-agent opens {task} from `night-fix`, for ten minutes"));
    told.tasks.push(task.clone());

    let token = token(&stage, &task).await?;
    let mut act = stage.acting_with(&mut told, token, &progress);
    act.call(("deploy", "release"), json!({"service": "shop", "version": "1.4.1"}), "allow")
        .await?;
    act.call(("vault", "read_secret"), json!({"path": "prod/db-password"}), "deny").await?;
    let _ended: Task = stage.client.post(&format!("/api/v1/tasks/{task}/end"), &json!({})).await?;
    let waiting: Reviews = stage.client.get("/api/v1/reviews").await?;
    if waiting.reviews.iter().any(|it| it.id == task) {
        told.lines.push("it is over, and waits for a person to look at it: review list".to_owned());
    } else {
        told.surprises.push(format!("nobody has to look at {task}"));
    }
    look(&stage, &mut told, &task).await?;
    Ok(told)
}

/// The next day: a person who did not ask for it reads all that was done, and puts their name to it.
async fn look(stage: &Stage, told: &mut Told, task: &TaskId) -> anyhow::Result<()> {
    let steps = stage.path(task).await?.steps.len();
    let note = "The release was the one that was agreed on; the secret was none of its business.";
    let details = BTreeMap::from([("note".to_owned(), note.to_owned())]);
    let word = stage.people.1.says("review-task", task.as_str(), details)?;
    let review = ReviewDone { note: note.to_owned(), by: word.by, signed: word.signed };
    let reviewed: Task = stage.client.post(&format!("/api/v1/reviews/{task}"), &review).await?;
    let waiting: Reviews = stage.client.get("/api/v1/reviews").await?;
    told.lines.push(format!("bob has looked at all {steps} steps of {}: \"{note}\"", reviewed.id));
    if waiting.reviews.iter().any(|it| it.id == *task) {
        told.surprises.push(format!("{task} still waits for somebody to look at it"));
    }
    Ok(())
}

fn wish(by: Option<&Actor>) -> anyhow::Result<OpenTask> {
    let mut wish = OpenTask {
        template: "night-fix".parse()?,
        identity: "ops-agent".parse()?,
        params: BTreeMap::new(),
        purpose: Some("Checkout fails since 1.4.2".to_owned()),
        parent: None,
        assertion: None,
        signed: None,
    };
    if let Some(by) = by {
        wish.signed = Some(by.says("open-task", wish.identity.as_str(), wish.details())?.signed);
    }
    Ok(wish)
}

async fn answer(stage: &Stage, hold: &HoldId, by: &Actor) -> anyhow::Result<AnsweredOpening> {
    let held: HeldOpening = stage.client.get(&format!("/api/v1/openings/{hold}")).await?;
    let details = opening_details(&held).into_iter().map(|(name, it)| (name.to_owned(), it));
    let word = by.says("approve-hold", hold.as_str(), details.collect())?;
    Ok(stage.client.post(&format!("/api/v1/openings/{hold}/answer"), &word).await?)
}

async fn token(stage: &Stage, task: &TaskId) -> anyhow::Result<String> {
    let wish = MintToken { assertion: None };
    let minted: MintedToken =
        stage.client.post(&format!("/api/v1/tasks/{task}/token"), &wish).await?;
    Ok(minted.token)
}
