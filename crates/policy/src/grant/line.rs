//! One authority line: what it names, and under which condition.

use std::{collections::BTreeSet, sync::OnceLock};

use bailiwick_model::{Action, ActionKind, AllowLine, Reason, ReasonCode};
use cedar_policy_core::ast::Expr;

use crate::{
    WhenError,
    parts::{self, Part},
    reads::Reads,
    syntax,
    view::{Settled, View},
    when::parse,
};

/// A compiled line.
#[derive(Debug)]
pub(super) struct Line {
    line: AllowLine,
    condition: Option<Condition>,
}

#[derive(Debug)]
struct Condition {
    expression: Expr,
    reads: Reads,
    liked: BTreeSet<String>,
    /// Its parts, once somebody asks for them.
    parts: OnceLock<Vec<Part>>,
}

/// What a line's condition says of a request.
pub(super) enum Outcome {
    Covers,
    Misses,
    /// It could not be evaluated, and so covers nothing.
    Breaks(String),
}

impl Line {
    pub(super) fn compile(line: &AllowLine) -> Result<Self, Vec<WhenError>> {
        let compile = |text: &String| -> Result<Condition, Vec<WhenError>> {
            let expression = parse(text, &line.source)?;
            let expression = syntax::without_places(expression.as_ref());
            let (reads, liked) = (Reads::of(&expression), syntax::liked(&expression));
            Ok(Condition { expression, reads, liked, parts: OnceLock::new() })
        };
        let condition = line.when.as_ref().map(compile).transpose()?;
        Ok(Self { line: line.clone(), condition })
    }

    /// Says where it is written.
    pub(super) fn source(&self) -> &str {
        &self.line.source
    }

    /// Says whether it names the action, whatever its condition.
    pub(super) fn names(&self, action: &Action) -> bool {
        let name = action.name.as_str();
        self.line.server == action.server
            && match action.kind {
                ActionKind::Tool => self.line.tools.iter().any(|it| it.as_str() == name),
                ActionKind::Resource => self.line.resources.iter().any(|it| fits(it, name)),
                ActionKind::Prompt => self.line.prompts.iter().any(|it| fits(it, name)),
                ActionKind::Lease => {
                    let has = |want: &str| self.line.leases.iter().any(|it| it == want);
                    action.wants().next().is_some() && action.wants().all(has)
                }
            }
    }

    /// Says whether it has no condition.
    pub(super) const fn is_open(&self) -> bool {
        self.condition.is_none()
    }

    /// Gives what its condition reads; without one, nothing.
    pub(super) fn reads(&self) -> &Reads {
        static NOTHING: Reads = Reads::nothing();
        self.condition.as_ref().map_or(&NOTHING, |it| &it.reads)
    }

    /// Gives the arguments that its condition compares as paths or addresses.
    pub(super) fn liked(&self) -> impl Iterator<Item = &String> {
        self.condition.iter().flat_map(|it| &it.liked)
    }

    /// Gives the parts of its condition, read once more for their places.
    pub(super) fn parts(&self) -> &[Part] {
        let (Some(condition), Some(text)) = (&self.condition, &self.line.when) else { return &[] };
        condition.parts.get_or_init(|| match parse(text, &self.line.source) {
            Ok(placed) => parts::of_line(placed.as_ref()),
            Err(_) => parts::of_line(&condition.expression),
        })
    }

    /// Asks the condition as far as the call is known.
    pub(super) fn settled(&self, view: &View<'_>) -> Settled {
        self.condition.as_ref().map_or(Settled::True, |it| view.settle(&it.expression))
    }

    /// Asks the condition.
    pub(super) fn judge(&self, view: &View<'_>) -> Outcome {
        let Some(condition) = &self.condition else { return Outcome::Covers };
        match view.ask(&condition.expression) {
            Ok(true) => Outcome::Covers,
            Ok(false) => Outcome::Misses,
            Err(why) => Outcome::Breaks(why),
        }
    }

    /// Says that the condition was not met.
    pub(super) fn miss(&self, action: &Action) -> Reason {
        let condition = self.line.when.as_deref().map(shortened).unwrap_or_default();
        let (source, name) = (&self.line.source, &action.name);
        let text = format!("line {source} covers `{name}` only when {condition}");
        Reason::new(ReasonCode::OutsideGrant, text, source)
    }
}

/// Says whether `text` is `pattern`, or begins with it up to the `*` at its end.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}

/// Puts a condition on one line of a readable length.
fn shortened(condition: &str) -> String {
    const MOST: usize = 200;
    let words: Vec<&str> = condition.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
