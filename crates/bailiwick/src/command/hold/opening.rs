//! Holds of break-glass tasks: what one person asked for, and another one agrees to.

use std::collections::BTreeMap;

use bailiwick_model::{HeldOpening, HoldId};

use crate::{
    admin::{emergency::opening_details, wire::AnsweredOpening},
    cli::ByPerson,
    client::Client,
    command::sign,
    exit::{CommandError, Exit, Outcome},
    output::Output,
    place::Place,
};

/// Finds one, where a governor serves and knows it.
pub(super) async fn find(place: &Place, hold: &HoldId) -> Option<HeldOpening> {
    let client = Client::reach(&place.state).await?;
    client.get(&format!("/api/v1/openings/{hold}")).await.ok()
}

/// Gives its line in a list.
pub(super) fn row(held: &HeldOpening) -> Vec<String> {
    vec![
        held.id.to_string(),
        held.identity.to_string(),
        format!("open {}", held.template),
        "waiting".to_owned(),
        format!("break-glass, asked for by {}: {}", held.by, held.purpose),
    ]
}

/// Shows all of it.
pub(super) fn shown(held: &HeldOpening) -> String {
    let mut text = format!(
        "hold       {}\nfor        {}\ntemplate   {} (break-glass)\nasked by   {}\npurpose    {}\nopened     {}\nexpires    {}\n",
        held.id, held.identity, held.template, held.by, held.purpose, held.opened, held.expires,
    );
    for (name, value) in &held.params {
        text.push_str(&format!("with       {name}={value}\n"));
    }
    text
}

/// Signs what was shown, and sends it.
pub(super) async fn answer(
    (place, client): (&Place, &Client),
    output: Output,
    (held, what): (&HeldOpening, &str),
    span: Option<&str>,
    by: &ByPerson,
) -> Outcome {
    if span.is_some() {
        let text =
            "a break-glass task lasts as long as its template says: approve it without --for";
        return Err(CommandError::Words(text.to_owned()));
    }
    let details = opening_details(held).into_iter().map(|(name, it)| (name.to_owned(), it));
    let details: BTreeMap<String, String> = details.collect();
    let signed = sign::sign(place, by, (what, held.id.as_str()), details)?;
    let path = format!("/api/v1/openings/{}/answer", held.id);
    let answered: AnsweredOpening = client.post(&path, &signed).await?;
    output.show(&answered, |it| match &it.task {
        Some(task) => format!(
            "task     {task}\n`{}` gets its token with `bailiwick task token {task}`\n",
            held.identity,
        ),
        None => format!("{} is refused\n", it.hold),
    })?;
    Ok(Exit::Done)
}
