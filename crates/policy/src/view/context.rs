//! What a condition reads as `context`.

use bailiwick_model::{Fact, IdentityId, Layer, Task};
use cedar_policy_core::ast::{Context, Expr, Unknown, Value, ValueKind};

use super::{
    Subject,
    value::{self, datetime, record, text, texts},
};
use crate::Question;

/// Whose template and parameters `context.task` shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// The task's own.
    Task,
    /// Those of one layer of its grant. What the grant's outcome decides is not shown there.
    Layer(&'a Layer),
}

/// What every context of one call holds.
#[derive(Debug)]
pub(super) struct Common {
    fields: Vec<(&'static str, Value)>,
    opened: Value,
}

impl Common {
    /// Shows a call. None would mean that Cedar does not take a moment that we write.
    pub(super) fn of(subject: &Subject<'_>, question: &Question<'_>) -> Option<Self> {
        let facts = question.facts.iter().filter(|it| question.now < it.until);
        let destinations = question.request.destinations.iter().map(String::as_str);
        let mut fields = surroundings(subject, facts);
        fields.extend([
            ("input", value::of_arguments(&question.request.arguments)),
            ("destinations", texts(destinations)),
            ("now", datetime(question.now)?),
        ]);
        Some(Self { fields, opened: datetime(question.task.opened)? })
    }

    /// Makes the context that `origin` is shown.
    pub(super) fn context(&self, question: &Question<'_>, origin: Origin<'_>) -> Context {
        let (granted, approval) = match origin {
            Origin::Task => (question.granted, question.approval),
            Origin::Layer(_) => (false, None),
        };
        let given = ("granted", Value::from(approval.is_some()));
        let by = approval.map(|it| ("by", text(it.by.as_str())));
        let opened = ("opened", self.opened.clone());
        let task = record(task(question.task, origin).into_iter().chain([opened]));
        let own = [
            ("task", task),
            ("granted", Value::from(granted)),
            ("approval", record([given].into_iter().chain(by))),
        ];
        let all = record(self.fields.iter().cloned().chain(own));
        // A record is what `record` makes.
        let ValueKind::Record(fields) = all.value else { return Context::empty() };
        Context::Value(fields)
    }
}

/// Makes the context of any call there may be.
pub(super) fn unknown(subject: &Subject<'_>, facts: &[Fact]) -> Option<Context> {
    let plain = |(name, value): (&'static str, Value)| (name, Expr::from(value));
    // Beside unknowns Cedar looks into a record only where everything in it is plain, and a
    // moment is not. What is unknown is settled by the call.
    let of_task = task(subject.task, Origin::Task).into_iter().map(plain).chain([open("opened")]);
    let of_task = Expr::record(of_task.map(|(name, value)| (name.into(), value))).ok()?;
    let call = ["input", "destinations", "granted", "approval", "now"].map(open);
    let all = surroundings(subject, facts.iter()).into_iter().map(plain);
    let all = all.chain(call).chain([("task", of_task)]);
    Some(Context::RestrictedResidual(std::sync::Arc::new(
        all.map(|(name, value)| (name.into(), value)).collect(),
    )))
}

fn open(name: &'static str) -> (&'static str, Expr) {
    (name, Expr::unknown(Unknown::new_untyped(name)))
}

/// Gives what does not change from call to call of one action.
fn surroundings<'a>(
    subject: &Subject<'_>,
    facts: impl Iterator<Item = &'a Fact>,
) -> Vec<(&'static str, Value)> {
    let via = &subject.task.via;
    let name = subject.action.policy_name();
    let tool = name.split_once("__").map_or(name.as_str(), |(_, tool)| tool);
    vec![
        ("server", text(subject.action.server.as_str())),
        ("tool", text(tool)),
        ("environment", text(subject.facts.environment.as_str())),
        ("facts", texts(facts.map(|it| it.name.as_str()))),
        ("chain", texts(via.iter().map(IdentityId::as_str))),
        ("depth", Value::from(i64::try_from(via.len()).unwrap_or(i64::MAX))),
    ]
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
