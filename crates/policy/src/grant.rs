//! The authority lines of a grant, compiled.

mod explain;
mod line;
mod outlook;

use std::{borrow::Cow, collections::BTreeSet};

use bailiwick_model::{Action, Grant, Layer, Reason, ReasonCode};

use crate::{
    Case, Coverage, WhenError,
    reads::Reads,
    view::{Origin, View, ViewError},
};
use line::{Line, Outcome};

/// The compiled lines of a grant, layer by layer.
#[derive(Debug)]
pub struct GrantProgram {
    layers: Vec<Compiled>,
    liked: BTreeSet<String>,
}

/// One layer and its lines.
#[derive(Debug)]
struct Compiled {
    layer: Layer,
    lines: Vec<Line>,
}

impl GrantProgram {
    /// Compiles every line of every layer, or says everything that is wrong with them at once.
    pub fn compile(grant: &Grant) -> Result<Self, Vec<WhenError>> {
        let mut errors = Vec::new();
        let mut layers = Vec::new();
        for layer in &grant.layers {
            let mut lines = Vec::new();
            for line in &layer.lines {
                match Line::compile(line) {
                    Ok(line) => lines.push(line),
                    Err(found) => errors.extend(found),
                }
            }
            layers.push(Compiled { layer: layer.clone(), lines });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let liked = layers.iter().flat_map(|it| &it.lines).flat_map(Line::liked).cloned().collect();
        Ok(Self { layers, liked })
    }

    /// Says whether every layer covers what is asked. Whether it is granted or approved is not
    /// looked at. A grant without layers covers nothing.
    pub fn covers(&self, case: &Case<'_>) -> Coverage {
        let mut tally = Tally::default();
        if self.layers.is_empty() {
            let text = "the task has no grant";
            tally.misses.insert(Reason::new(ReasonCode::OutsideGrant, text, "grant"));
        }
        Self::judge(&self.layers, case, tally)
    }

    /// Says whether every layer above the task's own covers what is asked: no answer to the task
    /// itself reaches further. A task without a parent has no such layer.
    pub fn covers_above(&self, case: &Case<'_>) -> Coverage {
        Self::judge(self.above(), case, Tally::default())
    }

    fn above(&self) -> &[Compiled] {
        self.layers.get(1..).unwrap_or_default()
    }

    fn judge(layers: &[Compiled], case: &Case<'_>, mut tally: Tally) -> Coverage {
        for layer in layers {
            if let Err(error) = layer.judge(case, &mut tally) {
                let text = format!("the request cannot be put to the grant: {error}");
                let source = layer.layer.template.as_str();
                tally.misses.insert(Reason::new(ReasonCode::Fault, text, source));
            }
        }
        tally.coverage()
    }

    /// Says whether every layer has a line for `action`, whatever its condition.
    pub fn could_cover(&self, action: &Action) -> bool {
        !self.layers.is_empty() && self.layers.iter().all(|it| it.could_cover(action))
    }

    /// Says whether every layer above the task's own has a line for `action`.
    pub fn could_cover_above(&self, action: &Action) -> bool {
        self.above().iter().all(|it| it.could_cover(action))
    }

    /// Gives the arguments that conditions compare as paths or addresses: they mean what they say
    /// only in normal form.
    pub fn liked_inputs(&self) -> &BTreeSet<String> {
        &self.liked
    }
}

/// What the layers said so far.
#[derive(Debug, Default)]
struct Tally {
    lines: BTreeSet<String>,
    misses: BTreeSet<Reason>,
    errors: BTreeSet<Reason>,
}

impl Tally {
    fn coverage(self) -> Coverage {
        let errors = self.errors.into_iter().collect();
        if self.misses.is_empty() {
            Coverage::Covered { lines: self.lines.into_iter().collect(), errors }
        } else {
            Coverage::Missed { reasons: self.misses.into_iter().collect(), errors }
        }
    }
}

impl Compiled {
    fn could_cover(&self, action: &Action) -> bool {
        self.layer.reaches(action) && self.lines.iter().any(|it| it.names(action))
    }

    /// Judges every resource by the lines that name the action; each needs one that covers it.
    fn judge(&self, case: &Case<'_>, tally: &mut Tally) -> Result<(), ViewError> {
        let action = &case.question.request.action;
        if let Some(miss) = self.out_of_reach(action) {
            tally.misses.insert(miss);
            return Ok(());
        }
        let lines: Vec<&Line> = self.lines.iter().filter(|it| it.names(action)).collect();
        if let Some(line) = lines.iter().find(|it| it.is_open()) {
            tally.lines.insert(line.source().to_owned());
            return Ok(());
        }
        let reads = match lines.as_slice() {
            [line] => Cow::Borrowed(line.reads()),
            many => Cow::Owned(Reads::all(many.iter().map(|it| it.reads()))),
        };
        for view in case.views(Origin::Layer(&self.layer), &reads)? {
            judge(action, &lines, &view, tally);
        }
        Ok(())
    }

    /// Says why no line of this layer can cover `action`, if none can.
    fn out_of_reach(&self, action: &Action) -> Option<Reason> {
        let (server, template) = (&action.server, &self.layer.template);
        if !self.layer.reaches(action) {
            let text = format!("the charter of `{}` does not name `{server}`", self.layer.identity);
            let source = format!("charter:{}", self.layer.identity);
            return Some(Reason::new(ReasonCode::OutsideCharter, text, source));
        }
        if self.could_cover(action) {
            return None;
        }
        let name = &action.name;
        let text = format!("`{name}` of `{server}` is in no line of template `{template}`");
        Some(Reason::new(ReasonCode::OutsideGrant, text, template.as_str()))
    }
}

/// Looks for a line that covers what `view` shows; without one, says why each missed.
fn judge(action: &Action, lines: &[&Line], view: &View<'_>, tally: &mut Tally) {
    let mut misses = Vec::new();
    for line in lines {
        match line.judge(view) {
            Outcome::Covers => {
                tally.lines.insert(line.source().to_owned());
                return;
            }
            Outcome::Misses => misses.push(line.miss(action)),
            Outcome::Breaks(why) => {
                let text = format!("line {} could not be evaluated: {why}", line.source());
                tally.errors.insert(Reason::new(
                    ReasonCode::GrantError,
                    text.clone(),
                    line.source(),
                ));
                misses.push(Reason::new(ReasonCode::OutsideGrant, text, line.source()));
            }
        }
    }
    tally.misses.extend(misses);
}
