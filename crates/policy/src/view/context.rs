//! What a condition reads as `context`.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_model::{Fact, IdentityId, Layer, ObligationKind, Task};
use cedar_policy_core::ast::{Context, Expr, Unknown, Value};

use super::{
    Subject,
    value::{datetime, of_arguments, record, text, texts},
};
use crate::{
    Question,
    reads::{Part, Reads},
};

/// Whose template and parameters `context.task` shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// The task's own.
    Task,
    /// Those of one layer of its grant. What the grant's outcome decides is not shown there.
    Layer(&'a Layer),
}

/// What a task that does one thing is shown whatever the call.
pub(crate) const STANDING: [&str; 8] =
    ["server", "tool", "environment", "chain", "depth", "task", "granted", "pep"];
/// What only a call has.
const OF_A_CALL: [&str; 5] = ["input", "destinations", "approval", "now", "facts"];
/// What a task shows of itself.
const OF_A_TASK: [&str; 9] = [
    "id",
    "template",
    "purpose",
    "params",
    "opened",
    "opened_by",
    "break_glass",
    "on_behalf_of",
    "on_behalf_issuer",
];

/// Makes the context that `origin` is shown of a call: what `reads` says that conditions look at.
/// None would mean that Cedar does not take a moment that we write.
pub(super) fn of(
    question: &Question<'_>,
    (origin, reads): (Origin<'_>, &Reads),
) -> Option<Context> {
    let mut fields = BTreeMap::new();
    for name in reads.context.among(&OF_A_CALL) {
        fields.insert(name.into(), of_a_call(name, question, (origin, reads))?);
    }
    for name in reads.context.among(&STANDING) {
        fields.insert(name.into(), standing(name, question, (origin, reads))?);
    }
    Some(Context::Value(Arc::new(fields)))
}

fn of_a_call(
    name: &str,
    question: &Question<'_>,
    (origin, reads): (Origin<'_>, &Reads),
) -> Option<Value> {
    Some(match name {
        "input" => of_arguments(&question.request.arguments, reads.input.names()),
        "destinations" => texts(question.request.destinations.iter().map(String::as_str)),
        "approval" => {
            let approval = match origin {
                Origin::Task => question.approval,
                Origin::Layer(_) => None,
            };
            let given = ("granted", Value::from(approval.is_some()));
            let by = approval.map(|it| ("by", text(it.by.as_str())));
            record([given].into_iter().chain(by))
        }
        "now" => datetime(question.now)?,
        "facts" => facts(question.facts.iter().filter(|it| question.now < it.until)),
        _ => return None,
    })
}

fn standing(
    name: &str,
    question: &Question<'_>,
    (origin, reads): (Origin<'_>, &Reads),
) -> Option<Value> {
    match name {
        "task" => task(question.task, origin, &reads.task),
        "granted" => Some(Value::from(match origin {
            Origin::Task => question.granted,
            Origin::Layer(_) => false,
        })),
        other => surrounding(other, &Subject::of(question)),
    }
}

/// What is known where a call is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Foreseen<'a> {
    /// Whose template and parameters are shown.
    pub(crate) origin: Origin<'a>,
    /// Whether the task is known, or only that it is one of its template.
    pub(crate) task: bool,
    /// Whether the grant is taken to cover the call, and nobody to have approved it; else both are
    /// unknown, too.
    pub(crate) granted: bool,
}

impl Foreseen<'_> {
    /// Knows the task and nothing of the call.
    pub(crate) const TASK: Self = Self { origin: Origin::Task, task: true, granted: false };
}

/// Makes the context of any call there may be.
pub(super) fn unknown(
    subject: &Subject<'_>,
    facts: &[Fact],
    foreseen: Foreseen<'_>,
) -> Option<Context> {
    let plain = |(name, value): (&'static str, Value)| (name, Expr::from(value));
    // Beside unknowns Cedar looks into a record only where everything in it is plain, and a
    // moment is not. What is unknown is settled by the call.
    let of_task = OF_A_TASK.map(|name| match name {
        "opened" => Some(open(name)),
        "id" | "purpose" | "params" | "opened_by" | "break_glass" | "on_behalf_of"
        | "on_behalf_issuer"
            if !foreseen.task =>
        {
            Some(open(name))
        }
        other => Some(plain((name, of_a_task(other, subject.task, foreseen.origin)?))),
    });
    let of_task = of_task.into_iter().collect::<Option<Vec<_>>>()?;
    let of_task = Expr::record(of_task.into_iter().map(|(name, it)| (name.into(), it))).ok()?;
    let called = OF_A_CALL.map(|name| match name {
        "facts" => plain((name, self::facts(facts.iter()))),
        // Where the grant is settled, what people say is, too: nobody has said anything yet.
        "approval" if foreseen.granted => plain((name, record([("granted", Value::from(false))]))),
        other => open(other),
    });
    let around = STANDING.map(|name| match name {
        "task" => Some((name, of_task.clone())),
        "granted" if foreseen.granted => Some(plain((name, Value::from(true)))),
        "granted" => Some(open(name)),
        other => Some(plain((name, surrounding(other, subject)?))),
    });
    let around = around.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Context::RestrictedResidual(Arc::new(
        called.into_iter().chain(around).map(|(name, value)| (name.into(), value)).collect(),
    )))
}

fn open(name: &'static str) -> (&'static str, Expr) {
    (name, Expr::unknown(Unknown::new_untyped(name)))
}

/// Gives one of the surroundings.
fn surrounding(name: &str, subject: &Subject<'_>) -> Option<Value> {
    let via = &subject.task.via;
    Some(match name {
        "server" => text(subject.action.server.as_str()),
        "tool" => {
            let name = subject.action.policy_name();
            text(name.split_once("__").map_or(name.as_str(), |(_, tool)| tool))
        }
        "environment" => text(subject.facts.environment.as_str()),
        "chain" => texts(via.iter().map(IdentityId::as_str)),
        "depth" => Value::from(i64::try_from(via.len()).unwrap_or(i64::MAX)),
        "pep" => pep(ObligationKind::met_for(subject.facts).iter().map(|it| it.as_str())),
        _ => return None,
    })
}

/// Shows whoever carries a decision out: what it can meet.
pub(super) fn pep<'a>(supports: impl Iterator<Item = &'a str>) -> Value {
    record([("supports", texts(supports))])
}

fn facts<'a>(facts: impl Iterator<Item = &'a Fact>) -> Value {
    texts(facts.map(|it| it.name.as_str()))
}

/// Gives what is read of the task.
fn task(task: &Task, origin: Origin<'_>, read: &Part) -> Option<Value> {
    let field = |name| Some((name, of_a_task(name, task, origin)?));
    Some(record(read.among(&OF_A_TASK).map(field).collect::<Option<Vec<_>>>()?))
}

fn of_a_task(name: &str, task: &Task, origin: Origin<'_>) -> Option<Value> {
    let (template, params) = match origin {
        Origin::Task => (&task.template, &task.params),
        Origin::Layer(layer) => (&layer.template, &layer.params),
    };
    Some(match name {
        "id" => text(task.id.as_str()),
        "template" => text(template.as_str()),
        "purpose" => text(&task.purpose),
        "params" => record(params.iter().map(|(name, param)| (name.as_str(), text(&param.value)))),
        "opened" => datetime(task.opened)?,
        "opened_by" => text(task.opener.label()),
        "break_glass" => Value::from(task.is_break_glass()),
        // Empty where it works for nobody but itself.
        "on_behalf_of" => text(task.on_behalf.as_ref().map_or("", |it| &it.subject)),
        "on_behalf_issuer" => text(task.on_behalf.as_ref().map_or("", |it| &it.issuer)),
        _ => return None,
    })
}
