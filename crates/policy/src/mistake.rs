//! What can be wrong with a policy or a condition, in words, with a way to mend it.

use std::ops::Range;

use crate::vocabulary::{ANNOTATIONS, TYPES, fields_of, nearest};
use bailiwick_model::Effect;

/// One kind of mistake, with the author's own words in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mistake {
    #[error("{message}")]
    Syntax { message: String, label: Option<String>, help: Option<String> },
    #[error("this goes deeper than can be read")]
    TooDeep,
    #[error("a policy without `@id`")]
    NoId,
    #[error("two policies are called `{id}`")]
    SameId { id: String, first: String },
    #[error("unknown annotation `@{name}`")]
    UnknownAnnotation { name: String },
    #[error("there is no constraint `{name}`")]
    UnknownConstraint { name: String, known: Vec<String> },
    #[error("the constraints of `{id}` contradict each other: {why}")]
    TornConstraints { id: String, why: String },
    #[error("`@constrain` on a forbid")]
    ConstrainOnForbid,
    #[error("`@{name}` says {found}")]
    BadAnnotation { name: &'static str, found: String, help: &'static str },
    #[error("`@mode(\"observe\")` without `@{missing}`")]
    OpenEnded { missing: &'static str },
    #[error("`@hold` on a permit")]
    HoldOnPermit,
    #[error("`{id}` would hold for ever")]
    HoldsForEver { id: String },
    #[error("`{id}` reads `context.approval`, but {why}")]
    ApprovalRead { id: String, why: &'static str },
    #[error("unknown action `{name}`")]
    UnknownAction { name: String },
    #[error("`{path}` has no `{field}`")]
    UnknownField { path: String, field: String },
    #[error("unknown type `{name}`")]
    UnknownType { name: String },
    #[error("a policy with a slot")]
    Slot,
    #[error("`{id}` is a name of ours")]
    Reserved { id: String },
    #[error("the template has no parameter `{name}`")]
    UnknownParam { name: String, known: Vec<String> },
    #[error("a line's condition cannot read `context.{field}`")]
    NotInLine { field: &'static str },
    #[error("these policies cannot be written in the common form")]
    Formless { why: &'static str },
    #[error("not every call that this meets has `{field}`")]
    NotAlwaysThere { field: String, label: String, help: String },
    #[error("no call that this meets has `{field}`")]
    NeverThere { field: String, label: String, help: String },
    #[error("{message}")]
    OtherType { message: String, label: String, help: String },
    #[error("{message}")]
    NotStrict { message: String, label: String, help: Option<String> },
    #[error("{message}")]
    Misnamed { message: String, help: String },
    #[error("{message}")]
    Unheard { message: String, help: String },
}

impl Mistake {
    /// Names the mistake for programs and for its page in `docs/errors`.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "POL-001",
            Self::NoId => "POL-002",
            Self::SameId { .. } => "POL-003",
            Self::UnknownAnnotation { .. } => "POL-004",
            Self::UnknownConstraint { .. }
            | Self::TornConstraints { .. }
            | Self::ConstrainOnForbid => "POL-005",
            Self::BadAnnotation { .. } | Self::OpenEnded { .. } => "POL-006",
            Self::HoldOnPermit | Self::HoldsForEver { .. } => "POL-007",
            Self::ApprovalRead { .. } => "POL-008",
            Self::UnknownAction { .. } => "POL-009",
            Self::UnknownField { .. } => "POL-010",
            Self::UnknownType { .. } => "POL-011",
            Self::Slot => "POL-012",
            Self::Reserved { .. } => "POL-013",
            Self::UnknownParam { .. } => "POL-014",
            Self::NotInLine { .. } => "POL-015",
            Self::Formless { .. } => "POL-016",
            Self::NotAlwaysThere { .. } => "POL-017",
            Self::NeverThere { .. } => "POL-018",
            Self::OtherType { .. } => "POL-019",
            Self::NotStrict { .. } => "POL-020",
            Self::TooDeep => "POL-021",
            Self::Misnamed { .. } => "POL-022",
            Self::Unheard { .. } => "POL-101",
        }
    }

    /// Says whether it may be right, and is only worth a look.
    pub(crate) const fn is_remark(&self) -> bool {
        matches!(self, Self::Unheard { .. })
    }

    /// Says what is wrong at the place it is wrong.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Syntax { label, .. } => label.clone().unwrap_or_else(|| "here".to_owned()),
            Self::TooDeep => "one too many".to_owned(),
            Self::NoId => "this one".to_owned(),
            Self::SameId { .. } => "the second".to_owned(),
            Self::UnknownAnnotation { .. } => "nothing would happen with it".to_owned(),
            Self::UnknownConstraint { .. } => "asks for nothing that is written down".to_owned(),
            Self::TornConstraints { .. } => "no call could meet them all".to_owned(),
            Self::ConstrainOnForbid => "a forbid lets nothing through".to_owned(),
            Self::BadAnnotation { .. } => "cannot be used".to_owned(),
            Self::OpenEnded { .. } => "observes without an owner or an end".to_owned(),
            Self::HoldOnPermit => "a permit cannot hold".to_owned(),
            Self::HoldsForEver { .. } => "does not fall away with an approval".to_owned(),
            Self::ApprovalRead { .. } => "reads it here".to_owned(),
            Self::UnknownAction { .. } => "no call is ever called this".to_owned(),
            Self::UnknownField { .. } => "never there".to_owned(),
            Self::UnknownType { .. } => "nothing is of this type".to_owned(),
            Self::Slot => "to be filled in by nobody".to_owned(),
            Self::Reserved { .. } => "choose another name".to_owned(),
            Self::UnknownParam { .. } => "never there".to_owned(),
            Self::NotInLine { .. } => "not known yet".to_owned(),
            Self::Formless { .. } => "left as it is".to_owned(),
            Self::Misnamed { .. } => "nothing is called this".to_owned(),
            Self::Unheard { .. } => "nothing that is known is called this".to_owned(),
            Self::NotAlwaysThere { label, .. }
            | Self::NeverThere { label, .. }
            | Self::OtherType { label, .. }
            | Self::NotStrict { label, .. } => label.clone(),
        }
    }

    /// Says how to mend it.
    pub(crate) fn help(&self) -> Option<String> {
        let text = match self {
            Self::Syntax { help, .. } => return help.clone(),
            Self::TooDeep => "write it as several policies: what they say adds up".to_owned(),
            Self::NoId => "put `@id(\"what-it-does\")` before it".to_owned(),
            Self::SameId { first, .. } => format!("the first is in `{first}`"),
            Self::UnknownAnnotation { name } => {
                choices(name, ANNOTATIONS, "annotations are", |it| format!("@{it}"))
            }
            Self::UnknownConstraint { name, known } if known.is_empty() => {
                format!("write `constraints/{name}.toml`")
            }
            Self::UnknownConstraint { name, known } => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                choices(name, &known, "constraints are", str::to_owned)
            }
            Self::TornConstraints { .. } => "leave one of them out".to_owned(),
            Self::ConstrainOnForbid => {
                "put it on the permit, or write `unless { context.pep.supports.contains(\"redact\") }`"
                    .to_owned()
            }
            Self::BadAnnotation { help, .. } => (*help).to_owned(),
            Self::OpenEnded { missing: "owner" } => {
                "say who answers for it: `@owner(\"team\")`".to_owned()
            }
            Self::OpenEnded { .. } => {
                "say when observing ends: `@until(\"2026-12-31T00:00:00Z\")`".to_owned()
            }
            Self::HoldOnPermit => {
                "write a `forbid … unless { context.approval.granted }`".to_owned()
            }
            Self::HoldsForEver { .. } => "add `unless { context.approval.granted }`".to_owned(),
            Self::ApprovalRead { .. } => {
                "a person is asked by `@hold(\"…\") forbid … unless { context.approval.granted }`"
                    .to_owned()
            }
            Self::UnknownAction { name } => action_help(name),
            Self::UnknownField { path, field } => match fields_of(path) {
                Some([]) | None => format!("`{path}` has no fields"),
                Some(known) => choices(field, known, &format!("`{path}` has"), str::to_owned),
            },
            Self::UnknownType { name } => choices(name, TYPES, "types are", str::to_owned),
            Self::Slot => "write the policy out, or use a task template".to_owned(),
            Self::Reserved { .. } => "ids that start with `bailiwick:` are taken".to_owned(),
            Self::UnknownParam { known, .. } if known.is_empty() => {
                "declare it: `[params.NAME]`".to_owned()
            }
            Self::UnknownParam { name, known } => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                choices(name, &known, "it has", str::to_owned)
            }
            Self::NotInLine { field: "granted" } => {
                "it is the outcome of the lines themselves".to_owned()
            }
            Self::NotInLine { .. } => "ask for an approval in a policy, with `@hold`".to_owned(),
            Self::Formless { why } => (*why).to_owned(),
            Self::NotAlwaysThere { help, .. }
            | Self::NeverThere { help, .. }
            | Self::OtherType { help, .. }
            | Self::Misnamed { help, .. }
            | Self::Unheard { help, .. } => help.clone(),
            Self::NotStrict { help, .. } => return help.clone(),
        };
        Some(text)
    }
}

/// Names the word that was probably meant, or all there are.
fn choices(word: &str, known: &[&str], there: &str, show: impl Fn(&str) -> String) -> String {
    if let Some(near) = nearest(word, known.iter().copied()) {
        return format!("did you mean `{}`?", show(near));
    }
    let all: Vec<String> = known.iter().map(|it| format!("`{}`", show(it))).collect();
    format!("{there} {}", all.join(", "))
}

fn action_help(name: &str) -> String {
    let effects = Effect::ALL.iter().map(|it| it.as_str());
    match nearest(name, effects) {
        Some(near) => format!("did you mean `Action::\"{near}\"`?"),
        None => "actions are effects (`egress`), tools (`server__tool`) and whole servers \
                 (`server:NAME`)"
            .to_owned(),
    }
}

/// A mistake and its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) mistake: Mistake,
    pub(crate) at: Range<usize>,
}

impl Found {
    /// Gives the same in a text in which its own begins at `start`.
    pub(crate) fn after(self, start: usize) -> Self {
        let at = self.at.start.saturating_add(start)..self.at.end.saturating_add(start);
        Self { at, ..self }
    }

    /// Gives the same in the part of its text that begins at `start`.
    pub(crate) fn before(self, start: usize) -> Self {
        let at = self.at.start.saturating_sub(start)..self.at.end.saturating_sub(start);
        Self { at, ..self }
    }
}

/// Turns what Cedar's parser says into mistakes.
pub(crate) fn of_parser(errors: &cedar_policy::ParseErrors, len: usize) -> Vec<Found> {
    errors
        .iter()
        .map(|error| {
            let label = miette::Diagnostic::labels(error).and_then(|mut it| it.next());
            let start = label.as_ref().map_or(0, miette::LabeledSpan::offset).min(len);
            let end = start.saturating_add(label.as_ref().map_or(0, miette::LabeledSpan::len));
            let mistake = Mistake::Syntax {
                message: error.to_string(),
                label: label.and_then(|it| it.label().map(str::to_owned)),
                help: miette::Diagnostic::help(error).map(|it| it.to_string()),
            };
            Found { mistake, at: start..end.min(len) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use miette::{GraphicalReportHandler, GraphicalTheme, NamedSource};

    use super::{Found, Mistake};
    use crate::PolicyError;

    #[test]
    fn policies_that_have_no_common_form() {
        let text = "permit (principal, action, resource);\n";
        let file = Arc::new(NamedSource::new("guardrails.cedar", text.to_owned()));
        let mistake = Mistake::Formless { why: "a comment would be lost" };
        let error = PolicyError::new(Found { mistake, at: 0..text.len() }, &file);
        let mut out = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none()).with_width(96);
        handler.render_report(&mut out, &error).unwrap();
        insta::assert_snapshot!(out, @r#"
        POL-016

          x these policies cannot be written in the common form
           ,-[guardrails.cedar:1:1]
         1 | permit (principal, action, resource);
           : ^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^
           :                    `-- left as it is
           `----
          help: a comment would be lost
                see docs/errors/POL-016.md
        "#);
    }
}
