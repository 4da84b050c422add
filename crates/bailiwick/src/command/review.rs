//! `bailiwick review …`

use std::collections::BTreeMap;

use bailiwick_model::{Task, TaskId, TaskStatus};

use crate::{
    admin::wire::{ReviewDone, Reviews},
    cli::ByPerson,
    client::Client,
    command::{sign, word},
    exit::{Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `review list`
pub(crate) async fn list(place: &Place, output: Output) -> Outcome {
    let client = Client::need(&place.state).await?;
    let all: Reviews = client.get("/api/v1/reviews").await?;
    output.show(&all, |it| {
        let row = |task: &Task| {
            let people: Vec<_> = task.people.iter().map(ToString::to_string).collect();
            let ended = match task.status {
                TaskStatus::Open => "still open".to_owned(),
                TaskStatus::Ended { at, .. } => at.to_string(),
            };
            vec![
                task.id.to_string(),
                task.identity.to_string(),
                task.template.to_string(),
                people.join(", "),
                task.opened.to_string(),
                ended,
            ]
        };
        table(
            &["task", "identity", "template", "opened by", "opened", "ended"],
            it.reviews.iter().map(row).collect(),
        )
    })?;
    Ok(Exit::Done)
}

/// `review done`
pub(crate) async fn done(
    place: &Place,
    output: Output,
    (task, note): (&str, &str),
    by: &ByPerson,
) -> Outcome {
    let task: TaskId = word(task)?;
    let client = Client::need(&place.state).await?;
    let details = BTreeMap::from([("note".to_owned(), note.to_owned())]);
    let word = sign::sign(place, by, ("review-task", task.as_str()), details)?;
    let review = ReviewDone { note: note.to_owned(), by: word.by, signed: word.signed };
    let reviewed: Task = client.post(&format!("/api/v1/reviews/{task}"), &review).await?;
    output.show(&reviewed, |it| format!("{} is reviewed\n", it.id))?;
    Ok(Exit::Done)
}
