//! `bailiwick contain`, `release` and `contained`

use std::collections::BTreeMap;

use anyhow::Context;
use bailiwick_model::Subject;

use crate::{
    admin::wire::{Contain, Contained},
    cli::ByPerson,
    client::Client,
    command::{sign, word},
    exit::{Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `contain`
pub(crate) async fn contain(place: &Place, output: Output, subject: &str, why: &str) -> Outcome {
    let subject: Subject = word(subject)?;
    let client = Client::need(&place.state).await?;
    let wish = Contain { why: why.to_owned() };
    let done: serde_json::Value =
        client.post(&format!("/api/v1/containment/{subject}"), &wish).await?;
    output
        .show(&done, |_| format!("{} is contained; {}\n", subject.in_words(), effect(&subject)))?;
    Ok(Exit::Done)
}

/// Says what becomes of what was contained.
const fn effect(subject: &Subject) -> &'static str {
    match subject {
        Subject::Identity(_) => "its tasks have ended",
        Subject::Credential(_) => "whatever shows it is denied",
        Subject::Task(_) => "it and the tasks below it are denied everything",
        Subject::Server(_) => "nothing is sent to it",
        Subject::Tool(..) => "it is not called",
    }
}

/// `release`
pub(crate) async fn release(
    place: &Place,
    output: Output,
    subject: &str,
    by: &ByPerson,
) -> Outcome {
    let subject: Subject = word(subject)?;
    let client = Client::need(&place.state).await?;
    let signed = sign::sign(place, by, ("release", &subject.to_string()), BTreeMap::new())?;
    let done: serde_json::Value =
        client.post(&format!("/api/v1/containment/{subject}/release"), &signed).await?;
    output
        .show(&done, |_| format!("{} is released; what ended stays ended\n", subject.in_words()))?;
    Ok(Exit::Done)
}

/// `contained`
pub(crate) async fn list(place: &Place, output: Output) -> Outcome {
    let all: Contained = match Client::reach(&place.state).await {
        Some(client) => client.get("/api/v1/containment").await?,
        None => {
            let contained = place.registry()?.contained().context("the registry cannot be read")?;
            Contained { contained }
        }
    };
    output.show(&all, |it| {
        let row = |it: &bailiwick_store::Contained| {
            vec![it.subject.to_string(), it.since.to_string(), it.why.clone()]
        };
        table(&["contained", "since", "why"], it.contained.iter().map(row).collect())
    })?;
    Ok(Exit::Done)
}
