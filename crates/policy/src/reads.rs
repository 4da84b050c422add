//! What conditions read of the context: no more of a call is shown than some condition looks at.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{Expr, ExprKind, Var};

/// The fields of the context that some conditions read, or ask for with `has`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Some condition takes the context as a whole.
    everything: bool,
    fields: BTreeSet<String>,
    /// Some condition reads when the task was opened.
    opened: bool,
}

impl Reads {
    /// Gives what any of `conditions` reads.
    pub(crate) fn of<'e>(conditions: impl IntoIterator<Item = &'e Expr>) -> Self {
        let mut reads = Self::default();
        conditions.into_iter().for_each(|it| reads.add(it));
        reads
    }

    /// Says whether some condition reads this field of the context.
    pub(crate) fn reads(&self, field: &str) -> bool {
        self.everything || self.fields.contains(field)
    }

    /// Says whether some condition reads when the task was opened.
    pub(crate) const fn reads_opened(&self) -> bool {
        self.everything || self.opened
    }

    fn add(&mut self, condition: &Expr) {
        // What is not looked into is taken as a whole.
        let (mut contexts, mut tasks) = (Uses::default(), Uses::default());
        for part in condition.subexpressions() {
            contexts.seen(is_context(part));
            tasks.seen(is_task(part));
            let Some((base, names)) = looked_into(part) else { continue };
            let mut names = names.into_iter();
            if is_context(base) {
                contexts.into = contexts.into.saturating_add(1);
                let field = names.next();
                self.fields.extend(field.map(str::to_owned));
                // Of `context has task.opened` both names stand at once.
                self.opened |= field == Some("task") && names.next() == Some("opened");
            } else if is_task(base) {
                tasks.into = tasks.into.saturating_add(1);
                self.opened |= names.next() == Some("opened");
            }
        }
        self.everything |= contexts.whole();
        self.opened |= tasks.whole();
    }
}

/// How often something stands in a condition, and how often it is looked into there.
#[derive(Default)]
struct Uses {
    all: usize,
    into: usize,
}

impl Uses {
    fn seen(&mut self, is_one: bool) {
        self.all = self.all.saturating_add(usize::from(is_one));
    }

    const fn whole(&self) -> bool {
        self.into < self.all
    }
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::Var(Var::Context))
}

fn is_task(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::GetAttr { expr, attr } if attr == "task" && is_context(expr))
}

/// Gives what an expression looks into, and the names that it follows there.
fn looked_into(expr: &Expr) -> Option<(&Expr, Vec<&str>)> {
    if let ExprKind::GetAttr { expr, attr } | ExprKind::HasAttr { expr, attr } = expr.expr_kind() {
        return Some((expr, vec![attr.as_str()]));
    }
    let ExprKind::ExtHasAttr { expr, attrs } = expr.expr_kind() else { return None };
    Some((expr, attrs.iter().map(AsRef::as_ref).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(condition: &str) -> Reads {
        let expression: cedar_policy::Expression = condition.parse().unwrap();
        Reads::of([expression.as_ref()])
    }

    #[test]
    fn what_is_named_is_read_and_nothing_else() {
        let read = reads(
            r#"context.input.path like "/a/*" && context has depth && context.task.id == "t""#,
        );
        for (field, expected) in
            [("input", true), ("depth", true), ("task", true), ("now", false), ("path", false)]
        {
            assert_eq!(read.reads(field), expected, "{field}");
        }
        assert!(!read.reads_opened());
        assert_eq!(reads("principal == resource && true"), Reads::default());
    }

    #[test]
    fn what_is_taken_as_a_whole_is_read_wholly() {
        for whole in
            ["context == {}", "(if true then context else context).now == 1", "[context].isEmpty()"]
        {
            assert!(reads(whole).reads("destinations"), "{whole}");
            assert!(reads(whole).reads_opened(), "{whole}");
        }
        let part = reads("context.task == {} || context.depth < 1");
        assert!(part.reads_opened() && !part.reads("now"));
    }

    #[test]
    fn when_a_task_was_opened_is_read_however_it_is_asked_for() {
        for asked in [
            "context.task.opened == 1",
            r#"context["task"]["opened"] == 1"#,
            "context.task has opened",
            "context has task.opened",
        ] {
            assert!(reads(asked).reads_opened(), "{asked}");
            assert!(!reads(asked).reads("now"), "{asked}");
        }
        assert!(!reads("context has task.id && context.task.params has opened").reads_opened());
    }
}
