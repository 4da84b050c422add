//! Reads the syntax tree of a condition: which fields, actions and types it names, and which
//! arguments it compares as text.

use std::{collections::BTreeSet, ops::Range};

use cedar_policy_core::{
    ast::{BinaryOp, EntityType, EntityUID, Expr, ExprKind, Literal, Var},
    parser::Loc,
    pst,
};

use crate::{
    mistake::{Found, Mistake},
    vocabulary::{TYPES, fields_of, is_action},
};

/// Gives the range of a place, or of `whole` where the tree lost it.
pub(crate) fn range(at: Option<&Loc>, whole: &Range<usize>) -> Range<usize> {
    at.map_or_else(|| whole.clone(), |it| it.start()..it.end())
}

/// Gives the place of the last `name` in `at`, which is the field in `context.task.field`.
fn last(name: &str, at: Option<&Loc>, whole: &Range<usize>) -> Range<usize> {
    let all = range(at, whole);
    let offset = at.and_then(Loc::snippet).and_then(|text| text.rfind(name));
    match offset.and_then(|it| all.start.checked_add(it)) {
        Some(start) => start..start.saturating_add(name.len()),
        None => all,
    }
}

/// Says how a field is reached: `context.task` for `context.task` and `context["task"]`.
pub(crate) fn path(expr: &Expr) -> Option<String> {
    if let ExprKind::GetAttr { expr, attr } = expr.expr_kind() {
        return Some(format!("{}.{attr}", path(expr)?));
    }
    let ExprKind::Var(var) = expr.expr_kind() else { return None };
    let name = match var {
        Var::Principal => "principal",
        Var::Action => "action",
        Var::Resource => "resource",
        Var::Context => "context",
    };
    Some(name.to_owned())
}

/// One field that a condition reads, or asks for with `has`.
#[derive(Debug)]
pub(crate) struct Field {
    /// What holds it.
    pub(crate) path: String,
    /// The field.
    pub(crate) name: String,
    /// Where.
    pub(crate) at: Range<usize>,
}

/// Gives every field that `expr` reads or asks for.
pub(crate) fn fields(expr: &Expr, whole: &Range<usize>) -> Vec<Field> {
    let mut found = Vec::new();
    for part in expr.subexpressions() {
        let (base, names): (&Expr, Vec<&str>) = if let ExprKind::GetAttr { expr, attr }
        | ExprKind::HasAttr { expr, attr } =
            part.expr_kind()
        {
            (expr, vec![attr.as_str()])
        } else if let ExprKind::ExtHasAttr { expr, attrs } = part.expr_kind() {
            (expr, attrs.iter().map(AsRef::as_ref).collect())
        } else {
            continue;
        };
        let Some(mut path) = path(base) else { continue };
        for name in names {
            let at = last(name, part.source_loc(), whole);
            found.push(Field { path: path.clone(), name: name.to_owned(), at });
            path = format!("{path}.{name}");
        }
    }
    found
}

/// Finds what `expr` names and nothing has: fields, actions, types, slots.
pub(crate) fn unknown_names(expr: &Expr, whole: &Range<usize>) -> Vec<Found> {
    let mut found: Vec<Found> = fields(expr, whole)
        .into_iter()
        .filter(|it| fields_of(&it.path).is_some_and(|known| !known.contains(&it.name.as_str())))
        .map(|it| Found {
            mistake: Mistake::UnknownField { path: it.path, field: it.name },
            at: it.at,
        })
        .collect();
    for part in expr.subexpressions() {
        if let ExprKind::Lit(Literal::EntityUID(uid)) = part.expr_kind() {
            let at = range(part.source_loc().or_else(|| uid.loc()), whole);
            found.extend(unknown_entity(uid, at));
        } else if let ExprKind::Is { entity_type, .. } = part.expr_kind() {
            let at = range(entity_type.loc().or_else(|| part.source_loc()), whole);
            found.extend(unknown_type(entity_type, at));
        } else if let ExprKind::Slot(_) = part.expr_kind() {
            found.push(Found { mistake: Mistake::Slot, at: range(part.source_loc(), whole) });
        }
    }
    found
}

fn unknown_entity(uid: &EntityUID, at: Range<usize>) -> Option<Found> {
    let id: &str = uid.eid().as_ref();
    match unknown_type(uid.entity_type(), at.clone()) {
        None if uid.is_action() && !is_action(id) => {
            Some(Found { mistake: Mistake::UnknownAction { name: id.to_owned() }, at })
        }
        other => other,
    }
}

fn unknown_type(entity_type: &EntityType, at: Range<usize>) -> Option<Found> {
    let name = entity_type.to_string();
    if TYPES.contains(&name.as_str()) {
        return None;
    }
    Some(Found { mistake: Mistake::UnknownType { name }, at })
}

/// Gives the arguments that `expr` compares as paths or addresses: on the left of `like`, or with
/// a text that is one. Such a comparison means what it says only of text in normal form.
pub(crate) fn liked(expr: &Expr) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in expr.subexpressions() {
        if let ExprKind::Like { expr, .. } = part.expr_kind() {
            found.extend(inputs(expr));
        } else if let ExprKind::BinaryApp { op, arg1, arg2 } = part.expr_kind()
            && compares(*op)
            && (names_a_place(arg1) || names_a_place(arg2))
        {
            found.extend(inputs(arg1).chain(inputs(arg2)));
        }
    }
    found
}

fn inputs(expr: &Expr) -> impl Iterator<Item = String> {
    expr.subexpressions().filter_map(|part| {
        let ExprKind::GetAttr { expr, attr } = part.expr_kind() else { return None };
        (path(expr).as_deref() == Some("context.input")).then(|| attr.to_string())
    })
}

const fn compares(op: BinaryOp) -> bool {
    match op {
        BinaryOp::Eq | BinaryOp::Contains | BinaryOp::ContainsAll | BinaryOp::ContainsAny => true,
        BinaryOp::Less
        | BinaryOp::LessEq
        | BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::In
        | BinaryOp::GetTag
        | BinaryOp::HasTag => false,
    }
}

fn names_a_place(expr: &Expr) -> bool {
    expr.subexpressions().any(|part| {
        let ExprKind::Lit(Literal::String(text)) = part.expr_kind() else { return false };
        text.starts_with('/') || text.contains("://")
    })
}

/// Gives the same expression without its places in a text, which every evaluation would carry
/// along.
pub(crate) fn without_places(expr: &Expr) -> Expr {
    let bare = pst::Expr::try_from(expr.clone()).map(Expr::from).ok();
    bare.filter(|it| it == expr).unwrap_or_else(|| expr.clone())
}
