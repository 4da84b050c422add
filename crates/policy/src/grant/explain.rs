//! Why the lines of a grant cover a call or not, part by part.

use bailiwick_model::{Asked, AskedKind};

use super::{Compiled, GrantProgram, Line};
use crate::{
    Case,
    explain::{ask_all, together},
    reads::{Looks, Reads},
    view::{Origin, View},
    ways::{Way, bounded, met},
};

/// How many of the nearest lines of a layer are looked at for what they would cover.
const NEAREST: usize = 3;

impl GrantProgram {
    /// Asks every line that names the action, part by part: for each resource and layer, the
    /// nearest first.
    pub fn explain(&self, case: &Case<'_>) -> Vec<Asked> {
        self.layers.iter().flat_map(|it| it.explain(case)).collect()
    }

    /// Gives changes that might make some line cover `case`, where none does.
    pub fn ways(&self, case: &Case<'_>) -> Vec<Way> {
        bounded(self.layers.iter().flat_map(|it| it.ways(case)))
    }
}

impl Compiled {
    fn explain(&self, case: &Case<'_>) -> Vec<Asked> {
        let mut names = case.question.request.resources.iter();
        let several = 1 < case.question.request.resources.len();
        let all = self.asked(case, |asked, _| {
            let resource = names.next().filter(|_| several).cloned();
            let told = asked.into_iter().map(|(_, it)| Asked { resource: resource.clone(), ..it });
            told.collect::<Vec<_>>()
        });
        all.into_iter().flatten().collect()
    }

    fn ways(&self, case: &Case<'_>) -> Vec<Way> {
        let all = self.asked(case, |asked, view| {
            if asked.iter().any(|(_, it)| it.applies == Some(true)) {
                return Vec::new();
            }
            let near = asked.iter().take(NEAREST);
            near.flat_map(|(line, _)| met(line.parts(), view)).collect::<Vec<Way>>()
        });
        all.into_iter().flatten().collect()
    }

    /// Asks the lines that name the action of each resource, the nearest first.
    fn asked<'s, T>(
        &'s self,
        case: &Case<'_>,
        mut each: impl FnMut(Vec<(&'s Line, Asked)>, &View<'_>) -> T,
    ) -> Vec<T> {
        let action = &case.question.request.action;
        let lines: Vec<&Line> = self.lines.iter().filter(|it| it.names(action)).collect();
        let mut reads = Reads::all(lines.iter().map(|it| it.reads()));
        reads.resource = Looks::Itself;
        let views = case.views(Origin::Layer(&self.layer), &reads).into_iter().flatten();
        let ask = |view: View<'_>| {
            let mut asked: Vec<_> = lines.iter().map(|it| (*it, told(it, &view))).collect();
            asked.sort_by_key(|(_, it)| it.missing());
            each(asked, &view)
        };
        views.map(ask).collect()
    }
}

fn told(line: &Line, view: &View<'_>) -> Asked {
    let parts = ask_all(line.parts().iter(), view);
    Asked {
        by: line.source().to_owned(),
        kind: AskedKind::Line,
        file: None,
        line: None,
        resource: None,
        applies: together(&parts),
        observed: false,
        parts,
    }
}
