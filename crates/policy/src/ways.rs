//! What could be otherwise so that a condition says something else: definite values that it
//! compares with. Whether they make a difference to the call is judged, not believed.

use bailiwick_model::{Json, Otherwise, Timestamp};
use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal, Pattern, PatternElem, UnaryOp};

use crate::{
    Case, PolicyEffect, PolicySet,
    explain::{RANKED, Spot, missing},
    parts::Part,
    seat::Seat,
    syntax,
    view::View,
};

/// Changes that are made together.
pub(crate) type Way = Vec<Otherwise>;

/// How many ways are looked at beside each other.
const MOST: usize = 8;
/// How many values of a set are tried.
const VALUES: usize = 3;
/// How many permits that miss are looked at.
const NEAREST: usize = 3;
/// Stands for whatever a wildcard leaves open.
const ANYTHING: &str = "any";

impl PolicySet {
    /// Gives changes that might bring `case` through: those that lift what forbids it, or bring
    /// the nearest permits about.
    pub fn ways(&self, case: &Case<'_>) -> Vec<Way> {
        let now = case.question.now;
        let spots = self.stopped_for(case).unwrap_or_default();
        bounded(spots.iter().flat_map(|it| of_spot(it, now)))
    }
}

fn of_spot(spot: &Spot<'_>, now: Timestamp) -> Vec<Way> {
    let view = &spot.view;
    let counts = |effect| {
        let enforced =
            move |it: &&&Seat| it.summary.effect == effect && it.summary.mode.enforces(now);
        spot.seats.iter().filter(enforced)
    };
    let mut ways = Vec::new();
    let stops = counts(PolicyEffect::Forbid).filter(|it| it.asked(view) != Ok(false));
    for forbid in stops.take(RANKED) {
        ways.extend(forbid.parts().iter().flat_map(|it| options(&it.expr, false, view)));
    }
    if !counts(PolicyEffect::Permit).any(|it| it.asked(view) == Ok(true)) {
        let permits = counts(PolicyEffect::Permit).take(RANKED);
        let mut near: Vec<_> = permits.map(|it| (missing(it.parts(), view), it)).collect();
        near.sort_by_key(|(missing, _)| *missing);
        ways.extend(near.iter().take(NEAREST).flat_map(|(_, it)| met(it.parts(), view)));
    }
    ways
}

/// Gives changes that make every part hold.
pub(crate) fn met(parts: &[Part], view: &View<'_>) -> Vec<Way> {
    let mut ways = vec![Draft::default()];
    for part in parts {
        ways = product(&ways, &drafts(&part.expr, true, view));
    }
    finished(ways)
}

/// Gives changes that make `expr` say `wanted`.
fn options(expr: &Expr, wanted: bool, view: &View<'_>) -> Vec<Way> {
    finished(drafts(expr, wanted, view))
}

/// Leaves out what changes nothing, and what is said twice.
pub(crate) fn bounded(all: impl IntoIterator<Item = Way>) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    for way in all {
        if ways.len() < MOST && !way.is_empty() && !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

/// Changes that are still being put together.
#[derive(Clone, Debug, Default)]
struct Draft {
    changes: Way,
    /// Arguments that must be there, whatever they are.
    given: Vec<Vec<String>>,
}

impl Draft {
    fn of(change: Otherwise) -> Self {
        Self { changes: vec![change], given: Vec::new() }
    }

    /// Gives both together; none where they say two things of one.
    fn and(&self, other: &Self) -> Option<Self> {
        let mut both = self.clone();
        for change in &other.changes {
            let same = both.changes.iter().find(|it| about(it) == about(change));
            match same {
                None => both.changes.push(change.clone()),
                Some(same) if same == change => {}
                Some(_) => return None,
            }
        }
        both.given.extend(other.given.iter().cloned());
        Some(both)
    }

    /// Gives the changes, where they give every argument that must be there.
    fn finished(self) -> Option<Way> {
        let gives = |wanted: &Vec<String>| {
            self.changes.iter().any(|it| match it {
                Otherwise::Argument { path, .. } => path.starts_with(wanted),
                Otherwise::LeftOut { .. }
                | Otherwise::Param { .. }
                | Otherwise::Fact { .. }
                | Otherwise::Approval
                | Otherwise::Line { .. } => false,
            })
        };
        self.given.iter().all(gives).then_some(self.changes)
    }
}

/// Says what a change is about.
fn about(change: &Otherwise) -> (u8, Vec<&str>) {
    match change {
        Otherwise::Argument { path, .. } | Otherwise::LeftOut { path } => {
            (0, path.iter().map(String::as_str).collect())
        }
        Otherwise::Param { name, .. } => (1, vec![name]),
        Otherwise::Fact { name, .. } => (2, vec![name]),
        Otherwise::Approval => (3, Vec::new()),
        Otherwise::Line { template } => (4, vec![template]),
    }
}

fn finished(all: Vec<Draft>) -> Vec<Way> {
    all.into_iter().filter_map(Draft::finished).collect()
}

fn product(ones: &[Draft], others: &[Draft]) -> Vec<Draft> {
    let both = ones.iter().flat_map(|one| others.iter().filter_map(|other| one.and(other)));
    both.take(MOST).collect()
}

/// Gives what might make `expr` say `wanted`; one without changes where it does.
fn drafts(expr: &Expr, wanted: bool, view: &View<'_>) -> Vec<Draft> {
    if view.ask(expr) == Ok(wanted) {
        return vec![Draft::default()];
    }
    match (expr.expr_kind(), wanted) {
        (ExprKind::UnaryApp { op: UnaryOp::Not, arg }, _) => drafts(arg, !wanted, view),
        (ExprKind::And { left, right }, true) | (ExprKind::Or { left, right }, false) => {
            product(&drafts(left, wanted, view), &drafts(right, wanted, view))
        }
        (ExprKind::And { left, right }, false) | (ExprKind::Or { left, right }, true) => {
            let mut either = drafts(left, wanted, view);
            either.extend(drafts(right, wanted, view));
            either.truncate(MOST);
            either
        }
        (ExprKind::BinaryApp { op, arg1, arg2 }, _) => compared(*op, (arg1, arg2), wanted, view),
        (ExprKind::Like { expr, pattern }, true) => {
            let argument = argument(expr).map(|path| written(path, &Json::Text(fitting(pattern))));
            argument.map(Draft::of).into_iter().collect()
        }
        (ExprKind::HasAttr { .. }, _) => has(expr, wanted),
        (ExprKind::GetAttr { .. }, _) => {
            let argument = argument(expr).map(|path| written(path, &Json::Bool(wanted)));
            argument.map(Draft::of).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// What might make a comparison say `wanted`.
fn compared(
    op: BinaryOp,
    (one, other): (&Expr, &Expr),
    wanted: bool,
    view: &View<'_>,
) -> Vec<Draft> {
    match (op, wanted) {
        (BinaryOp::Eq, true) => {
            let mut ways = made(one, other, view, Some);
            ways.extend(made(other, one, view, Some));
            ways
        }
        (BinaryOp::Eq, false) => {
            let opposite = |it| if let Json::Bool(it) = it { Some(Json::Bool(!it)) } else { None };
            let mut ways = made(one, other, view, opposite);
            ways.extend(made(other, one, view, opposite));
            ways
        }
        (BinaryOp::Less, true) => beside(one, other, view, [-1, 1]),
        (BinaryOp::Less, false) | (BinaryOp::LessEq, true) => beside(one, other, view, [0, 0]),
        (BinaryOp::LessEq, false) => beside(one, other, view, [1, -1]),
        (BinaryOp::Contains, _) if syntax::path(one).as_deref() == Some("context.facts") => {
            // Only a name that stands in the condition: another would tell what was sent.
            let ExprKind::Lit(Literal::String(name)) = other.expr_kind() else { return Vec::new() };
            vec![Draft::of(Otherwise::Fact { name: name.to_string(), holds: wanted })]
        }
        (BinaryOp::Contains, true) => match view.look(one) {
            Some(Json::List(items)) => {
                items.into_iter().take(VALUES).filter_map(|it| set(other, it, one)).collect()
            }
            Some(_) | None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Gives what sets `target` to what becomes of the value of `source`.
fn made(
    target: &Expr,
    source: &Expr,
    view: &View<'_>,
    becomes: impl Fn(Json) -> Option<Json>,
) -> Vec<Draft> {
    // A thing is shown as a text, and is none.
    if matches!(source.expr_kind(), ExprKind::Lit(Literal::EntityUID(_))) {
        return Vec::new();
    }
    view.look(source).and_then(becomes).and_then(|it| set(target, it, source)).into_iter().collect()
}

/// Gives what sets one side to a whole number as far from the other as `by` says.
fn beside(one: &Expr, other: &Expr, view: &View<'_>, by: [i128; 2]) -> Vec<Draft> {
    let [left, right] = by.map(|by| {
        move |it| if let Json::Int(it) = it { it.checked_add(by).map(Json::Int) } else { None }
    });
    let mut ways = made(one, other, view, left);
    ways.extend(made(other, one, view, right));
    ways
}

/// Gives the change that gives `target` this value, which `source` has.
fn set(target: &Expr, value: Json, source: &Expr) -> Option<Draft> {
    let from = source_of(source);
    if let Some(path) = argument(target) {
        let (value, hidden) = (value.canonical(), false);
        return Some(Draft::of(Otherwise::Argument { path, value, from, hidden }));
    }
    let (Some(name), Json::Text(value)) = (param(target), value) else { return None };
    Some(Draft::of(Otherwise::Param { name, value, from, hidden: false }))
}

/// Names what the value of `expr` is taken from; none where it stands there as it is.
fn source_of(expr: &Expr) -> Option<String> {
    let written = |it: &Expr| matches!(it.expr_kind(), ExprKind::Lit(_) | ExprKind::Set(_));
    if expr.subexpressions().all(written) {
        return None;
    }
    let names: Vec<String> = expr.subexpressions().filter_map(syntax::path).collect();
    Some(names.join(", "))
}

fn written(path: Vec<String>, value: &Json) -> Otherwise {
    Otherwise::Argument { path, value: value.canonical(), from: None, hidden: false }
}

/// Gives what might bring an argument that is asked for with `has`, or takes it away.
fn has(expr: &Expr, wanted: bool) -> Vec<Draft> {
    let ExprKind::HasAttr { expr, attr } = expr.expr_kind() else { return Vec::new() };
    let path = if syntax::path(expr).as_deref() == Some("context.input") {
        Some(vec![attr.to_string()])
    } else {
        argument(expr).map(|mut path| {
            path.push(attr.to_string());
            path
        })
    };
    let Some(path) = path else { return Vec::new() };
    if wanted {
        vec![Draft { changes: Vec::new(), given: vec![path] }]
    } else {
        vec![Draft::of(Otherwise::LeftOut { path })]
    }
}

/// Gives the way to an argument, from the outside in.
fn argument(expr: &Expr) -> Option<Vec<String>> {
    let ExprKind::GetAttr { expr, attr } = expr.expr_kind() else { return None };
    let mut path = if syntax::path(expr).as_deref() == Some("context.input") {
        Vec::new()
    } else {
        argument(expr)?
    };
    path.push(attr.to_string());
    Some(path)
}

fn param(expr: &Expr) -> Option<String> {
    let ExprKind::GetAttr { expr, attr } = expr.expr_kind() else { return None };
    (syntax::path(expr).as_deref() == Some("context.task.params")).then(|| attr.to_string())
}

/// Writes a text that fits.
fn fitting(pattern: &Pattern) -> String {
    let mut text = String::new();
    for element in pattern.iter() {
        match element {
            PatternElem::Char(letter) => text.push(*letter),
            PatternElem::Wildcard => text.push_str(ANYTHING),
        }
    }
    text
}
