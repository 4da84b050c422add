//! What a condition reads as `context`.

use bailiwick_model::{Fact, IdentityId, Layer, Param, Task, Timestamp};
use cedar_policy::{Context, RestrictedExpression};

use super::{Subject, ViewError, value};
use crate::Question;

type Pair = (String, RestrictedExpression);

/// Whose template and parameters `context.task` shows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// The task's own.
    Task,
    /// Those of one layer of its grant. What the grant's outcome decides is not shown there.
    Layer(&'a Layer),
}

/// What changes from call to call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment<'a> {
    /// One call.
    Of(&'a Question<'a>),
    /// Any call.
    Unknown,
}

/// Makes the context of one call, or of any.
pub(super) fn build<'a>(
    subject: &Subject<'_>,
    facts: impl Iterator<Item = &'a Fact>,
    origin: Origin<'_>,
    moment: Moment<'_>,
) -> Result<Context, ViewError> {
    let via = &subject.task.via;
    let name = subject.action.policy_name();
    let tool = name.split_once("__").map_or(name.as_str(), |(_, tool)| tool);
    let depth = i64::try_from(via.len()).unwrap_or(i64::MAX);
    let mut pairs = vec![
        pair("task", task(subject.task, origin, moment)),
        pair("server", text(subject.action.server.as_str())),
        pair("tool", text(tool)),
        pair("environment", text(subject.facts.environment.as_str())),
        pair("facts", texts(facts.map(|it| it.name.as_str()))),
        pair("chain", texts(via.iter().map(IdentityId::as_str))),
        pair("depth", RestrictedExpression::new_long(depth)),
    ];
    match moment {
        Moment::Of(question) => pairs.extend(call(question)),
        Moment::Unknown => {
            pairs.extend(["input", "destinations", "granted", "approval", "now"].map(unknown));
        }
    }
    Context::from_pairs(pairs).map_err(|_| ViewError::Context)
}

fn unknown(name: &str) -> Pair {
    pair(name, RestrictedExpression::new_unknown(name))
}

fn call(question: &Question<'_>) -> [Pair; 5] {
    let destinations = question.request.destinations.iter().map(String::as_str);
    let granted = RestrictedExpression::new_bool(question.granted);
    let by = question.approval.map(|it| pair("by", text(it.by.as_str())));
    let given = RestrictedExpression::new_bool(question.approval.is_some());
    [
        pair("input", value::of_arguments(&question.request.arguments)),
        pair("destinations", texts(destinations)),
        pair("granted", granted),
        pair("approval", record([pair("granted", given)].into_iter().chain(by))),
        pair("now", datetime(question.now)),
    ]
}

fn task(task: &Task, origin: Origin<'_>, moment: Moment<'_>) -> RestrictedExpression {
    // Beside unknowns Cedar looks into a record only where everything in it is plain, and a
    // moment is not. What is unknown is settled by the call.
    let opened = match moment {
        Moment::Of(_) => pair("opened", datetime(task.opened)),
        Moment::Unknown => unknown("opened"),
    };
    let (template, params) = match origin {
        Origin::Task => (&task.template, &task.params),
        Origin::Layer(layer) => (&layer.template, &layer.params),
    };
    let param = |(name, value): (&String, &Param)| pair(name, text(&value.value));
    record([
        pair("id", text(task.id.as_str())),
        pair("template", text(template.as_str())),
        pair("purpose", text(&task.purpose)),
        pair("params", record(params.iter().map(param))),
        opened,
        pair("opened_by", text(task.opener.label())),
    ])
}

fn pair(name: &str, value: RestrictedExpression) -> Pair {
    (name.to_owned(), value)
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn datetime(at: Timestamp) -> RestrictedExpression {
    RestrictedExpression::new_datetime(at.to_string())
}

fn texts<'a>(all: impl Iterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(all.map(text))
}

/// Makes a record of pairs whose names differ; of two that do not, one is as good as the other.
pub(super) fn record(pairs: impl IntoIterator<Item = Pair>) -> RestrictedExpression {
    let pairs: std::collections::BTreeMap<String, RestrictedExpression> =
        pairs.into_iter().collect();
    // Cedar refuses only a name that occurs twice, and in a map none does.
    RestrictedExpression::new_record(pairs).unwrap_or_else(|_| text(""))
}
