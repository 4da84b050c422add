//! Why a policy does not apply to a request: the parts of it that do not hold.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

use crate::{
    Case, PolicySet,
    reads::Looks,
    view::{Origin, View},
};

/// One part of a policy that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missed {
    /// What must hold, in Cedar.
    pub part: String,
    /// Why it cannot be evaluated, where that is what is wrong.
    pub error: Option<String>,
}

impl PolicySet {
    /// Gives the parts of the policy `id` that do not hold for `case`: of its head and of each
    /// condition those that must hold together. Nothing where the policy applies to one of the
    /// resources, or where there is none of this id.
    ///
    /// It is for people who ask. No verdict is made of it.
    pub fn missed(&self, id: &str, case: &Case<'_>) -> BTreeSet<Missed> {
        let Some(seat) = self.bench.called(id) else { return BTreeSet::new() };
        let mut reads = seat.reads.clone();
        reads.resource = Looks::Itself;
        let mut parts = Vec::new();
        split(&seat.head, &mut parts);
        seat.condition.iter().for_each(|it| split(it, &mut parts));
        let mut all = BTreeSet::new();
        for view in case.views(Origin::Task, &reads).into_iter().flatten() {
            let missed = missed(&parts, &view);
            if missed.is_empty() {
                return BTreeSet::new();
            }
            all.extend(missed);
        }
        all
    }
}

/// Splits what must hold together, in its order.
fn split<'e>(expr: &'e Expr, parts: &mut Vec<&'e Expr>) {
    if let ExprKind::And { left, right } = expr.expr_kind() {
        split(left, parts);
        split(right, parts);
    } else {
        parts.push(expr);
    }
}

/// Asks each part by itself. After one that does not hold, Cedar asks no more: what cannot be
/// evaluated there is no mistake.
fn missed(parts: &[&Expr], view: &View<'_>) -> Vec<Missed> {
    let mut missed = Vec::new();
    for part in parts {
        let error = match view.ask(part) {
            Ok(true) => continue,
            Ok(false) => None,
            Err(_) if !missed.is_empty() => continue,
            Err(why) => Some(why),
        };
        missed.push(Missed { part: written(part), error });
    }
    missed
}

/// Writes a part as its author would: Cedar turns `>`, `>=` and `!=` around when it reads them.
fn written(part: &Expr) -> String {
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
