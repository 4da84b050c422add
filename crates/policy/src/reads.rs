//! What conditions read: no more of a call is shown than some condition looks at.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{Expr, ExprKind, Literal, Var};

use crate::vocabulary::Types;

/// What some conditions read of a request, or ask for with `has`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reads {
    pub(crate) context: Part,
    pub(crate) task: Part,
    pub(crate) input: Part,
    pub(crate) resource: Looks,
}

/// What is read of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    /// It is taken as a whole.
    whole: bool,
    fields: BTreeSet<String>,
}

/// How conditions look at the resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Looks {
    /// They do not.
    #[default]
    Away,
    /// They read what it shares with whatever else the tool is used on.
    Traits,
    /// They look at which one it is.
    Itself,
}

impl Part {
    const NONE: Self = Self { whole: false, fields: BTreeSet::new() };

    /// Gives those of `known` that are read; what is not known is no field.
    pub(crate) fn among(&self, known: &[&'static str]) -> impl Iterator<Item = &'static str> {
        let named = self.fields.iter().filter_map(|it| known.iter().find(|known| it == *known));
        let (all, named) = if self.whole { (known, None) } else { (&[][..], Some(named)) };
        all.iter().chain(named.into_iter().flatten()).copied()
    }

    /// Says whether nothing else is read than `fields`.
    pub(crate) fn within(&self, fields: &[&str]) -> bool {
        !self.whole && self.fields.iter().all(|it| fields.contains(&it.as_str()))
    }

    /// Says whether `field` is read.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.whole || self.fields.contains(field)
    }

    /// Gives the names of what is read; none where all of it is.
    pub(crate) const fn names(&self) -> Option<&BTreeSet<String>> {
        if self.whole { None } else { Some(&self.fields) }
    }

    fn and(&mut self, other: &Self) {
        self.whole |= other.whole;
        for field in &other.fields {
            // Most are there already.
            if !self.fields.contains(field) {
                self.fields.insert(field.clone());
            }
        }
    }
}

impl Reads {
    /// Gives what a condition reads.
    pub(crate) fn of(condition: &Expr) -> Self {
        let mut reads = Self::default();
        // What is not looked into is taken as a whole.
        let [mut contexts, mut tasks, mut inputs, mut resources] = [const { Uses::new() }; 4];
        for part in condition.subexpressions() {
            contexts.seen(is_context(part));
            tasks.seen(is_field("task", part));
            inputs.seen(is_field("input", part));
            resources.seen(is_resource(part));
            // Whoever names a resource may look into it.
            resources.itself |= names_a_resource(part);
            let Some((base, names)) = looked_into(part) else { continue };
            if is_context(base) {
                contexts.looked();
                reads.follow(&names);
            } else if is_field("task", base) {
                tasks.looked();
                reads.task.fields.extend(names.first().map(|it| (*it).to_owned()));
            } else if is_field("input", base) {
                inputs.looked();
                reads.input.fields.extend(names.first().map(|it| (*it).to_owned()));
            } else if is_resource(base) {
                resources.looked();
            }
        }
        reads.context.whole = contexts.whole();
        reads.task.whole = contexts.whole() || tasks.whole();
        reads.input.whole = contexts.whole() || inputs.whole();
        reads.resource = resources.looks();
        reads
    }

    /// Reads nothing.
    pub(crate) const fn nothing() -> Self {
        Self { context: Part::NONE, task: Part::NONE, input: Part::NONE, resource: Looks::Away }
    }

    /// Gives what any of these reads.
    pub(crate) fn all<'r>(all: impl IntoIterator<Item = &'r Self>) -> Self {
        let mut together = Self::default();
        for reads in all {
            together.context.and(&reads.context);
            together.task.and(&reads.task);
            together.input.and(&reads.input);
            together.resource = together.resource.max(reads.resource);
        }
        together
    }

    /// Takes note of a field of the context. Of `context has task.opened` both names stand at once.
    fn follow(&mut self, names: &[&str]) {
        let [field, more @ ..] = names else { return };
        self.context.fields.insert((*field).to_owned());
        let below = match *field {
            "task" => &mut self.task,
            "input" => &mut self.input,
            _ => return,
        };
        below.fields.extend(more.first().map(|it| (*it).to_owned()));
    }
}

/// How often something stands in a condition, and how often it is looked into there.
struct Uses {
    all: usize,
    into: usize,
    itself: bool,
}

impl Uses {
    const fn new() -> Self {
        Self { all: 0, into: 0, itself: false }
    }

    fn seen(&mut self, is_one: bool) {
        self.all = self.all.saturating_add(usize::from(is_one));
    }

    const fn looked(&mut self) {
        self.into = self.into.saturating_add(1);
    }

    const fn whole(&self) -> bool {
        self.into < self.all
    }

    const fn looks(&self) -> Looks {
        if self.itself || self.whole() {
            Looks::Itself
        } else if self.all == 0 {
            Looks::Away
        } else {
            Looks::Traits
        }
    }
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::Var(Var::Context))
}

fn is_resource(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::Var(Var::Resource))
}

fn is_field(name: &str, expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::GetAttr { expr, attr } if attr == name && is_context(expr))
}

fn names_a_resource(expr: &Expr) -> bool {
    let ExprKind::Lit(Literal::EntityUID(uid)) = expr.expr_kind() else { return false };
    Types::get().is_none_or(|types| types.is_resource(uid))
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
        Reads::of(expression.as_ref())
    }

    impl Part {
        fn reads(&self, field: &str) -> bool {
            self.whole || self.fields.contains(field)
        }
    }

    #[test]
    fn what_is_named_is_read_and_nothing_else() {
        let read = reads(
            r#"context.input.path like "/a/*" && context has depth && context.task.id == "t""#,
        );
        for (field, expected) in
            [("input", true), ("depth", true), ("task", true), ("now", false), ("path", false)]
        {
            assert_eq!(read.context.reads(field), expected, "{field}");
        }
        assert!(read.input.within(&["path"]) && read.task.within(&["id"]));
        assert_eq!(reads("principal == action && true"), Reads::default());
    }

    #[test]
    fn what_is_taken_as_a_whole_is_read_wholly() {
        for whole in
            ["context == {}", "(if true then context else context).now == 1", "[context].isEmpty()"]
        {
            assert!(reads(whole).context.reads("destinations"), "{whole}");
            assert!(reads(whole).task.reads("opened"), "{whole}");
            assert!(reads(whole).input.reads("path"), "{whole}");
        }
        let part = reads("context.task == {} || context.depth < 1");
        assert!(part.task.reads("opened") && !part.context.reads("now"));
        let part = reads("context.input == {} || context.input.path == 1");
        assert!(part.input.names().is_none() && !part.task.reads("id"));
    }

    #[test]
    fn when_a_task_was_opened_is_read_however_it_is_asked_for() {
        for asked in [
            "context.task.opened == 1",
            r#"context["task"]["opened"] == 1"#,
            "context.task has opened",
            "context has task.opened",
        ] {
            assert!(reads(asked).task.reads("opened"), "{asked}");
            assert!(!reads(asked).context.reads("now"), "{asked}");
        }
        let other = reads("context has task.id && context.task.params has opened");
        assert!(!other.task.reads("opened"));
    }

    #[test]
    fn which_resource_it_is_shows_only_where_it_is_not_looked_into() {
        for (condition, expected) in [
            ("context.input.path == \"/a\" && principal is Identity", Looks::Away),
            ("Tool::\"a__b\" == Server::\"a\"", Looks::Away),
            ("resource.sensitivity_rank > 1 && resource has owner", Looks::Traits),
            ("resource == Tool::\"a__b\"", Looks::Itself),
            ("resource in Server::\"a\" && resource.sensitivity == \"public\"", Looks::Itself),
            ("[resource].contains(principal)", Looks::Itself),
            ("Resource::\"a:/b\".sensitivity_rank > 1", Looks::Itself),
        ] {
            assert_eq!(reads(condition).resource, expected, "{condition}");
        }
    }
}
