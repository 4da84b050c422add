//! `bailiwick why` and `bailiwick path`: what was decided, and what a task did.

use anyhow::Context;
use bailiwick_insight::{AccessPath, Why};
use bailiwick_model::{Asked, DecisionId, Record, Task, TaskId};
use bailiwick_store::StoredRecord;

use crate::{
    client::Client,
    command::{sign::now, word},
    exit::{CommandError, Exit, Outcome},
    output::{Output, say, table},
    place::Place,
};

/// `why`
pub(crate) async fn why(place: &Place, output: Output, decision: &str) -> Outcome {
    let decision: DecisionId = word(decision)?;
    let why: Why = match Client::reach(&place.state).await {
        Some(client) => client.get(&format!("/api/v1/decisions/{decision}")).await?,
        None => {
            let records =
                place.ledger()?.decision_records(&decision).context("the ledger cannot be read")?;
            explain(&records)
                .ok_or_else(|| CommandError::No(format!("there is no decision `{decision}`")))?
        }
    };
    output.show(&why, explained)?;
    Ok(Exit::Done)
}

/// Writes an explanation for people.
fn explained(why: &Why) -> String {
    let mut text = format!("decision  {}\nverdict   {}\n", why.decision, why.verdict);
    for step in &why.steps {
        let marker = if step.observed { " (observed)" } else { "" };
        text.push_str(&format!("{:<12}{}{marker}\n", step.step.as_str(), step.verdict));
        for reason in &step.reasons {
            text.push_str(&format!("            {} [{}]\n", reason.text, reason.source));
        }
        for (name, value) in &step.attributes {
            text.push_str(&format!("            {name} = {value}\n"));
        }
    }
    for asked in &why.asked {
        text.push_str(&part_by_part(asked));
    }
    if why.more != 0 {
        text.push_str(&format!("and {} more policies whose head fits\n", why.more));
    }
    for would in &why.would_allow {
        text.push_str(&format!("would allow {would}\n"));
    }
    if !why.how_to_ask.is_empty() {
        text.push_str(&format!("to ask      {}\n", why.how_to_ask));
    }
    text
}

/// Writes what one policy or line asked, a line for each part and for each value that it saw.
fn part_by_part(asked: &Asked) -> String {
    let place = match (&asked.file, asked.line) {
        (Some(file), Some(line)) => format!(" ({file}:{line})"),
        (None, _) | (_, None) => String::new(),
    };
    let said = match asked.applies {
        Some(true) => "applies",
        Some(false) => "does not apply",
        None => "cannot be evaluated",
    };
    let observed = if asked.observed { ", and only observes" } else { "" };
    let of = asked.resource.as_ref().map(|it| format!(" to `{it}`")).unwrap_or_default();
    let mut text =
        format!("{:<12}`{}`{place} {said}{of}{observed}\n", asked.kind.as_str(), asked.by);
    for part in &asked.parts {
        let unless = if part.unless { "unless " } else { "" };
        text.push_str(&format!("  {:<10}{unless}{}\n", part.said.as_str(), part.text));
        if let Some(error) = &part.error {
            text.push_str(&format!("            {error}\n"));
        }
        for saw in &part.saw {
            text.push_str(&format!("            {saw}\n"));
        }
    }
    text
}

/// `path`
pub(crate) async fn path(place: &Place, output: Output, task: &str) -> Outcome {
    let task: TaskId = word(task)?;
    let path: AccessPath = match Client::reach(&place.state).await {
        Some(client) => client.get(&format!("/api/v1/paths/{task}")).await?,
        None => {
            let found = place.task(&task)?;
            let records =
                place.ledger()?.task_records(&task).context("the ledger cannot be read")?;
            trace(&found, records)
        }
    };
    output.show(&path, drawn)?;
    Ok(Exit::Done)
}

/// `path --html`: reads the files themselves, whether or not a server runs.
pub(crate) fn page(place: &Place, task: &str) -> Outcome {
    let task: TaskId = word(task)?;
    let found = place.task(&task)?;
    let records = place.ledger()?.task_records(&task).context("the ledger cannot be read")?;
    let records: Vec<_> = records.into_iter().map(|it| (it.seq, it.record)).collect();
    say(&crate::page::page(&bailiwick_insight::timeline(&found, &records), now()));
    Ok(Exit::Done)
}

/// Explains a decision from its records; none where there is no such decision.
pub(crate) fn explain(records: &[StoredRecord]) -> Option<Why> {
    let found = records.iter().find_map(|it| match &it.record {
        Record::Decision(it) => Some(Ok(it)),
        Record::Evaluation(it) => Some(Err(bailiwick_insight::why_answered(it))),
        Record::Search(it) => Some(Err(bailiwick_insight::why_found(it))),
        Record::Outcome(_) | Record::Command { .. } | Record::Finding(_) | Record::Lease(_) => None,
    })?;
    let decision = match found {
        Ok(decision) => decision,
        Err(answered) => return Some(answered),
    };
    let outcome = records.iter().find_map(|it| match &it.record {
        Record::Outcome(it) => Some(it),
        Record::Decision(_)
        | Record::Evaluation(_)
        | Record::Search(_)
        | Record::Command { .. }
        | Record::Finding(_)
        | Record::Lease(_) => None,
    });
    Some(bailiwick_insight::why(decision, outcome))
}

/// Draws a task's path from its records.
pub(crate) fn trace(task: &Task, records: Vec<StoredRecord>) -> AccessPath {
    let records: Vec<_> = records.into_iter().map(|it| (it.seq, it.record)).collect();
    bailiwick_insight::access_path(task, &records)
}

/// Draws a path for people.
pub(crate) fn drawn(path: &AccessPath) -> String {
    let mut text = format!(
        "task      {}\ntemplate  {}\npurpose   {}\ncaller    {}\nopened    {}\n",
        path.task, path.template, path.purpose, path.caller, path.opened,
    );
    if let Some(person) = &path.on_behalf {
        text.push_str(&format!("for       {person}\n"));
    }
    if let Some(ended) = path.ended {
        let why = path.cause.zip(path.ended_by.as_ref());
        let why = why.map(|(cause, by)| format!(" ({cause}, by {by})")).unwrap_or_default();
        text.push_str(&format!("ended     {ended}{why}\n"));
    }
    let row = |step: &bailiwick_insight::PathStep| {
        let why: Vec<_> = step.reasons.iter().map(|it| it.text.clone()).collect();
        vec![
            step.seq.to_string(),
            step.verdict.to_string(),
            format!("{}__{}", step.server, step.tool),
            step.resource.clone(),
            step.outcome.to_string(),
            step.decision.to_string(),
            why.join("; "),
        ]
    };
    let head = ["seq", "verdict", "action", "resource", "outcome", "decision", "why"];
    text.push_str(&table(&head, path.steps.iter().map(row).collect()));
    for it in &path.leases {
        let (id, target, wants) = (&it.lease, &it.target, it.wants.join(", "));
        let (enforced, state) = (it.enforced, it.state);
        text.push_str(&format!(
            "lease     {id} at {target} ({wants}), enforced as {enforced}: {state}\n"
        ));
    }
    for it in &path.findings {
        text.push_str(&format!("finding   {}: {}\n", it.code, it.text));
    }
    text
}
