//! A condition, in the parts that must hold together: each with its author's own words for it, and
//! what it looks at.

use std::ops::Range;

use cedar_policy_core::{
    ast::{BinaryOp, Expr, ExprKind, UnaryOp, Var},
    parser::Loc,
};

use crate::syntax;

/// One part of a condition.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// What must hold.
    pub(crate) expr: Expr,
    /// What its author wrote.
    pub(crate) text: String,
    /// Whether that stands behind `unless`, and so must not hold.
    pub(crate) unless: bool,
    /// Where in the text of its policy or line.
    pub(crate) at: Option<Range<usize>>,
    /// What it looks at, each with its name.
    pub(crate) reads: Vec<(String, Expr)>,
}

/// Splits the condition of a policy, whose text is read once more for its places.
pub(crate) fn of_policy(condition: Option<&Expr>, text: Option<&str>) -> Vec<Part> {
    let Some(condition) = condition else { return Vec::new() };
    let policy = text.and_then(|it| cedar_policy::Policy::parse(None, it).ok());
    let placed = policy.as_ref().and_then(|it| it.as_ref().non_scope_constraints());
    split_all(placed.unwrap_or(condition))
}

/// Splits the condition of an authority line, as it was read from its text.
pub(crate) fn of_line(condition: &Expr) -> Vec<Part> {
    split_all(condition)
}

/// Splits the head of a policy.
pub(crate) fn of_head(head: &Expr) -> Vec<Part> {
    split_all(head)
}

fn split_all(condition: &Expr) -> Vec<Part> {
    let mut parts = Vec::new();
    split(condition, &mut |leaf, unless| parts.push(Part::new(leaf, unless)));
    parts
}

/// Splits what must hold together, in its order.
fn split(expr: &Expr, found: &mut impl FnMut(&Expr, bool)) {
    if let ExprKind::And { left, right } = expr.expr_kind() {
        split(left, found);
        split(right, found);
    } else if let Some(held_back) = behind_unless(expr) {
        split_refused(held_back, found);
    } else {
        found(expr, false);
    }
}

/// Splits what must not hold: of `a || b` neither may.
fn split_refused(expr: &Expr, found: &mut impl FnMut(&Expr, bool)) {
    if let ExprKind::Or { left, right } = expr.expr_kind() {
        split_refused(left, found);
        split_refused(right, found);
    } else {
        found(expr, true);
    }
}

/// Gives what stands in the braces of an `unless`.
fn behind_unless(expr: &Expr) -> Option<&Expr> {
    let ExprKind::UnaryApp { op: UnaryOp::Not, arg } = expr.expr_kind() else { return None };
    let clause = expr.source_loc().and_then(Loc::snippet)?;
    clause.starts_with("unless").then_some(&**arg)
}

impl Part {
    fn new(leaf: &Expr, unless: bool) -> Self {
        let place = leaf.source_loc();
        let text = place.and_then(Loc::snippet).map_or_else(|| printed(leaf), on_one_line);
        let at = place.map(|it| it.start()..it.end());
        let bare = syntax::without_places(leaf);
        let reads = reads(&bare);
        let expr = if unless { Expr::not(bare) } else { bare };
        Self { expr, text, unless, at, reads }
    }

    /// Gives it as its author wrote it.
    pub(crate) fn in_words(&self) -> String {
        if self.unless { format!("unless {}", self.text) } else { self.text.clone() }
    }
}

fn on_one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Writes a part as its author would: Cedar turns `>`, `>=` and `!=` around when it reads them.
fn printed(part: &Expr) -> String {
    if let ExprKind::UnaryApp { op: UnaryOp::Not, arg } = part.expr_kind()
        && let ExprKind::BinaryApp { op, arg1, arg2 } = arg.expr_kind()
        && let Some((_, sign)) = TURNED.iter().find(|(it, _)| it == op)
    {
        return format!("{arg1} {sign} {arg2}");
    }
    part.to_string()
}

const TURNED: [(BinaryOp, &str); 3] =
    [(BinaryOp::LessEq, ">"), (BinaryOp::Less, ">="), (BinaryOp::Eq, "!=")];

/// Gives what a part looks at, each once and by its longest name: of `context.input.path` neither
/// `context` nor `context.input`.
fn reads(part: &Expr) -> Vec<(String, Expr)> {
    let mut all: Vec<(String, Expr)> = Vec::new();
    let mut read = |name: String, expr: Expr| {
        if all.iter().all(|(known, _)| *known != name) {
            all.push((name, expr));
        }
    };
    for it in part.subexpressions() {
        if let Some(name) = asked_of_facts(it) {
            read(name, it.clone());
        } else if let ExprKind::HasAttr { expr, attr } = it.expr_kind() {
            if let Some(path) = syntax::path(expr) {
                let asked = Expr::get_attr((**expr).clone(), attr.clone());
                read(format!("{path}.{attr}"), asked);
            }
        } else if let ExprKind::ExtHasAttr { expr, attrs } = it.expr_kind() {
            if let Some(path) = syntax::path(expr) {
                let names: Vec<&str> = attrs.iter().map(AsRef::as_ref).collect();
                let asked = attrs
                    .iter()
                    .fold((**expr).clone(), |base, attr| Expr::get_attr(base, attr.clone()));
                read(format!("{path}.{}", names.join(".")), asked);
            }
        } else if let Some(path) = syntax::path(it) {
            read(path, it.clone());
        }
    }
    let names: Vec<String> = all.iter().map(|(name, _)| format!("{name}.")).collect();
    let inner = |name: &str| {
        names.iter().any(|it| {
            it.len() > name.len().saturating_add(1) && it.starts_with(&format!("{name}."))
        })
    };
    let whole = |expr: &Expr| matches!(expr.expr_kind(), ExprKind::Var(Var::Context));
    let told = |(name, expr): &(String, Expr)| name != FACTS && !inner(name) && !whole(expr);
    all.into_iter().filter(told).collect()
}

/// What is said of the world. Of it no more is told than what a condition asked for.
const FACTS: &str = "context.facts";

/// Names what is asked of the facts.
fn asked_of_facts(expr: &Expr) -> Option<String> {
    let ExprKind::BinaryApp { op, arg1, arg2 } = expr.expr_kind() else { return None };
    let asks = [
        (BinaryOp::Contains, "contains"),
        (BinaryOp::ContainsAll, "containsAll"),
        (BinaryOp::ContainsAny, "containsAny"),
    ];
    let (_, asks) = asks.iter().find(|(it, _)| it == op)?;
    let of = syntax::path(arg1).filter(|it| it == FACTS)?;
    let what = syntax::path(arg2).unwrap_or_else(|| arg2.to_string());
    Some(format!("{of}.{asks}({what})"))
}
