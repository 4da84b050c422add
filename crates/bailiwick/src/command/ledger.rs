//! `bailiwick ledger …`

use std::{ops::ControlFlow, path::Path};

use anyhow::Context;
use bailiwick_model::{Record, TaskId};
use bailiwick_store::StoredRecord;

use crate::{
    command::word,
    exit::{CommandError, Exit, Outcome},
    output::{Output, say},
    place::Place,
};

/// `ledger verify`: reads the files themselves, whether or not a server runs.
pub(crate) fn verify(place: &Place, output: Output, against: Option<&Path>) -> Outcome {
    let report = bailiwick_store::verify(&place.ledger_dir(), against, &place.checkpoint_key()?)
        .map_err(|error| CommandError::No(error.to_string()))?;
    output.show(&report, |it| {
        let mut text = format!("{} records in {} segments\n", it.records, it.segments);
        text.push_str(match (it.ok, it.first_bad) {
            (true, _) => "every link of the chain holds\n",
            (false, _) => "NOT VERIFIED\n",
        });
        if let Some(bad) = it.first_bad {
            text.push_str(&format!("the first bad record is {bad}\n"));
        }
        if let Some(checkpoint) = &it.checkpoint {
            let matches = if checkpoint.matches { "matches" } else { "DOES NOT MATCH" };
            text.push_str(&format!(
                "the checkpoint of {} at record {} {matches}\n",
                checkpoint.time, checkpoint.seq
            ));
        }
        text
    })?;
    Ok(if report.ok { Exit::Done } else { Exit::No })
}

/// `ledger export`
pub(crate) fn export(place: &Place, privileged: bool, task: Option<&str>) -> Outcome {
    let task: Option<TaskId> = task.map(word).transpose()?;
    let wanted = |it: &StoredRecord| {
        let chosen = match &it.record {
            Record::Decision(it) => !privileged || it.privileged,
            Record::Outcome(_)
            | Record::Evaluation(_)
            | Record::Search(_)
            | Record::Command { .. }
            | Record::Lease(_)
            | Record::Finding(_) => !privileged,
        };
        chosen && task.as_ref().is_none_or(|task| it.record.task() == Some(task))
    };
    place
        .ledger()?
        .scan(0, &mut |it| {
            if wanted(&it)
                && let Ok(line) = serde_json::to_string(&Line { seq: it.seq, record: &it.record })
            {
                say(&format!("{line}\n"));
            }
            ControlFlow::Continue(())
        })
        .context("the ledger cannot be read")?;
    Ok(Exit::Done)
}

#[derive(serde::Serialize)]
struct Line<'a> {
    seq: u64,
    record: &'a Record,
}
