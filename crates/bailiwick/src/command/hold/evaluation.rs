//! Holds of evaluations: what an enforcement point elsewhere asked a person for.

use std::collections::BTreeMap;

use bailiwick_model::{EntityName, HeldEvaluation, HeldStatus, HoldId, Reason};

use crate::{
    admin::evaluations::held_details,
    cli::ByPerson,
    client::Client,
    command::sign,
    exit::{Exit, Outcome},
    output::Output,
    place::Place,
};

/// Finds one, where a governor serves and knows it.
pub(super) async fn find(place: &Place, hold: &HoldId) -> Option<HeldEvaluation> {
    let client = Client::reach(&place.state).await?;
    client.get(&format!("/api/v1/evaluations/{hold}")).await.ok()
}

/// Gives its line in a list.
pub(super) fn row(held: &HeldEvaluation) -> Vec<String> {
    let why = held.reasons.iter().map(|it| it.text.clone()).collect::<Vec<_>>().join("; ");
    vec![
        held.id.to_string(),
        format!("{} ({})", named(&held.subject), held.pep),
        format!("{} {}", held.action, named(&held.resource)),
        state(&held.status),
        why,
    ]
}

/// Shows all of it.
pub(super) fn shown(held: &HeldEvaluation) -> String {
    let mut text = format!(
        "hold       {}\nasked by   {}\nsubject    {}\naction     {}\nresource   {}\nsaid       {}\nopened     {}\nexpires    {}\nstate      {}\n",
        held.id,
        held.pep,
        named(&held.subject),
        held.action,
        named(&held.resource),
        held.said,
        held.opened,
        held.expires,
        state(&held.status),
    );
    if let Some(actor) = &held.actor {
        text.push_str(&format!("acting     {actor} (as the asker says)\n"));
    }
    if held.emergency {
        text.push_str("emergency  the asker calls it one\n");
    }
    if let Some(until) = held.wanted_until {
        text.push_str(&format!("wanted     until {until}\n"));
    }
    for Reason { text: why, source, .. } in &held.reasons {
        text.push_str(&format!("why        {why} [{source}]\n"));
    }
    text
}

/// Signs what was shown, and sends it.
pub(super) async fn answer(
    (place, client): (&Place, &Client),
    output: Output,
    (held, what): (&HeldEvaluation, &str),
    span: Option<&str>,
    by: &ByPerson,
) -> Outcome {
    let details = held_details(held).into_iter().map(|(name, it)| (name.to_owned(), it));
    let span = span.map(|it| ("for".to_owned(), it.to_owned()));
    let details: BTreeMap<String, String> = details.chain(span).collect();
    let signed = sign::sign(place, by, (what, held.id.as_str()), details)?;
    let path = format!("/api/v1/evaluations/{}/answer", held.id);
    let answered: HeldEvaluation = client.post(&path, &signed).await?;
    output.show(&answered, shown)?;
    Ok(Exit::Done)
}

fn named(it: &EntityName) -> String {
    format!("{}::{}", it.kind, it.id)
}

fn state(status: &HeldStatus) -> String {
    match status {
        HeldStatus::Waiting => "waiting".to_owned(),
        HeldStatus::Approved { by, expires, .. } => format!("approved by {by} until {expires}"),
        HeldStatus::Refused { by, .. } => format!("refused by {by}"),
        HeldStatus::Cancelled { .. } => "taken back".to_owned(),
    }
}
