//! What a condition reads as `context`.

use bailiwick_model::{Fact, IdentityId, Layer, Task};
use cedar_policy_core::ast::{Context, Expr, Unknown, Value, ValueKind};

use super::{
    Subject,
    value::{datetime, record, text, texts},
};
use crate::{Question, reads::Reads};

/// Whose template and parameters `context.task` shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// The task's own.
    Task,
    /// Those of one layer of its grant. What the grant's outcome decides is not shown there.
    Layer(&'a Layer),
}

/// What does not change from call to call of one action.
const SURROUNDINGS: [&str; 6] = ["server", "tool", "environment", "facts", "chain", "depth"];
/// What only a call has.
const OF_A_CALL: [&str; 5] = ["input", "destinations", "granted", "approval", "now"];

/// Makes the context that `origin` is shown of a call: what `reads` says that conditions look at.
/// None would mean that Cedar does not take a moment that we write.
pub(super) fn of(
    (subject, question): (&Subject<'_>, &Question<'_>),
    input: impl Fn() -> Value,
    (origin, reads): (Origin<'_>, &Reads),
) -> Option<Context> {
    let read = |it: &&&'static str| reads.reads(it);
    let mut fields = Vec::new();
    for &name in OF_A_CALL.iter().filter(read) {
        let value = match name {
            "input" => input(),
            other => of_a_call(other, question, origin)?,
        };
        fields.push((name, value));
    }
    for &name in SURROUNDINGS.iter().filter(read) {
        let facts = question.facts.iter().filter(|it| question.now < it.until);
        fields.push((name, surrounding(name, subject, facts)?));
    }
    if reads.reads("task") {
        let mut shown = task(question.task, origin).to_vec();
        if reads.reads_opened() {
            shown.push(("opened", datetime(question.task.opened)?));
        }
        fields.push(("task", record(shown)));
    }
    // A record is what `record` makes.
    let ValueKind::Record(fields) = record(fields).value else { return Some(Context::empty()) };
    Some(Context::Value(fields))
}

fn of_a_call(name: &str, question: &Question<'_>, origin: Origin<'_>) -> Option<Value> {
    let (granted, approval) = match origin {
        Origin::Task => (question.granted, question.approval),
        Origin::Layer(_) => (false, None),
    };
    Some(match name {
        "destinations" => texts(question.request.destinations.iter().map(String::as_str)),
        "granted" => Value::from(granted),
        "approval" => {
            let given = ("granted", Value::from(approval.is_some()));
            let by = approval.map(|it| ("by", text(it.by.as_str())));
            record([given].into_iter().chain(by))
        }
        "now" => datetime(question.now)?,
        _ => return None,
    })
}

/// Makes the context of any call there may be.
pub(super) fn unknown(subject: &Subject<'_>, facts: &[Fact]) -> Option<Context> {
    let plain = |(name, value): (&'static str, Value)| (name, Expr::from(value));
    // Beside unknowns Cedar looks into a record only where everything in it is plain, and a
    // moment is not. What is unknown is settled by the call.
    let of_task = task(subject.task, Origin::Task).into_iter().map(plain).chain([open("opened")]);
    let of_task = Expr::record(of_task.map(|(name, value)| (name.into(), value))).ok()?;
    let call = OF_A_CALL.map(open);
    let around = SURROUNDINGS
        .map(|name| surrounding(name, subject, facts.iter()).map(|value| plain((name, value))));
    let all = around.into_iter().collect::<Option<Vec<_>>>()?.into_iter();
    let all = all.chain(call).chain([("task", of_task)]);
    Some(Context::RestrictedResidual(std::sync::Arc::new(
        all.map(|(name, value)| (name.into(), value)).collect(),
    )))
}

fn open(name: &'static str) -> (&'static str, Expr) {
    (name, Expr::unknown(Unknown::new_untyped(name)))
}

/// Gives one of the surroundings.
fn surrounding<'a>(
    name: &str,
    subject: &Subject<'_>,
    facts: impl Iterator<Item = &'a Fact>,
) -> Option<Value> {
    let via = &subject.task.via;
    Some(match name {
        "server" => text(subject.action.server.as_str()),
        "tool" => {
            let name = subject.action.policy_name();
            text(name.split_once("__").map_or(name.as_str(), |(_, tool)| tool))
        }
        "environment" => text(subject.facts.environment.as_str()),
        "facts" => texts(facts.map(|it| it.name.as_str())),
        "chain" => texts(via.iter().map(IdentityId::as_str)),
        "depth" => Value::from(i64::try_from(via.len()).unwrap_or(i64::MAX)),
        _ => return None,
    })
}

fn task(task: &Task, origin: Origin<'_>) -> [(&'static str, Value); 5] {
    let (template, params) = match origin {
        Origin::Task => (&task.template, &task.params),
        Origin::Layer(layer) => (&layer.template, &layer.params),
    };
    [
        ("id", text(task.id.as_str())),
        ("template", text(template.as_str())),
        ("purpose", text(&task.purpose)),
        ("params", record(params.iter().map(|(name, param)| (name.as_str(), text(&param.value))))),
        ("opened_by", text(task.opener.label())),
    ]
}
