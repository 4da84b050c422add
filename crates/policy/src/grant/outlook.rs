//! How the lines of a grant stand to an action while its call is not known.

use super::{Compiled, GrantProgram, Line};
use crate::{
    ListQuestion,
    outlook::{Stance, open_parts, standing},
    view::{Foreseen, Origin, Unknown},
};

impl GrantProgram {
    /// Says for each layer how its lines stand to an action, the task's own first; `task` says
    /// whether the task is known, or only its template.
    pub fn stances(&self, question: &ListQuestion<'_>, task: bool) -> Vec<Vec<Stance<String>>> {
        self.layers.iter().map(|it| it.stances(question, task)).collect()
    }
}

impl Compiled {
    fn stances(&self, question: &ListQuestion<'_>, task: bool) -> Vec<Stance<String>> {
        let foreseen = Foreseen { origin: Origin::Layer(&self.layer), task, granted: false };
        let Ok(unknown) = Unknown::foreseen(question, foreseen) else { return Vec::new() };
        let view = unknown.view();
        let stance = |line: &Line| {
            let stands = standing(line.settled(&view))?;
            let when = open_parts(line.parts(), &view);
            Some(Stance { of: line.source().to_owned(), stands, when })
        };
        self.lines.iter().filter(|it| it.names(question.action)).filter_map(stance).collect()
    }
}
