//! `bailiwick contain`, `release` and `contained`

use std::collections::BTreeMap;

use anyhow::Context;
use bailiwick_model::Subject;

use crate::{
    admin::wire::{Contain, Contained},
    cli::{ByPerson, Whom},
    client::Client,
    command::{sign, word},
    exit::{CommandError, Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `contain`
pub(crate) async fn contain(place: &Place, output: Output, whom: &Whom, why: &str) -> Outcome {
    let subject = subject(whom)?;
    let client = Client::need(&place.state).await?;
    let wish = Contain { why: why.to_owned() };
    let done: serde_json::Value =
        client.post(&format!("/api/v1/containment/{}", segment(&subject)), &wish).await?;
    output
        .show(&done, |_| format!("{} is contained; {}\n", subject.in_words(), effect(&subject)))?;
    Ok(Exit::Done)
}

/// Reads what is meant; the words of the command let nobody say two things, or none.
fn subject(whom: &Whom) -> Result<Subject, CommandError> {
    match (&whom.subject, &whom.class, &whom.owner) {
        (Some(subject), _, _) => word(subject),
        (None, Some(class), _) => word(&format!("class:{class}")),
        (None, None, Some(owner)) => word(&format!("owner:{owner}")),
        (None, None, None) => Ok(Subject::Everyone),
    }
}

/// Writes a subject as one part of a path (RFC 3986, section 2.1): an owner may be called anything.
fn segment(subject: &Subject) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-._~:".contains(&it);
    let one = |it: u8| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") };
    subject.to_string().bytes().map(one).collect()
}

/// Says what becomes of what was contained.
const fn effect(subject: &Subject) -> &'static str {
    match subject {
        Subject::Identity(_) => "its tasks have ended",
        Subject::Class(_) | Subject::Owner(_) => "the tasks of all these identities have ended",
        Subject::Everyone => "all tasks have ended, and none opens",
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
        client.post(&format!("/api/v1/containment/{}/release", segment(&subject)), &signed).await?;
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
