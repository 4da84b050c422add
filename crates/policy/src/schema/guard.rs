//! What a condition says of a call's server, tool and environment, which are known beforehand.
//!
//! Where it is false of them, Cedar asks no further at run time, and what comes after it need not
//! fit.

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal, UnaryOp};

use super::Deed;
use crate::syntax::path;

/// The parts of a condition that may say something of what is known beforehand, by their places.
#[derive(Debug)]
pub(super) struct Guard<'e>(Vec<(usize, &'e Expr)>);

impl<'e> Guard<'e> {
    /// Finds them.
    pub(super) fn of(condition: &'e Expr) -> Self {
        let mut parts = Vec::new();
        split(condition, &mut parts);
        Self(parts.into_iter().enumerate().filter(|(_, it)| may_say(it)).collect())
    }

    /// Says after how many of its parts the condition is false of `deed`; none where it need not be.
    pub(super) fn shut_after(&self, deed: &Deed) -> Option<usize> {
        self.0.iter().find(|(_, it)| said(it, deed) == Some(false)).map(|(place, _)| *place)
    }
}

/// Says whether of some call it may be known what `part` is.
fn may_say(part: &Expr) -> bool {
    let has_value = |it: &Expr| {
        let known = |it: String| KNOWN.contains(&it.as_str());
        text(it).is_some() || path(it).is_some_and(known)
    };
    if let ExprKind::UnaryApp { op: UnaryOp::Not, arg } = part.expr_kind() {
        return may_say(arg);
    }
    if let ExprKind::Or { left, .. } = part.expr_kind() {
        return may_say(left);
    }
    let ExprKind::BinaryApp { op, arg1, arg2 } = part.expr_kind() else { return false };
    match op {
        BinaryOp::Eq => has_value(arg1) && has_value(arg2),
        BinaryOp::Contains => has_value(arg2),
        BinaryOp::Less
        | BinaryOp::LessEq
        | BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::In
        | BinaryOp::ContainsAll
        | BinaryOp::ContainsAny
        | BinaryOp::GetTag
        | BinaryOp::HasTag => false,
    }
}

/// What is known of a call beforehand.
const KNOWN: [&str; 4] =
    ["context.server", "context.tool", "context.environment", "resource.environment"];

/// Gives what Cedar asks of a condition that is false after so many of its parts.
pub(super) fn shut(condition: &Expr, after: usize) -> Expr {
    let mut parts = Vec::new();
    split(condition, &mut parts);
    let asked = parts.into_iter().take(after).cloned();
    asked.reduce(Expr::and).map_or_else(|| Expr::val(false), |it| Expr::and(it, Expr::val(false)))
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

/// Says what `part` is of `deed`, where that is known.
fn said(part: &Expr, deed: &Deed) -> Option<bool> {
    if let ExprKind::UnaryApp { op: UnaryOp::Not, arg } = part.expr_kind() {
        return said(arg, deed).map(|it| !it);
    }
    if let ExprKind::Or { left, right } = part.expr_kind() {
        return match (said(left, deed), said(right, deed)) {
            (Some(true), _) => Some(true),
            (Some(false), right) => right,
            (None, _) => None,
        };
    }
    let ExprKind::BinaryApp { op, arg1, arg2 } = part.expr_kind() else { return None };
    match op {
        BinaryOp::Eq => {
            let (one, other) = (value(arg1, deed)?, value(arg2, deed)?);
            Some(one == other)
        }
        BinaryOp::Contains => {
            let ExprKind::Set(items) = arg1.expr_kind() else { return None };
            let wanted = value(arg2, deed)?;
            let items = items.iter().map(text).collect::<Option<Vec<_>>>()?;
            Some(items.contains(&wanted))
        }
        BinaryOp::Less
        | BinaryOp::LessEq
        | BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::In
        | BinaryOp::ContainsAll
        | BinaryOp::ContainsAny
        | BinaryOp::GetTag
        | BinaryOp::HasTag => None,
    }
}

/// Gives a text that stands there, or one that is known of `deed`.
fn value<'a>(expr: &'a Expr, deed: &'a Deed) -> Option<&'a str> {
    text(expr).or_else(|| match path(expr)?.as_str() {
        "context.server" => Some(deed.server.as_str()),
        "context.tool" => Some(deed.tool.as_str()),
        "context.environment" | "resource.environment" => Some(deed.environment.as_str()),
        _ => None,
    })
}

fn text(expr: &Expr) -> Option<&str> {
    let ExprKind::Lit(Literal::String(text)) = expr.expr_kind() else { return None };
    Some(text)
}
