//! Recorded decisions, judged anew by two sets of policies where what was sent is on record.

use std::{collections::BTreeMap, ops::ControlFlow};

use anyhow::Context as _;
use bailiwick_gateway::{Call, rehearsed};
use bailiwick_kernel::Rewritable as _;
use bailiwick_model::{
    AccessRequest, ActionKind, ArgumentsRecord, Caller, CommandRecord, DecisionRecord, Json,
    JsonLimits, Offered, Record, Step, Task, TaskId, VerdictKind,
};
use bailiwick_policy::{Case, PolicyAnswer, PolicySet, Question};
use bailiwick_store::{LedgerReader, Registry};
use serde_json::{json, value::RawValue};

use super::{Changed, Diff, Said, counting};
use crate::{config::House, exit::CommandError, place::Place, serve::tool};

/// Judges every decision of the ledger, and says of which it could not.
pub(super) fn judge(
    house: &House,
    (old, new): (&PolicySet, &PolicySet),
    diff: &mut Diff,
) -> Result<(), CommandError> {
    let place = Place::of(&house.config);
    let (registry, ledger) = (place.registry()?, place.ledger()?);
    let mut tasks: BTreeMap<TaskId, Option<Task>> = BTreeMap::new();
    let progress = counting();
    let mut take = |record: &DecisionRecord| {
        let task = tasks
            .entry(record.task.clone())
            .or_insert_with(|| of(&record.task, &registry, &ledger));
        match one(house, (old, new), record, task.as_ref()) {
            Ok((old, new)) => {
                let what = record.decision.to_string();
                diff.take(Changed { what, file: None, line: None, old, new });
            }
            Err(why) => diff.skip(why),
        }
        progress.inc(1);
    };
    // One after the other: a ledger may be larger than memory.
    ledger
        .scan(0, &mut |it| {
            if let Record::Decision(it) = it.record {
                take(&it);
            }
            ControlFlow::Continue(())
        })
        .context("the ledger cannot be read")?;
    progress.finish_and_clear();
    Ok(())
}

/// Gives a task as it was opened: the registry has it whole, and of what left the registry the ledger,
/// where it hides nothing.
fn of(task: &TaskId, registry: &Registry, ledger: &LedgerReader) -> Option<Task> {
    if let Some(kept) = registry.task(task).ok()? {
        return Some(kept);
    }
    let records = ledger.task_records(task).ok()?;
    let hides = |record: &Record| match record {
        Record::Command { command: CommandRecord::TaskOpened { whole, .. }, .. } => whole.is_some(),
        Record::Command { .. }
        | Record::Decision(_)
        | Record::Outcome(_)
        | Record::Evaluation(_)
        | Record::Search(_)
        | Record::Finding(_)
        | Record::Lease(_) => false,
    };
    let whole = !records.iter().any(|it| hides(&it.record));
    Task::told(task, records.iter().map(|it| &it.record)).filter(|_| whole)
}

fn one(
    house: &House,
    (old, new): (&PolicySet, &PolicySet),
    record: &DecisionRecord,
    task: Option<&Task>,
) -> Result<(Said, Said), &'static str> {
    let task = task.ok_or("its task is no longer known")?;
    let charter = house.charters.get(&task.identity).ok_or("its identity has no charter")?;
    let request = request(house, record, task)?;
    let facts = house.config.facts.as_slice();
    let (now, granted, approval) = (record.time, true, None);
    let question = Question { request: &request, task, charter, facts, now, granted, approval };
    let case = Case::of(question);
    let said = |set: &PolicySet| with_the_rest(set.evaluate(&case), record);
    Ok((said(old), said(new)))
}

/// Takes the steps beside policy as they are on record.
fn with_the_rest(answer: PolicyAnswer, record: &DecisionRecord) -> Said {
    let others = record.steps.iter().filter(|it| it.step != Step::Policy && !it.observed);
    let rest = others.map(|it| it.verdict).max().unwrap_or(VerdictKind::Allow);
    let kind = answer.verdict.kind().max(rest);
    let would = answer.would.map(|it| it.kind().max(rest)).filter(|it| *it != kind);
    let reasons = match answer.verdict.kind() {
        VerdictKind::Allow => answer.allowed_by,
        VerdictKind::Hold | VerdictKind::Deny => answer.verdict.reasons(),
    };
    let decided_by = reasons.into_iter().map(|it| it.source).collect();
    Said { verdict: kind, would, decided_by }
}

/// Reads the recorded call once more. What was known of the action then is on record.
fn request(
    house: &House,
    record: &DecisionRecord,
    task: &Task,
) -> Result<AccessRequest, &'static str> {
    const NOT_KEPT: &str = "what was sent is not kept";
    let arguments = match &record.arguments {
        ArgumentsRecord::Digest(_) => return Err(NOT_KEPT),
        ArgumentsRecord::Full(text) | ArgumentsRecord::Redacted(text) => text,
    };
    let arguments = Json::parse(arguments.as_bytes(), JsonLimits::default());
    let arguments = arguments.ok().filter(|it| !hides(it)).ok_or(NOT_KEPT)?;
    let action = &record.action;
    let plain: serde_json::Value =
        serde_json::from_str(&arguments.canonical()).map_err(|_| NOT_KEPT)?;
    let (method, params) = match action.kind {
        ActionKind::Tool => ("tools/call", json!({ "name": action.name, "arguments": plain })),
        ActionKind::Prompt => ("prompts/get", json!({ "name": action.name, "arguments": plain })),
        ActionKind::Resource => ("resources/read", plain),
        ActionKind::Lease => return Err("a credential was handed out, which is no call"),
    };
    let raw = RawValue::from_string(params.to_string()).map_err(|_| NOT_KEPT)?;
    let call = Call::read(action.server.clone(), method, raw, JsonLimits::default());
    let call = call.map_err(|_| "what was sent can no longer be read")?;
    // Parts of it were cut or hidden where it is another call.
    if *call.digest() != record.call {
        return Err(NOT_KEPT);
    }
    let server = house.config.servers.iter().find(|it| it.name == action.server);
    let words = server.into_iter().flat_map(|it| &it.tools);
    let word = words.filter(|_| action.kind == ActionKind::Tool);
    let word = word.filter(|(name, _)| name.as_str() == action.name).map(|(_, it)| tool(it)).last();
    let caller = Caller {
        identity: record.caller.clone(),
        via: record.via.clone(),
        task: task.id.clone(),
        generation: task.generation,
        credentials: std::collections::BTreeSet::new(),
        exposed: false,
    };
    let known = (word.as_ref(), record.facts.environment);
    let liked = std::collections::BTreeSet::new();
    let read = rehearsed(&call, caller, known, &liked, Offered::NotPinned);
    Ok(AccessRequest { facts: record.facts.clone(), ..read.request().clone() })
}

/// Says whether some value is not kept.
fn hides(value: &Json) -> bool {
    match value {
        Json::Text(text) => text.contains("hmac:"),
        Json::List(items) => items.iter().any(hides),
        Json::Object(members) => members.values().any(hides),
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) => false,
    }
}
