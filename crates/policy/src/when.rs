//! The condition of an authority line: one Cedar expression, checked before it is used.

use std::{collections::BTreeSet, ops::Range};

use cedar_policy::Expression;

use crate::{
    depth::too_deep,
    mistake::{self, Found, Mistake},
    syntax,
};

/// A mistake in the condition of an authority line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.as_ref().map(|it| format!("{it}: ")).unwrap_or_default())]
pub struct WhenError {
    /// Which mistake: the page `docs/errors/<CODE>.md` explains it.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where in the condition's text, in bytes.
    pub span: Range<usize>,
    /// How to mend it.
    pub help: Option<String>,
    /// Where the line is written, if it was compiled as part of a grant.
    pub line: Option<String>,
}

impl WhenError {
    fn new(found: Found, line: Option<&str>) -> Self {
        Self {
            code: found.mistake.code(),
            message: found.mistake.to_string(),
            span: found.at,
            help: found.mistake.help(),
            line: line.map(str::to_owned),
        }
    }
}

/// Checks the condition of an authority line whose template has these parameters.
pub fn check_when(text: &str, params: &BTreeSet<String>) -> Result<(), Vec<WhenError>> {
    let (expression, mut found) = read(text);
    let read = expression.iter().flat_map(|it| syntax::fields(it.as_ref(), &(0..text.len())));
    let unknown = read
        .filter(|it| it.path == "context.task.params" && !params.contains(&it.name))
        .map(|it| {
            let known = params.iter().cloned().collect();
            Found { mistake: Mistake::UnknownParam { name: it.name, known }, at: it.at }
        });
    found.extend(unknown);
    if found.is_empty() { Ok(()) } else { Err(told(found, None)) }
}

/// Reads the condition of a line of a grant, whose parameters were checked with its template.
pub(crate) fn parse(text: &str, line: &str) -> Result<Expression, Vec<WhenError>> {
    let (expression, found) = read(text);
    expression.filter(|_| found.is_empty()).ok_or_else(|| told(found, Some(line)))
}

/// Reads a condition, and finds everything that is wrong with it but its parameters.
fn read(text: &str) -> (Option<Expression>, Vec<Found>) {
    if let Some(deep) = too_deep(text) {
        return (None, vec![deep]);
    }
    match text.parse::<Expression>() {
        Ok(expression) => {
            let found = mistakes(&expression, text);
            (Some(expression), found)
        }
        Err(errors) => (None, mistake::of_parser(&errors, text.len())),
    }
}

fn mistakes(expression: &Expression, text: &str) -> Vec<Found> {
    let whole = 0..text.len();
    let mut found = syntax::unknown_names(expression.as_ref(), &whole);
    // A line is judged before these are known.
    for field in syntax::fields(expression.as_ref(), &whole) {
        let later = ["granted", "approval"].into_iter().find(|it| *it == field.name);
        if let (Some(name), "context") = (later, field.path.as_str()) {
            found.push(Found { mistake: Mistake::NotInLine { field: name }, at: field.at });
        }
    }
    found
}

/// Tells the mistakes in the order of their places.
pub(crate) fn told(mut found: Vec<Found>, line: Option<&str>) -> Vec<WhenError> {
    found.sort_by_key(|it| (it.at.start, it.at.end));
    found.into_iter().map(|it| WhenError::new(it, line)).collect()
}
