//! `bailiwick hold …`

mod evaluation;
mod opening;

use std::collections::BTreeMap;

use bailiwick_model::{Hold, HoldId, HoldStatus, Reason};

use crate::{
    admin::{holds::hold_details, wire::WaitingForPeople},
    cli::ByPerson,
    client::Client,
    command::{sign, word},
    exit::{CommandError, Exit, Outcome},
    output::{Output, table},
    place::Place,
};

/// `hold list`
pub(crate) async fn list(place: &Place, output: Output) -> Outcome {
    let holds: WaitingForPeople = match Client::reach(&place.state).await {
        Some(client) => client.get("/api/v1/holds").await?,
        None => WaitingForPeople {
            holds: place.holds(bailiwick_store::HoldFilter {
                open_only: true,
                ..bailiwick_store::HoldFilter::ALL
            })?,
            // Whoever asked for these gets nothing while nobody serves.
            evaluations: Vec::new(),
            openings: Vec::new(),
        },
    };
    output.show(&holds, |it| {
        let row = |hold: &Hold| {
            vec![
                hold.id.to_string(),
                hold.caller.to_string(),
                hold.action.to_string(),
                state(&hold.status),
                hold.reasons.iter().map(|it| it.text.clone()).collect::<Vec<_>>().join("; "),
            ]
        };
        let of_others = it.evaluations.iter().map(evaluation::row);
        let of_others = of_others.chain(it.openings.iter().map(opening::row));
        table(
            &["hold", "caller", "action", "state", "why"],
            it.holds.iter().map(row).chain(of_others).collect(),
        )
    })?;
    Ok(Exit::Done)
}

/// `hold show`
pub(crate) async fn show(place: &Place, output: Output, hold: &str) -> Outcome {
    let hold: HoldId = word(hold)?;
    match find(place, &hold).await {
        Ok(found) => output.show(&found, shown)?,
        Err(error) => {
            if let Some(found) = evaluation::find(place, &hold).await {
                output.show(&found, evaluation::shown)?;
            } else if let Some(found) = opening::find(place, &hold).await {
                output.show(&found, opening::shown)?;
            } else {
                return Err(error);
            }
        }
    }
    Ok(Exit::Done)
}

async fn find(place: &Place, hold: &HoldId) -> Result<Hold, CommandError> {
    match Client::reach(&place.state).await {
        Some(client) => client.get(&format!("/api/v1/holds/{hold}")).await,
        None => place.hold(hold),
    }
}

fn shown(hold: &Hold) -> String {
    let mut text = format!(
        "hold       {}\ncaller     {}\ntask       {}\naction     {}\narguments  {}\nopened     {}\nexpires    {}\nstate      {}\n",
        hold.id,
        hold.caller,
        hold.task,
        hold.action,
        hold.arguments,
        hold.opened,
        hold.expires,
        state(&hold.status),
    );
    for via in &hold.via {
        text.push_str(&format!("via        {via}\n"));
    }
    for resource in &hold.resources {
        text.push_str(&format!("resource   {resource}\n"));
    }
    for destination in &hold.destinations {
        text.push_str(&format!("towards    {destination}\n"));
    }
    for Reason { text: why, source, .. } in &hold.reasons {
        text.push_str(&format!("why        {why} [{source}]\n"));
    }
    text
}

fn state(status: &HoldStatus) -> String {
    match status {
        HoldStatus::Waiting => "waiting".to_owned(),
        HoldStatus::Approved { by, expires, .. } => format!("approved by {by} until {expires}"),
        HoldStatus::Refused { by, .. } => format!("refused by {by}"),
        HoldStatus::Used { decision } => format!("used by {decision}"),
        HoldStatus::Expired => "expired".to_owned(),
    }
}

/// `hold approve` and `hold deny`: the person signs what they saw.
pub(crate) async fn answer(
    place: &Place,
    output: Output,
    (hold, what): (&str, &str),
    span: Option<&str>,
    by: &ByPerson,
) -> Outcome {
    let hold: HoldId = word(hold)?;
    if let Some(span) = span {
        bailiwick_model::parse_span(span)
            .map_err(|error| CommandError::Words(error.to_string()))?;
    }
    let client = Client::need(&place.state).await?;
    let found: Hold = match client.get(&format!("/api/v1/holds/{hold}")).await {
        Ok(found) => found,
        Err(error) => {
            let at = (place, &client);
            if let Some(found) = evaluation::find(place, &hold).await {
                return evaluation::answer(at, output, (&found, what), span, by).await;
            }
            if let Some(found) = opening::find(place, &hold).await {
                return opening::answer(at, output, (&found, what), span, by).await;
            }
            return Err(error);
        }
    };
    let details = hold_details(&found).into_iter().map(|(name, it)| (name.to_owned(), it));
    let mut details: BTreeMap<String, String> = details.collect();
    if let Some(span) = span {
        details.insert("for".to_owned(), span.to_owned());
    }
    let signed = sign::sign(place, by, (what, hold.as_str()), details)?;
    let answered: Hold = client.post(&format!("/api/v1/holds/{hold}/answer"), &signed).await?;
    output.show(&answered, shown)?;
    Ok(Exit::Done)
}
