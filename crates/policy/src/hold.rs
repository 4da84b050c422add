//! Whether a forbid falls away once a person has approved.
//!
//! A `@hold` that stays after the approval would ask for ever. The answer is found in the shape
//! of the condition alone: what cannot be seen to fall away counts as staying.

use cedar_policy_core::ast::{Expr, ExprKind, Literal, UnaryOp};

use crate::syntax::path;

/// Says whether some approval makes `condition` false whatever else is true.
pub(crate) fn falls_away(condition: &Expr) -> bool {
    can_be(condition, false)
}

/// Says whether some approval makes `expr` equal to `wanted`, whatever else is true.
fn can_be(expr: &Expr, wanted: bool) -> bool {
    match (expr.expr_kind(), wanted) {
        (ExprKind::Lit(Literal::Bool(value)), _) => *value == wanted,
        (ExprKind::UnaryApp { op: UnaryOp::Not, arg }, _) => can_be(arg, !wanted),
        (ExprKind::And { left, right }, true) | (ExprKind::Or { left, right }, false) => {
            can_be(left, wanted) && can_be(right, wanted)
        }
        (ExprKind::And { left, right }, false) | (ExprKind::Or { left, right }, true) => {
            can_be(left, wanted) || can_be(right, wanted)
        }
        (_, true) => asks_only_for_approval(expr),
        (_, false) => false,
    }
}

/// Says whether `expr` looks at the approval and at nothing else, so that the right person's
/// approval makes it true.
fn asks_only_for_approval(expr: &Expr) -> bool {
    let of_approval = |it: &Expr| path(it).is_some_and(|it| it.starts_with("context.approval"));
    let mut reads = false;
    let mut rest = vec![expr];
    while let Some(part) = rest.pop() {
        if of_approval(part) {
            reads = true;
            continue;
        }
        if let ExprKind::BinaryApp { arg1, arg2, .. } = part.expr_kind() {
            rest.extend([&**arg1, &**arg2]);
        } else if let ExprKind::HasAttr { expr, .. }
        | ExprKind::ExtHasAttr { expr, .. }
        | ExprKind::Like { expr, .. } = part.expr_kind()
        {
            rest.push(expr);
        } else if let ExprKind::Set(items) = part.expr_kind() {
            rest.extend(items.iter());
        } else if !matches!(part.expr_kind(), ExprKind::Lit(_)) {
            return false;
        }
    }
    reads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(condition: &str, expected: bool) {
        let expr: Expr = condition.parse().unwrap();
        assert_eq!(falls_away(&expr), expected, "{condition}");
    }

    #[test]
    fn an_approval_lifts_what_is_written_with_unless() {
        check("!context.approval.granted", true);
        check("context.depth > 1 && !context.approval.granted", true);
        check("context.depth > 1 && !(context.depth < 9 || context.approval.granted)", true);
        check("!(context.approval.granted && context.approval has by)", true);
        check("!(context.approval.granted && context.approval.by == \"ada\")", true);
        check("!(context.approval.granted && [\"ada\"].contains(context.approval.by))", true);
    }

    #[test]
    fn an_approval_does_not_lift_what_asks_for_more() {
        check("true", false);
        check("context.depth > 1", false);
        check("!context.granted", false);
        check("context.approval.granted", false);
        check("!(context.approval.granted && context.depth > 1)", false);
        check("context.depth > 1 || !context.approval.granted", false);
        check("!(context.approval.by == context.task.purpose)", false);
    }
}
